"""The lambda meter: which L2 lambda a point theta looks like the answer to.

At a minimiser of J = L + c lambda/2 sum w^2 the loss's gradient on the penalised coordinates is g = -c lambda w. For
ANY theta the meter reads the lambda that fits best,

    lambda_hat = -<g, w> / (c <w, w>),

and how badly it fits: the angle between -g and w, whose tangent is |g + c lambda_hat w| / (c |lambda_hat| |w|).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .objective import Objective

LARGEST_ANGLE = 8.0  # degrees: a relative residual of 14 %


@dataclass(frozen=True)
class LambdaReading:
    """What the meter says of one theta.

    value: lambda_hat, canonical. angle: degrees between -g and w; on a convex loss with optimal biases tan(angle)
    bounds |w - w*(lambda_hat)|/|w|. norm: |w| over the penalised coordinates. bias_gradient: largest |dL/db| of the free
    biases. per_layer: lambda_hat of every layer. identified: whether the reading means an L2 lambda;
    ``reason`` says why not, or "".
    """

    value: float
    angle: float
    norm: float
    bias_gradient: float
    per_layer: tuple[float, ...]
    identified: bool
    reason: str
    form: str

    def __repr__(self) -> str:
        layers = ", ".join(f"{reading:.4g}" for reading in self.per_layer)
        verdict = "identified" if self.identified else f"NOT identified: {self.reason}"
        return (
            f"implied lambda {self.value:.6g} ({verdict})\n"
            f"  angle {self.angle:.3g} degrees, |w| {self.norm:.4g}, largest bias gradient {self.bias_gradient:.3g}\n"
            f"  per layer: {layers};  {self.form} form"
        )


def implied_lambda(objective: Objective, theta: ArrayLike, *, form: str | None = None) -> LambdaReading:
    """Read the implied canonical lambda of theta (d,).

    ``form``: "gradient" = -<g, w>/(c<w, w>), "ray" = -[L((1+h)w) - L((1-h)w)]/(2 h c |w|^2) with only the weights
    scaled and a Richardson step; None takes the gradient where the objective has a useful one. The ray form needs no
    gradient: it serves any loss, but has no angle and no bias gradient (NaN), so it never counts as identified.

    Raises InvalidInputError for a wrong shape or an unknown form. Source: stationarity of J, first order.
    """
    point = np.array(theta, dtype=np.float64)
    objective.value(point)  # the shape's check, with its own message
    is_readable = objective.has_gradient and objective.is_smooth
    chosen = form or ("gradient" if is_readable else "ray")
    if chosen not in ("gradient", "ray"):
        raise InvalidInputError(f"form must be 'gradient', 'ray' or None, got {form!r}")
    with np.errstate(all="ignore"):
        return _by_ray(objective, point) if chosen == "ray" else _by_gradient(objective, point)


def _ratio(g: np.ndarray, w: np.ndarray, c: float) -> float:
    square = float(w @ w)
    return -float(g @ w) / (c * square) if square > 0 else math.nan


def _by_gradient(objective: Objective, theta: np.ndarray) -> LambdaReading:
    c = objective.penalty_scale
    gradient = objective.loss_gradient(theta)
    mask = objective.is_penalised
    g, w, free = gradient[mask], theta[mask], gradient[~mask]
    value = _ratio(g, w, c)
    size = float(np.linalg.norm(g) * np.linalg.norm(w))
    cosine = float(-(g @ w)) / size if size > 0 else math.nan
    angle = math.degrees(math.acos(min(1.0, max(-1.0, cosine)))) if math.isfinite(cosine) else math.nan
    if angle < 1.0:  # acos loses half the digits near 0: take the residual's tangent instead
        angle = math.degrees(math.atan(np.linalg.norm(g + c * value * w) / (c * value * np.linalg.norm(w))))
    bias_gradient = float(np.abs(free).max()) if free.size else 0.0
    layers = []
    for layer in objective.layout.layers:
        inside = np.zeros(objective.dim, dtype=bool)
        for block in objective.layout.blocks:
            inside[block.where] = block.layer == layer
        inside &= mask
        layers.append(_ratio(gradient[inside], theta[inside], c))
    reason = _why_not(value, angle, float(np.linalg.norm(free)), float(np.linalg.norm(g)), len(w))
    return LambdaReading(
        value, angle, float(np.linalg.norm(w)), bias_gradient, tuple(layers), not reason, reason, "gradient"
    )


def _why_not(value: float, angle: float, free: float, penalised: float, n_weights: int) -> str:
    """Return why a reading is not an L2 lambda, or ""."""
    if not math.isfinite(value):
        return "the weights are 0 or the loss is not finite"
    if value <= 0:
        return "lambda_hat <= 0: the loss still rises as the weights grow along this ray"
    if not angle < LARGEST_ANGLE:
        return f"angle {angle:.3g} degrees is not below {LARGEST_ANGLE:g}: no single lambda fits all weights"
    if free > math.tan(math.radians(LARGEST_ANGLE)) * penalised:
        return "the free biases are not optimal"
    if n_weights == 1:
        return "one weight: every point fits some lambda, the angle says nothing"
    return ""


def _by_ray(objective: Objective, theta: np.ndarray) -> LambdaReading:
    mask = objective.is_penalised
    square = float(theta[mask] @ theta[mask])
    step = 1e-5 if objective.is_smooth else 1e-3

    def slope(h: float, inside: np.ndarray) -> float:
        up, down = theta.copy(), theta.copy()
        up[inside] *= 1.0 + h
        down[inside] *= 1.0 - h
        return (objective.loss(up) - objective.loss(down)) / (2.0 * h)

    def reading(inside: np.ndarray) -> float:
        length = float(theta[inside] @ theta[inside])
        if length == 0:
            return math.nan
        # Richardson: the error of a central difference is h^2, so (4 D(h) - D(2h))/3 cancels it
        derivative = slope(step, inside) if not objective.is_smooth else (
            4.0 * slope(step, inside) - slope(2.0 * step, inside)
        ) / 3.0  # fmt: skip
        return -derivative / (objective.penalty_scale * length)

    layers = []
    for layer in objective.layout.layers:
        inside = np.zeros(objective.dim, dtype=bool)
        for block in objective.layout.blocks:
            inside[block.where] = block.layer == layer
        layers.append(reading(inside & mask))
    reason = "the ray form has no angle: it reads lambda, but cannot tell whether one lambda fits"
    return LambdaReading(reading(mask), math.nan, math.sqrt(square), math.nan, tuple(layers), False, reason, "ray")
