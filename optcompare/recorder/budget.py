"""Budgets: what a run may spend, in passes over the training items, in seconds, or until a target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInputError


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
