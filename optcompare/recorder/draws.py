"""How an objective's noise is drawn over a run: anew for every row or call, or once and frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..objective.layout import Vector
from ..objective.noise import Sample
from ..objective.objective import Objective

Array = NDArray[np.float64]
Samples = tuple[Sample | None, ...]  # what one evaluation is the mean over; (None,) is noise-free


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


class NoiseStream:
    """The samples that one run's evaluations meet, drawn from the run's own generator."""

    def __init__(self, objective: Objective, draws: Draws, rng: np.random.Generator) -> None:
        self._objective = objective
        self._samples = objective.samples(rng) if objective.is_noisy else None
        self._frozen: Samples | None = None
        if self._samples is not None and isinstance(draws, Frozen):
            self._frozen = tuple(next(self._samples) for _ in range(draws.copies))
        self._is_per_row = self._samples is not None and draws == Redraw("row")
        self._held: Samples | None = None
        self._is_holding = False

    @property
    def is_per_row(self) -> bool:
        """Whether every row of a population meets its own sample."""
        return self._is_per_row and not self._is_holding

    def draw(self) -> Samples:
        """Return the samples of the next call."""
        if self._samples is None:
            return (None,)
        if self._frozen is not None:
            return self._frozen
        if not self._is_holding:
            return (next(self._samples),)
        if self._held is None:
            self._held = (next(self._samples),)
        return self._held

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, every call meets one and the same draw."""
        self._held, self._is_holding = None, True
        try:
            yield
        finally:
            self._held, self._is_holding = None, False

    def price(self, samples: Samples) -> int:
        """Return what one evaluation over the samples costs, in items."""
        return sum(self._objective.n_samples if sample is None else sample.n_items for sample in samples)

    def value(self, point: Vector, samples: Samples) -> float:
        """Return the mean of the objective over the samples."""
        if len(samples) == 1:
            return self._objective.value(point, samples[0])
        return float(np.mean([self._objective.value(point, sample) for sample in samples]))

    def values(self, points: Array, samples: Samples) -> Array:
        """Return the mean of the objective over the samples, for every row of points."""
        if len(samples) == 1:
            return self._objective.values(points, samples[0])
        return np.mean([self._objective.values(points, sample) for sample in samples], axis=0)

    @staticmethod
    def value_and_gradient(
        evaluate: Callable[[Vector, Sample | None], tuple[float, Vector]], point: Vector, samples: Samples
    ) -> tuple[float, Vector]:
        """Return the mean value and gradient that ``evaluate`` gives over the samples."""
        pairs = [evaluate(point, sample) for sample in samples]
        if len(pairs) == 1:
            return pairs[0]
        return float(np.mean([value for value, _ in pairs])), np.mean([grad for _, grad in pairs], axis=0)
