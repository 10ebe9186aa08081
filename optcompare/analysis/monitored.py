"""What a trace measured, as it stood at given costs: error curves and the like, which may rise again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidInputError, unknown_name
from .convergence import RUN, trace_cost
from .summaries import grouped, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("objective", "lam", "optimizer", "cost", "n_runs", "median", "low", "high")


def monitored_table(
    traces: pd.DataFrame,
    column: str,
    places: Sequence[float] | int = 100,
    *,
    cost: str = "passes",
    gradient_price: float = 2.0,
) -> pd.DataFrame:
    """Return a trace's column over the cost, median and quartiles over seeds: the latest measurement at each place.

    traces: long, with objective, lam, optimizer, seed, the counts and ``column`` (a monitor, loss, norm ...), whose NaN
    rows, between two marks, are left out. Unlike ``convergence_table`` it is no best so far: it may rise again. places:
    costs, or how many, evenly spaced up to the largest cost. A run that has ended keeps its last value; before its
    first one it does not count. Quartiles are order statistics.

    Columns: objective, lam, optimizer, cost, n_runs, median, low, high; only places where some run has a value.
    """
    import pandas as pd

    if column not in traces.columns and len(traces):
        raise unknown_name("column of the traces", column, [str(name) for name in traces.columns])
    table = with_columns(traces, [*RUN, column])
    costs, values = trace_cost(table, cost, gradient_price), numbers(table[column])
    measured = np.isfinite(costs) & ~np.isnan(values)
    grid = _places(places, costs[measured])
    rows: dict[tuple[str, float, str], list[np.ndarray]] = {}
    for (objective, lam, optimizer, _), where in grouped(table, RUN):
        where = where[measured[where]]
        if len(where):
            order = where[np.argsort(costs[where], kind="stable")]
            rows.setdefault((objective, lam, optimizer), []).append(_latest(costs[order], values[order], grid))
    parts = []
    for (objective, lam, optimizer), heights in rows.items():
        low, median, high = _order_statistics(np.stack(heights))
        n_runs = np.isfinite(np.stack(heights)).sum(axis=0)
        cells = {"objective": objective, "lam": lam, "optimizer": optimizer, "cost": grid, "n_runs": n_runs}
        part = pd.DataFrame({**cells, "median": median, "low": low, "high": high}, columns=list(COLUMNS))
        parts.append(part[part["n_runs"] > 0])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _places(places: Sequence[float] | int, costs: np.ndarray) -> np.ndarray:
    if isinstance(places, (int, np.integer)):
        if places < 2:
            raise InvalidInputError(f"places must be at least 2, or the costs themselves, got {places}")
        return np.linspace(0.0, float(costs.max(initial=0.0)), places)
    return np.sort(np.asarray(places, dtype=np.float64))


def _latest(costs: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    position = np.searchsorted(costs, grid * (1 + 1e-12), side="right") - 1
    return np.where(position >= 0, values[np.maximum(position, 0)], np.nan)


def _order_statistics(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lower quartile, median and upper quartile of every column (runs, places), NaN left out."""
    found = np.full((3, heights.shape[1]), np.nan)
    for place, column in enumerate(heights.T):
        known = np.sort(column[~np.isnan(column)])
        if n := len(known):
            low, high = known[-(-n // 4) - 1], known[-(-3 * n // 4) - 1]
            found[:, place] = low, 0.5 * (known[(n - 1) // 2] + known[n // 2]), high
    return found[0], found[1], found[2]
