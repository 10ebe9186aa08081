"""What a penalty did to a network: how many weights and units are left, of what rank, and how bent its units are.

Everything is measured on the training items without noise. Inputs are standardised, so that weights, and products of
weights along a path, compare with one threshold.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .conventions import check_lambda
from .data_objective import DataObjective
from .layout import Vector
from .objective import Array, Objective

SATURATED = 0.9  # of the way from the middle of an activation's range to its end


@dataclass(frozen=True)
class Diagnostics:
    """Measures of one theta; those of hidden units are NaN for linear models, all but the first two for functions.

    effective_weights: number of weights (biases apart) with |w| > threshold.

    weight_participation: (sum w^2)^2 / sum w^4, between 1 (one weight has it all) and the number of weights (all equal
    in size); NaN where all are 0.

    effective_units: number of hidden units with |w_in| |w_out| > threshold, w_in (a column of the layer's matrix) the
    unit's incoming weights, w_out (a row of the next one) its outgoing weights, |.| Euclidean. It counts units whose
    path through the network carries anything, and does not change when a relu unit's scale moves from one side to
    the other.

    layer_rank: number of singular values of the product W1 W2 ... WL (inputs, outputs) above threshold: the rank of the
    map that the network would be with linear units. A linear model's is the rank of W.

    nonlinearity: how far the units leave their linear range, sums over training items and all hidden units, z the net
    inputs, from 0 to 1: tanh: sum |z - tanh z| / sum |z|; sigmoid, linear part 1/2 + z/4:
    sum |z - (4 sigmoid(z) - 2)| / sum |z|; relu: sum over units of 2 min(sum z+, sum z-) / sum |z|, 0 for a unit that
    is on for all items or off for all; identity: 0. With z = 0 everywhere it is 0, its limit.

    saturation: mean |s|, s the output scaled to [-1, 1] between the asymptotes (tanh: s = a, sigmoid: s = 2a - 1), over
    items and hidden units: about 0 for linear use, 1/2 for outputs spread evenly, 1 for outputs at the ends. It is the
    measure sum_B |mean of s in bin| f_bin / sum_B f_bin for any even number of bins, f the frequencies, where no bin
    holds both signs. NaN for relu and identity, which are unbounded.

    saturated_share: share of hidden outputs near an asymptote: |s| > 0.9; for relu the share of outputs that are 0;
    NaN for identity.

    Source: Rakitianskaia & Engelbrecht, Measuring saturation in neural networks, SSCI 2015 (saturation).
    """

    effective_weights: int
    weight_participation: float
    effective_units: float
    layer_rank: float
    nonlinearity: float
    saturation: float
    saturated_share: float
    threshold: float


def diagnostics(objective: Objective, theta: ArrayLike, *, threshold: float = 0.01) -> Diagnostics:
    """Measure theta (d,); see :class:`Diagnostics` for the formulas.

    ``threshold``: below it a weight, a unit's |w_in| |w_out| or a singular value counts as gone; absolute, in units of
    score per standard deviation of an input. Raises InvalidInputError for a wrong shape or a threshold below 0.
    """
    point = objective._point(theta)
    check_lambda(threshold, "threshold")
    weights = point[objective.is_weight]
    units = rank = math.nan
    bend, saturation, share = math.nan, math.nan, math.nan
    if isinstance(objective, DataObjective):
        matrices = [piece for piece in objective.layout.unpack(point) if piece.ndim == 2]
        rank = _rank(matrices, threshold)
        if objective.model.hidden:
            units = float(sum((contribution > threshold).sum() for contribution in unit_contributions(matrices)))
            with np.errstate(all="ignore"):
                bend, saturation, share = _of_hidden_units(objective, point)
    n_effective = int((np.abs(weights) > threshold).sum())
    return Diagnostics(n_effective, _participation(weights), units, rank, bend, saturation, share, float(threshold))


def unit_contributions(matrices: list[Array]) -> list[Vector]:
    """Return |w_in| |w_out| of every hidden unit, one array per hidden layer; ``matrices`` are W1 ... WL."""
    return [
        np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
        for incoming, outgoing in itertools.pairwise(matrices)
    ]


def _participation(weights: Vector) -> float:
    largest = float(np.abs(weights).max(initial=0.0))
    if not (0.0 < largest < math.inf):
        return math.nan
    squares = np.square(weights / largest)
    return float(squares.sum() ** 2 / (squares @ squares))


def _rank(matrices: list[Array], threshold: float) -> float:
    with np.errstate(all="ignore"):
        product = matrices[0]
        for matrix in matrices[1:]:
            product = product @ matrix
    if not np.isfinite(product).all():
        return math.nan
    return float((np.linalg.svd(product, compute_uv=False) > threshold).sum())


def _of_hidden_units(objective: DataObjective, point: Vector) -> tuple[float, float, float]:
    """Return nonlinearity, saturation and saturated_share over all hidden layers."""
    model = objective.model
    outputs = model.activations(point, objective.data.X)
    pieces = objective.layout.unpack(point)
    bent, total, sizes, is_saturated = 0.0, 0.0, [], []
    for layer in range(len(model.hidden)):
        z = outputs[layer] @ pieces[2 * layer] + pieces[2 * layer + 1]
        a = outputs[layer + 1]
        bent += _departure(model.activation, z, a)
        total += float(np.abs(z).sum())
        if model.activation == "relu":
            is_saturated.append((a == 0.0).ravel())
        elif model.activation in ("tanh", "sigmoid"):
            s = np.abs(a if model.activation == "tanh" else 2.0 * a - 1.0).ravel()
            sizes.append(s)
            is_saturated.append(s > SATURATED)
    return (
        bent / total if total != 0.0 else 0.0,
        float(np.concatenate(sizes).mean()) if sizes else math.nan,
        float(np.concatenate(is_saturated).mean()) if is_saturated else math.nan,
    )


def _departure(activation: str, z: Array, a: Array) -> float:
    """Return the numerator of the nonlinearity for one layer: net inputs z and outputs a, both (n, units)."""
    if activation == "tanh":
        return float(np.abs(z - a).sum())
    if activation == "sigmoid":
        return float(np.abs(z - (4.0 * a - 2.0)).sum())
    if activation == "relu":
        on, off = np.maximum(z, 0.0).sum(axis=0), np.maximum(-z, 0.0).sum(axis=0)
        return float(2.0 * np.minimum(on, off).sum())
    return 0.0 if activation == "identity" else math.nan
