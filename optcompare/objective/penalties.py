"""What is added to the loss (penalties) and what theta is projected onto (constraints).

Every penalty states how its lambda is written and converts it once to the canonical one. With n training items and
c = 1/n for an objective that averages its losses, c = 1 for one that sums them, the canonical forms are

    L2  c lambda/2 sum w^2        L1  c lambda sum |w|

over the penalised coordinates: the weights, and the biases only when ``biases=True``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name
from .conventions import (
    check_lambda,
    error_convention_to_canonical,
    error_conventions,
)
from .layout import Layout, Vector


@dataclass(frozen=True)
class Frame:
    """What a penalty must know of its objective: theta's layout, n, c (1/n for a mean, 1 for a sum), lambda.

    ``lam`` is canonical; ``mask`` (d,) is 1.0 on the penalised coordinates and 0.0 elsewhere.
    """

    layout: Layout
    n_samples: int
    c: float
    lam: float
    biases: bool
    mask: Vector = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        mask = np.ones(self.layout.dim) if self.biases else self.layout.is_weight.astype(np.float64)
        mask.flags.writeable = False
        object.__setattr__(self, "mask", mask)


class Penalty(ABC):
    """A term added to the loss; or, where ``is_constraint``, a set that theta is projected onto."""

    biases: bool = False
    is_constraint: bool = False
    is_smooth: bool = True

    @property
    def reduction(self) -> str:
        """Beside a "mean" or a "sum" of losses is the term written; "" where it does not matter."""
        return ""

    @property
    @abstractmethod
    def lam(self) -> float:
        """Lambda as written, in the penalty's own convention."""

    @abstractmethod
    def with_lambda(self, lam: float) -> Self:
        """Return the same penalty at another lambda, in its own convention."""

    @abstractmethod
    def lam_canonical(self, n_samples: int) -> float:
        """Return the canonical lambda of this penalty beside a loss of ``n_samples`` items."""

    def frame(self, layout: Layout, n_samples: int, c: float) -> Frame:
        """Return what the methods below need to know of one objective."""
        return Frame(layout, n_samples, c, self.lam_canonical(n_samples), self.biases)

    @abstractmethod
    def value(self, theta: NDArray[np.float64], frame: Frame) -> Any:
        """Return the penalty of theta (..., d), shape (...)."""

    @abstractmethod
    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return the penalty's (sub)gradient, shape (d,)."""

    @abstractmethod
    def formula(self) -> str:
        """Return the added term as written."""

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return argmin_u penalty(u) + |u - theta|^2 / (2 step)."""
        raise InvalidInputError(f"{type(self).__name__} has no proximal step here: use its gradient")

    def project(self, theta: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
        """Return the nearest allowed point; theta itself where nothing is constrained."""
        return theta


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """Nothing is added: J = L."""

    @property
    def lam(self) -> float:
        """0."""
        return 0.0

    def with_lambda(self, lam: float) -> Self:
        """Refuse: there is no penalty to scale."""
        raise InvalidInputError(
            f"cannot set lambda = {lam!r}: the objective has no penalty. Build it with penalty=oc.L2(...)"
        )

    def lam_canonical(self, n_samples: int) -> float:
        """0."""
        return 0.0

    def value(self, theta: NDArray[np.float64], frame: Frame) -> Any:
        """0."""
        return 0.0 if theta.ndim == 1 else np.zeros(theta.shape[:-1])

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """0."""
        return np.zeros_like(theta)

    def formula(self) -> str:
        """Nothing."""
        return ""

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return theta."""
        return theta


@dataclass(frozen=True)
class L2(Penalty):
    """c lambda/2 sum over weights of w^2, c = 1/n: written "lambda/2n" (canonical) or in another convention.

    Conventions: "lambda/2n", "lambda/2" and "lambda" beside a mean of losses; "sum+lambda/2" and "sum+lambda" beside a
    sum. The loss is the objective's own (squared error with its 1/2). ``biases=True`` penalises the biases too.

    Source: Nielsen, Neural Networks and Deep Learning, eq. 87 (canonical form).
    """

    strength: float
    convention: str = "lambda/2n"
    biases: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", check_lambda(self.strength))
        if self.convention not in error_conventions():
            raise unknown_name("L2 convention", self.convention, error_conventions())

    @property
    def lam(self) -> float:
        """Lambda as written."""
        return self.strength

    def with_lambda(self, lam: float) -> Self:
        """Return the same penalty at another lambda."""
        return replace(self, strength=lam)

    @property
    def reduction(self) -> str:
        """Beside a "mean" or a "sum" of losses, by convention."""
        return "sum" if self.convention.startswith("sum") else "mean"

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda in J = mean loss + lambda/(2n) sum w^2."""
        return error_convention_to_canonical(self.strength, self.convention, n_samples)

    def value(self, theta: NDArray[np.float64], frame: Frame) -> Any:
        """Return c lambda/2 sum w^2."""
        return 0.5 * frame.c * frame.lam * np.dot(theta * theta, frame.mask)

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return c lambda w on the penalised coordinates, 0 elsewhere."""
        return frame.c * frame.lam * theta * frame.mask

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return theta / (1 + step c lambda) on the penalised coordinates."""
        return theta / (1.0 + step * frame.c * frame.lam * frame.mask)

    def formula(self) -> str:
        """Return the term as written."""
        term = error_conventions()[self.convention].split(" + ")[1]
        return term + (", biases included" if self.biases else "")


def as_penalty(given: Penalty | None) -> Penalty:
    """Return the penalty; None is no penalty."""
    if given is None:
        return NoPenalty()
    if isinstance(given, Penalty):
        return given
    raise InvalidInputError(f"penalty must be an oc.L2(...) or another penalty, or None, got {given!r}")


PENALTIES: tuple[type[Penalty], ...] = (L2,)
