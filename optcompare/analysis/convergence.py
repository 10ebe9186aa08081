"""How the error falls over the cost: tables from traces, on one grid of costs for all optimizers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError, unknown_name
from .summaries import grouped, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

COSTS = ("passes", "evaluations", "seconds")
RUN = ("objective", "lam", "optimizer", "seed")
RunKey = tuple[str, float, str, str]
COLUMNS = ("objective", "lam", "optimizer", "cost", "n_runs", "median", "low", "high")


def trace_cost(traces: pd.DataFrame, cost: str, gradient_price: float = 2.0) -> np.ndarray:
    """Return the cost of every row of a trace.

    "passes" = n_values + gradient_price * n_gradients; "evaluations" = n_values, gradients free; "seconds".
    """
    if cost not in COSTS:
        raise unknown_name("cost", cost, COSTS)
    if not (math.isfinite(gradient_price) and gradient_price >= 0):
        raise InvalidInputError(f"gradient_price must be finite and >= 0, got {gradient_price!r}")
    table = with_columns(traces, ["n_values", "n_gradients", "seconds"])
    if cost == "seconds":
        return numbers(table["seconds"])
    passes = numbers(table["n_values"])
    return passes + gradient_price * np.nan_to_num(numbers(table["n_gradients"])) if cost == "passes" else passes


@np.errstate(all="ignore")  # the norms of diverged runs overflow
def with_regularized_error(traces: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the traces with a column regularized_error = loss + a |w|^2, the error at the nominal lambda.

    An arm with the penalty in its update is shown a bare error, so best_value does not compare arms. The factor
    a = (regularized_error - loss)/|w|^2 comes from the runs' final measurements of the same objective and lambda; it is
    used where all runs agree on it to 1e-6, as they do for every L2 penalty. Elsewhere the column is NaN.
    """
    table = with_columns(traces, [*RUN, "loss", "norm"]).reset_index(drop=True)
    final = with_columns(runs, ["objective", "lam", "regularized_error", "loss", "norm"])
    square = numbers(final["norm"]) ** 2
    difference = numbers(final["regularized_error"]) - numbers(final["loss"])
    usable = (square > 1e-12) & np.isfinite(square) & np.isfinite(difference)
    # a difference that is rounding of a large loss says nothing about the factor
    usable &= np.abs(difference) > 1e-7 * np.abs(numbers(final["loss"]))
    factors = difference / square
    agreed: dict[tuple[Any, ...], float] = {}
    for key, where in grouped(final, ("objective", "lam")):
        found = factors[where][usable[where]]
        if len(found) and np.ptp(found) <= 1e-6 * abs(float(np.median(found))):
            agreed[key] = float(np.median(found))
    factor = np.full(len(table), np.nan)
    for key, where in grouped(table, ("objective", "lam")):
        factor[where] = 0.0 if key[1] == 0.0 else agreed.get(key, math.nan)
    penalty = factor * numbers(table["norm"]) ** 2
    return table.assign(regularized_error=numbers(table["loss"]) + penalty)


def convergence_table(
    traces: pd.DataFrame,
    *,
    cost: str = "passes",
    column: str = "best_value",
    gradient_price: float = 2.0,
    is_gap: bool = False,
    runs: pd.DataFrame | None = None,
    n_points: int = 60,
) -> pd.DataFrame:
    """Return the best value so far over the cost: median and quartiles over seeds at log-spaced costs.

    traces: long, with objective, lam, optimizer, seed, the counts and ``column``. ``is_gap`` subtracts the best value
    that any optimizer reached for the same objective, lambda and seed (seeds may vary the data). ``runs`` (the table
    of runs) adds the runs that left no trace: they count as +inf, else crashing pays. A run that has ended keeps
    its last value; a line ends at the largest cost of its runs. Quartiles are order statistics; +inf = no value yet.

    Columns: objective, lam, optimizer, cost, n_runs, median, low, high.
    """
    import pandas as pd

    if n_points < 2:
        raise InvalidInputError(f"n_points must be at least 2, got {n_points}")
    if column not in traces.columns and len(traces):
        raise unknown_name("column of the traces", column, [str(name) for name in traces.columns])
    curves = _curves(traces, cost, column, gradient_price, is_gap)
    missing = _without_trace(runs, curves)
    panels: dict[tuple[str, float], dict[str, list[tuple[np.ndarray, np.ndarray]]]] = {}
    for (objective, lam, optimizer, _), curve in curves.items():
        panels.setdefault((objective, lam), {}).setdefault(optimizer, []).append(curve)
    parts = []
    for (objective, lam), optimizers in sorted(panels.items(), key=lambda item: _panel_order(item[0], panels)):
        grid = _grid([curve for found in optimizers.values() for curve in found], n_points)
        for optimizer, found in optimizers.items():
            end = max(float(costs[-1]) for costs, _ in found)
            reached = np.append(grid[grid < end * (1 - 1e-9)], end)
            heights = np.stack([_held(costs, values, reached) for costs, values in found])
            n_lost = missing.get((objective, lam, optimizer), 0)
            heights = np.vstack([heights, np.full((n_lost, len(reached)), np.inf)])
            parts.append(_quartiles((objective, lam, optimizer), reached, heights))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _panel_order(key: tuple[str, float], panels: Iterable[tuple[str, float]]) -> tuple[int, float]:
    objectives = list(dict.fromkeys(objective for objective, _ in panels))
    return objectives.index(key[0]), math.inf if math.isnan(key[1]) else key[1]


