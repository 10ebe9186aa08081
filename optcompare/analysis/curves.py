"""Curves: how the error of every run falls over what it has cost, all runs behind one another in flat arrays.

The error is the best one so far at the nominal lambda, noise-free:

    e_k = min over rows j <= k of J(theta_j),    J = loss + penalty at the nominal lambda,

with theta_j the best point shown so far where the arm minimizes J itself (InError), and the incumbent of the moment
where the arm is shown a bare error (InUpdate, Bare). Only rows at which e falls are kept: between them nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .summaries import grouped, is_failed, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TraceRow = tuple[
    str, Sequence[str], Array
]  # the run's key, the names of the trace's columns, the trace (rows, columns)
RUN_COLUMNS = (
    *("problem", "objective", "dataset", "lam", "optimizer", "seed", "status", "dim"),
    *("n_values", "n_gradients", "seconds", "budget", "gradient_price"),
)
_COSTS = ("n_values", "n_gradients", "seconds")
# Where a run's error is read: best_value where the arm minimizes it, loss + penalty at the incumbent where the arm is
# shown a bare error, nowhere where that error would leave the constraint.
BEST_VALUE, INCUMBENT, NOWHERE = "best_value", "incumbent", "nowhere"


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of n runs; run i has the rows ``first[i]`` to ``first[i + 1]`` of the four arrays, maybe none.

    runs: one row a run: problem, objective, dataset, lam, optimizer, seed, status, dim, n_values and n_gradients
    (passes), seconds, budget (passes at gradient_price), gradient_price. first: (n + 1,) int64. n_values, n_gradients
    (passes), seconds, error: (rows,) float64; along a run costs rise and the error falls strictly.
    """

    runs: pd.DataFrame
    first: NDArray[np.int64]
    n_values: Array
    n_gradients: Array
    seconds: Array
    error: Array

    @property
    def best(self) -> Array:
        """Least error of every run, shape (n,); +inf where it left no row."""
        found = np.full(len(self.runs), np.inf)
        has_rows = self.first[1:] > self.first[:-1]
        found[has_rows] = self.error[self.first[1:][has_rows] - 1]
        return found

    def first_at_or_below(self, targets: Array) -> NDArray[np.int64]:
        """Return the row at which every run first has an error <= its targets (n, t), shape (n, t); -1 where never."""
        row = self._bisected(self.error, targets, is_falling=True)
        return np.where(row < self.first[1:, None], row, -1)

    def last_within(self, costs: Array, limits: Array) -> NDArray[np.int64]:
        """Return the last row of every run whose cost is <= its limits (n, t), shape (n, t); -1 where there is none.

        costs: (rows,), rising along each run.
        """
        row = self._bisected(costs, limits, is_falling=False) - 1
        return np.where(row >= self.first[:-1, None], row, -1)

    def _bisected(self, values: Array, limits: Array, *, is_falling: bool) -> NDArray[np.int64]:
        """Return each run's first row with a value <= its limit (falling values) or > it (rising), else its end.

        By bisection in all runs and limits at once, log2(rows) steps.
        """
        low = np.broadcast_to(self.first[:-1, None], limits.shape).copy()
        high = np.broadcast_to(self.first[1:, None], limits.shape).copy()
        while (is_open := low < high).any():
            middle = np.minimum((low + high) // 2, len(values) - 1)
            is_past = values[middle] <= limits if is_falling else values[middle] > limits
            high = np.where(is_open & is_past, middle, high)
            low = np.where(is_open & ~is_past, middle + 1, low)
        return low

    def taken(self, positions: NDArray[np.int64]) -> Curves:
        """Return the curves of some of the runs, in that order."""
        n_rows = np.diff(self.first)[positions]
        first = np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64)
        rows = np.repeat(self.first[:-1][positions] - first[:-1], n_rows) + np.arange(first[-1])
        parts = (self.n_values[rows], self.n_gradients[rows], self.seconds[rows], self.error[rows])
        return Curves(self.runs.iloc[positions].reset_index(drop=True), first, *parts)


def joined(curves: Sequence[Curves]) -> Curves:
    """Return the curves of several tables of runs, such as several studies', behind one another."""
    import pandas as pd

    offsets = np.concatenate([[0], np.cumsum([part.first[-1] for part in curves])]).astype(np.int64)
    first = np.concatenate([part.first[:-1] + offset for part, offset in zip(curves, offsets)] + [offsets[-1:]])
    arrays = (np.concatenate([getattr(part, name) for part in curves]) for name in (*_COSTS, "error"))
    return Curves(pd.concat([part.runs for part in curves], ignore_index=True), first, *arrays)


