"""The doors of the objective room: build an objective from data or from a function."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .data_objective import DataObjective
from .datasets import Dataset
from .function_objective import FunctionObjective
from .layout import Layout, Vector
from .losses import Loss, as_loss
from .models import MLP, Linear
from .noise import Noise, as_noise
from .objective import Array
from .penalties import Penalty, as_penalty


def linear_objective(
    data: Dataset,
    *,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    noise: Noise | Sequence[Noise] | None = None,
    reduction: str = "mean",
    name: str | None = None,
    kernel: str = "auto",
) -> DataObjective:
    """Build J(W, b) = (1/n) sum_i loss(W'x_i + b, y_i) + penalty on the training items of ``data``.

    ``loss``: None chooses by task (1/2 squared error; logistic on ONE logit for two classes; softmax), or a name
    ("half_squared_error", "logistic", "softmax", "cross_entropy", "ramp", "zero_one"). ``reduction="sum"`` sums the
    losses and scales the penalty alike (c = 1 instead of 1/n): the same minimiser at the same canonical lambda.
    ``kernel``: "auto" evaluates by compiled kernels where numba is installed (the extra ``fast``), "numpy" by numpy in
    any case, "numba" insists; ``objective.kernel`` says which, and a run's identity holds it.

    Raises InvalidInputError where loss and data do not fit, MissingLibraryError for "numba" without numba.
    """
    return mlp_objective(
        data, hidden=(), activation="identity", loss=loss, penalty=penalty, noise=noise,
        reduction=reduction, name=name, kernel=kernel,
    )  # fmt: skip


def mlp_objective(
    data: Dataset,
    *,
    hidden: Sequence[int] = (8,),
    activation: str = "tanh",
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    noise: Noise | Sequence[Noise] | None = None,
    reduction: str = "mean",
    name: str | None = None,
    kernel: str = "auto",
) -> DataObjective:
    """Build the objective of a multilayer perceptron with ``hidden`` widths; see :func:`linear_objective`.

    ``activation``: "tanh", "relu", "sigmoid" or "identity", in the hidden layers; the scores are linear.
    """
    if not isinstance(data, Dataset):
        raise InvalidInputError(
            f"data must be a Dataset (oc.load_dataset, oc.Dataset.from_arrays, oc.load_csv), got {type(data).__name__}"
        )
    chosen = as_loss(loss, data)
    n_scores = chosen.n_scores(data)
    if isinstance(hidden, (int, np.integer)):
        raise InvalidInputError(f"hidden must be a sequence of widths such as ({hidden},), got {hidden!r}")
    widths = tuple(hidden)
    model = MLP(data.n_features, widths, n_scores, activation) if widths else Linear(data.n_features, n_scores)
    return DataObjective(data, model, chosen, as_penalty(penalty), as_noise(noise), reduction, name, kernel)


def function_objective(
    function: Callable[[Vector], float],
    *,
    dim: int,
    gradient: Callable[[Vector], Vector] | None = None,
    vectorized: Callable[[Array], Array] | None = None,
    penalty: Penalty | None = None,
    is_weight: ArrayLike | None = None,
    n_samples: int = 1,
    name: str | None = None,
) -> FunctionObjective:
    """Build J(theta) = function(theta) + penalty from any function of a vector (dim,).

    ``gradient(theta) -> (dim,)`` is needed by gradient optimizers, ``vectorized(thetas (m, dim)) -> (m,)`` is used for
    populations where given. ``is_weight`` (dim,) marks the penalised coordinates (default: all). ``n_samples`` is the
    n of the penalty's c = 1/n. ``name`` also serves as the function's identity in a store, for functions that have no
    source to be described by.
    """
    if not callable(function):
        raise InvalidInputError(f"function must be callable, got {function!r}")
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or dim < 1:
        raise InvalidInputError(f"dim must be an integer >= 1, got {dim!r}")
    if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
        raise InvalidInputError(f"n_samples must be an integer >= 1, got {n_samples!r}")
    for what, given in (("gradient", gradient), ("vectorized", vectorized)):
        if given is not None and not callable(given):
            raise InvalidInputError(f"{what} must be callable or None, got {given!r}")
    shown = name or getattr(function, "__name__", "function").replace("<lambda>", "function")
    return FunctionObjective(
        function,
        _layout(int(dim), is_weight),
        as_penalty(penalty),
        gradient,
        vectorized,
        int(n_samples),
        shown,
        name,
    )


def _layout(dim: int, is_weight: Any) -> Layout:
    """Cut theta into runs of weights and biases as the mask says."""
    if is_weight is None:
        return Layout.plain(dim)
    mask = np.asarray(is_weight)
    if mask.shape != (dim,) or mask.dtype != bool:
        raise InvalidInputError(
            f"is_weight must be a mask of {dim} booleans, got dtype {mask.dtype} of shape {mask.shape}"
        )
    edges = [0, *(np.flatnonzero(np.diff(mask.astype(int))) + 1).tolist(), dim]
    return Layout.of(
        [
            (f"{'w' if mask[low] else 'b'}{low}", (high - low,), bool(mask[low]), 0)
            for low, high in itertools.pairwise(edges)
        ]
    )
