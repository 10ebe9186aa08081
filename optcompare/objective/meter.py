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
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from .layout import Vector
from .objective import Objective

LARGEST_ANGLE = 8.0  # degrees: a relative residual of 14 %
EPSILON = float(np.finfo(np.float64).eps)
NO_CHANGE = 1e-8  # of the loss: below it the weights do nothing, and their direction is noise
RAY_STEPS = (1e-4, 1e-5, 1e-6)  # of a smooth loss; the first at which two central differences agree is taken
RAY_AGREEMENT = 1e-4
KINKED_STEP = 1e-3  # of a loss with kinks at its items (ramp): wide enough to see many of them


@dataclass(frozen=True)
class LambdaReading:
    """What the meter says of one theta.

    value: lambda_hat, canonical. angle: degrees between -g and w, above 90 where lambda_hat < 0. norm: |w| over the
    penalised coordinates. bias_gradient: largest |dL/db| of the free biases. per_layer: lambda_hat of every layer.
    identified: whether the reading means an L2 lambda; ``reason`` says why not, or "". gap: J - J* where a reference
    was given, else NaN. resolution: how far rounding alone may move ``value`` (an estimate; ray form: with the
    disagreement of its two step sizes).
    """

    value: float
    angle: float
    norm: float
    bias_gradient: float
    per_layer: tuple[float, ...]
    identified: bool
    reason: str
    form: str
    gap: float = math.nan
    resolution: float = math.nan

    @property
    def error_bar(self) -> float:
        """tan(angle): it bounds |w - w*(lambda_hat)|/|w| on a convex loss with optimal biases."""
        return math.tan(math.radians(self.angle)) if self.angle < 90.0 else math.inf

    def __repr__(self) -> str:
        layers = ", ".join(f"{reading:.4g}" for reading in self.per_layer)
        verdict = "identified" if self.identified else f"NOT identified: {self.reason}"
        lines = [
            f"implied lambda {self.value:.6g} ({verdict})",
            f"  angle {self.angle:.3g} degrees, |w| {self.norm:.4g}, largest bias gradient {self.bias_gradient:.3g}",
            f"  per layer: {layers};  {self.form} form, rounding moves it by {self.resolution:.1g}",
        ]
        if self.identified:
            bar = f"within {100.0 * self.error_bar:.2g} % of |w| of the optimum at this lambda"
            lines.append(f"  on a convex loss with optimal biases, w lies {bar}")
        if len(self.per_layer) > 1 and not min(self.per_layer) > 0.5 * max(self.per_layer):
            lines.append("  the layers disagree by more than a factor of 2: no one lambda describes them all")
        if not math.isnan(self.gap):
            lines.append(f"  gap J - J* to the reference {self.gap:.3g}")
        return "\n".join(lines)


def implied_lambda(
    objective: Objective, theta: ArrayLike, *, form: str | None = None, reference: float | None = None
) -> LambdaReading:
    """Read the implied canonical lambda of theta (d,).

    ``form``: "gradient" = -<g, w>/(c<w, w>), "ray" = -[L((1+h)w) - L((1-h)w)]/(2 h c |w|^2) with only the weights
    scaled and a Richardson step; None takes the gradient where the objective has a useful one. The ray form needs no
    gradient: it serves any loss, but has no angle and no bias gradient (NaN), so it never counts as identified.
    ``reference``: J*, the least error known at the objective's own lambda, for the gap.

    Exactly, lambda_hat - lambda = -<grad J, w>/(c |w|^2): stopped early reads high, scattered outward by noise reads
    low. A worse local minimum reads true too. Undefined at w -> 0; 0 on a loss that does not see the weights' scale.
    Rounding: the ray form's step 1e-4 costs about 1e-12 L/(c |w|^2) of lambda. At exact optima of linear models on
    scikit-learn's data it differs from the gradient form by at most 3e-6 (relative) at lambda = 1e-4, 1e-4 at 1e-6 and
    2 % at 1e-8, worst on diabetes, where the loss stays large; the gradient form is then still right to 2e-6.

    Raises InvalidInputError for a wrong shape or an unknown form. Source: stationarity of J, first order.
    """
    objective = objective.exact
    point = objective._point(theta)
    is_readable = objective.has_gradient and objective.is_smooth
    chosen = form or ("gradient" if is_readable else "ray")
    if chosen not in ("gradient", "ray"):
        raise InvalidInputError(f"form must be 'gradient', 'ray' or None, got {form!r}")
    with np.errstate(all="ignore"):
        loss = objective.loss(point)
        gap = math.nan if reference is None else loss + objective.penalty_value(point) - reference
        halved = np.where(objective.is_penalised, 0.5 * point, point)
        is_unmoved = abs(loss - objective.loss(halved)) <= NO_CHANGE * abs(loss)
        read = _by_ray if chosen == "ray" else _by_gradient
        return read(objective, point, loss, is_unmoved, gap)


def _layer_masks(objective: Objective) -> list[NDArray[np.bool_]]:
    """Return one mask (d,) a layer: its penalised coordinates."""
    masks = []
    for layer in objective.layout.layers:
        inside = np.zeros(objective.dim, dtype=bool)
        for block in objective.layout.blocks:
            inside[block.where] |= block.layer == layer
        masks.append(inside & objective.is_penalised)
    return masks


