"""Problems: the functions that a study minimizes, with the scale on which their errors are compared.

    tau = (f - f_ref) / (f_0 - f_ref)

f_ref: the least error at the nominal lambda that any stored run reached, references included, and who found it. f_0:
the error of the best constant predictor (weights zero, biases optimal). tau is 1 for an answer that has learnt nothing
and 0 for the best one known. Where f_ref cannot be far from the minimum, tau is a gap; for losses that are neither
smooth nor convex (ramp, 0-1, ReLU networks) it is a distance to the best known value, and ``is_gap`` is False.

A problem is one function: an objective at a lambda, and at a seed where the objective is a function of the seed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..objective.losses import LOSSES
from ..runs.references import CONSTANT
from .curves import BEST_VALUE, INCUMBENT, NOWHERE, Curves
from .summaries import numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
IN_ERROR = "InError"  # the arm that minimizes the error at the nominal lambda
FLAGS = ("is_convex", "is_smooth", "is_noisy", "has_gradient", "is_generated")
PROBLEM_COLUMNS = (
    *("problem", "objective", "dataset", "lam", "split", "dim", "n_samples", *FLAGS),
    *("f_0", "f_ref", "finder", "accuracy", "is_gap", "gradient_price", "version"),
)
ROUNDING = 16 * float(np.finfo(np.float64).eps)  # of an error, relative
CERTIFIED = 1e-8  # tau that one lbfgs run which ended by its own rule supports on a smooth convex problem
SEEDS_DIFFER = 0.01  # relative spread of the best errors of seeds above which, unknown, seeds are taken to make data


def with_problems(
    runs: pd.DataFrame, description: Mapping[str, Any], made_by: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the runs with columns problem (label), split (seed or -1), error_from (see ``curves``) and search.

    search: what two runs share that differ in their seeds alone. description: the study's; made_by: that of the study
    which made the runs, where that is another (references). Whether an objective is a function of the seed stands in
    the description (``is_by_seed``); in stores of older versions it does not, and seeds count as splits where their
    best errors differ by more than 1 %.
    """
    table = with_columns(runs, ["objective", "lam", "optimizer", "seed", "best_value", "regularized_error"])
    facts, lambdas = description.get("problems", {}), description.get("lambdas") or ()
    is_by_seed = _seeds_make_data(table, facts)
    objectives, optimizers = table["objective"].astype(str).tolist(), table["optimizer"].astype(str).tolist()
    split = np.where([is_by_seed[name] for name in objectives], table["seed"], -1).astype(np.int64)
    digits = "g" if len({f"{lam:g}" for lam in lambdas}) == len(lambdas) else ".17g"
    ends = ["" if len(lambdas) < 2 else f", lambda {lam:{digits}}" for lam in numbers(table["lam"])]
    seeds = [f", split {seed}" if seed >= 0 else "" for seed in split]
    maker = description if made_by is None else made_by
    arms = [maker.get("arms", {}).get(name, IN_ERROR) for name in optimizers]
    options = [maker.get("optimizers", {}).get(name, name) for name in optimizers]
    is_constrained = [facts.get(name, {}).get("is_constrained", False) for name in objectives]
    columns = {
        "problem": [objective + end + seed for objective, end, seed in zip(objectives, ends, seeds)],
        "error_from": [_error_from(arm, outside) for arm, outside in zip(arms, is_constrained)],
        "search": [f"{arm} {option}" for arm, option in zip(arms, options)],
    }
    return table.assign(split=split, **{name: np.array(column, dtype=object) for name, column in columns.items()})


def _seeds_make_data(runs: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, bool]:
    """Return, by objective, whether it is a function of the seed."""
    known = {name: bool(fact["is_by_seed"]) for name, fact in facts.items() if "is_by_seed" in fact}
    table = runs[["objective", "lam", "seed"]].assign(best=numbers(runs["regularized_error"]))
    for name, part in table[~table["objective"].isin(list(known))].groupby("objective", sort=False):
        least = part.groupby(["lam", "seed"], dropna=False)["best"].min().groupby("lam", dropna=False)
        spread, middle = least.max() - least.min(), least.median().abs()
        known[str(name)] = bool((spread > SEEDS_DIFFER * middle).any())
    return known


