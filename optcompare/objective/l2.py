"""L2 penalties: towards 0, and towards given weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError, unknown_name
from .conventions import check_lambda, error_convention_to_canonical, error_conventions
from .layout import Layout, Vector
from .penalty import Array, Frame, OneStrength, Penalty

START = "start"  # an anchor that each run takes from where it starts


@dataclass(frozen=True)
class L2(OneStrength):
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
    def is_decay(self) -> bool:
        """Whether decay in the update, which never touches biases, can stand for it."""
        return not self.biases

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda in J = mean loss + lambda/(2n) sum w^2."""
        return error_convention_to_canonical(self.strength, self.convention, n_samples)

    def value(self, theta: Array, frame: Frame) -> Any:
        """Return c lambda/2 sum w^2."""
        return 0.5 * frame.c * frame.lam * (theta * theta).dot(frame.mask)

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


@dataclass(frozen=True, eq=False, init=False)
class AnchoredL2(Penalty):
    """c lambda/2 sum over weights of (w - a)^2, c = 1/n: L2 towards an anchor a instead of towards 0.

    ``anchor`` (d,) is a whole theta, such as the answer to an earlier task; only its penalised coordinates count.
    ``anchor="start"`` is the point where a run starts, so that each run is held to its own answer to the earlier task
    (``oc.Study(start_from=...)``); outside of a run, ``objective.started_at(theta)`` gives that objective a value.
    Conventions and ``biases`` as in L2. The lambda meter (oc.implied_lambda) reads plain L2 lambdas, around 0, and does
    not know of the anchor; ``oc.implied_multiplier`` reads the lambda of this penalty, around a.

    Raises InvalidInputError for an anchor that is not a vector of finite numbers, or not of the objective's size.
    """

    strength: float
    anchor: Vector | str
    convention: str = "lambda/2n"
    biases: bool = False

    def __init__(self, strength: float, anchor: ArrayLike, convention: str = "lambda/2n", biases: bool = False) -> None:
        plain = L2(strength, convention, biases)  # the same checks
        point = START if isinstance(anchor, str) and anchor == START else _checked_anchor(anchor)
        for name, value in (("strength", plain.strength), ("anchor", point), ("convention", convention)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "biases", biases)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AnchoredL2):
            return NotImplemented
        return self._plain == other._plain and np.array_equal(self.anchor, other.anchor)

    def __hash__(self) -> int:
        return hash((self._plain, self.anchor if isinstance(self.anchor, str) else self.anchor.tobytes()))

    @property
    def _plain(self) -> L2:
        return L2(self.strength, self.convention, self.biases)

    @property
    def lam(self) -> float:
        """Lambda as written."""
        return self.strength

    def with_lambda(self, lam: float) -> Self:
        """Return the same penalty at another lambda, with the same anchor."""
        return type(self)(lam, self.anchor, self.convention, self.biases)

    @property
    def reduction(self) -> str:
        """Beside a "mean" or a "sum" of losses, by convention."""
        return self._plain.reduction

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda in J = mean loss + lambda/(2n) sum (w - a)^2."""
        return self._plain.lam_canonical(n_samples)

    def frame(self, layout: Layout, n_samples: int, c: float) -> Frame:
        """Return the frame, refusing a layout of another size than the anchor."""
        if not isinstance(self.anchor, str) and self.anchor.shape != (layout.dim,):
            raise InvalidInputError(
                f"the anchor has {self.anchor.size} numbers, the objective {layout.dim} parameters: the anchor must be "
                "a theta of the same model"
            )
        return super().frame(layout, n_samples, c)

    def started_at(self, start: Vector) -> Self:
        """Return the penalty anchored at ``start`` (d,), or as it is where its anchor was given."""
        if not isinstance(self.anchor, str):
            return self
        return type(self)(self.strength, start, self.convention, self.biases)

    @property
    def anchored_at(self) -> Vector:
        """The anchor; InvalidInputError where it is still to be the start of a run."""
        if isinstance(self.anchor, str):
            raise InvalidInputError(
                "AnchoredL2(anchor='start') is anchored where a run starts, and there is no run here: "
                "give anchor=theta, or use objective.started_at(theta)"
            )
        return self.anchor

    def value(self, theta: Array, frame: Frame) -> Any:
        """Return c lambda/2 sum (w - a)^2."""
        return 0.5 * frame.c * frame.lam * np.dot((theta - self.anchored_at) ** 2, frame.mask)

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return c lambda (w - a) on the penalised coordinates, 0 elsewhere."""
        return frame.c * frame.lam * (theta - self.anchored_at) * frame.mask

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return (theta + s a)/(1 + s), s = step c lambda, on the penalised coordinates."""
        pull = step * frame.c * frame.lam * frame.mask
        return (theta + pull * self.anchored_at) / (1.0 + pull)

    def formula(self) -> str:
        """Return the term as written."""
        anchor = ", a where the run starts" if isinstance(self.anchor, str) else ""
        return self._plain.formula().replace("w^2", "(w - a)^2") + anchor


def _checked_anchor(anchor: ArrayLike) -> Vector:
    point = np.array(anchor)
    if point.ndim != 1 or point.dtype.kind not in "fiu" or not np.isfinite(point).all():
        raise InvalidInputError(
            "anchor must be a vector (d,) of finite numbers, a theta of the same model, or 'start', "
            f"got {anchor!r:.200}"
        )
    point = point.astype(np.float64)
    point.flags.writeable = False
    return point
