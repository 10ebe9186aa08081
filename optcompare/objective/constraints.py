"""Constraints: sets that theta is projected onto before it is evaluated. Nothing is added to the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import InvalidInputError
from .conventions import check_real
from .layout import Block, Layout, Vector
from .penalty import Array, Frame, Penalty

# A norm this close above the radius counts as on the sphere, so that projecting twice is projecting once, bit for bit.
ON_THE_SPHERE = 1e-12


@dataclass(frozen=True)
class MaxNorm(Penalty):
    """|w|_2 <= r over all weights together, or with ``per_neuron`` over each neuron's incoming weights.

    A neuron's incoming weights are a column of its layer's weight matrix (inputs, units), outputs included. Biases are
    free. The Recorder projects before it evaluates, so every optimizer, gradient or direct, keeps to it and its
    projected points are what is recorded; norms up to r (1 + 1e-12) count as allowed. It has no lambda: ``lam`` is 0,
    since nothing is added to the loss, and ``with_lambda`` is refused; the L2 lambda that it amounts to at an answer is
    ``oc.implied_multiplier``. The proximal step is the projection.

    Raises InvalidInputError for a radius that is not finite and > 0, and where ``per_neuron`` meets a function without
    weight matrices. Source: Srebro, Rennie & Jaakkola 2005; Srivastava et al. 2014, section 5.1.
    """

    radius: float
    per_neuron: bool = False

    is_constraint: ClassVar[bool] = True

    def __post_init__(self) -> None:
        radius = check_real(self.radius, "the radius of MaxNorm")
        if not (math.isfinite(radius) and radius > 0.0):
            raise InvalidInputError(f"the radius of MaxNorm must be finite and > 0, got {self.radius!r}")
        object.__setattr__(self, "radius", radius)
        if not isinstance(self.per_neuron, (bool, np.bool_)):
            raise InvalidInputError(f"per_neuron must be True or False, got {self.per_neuron!r}")

    @property
    def lam(self) -> float:
        """0: nothing is added to the loss."""
        return 0.0

    def with_lambda(self, lam: float) -> Self:
        """Refuse: a constraint has a radius, no lambda."""
        raise InvalidInputError(
            f"cannot set lambda = {lam!r}: MaxNorm is a constraint with a radius and has no lambda. Build one "
            "objective per radius, and read its multiplier with oc.implied_multiplier"
        )

    def lam_canonical(self, n_samples: int) -> float:
        """0."""
        return 0.0

    def frame(self, layout: Layout, n_samples: int, c: float) -> Frame:
        """Return the frame, refusing a layout that has no neurons where neurons are constrained."""
        if self.per_neuron and any(len(block.shape) != 2 for block in layout.blocks if block.is_weight):
            raise InvalidInputError(
                "MaxNorm(per_neuron=True) needs weight matrices, and this objective's theta has none: "
                "use per_neuron=False, or linear_objective / mlp_objective"
            )
        return super().frame(layout, n_samples, c)

    def value(self, theta: Array, frame: Frame) -> Any:
        """0: a constraint adds nothing."""
        return 0.0 if theta.ndim == 1 else np.zeros(theta.shape[:-1])

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """0."""
        return np.zeros_like(theta)

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return the projection, whatever the step."""
        return self.project(theta, frame)

    def project(self, theta: Array, frame: Frame) -> Array:
        """Return the nearest allowed point of theta (d,) or of each row (m, d); a row that is not finite stays."""
        projected = np.array(theta)
        if not self.per_neuron:
            is_weight = frame.layout.is_weight
            projected *= np.where(is_weight, self._shrink(np.where(is_weight, theta, 0.0), -1), 1.0)
            return projected
        for block in frame.layout.blocks:
            if block.is_weight:
                projected[..., block.where] = self._shrunk_columns(projected[..., block.where], block)
        return projected

    def formula(self) -> str:
        """Return the constraint with its radius."""
        what = "|incoming weights of each neuron|_2" if self.per_neuron else "|w|_2"
        return f"{what} <= {self.radius:g}"

    def facts(self, n_samples: int) -> str:
        """Return nothing: the radius stands in the formula."""
        return ""

    def _shrunk_columns(self, weights: Array, block: Block) -> Array:
        """Return the block's entries (..., size) with every column inside the ball."""
        matrix = weights.reshape(*weights.shape[:-1], *block.shape)
        return (matrix * self._shrink(matrix, -2)).reshape(weights.shape)

    def _shrink(self, w: Array, axis: int) -> Array:
        """Return min(1, r/|w|) along an axis that is kept with length 1; 1 where |w| is not a finite number."""
        norms = norm_along(w, axis)
        is_outside = np.isfinite(norms) & (norms > self.radius * (1.0 + ON_THE_SPHERE))
        return np.divide(self.radius, norms, out=np.ones_like(norms), where=is_outside)


def norm_along(w: Array, axis: int) -> Array:
    """Return the Euclidean norm along an axis, kept with length 1, without overflow of the squares."""
    with np.errstate(invalid="ignore"):
        largest = np.abs(w).max(axis=axis, keepdims=True, initial=0.0)
        unit = np.where((largest > 0.0) & np.isfinite(largest), largest, 1.0)
        return unit * np.sqrt(np.square(w / unit).sum(axis=axis, keepdims=True))