def _error_from(arm: str, is_constrained: bool) -> str:
    if arm == IN_ERROR:
        return BEST_VALUE
    return NOWHERE if is_constrained else INCUMBENT


def optimizers_to_read(runs: pd.DataFrame, references: pd.DataFrame) -> list[str]:
    """Return the optimizers whose curves ``problem_table`` needs: those that are shown a bare error, or all of them."""
    has_constant = set(references["problem"][references["optimizer"] == CONSTANT])
    if not set(runs["problem"]) <= has_constant:
        return sorted(set(runs["optimizer"].astype(str)))
    return sorted(set(runs["optimizer"][runs["error_from"] == INCUMBENT].astype(str)))


def problem_table(
    runs: pd.DataFrame, references: pd.DataFrame, description: Mapping[str, Any], curves: Curves | None = None
) -> pd.DataFrame:
    """Return one row a problem; see the module's text.

    runs, references: with their problems (``with_problems``); references with the columns value_seconds and
    value_and_gradient_seconds. curves: of exactly these runs, where only those of ``optimizers_to_read`` need
    rows: arms that are shown a bare error, and all of them where a problem has no constant predictor among the
    references: its f_0 is then the median of the runs' first errors.

    accuracy: the smallest tau that f_ref supports: its rounding, and its distance to the best run that is not the same
    optimizer from the same seed. On a smooth convex problem one lbfgs reference that ended by its own rule supports
    1e-8. Infinite, so that there are no targets, for a problem with nothing to learn (f_0 = f_ref) or with one run.

    Columns: problem, objective, dataset, lam, split, dim, n_samples, is_convex, is_smooth, is_noisy, has_gradient,
    is_generated, f_0, f_ref, finder, accuracy, is_gap, gradient_price (passes, measured; NaN where it was not),
    version: a short hash of all f_0 and f_ref.
    """
    import pandas as pd

    found = _candidates(runs, references, curves)
    constants = _constant_errors(references)
    firsts = {} if curves is None else _first_errors(curves)
    prices = _measured_prices(references)
    rows = []
    for label, one in runs.drop_duplicates("problem").set_index("problem").iterrows():
        facts = _facts(one, description)
        f_0 = constants.get(label, firsts.get(label, math.nan))
        ranked = found.get(label, [])
        rows.append(
            {
                "problem": label,
                **{name: one[name] for name in ("objective", "dataset", "lam", "split", "dim", "n_samples")},
                **{name: facts[name] for name in FLAGS},
                "f_0": f_0,
                "f_ref": ranked[0].error if ranked else math.nan,
                "finder": ranked[0].finder if ranked else "",
                "accuracy": accuracy(ranked, f_0, is_certain=facts["is_convex"] and facts["is_smooth"]),
                "is_gap": facts["is_smooth"] or facts["is_convex"],
                "gradient_price": prices.get(label, math.nan),
            }
        )
    table = pd.DataFrame(rows, columns=list(PROBLEM_COLUMNS[:-1]))
    table = table.sort_values(["objective", "lam", "split"], kind="stable", ignore_index=True)
    return table.assign(version=_version(table))


class Candidate(NamedTuple):
    """A run's least error, who found it, the search that it is one of (optimizer, seed), whether it ended certain."""

    error: float
    finder: str
    search: tuple[str, int]
    is_certain: bool


def _candidates(runs: pd.DataFrame, references: pd.DataFrame, curves: Curves | None) -> dict[str, list[Candidate]]:
    """Return every problem's runs with a finite error, the least first."""
    found: dict[str, list[Candidate]] = {}
    for table, is_reference in ((runs, False), (references, True)):
        errors = _least_errors(table)
        if curves is not None and not is_reference:
            errors = np.fmin(errors, curves.best)
        is_certain = (table["status"] == "FINISHED") & (table["optimizer"] != CONSTANT) & is_reference
        names = ("problem", "optimizer", "seed", "search")
        for error, certain, *labels in zip(errors, is_certain, *(table[name] for name in names), strict=True):
            if math.isfinite(error):
                problem, optimizer, seed, search = labels
                finder = f"{optimizer} seed {seed}" + (" (reference)" if is_reference else "")
                found.setdefault(problem, []).append(Candidate(error, finder, (search, int(seed)), bool(certain)))
    return {problem: sorted(ranked, key=lambda one: one.error) for problem, ranked in found.items()}


