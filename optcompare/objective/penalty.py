"""What a penalty is: a term added to the loss, or a set that theta is projected onto.

Every penalty states how its lambda is written and converts it once to the canonical one. With n training items and
c = 1/n for an objective that averages its losses, c = 1 for one that sums them, a penalty is c times a sum over the
penalised coordinates: the weights, and the biases only when ``biases=True``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .layout import Layout, Vector

Array = NDArray[np.float64]


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
    is_constraint: ClassVar[bool] = False
    is_smooth: ClassVar[bool] = True
    is_convex: ClassVar[bool] = True

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

    @property
    def is_decay(self) -> bool:
        """Whether the gradient is c lambda w over the weights alone, so that decay in the update can stand for it."""
        return False

    def frame(self, layout: Layout, n_samples: int, c: float) -> Frame:
        """Return what the methods below need to know of one objective."""
        return Frame(layout, n_samples, c, self.lam_canonical(n_samples), self.biases)

    @abstractmethod
    def value(self, theta: Array, frame: Frame) -> Any:
        """Return the penalty of theta (..., d), shape (...)."""

    @abstractmethod
    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return the penalty's (sub)gradient, shape (d,)."""

    @abstractmethod
    def formula(self) -> str:
        """Return the added term, or the constraint, as written."""

    def facts(self, n_samples: int) -> str:
        """Return the numbers of the formula: lambda as written and canonical."""
        return f"lambda = {self.lam:g} (canonical {self.lam_canonical(n_samples):g})"

    def started_at(self, start: Vector) -> Self:
        """Return the penalty of a run that begins at ``start`` (d,): itself, unless that is what it is anchored at."""
        return self

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return argmin_u penalty(u) + |u - theta|^2 / (2 step)."""
        raise InvalidInputError(f"{type(self).__name__} has no proximal step here: use its gradient")

    def project(self, theta: Array, frame: Frame) -> Array:
        """Return the nearest allowed point of theta (d,) or of each row (m, d); itself where nothing is constrained."""
        return theta


class OneStrength(Penalty):
    """A penalty of one ``strength``, lambda as written in a ``convention`` beside a mean or a sum of losses.

    A subclass is a dataclass with these two fields.
    """

    strength: float
    convention: str

    @property
    def lam(self) -> float:
        """Lambda as written."""
        return self.strength

    def with_lambda(self, lam: float) -> Self:
        """Return the same penalty at another lambda."""
        changed: Any = self
        return replace(changed, strength=lam)

    @property
    def reduction(self) -> str:
        """Beside a "mean" or a "sum" of losses, by convention."""
        return "sum" if self.convention.startswith("sum") else "mean"


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

    def value(self, theta: Array, frame: Frame) -> Any:
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
