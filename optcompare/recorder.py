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
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import BudgetExhausted, Diverged, InvalidInputError, RunStopped, TargetReached
from .objective.layout import Vector
from .objective.noise import Sample
from .objective.objective import Objective

Array = NDArray[np.float64]
Monitor = Callable[[Vector], float]
Evaluate = Callable[[Vector, Sample | None], tuple[float, Vector]]

BASE_COLUMNS = ("n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm", "population_diameter")
# Rows are exact for the first calls; after that a row is written once the calls have grown by this factor.
DENSE_CALLS = 200
ROW_GROWTH = 1.005
MONITOR_GROWTH = 1.122  # 20 marks a decade


@dataclass(frozen=True)
class Budget:
    """What a run may spend: it ends at the first limit met.

    evaluations: cost in passes. per_dimension: the same as a multiple of d + 1. seconds: wall clock of the optimizer
    and its evaluations. target: stop at a noise-free value at or below it. gradient_price: passes of one backward pass.
    """

    evaluations: float | None = None
    per_dimension: float | None = None
    seconds: float | None = None
    target: float | None = None
    gradient_price: float = 2.0

    def __post_init__(self) -> None:
        for name in ("evaluations", "per_dimension", "seconds"):
            limit = getattr(self, name)
            if limit is not None and not _is_number(limit, least=0.0):
                raise InvalidInputError(f"budget {name} must be a number >= 0 or None, got {limit!r}")
        if self.target is not None and not _is_number(self.target):
            raise InvalidInputError(f"budget target must be a finite number or None, got {self.target!r}")
        if not _is_number(self.gradient_price, least=0.0) or math.isinf(self.gradient_price):
            raise InvalidInputError(f"gradient_price must be finite and >= 0, got {self.gradient_price!r}")
        if self.evaluations is not None and self.per_dimension is not None:
            raise InvalidInputError("give the budget as evaluations or per_dimension, not both")
        if self.evaluations is None and self.per_dimension is None and self.seconds is None:
            raise InvalidInputError(
                "a budget needs a limit: Budget(evaluations=...), Budget(per_dimension=...) or Budget(seconds=...)"
            )

    def passes(self, dim: int) -> float:
        """Return the limit in passes for d = ``dim``; infinite where only the clock limits."""
        if self.per_dimension is not None:
            return float(self.per_dimension * (dim + 1))
        return math.inf if self.evaluations is None else float(self.evaluations)


def _is_number(given: Any, least: float = -math.inf) -> bool:
    if isinstance(given, bool) or not isinstance(given, (int, float, np.integer, np.floating)):
        return False
    return not math.isnan(given) and bool(given >= least)


def as_budget(given: Budget | float) -> Budget:
    """Return the budget; a number is a count of passes."""
    return given if isinstance(given, Budget) else Budget(evaluations=given)


@dataclass(frozen=True)
class Redraw:
    """Draw fresh noise for every "row" of a population, or one draw for every "call" (common random numbers)."""

    each: str = "call"

    def __post_init__(self) -> None:
        if self.each not in ("row", "call"):
            raise InvalidInputError(f"Redraw is 'row' or 'call', got {self.each!r}")


@dataclass(frozen=True)
class Frozen:
    """Draw ``copies`` samples once; every evaluation is the mean over all of them, and pays for all of them."""

    copies: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.copies, bool) or not isinstance(self.copies, (int, np.integer)) or self.copies < 1:
            raise InvalidInputError(f"Frozen copies must be an integer >= 1, got {self.copies!r}")


Draws = Redraw | Frozen


@dataclass
class Trace:
    """What happened over a run: one row (list of floats) per kept moment, under ``columns``.

    best_value is the noise-free objective at the best point shown so far; value, loss, norm and the monitors are taken
    at the incumbent: the latest recommendation, or the best point where the optimizer recommends nothing.
    population_diameter is the mean distance to their centroid of the last points that were given to ``values``
    together, as evaluated (projected); NaN where they come one at a time. Rows are written at every change for the
    first 200 calls, later at the first change after 0.5 % more calls; monitors at about 20 marks a decade (NaN in
    between), and all of it at the end. Measured noise-free and off the purse and the clock.
    """

    columns: tuple[str, ...]
    rows: list[list[float]] = field(default_factory=list)

    def to_array(self) -> Array:
        """Return the rows as an array (rows, columns)."""
        return np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.columns))

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.to_array(), columns=list(self.columns))