def _least_errors(runs: pd.DataFrame) -> Array:
    """Return the least error that each run's final measurements show, (n,); NaN where there is none."""
    shown = np.where(runs["error_from"] == BEST_VALUE, numbers(runs["best_value"]), np.nan)
    answer = np.where(runs["error_from"] == NOWHERE, np.nan, numbers(runs["regularized_error"]))
    return np.fmin(shown, answer)


def accuracy(ranked: Sequence[Candidate], f_0: float, *, is_certain: bool) -> float:
    """Return the smallest tau that the best of ``ranked`` (least error first) supports; see ``problem_table``.

    is_certain: whether the problem is one where a run that ended by its own rule stands at the minimum.
    """
    if not ranked:
        return math.inf
    best = ranked[0]
    rounding = ROUNDING * max(abs(f_0), abs(best.error))
    scale = f_0 - best.error
    if not scale > rounding:
        return math.inf
    others = [one.error for one in ranked if one.search != best.search]
    distance = (others[0] - best.error) / scale if others else math.inf
    certain = [one.error for one in ranked if one.is_certain]
    if is_certain and len(certain) == 1 and (certain[0] - best.error) / scale <= CERTIFIED:
        distance = min(distance, CERTIFIED)
    return max(distance, rounding / scale)


def _constant_errors(references: pd.DataFrame) -> dict[str, float]:
    """Return f_0 by problem: the least error of its constant predictors' answers."""
    table = references[references["optimizer"] == CONSTANT]
    least = table.groupby("problem")["regularized_error"].min().dropna()
    return {str(label): float(error) for label, error in least.items()}


def _first_errors(curves: Curves) -> dict[str, float]:
    """Return the median of the runs' first errors by problem; runs without a finite one are left out."""
    has_rows = curves.first[1:] > curves.first[:-1]
    first = curves.error[curves.first[:-1][has_rows]]
    medians = curves.runs[has_rows].assign(first=first).groupby("problem")["first"].median()
    return {str(label): float(error) for label, error in medians.items()}


def _measured_prices(references: pd.DataFrame) -> dict[str, float]:
    """Return seconds of (value and gradient) / seconds of (value) - 1 by problem, the median over references."""
    table = with_columns(references, ["value_seconds", "value_and_gradient_seconds"])
    ratio = numbers(table["value_and_gradient_seconds"]) / numbers(table["value_seconds"]) - 1.0
    medians = table[["problem"]].assign(price=np.maximum(ratio, 0.0)).groupby("problem")["price"].median().dropna()
    return {str(label): float(price) for label, price in medians.items()}


def _facts(run: pd.Series[Any], description: Mapping[str, Any]) -> dict[str, bool]:
    """Return a problem's flags, from the description, or read off the formula in stores of older versions."""
    objective = str(run["objective"])
    if objective in (known := description.get("problems", {})):
        return {name: bool(known[objective][name]) for name in FLAGS}
    formula = str(description.get("formulas", {}).get(objective, ""))
    losses = [loss for loss in LOSSES.values() if f"[{loss.formula}]" in formula]
    is_smooth = all(loss.is_smooth for loss in losses) and "relu(" not in formula
    is_noisy = " under " in formula
    has_gradient = all(loss.has_gradient for loss in losses)
    flags = (False, is_smooth, is_noisy, has_gradient, False)
    return dict(zip(FLAGS, flags, strict=True))


def _version(problems: pd.DataFrame) -> str:
    """Return a short hash of every problem's label, f_0 and f_ref."""
    cells = zip(problems["problem"], numbers(problems["f_0"]).tolist(), numbers(problems["f_ref"]).tolist())
    text = "\n".join(f"{problem} {f_0.hex()} {f_ref.hex()}" for problem, f_0, f_ref in cells)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
