"""The reference path: the minimisers theta*(lambda) of one loss under L2, and reading a lambda off it.

Along it the norm falls and the training loss rises with lambda, so that either scalar names one lambda. "The same
weights" does not exist on a path of one parameter: say which scalar was matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from .conventions import check_lambda
from .curvature import at_canonical_lambda, minimise
from .layout import Vector
from .objective import Array, Objective


class ReferencePath(NamedTuple):
    """thetas (m, d), norms (m,) = |w|, losses (m,) = L without penalty, one row per lambda in the order asked for."""

    thetas: Array
    norms: Array
    losses: Array


def reference_path(
    objective: Objective, lambdas: Sequence[float] | Array, *, start: Vector | None = None
) -> ReferencePath:
    """Solve min L + c lambda/2 sum w^2 at every canonical lambda, from the largest down, each from the one before.

    Convex linear models: the exact path. Otherwise the one local branch reached from ``start`` (d,), which is then
    needed. Raises InvalidInputError for no lambda, a lambda not above 0, or a loss without a smooth gradient.
    """
    strengths = np.array([check_lambda(float(lam)) for lam in lambdas])
    if not strengths.size or strengths.min() <= 0.0:
        raise InvalidInputError(f"lambdas must be one or more numbers > 0, got {list(lambdas)!r}")
    check_solvable(objective)
    theta = np.zeros(objective.dim) if start is None else objective._point(start)
    thetas = np.empty((len(strengths), objective.dim))
    for row in np.argsort(-strengths):
        theta = thetas[row] = minimise(at_canonical_lambda(objective, float(strengths[row])), theta)
    return ReferencePath(
        thetas,
        np.array([objective.norm(theta) for theta in thetas]),
        np.array([objective.loss(theta) for theta in thetas]),
    )


def check_solvable(objective: Objective) -> None:
    """Refuse a loss that has no smooth gradient: its path cannot be solved for."""
    if not (objective.has_gradient and objective.is_smooth):
        raise InvalidInputError(
            f"{objective.name}'s loss has no smooth gradient, so its reference path cannot be solved for: match on a "
            "stored path (match_on_path), or read implied_lambda's ray form"
        )


def match_on_path(
    path: tuple[ArrayLike, ArrayLike, ArrayLike], *, norm: ArrayLike | None = None, loss: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the lambda at which a stored path has this norm (or this training loss), of the shape given.

    ``path`` = (lambdas, norms, losses), each (m,), in any order, lambdas > 0: 20 a decade are enough. The scalar is
    interpolated over lambda by PCHIP in log-log and inverted exactly; nothing is solved. A norm above the path's
    largest (a loss below its smallest) is 0.0: its lambda is below the path's range, or it has none; beyond the other
    end it is inf. NaN stays NaN. Raises InvalidInputError unless exactly one scalar is given, and for a path of fewer
    than two points or with numbers that are not above 0.
    """
    from scipy.interpolate import PchipInterpolator

    if (norm is None) == (loss is None):
        raise InvalidInputError("match_on_path needs exactly one of norm=... and loss=...")
    lambdas, norms, losses = (np.asarray(column, dtype=np.float64).ravel() for column in path)
    scalars, given = (norms, norm) if loss is None else (losses, loss)
    if len(lambdas) < 2 or scalars.shape != lambdas.shape:
        raise InvalidInputError(f"a path needs two or more points, got {len(lambdas)} lambdas, {len(scalars)} scalars")
    if not (np.isfinite(lambdas).all() and np.isfinite(scalars).all() and min(lambdas.min(), scalars.min()) > 0.0):
        raise InvalidInputError(
            "a path's lambdas, norms and losses must be finite and > 0 to be interpolated in log-log"
        )
    x, first = np.unique(np.log(lambdas), return_index=True)
    sign = 1.0 if norm is None else -1.0  # the loss rises with lambda, the norm falls
    rising = np.maximum.accumulate(sign * np.log(scalars[first]))  # a stored run may be off the path by a rounding
    curve = PchipInterpolator(x, rising)
    wanted = np.asarray(given, dtype=np.float64)
    return np.array([_invert(curve, rising, sign, value) for value in wanted.ravel()]).reshape(wanted.shape)


def _invert(curve: object, rising: Array, sign: float, value: float) -> float:
    if not value >= 0.0:
        return float("nan")
    with np.errstate(divide="ignore"):
        target = sign * np.log(value)
    if target < rising[0]:
        return 0.0
    if target > rising[-1]:
        return float("inf")
    roots = curve.solve(target, extrapolate=False)  # type: ignore[attr-defined]
    roots = roots[np.isfinite(roots)]
    # the ends may be missed by a rounding
    return float(np.exp(roots.mean() if roots.size else curve.x[0 if target <= rising[0] else -1]))  # type: ignore[attr-defined]