def build_curves(runs: pd.DataFrame, traces: Iterable[TraceRow]) -> Curves:
    """Return the curves of runs from their traces.

    runs: one row a run, with ``key``, what ``problems.with_problems`` adds, the labels, counts and final measurements.
    traces: (key, names, array) of those runs in any order, read one by one, so that nothing but the curves is kept.
    """
    table = with_columns(runs, ["key", *RUN_COLUMNS, "regularized_error", "error_from"]).reset_index(drop=True)
    factor, source = penalty_factors(table), table["error_from"].to_numpy(dtype=object)
    position = {key: index for index, key in enumerate(table["key"])}
    found: list[Array] = [np.empty((4, 0))] * len(table)
    for key, names, array in traces:
        index = position.get(key)
        if index is not None and len(array) and source[index] != NOWHERE:
            found[index] = _falling_rows(names, array, factor[index] if source[index] == INCUMBENT else None)
    answers = np.stack([numbers(table[name]) for name in (*_COSTS, "regularized_error")])
    for place in np.flatnonzero((source == INCUMBENT) & ~is_failed(table)).tolist():
        found[place] = _with_answer(found[place], answers[:, place])
    first = np.concatenate([[0], np.cumsum([part.shape[1] for part in found])]).astype(np.int64)
    columns = np.concatenate(found, axis=1) if found else np.empty((4, 0))
    return Curves(_typed(table[list(RUN_COLUMNS)]), first, *columns)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    changed = {name: numbers(table[name]) for name in (*_COSTS, "lam", "budget", "gradient_price")}
    for name in ("n_values", "n_gradients"):
        changed[name] = np.nan_to_num(changed[name])  # a run that was killed left no count
    return table.assign(**changed)


@np.errstate(all="ignore")  # the norms of diverged runs overflow
def _falling_rows(names: Sequence[str], trace: Array, factor: float | None) -> Array:
    """Return n_values, n_gradients, seconds and error of the rows at which the error falls, shape (4, rows).

    factor: of |w|^2 in the penalty where the trace's own errors are bare, else None.
    """
    place = {name: column for column, name in enumerate(names)}
    if factor is None:
        error = trace[:, place["best_value"]]
    else:
        error = trace[:, place["loss"]] + factor * trace[:, place["norm"]] ** 2
    error = np.minimum.accumulate(np.where(np.isnan(error), np.inf, error))
    is_kept = np.concatenate([[error[0] < np.inf], error[1:] < error[:-1]])
    kept = np.flatnonzero(is_kept)
    return np.stack([*(trace[kept, place[name]] for name in _COSTS), error[kept]])


def _with_answer(rows: Array, answer: Array) -> Array:
    """Add the answer of a run that was shown a bare error (its counts and error) where it is better than all before."""
    is_better = answer[3] < (rows[3, -1] if rows.size else np.inf)
    return np.column_stack([rows, answer]) if is_better else rows


@np.errstate(all="ignore")
def penalty_factors(runs: pd.DataFrame) -> Array:
    """Return, for every run, the a of penalty = a |w|^2 at its objective and nominal lambda; NaN where it is no such.

    From the runs' final measurements, a = (regularized_error - loss)/norm^2, where they agree on it to 1e-6, as they do
    for every L2 penalty; 0 at lambda = 0.
    """
    table = with_columns(runs, ["objective", "lam", "seed", "regularized_error", "loss", "norm"])
    square, loss = numbers(table["norm"]) ** 2, numbers(table["loss"])
    difference = numbers(table["regularized_error"]) - loss
    # a difference that is rounding of a large loss says nothing about the factor
    is_usable = (square > 1e-12) & np.isfinite(square) & (np.abs(difference) > 1e-7 * np.abs(loss))
    is_usable &= np.isfinite(difference)
    factors, agreed = difference / square, np.full(len(table), np.nan)
    for key, where in grouped(table, ("objective", "lam")):
        known = factors[where][is_usable[where]]
        if key[1] == 0.0:
            agreed[where] = 0.0
        elif len(known) and np.ptp(known) <= 1e-6 * abs(float(np.median(known))):
            agreed[where] = float(np.median(known))
    return agreed
