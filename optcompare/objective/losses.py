"""Per-item losses as functions of the scores: value, gradient in the scores, errors.

Scores ``Z`` have shape (..., n, k): k is 1 for ``Logistic``, ``Ramp`` and ``ZeroOne`` on two classes, the number of
outputs for ``HalfSquaredError`` and of classes for ``Softmax``. Labels ``y`` are integer codes (n,) for
classification, standardised targets (n,) or (n, k) for regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name
from .datasets import Dataset

Array = NDArray[np.float64]
Labels = NDArray[Any]


@dataclass(frozen=True)
class Loss(ABC):
    """A loss of one item; the objective takes the mean (or the sum) over items."""

    name: ClassVar[str]
    formula: ClassVar[str]
    task: ClassVar[str] = "classification"
    is_smooth: ClassVar[bool] = True
    is_convex: ClassVar[bool] = True  # in the scores; it is then convex in theta for a linear model
    has_gradient: ClassVar[bool] = True

    @abstractmethod
    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return the loss of every item, shape (..., n)."""

    @abstractmethod
    def gradient(self, Z: Array, y: Labels) -> Array:
        """Return d per_item / d Z for scores (n, k), shape (n, k)."""

    def curvature(self, Z: Array, y: Labels) -> Array:
        """Return d2 per_item / dZ dZ' for scores (n, k), shape (n, k, k); here by central differences of gradient."""
        h = 1e-5
        curvature = np.empty((*Z.shape, Z.shape[1]))
        for score in range(Z.shape[1]):
            up, down = Z.copy(), Z.copy()
            up[:, score] += h
            down[:, score] -= h
            curvature[:, :, score] = (self.gradient(up, y) - self.gradient(down, y)) / (2.0 * h)
        return 0.5 * (curvature + curvature.transpose(0, 2, 1))

    @abstractmethod
    def n_scores(self, data: Dataset) -> int:
        """Return how many scores an item needs; raises InvalidInputError where the data does not fit."""

    def _check_task(self, data: Dataset) -> None:
        if data.task != self.task:
            raise InvalidInputError(
                f"loss {self.name!r} is for {self.task}, but {data.name!r} is a {data.task} data set"
            )


@dataclass(frozen=True)
class HalfSquaredError(Loss):
    """l(z, y) = 1/2 sum over outputs (z - y)^2."""

    name = "half_squared_error"
    formula = "1/2 sum_outputs (z - y)^2"
    task = "regression"

    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return 1/2 |z - y|^2."""
        difference = Z - y.reshape(Z.shape[-2:])
        return 0.5 * np.einsum("...k,...k->...", difference, difference)

    def gradient(self, Z: Array, y: Labels) -> Array:
        """Return z - y."""
        return Z - y.reshape(Z.shape)

    def curvature(self, Z: Array, y: Labels) -> Array:
        """Return the identity for every item."""
        return np.broadcast_to(np.eye(Z.shape[1]), (*Z.shape, Z.shape[1]))

    def n_scores(self, data: Dataset) -> int:
        """One score per output."""
        self._check_task(data)
        return data.n_outputs


class _TwoClassLoss(Loss):
    """Shared by the losses of one logit: the label's sign is s = 2 y - 1."""

    def n_scores(self, data: Dataset) -> int:
        """One logit."""
        self._check_task(data)
        if data.n_classes != 2:
            raise InvalidInputError(
                f"loss {self.name!r} needs two classes, but {data.name!r} has {data.n_classes}: use 'softmax'"
            )
        return 1

    @staticmethod
    def _margin(Z: Array, y: Labels) -> Array:
        return Z[..., 0] * (2.0 * y - 1.0)


@dataclass(frozen=True)
class Logistic(_TwoClassLoss):
    """l(z, y) = ln(1 + exp(-s z)), s = 2 y - 1: cross-entropy on ONE logit for two classes."""

    name = "logistic"
    formula = "ln(1 + exp(-s z)), s = +-1"

    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return ln(1 + exp(-s z)), without overflow."""
        return np.logaddexp(0.0, -self._margin(Z, y))

    def gradient(self, Z: Array, y: Labels) -> Array:
        """Return sigmoid(z) - y."""
        # (1 + tanh(z/2))/2 is the sigmoid, without overflow
        return 0.5 * (1.0 + np.tanh(0.5 * Z)) - y[:, None]

    def curvature(self, Z: Array, y: Labels) -> Array:
        """Return p (1 - p) = 1/(4 cosh(z/2)^2), p the sigmoid of z."""
        decay = np.exp(-np.abs(Z))  # without overflow, and without losing 1 - p to rounding
        return (decay / (1.0 + decay) ** 2)[:, :, None]


def _largest(Z: Array) -> Array:
    """Return the largest score of every item, (..., n); numpy's own way takes three times as long for few scores."""
    if Z.shape[-1] > 16:
        return Z.max(axis=-1)
    top = Z[..., 0].copy(order="K")  # as max lays it out: the order of later sums, and so their bits, hang on it
    for score in range(1, Z.shape[-1]):
        np.maximum(top, Z[..., score], out=top)
    return top


