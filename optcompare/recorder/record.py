"""The record of a run: the best point shown so far, and the rows of the trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..errors import TargetReached
from ..objective.layout import Vector
from ..objective.objective import Objective
from .budget import Budget
from .purse import Purse
from .trace import BASE_COLUMNS, DENSE_CALLS, MEASURED_FREE, MEASURED_SHARE, MONITOR_GROWTH, ROW_GROWTH, Trace

Array = NDArray[np.float64]
Monitor = Callable[[Vector], float]


class Record(Purse):
    """A purse that also remembers what was shown to the optimizer, and writes the trace."""

    __slots__ = (
        "_best_value", "_diameter", "_is_changed", "_monitors", "_n_calls", "_n_measured", "_next_monitor",
        "_next_row", "_objective", "_population", "best_shown", "best_theta", "is_noisy", "n_nonfinite",
        "recommended", "trace",
    )  # fmt: skip

    def __init__(self, objective: Objective, budget: Budget | float, monitors: Mapping[str, Monitor] | None) -> None:
        super().__init__(objective, budget)
        self._objective = objective
        self.is_noisy = objective.is_noisy
        self._monitors = dict(monitors or {})
        self.trace = Trace((*BASE_COLUMNS, *self._monitors))
        self.n_nonfinite = 0
        self.best_theta: Vector | None = None
        self.best_shown = math.inf
        self.recommended: Vector | None = None
        self._best_value = math.inf
        self._n_calls = 0
        self._next_row = 0.0
        self._next_monitor = 0.0
        self._is_changed = False
        self._population: Array | None = None  # the last one, until its diameter is asked for
        self._diameter = math.nan
        self._n_measured = 0  # passes that the trace's rows took

    def _show(self, point: Vector, value: float) -> float:
        """Record one evaluated point and return its value as the optimizer is to see it."""
        if not math.isfinite(value):
            self.n_nonfinite += 1
            value = math.inf
        self._n_calls += 1
        if value < self.best_shown:
            self.best_shown = value
            self.best_theta = np.array(point)
            self._is_changed = True
            self._best_value = math.nan if self.is_noisy else value
            if self.budget.target is not None and self._is_at_target(self.budget.target):
                self._write_row()
                raise self._stop(TargetReached(f"the value is at or below {self.budget.target:g}"))
        if self._is_changed and self._n_calls >= self._next_row and self._may_measure():
            self._write_row()
        return value

    def _show_all(self, points: Array, values: Array) -> Array:
        """Record evaluated points (m, d) in order, as ``_show`` does one by one; return their values as shown.

        Only rows that improve are looked at one by one: v_i < min(best shown before, v_0, ..., v_(i-1)).
        """
        is_finite = np.isfinite(values)
        shown = values if is_finite.all() else np.where(is_finite, values, np.inf)
        least = np.minimum.accumulate(shown)
        is_better = shown < self.best_shown
        is_better[1:] &= shown[1:] < least[:-1]
        done = 0
        for row in np.flatnonzero(is_better).tolist():
            self._pass_over(is_finite[done:row])
            self._show(points[row], float(shown[row]))
            done = row + 1
        self._pass_over(is_finite[done:])
        return shown

    def _pass_over(self, is_finite: NDArray[np.bool_]) -> None:
        """Count evaluated points that improve nothing; a row of the trace may become due on the way."""
        n_points = len(is_finite)
        self.n_nonfinite += n_points - int(np.count_nonzero(is_finite))
        end = self._n_calls + n_points
        if self._is_changed and end >= self._next_row and n_points and self._may_measure():
            self._n_calls = max(self._n_calls + 1, math.ceil(self._next_row))
            self._write_row()
        self._n_calls = end

    def _is_at_target(self, target: float) -> bool:
        """Whether the noise-free value at the best point shown is at or below the target; off the clock."""
        now = perf_counter()
        try:
            return self._measured_best() <= target
        finally:
            self._off_clock += perf_counter() - now

    def _population_diameter(self) -> float:
        """Return (1/m) sum_i |x_i - mean of x| over the last population's rows; NaN where there was none."""
        if self._population is not None:
            points, self._population = self._population, None
            with np.errstate(over="ignore", invalid="ignore"):
                self._diameter = float(np.linalg.norm(points - points.mean(axis=0), axis=1).mean())
        return self._diameter

    def _measured_best(self) -> float:
        """Return the noise-free value at the best point shown."""
        if math.isnan(self._best_value) and self.best_theta is not None:
            self._best_value = self._objective.value(self.best_theta)
        return self._best_value

    def _may_measure(self) -> bool:
        return self._n_measured <= MEASURED_FREE + MEASURED_SHARE * self.n_values

    def _write_row(self, *, is_last: bool = False) -> None:
        """Write a row of the trace: value, loss, norm and monitors are the incumbent's; off the clock."""
        objective, is_best = self._objective, self.recommended is None
        incumbent = self.best_theta if self.recommended is None else self.recommended
        if incumbent is None:
            return
        now = perf_counter()
        seconds = now - self._started - self._off_clock
        self._n_measured += math.isnan(self._best_value) + (not is_best)
        try:
            best = self._measured_best()
            value = best if is_best else objective.value(incumbent)
            penalty, norm = objective.penalty_and_norm(incumbent)
            counts = (self._value_items / self.n_samples, self._gradient_items / self.n_samples, seconds)
            row = [*counts, best, value, value - penalty, norm, self._population_diameter()]
            if self._monitors:
                row += self._monitored(incumbent, is_last=is_last)
        finally:
            self._off_clock += perf_counter() - now
        self.trace.rows.append(row)
        self._is_changed = False
        if self._n_calls >= DENSE_CALLS:
            self._next_row = self._n_calls * ROW_GROWTH

    def _monitored(self, incumbent: Vector, *, is_last: bool) -> list[float]:
        """Return the monitors at the incumbent, NaN where they are not due."""
        if not is_last and self._n_calls < self._next_monitor:
            return [math.nan] * len(self._monitors)
        measured = [float(monitor(incumbent)) for monitor in self._monitors.values()]
        self._next_monitor = max(self._n_calls + 1, self._n_calls * MONITOR_GROWTH)
        return measured

    def finish(self) -> None:
        """Write the last row of the trace."""
        self._write_row(is_last=True)
