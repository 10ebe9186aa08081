"""What decay in the update minimizes instead of an L2 penalty: residuals of the conditions at its rest, 0 where they
hold.

w are the weights of theta, g the gradient of the loss alone on them, c = penalty_scale. Each residual is relative, so
that it compares with that of the best-fitting L2, |g + c lambda_hat w|/|g| = sin(angle of the meter).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .data_objective import DataObjective
from .layout import Vector
from .objective import Objective


def l2_residual(objective: Objective, theta: ArrayLike, lam: float) -> float:
    """Return |g + c lam w|/|g|: 0 at the minimizer under the canonical L2 lambda ``lam``."""
    w, g = _weights_and_gradient(objective, theta)
    return _relative(g + objective.penalty_scale * lam * w, g)


def box_gap(objective: Objective, theta: ArrayLike, radius: float) -> float:
    """Return 1 - <-g, w>/(radius |g|_1): what is left of the linear decrease over the box max|w| <= radius.

    The Frank-Wolfe gap, relative: 0 at the minimizer over the box of a convex loss, 1 at w = 0. AdamW, RMSprop and sign
    descent with decay come to rest there, radius = 1/wd (Xie & Li 2024). Outside the box it can be 0 elsewhere or
    negative: read it with max|w|.
    """
    w, g = _weights_and_gradient(objective, theta)
    _check_radius(radius)
    return 1.0 + float(g @ w) / (radius * float(np.abs(g).sum()))


def ball_residual(objective: Objective, theta: ArrayLike, radius: float) -> float:
    """Return |g/|g| + w/radius|: 0 at a minimizer on the sphere |w| = radius, where the ball |w| <= radius binds.

    Normalised gradients with decay come to rest there, radius = 1/wd, and clipped ones, radius = tau eta/delta.
    """
    w, g = _weights_and_gradient(objective, theta)
    _check_radius(radius)
    return float(np.linalg.norm(g / np.linalg.norm(g) + w / radius))


def barrier_residual(objective: Objective, theta: ArrayLike, radius: float, epsilon: float) -> float:
    """Return |g + r|/|g|, r_i = (epsilon/radius) w_i/(1 - |w_i|/radius).

    r is the gradient of (epsilon radius) sum_i [-|w_i|/radius - ln(1 - |w_i|/radius)]: what AdamW adds to the loss on
    full batches, radius = 1/wd, since at rest g_i/(|g_i| + epsilon) = -w_i/radius. For small w it is L2 with the
    canonical lambda epsilon/(c radius).
    """
    w, g = _weights_and_gradient(objective, theta)
    _check_radius(radius)
    return _relative(g + epsilon / radius * w / (1.0 - np.abs(w) / radius), g)


def coordinate_forces(objective: DataObjective, theta: ArrayLike, weight_decay: float, batch: int) -> Vector:
    """Return weight_decay sqrt(v_i) w_i on the weights of a linear model with one score; -g_i at the rest of AdamW.

    v_i = E[g_i^2] over batches of ``batch`` items drawn without replacement, the smaller last one of a round included:
    v_i = (mean of (1 - B/n)/B over the round's batches) s_i^2 + g_i^2, s_i^2 the variance of the items' gradients. So
    each coordinate has a lambda of its own, sqrt(v_i) weight_decay/c.
    """
    if objective.model.hidden or objective.model.sizes[0][1] != 1:
        raise InvalidInputError("coordinate_forces needs a linear model with one score: use linear_objective")
    point, data = np.asarray(theta, dtype=np.float64), objective.data
    scores = objective.model.scores(point, data.X)
    each = objective.loss_function.gradient(scores, data.y).reshape(-1, 1) * data.X
    sizes = np.bincount(np.arange(len(each)) // batch)
    share = float(np.mean((1.0 - sizes / len(each)) / sizes))
    second = share * each.var(axis=0, ddof=1) + each.mean(axis=0) ** 2
    return np.asarray(weight_decay * np.sqrt(second) * point[objective.is_weight])


def newton_residual(objective: Objective, theta: ArrayLike, ratio: float) -> float:
    """Return |g + ratio H w|/|g| over all coordinates, w with zeros for biases, H the loss's Hessian at theta.

    Newton's step with decay comes to rest at 0, ratio = delta/eta: on a quadratic loss its bare minimizer shrunk. H w
    is a central difference of gradients along w, exact on a quadratic.
    """
    point = np.asarray(theta, dtype=np.float64)
    w = np.where(objective.is_weight, point, 0.0)
    above, below = (objective.loss_gradient(point + h * w) for h in (1e-4, -1e-4))
    g = objective.loss_gradient(point)
    return _relative(g + ratio * (above - below) / 2e-4, g)


def _weights_and_gradient(objective: Objective, theta: ArrayLike) -> tuple[Vector, Vector]:
    point, inside = np.asarray(theta, dtype=np.float64), objective.is_weight
    return point[inside], objective.loss_gradient(point)[inside]


def _relative(residual: Vector, g: Vector) -> float:
    return float(np.linalg.norm(residual) / np.linalg.norm(g))


def _check_radius(radius: float) -> None:
    if not 0.0 < radius < np.inf:
        raise InvalidInputError(f"a radius must be finite and > 0, got {radius!r}")
