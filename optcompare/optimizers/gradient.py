"""Gradient descent and its relatives: one rule with three slots, and products that only choose other defaults.

    theta <- theta - rate_t * M(p(g)) / S(p(g)) - decay_t * theta     (decay on weights only)

The slots are in ``rules.py``, the rates in ``schedules.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from ..errors import Diverged, InvalidInputError
from .base import Optimizer, Vector
from .options import PerRate, between, flag, nonnegative, one_of, positive
from .rules import MOMENTUM_FORMS, SCALES, TRANSFORMS, Momentum, Scale, transformed
from .schedules import Cosine as Cosine
from .schedules import InverseTime as InverseTime
from .schedules import Schedule, check_schedule, factor_at
from .schedules import StepDecay as StepDecay

if TYPE_CHECKING:
    from ..recorder import Recorder

LARGEST_POWER = 30  # power iterations at most
POWER_TOLERANCE = 0.01  # they end where L changes by less than this, after four at least


class Update(NamedTuple):
    """One update that was made.

    number: 1, 2, ... theta: the iterate after it, (d,). answer: where the next gradient is taken, which is theta, or
    the lookahead point under "sutskever" momentum; it is what the optimizer recommends. gradient: what the update was
    made of, at the answer before it. rate: rate_t. decay: decay_t.
    """

    number: int
    theta: Vector
    answer: Vector
    gradient: Vector
    rate: float
    decay: float


class GradientDescent(Optimizer):
    """Gradient descent: theta <- theta - rate M(p(g))/S(p(g)) - decay theta, full batch or on the objective's samples.

    learning_rate: None is 1/L, with L the largest curvature at the start, estimated by power iteration at the price of
    its gradients (1 where the objective is flat there); only for plain or clipped gradients.
    schedule: "constant", or a callable step -> factor: StepDecay, InverseTime, Cosine, a function.
    momentum, momentum_form: M, "heavy_ball", "averaged", "nesterov" (torch's form), "sutskever" (the gradient is taken
    at a lookahead point, and that point is the answer) or "bias_corrected".
    transform: p, "none", "sign", "normalised" or "clip" (at clip_norm). transform_of: "gradient", or "momentum" for
    p(M(g)), the order in which sign descent has them; then there is no scale.
    scale: S, "none", "running" (scale_decay, with or without scale_correction) or "summed", with epsilon.
    decay: a fixed fraction of the weight per update, or PerRate(wd) for decay_t = rate_t wd. decay_of: the "original"
    weight, or the "adjusted" one: theta <- (1 - decay)(theta - rate M/S). Biases never decay.
    proximal: the gradient is that of the loss alone, and after the step theta <- argmin_u penalty(u) + |u - theta|^2 /
    (2 rate_t): with L1, weights become exactly 0, which subgradients only approach. Only without transform and scale,
    and with no momentum or an averaging one ("averaged", "bias_corrected"): heavy ball moves by g/(1 - momentum) and
    would come to rest at (1 - momentum) lambda.
    gradient_tolerance: stop where the largest entry of the gradient is at or below it (0: never; decay keeps the bare
    gradient away from 0); proximal or on a constraint, of (theta - where a plain step from theta ends)/rate_t.
    update_tolerance: stop where an update changes the answer by at most this times its largest entry (0: never).
    Otherwise it runs until the budget ends.
    """

    needs_gradient: ClassVar[bool] = True

    learning_rate: float | None = None
    schedule: Schedule | str = "constant"
    momentum: float = 0.0
    momentum_form: str = "heavy_ball"
    transform: str = "none"
    transform_of: str = "gradient"
    clip_norm: float | None = None
    scale: str = "none"
    scale_decay: float = 0.999
    scale_correction: bool = False
    epsilon: float = 1e-8
    decay: float | PerRate = 0.0
    decay_of: str = "original"
    proximal: bool = False
    gradient_tolerance: float = 0.0
    update_tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.learning_rate is not None:
            positive("learning_rate", self.learning_rate)
        check_schedule(self.schedule)
        between("momentum", self.momentum, 0.0, 1.0, ends="[)")
        one_of("momentum_form", self.momentum_form, MOMENTUM_FORMS)
        one_of("transform", self.transform, TRANSFORMS)
        one_of("transform_of", self.transform_of, ("gradient", "momentum"))
        one_of("scale", self.scale, SCALES)
        between("scale_decay", self.scale_decay, 0.0, 1.0, ends="[)")
        flag("scale_correction", self.scale_correction)
        nonnegative("epsilon", self.epsilon)
        if not isinstance(self.decay, PerRate):
            between("decay", self.decay, 0.0, 1.0, ends="[)")
        one_of("decay_of", self.decay_of, ("original", "adjusted"))
        flag("proximal", self.proximal)
        nonnegative("gradient_tolerance", self.gradient_tolerance)
        nonnegative("update_tolerance", self.update_tolerance)
        self._check_together()

    def _check_together(self) -> None:
        """Refuse options that contradict each other."""
        if (self.transform == "clip") != (self.clip_norm is not None):
            raise InvalidInputError(
                f"clip_norm and transform='clip' go together, got clip_norm={self.clip_norm!r}, "
                f"transform={self.transform!r}"
            )
        if self.clip_norm is not None:
            positive("clip_norm", self.clip_norm)
        if self.learning_rate is None and (self.scale != "none" or self.transform in ("sign", "normalised")):
            raise InvalidInputError(
                f"learning_rate=None is 1/L, which is no step size for scale={self.scale!r}, "
                f"transform={self.transform!r}: give a learning_rate"
            )
        if self.scale_correction and self.scale != "running":
            raise InvalidInputError(f"scale_correction needs scale='running', got scale={self.scale!r}")
        if self.scale != "none" and (self.transform_of == "momentum" or self.momentum_form == "sutskever"):
            raise InvalidInputError(
                f"scale={self.scale!r} does not combine with transform_of='momentum' or momentum_form='sutskever': "
                "use transform_of='gradient', momentum_form='nesterov'"
            )
        is_distorted = self.momentum > 0.0 and self.momentum_form not in ("averaged", "bias_corrected")
        if self.proximal and (is_distorted or self.transform != "none" or self.scale != "none"):
            raise InvalidInputError(
                "proximal=True needs transform='none', scale='none', and momentum=0 or momentum_form='averaged' or "
                f"'bias_corrected', got {self.transform!r}, {self.scale!r}, momentum={self.momentum!r}, "
                f"momentum_form={self.momentum_form!r}: it would come to rest at another lambda than the objective's"
            )

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector:
        """Update until a tolerance is met, recommending each iterate; the budget ends it otherwise."""
        answer = objective.project(start)
        for update in self.updates(objective, start, rng):
            before, answer = answer, update.answer
            objective.recommend(answer)
            if self.update_tolerance and _largest(answer - before) <= self.update_tolerance * _largest(answer):
                break
        return answer

    def updates(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Iterator[Update]:
        """Yield every update from ``start`` (d,) on; ends by ``gradient_tolerance`` or the Recorder's stop.

        Raises Diverged where an iterate is not finite.
        """
        theta = np.array(objective.project(start), dtype=np.float64)
        evaluate = objective.value_and_loss_gradient if self.proximal else objective.value_and_gradient
        learning_rate = self.learning_rate or _inverse_curvature(objective, evaluate, theta, rng)
        momentum = Momentum(self.momentum_form, self.momentum, theta.size)
        scale = Scale(self.scale, self.scale_decay, self.epsilon, self.scale_correction, theta.size)
        weights = objective.is_weight.astype(np.float64)
        answer, number = theta, 0
        rate = learning_rate * factor_at(self.schedule, 0)
        while True:
            _, gradient = evaluate(answer)
            if self.gradient_tolerance and self._slope(objective, answer, gradient, rate) <= self.gradient_tolerance:
                return
            decay = rate * self.decay.weight_decay if isinstance(self.decay, PerRate) else self.decay
            with np.errstate(over="ignore", invalid="ignore"):
                moved = theta - rate * self._direction(gradient, momentum, scale)
                if decay:
                    moved -= decay * weights * (theta if self.decay_of == "original" else moved)
                theta = self._settled(objective, moved, rate)
                number += 1
                used, rate = rate, learning_rate * factor_at(self.schedule, number)
                answer = momentum.lookahead(theta, rate)
                if objective.is_constrained:
                    answer = objective.project(answer)
            if not np.isfinite(answer).all():
                raise Diverged(f"update {number} left the finite numbers: give a smaller learning_rate")
            yield Update(number, theta, answer, gradient, used, decay)

    def _settled(self, objective: Recorder, moved: Vector, rate: float) -> Vector:
        """Return where a step ends: after the proximal step, or on the constraint."""
        if self.proximal:
            return objective.prox(moved, rate)
        return objective.project(moved) if objective.is_constrained else moved

    def _slope(self, objective: Recorder, answer: Vector, gradient: Vector, rate: float) -> float:
        """Return the largest entry of the gradient, or of what is left of it by proximal step or projection."""
        if rate == 0.0 or not (self.proximal or objective.is_constrained):
            return _largest(gradient)
        return _largest(answer - self._settled(objective, answer - rate * gradient, rate)) / rate

    def _direction(self, gradient: Vector, momentum: Momentum, scale: Scale) -> Vector:
        """Return M(p(g)) / S(p(g)), or p(M(g))."""
        if self.transform_of == "momentum":
            return transformed(self.transform, momentum.push(gradient), self.clip_norm)
        g = transformed(self.transform, gradient, self.clip_norm)
        scale.push(g)
        return scale.divide(momentum.push(g))


def _largest(vector: Vector) -> float:
    return float(np.abs(vector).max())


def _inverse_curvature(
    objective: Recorder,
    evaluate: Callable[[Vector], tuple[float, Vector]],
    theta: Vector,
    rng: np.random.Generator,
) -> float:
    """Return 1/L, L = max |H u| over unit u: u <- H u/|H u|, H u = [grad(theta + h u) - grad(theta)]/h.

    On one and the same sample, at most 31 gradients, all charged. Power iteration meets L from below, by a few percent
    at its stop; descent is stable up to 2/L. Returns 1 where no curvature is found.
    """
    direction = rng.standard_normal(theta.size)
    direction /= np.linalg.norm(direction)
    h = 1e-5 * (1.0 + float(np.linalg.norm(theta)))
    curvature = 0.0
    with objective.same_sample():
        _, gradient = evaluate(theta)
        for iteration in range(LARGEST_POWER):
            point = objective.project(theta + h * direction)
            moved = float(np.linalg.norm(point - theta))  # shorter than h at a constraint
            change = evaluate(point)[1] - gradient
            size = float(np.linalg.norm(change))
            if moved == 0.0 or size == 0.0:
                break
            before, curvature = curvature, max(curvature, size / moved)
            if iteration >= 3 and curvature - before <= POWER_TOLERANCE * curvature:
                break
            direction = change / size
    return 1.0 / curvature if curvature > 0.0 else 1.0


class HeavyBall(GradientDescent):
    """Gradient descent with heavy-ball momentum (Polyak 1964), as torch.optim.SGD(momentum=0.9)."""

    momentum: float = 0.9


class Nesterov(GradientDescent):
    """Gradient descent with Nesterov momentum, as torch.optim.SGD(momentum=0.9, nesterov=True)."""

    momentum: float = 0.9
    momentum_form: str = "nesterov"


class Adam(GradientDescent):
    """Adam (Kingma & Ba 2015), as torch.optim.Adam."""

    learning_rate: float | None = 1e-3
    momentum: float = 0.9
    momentum_form: str = "bias_corrected"
    scale: str = "running"
    scale_correction: bool = True


class AdamW(Adam):
    """Adam with decoupled decay, rate * 0.01 (Loshchilov & Hutter 2019), as torch.optim.AdamW."""

    name: ClassVar[str] = "adamw"

    decay: float | PerRate = PerRate(0.01)


class RMSprop(GradientDescent):
    """RMSprop (Hinton's lecture 6e), as torch.optim.RMSprop without momentum; a momentum averages before the scale."""

    learning_rate: float | None = 0.01
    scale: str = "running"
    scale_decay: float = 0.99


class Adagrad(GradientDescent):
    """Adagrad, diagonal (Duchi et al. 2011), as torch.optim.Adagrad."""

    learning_rate: float | None = 0.01
    scale: str = "summed"
    epsilon: float = 1e-10


class SignDescent(GradientDescent):
    """Sign of the averaged gradient (Signum; Bernstein et al. 2018): Lion (Chen et al. 2023) with both betas 0.9.

    With momentum_form="nesterov" it is Lion with betas (momentum^2, momentum): Lion's sign(beta1 m + (1 - beta1) g) of
    the old average m is sign(r m' + (1 - r) g) of the new m', r = beta1/beta2; Nesterov's g + mu b is that with r = mu.
    """

    learning_rate: float | None = 1e-3
    momentum: float = 0.9
    momentum_form: str = "averaged"
    transform: str = "sign"
    transform_of: str = "momentum"


class NormalisedGradient(GradientDescent):
    """Normalised gradient descent: every step is rate * g/|g|, of length rate."""

    learning_rate: float | None = 0.01
    transform: str = "normalised"


class ClippedGradient(GradientDescent):
    """Gradient descent with the gradient clipped at norm 1: g min(1, clip_norm/|g|)."""

    transform: str = "clip"
    clip_norm: float | None = 1.0
