"""Which L2 lambda an arm's answer belongs to, in closed form: lambda_effective as a function of the nominal lambda.

In the error it is lambda itself. In the update, InUpdate subtracts delta = eta c lambda of the weight (c = 1/n for a
mean of losses); at the fixed point g + (r(delta, mu)/eta) w = 0, so that

    c lambda_effective = r(eta c lambda, mu) / eta,

with r from ``objective/decay_rules.py``. Where the weight is shrunk after the step (decay_of="adjusted"), delta/(1 -
delta) takes delta's place. Both hold where the arm has converged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInputError, NoEquivalentLambdaError
from ..objective.decay_rules import DecayRule, find_decay_rule
from ..objective.objective import Objective
from ..optimizers.gradient import GradientDescent
from .arms import Arm, InError, InUpdate

_RULE_OF_FORM = {
    "heavy_ball": "heavy_ball",
    "nesterov": "nesterov",
    "sutskever": "sutskever",
    "averaged": "averaged",
    "bias_corrected": "averaged",  # its correction dies out
}
_RULE_OF_TRANSFORM = {"sign": "sign", "normalised": "normalised", "clip": "clipped"}
_RULE_OF_SCALE = {"running": "adamw", "summed": "adagrad"}


@dataclass(frozen=True)
class LambdaFormula:
    """An arm's nominal canonical lambda -> the L2 lambda of its fixed point, and back; ``text`` says how."""

    to_effective: Callable[[float], float]
    to_nominal: Callable[[float], float]
    text: str


def lambda_formula(arm: Arm, objective: Objective) -> LambdaFormula:
    """Return the arm's formula on this objective.

    Raises NoEquivalentLambdaError where there is none: the text says what the arm minimises instead, or that no closed
    form is known.
    """
    if isinstance(arm, InError):
        if has_own_decay(arm):
            raise NoEquivalentLambdaError(
                f"{arm.optimizer!r:.200} has a decay of its own beside the penalty in the error, so that lambda alone "
                "does not say what it minimises: it can be measured (how='measured')"
            )
        return LambdaFormula(
            float, float, "lambda is in the error: the minimiser is the problem's, not the optimizer's"
        )
    optimizer = arm.optimizer
    if not (isinstance(arm, InUpdate) and isinstance(optimizer, GradientDescent) and _is_our_rule(optimizer)):
        raise NoEquivalentLambdaError(
            f"no closed form is known for the lambda of {arm.label!r}: it can be measured (how='measured')"
        )
    return _decay_formula(optimizer, objective.penalty_scale)


def has_own_decay(arm: Arm) -> bool:
    """Whether the optimizer shrinks weights by itself, whatever lambda is."""
    return any(getattr(arm.optimizer, option, 0.0) != 0.0 for option in ("decay", "l2"))


def _is_our_rule(optimizer: GradientDescent) -> bool:
    """Whether a subclass only chooses other options."""
    return type(optimizer).updates is GradientDescent.updates and type(optimizer).minimize is GradientDescent.minimize


def _decay_formula(optimizer: GradientDescent, c: float) -> LambdaFormula:
    name = _RULE_OF_TRANSFORM.get(optimizer.transform) or _RULE_OF_SCALE.get(optimizer.scale)
    name = name or (_RULE_OF_FORM[optimizer.momentum_form] if optimizer.momentum else "gradient_descent")
    rule, mu, is_adjusted = find_decay_rule(name), optimizer.momentum, optimizer.decay_of == "adjusted"
    is_linear = not is_adjusted and name != "sutskever"
    if is_linear:  # r is delta times a constant, and eta cancels, whatever it is
        factor = rule.rate(1.0, mu)
        text = f"{rule.update}, delta = eta c lambda: {_times(factor)} at the fixed point"
        return LambdaFormula(lambda lam: lam * factor, lambda lam: lam / factor, text)
    eta = optimizer.learning_rate
    if eta is None or optimizer.schedule != "constant":
        raise NoEquivalentLambdaError(
            f"the lambda of {optimizer.name} decay depends on its learning rate here, and that is "
            f"{'estimated at the start of the run' if eta is None else 'scheduled'}: give a constant learning_rate, or "
            "measure it (how='measured')"
        )
    text = (
        f"{rule.update}{', the adjusted weight shrunk' if is_adjusted else ''}; c lambda_effective = r(delta, mu)/eta"
    )
    return LambdaFormula(*_through_rate(rule, mu, is_adjusted, eta * c), text)


def _times(factor: float) -> str:
    return "lambda" if factor == 1.0 else f"{factor:.4g} lambda"


def _through_rate(
    rule: DecayRule, mu: float, is_adjusted: bool, scale: float
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Return lambda -> lambda_effective and back; scale = eta c."""

    def to_effective(lam: float) -> float:
        delta = scale * lam
        if is_adjusted:
            if delta >= 1.0:
                raise InvalidInputError(f"lambda = {lam:g} is a decay of {delta:g} a step here: it must stay below 1")
            delta = delta / (1.0 - delta)
        return rule.rate(delta, mu) / scale

    def to_nominal(lam: float) -> float:
        delta = rule.decay(scale * lam, mu)
        if is_adjusted:
            delta = 1.0 if delta == float("inf") else delta / (1.0 + delta)
        return delta / scale

    return to_effective, to_nominal
