"""The Recorder: an objective with a purse.

It is all that an optimizer sees of the problem. It counts, draws the noise from the run's own stream, projects onto
the constraint before it evaluates, remembers the best point it has shown, writes the trace, and raises
:class:`~optcompare.errors.BudgetExhausted` in place of the first call that does not fit the budget.

The unit of cost is a pass: n training items for one theta. A value is one forward pass; any gradient call is one
forward and one backward pass and returns both;  cost = n_values + gradient_price * n_gradients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BudgetExhausted, Diverged, InvalidInputError, RunStopped, TargetReached
from ..objective.layout import Vector
from ..objective.noise import Sample
from ..objective.objective import Objective
from .budget import Budget, as_budget
from .draws import Draws, NoiseStream, Redraw
from .trace import BASE_COLUMNS, DENSE_CALLS, MEASURED_FREE, MEASURED_SHARE, MONITOR_GROWTH, ROW_GROWTH, Trace

Array = NDArray[np.float64]
Monitor = Callable[[Vector], float]
Evaluate = Callable[[Vector, Sample | None], tuple[float, Vector]]


class Recorder:
    """An objective that counts, draws, records and stops; see the module's text.

    Attributes for whoever runs it: ``n_values``, ``n_gradients`` and ``cost`` in passes, ``n_nonfinite``, ``seconds``,
    ``best_theta``, ``best_shown`` (its value as the optimizer saw it, noise and all), ``recommended``, ``trace``,
    ``stopped`` (the RunStopped that ended the run) and ``error`` (the first exception that the objective itself
    raised, since some solvers rename it).
    """

    def __init__(
        self,
        objective: Objective,
        budget: Budget | float,
        draws: Draws | None = None,
        rng: np.random.Generator | None = None,
        monitors: Mapping[str, Monitor] | None = None,
    ) -> None:
        self._objective = objective
        self.budget = as_budget(budget)
        self.dim = objective.dim
        self.is_weight = objective.is_weight
        self.n_samples = objective.n_samples
        self.is_constrained = objective.is_constrained
        self.is_noisy = objective.is_noisy
        self._monitors = dict(monitors or {})
        self.trace = Trace((*BASE_COLUMNS, *self._monitors))
        self._limit = self.budget.passes(self.dim) * self.n_samples
        self._value_items = 0
        self._gradient_items = 0
        self._n_calls = 0
        self._next_row = 0.0
        self._next_monitor = 0.0
        self._is_changed = False
        self.n_nonfinite = 0
        self.best_theta: Vector | None = None
        self.best_shown = math.inf
        self._best_value = math.inf
        self._population: Array | None = None  # the last one, until its diameter is asked for
        self._diameter = math.nan
        self.recommended: Vector | None = None
        self.stopped: RunStopped | None = None
        self.error: Exception | None = None
        self._off_clock = 0.0
        self._n_measured = 0  # passes that the trace's rows took
        self._started = time.perf_counter()
        self._noise = NoiseStream(objective, draws or Redraw(), np.random.default_rng(0) if rng is None else rng)

    # what an optimizer calls

    def value(self, theta: ArrayLike) -> float:
        """Return the objective at theta (d,), +inf where it is not finite; costs one pass (a sample: its share)."""
        point = self._checked(theta)
        samples = self._noise.draw()
        self._pay(self._noise.price(samples), is_gradient=False)
        shown = self._guarded(self._noise.value, point, samples)
        return self._show(point, shown)

    def values(self, thetas: ArrayLike) -> Array:
        """Return the objective at every row of thetas (m, d), shape (m,).

        Where the budget ends inside the population, the rows that fit are evaluated and recorded, then
        BudgetExhausted is raised.
        """
        points = np.array(thetas, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise InvalidInputError(f"thetas must have shape (m, {self.dim}), got {points.shape}")
        if self.is_constrained:
            points = self._objective.project(points)
        if len(points) > 1:
            self._population = points
        if self._noise.is_per_row:
            return np.array([self.value(point) for point in points])
        samples = self._noise.draw()
        price = self._noise.price(samples)
        n_fit = self._affordable(len(points), price)
        shown = np.full(len(points), np.inf)
        if n_fit:
            self._pay(n_fit * price, is_gradient=False)
            shown[:n_fit] = self._guarded(self._noise.values, points[:n_fit], samples)
        for row in range(n_fit):
            shown[row] = self._show(points[row], shown[row])
        if n_fit < len(points):
            raise self._stop(BudgetExhausted(self._spent()))
        return shown

    def gradient(self, theta: ArrayLike) -> Vector:
        """Return the gradient at theta (d,); costs 1 + gradient_price passes. Raises Diverged if not finite."""
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Vector]:
        """Return value and gradient at theta (d,), at the price of one value and one gradient."""
        return self._charged_gradient(theta, self._objective.value_and_gradient)

    def value_and_loss_gradient(self, theta: ArrayLike) -> tuple[float, Vector]:
        """Return the value, penalty included, and the gradient of the loss alone, for the same price.

        It is what a proximal step needs: ``prox`` sees to the penalty.
        """
        return self._charged_gradient(theta, self._objective.value_and_loss_gradient)

    def _charged_gradient(self, theta: ArrayLike, evaluate: Evaluate) -> tuple[float, Vector]:
        point = self._checked(theta)
        samples = self._noise.draw()
        self._pay(self._noise.price(samples), is_gradient=True)
        value, gradient = self._guarded(self._noise.value_and_gradient, evaluate, point, samples)
        if not np.isfinite(gradient).all():
            self.n_nonfinite += 1
            raise self._stop(Diverged(f"a gradient was not finite after {self.cost:g} passes"))
        return self._show(point, value), gradient

    def project(self, theta: ArrayLike) -> Array:
        """Return the nearest allowed point; theta itself where nothing is constrained. Free."""
        return self._objective.project(theta)

    def prox(self, theta: ArrayLike, step: float) -> Vector:
        """Return argmin_u penalty(u) + |u - theta|^2/(2 step). Free."""
        return self._objective.prox(theta, step)

    def recommend(self, theta: ArrayLike) -> None:
        """State the current answer, for optimizers whose answer is not the best point seen."""
        self.recommended = np.array(theta, dtype=np.float64)
        self._is_changed = True

    def same_sample(self) -> AbstractContextManager[None]:
        """Inside, every call meets one and the same draw of the noise (finite differences, line searches)."""
        return self._noise.held()

    # counting

    @property
    def n_values(self) -> float:
        """Forward passes made: integers unless samples charge a share."""
        return self._value_items / self.n_samples

    @property
    def n_gradients(self) -> float:
        """Backward passes made."""
        return self._gradient_items / self.n_samples

    @property
    def cost(self) -> float:
        """n_values + gradient_price * n_gradients, in passes."""
        return self.n_values + self.budget.gradient_price * self.n_gradients

    @property
    def seconds(self) -> float:
        """Wall clock since the start, without the trace's own measurements."""
        return time.perf_counter() - self._started - self._off_clock

    def _spent_items(self) -> float:
        return self._value_items + self.budget.gradient_price * self._gradient_items

    def _affordable(self, rows: int, price: int) -> int:
        """Return how many of the rows fit the purse."""
        self._check_clock()
        left = self._limit - self._spent_items()
        if math.isinf(left):
            return rows
        return max(0, min(rows, int(left // price)))

    def _pay(self, items: int, *, is_gradient: bool) -> None:
        """Charge a call, or refuse it by raising."""
        self._check_clock()
        price = items * (1.0 + self.budget.gradient_price) if is_gradient else items
        if self._spent_items() + price > self._limit:
            raise self._stop(BudgetExhausted(self._spent()))
        self._value_items += items
        if is_gradient:
            self._gradient_items += items

    def _check_clock(self) -> None:
        if self.stopped is not None:
            raise self.stopped
        if self.budget.seconds is not None and self.seconds >= self.budget.seconds:
            raise self._stop(BudgetExhausted(f"the wall clock passed {self.budget.seconds:g} s"))

    def _spent(self) -> str:
        return f"the budget of {self._limit / self.n_samples:g} passes is spent ({self.cost:g} used)"

    def _stop(self, signal: RunStopped) -> RunStopped:
        self.stopped = self.stopped or signal
        return self.stopped

    # recording

    def _checked(self, theta: ArrayLike) -> Vector:
        point = np.asarray(theta, dtype=np.float64)
        return self._objective.project(point) if self.is_constrained else point

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            self.error = self.error or error
            raise

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
            if self.budget.target is not None and self._measured_best() <= self.budget.target:
                self._write_row()
                raise self._stop(TargetReached(f"the value is at or below {self.budget.target:g}"))
        if self._is_changed and self._n_calls >= self._next_row and self._may_measure():
            self._write_row()
        return value

    def _population_diameter(self) -> float:
        """Return (1/m) sum_i |x_i - mean of x| over the last population's rows; NaN where there was none."""
        if self._population is not None:
            points, self._population = self._population, None
            with np.errstate(over="ignore", invalid="ignore"):
                self._diameter = float(np.linalg.norm(points - points.mean(axis=0), axis=1).mean())
        return self._diameter

    def _measured_best(self) -> float:
        """Return the noise-free value at the best point shown, off the clock."""
        if math.isnan(self._best_value) and self.best_theta is not None:
            with self._off_the_clock():
                self._best_value = self._objective.value(self.best_theta)
        return self._best_value

    def _may_measure(self) -> bool:
        return self._n_measured <= MEASURED_FREE + MEASURED_SHARE * self.n_values

    @contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        before = time.perf_counter()
        try:
            yield
        finally:
            self._off_clock += time.perf_counter() - before

    def _write_row(self, *, is_last: bool = False) -> None:
        incumbent = self.best_theta if self.recommended is None else self.recommended
        if incumbent is None:
            return
        counts = [self.n_values, self.n_gradients, self.seconds]
        self._n_measured += math.isnan(self._best_value) + (self.recommended is not None)
        best = self._measured_best()
        with self._off_the_clock():
            is_best = self.recommended is None
            value = best if is_best else self._objective.value(incumbent)
            penalty = self._objective.penalty_value(incumbent)
            row = [*counts, best, value, value - penalty, self._objective.norm(incumbent)]
            row.append(self._population_diameter())
            if self._monitors:
                is_due = is_last or self._n_calls >= self._next_monitor
                row += [float(f(incumbent)) if is_due else math.nan for f in self._monitors.values()]
                if is_due:
                    self._next_monitor = max(self._n_calls + 1, self._n_calls * MONITOR_GROWTH)
        self.trace.rows.append(row)
        self._is_changed = False
        if self._n_calls >= DENSE_CALLS:
            self._next_row = self._n_calls * ROW_GROWTH

    def finish(self) -> None:
        """Write the last row of the trace."""
        self._write_row(is_last=True)
