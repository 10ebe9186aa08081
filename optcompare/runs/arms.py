"""Arms: where lambda goes. An arm binds lambda once, to the error or to the update.

``InError(optimizer)`` minimizes loss + penalty. ``InUpdate(optimizer)`` leaves the error bare and hands lambda to the
optimizer as decay: after each step the fraction rate_t * c * lambda of the original weight is subtracted, c = 1/n.
``Bare(optimizer)`` gives lambda to neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import InvalidInputError
from ..objective.objective import Objective
from ..optimizers.base import Optimizer, as_optimizer
from ..optimizers.options import PerRate


@dataclass(frozen=True)
class Arm:
    """An optimizer and the place that lambda takes."""

    optimizer: Optimizer

    def __init__(self, optimizer: object) -> None:
        object.__setattr__(self, "optimizer", as_optimizer(optimizer))
        self._check()

    def _check(self) -> None:
        """Refuse an optimizer that cannot take lambda in this place."""

    def bind(self, objective: Objective) -> tuple[Objective, Optimizer]:
        """Return what is minimized, and by what, for an objective at its nominal lambda."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """A short name: the optimizer's, or "name decay"."""
        return self.optimizer.name


@dataclass(frozen=True, init=False)
class InError(Arm):
    """Lambda in the error: the optimizer minimizes loss + penalty, and has no lambda of its own."""

    def bind(self, objective: Objective) -> tuple[Objective, Optimizer]:
        """Return the objective and the optimizer as they are."""
        return objective, self.optimizer


@dataclass(frozen=True, init=False)
class InUpdate(Arm):
    """Lambda in the update: a bare error, and decay_t = rate_t * lambda_canonical * c, c = 1/n (a mean of losses).

    This is the naive transcription: exact for plain gradient descent, never corrected for momentum, scaling or a
    preconditioner. Raises InvalidInputError for an optimizer without a learning rate and decay, or whose decay is set,
    and in ``bind`` for a penalty that decay cannot stand for: any but L2 over the weights, biases free.
    """

    def _check(self) -> None:
        options = {field.name for field in fields(self.optimizer)}
        if not {"learning_rate", "decay"} <= options:
            raise InvalidInputError(
                f"InUpdate needs an optimizer with a learning_rate and a decay, {self.optimizer.name} has none: "
                "use InError, or a gradient optimizer such as gradient_descent, heavy_ball, adam"
            )
        if self.optimizer.decay != 0:  # type: ignore[attr-defined]
            raise InvalidInputError(
                f"InUpdate sets decay from lambda, but {self.optimizer!r} has one already: "
                "leave decay out, or use InError to keep it"
            )

    def bind(self, objective: Objective) -> tuple[Objective, Optimizer]:
        """Return the bare loss, and the optimizer with lambda as its decay."""
        _check_is_decay(objective)
        decay = PerRate(objective.penalty_scale * objective.lam_canonical)
        changed: dict[str, Any] = {"decay": decay}
        return objective.without_penalty(), replace(self.optimizer, **changed)

    @property
    def label(self) -> str:
        """The optimizer's name and "decay"."""
        return f"{self.optimizer.name} decay"


@dataclass(frozen=True, init=False)
class Bare(Arm):
    """Lambda nowhere: the loss without its penalty, and the optimizer as it is, its own decay included.

    For decays that are no transcription of the nominal lambda. What is measured of the answer, such as the regularized
    error, still refers to the nominal one.
    """

    def bind(self, objective: Objective) -> tuple[Objective, Optimizer]:
        """Return the loss alone and the optimizer."""
        return objective.without_penalty(), self.optimizer

    @property
    def label(self) -> str:
        """The optimizer's name and "bare"."""
        return f"{self.optimizer.name} bare"


def _check_is_decay(objective: Objective) -> None:
    """Refuse a penalty whose gradient is not c lambda w over the weights; no penalty at all is a decay of 0."""
    penalty = objective.penalty
    if penalty.formula() and not penalty.is_decay:
        raise InvalidInputError(
            f"InUpdate takes lambda as decay, which shrinks every weight by a fraction; {penalty!r:.200} is no such "
            "penalty. Use InError, or oc.L2(...) with the biases free"
        )


def as_arm(given: object) -> Arm:
    """Return an arm; a bare optimizer (name, Optimizer, function) means InError."""
    return given if isinstance(given, Arm) else InError(given)


def as_arms(given: object) -> dict[str, Arm]:
    """Return labelled arms from a mapping label -> arm, or from a sequence of optimizers and arms.

    Raises InvalidInputError for none at all and for duplicate labels.
    """
    if isinstance(given, Mapping):
        arms = {str(label): as_arm(arm) for label, arm in given.items()}
    elif isinstance(given, Iterable) and not isinstance(given, str):
        listed = [as_arm(arm) for arm in given]
        labels = [getattr(getattr(arm.optimizer, "function", None), "__name__", arm.label) for arm in listed]
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise InvalidInputError(f"duplicate optimizers {repeated}: give a dict of distinct labels instead")
        arms = dict(zip(labels, listed))
    else:
        arms = as_arms([given])
    if not arms:
        raise InvalidInputError("optimizers is empty: give at least one name, optimizer or arm")
    return arms
