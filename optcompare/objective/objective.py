"""The objective: a pure function J(theta) = loss + penalty that knows its formula.

``value(theta, sample=None)``: ``sample=None`` is the noise-free objective. Nothing here counts, draws or remembers;
that is the Recorder's work.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from .layout import Layout, Vector
from .noise import Sample
from .penalty import NoPenalty, Penalty

Array = NDArray[np.float64]


class Objective(ABC):
    """J(theta) = L(theta) + penalty(theta), over a flat float64 vector of ``dim`` parameters.

    Attributes
    ----------
    name, dataset_name: labels.
    layout: the blocks of theta; ``is_weight`` (d,) marks weights against biases.
    n_samples: training items, the n of the formula; one evaluation of n items is one pass.
    penalty: as given, in its own convention; ``lam`` as written, ``lam_canonical`` converted.
    penalty_scale: c, so that a canonical L2 penalty is c lam_canonical/2 sum w^2; ``lam_canonical`` is an L2 lambda
    only where the penalty is L2.
    """

    name: str
    dataset_name: str
    layout: Layout
    n_samples: int
    penalty: Penalty
    has_gradient: bool
    is_smooth: bool = True
    is_noisy: bool = False
    reduction: str = "mean"

    def _settle(self, penalty: Penalty, c: float) -> None:
        """Bind a penalty; the last step of every constructor."""
        self.penalty = penalty
        self.penalty_scale = c
        self._frame = penalty.frame(self.layout, self.n_samples, c)

    # what a subclass provides -----------------------------------------------------------------------------

    @abstractmethod
    def _loss(self, theta: Vector, sample: Sample | None) -> float: ...

    @abstractmethod
    def _losses(self, thetas: Array, sample: Sample | None, threads: int = 1) -> Array: ...

    @abstractmethod
    def _loss_and_gradient(self, theta: Vector, sample: Sample | None) -> tuple[float, Vector]: ...

    @abstractmethod
    def loss_formula(self, reduction: str) -> str:
        """Return the training loss as text, written as a "mean" or as a "sum" over items."""

    @abstractmethod
    def start(self, rng: np.random.Generator, scale: float | None = None) -> Vector:
        """Draw a starting point, shape (d,); ``scale`` is the standard deviation of the weights."""

    def samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield draws of the objective's noise for ever."""
        raise InvalidInputError(f"{self.name} has no noise to draw samples of")

    # the objective ----------------------------------------------------------------------------------------

    @property
    def kernel(self) -> str:
        """What evaluates the loss: "numba" where compiled kernels do, else "numpy"; part of a run's identity."""
        return "numpy"

    def prepare(self) -> None:  # noqa: B027 - nothing, for most
        """Load what evaluations need, compiling it where nobody has yet, so that no run's clock pays for it."""

    @property
    def dim(self) -> int:
        """Number of parameters d."""
        return self.layout.dim

    @property
    def is_weight(self) -> NDArray[np.bool_]:
        """Mask (d,) of the weights; the rest are biases."""
        return self.layout.is_weight

    @property
    def is_penalised(self) -> NDArray[np.bool_]:
        """Mask (d,) of the coordinates that the penalty counts: the weights, biases only when asked."""
        return self._frame.mask > 0

    @property
    def is_constrained(self) -> bool:
        """Whether ``project`` does anything."""
        return self.penalty.is_constraint

    @property
    def exact(self) -> Objective:
        """The objective free of noise and of features, with the same value(): what is measured and referred to."""
        return self

    @property
    def is_convex(self) -> bool:
        """Whether J is known to be convex; False where nothing is known."""
        return False

    @property
    def is_generated(self) -> bool:
        """Whether its data were made by a formula, not measured."""
        return False

    @property
    def lam(self) -> float:
        """Lambda as written, in the penalty's own convention."""
        return self.penalty.lam

    @property
    def lam_canonical(self) -> float:
        """Lambda in the penalty's canonical form: lambda/(2n) sum w^2, L1 lambda/n sum |w|; 0 for a constraint."""
        return self._frame.lam

    def value(self, theta: ArrayLike, sample: Sample | None = None) -> float:
        """Return J(theta) for theta (d,): loss plus penalty; noise-free without a sample."""
        point = self._point(theta)
        return float(self._loss(point, sample) + self.penalty.value(point, self._frame))

    def values(self, thetas: ArrayLike, sample: Sample | None = None, threads: int = 1) -> Array:
        """Return J of every row of thetas (m, d), shape (m,), all on the same sample; bounded memory.

        ``threads`` share the rows where a compiled kernel serves; the bits are the same.
        """
        points = np.ascontiguousarray(self._numbers(thetas))
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise InvalidInputError(f"thetas must have shape (m, {self.dim}), got {points.shape}")
        return self._losses(points, sample, threads) + self.penalty.value(points, self._frame)

    def gradient(self, theta: ArrayLike, sample: Sample | None = None) -> Vector:
        """Return dJ/dtheta, shape (d,)."""
        return self.value_and_gradient(theta, sample)[1]

    def value_and_gradient(self, theta: ArrayLike, sample: Sample | None = None) -> tuple[float, Vector]:
        """Return J(theta) and dJ/dtheta at the price of one forward and one backward pass."""
        value, gradient = self.value_and_loss_gradient(theta, sample)
        return value, gradient + self.penalty.gradient(self._point(theta), self._frame)

    def value_and_loss_gradient(self, theta: ArrayLike, sample: Sample | None = None) -> tuple[float, Vector]:
        """Return J(theta), penalty included, and dL/dtheta, the gradient of the loss alone."""
        point = self._point(theta)
        loss, gradient = self._loss_and_gradient(point, sample)
        return float(loss + self.penalty.value(point, self._frame)), gradient

    def loss(self, theta: ArrayLike) -> float:
        """Return the training loss L(theta) alone, noise-free."""
        return float(self._loss(self._point(theta), None))

    def loss_gradient(self, theta: ArrayLike, sample: Sample | None = None) -> Vector:
        """Return dL/dtheta, the gradient of the loss alone, shape (d,)."""
        return self._loss_and_gradient(self._point(theta), sample)[1]

    def penalty_value(self, theta: ArrayLike) -> float:
        """Return the penalty alone."""
        return float(self.penalty.value(self._point(theta), self._frame))

    def norm(self, theta: ArrayLike) -> float:
        """Return the Euclidean norm of the penalised coordinates (the weights)."""
        return self.penalty_and_norm(theta)[1]

    def penalty_and_norm(self, theta: ArrayLike) -> tuple[float, float]:
        """Return the penalty alone, and the Euclidean norm of the penalised coordinates (the weights)."""
        point = self._point(theta)
        weights = point * self._frame.mask
        return float(self.penalty.value(point, self._frame)), math.sqrt(weights.dot(weights))

    def validation_loss(self, theta: ArrayLike) -> float:
        """Return the mean loss over the validation items; NaN where there are none."""
        return float("nan")

    def test_loss(self, theta: ArrayLike) -> float:
        """Return the mean loss over the test items, without any penalty; NaN where there are none."""
        return float("nan")

    def test_error(self, theta: ArrayLike) -> float:
        """Return the share of misclassified test items, or the RMSE in original units; NaN without test items."""
        return float("nan")

    def project(self, theta: ArrayLike) -> Array:
        """Return the nearest allowed point of theta (d,) or of each row (m, d); unconstrained: the same."""
        return self.penalty.project(self._numbers(theta), self._frame)

    def prox(self, theta: ArrayLike, step: float) -> Vector:
        """Return argmin_u penalty(u) + |u - theta|^2/(2 step)."""
        return self.penalty.prox(self._point(theta), step, self._frame)

    def with_lambda(self, lam: float) -> Self:
        """Return the same objective at another lambda, in the penalty's own convention.

        Raises InvalidInputError where there is no penalty, or a constraint, which has no lambda.
        """
        return self._with_penalty(self.penalty.with_lambda(lam))

    def without_penalty(self) -> Self:
        """Return the bare loss as an objective; a constraint goes with the penalty."""
        return self._with_penalty(NoPenalty())

    def started_at(self, start: ArrayLike) -> Self:
        """Return the objective of a run that begins at ``start`` (d,).

        It is the same one, unless its penalty is anchored where a run starts (AnchoredL2(anchor='start')).
        """
        penalty = self.penalty.started_at(self._point(start))
        return self if penalty is self.penalty else self._with_penalty(penalty)

    def _with_penalty(self, penalty: Penalty) -> Self:
        twin = copy.copy(self)
        twin._settle(penalty, self.penalty_scale)
        return twin

    def formula(self) -> str:
        """Return the objective as one line of text, with its facts."""
        term, written = self.penalty.formula(), self.penalty.reduction or self.reduction
        text = self.loss_formula(written)
        if term:
            text += f" + {term}" if not self.is_constrained else f" subject to {term}"
        if written != self.reduction:  # the penalty is written beside a mean and the objective sums, or the reverse
            text = f"n [{text}]" if written == "mean" else f"(1/n) [{text}]"
        facts = [f"n = {self.n_samples}", f"d = {self.dim}"]
        facts = [*filter(None, [self.penalty.facts(self.n_samples)] if term else []), *facts]
        n_biases = int((~self.is_penalised).sum())
        if term and n_biases:
            facts.append(f"{n_biases} biases free")
        return f"J = {text};  {', '.join(facts)}"

    def __repr__(self) -> str:
        return f"<objective {self.name}: {self.formula()}>"

    def _numbers(self, given: ArrayLike) -> Array:
        if isinstance(given, np.ndarray) and given.dtype == np.float64:
            return given
        array = np.asarray(given)
        if array.dtype.kind not in "fiub":
            raise InvalidInputError(f"theta must be real numbers, got dtype {array.dtype}")
        return array.astype(np.float64)

    def _point(self, theta: ArrayLike) -> Vector:
        point = self._numbers(theta)
        if point.shape != (self.dim,):
            raise InvalidInputError(f"theta must have shape ({self.dim},), got {point.shape}")
        return point

    def describe_fields(self) -> dict[str, Any]:
        """Return what the objective's identity is made of."""
        raise NotImplementedError
