"""What a report says of a comparison: the analysis' tables on every cost axis, from curves and problems alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.claims import holm
from ..analysis.clusters import Coverage, bootstrap_coverage, cluster_counts, percentile_interval
from ..analysis.fixed import fixed_budget_table
from ..analysis.profiles import data_profile, performance_profile
from ..analysis.ranks import friedman_table, pairwise_table, scores_from
from ..analysis.runtimes import DENSE_TAUS, TAUS, area_table, ecdf_table, ert_table, hits, runtimes
from ..analysis.summaries import numbers, with_columns
from ..errors import InvalidInputError
from .cost_axes import CostAxis
from .style import forms

if TYPE_CHECKING:
    import pandas as pd

    from ..analysis.curves import Curves

MAIN_TAUS = (1e-1, 1e-3, 1e-5)  # targets of the profiles
EMPHASISED = 10  # optimizers that figures bring to the front: least area on the default axis, in their better form
LEAST_DATASETS = 6  # below, an exact paired test over data sets has no p <= 0.05
N_BOOTSTRAP = 500
N_SIMULATIONS = 2000
N_BUDGETS = 9
LEAST_COST = 1e-9  # seconds of a run that the clock did not see


@dataclass(frozen=True)
class AxisTables:
    """The tables on one cost axis.

    gaps: optimizer, budget, median, low, high, n_datasets: what is left of the gap after a budget, in multiples of
    d + 1 (in seconds on that axis), over data sets. ert: as ``ert_table``. ecdf: as ``ecdf_table``. areas: problem,
    dataset, optimizer, area. means: optimizer, value, low, high, n_datasets: mean area over data sets, least first.
    performance, data: profiles at MAIN_TAUS; data is None where the axis does not count passes. ranks: of the areas.
    """

    axis: CostAxis
    gaps: pd.DataFrame
    ert: pd.DataFrame
    ecdf: pd.DataFrame
    areas: pd.DataFrame
    means: pd.DataFrame
    performance: pd.DataFrame
    data: pd.DataFrame | None
    ranks: pd.DataFrame


@dataclass(frozen=True)
class Comparison:
    """A comparison's problems and its tables, the default axis first.

    pairs: of the areas on the default axis, by ``test``. coverage: what the intervals are worth.
    """

    problems: pd.DataFrame
    curves: Curves
    axes: tuple[AxisTables, ...]
    pairs: pd.DataFrame
    test: str
    coverage: Coverage

    @property
    def default(self) -> AxisTables:
        """The tables of the default axis."""
        return self.axes[0]

    @property
    def order(self) -> list[str]:
        """Optimizers, least mean area first."""
        return [str(name) for name in self.default.means["optimizer"]]

    @property
    def taus(self) -> list[float]:
        """The targets of the profiles that some problem supports, easy ones first."""
        return profile_taus(self.default.ert)

    @property
    def n_datasets(self) -> int:
        """Data sets with a target."""
        return int(self.default.areas["dataset"].nunique())

    @cached_property
    def form_pairs(self) -> pd.DataFrame:
        """Each optimizer's tuned against its default form: as ``pairwise_table``, corrected over these pairs alone."""
        return pairs_of_forms(scores_from(self.default.areas, "area"), self.order, self.test)

    @property
    def test_name(self) -> str:
        """The test of pairs in words."""
        return "sign-flip" if self.test == "sign_flip" else "signed-rank"


def compare(curves: Curves, problems: pd.DataFrame, axes: Sequence[CostAxis]) -> Comparison | None:
    """Return a comparison's tables on every axis; None where no problem has a target. The same input, the same tables.

    curves, problems: of the same results. The intervals' random numbers are seeded here.
    """
    coarse, dense = hits(curves, problems, TAUS), hits(curves, problems, DENSE_TAUS)
    if not len(coarse) or not len(dense):
        return None
    tables = tuple(_on_axis(axis, curves, coarse, dense, problems) for axis in axes)
    sizes = tables[0].areas.groupby("dataset", sort=False)["problem"].nunique().tolist()
    coverage = bootstrap_coverage(
        len(sizes), sizes, rng=np.random.default_rng(0), n_simulations=N_SIMULATIONS, n_bootstrap=N_BOOTSTRAP
    )
    return Comparison(problems, curves, tables, *_pairs(scores_from(tables[0].areas, "area")), coverage)


