"""The Recorder: an objective with a purse.

It is all that an optimizer sees of the problem. It counts, draws the noise from the run's own stream, projects onto
the constraint before it evaluates, remembers the best point it has shown, writes the trace, and raises
:class:`~optcompare.errors.BudgetExhausted` in place of the first call that does not fit the budget.

The unit of cost is a pass: n training items for one theta. A value is one forward pass; any gradient call is one
forward and one backward pass and returns both;  cost = n_values + gradient_price * n_gradients.

Most calls are plain: no noise to draw, nothing to project, the purse far from empty, nothing found. For these every
door has a short way that costs a fraction of a microsecond; whatever else is the case takes the long way, which states
what the short one may assume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BudgetExhausted, Diverged, InvalidInputError
from ..objective.layout import Vector
from ..objective.noise import Sample
from ..objective.objective import Objective
from .budget import Budget
from .draws import Draws, NoiseStream, Redraw
from .record import Monitor as Monitor
from .record import Record

Array = NDArray[np.float64]
Evaluate = Callable[[Vector, Sample | None], tuple[float, Vector]]

INFINITY = math.inf
ARRAY = np.ndarray
FLOAT64 = np.dtype(np.float64)


class Recorder(Record):
    """An objective that counts, draws, records and stops; see the module's text.

    Attributes for whoever runs it: ``n_values``, ``n_gradients`` and ``cost`` in passes, ``n_nonfinite``, ``seconds``,
    ``best_theta``, ``best_shown`` (its value as the optimizer saw it, noise and all), ``recommended``, ``trace``,
    ``stopped`` (the RunStopped that ended the run) and ``error`` (the first exception that the objective itself
    raised, since some solvers rename it).
    """

    __slots__ = (
        "_is_plain", "_noise", "dim", "error", "is_constrained", "is_weight",
    )  # fmt: skip

    def __init__(
        self,
        objective: Objective,
        budget: Budget | float,
        draws: Draws | None = None,
        rng: np.random.Generator | None = None,
        monitors: Mapping[str, Monitor] | None = None,
    ) -> None:
        super().__init__(objective, budget, monitors)
        self.dim = objective.dim
        self.is_weight = objective.is_weight
        self.is_constrained = objective.is_constrained
        self.error: Exception | None = None
        self._noise = NoiseStream(objective, draws or Redraw(), np.random.default_rng(0) if rng is None else rng)
        self._is_plain = not (self.is_noisy or self.is_constrained)

    # what an optimizer calls

    def value(self, theta: ArrayLike) -> float:
        """Return the objective at theta (d,), +inf where it is not finite; costs one pass (a sample: its share)."""
        if (
            not self._is_plain
            or type(theta) is not ARRAY
            or theta.dtype is not FLOAT64
            or self._value_items + self._gradient_cost + self.n_samples > self._limit
            or (self._has_clock and self._is_late())
        ):
            return self._value(theta)
        self._value_items += self.n_samples
        try:
            value = self._objective.value(theta)
        except Exception as error:
            self.error = self.error or error
            raise
        if self._is_changed or not self.best_shown <= value < INFINITY:
            return self._show(theta, value)
        self._n_calls += 1
        return value

    def _value(self, theta: ArrayLike) -> float:
        """Do the same whatever theta is, and with noise, constraints and the end of the budget."""
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
        points = np.array(thetas, dtype=FLOAT64)  # a copy: the next row of the trace needs it as it is now
        n_rows, dim = points.shape if points.ndim == 2 else (0, 0)
        if dim != self.dim:
            raise InvalidInputError(f"thetas must have shape (m, {self.dim}), got {points.shape}")
        items = n_rows * self.n_samples
        if (
            not self._is_plain
            or not n_rows
            or self._value_items + self._gradient_cost + items > self._limit
            or (self._has_clock and self._is_late())
        ):
            return self._values(points)
        if n_rows > 1:
            self._population = points
        self._value_items += items
        try:
            values = self._objective.values(points)
        except Exception as error:
            self.error = self.error or error
            raise
        # argmin and argmax find a NaN first, so that these comparisons fail where one is among the values
        if self._is_changed or not self.best_shown <= values[values.argmin()] or not values[values.argmax()] < INFINITY:
            return self._show_all(points, values)
        self._n_calls += n_rows
        return values

    def _values(self, points: Array) -> Array:
        """Do the same for any number of rows, and with noise, constraints and the end of the budget."""
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
            values = self._guarded(self._noise.values, points[:n_fit], samples)
            shown[:n_fit] = self._show_all(points[:n_fit], values)
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
        if (
            not self._is_plain
            or type(theta) is not ARRAY
            or theta.dtype is not FLOAT64
            or self._value_items + self._gradient_cost + self._gradient_price > self._limit
            or (self._has_clock and self._is_late())
        ):
            point = self._checked(theta)
            samples = self._noise.draw()
            self._pay(self._noise.price(samples), is_gradient=True)
            value, gradient = self._guarded(self._noise.value_and_gradient, evaluate, point, samples)
        else:
            point = theta
            self._value_items += self.n_samples
            self._gradient_items += self.n_samples
            self._gradient_cost = self.budget.gradient_price * self._gradient_items
            try:
                value, gradient = evaluate(theta, None)
            except Exception as error:
                self.error = self.error or error
                raise
        if not -INFINITY < gradient[gradient.argmin()] <= gradient[gradient.argmax()] < INFINITY:
            self.n_nonfinite += 1
            raise self._stop(Diverged(f"a gradient was not finite after {self.cost:g} passes"))
        if self._is_changed or not self.best_shown <= value < INFINITY:
            return self._show(point, value), gradient
        self._n_calls += 1
        return value, gradient

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
        return self._noise.held() if self.is_noisy else nullcontext()

    # how a call is made

    def _checked(self, theta: ArrayLike) -> Vector:
        point = np.asarray(theta, dtype=np.float64)
        return self._objective.project(point) if self.is_constrained else point

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            self.error = self.error or error
            raise
