"""Learning-rate schedules: rate_t = learning_rate * schedule(t), t = 0, 1, 2, ... counted in updates.

Any callable from the step to a factor >= 0 is a schedule; these are the usual ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInputError
from .options import between, nonnegative, positive, whole

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class StepDecay:
    """factor^floor(t / every): the rate is multiplied by ``factor`` after every ``every`` updates."""

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        whole("every", self.every, at_least=1)
        between("factor", self.factor, 0.0, 1.0, ends="(]")

    def __call__(self, step: int) -> float:
        """Return the factor at update ``step``."""
        return self.factor ** (step // self.every)


@dataclass(frozen=True)
class InverseTime:
    """1 / (1 + t / half)^power: with power = 1 the rate is halved after ``half`` updates."""

    half: float
    power: float = 1.0

    def __post_init__(self) -> None:
        positive("half", self.half)
        positive("power", self.power)

    def __call__(self, step: int) -> float:
        """Return the factor at update ``step``."""
        return (1.0 + step / self.half) ** -self.power


@dataclass(frozen=True)
class Cosine:
    """floor + (1 - floor) (1 + cos(pi min(t, steps) / steps)) / 2: from 1 to ``floor`` in ``steps`` updates.

    Source: Loshchilov & Hutter, SGDR, ICLR 2017, eq. 5 (without restarts).
    """

    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        whole("steps", self.steps, at_least=1)
        between("floor", self.floor, 0.0, 1.0)

    def __call__(self, step: int) -> float:
        """Return the factor at update ``step``."""
        falling = 0.5 * (1.0 + math.cos(math.pi * min(step, self.steps) / self.steps))
        return self.floor + (1.0 - self.floor) * falling


def check_schedule(given: object) -> None:
    """Refuse what is neither "constant" nor a callable step -> factor."""
    if given != "constant" and not callable(given):
        raise InvalidInputError(
            f"schedule must be 'constant' or a callable step -> factor such as StepDecay(1000), got {given!r}"
        )
    if isinstance(given, type):
        raise InvalidInputError(f"schedule must be an object, not a class: {given.__name__}(...)")


def factor_at(schedule: Schedule | str, step: int) -> float:
    """Return the schedule's factor, refusing one that is not finite and >= 0."""
    if isinstance(schedule, str):
        return 1.0
    factor = schedule(step)
    nonnegative(f"the schedule's factor at step {step}", factor)
    return float(factor)