def _ratio(g: Vector, w: Vector, c: float) -> float:
    square = float(w @ w)
    return -float(g @ w) / (c * square) if square > 0 else math.nan


def _by_gradient(objective: Objective, theta: Vector, loss: float, is_unmoved: bool, gap: float) -> LambdaReading:
    c = objective.penalty_scale
    gradient = objective.loss_gradient(theta)
    mask = objective.is_penalised
    g, w, free = gradient[mask], theta[mask], gradient[~mask]
    value, norm = _ratio(g, w, c), float(np.linalg.norm(w))
    # atan2 of the parts across and along w keeps its digits at every angle; acos loses half of them near 0 and 180
    angle = math.degrees(math.atan2(float(np.linalg.norm(g + c * value * w)), c * value * norm)) if norm else math.nan
    resolution = EPSILON * max(abs(loss), float(np.linalg.norm(g)) * norm) / (c * norm**2) if norm else math.nan
    reason = _nothing_to_read(value, is_unmoved, angle, resolution) or _no_l2(
        value, angle, float(np.linalg.norm(free)), float(np.linalg.norm(g)), len(w)
    )
    return LambdaReading(
        value, angle, norm, float(np.abs(free).max(initial=0.0)),
        tuple(_ratio(gradient[layer], theta[layer], c) for layer in _layer_masks(objective)),
        not reason, reason, "gradient", gap, resolution,
    )  # fmt: skip


def _nothing_to_read(value: float, is_unmoved: bool, angle: float, resolution: float) -> str:
    """Return why lambda_hat itself is no number to go by, or ""."""
    if abs(angle - 90.0) < 1e-5 or abs(value) <= 10.0 * resolution:
        return (
            "reads 0: scaling the weights does not change the loss here (a scale-invariant or flat loss, or a minimum "
            "of the bare loss)"
        )
    if is_unmoved:
        return "undefined at w -> 0: with all weights halved the loss is the same to 8 digits"
    if not math.isfinite(value):
        return "the weights, the loss or its gradient are not finite"
    return ""


def _no_l2(value: float, angle: float, free: float, penalised: float, n_weights: int) -> str:
    """Return why a reading is not an L2 lambda, or ""."""
    if value <= 0:
        return "lambda_hat <= 0: the loss rises as the weights grow, which no optimum of an L2 penalty does"
    if not angle < LARGEST_ANGLE:
        return f"angle {angle:.3g} degrees is not below {LARGEST_ANGLE:g}: no single lambda fits all weights"
    if free > math.tan(math.radians(LARGEST_ANGLE)) * penalised:
        return "the free biases are not optimal"
    if n_weights == 1:
        return "one weight: every point fits some lambda, the angle says nothing"
    return ""


def _by_ray(objective: Objective, theta: Vector, loss: float, is_unmoved: bool, gap: float) -> LambdaReading:
    norm = float(np.linalg.norm(theta[objective.is_penalised]))
    value, resolution = _ray_reading(objective, theta, objective.is_penalised, loss)
    reason = _nothing_to_read(value, is_unmoved, math.nan, resolution)
    if not reason and value <= 0:
        reason = _no_l2(value, 0.0, 0.0, 0.0, 0)
    return LambdaReading(
        value, math.nan, norm, math.nan,
        tuple(_ray_reading(objective, theta, layer, loss)[0] for layer in _layer_masks(objective)),
        False, reason or "the ray form has no angle: it reads lambda, but cannot tell whether one lambda fits",
        "ray", gap, resolution,
    )  # fmt: skip


def _ray_reading(objective: Objective, theta: Vector, inside: NDArray[np.bool_], loss: float) -> tuple[float, float]:
    """Return lambda_hat by scaling the coordinates ``inside``, and how far rounding and the step may move it."""
    square = float(theta[inside] @ theta[inside])
    if square == 0:
        return math.nan, math.nan

    def slope(h: float) -> float:
        up, down = theta.copy(), theta.copy()
        up[inside] *= 1.0 + h
        down[inside] *= 1.0 - h
        return (objective.loss(up) - objective.loss(down)) / (2.0 * h)

    per_slope = 1.0 / (objective.penalty_scale * square)
    if not objective.is_smooth:
        return -slope(KINKED_STEP) * per_slope, EPSILON * abs(loss) / KINKED_STEP * per_slope
    best = (math.nan, math.inf)
    for h in RAY_STEPS:
        near, far = slope(h), slope(2.0 * h)
        derivative = (4.0 * near - far) / 3.0  # Richardson: a central difference errs by h^2, which this cancels
        rounding, disagreement = EPSILON * abs(loss) / h, abs(far - near) / 3.0
        if not max(rounding, disagreement) * per_slope >= best[1]:
            best = -derivative * per_slope, max(rounding, disagreement) * per_slope
        if disagreement <= RAY_AGREEMENT * abs(derivative) or disagreement <= rounding:
            break  # else relu's kinks lie within the step, or the loss bends too much: look closer
    return best
