"""Fixed budgets and fixed targets: what is left of the gap after a cost, and what a target costs.

gap = (f - f_ref) / (f_0 - f_ref):  1 for an answer that has learnt nothing, 0 for the best one known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name
from .curves import Curves
from .runtimes import COSTS, prices, problem_fact
from .summaries import grouped, interval_rank, is_failed, numbers

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
BUDGETS = (1.0, 3.0, 10.0, 30.0, 100.0)  # multiples of d + 1


def fixed_budget_table(
    curves: Curves,
    problems: pd.DataFrame,
    budgets: Sequence[float] = BUDGETS,
    *,
    cost: str = "simplices",
    gradient_price: float | str = 2.0,
) -> pd.DataFrame:
    """Return what is left of the gap after each budget: its median over runs, with the interval of order statistics.

    budgets: costs on the axis ``cost``, by default multiples of d + 1 passes; ``gradient_price`` as in ``runtimes``. A
    run that has ended keeps its last error; one that has none yet, or left none, counts as infinite. A gap below the
    problem's ``accuracy``, where nothing is known, is shown as the accuracy. Problems without a scale (infinite
    accuracy: nothing to learn, or one run) are left out.

    Columns: problem, dataset, dim, optimizer, budget, n_runs, n_failed, median, low, high (at 95 % where there are at
    least six runs, else smallest to largest).
    """
    limits = np.asarray(budgets, dtype=np.float64)
    if limits.ndim != 1 or not len(limits) or not (limits > 0).all():
        raise InvalidInputError(f"budgets must be numbers > 0, got {budgets!r:.200}")
    runs = curves.runs
    row = curves.last_within(*_costs(curves, problems, cost, gradient_price, limits))
    error = np.where(row >= 0, curves.error[np.maximum(row, 0)], np.inf) if len(curves.error) else row + np.inf
    f_0, f_ref, accuracy = (problem_fact(runs, problems, name)[:, None] for name in ("f_0", "f_ref", "accuracy"))
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.maximum((error - f_ref) / (f_0 - f_ref), accuracy)
    failed, has_scale = is_failed(runs), np.isfinite(accuracy[:, 0])
    groups = [where for _, where in grouped(runs, ("problem", "optimizer")) if has_scale[where[0]]]
    heads = np.array([where[0] for where in groups], dtype=np.int64).repeat(len(limits))
    sizes = np.array([len(where) for where in groups], dtype=np.int64).repeat(len(limits))
    n_failed = np.array([failed[where].sum() for where in groups], dtype=np.int64).repeat(len(limits))
    middles = [_middles(gap[where]) for where in groups] or [np.empty((3, 0))]
    median, low, high = np.concatenate(middles, axis=1)
    table = runs[["problem", "dataset", "dim", "optimizer"]].take(heads).reset_index(drop=True)
    cells = {"budget": np.tile(limits, len(groups)), "n_runs": sizes, "n_failed": n_failed}
    return table.assign(**cells, median=median, low=low, high=high)


def _costs(
    curves: Curves, problems: pd.DataFrame, cost: str, gradient_price: float | str, limits: Array
) -> tuple[Array, Array]:
    """Return the cost of every row of the curves, (rows,), and the limits in the same unit, (n, budgets)."""
    if cost not in COSTS:
        raise unknown_name("cost", cost, COSTS)
    every = np.broadcast_to(limits, (len(curves.runs), len(limits)))
    if cost in ("seconds", "evaluations"):
        return (curves.seconds if cost == "seconds" else curves.n_values), every
    price = np.repeat(prices(curves.runs, problems, gradient_price), np.diff(curves.first))
    if cost == "simplices":
        every = every * (numbers(curves.runs["dim"]) + 1.0)[:, None]
    return curves.n_values + price * curves.n_gradients, every


def _middles(values: Array) -> Array:
    """Return median, low and high, (3, columns), over the rows of values, which may be infinite."""
    ordered, n = np.sort(values, axis=0), len(values)
    rank = interval_rank(n)
    lower, upper = ordered[(n - 1) // 2], ordered[n // 2]
    with np.errstate(invalid="ignore"):
        median = np.where(np.isinf(upper), upper, lower + 0.5 * (upper - lower))
    return np.stack([median, ordered[rank - 1], ordered[n - rank]])


def fixed_target_table(ert: pd.DataFrame) -> pd.DataFrame:
    """Return the ERT table with each optimizer's distance to the best on the same problem and target.

    Further columns: ratio = ert / least ert of the problem and tau (infinite where it never got there, NaN where none
    did), place: 1 for the best; those that never got there share the last one.
    """
    best = ert.groupby(["problem", "tau"], sort=False)["ert"].transform("min")
    is_open = np.isfinite(best)
    ratio = numbers(ert["ert"]) / numbers(best.where(is_open))
    place = ert.groupby(["problem", "tau"], sort=False)["ert"].rank(method="min").astype("int64")
    return ert.assign(ratio=ratio, place=place)