class Recorder:
    """An objective that counts, draws, records and stops; see the module's text.

    Attributes for whoever runs it: ``n_values``, ``n_gradients`` and ``cost`` in passes, ``n_nonfinite``, ``seconds``,
    ``best_theta``, ``recommended``, ``trace``, ``stopped`` (the RunStopped that ended the run) and ``error`` (the
    first exception that the objective itself raised, since some solvers rename it).
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
        self._best_shown = math.inf
        self._best_value = math.inf
        self._population: Array | None = None  # the last one, until its diameter is asked for
        self._diameter = math.nan
        self.recommended: Vector | None = None
        self.stopped: RunStopped | None = None
        self.error: Exception | None = None
        self._off_clock = 0.0
        self._started = time.perf_counter()
        self._held: tuple[Sample | None, ...] | None = None
        self._is_holding = False
        self._set_noise(draws or Redraw(), rng)

    def _set_noise(self, draws: Draws, rng: np.random.Generator | None) -> None:
        self._draws = draws
        self._samples: Iterator[Sample] | None = None
        self._frozen: tuple[Sample, ...] | None = None
        if not self._objective.is_noisy:
            return
        self._samples = self._objective.samples(np.random.default_rng(0) if rng is None else rng)
        if isinstance(draws, Frozen):
            self._frozen = tuple(next(self._samples) for _ in range(draws.copies))

    # what an optimizer calls --------------------------------------------------------------------------------

    def value(self, theta: ArrayLike) -> float:
        """Return the objective at theta (d,), +inf where it is not finite; costs one pass (a sample: its share)."""
        point = self._checked(theta)
        samples = self._draw()
        self._pay(sum(self._price(sample) for sample in samples), is_gradient=False)
        shown = self._guarded(self._mean_value, point, samples)
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
        is_each_row = self._samples is not None and self._draws == Redraw("row") and not self._is_holding
        if is_each_row:
            return np.array([self.value(point) for point in points])
        samples = self._draw()
        price = sum(self._price(sample) for sample in samples)
        n_fit = self._affordable(len(points), price)
        shown = np.full(len(points), np.inf)
        if n_fit:
            self._pay(n_fit * price, is_gradient=False)
            shown[:n_fit] = self._guarded(self._mean_values, points[:n_fit], samples)
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
        samples = self._draw()
        self._pay(sum(self._price(sample) for sample in samples), is_gradient=True)
        value, gradient = self._guarded(self._mean_value_and_gradient, evaluate, point, samples)
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

    @contextmanager
    def same_sample(self) -> Iterator[None]:
        """Inside, every call meets one and the same draw of the noise (finite differences, line searches)."""
        self._held, self._is_holding = None, True
        try:
            yield
        finally:
            self._held, self._is_holding = None, False

    # counting ---------------------------------------------------------------------------------------------------

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

    # noise --------------------------------------------------------------------------------------------------------

    def _draw(self) -> tuple[Sample | None, ...]:
        if self._samples is None:
            return (None,)
        if self._frozen is not None:
            return self._frozen
        if self._is_holding:
            if self._held is None:
                self._held = (next(self._samples),)
            return self._held
        return (next(self._samples),)

    def _price(self, sample: Sample | None) -> int:
        return self.n_samples if sample is None else sample.n_items

    def _mean_value(self, point: Vector, samples: tuple[Sample | None, ...]) -> float:
        if len(samples) == 1:
            return self._objective.value(point, samples[0])
        return float(np.mean([self._objective.value(point, sample) for sample in samples]))

    def _mean_values(self, points: Array, samples: tuple[Sample | None, ...]) -> Array:
        if len(samples) == 1:
            return self._objective.values(points, samples[0])
        return np.mean([self._objective.values(points, sample) for sample in samples], axis=0)

    def _mean_value_and_gradient(
        self, evaluate: Evaluate, point: Vector, samples: tuple[Sample | None, ...]
    ) -> tuple[float, Vector]:
        pairs = [evaluate(point, sample) for sample in samples]
        if len(pairs) == 1:
            return pairs[0]
        return float(np.mean([value for value, _ in pairs])), np.mean([grad for _, grad in pairs], axis=0)

    # recording ----------------------------------------------------------------------------------------------------

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
        if value < self._best_shown:
            self._best_shown = value
            self.best_theta = np.array(point)
            self._is_changed = True
            self._best_value = math.nan if self.is_noisy else value
            if self.budget.target is not None and self._measured_best() <= self.budget.target:
                self._write_row()
                raise self._stop(TargetReached(f"the value is at or below {self.budget.target:g}"))
        if self._is_changed and self._n_calls >= self._next_row:
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
