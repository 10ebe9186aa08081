"""The purse: what a run has spent, in items, and whether the next call fits.

Counts are kept in items and in whole numbers, so that they are exact: a pass is ``n_samples`` items.
"""

from __future__ import annotations

import math
from time import perf_counter

from ..errors import BudgetExhausted, RunStopped
from ..objective.objective import Objective
from .budget import Budget, as_budget


class Purse:
    """What a run may spend and has spent.

    ``_limit`` is what may be spent in items, and -inf once the run has been stopped: one comparison then tells a call
    that fits from one that must be refused.
    """

    __slots__ = (
        "_gradient_cost", "_gradient_items", "_gradient_price", "_has_clock", "_limit", "_most_items",
        "_off_clock", "_started", "_value_items", "budget", "n_samples", "stopped",
    )  # fmt: skip

    def __init__(self, objective: Objective, budget: Budget | float) -> None:
        self.budget = as_budget(budget)
        self.n_samples = objective.n_samples
        self.stopped: RunStopped | None = None
        self._most_items = self.budget.passes(objective.dim) * self.n_samples
        self._limit = self._most_items
        self._has_clock = self.budget.seconds is not None
        self._value_items = 0
        self._gradient_items = 0
        self._gradient_cost = 0.0  # gradient_price * _gradient_items
        self._gradient_price = self.n_samples * (
            1.0 + self.budget.gradient_price
        )  # of a whole pass, the value included
        self._off_clock = 0.0
        self._started = perf_counter()

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
        return perf_counter() - self._started - self._off_clock

    def _affordable(self, rows: int, price: int) -> int:
        """Return how many of the rows, ``price`` items each, fit."""
        self._check_clock()
        left = self._most_items - (self._value_items + self._gradient_cost)
        if math.isinf(left):
            return rows
        return max(0, min(rows, int(left // price)))

    def _pay(self, items: int, *, is_gradient: bool) -> None:
        """Charge a call, or refuse it by raising."""
        self._check_clock()
        price = items * (1.0 + self.budget.gradient_price) if is_gradient else items
        if self._value_items + self._gradient_cost + price > self._most_items:
            raise self._stop(BudgetExhausted(self._spent()))
        self._value_items += items
        if is_gradient:
            self._gradient_items += items
            self._gradient_cost = self.budget.gradient_price * self._gradient_items

    def _check_clock(self) -> None:
        if self.stopped is not None:
            raise self.stopped
        if self._is_late():
            raise self._stop(BudgetExhausted(f"the wall clock passed {self.budget.seconds:g} s"))

    def _is_late(self) -> bool:
        seconds = self.budget.seconds
        return seconds is not None and perf_counter() - self._started - self._off_clock >= seconds

    def _spent(self) -> str:
        return f"the budget of {self._most_items / self.n_samples:g} passes is spent ({self.cost:g} used)"

    def _stop(self, signal: RunStopped) -> RunStopped:
        self._limit = -math.inf
        self.stopped = self.stopped or signal
        return self.stopped