@dataclass(frozen=True)
class Softmax(Loss):
    """l(z, y) = ln sum_j exp(z_j) - z_y: cross-entropy on k logits."""

    name = "softmax"
    formula = "ln sum_j exp(z_j) - z_y"

    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return ln sum_j exp(z_j) - z_y, without overflow."""
        top = _largest(Z)
        shares = Z - top[..., None]
        total = np.exp(shares, out=shares).sum(axis=-1)
        return top + np.log(total) - Z[..., np.arange(Z.shape[-2]), y]

    def gradient(self, Z: Array, y: Labels) -> Array:
        """Return softmax(z) - onehot(y)."""
        grad = np.exp(Z - Z.max(axis=1, keepdims=True))
        grad /= grad.sum(axis=1, keepdims=True)
        grad[np.arange(len(y)), y] -= 1.0
        return grad

    def curvature(self, Z: Array, y: Labels) -> Array:
        """Return diag(p) - p p', p the softmax of z."""
        p = np.exp(Z - Z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        curvature = -p[:, :, None] * p[:, None, :]
        each = np.arange(Z.shape[1])
        # p_j (1 - p_j) as p_j times the sum of the others: 1 - p_j would lose its digits near p_j = 1
        others = np.stack([np.delete(p, score, axis=1).sum(axis=1) for score in each], axis=1)
        curvature[:, each, each] = p * others
        return curvature

    def n_scores(self, data: Dataset) -> int:
        """One logit per class."""
        self._check_task(data)
        return data.n_classes


@dataclass(frozen=True)
class Ramp(_TwoClassLoss):
    """l(z, y) = clip((1 - s z)/2, 0, 1): bounded, with a margin, piecewise linear."""

    name = "ramp"
    formula = "clip((1 - s z)/2, 0, 1), s = +-1"
    is_smooth = False
    is_convex = False

    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return clip((1 - s z)/2, 0, 1)."""
        return np.clip(0.5 * (1.0 - self._margin(Z, y)), 0.0, 1.0)

    def gradient(self, Z: Array, y: Labels) -> Array:
        """Return -s/2 inside the margin, 0 outside: a subgradient-like direction, not a gradient at the kinks."""
        sign = 2.0 * y - 1.0
        is_inside = np.abs(self._margin(Z, y)) < 1.0
        return np.where(is_inside, -0.5 * sign, 0.0)[:, None]


@dataclass(frozen=True)
class ZeroOne(_TwoClassLoss):
    """l(z, y) = 1 if the sign of z is not the label's, else 0 (z = 0 is class 0)."""

    name = "zero_one"
    formula = "[class(z) != y]"
    is_smooth = False
    is_convex = False
    has_gradient = False

    def per_item(self, Z: Array, y: Labels) -> Array:
        """Return 1 where the item is misclassified."""
        return ((Z[..., 0] > 0.0) != (y == 1)).astype(np.float64)

    def gradient(self, Z: Array, y: Labels) -> Array:
        """There is none that helps: the derivative is 0 almost everywhere."""
        raise InvalidInputError(
            "the 0-1 loss has no useful gradient: use a direct-error optimizer (pso, nelder_mead, cma_es), "
            "or the loss 'ramp' or 'logistic'"
        )


LOSSES: dict[str, Loss] = {loss.name: loss for loss in (HalfSquaredError(), Logistic(), Softmax(), Ramp(), ZeroOne())}


def as_loss(given: str | Loss | None, data: Dataset) -> Loss:
    """Return the loss of that name; None chooses by task: squared error, logistic (two classes) or softmax."""
    if isinstance(given, Loss):
        return given
    if given is None:
        if data.task == "regression":
            return LOSSES["half_squared_error"]
        return LOSSES["logistic" if data.n_classes == 2 else "softmax"]
    if given == "cross_entropy":
        return LOSSES["logistic" if data.n_classes == 2 else "softmax"]
    if given not in LOSSES:
        raise unknown_name("loss", given, [*LOSSES, "cross_entropy"])
    return LOSSES[given]


def prediction_error(Z: Array, y: Labels, data: Dataset) -> float:
    """Return the share of misclassified items, or the RMSE in the target's original units.

    With several outputs the RMSE is the root of the mean over items and outputs.
    """
    if data.task == "regression":
        difference = (Z - y.reshape(Z.shape)) * data.y_scale
        return float(np.sqrt(np.mean(difference**2)))
    predicted = (Z[:, 0] > 0.0).astype(int) if Z.shape[1] == 1 else Z.argmax(axis=1)
    return float(np.mean(predicted != y))
