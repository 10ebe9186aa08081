"""Effective degrees of freedom: how many weights a lambda leaves free, a ruler across data sets.

    dof(lambda) = tr H (H + (lambda/n) I)^-1 = sum_i mu_i / (mu_i + lambda/n)

over the penalised coordinates, mu the eigenvalues of the mean loss's Hessian in them at the optimum, with the free
biases profiled out: H = H_ww - H_wb H_bb^+ H_bw. For squared error it is the trace of ridge's hat matrix, less one per
output for its bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .conventions import check_lambda
from .curvature import at_canonical_lambda, is_convex, loss_hessian, minimise
from .l2 import L2
from .layout import Vector
from .losses import HalfSquaredError
from .objective import Array, Objective
from .penalty import NoPenalty

DOF_RANGE = (1e-8, 1e8)


def effective_dof(objective: Objective, lam: float | None = None, *, theta: ArrayLike | None = None) -> float:
    """Return tr H (H + (lambda/n) I)^-1 over the weights, biases profiled out; a number in [0, rank of H].

    ``lam``: canonical; None is the objective's own. ``theta`` (d,): where H is taken; None solves for the optimum at
    ``lam``, which needs a convex linear model. Linear models use the exact Hessian; MLPs the generalised Gauss-Newton
    matrix, because the Hessian itself may have eigenvalues below 0 (down to -lambda/n at a minimum of J) whose terms
    are no degrees of freedom; functions the Hessian by differences of their gradient. At lambda = 0 it is H's rank.

    Raises InvalidInputError for a lambda below 0, no lambda and a penalty that is not L2, a loss without curvature, an
    MLP or a function without theta, and a function whose H + (lambda/n) I is not positive definite at theta.
    Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, eq. 3.50; MacKay 1992 (gamma).
    """
    objective = objective.exact
    strength = _own_lambda(objective) if lam is None else check_lambda(lam)
    if theta is not None:
        return _dof(_eigenvalues(objective, objective._point(theta)), objective.penalty_scale * strength)
    return _dof(_eigenvalues(objective, _optimum(objective, strength)), objective.penalty_scale * strength)


def _own_lambda(objective: Objective) -> float:
    """Return the objective's canonical L2 lambda; the lambda of another penalty is none."""
    if not isinstance(objective.penalty, (L2, NoPenalty)):
        raise InvalidInputError(
            f"{type(objective.penalty).__name__} has no L2 lambda: give lam=..., a canonical L2 lambda"
        )
    return objective.lam_canonical


def lambda_of_dof(objective: Objective, dof: float, *, theta: ArrayLike | None = None) -> float:
    """Return the canonical lambda at which the effective degrees of freedom are ``dof``.

    Root finding on log lambda over 1e-8 .. 1e8; with ``theta`` (d,), which MLPs and functions need, H stays as it is
    there. The dof of a fixed H falls with lambda. For logistic and softmax losses H moves with the optimum, and nothing
    forbids several lambdas of one dof: the largest is returned, to the decade.

    Raises InvalidInputError where no lambda in that range has this dof, naming what it can be.
    """
    objective = objective.exact
    c = objective.penalty_scale
    if theta is not None or _is_quadratic(objective):
        fixed = _eigenvalues(objective, np.zeros(objective.dim) if theta is None else objective._point(theta))
        return _falling_root(lambda lam: _dof(fixed, c * lam) - dof, dof)
    nearest: list[Vector] = [np.zeros(objective.dim)]

    def excess(lam: float) -> float:
        nearest[0] = _optimum(objective, lam, nearest[0])
        return _dof(_eigenvalues(objective, nearest[0]), c * lam) - dof

    return _falling_root(excess, dof)


def _falling_root(excess: Callable[[float], float], dof: float) -> float:
    """Return the largest lambda with excess(lambda) = 0, walking down the range by decades, warm starts in step."""
    from scipy.optimize import brentq

    low, high = DOF_RANGE
    above, most, least = high, -math.inf, excess(high)
    if least <= 0.0:
        for below in np.geomspace(high, low, 17)[1:]:
            most = excess(float(below))
            if most >= 0.0:
                ends = math.log(below), math.log(above)
                return math.exp(brentq(lambda log_lam: excess(math.exp(log_lam)), *ends, xtol=1e-12))
            above = float(below)
    reach = f"at least {dof + least:.3g}" if least > 0.0 else f"{dof + least:.3g} to {dof + most:.6g}"
    raise InvalidInputError(
        f"no lambda from {low:g} to {high:g} gives {dof!r} degrees of freedom: here they are {reach}"
    )


def _is_quadratic(objective: Objective) -> bool:
    return is_convex(objective) and isinstance(objective.loss_function, HalfSquaredError)  # type: ignore[attr-defined]


def _optimum(objective: Objective, lam: float, start: Vector | None = None) -> Vector:
    """Return the optimum at canonical ``lam`` of a convex linear model; any point where H does not move."""
    if not is_convex(objective):
        raise InvalidInputError(
            f"{objective.name} is not a linear model with a convex loss, so it has no one optimum to take the Hessian "
            "at: pass theta=..., an answer trained at this lambda"
        )
    first = np.zeros(objective.dim) if start is None else start
    if _is_quadratic(objective):
        return first
    if lam == 0.0:
        raise InvalidInputError(
            "lambda = 0 may have no optimum here (separable classes: the weights grow for ever): give lam > 0, or theta"
        )
    return minimise(at_canonical_lambda(objective, lam), first)


def _eigenvalues(objective: Objective, theta: Vector) -> Array:
    """Return the eigenvalues of the loss's Hessian in the penalised coordinates, the free ones profiled out."""
    H, mask = loss_hessian(objective, theta), objective.is_penalised
    within, across, free = H[np.ix_(mask, mask)], H[np.ix_(mask, ~mask)], H[np.ix_(~mask, ~mask)]
    if free.size:
        within = within - across @ np.linalg.pinv(free, rcond=1e-10, hermitian=True) @ across.T
    mu = np.linalg.eigvalsh(within)
    is_rounding = np.abs(mu) <= 1e-14 * len(mu) * np.abs(mu).max(initial=0.0)
    return np.where(is_rounding, 0.0, mu)


def _dof(mu: Array, ridge: float) -> float:
    if mu.min(initial=0.0) < 0.0 and mu.min() <= -ridge:
        raise InvalidInputError(
            f"the Hessian's smallest eigenvalue {mu.min():.3g} is not above -lambda/n = {-ridge:.3g}: theta is not a "
            "minimum at this lambda; train it further, or give a larger lambda"
        )
    seen = mu[mu != 0.0]
    return float(np.sum(seen / (seen + ridge)))
