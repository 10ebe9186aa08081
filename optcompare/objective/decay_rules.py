"""Weight decay in the update: the L2 lambda whose minimiser is the update's fixed point, or none.

delta is the fraction of the ORIGINAL weight that is subtracted after a step taken as if there were no
penalty; eta the learning rate, mu the momentum, g the gradient of the mean loss. At a fixed point w every
rule below satisfies ``g + (r/eta) w = 0`` with its own r(delta, mu); the canonical objective is stationary
where ``g + (lambda/n) w = 0``. So ``lambda = n r / eta``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInputError, NoEquivalentLambdaError, unknown_name


@dataclass(frozen=True)
class DecayRule:
    """One update rule: r(delta, mu), its inverse, and the update as a formula."""

    update: str
    has_momentum: bool
    rate: Callable[[float, float], float]
    decay: Callable[[float, float], float]
    note: str = ""


def _plain(x: float, mu: float) -> float:
    return x


# Heavy ball: v' = mu v - eta g, w' = w + v' - delta w. Fixed: v = -eta g/(1-mu) = delta w.
# Nesterov as torch writes it: b' = mu b + g, w' = w - eta (g + mu b') - delta w; fixed: b = g/(1-mu), and
#   g + mu b = g/(1-mu): the same point.
# Averaged: v' = mu v + (1-mu) g, fixed: v = g, as without momentum.
# Nesterov as Sutskever writes it: v' = mu v - eta g(w + mu v), w' = w + v' - delta w. Fixed: v = delta w and
#   g(y) = -delta (1-mu)/eta w at y = w + mu v = (1 + mu delta) w, the point the gradient is taken at.
# Adjusted weight: w' = (1-delta)(w - eta g). Fixed: delta w = -(1-delta) eta g.
_VELOCITY_NOTE = (
    "The decay stays out of the velocity. Where momentum is written as mu (w - w_previous), the decay passes "
    "through it and r = delta, as without momentum."
)
DECAY_RULES: dict[str, DecayRule] = {
    "gradient_descent": DecayRule("w <- w - eta g - delta w", False, _plain, _plain),
    "adjusted_weight": DecayRule(
        "w <- (1 - delta)(w - eta g)", False, lambda d, mu: d / (1 - d), lambda r, mu: r / (1 + r)
    ),
    "heavy_ball": DecayRule(
        "v <- mu v - eta g; w <- w + v - delta w",
        True,
        lambda d, mu: d * (1 - mu),
        lambda r, mu: r / (1 - mu),
        _VELOCITY_NOTE,
    ),
    "nesterov": DecayRule(
        "v <- mu v + g; w <- w - eta (g + mu v) - delta w",
        True,
        lambda d, mu: d * (1 - mu),
        lambda r, mu: r / (1 - mu),
    ),
    "sutskever": DecayRule(
        "v <- mu v - eta g(w + mu v); w <- w + v - delta w",
        True,
        lambda d, mu: d * (1 - mu) / (1 + mu * d),
        lambda r, mu: r / (1 - mu - mu * r) if 1 - mu - mu * r > 0 else float("inf"),
        "The minimiser is the lookahead point w + mu v = (1 + mu delta) w, not w itself.",
    ),
    "averaged": DecayRule("v <- mu v + (1 - mu) g; w <- w - eta v - delta w", True, _plain, _plain),
}

ADAMW = (
    "L subject to max|w| <= 1/wd as eps -> 0 (Xie & Li 2024); at a full batch with eps > 0 exactly "
    "L + (eps/wd) sum[-wd|w| - ln(1 - wd|w|)], which is near L2 with lambda = n eps wd only while wd|w| << 1; "
    "with minibatches each coordinate has a lambda of its own, n wd (sqrt(v_i) + eps)"
)
_NO_LAMBDA: dict[str, str] = {
    "adam": ADAMW,
    "adamw": ADAMW,
    "rmsprop": ADAMW,
    "sign": "L subject to max|w| <= eta/delta, which is 1/wd with delta = eta wd: a box, no L2 penalty",
    "normalised": "L subject to |w|_2 <= eta/delta, which is 1/wd with delta = eta wd: a ball, no L2 penalty",
    "clipped": "L subject to |w|_2 <= tau eta/delta while the gradient is clipped at norm tau; where it never "
    "is, this is the rule without clipping",
    "adagrad": "nothing with the loss in it: its steps fall towards 0 and the decay does not, so that w -> 0",
    "newton": "no penalised loss: it stops where g = -(delta/eta) H w, which for a quadratic loss is its bare "
    "minimiser times eta/(eta + delta), a uniform shrink and not ridge",
}


def decay_rule_names() -> tuple[str, ...]:
    """Return the rules that have an equivalent lambda."""
    return tuple(DECAY_RULES)


def find_decay_rule(name: str) -> DecayRule:
    """Return the rule called ``name``.

    Errors: NoEquivalentLambdaError for a rule whose decay is no L2 penalty, saying what it minimises
    instead; UnknownNameError for any other name.
    """
    if name in _NO_LAMBDA:
        raise no_equivalent(f"decay in the update under rule={name!r}", _NO_LAMBDA[name])
    if name not in DECAY_RULES:
        raise unknown_name("decay rule", name, [*DECAY_RULES, *_NO_LAMBDA])
    return DECAY_RULES[name]


def check_delta(delta: float, advice: str) -> float:
    """Return ``delta``, or raise InvalidInputError unless it is a fraction, 0 <= delta < 1."""
    if not 0 <= delta < 1:
        raise InvalidInputError(f"a decay must be in [0, 1), got {delta:g}: {advice}")
    return delta


def no_equivalent(what: str, instead: str) -> NoEquivalentLambdaError:
    """Build the error for a decay that is no L2 penalty."""
    return NoEquivalentLambdaError(f"no L2 lambda is equivalent to {what}; what it minimises instead: {instead}")
