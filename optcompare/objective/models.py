"""Models: scores of items as functions of a flat theta, and their pullback (backprop).

A layer computes z = a W + b with W of shape (inputs, units); hidden layers apply the activation. Weights are counted
as weights, b as biases. ``masks`` (dropout) multiply the inputs of each layer: one array (n, inputs) or None a layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name
from .layout import Layout, Vector

Array = NDArray[np.float64]
Masks = Sequence[Array | None]

# Population evaluation works on tiles of about this many scores and activations at a time (8 bytes each).
TILE_ENTRIES = 131_072


@dataclass(frozen=True)
class Activation:
    """A hidden unit's function, in place, and its derivative as a function of its OUTPUT."""

    name: str
    formula: str
    apply: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    largest_slope: float
    is_smooth: bool = True


def _tanh(z: Array) -> Array:
    return np.tanh(z, out=z)


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0, out=z)


def _sigmoid(z: Array) -> Array:
    z *= 0.5
    np.tanh(z, out=z)
    z += 1.0
    z *= 0.5
    return z


def _identity(z: Array) -> Array:
    return z


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("tanh", "tanh(z)", _tanh, lambda a: 1.0 - a * a, 1.0),
        Activation("relu", "max(z, 0)", _relu, lambda a: (a > 0.0).astype(np.float64), 1.0, is_smooth=False),
        Activation("sigmoid", "1/(1 + exp(-z))", _sigmoid, lambda a: a * (1.0 - a), 0.25),
        Activation("identity", "z", _identity, lambda a: np.ones_like(a), 1.0),
    )
}


@dataclass(frozen=True)
class MLP:
    """scores = W_L^T act(... act(W_1^T x + b_1) ...) + b_L, any depth.

    Errors: InvalidInputError for a width below 1, UnknownNameError for an unknown activation.
    """

    n_features: int
    hidden: tuple[int, ...]
    n_scores: int
    activation: str = "tanh"
    layout: Layout = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise unknown_name("activation", self.activation, ACTIVATIONS)
        for width in self.hidden:
            if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
                raise InvalidInputError(f"hidden widths must be integers >= 1, got {self.hidden!r}")
        pieces: list[tuple[str, tuple[int, ...], bool, int]] = []
        for layer, (inputs, units) in enumerate(self.sizes):
            pieces.append((f"W{layer + 1}", (inputs, units), True, layer))
            pieces.append((f"b{layer + 1}", (units,), False, layer))
        object.__setattr__(self, "layout", Layout.of(pieces))

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(inputs, units) of every layer."""
        widths = [self.n_features, *self.hidden, self.n_scores]
        return list(itertools.pairwise(widths))

    @property
    def is_smooth(self) -> bool:
        """Whether the scores are differentiable in theta everywhere."""
        return not self.hidden or ACTIVATIONS[self.activation].is_smooth

    @property
    def formula(self) -> str:
        """The scores as a formula."""
        text = "x"
        for layer in range(len(self.hidden)):
            text = f"{self.activation}(W{layer + 1}'{text} + b{layer + 1})"
        last = len(self.hidden) + 1
        return f"W{last}'{text} + b{last}"

    def start(self, rng: np.random.Generator, scale: float | None = None) -> Vector:
        """Draw weights from N(0, 1/inputs) (or N(0, scale^2)); biases are 0."""
        theta = np.zeros(self.layout.dim)
        for block in self.layout.blocks:
            if block.is_weight:
                spread = block.shape[0] ** -0.5 if scale is None else scale
                theta[block.where] = spread * rng.standard_normal(block.size)
        return theta

    def scores(self, theta: Vector, X: Array, masks: Masks | None = None) -> Array:
        """Return the scores (n, k) of items X (n, p)."""
        return self.activations(theta, X, masks)[-1]

    def activations(self, theta: Vector, X: Array, masks: Masks | None = None) -> list[Array]:
        """Return [inputs, hidden outputs ..., scores], each as the next layer sees it (masked)."""
        act = ACTIVATIONS[self.activation].apply
        blocks = self.layout.unpack(theta)
        n_layers = len(self.sizes)
        outputs = [X if masks is None or masks[0] is None else X * masks[0]]
        for layer in range(n_layers):
            z = outputs[-1] @ blocks[2 * layer]
            z += blocks[2 * layer + 1]
            if layer < n_layers - 1:
                z = act(z)
                mask = None if masks is None else masks[layer + 1]
                if mask is not None:
                    z = z * mask
            outputs.append(z)
        return outputs

    def pullback(self, theta: Vector, outputs: list[Array], d_scores: Array, masks: Masks | None = None) -> Vector:
        """Return sum over items of (d scores / d theta)' d_scores, shape (d,): backprop.

        ``outputs`` come from :meth:`activations` at the same theta and masks.
        """
        slope = ACTIVATIONS[self.activation].slope
        blocks = self.layout.unpack(theta)
        gradient = np.empty(self.layout.dim)
        pieces = self.layout.unpack(gradient)
        delta = d_scores
        for layer in range(len(self.sizes) - 1, -1, -1):
            np.matmul(outputs[layer].T, delta, out=pieces[2 * layer])
            delta.sum(axis=0, out=pieces[2 * layer + 1])
            if layer == 0:
                break
            delta = delta @ blocks[2 * layer].T
            mask = None if masks is None else masks[layer]
            if mask is None:
                delta *= slope(outputs[layer])
            else:
                # outputs = act(z) * mask: undo the mask where it is not 0 to read the slope
                inner = np.divide(outputs[layer], mask, out=np.zeros_like(delta), where=mask != 0)
                delta *= slope(inner) * mask
        return gradient

    def scores_many(self, thetas: Array, X: Array, masks: Masks | None = None) -> Array:
        """Return the scores (m, n, k) of m parameter vectors on the same items."""
        act = ACTIVATIONS[self.activation].apply
        blocks = self.layout.unpack(thetas)
        n_layers = len(self.sizes)
        n_rows, n_items = len(thetas), len(X)
        inputs = X if masks is None or masks[0] is None else X * masks[0]
        # every candidate's first layer in one product: (n, p) @ (p, m * units)
        first = np.ascontiguousarray(blocks[0].transpose(1, 0, 2)).reshape(self.n_features, -1)
        z: Array = (inputs @ first).reshape(n_items, n_rows, -1).transpose(1, 0, 2)
        for layer in range(n_layers):
            if layer > 0:
                z = z @ blocks[2 * layer]
            z += blocks[2 * layer + 1][:, None, :]
            if layer < n_layers - 1:
                z = act(z)
                mask = None if masks is None else masks[layer + 1]
                if mask is not None:
                    z = z * mask
        return z

    def tile(self, n_thetas: int, n_items: int) -> tuple[int, int]:
        """Return how many (thetas, items) to evaluate at a time so that a tile stays small."""
        widest = max([self.n_features, *self.hidden, self.n_scores])
        units = max([*self.hidden, self.n_scores])
        n_tiles = -(-n_items // max(1, TILE_ENTRIES // (4 * widest)))  # a quarter: several thetas share a tile
        items = -(-n_items // n_tiles)
        return max(1, min(n_thetas, TILE_ENTRIES // (units * items))), items


def Linear(n_features: int, n_scores: int) -> MLP:
    """Return the model scores = W'x + b: an MLP without hidden layers."""
    return MLP(n_features, (), n_scores, "identity")