def _pairs(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return all pairs and the test's name: sign-flip, or signed ranks where too many sums arise for an exact one."""
    try:
        return pairwise_table(scores), "sign_flip"
    except InvalidInputError:
        return pairwise_table(scores, test="wilcoxon"), "wilcoxon"


def _on_axis(
    axis: CostAxis, curves: Curves, coarse: pd.DataFrame, dense: pd.DataFrame, problems: pd.DataFrame
) -> AxisTables:
    ert = ert_table(_with_budgets(runtimes(coarse, problems, axis.cost, axis.gradient_price)))
    ert = ert.assign(ert=np.maximum(numbers(ert["ert"]), LEAST_COST))
    costs = _with_budgets(runtimes(dense, problems, axis.cost, axis.gradient_price))
    areas = area_table(costs, _least_cost(costs, axis))
    wanted = ert[ert["tau"].isin(profile_taus(ert))]
    is_data = axis.cost != "seconds"
    return AxisTables(
        axis,
        medians_over_datasets(
            _fixed_budgets(axis, curves, problems, costs), "median", ["optimizer", "budget"], np.random.default_rng(3)
        ),
        ert,
        ecdf_table(costs, np.random.default_rng(1), n_bootstrap=N_BOOTSTRAP),
        areas,
        dataset_means(areas, "area", np.random.default_rng(2)),
        performance_profile(wanted),
        data_profile(wanted, unit="simplices" if axis.cost == "simplices" else "passes") if is_data else None,
        friedman_table(scores_from(areas, "area")),
    )


def _with_budgets(costs: pd.DataFrame) -> pd.DataFrame:
    """Return costs in which a budget that only the clock limited is the most that any run on the problem cost."""
    budget = numbers(costs["budget"])
    if np.isfinite(budget).all():
        return costs
    most = numbers(costs.groupby("problem", sort=False)["runtime"].transform("max"))
    return costs.assign(budget=np.where(np.isfinite(budget), budget, most))


def _least_cost(costs: pd.DataFrame, axis: CostAxis) -> float:
    """Return the cost from which areas are taken: one pass or one multiple of d + 1; of seconds the least measured."""
    budget = float(numbers(costs["budget"]).min())
    spent = numbers(costs["runtime"])
    start = float(spent[spent > 0].min(initial=math.inf)) if axis.cost == "seconds" else 1.0
    return start if start < budget else max(budget, LEAST_COST) * 1e-3


def _fixed_budgets(
    axis: CostAxis, curves: Curves, problems: pd.DataFrame, costs: pd.DataFrame
) -> pd.DataFrame:  # fmt: skip
    """Return what is left of every problem's gap at log-spaced budgets up to the largest one that was given."""
    if axis.cost == "seconds":
        spent = numbers(costs["runtime"])
        first, last = float(np.quantile(spent, 0.05)), float(spent.max())
        budgets = np.geomspace(max(first, LEAST_COST), max(last, 2 * first, LEAST_COST), N_BUDGETS)
        return fixed_budget_table(curves, problems, budgets.tolist(), cost="seconds")
    multiple = numbers(costs["budget"]) / (1.0 if axis.cost == "simplices" else numbers(costs["dim"]) + 1.0)
    last = float(multiple[np.isfinite(multiple)].max(initial=1.0))
    budgets = np.geomspace(min(1.0, last / 10), last, N_BUDGETS)
    return fixed_budget_table(
        curves, problems, budgets.tolist(), cost="simplices", gradient_price=axis.gradient_price
    )  # fmt: skip


def medians_over_datasets(
    table: pd.DataFrame, column: str, by: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:  # fmt: skip
    """Return the median over data sets of the median over their rows, with the cluster bootstrap's interval.

    Columns: ``by``, median, low, high, n_datasets (of the whole table). Values may be infinite; a group without a row
    on a data set has no value there: infinite.
    """
    import pandas as pd

    if not len(table):
        return pd.DataFrame(columns=[*by, "median", "low", "high", "n_datasets"])
    of_data = table.groupby([*by, "dataset"], sort=False)[column].median().unstack("dataset")
    n = of_data.shape[1]
    drawn = rng.integers(n, size=(N_BOOTSTRAP, n))
    rows = []
    for key, values in zip(of_data.index, of_data.to_numpy(dtype=np.float64), strict=True):
        filled = np.where(np.isnan(values), np.inf, values)
        low, high = percentile_interval(np.sort(filled[drawn], axis=1)[:, n // 2])
        rows.append([*(key if isinstance(key, tuple) else (key,)), _median(filled), float(low), float(high), n])
    return pd.DataFrame(rows, columns=[*by, "median", "low", "high", "n_datasets"])


def _median(values: np.ndarray) -> float:
    """Return the median of values that may be infinite."""
    ordered = np.sort(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(high if np.isinf(high) else 0.5 * (low + high))


def implied_ratios(frame: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Return implied over nominal canonical lambda: optimizer, dataset, ratio (medians over seeds), value, low, high.

    One row a (problem, optimizer), optimizers nearest to a ratio of 1 first; value with its interval is the median over
    data sets. No rows where no run has an implied lambda at a lambda > 0.
    """
    columns = ["objective", "dataset", "lam_canonical", "optimizer", "implied_lambda"]
    table = with_columns(frame, columns)[columns]
    nominal, implied = numbers(table["lam_canonical"]), numbers(table["implied_lambda"])
    usable = (nominal > 0) & np.isfinite(implied) & table["objective"].isin(problems["objective"]).to_numpy()
    table = table[usable].assign(ratio=implied[usable] / nominal[usable])
    by = ["optimizer", "dataset", "objective", "lam_canonical"]
    ratios = table.groupby(by, sort=False)["ratio"].median().reset_index()
    means = medians_over_datasets(ratios, "ratio", ["optimizer"], np.random.default_rng(4))
    found = ratios.merge(means.rename(columns={"median": "value"}), on="optimizer", how="left")
    value = numbers(found["value"])
    distance = np.abs(np.log(np.where(value > 0, value, math.inf)))  # what is not positive comes last
    return found.assign(_far=distance).sort_values(["_far", "optimizer"], kind="stable").drop(columns="_far")


def profile_taus(ert: pd.DataFrame) -> list[float]:
    """Return those of MAIN_TAUS that an ERT table holds, or its easiest target."""
    known = np.unique(numbers(ert["tau"]))[::-1]
    found = [float(tau) for tau in known if any(math.isclose(tau, wanted, rel_tol=1e-6) for wanted in MAIN_TAUS)]
    return found or [float(tau) for tau in known[:1]]


def dataset_means(table: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return an optimizer's mean over data sets of its mean over their problems, with the cluster bootstrap's interval.

    Columns: optimizer, value, low, high, n_datasets; least value first. The same resamples of the data sets serve all.
    """
    import pandas as pd

    means = table.groupby(["optimizer", "dataset"], sort=False)[column].mean().unstack("dataset")
    counts = cluster_counts(means.shape[1], N_BOOTSTRAP, rng).astype(np.float64)
    rows = []
    for name, values in zip(means.index, means.to_numpy(dtype=np.float64), strict=True):
        known = ~np.isnan(values)
        weights = counts[:, known].sum(axis=1)
        samples = np.divide(counts[:, known] @ values[known], weights, out=np.full(len(weights), np.nan),
                            where=weights > 0)  # fmt: skip
        low, high = percentile_interval(samples[~np.isnan(samples)])
        rows.append([str(name), float(values[known].mean()), float(low), float(high), int(known.sum())])
    found = pd.DataFrame(rows, columns=["optimizer", "value", "low", "high", "n_datasets"])
    return found.sort_values("value", kind="stable", ignore_index=True)


def pairs_of_forms(scores: pd.DataFrame, labels: Sequence[str], test: str = "sign_flip") -> pd.DataFrame:
    """Return the pairs (tuned, default) of one optimizer each, Holm-corrected over these pairs; maybe no rows."""
    import pandas as pd

    families: dict[str, dict[str, str]] = {}
    for label, (family, form) in forms(labels).items():
        if form:
            families.setdefault(family, {})[form] = label
    parts = []
    for members in families.values():
        two = scores[scores["optimizer"].isin(members.values())]
        parts.append(pairwise_table(two, against=members["default"], test=test))
    if not parts:
        return pairwise_table(scores, test=test).iloc[:0]
    table = pd.concat(parts, ignore_index=True)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=np.float64))
    table["is_possible"] = numbers(table["least_p"]) * len(table) <= 0.05
    table["is_significant"] = table["p_holm"] <= 0.05
    return table