def _curves(
    traces: pd.DataFrame, cost: str, column: str, gradient_price: float, is_gap: bool
) -> dict[RunKey, tuple[np.ndarray, np.ndarray]]:
    """Return (costs ascending, best value so far) of every run whose trace has a usable row."""
    table = with_columns(traces, [*RUN, column])
    costs, values = trace_cost(table, cost, gradient_price), numbers(table[column])
    values = np.where(np.isnan(values), np.inf, values)
    curves: dict[RunKey, tuple[np.ndarray, np.ndarray]] = {}
    best: dict[tuple[str, float, str], float] = {}
    for key, rows in grouped(table, RUN):
        where = rows[costs[rows] > 0]
        if not len(where):
            continue
        order = where[np.argsort(costs[where], kind="stable")]
        run, case = (key[0], key[1], key[2], key[3]), (key[0], key[1], key[3])
        curves[run] = costs[order], np.minimum.accumulate(values[order])
        best[case] = min(best.get(case, math.inf), float(curves[run][1][-1]))
    if not is_gap:
        return curves
    gaps = {}
    for key, (spent, heights) in curves.items():
        reference = best[key[0], key[1], key[3]]
        gaps[key] = spent, heights - reference if math.isfinite(reference) else heights
    return gaps


def _without_trace(
    runs: pd.DataFrame | None, curves: dict[RunKey, tuple[np.ndarray, np.ndarray]]
) -> dict[tuple[str, float, str], int]:
    """Return how many runs of (objective, lam, optimizer) have no curve."""
    if runs is None:
        return {}
    missing: dict[tuple[str, float, str], int] = {}
    for key, _ in grouped(with_columns(runs, RUN), RUN):
        if key not in curves:
            missing[key[:3]] = missing.get(key[:3], 0) + 1
    return missing


def _grid(curves: list[tuple[np.ndarray, np.ndarray]], n_points: int) -> np.ndarray:
    first = min(float(costs[0]) for costs, _ in curves)
    last = max(float(costs[-1]) for costs, _ in curves)
    if last <= first:
        return np.array([first])
    grid = np.geomspace(first, last, n_points)
    grid[0], grid[-1] = first, last
    return grid


def _held(costs: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the latest value at or before each cost of the grid; +inf before the first."""
    position = np.searchsorted(costs, grid * (1 + 1e-12), side="right") - 1
    return np.where(position >= 0, values[np.maximum(position, 0)], np.inf)


def _quartiles(key: tuple[str, float, str], grid: np.ndarray, heights: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    n = len(heights)
    ordered = np.sort(heights, axis=0)
    lower, upper = ordered[(n - 1) // 2], ordered[n // 2]
    with np.errstate(invalid="ignore"):
        median = np.where(np.isinf(upper), upper, 0.5 * (lower + upper))
    low, high = ordered[max(0, math.ceil(n / 4) - 1)], ordered[max(0, math.ceil(3 * n / 4) - 1)]
    cells = {"objective": key[0], "lam": key[1], "optimizer": key[2], "cost": grid, "n_runs": n}
    return pd.DataFrame({**cells, "median": median, "low": low, "high": high}, columns=list(COLUMNS))
