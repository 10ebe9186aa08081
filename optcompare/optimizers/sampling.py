"""Optimizers that only sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .base import Optimizer, Vector
from .options import one_of, positive, whole

if TYPE_CHECKING:
    from ..recorder import Recorder


class RandomSearch(Optimizer):
    """Random search: independent draws around the start, theta = start + scale * z, the best one kept.

    distribution: "normal" (z standard normal) or "uniform" (z in [-1, 1]). scale: in units of theta. batch: candidates
    evaluated at a time; it changes nothing else but which candidates share a draw of the objective's noise.
    It never stops by itself.
    """

    distribution: str = "normal"
    scale: float = 1.0
    batch: int = 100

    def __post_init__(self) -> None:
        one_of("distribution", self.distribution, ("normal", "uniform"))
        positive("scale", self.scale)
        whole("batch", self.batch, at_least=1)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Evaluate the start, then draws until the budget ends; answer with the best point seen."""
        candidates = self._draw(start, rng)
        candidates[0] = start
        while True:
            objective.values(candidates)
            candidates = self._draw(start, rng)

    def _draw(self, start: Vector, rng: np.random.Generator) -> Vector:
        shape = (self.batch, start.size)
        is_normal = self.distribution == "normal"
        return start + self.scale * (rng.standard_normal(shape) if is_normal else rng.uniform(-1.0, 1.0, shape))
