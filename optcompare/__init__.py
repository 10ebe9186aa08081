"""Compare optimizers on one regularized training objective, and see what lambda means to each.

>>> import optcompare as oc
>>> data = oc.load_dataset("breast_cancer", seed=0)
>>> objective = oc.linear_objective(data, penalty=oc.L2(1.0))
>>> run = oc.minimize(objective, "nelder_mead", budget=2000, seed=0)
>>> oc.implied_lambda(objective, run.theta)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> the module that defines it; imported when first asked for, so that `import optcompare` is fast
_HOMES = {
    "Dataset": "objective.datasets",
    "load_dataset": "objective.datasets",
    "load_csv": "objective.datasets",
    "linear_objective": "objective.builders",
    "mlp_objective": "objective.builders",
    "function_objective": "objective.builders",
    "Objective": "objective.objective",
    "L1": "objective.penalties",
    "L2": "objective.penalties",
    "ElasticNet": "objective.penalties",
    "AnchoredL2": "objective.penalties",
    "WeightElimination": "objective.penalties",
    "MaxNorm": "objective.penalties",
    "implied_multiplier": "objective.multiplier",
    "diagnostics": "objective.diagnostics",
    "Diagnostics": "objective.diagnostics",
    "with_features": "objective.features",
    "ValueNoise": "objective.features",
    "TruncatedDigits": "objective.features",
    "RandomNan": "objective.features",
    "PerturbedStart": "objective.features",
    "Minibatch": "objective.noise",
    "InputNoise": "objective.noise",
    "Dropout": "objective.noise",
    "implied_lambda": "objective.meter",
    "LambdaReading": "objective.meter",
    "matched_lambda": "objective.matched",
    "MatchedLambda": "objective.matched",
    "effective_dof": "objective.dof",
    "lambda_of_dof": "objective.dof",
    "convert_lambda": "objective.convert",
    "Budget": "recorder",
    "Recorder": "recorder",
    "Redraw": "recorder",
    "Frozen": "recorder",
    "Optimizer": "optimizers.base",
    "optimizers": "optimizers",
    "Bare": "runs.arms",
    "InError": "runs.arms",
    "InUpdate": "runs.arms",
    "Run": "runs.run",
    "Status": "runs.run",
    "minimize": "runs.run",
    "transfer_lambda": "runs.transfer",
    "Transfer": "runs.transfer",
    "Study": "study",
    "Results": "results",
    "load_results": "results",
    "load_comparison": "results",
    "Claim": "analysis.claims",
    "exchange_curve": "analysis.exchange",
    "lambda_resolution": "analysis.resolution",
    "hits": "analysis.runtimes",
    "runtimes": "analysis.runtimes",
    "ert_table": "analysis.runtimes",
    "ecdf_table": "analysis.runtimes",
    "area_table": "analysis.runtimes",
    "fixed_budget_table": "analysis.fixed",
    "fixed_target_table": "analysis.fixed",
    "performance_profile": "analysis.profiles",
    "data_profile": "analysis.profiles",
    "log_ratio_profile": "analysis.profiles",
    "scores_from": "analysis.ranks",
    "pairwise_table": "analysis.ranks",
    "friedman_table": "analysis.ranks",
    "winners_table": "analysis.winners",
    "break_even_prices": "analysis.winners",
    "cluster_bootstrap": "analysis.clusters",
    "bootstrap_coverage": "analysis.clusters",
    "errors": "errors",
}

__all__ = ["__version__", *sorted(_HOMES)]

if TYPE_CHECKING:
    from . import errors as errors
    from . import optimizers as optimizers
    from .analysis.claims import Claim as Claim
    from .analysis.clusters import bootstrap_coverage as bootstrap_coverage
    from .analysis.clusters import cluster_bootstrap as cluster_bootstrap
    from .analysis.exchange import exchange_curve as exchange_curve
    from .analysis.fixed import fixed_budget_table as fixed_budget_table
    from .analysis.fixed import fixed_target_table as fixed_target_table
    from .analysis.profiles import data_profile as data_profile
    from .analysis.profiles import log_ratio_profile as log_ratio_profile
    from .analysis.profiles import performance_profile as performance_profile
    from .analysis.ranks import friedman_table as friedman_table
    from .analysis.ranks import pairwise_table as pairwise_table
    from .analysis.ranks import scores_from as scores_from
    from .analysis.resolution import lambda_resolution as lambda_resolution
    from .analysis.runtimes import area_table as area_table
    from .analysis.runtimes import ecdf_table as ecdf_table
    from .analysis.runtimes import ert_table as ert_table
    from .analysis.runtimes import hits as hits
    from .analysis.runtimes import runtimes as runtimes
    from .analysis.winners import break_even_prices as break_even_prices
    from .analysis.winners import winners_table as winners_table
    from .objective.builders import function_objective as function_objective
    from .objective.builders import linear_objective as linear_objective
    from .objective.builders import mlp_objective as mlp_objective
    from .objective.convert import convert_lambda as convert_lambda
    from .objective.datasets import Dataset as Dataset
    from .objective.datasets import load_csv as load_csv
    from .objective.datasets import load_dataset as load_dataset
    from .objective.diagnostics import Diagnostics as Diagnostics
    from .objective.diagnostics import diagnostics as diagnostics
    from .objective.dof import effective_dof as effective_dof
    from .objective.dof import lambda_of_dof as lambda_of_dof
    from .objective.features import PerturbedStart as PerturbedStart
    from .objective.features import RandomNan as RandomNan
    from .objective.features import TruncatedDigits as TruncatedDigits
    from .objective.features import ValueNoise as ValueNoise
    from .objective.features import with_features as with_features
    from .objective.matched import MatchedLambda as MatchedLambda
    from .objective.matched import matched_lambda as matched_lambda
    from .objective.meter import LambdaReading as LambdaReading
    from .objective.meter import implied_lambda as implied_lambda
    from .objective.multiplier import implied_multiplier as implied_multiplier
    from .objective.noise import Dropout as Dropout
    from .objective.noise import InputNoise as InputNoise
    from .objective.noise import Minibatch as Minibatch
    from .objective.objective import Objective as Objective
    from .objective.penalties import L1 as L1
    from .objective.penalties import L2 as L2
    from .objective.penalties import AnchoredL2 as AnchoredL2
    from .objective.penalties import ElasticNet as ElasticNet
    from .objective.penalties import MaxNorm as MaxNorm
    from .objective.penalties import WeightElimination as WeightElimination
    from .optimizers.base import Optimizer as Optimizer
    from .recorder import Budget as Budget
    from .recorder import Frozen as Frozen
    from .recorder import Recorder as Recorder
    from .recorder import Redraw as Redraw
    from .results import Results as Results
    from .results import load_comparison as load_comparison
    from .results import load_results as load_results
    from .runs.arms import Bare as Bare
    from .runs.arms import InError as InError
    from .runs.arms import InUpdate as InUpdate
    from .runs.run import Run as Run
    from .runs.run import Status as Status
    from .runs.run import minimize as minimize
    from .runs.transfer import Transfer as Transfer
    from .runs.transfer import transfer_lambda as transfer_lambda
    from .study import Study as Study
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        is_module = module.__name__.endswith(f".{name}") and not hasattr(module, name)
        value = module if is_module else getattr(module, name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
