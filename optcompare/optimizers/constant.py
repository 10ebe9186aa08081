"""The best constant predictor: what an answer that has learnt nothing from the inputs is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .base import Optimizer, Vector
from .options import CEILING, positive

if TYPE_CHECKING:
    from ..recorder import Recorder

STEP = float(np.finfo(np.float64).eps) ** (1 / 3)  # of central differences, relative
SMALLEST_GRADIENT = 1e-10  # error per unit of bias


class ConstantPredictor(Optimizer):
    """Constant predictor: all weights zero, biases optimal; the error that learning has to beat (f_0).

        min over b of J(w = 0, b)

    First a scan: every bias alone at +- ``reach`` / 2^k, k = 0 .. 5, so that each constant class is among the points;
    then BFGS from the best of them, with central differences, over the biases that move the error (those of hidden
    units do not while weights are zero). Smooth convex losses: to the last digits. Ramp and 0-1: the best of the scan.
    Where all parameters are weights, or all are biases: zero. The given start is evaluated once and not used.
    """

    requires = ("scipy",)
    reach: float = 32.0

    def __post_init__(self) -> None:
        positive("reach", self.reach)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector:
        """Return the best point without weights that was seen, which need not be the best point seen."""
        objective.value(start)
        best = np.zeros(objective.dim)
        objective.recommend(best)
        least = objective.value(best)
        free = np.flatnonzero(~objective.is_weight)
        if not 0 < len(free) < objective.dim:
            return best
        points = self._scan(objective.dim, free)
        values = objective.values(points)
        is_moving = (values != least).reshape(len(free), -1).any(axis=1)
        if values.min() < least:
            best, least = points[values.argmin()], values.min()
            objective.recommend(best)
        found = _descended(objective, best, free[is_moving]) if is_moving.any() else best
        return found if objective.value(found) < least else best

    def _scan(self, dim: int, free: NDArray[np.int64]) -> Vector:
        """Return the points of the scan, (len(free) * 12, dim), bias by bias."""
        sizes = self.reach / 2.0 ** np.arange(6)
        places = np.concatenate([sizes, -sizes])
        points = np.zeros((len(free), len(places), dim))
        points[np.arange(len(free))[:, None], np.arange(len(places)), free[:, None]] = places
        return points.reshape(-1, dim)


def _descended(objective: Recorder, theta: Vector, free: NDArray[np.int64]) -> Vector:
    """Return where BFGS over the coordinates ``free`` ends, the others as in theta (d,)."""
    from scipy.optimize import minimize

    def placed(biases: Vector) -> Vector:
        points = np.tile(theta, (*biases.shape[:-1], 1))
        points[..., free] = biases
        return points

    def slopes(biases: Vector) -> Vector:
        steps = STEP * np.maximum(1.0, np.abs(biases))
        both = np.concatenate([biases + np.diag(steps), biases - np.diag(steps)])
        values = np.minimum(objective.values(placed(both)), CEILING)
        return (values[: len(free)] - values[len(free) :]) / (2.0 * steps)

    def value(biases: Vector) -> float:
        return max(-CEILING, min(objective.value(placed(biases).ravel()), CEILING))

    solve: Any = minimize
    with np.errstate(all="ignore"):
        result = solve(value, theta[free], jac=slopes, method="BFGS", options={"gtol": SMALLEST_GRADIENT})
    return placed(np.asarray(result.x, dtype=np.float64)).ravel()
