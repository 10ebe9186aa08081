"""Curvature of the training loss, and the minimiser that references are made of.

Linear model, x~ = (x, 1): the Hessian of the mean loss in theta = (W, b) is

    H = (1/n) sum_i x~_i x~_i' (x) S_i,    S_i = d2 l / dz dz'

(squared error: S = I; logistic: p (1 - p); softmax: diag p - p p').
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .data_objective import DataObjective
from .layout import Vector
from .objective import Array, Objective
from .penalties import L2

NEWTON_LIMIT = 1000  # parameters; above it the (d, d) Hessian costs more than L-BFGS's iterations
BYTES_AT_ONCE = 32e6


def is_linear(objective: Objective) -> bool:
    """Whether the objective is a linear model on data, so that its Hessian has a closed form."""
    return isinstance(objective, DataObjective) and not objective.model.hidden


def is_convex(objective: Objective) -> bool:
    """Whether the loss is known to be convex and smooth: a linear model with a convex smooth loss."""
    return isinstance(objective, DataObjective) and is_linear(objective) and (
        objective.loss_function.is_convex and objective.loss_function.is_smooth
    )  # fmt: skip


def at_canonical_lambda(objective: Objective, lam: float) -> Objective:
    """Return the objective's loss with L2 at canonical ``lam`` in place of its own penalty; biases as they were."""
    return objective._with_penalty(L2(lam, biases=objective.penalty.biases))


def loss_hessian(objective: Objective, theta: Vector) -> Array:
    """Return the Hessian of the objective's loss (its mean or its sum), shape (d, d).

    Linear models: the closed form. MLPs: the generalised Gauss-Newton matrix (1/n) sum_i J_i' S_i J_i, with
    J_i = dz_i/dtheta by central differences of the scores: it is positive semidefinite at any theta, equals H for a
    linear model, and differs from H by (1/n) sum_i (dl/dz_i) d2z_i/dtheta^2, which vanishes with the residuals.
    Functions: central differences of the gradient, which may be indefinite.

    Raises InvalidInputError where there is no smooth loss with a gradient.
    Source: Schraudolph 2002, Neural Computation 14 (generalised Gauss-Newton).
    """
    if not (objective.has_gradient and objective.is_smooth):
        raise InvalidInputError(
            f"{objective.name} has no curvature: its loss needs a gradient and to be smooth. Use a smooth loss "
            "('logistic', 'softmax', 'half_squared_error'), or pass gradient=... to function_objective"
        )
    if not isinstance(objective, DataObjective):
        return _by_differences(objective, theta)
    if is_linear(objective):
        return _of_linear_model(objective, theta)
    return _gauss_newton(objective, theta)


def _of_linear_model(objective: DataObjective, theta: Vector) -> Array:
    X = np.hstack([objective.data.X, np.ones((objective.n_samples, 1))])
    scores = objective.model.scores(theta, objective.data.X)
    S = objective.loss_function.curvature(scores, objective.data.y)
    n_inputs, k = X.shape[1], scores.shape[1]
    H = np.empty((n_inputs, k, n_inputs, k))  # theta is W (p, k) in C order, then b (k,)
    for row in range(k):
        for column in range(row, k):
            H[:, row, :, column] = (X * S[:, row, column, None]).T @ X
            H[:, column, :, row] = H[:, row, :, column]
    return H.reshape(n_inputs * k, n_inputs * k) * objective.penalty_scale


def _gauss_newton(objective: DataObjective, theta: Vector) -> Array:
    d, X, y, model = objective.dim, objective.data.X, objective.data.y, objective.model
    k = model.sizes[-1][1]
    step = 1e-5 * np.maximum(1.0, np.abs(theta))
    nudged = np.concatenate([theta + np.diag(step), theta - np.diag(step)])
    widest = max(units for _, units in model.sizes)
    n_at_once = max(1, int(BYTES_AT_ONCE / (16 * d * max(k, widest))))
    H = np.zeros((d, d))
    for first in range(0, len(X), n_at_once):
        items = slice(first, first + n_at_once)
        scores = model.scores_many(nudged, X[items])
        J = (scores[:d] - scores[d:]) / (2.0 * step[:, None, None])  # (d, items, k)
        S = objective.loss_function.curvature(model.scores(theta, X[items]), y[items])
        H += J.reshape(d, -1) @ np.einsum("dik,ikl->dil", J, S).reshape(d, -1).T
    return H * objective.penalty_scale


def _by_differences(objective: Objective, theta: Vector) -> Array:
    H = np.empty((objective.dim, objective.dim))
    for axis in range(objective.dim):
        step = np.zeros(objective.dim)
        step[axis] = 1e-5 * max(1.0, abs(theta[axis]))
        H[axis] = (objective.loss_gradient(theta + step) - objective.loss_gradient(theta - step)) / (2.0 * step[axis])
    return 0.5 * (H + H.T)


def minimise(objective: Objective, start: Vector) -> Vector:
    """Return the minimiser of a smooth J near ``start`` (d,), as exactly as double precision gives it.

    Convex linear models up to 1,000 parameters: damped Newton steps with the closed-form Hessian, to a gradient of
    rounding size (1e-17). All others: L-BFGS (scipy) with ftol = 0, gtol = 1e-10, which stalls once J has no digits
    left to fall by: on diabetes at a gradient of 1e-9, so that lambda = 1e-4 is met to 1e-3 .. 1e-2 only.
    """
    if is_convex(objective) and objective.dim <= NEWTON_LIMIT:
        return _by_newton(objective, start)
    return _by_lbfgs(objective, start)


def _by_lbfgs(objective: Objective, start: Vector) -> Vector:
    from scipy.optimize import minimize

    scale = 1.0 / (objective.n_samples * objective.penalty_scale)  # a sum is minimised as its mean: gtol is absolute

    def scaled(theta: Vector) -> tuple[float, Vector]:
        value, gradient = objective.value_and_gradient(theta)
        return scale * value, scale * gradient

    options = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 20_000, "maxfun": 40_000, "maxcor": 30}
    return np.asarray(minimize(scaled, start, jac=True, method="L-BFGS-B", options=options).x, dtype=np.float64)


def _held(H: Array, is_free: NDArray[np.bool_]) -> Array:
    """Return H with curvature where the free biases have none: softmax does not see all of them move alike."""
    top = float(np.abs(H).max())
    held = H + np.diag(1e-14 * top * is_free)
    if np.abs(H[:, is_free].sum(axis=1)).max(initial=0.0) <= 1e-12 * top:
        held[np.ix_(is_free, is_free)] += top
    return held


def _by_newton(objective: Objective, start: Vector) -> Vector:
    theta = start.copy()
    value, gradient = objective.value_and_gradient(theta)
    shift = objective.penalty_scale * objective.lam_canonical * objective.is_penalised
    for _ in range(200):
        H = loss_hessian(objective, theta)
        step = np.linalg.solve(_held(H, ~objective.is_penalised) + np.diag(shift), -gradient)
        slope = float(gradient @ step)
        size, length = float(np.linalg.norm(gradient)), 1.0
        while True:
            trial = theta + length * step
            new_value, new_gradient = objective.value_and_gradient(trial)
            # near the optimum J has no digits left to fall by (softmax rounds by its scores); the gradient still has
            is_sharper = float(np.linalg.norm(new_gradient)) <= 0.5 * size
            if is_sharper or new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.5
            if length < 1e-10:
                return theta
        if not is_sharper and -slope <= 1e-12 * abs(value):
            return theta
        theta, value, gradient = trial, new_value, new_gradient
    return theta
