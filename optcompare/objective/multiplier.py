"""The multiplier of an objective's own constraint or anchor at a point theta.

At a minimiser of L subject to |w|_2 <= r there is a number lambda >= 0 with g + c lambda w = 0, g the gradient of the
loss: the constrained minimiser is a stationary point of L + c lambda/2 |w|^2, so lambda is the L2 lambda that the
radius amounts to. It is 0 where |w| < r.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .constraints import MaxNorm, norm_along
from .conventions import check_lambda
from .l2 import AnchoredL2
from .layout import Vector
from .meter import implied_lambda
from .objective import Array, Objective


def implied_multiplier(objective: Objective, theta: ArrayLike, *, tolerance: float = 1e-6) -> float | Vector:
    """Read the canonical lambda that the objective's constraint or anchor amounts to at theta (d,).

    MaxNorm(r): -<g, w>/(c <w, w>) where |w| >= r (1 - ``tolerance``), the constraint being active, and 0 elsewhere;
    with per_neuron one number per neuron, columns of W1, then of W2, ..., shape (neurons,), from its own g and w.
    AnchoredL2(lambda, a): -<g, w - a>/(c |w - a|^2) over the penalised coordinates, which at its optimum is lambda; the
    meter, oc.implied_lambda, measures from 0 instead. NaN at w = a.

    Nothing is clipped: a number below 0 says that the loss still falls inward, so that theta is no optimum. Whether one
    number fits the whole vector is the meter's angle. Raises InvalidInputError for another penalty, for a point outside
    the constraint, and where g is needed and there is none (per neuron, anchor).
    """
    point = objective._point(theta)
    check_lambda(tolerance, "tolerance")
    objective = objective.exact
    penalty = objective.penalty
    if isinstance(penalty, AnchoredL2):
        counted = objective.is_penalised
        from_anchor, g = (point - penalty.anchored_at)[counted], _loss_gradient(objective, point)[counted]
        return float(_ratios(g[:, None], from_anchor[:, None], objective.penalty_scale)[0])
    if not isinstance(penalty, MaxNorm):
        raise InvalidInputError(
            f"implied_multiplier reads MaxNorm and AnchoredL2, and this objective has {penalty!r:.200}: "
            "use oc.implied_lambda for the L2 lambda that theta looks like the answer to"
        )
    if penalty.per_neuron:
        return _per_neuron(objective, penalty, point, tolerance)
    is_active = _is_active(point[objective.is_weight][:, None], penalty, tolerance)[0]
    return implied_lambda(objective, point).value if is_active else 0.0


def _per_neuron(objective: Objective, penalty: MaxNorm, point: Vector, tolerance: float) -> Vector:
    gradient = _loss_gradient(objective, point)
    found = []
    for block, w, g in zip(objective.layout.blocks, objective.layout.unpack(point), objective.layout.unpack(gradient)):
        if block.is_weight:
            is_active = _is_active(w, penalty, tolerance)
            found.append(np.where(is_active, _ratios(g, w, objective.penalty_scale), 0.0))
    return np.concatenate(found)


def _is_active(w: Array, penalty: MaxNorm, tolerance: float) -> Array:
    """Return for every column of w whether it lies on its sphere; refuse one outside."""
    norms = norm_along(w, 0)[0]
    largest = float(norms.max())
    if not largest <= penalty.radius * (1.0 + tolerance):
        raise InvalidInputError(
            f"theta has |w| = {largest:.6g}, outside of MaxNorm({penalty.radius:g}): project it first, "
            "objective.project(theta)"
        )
    return norms >= penalty.radius * (1.0 - tolerance)


def _ratios(g: Array, w: Array, c: float) -> Vector:
    """Return -<g, w>/(c <w, w>) of every column; NaN where w = 0."""
    squares = (w * w).sum(axis=0)
    return np.divide(-(g * w).sum(axis=0), c * squares, out=np.full_like(squares, np.nan), where=squares > 0.0)


def _loss_gradient(objective: Objective, point: Vector) -> Vector:
    if not (objective.has_gradient and objective.is_smooth):
        raise InvalidInputError(
            f"this multiplier needs a smooth loss with a gradient, and {objective.name} has none: use another loss, or "
            "MaxNorm(per_neuron=False), which is read without a gradient"
        )
    return objective.loss_gradient(point)
