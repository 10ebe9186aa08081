"""The objective of a model on a data set."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import unknown_name
from .datasets import Dataset
from .kernels import CompiledLoss, chosen_kernel
from .layout import Vector
from .losses import Loss, prediction_error
from .models import MLP
from .noise import Noise, Sample, draw_samples
from .objective import Array, Objective
from .penalties import Penalty

REDUCTIONS = ("mean", "sum")


class DataObjective(Objective):
    """J = (1/n) sum_i loss(scores(x_i; theta), y_i) + penalty, or the sum instead of the mean.

    With a minibatch sample the mean is over the batch; a sum is scaled up by n over the batch's size, so that its
    expectation is the full sum.
    """

    def __init__(
        self,
        data: Dataset,
        model: MLP,
        loss: Loss,
        penalty: Penalty,
        noise: Sequence[Noise] = (),
        reduction: str = "mean",
        name: str | None = None,
        kernel: str = "auto",
    ) -> None:
        if reduction not in REDUCTIONS:
            raise unknown_name("reduction", reduction, REDUCTIONS)
        self.data = data
        self.model = model
        self.loss_function = loss
        self.noise = tuple(noise)
        self.reduction = reduction
        self.name = name or f"{data.name} {'linear' if not model.hidden else 'mlp'}"
        self.dataset_name = data.name
        self.layout = model.layout
        self.n_samples = data.n_samples
        self.is_noisy = bool(self.noise)
        self.is_smooth = loss.is_smooth
        self.has_gradient = loss.has_gradient
        self._kernel_given = kernel
        if kernel != "auto":  # numba's import can wait until somebody asks
            chosen_kernel(kernel, model, loss)
        self._scale = 1.0 if reduction == "mean" else float(self.n_samples)
        self._settle(penalty, self._scale / self.n_samples)

    @property
    def is_convex(self) -> bool:
        """Whether J is convex: a linear model, a loss that is convex in the scores and a convex penalty."""
        return not self.model.hidden and self.loss_function.is_convex and self.penalty.is_convex

    @property
    def is_generated(self) -> bool:
        """Whether the data set was made by a formula, not measured."""
        return self.data.is_generated

    @property
    def exact(self) -> DataObjective:
        """The objective without its noise: the same value() of every theta."""
        if not self.noise:
            return self
        twin = copy.copy(self)
        twin.noise, twin.is_noisy = (), False
        return twin

    @functools.cached_property
    def kernel(self) -> str:
        """What evaluates the loss: "numba", compiled, or "numpy"."""
        return chosen_kernel(self._kernel_given, self.model, self.loss_function)

    def prepare(self) -> None:
        """Load the compiled kernels, or compile them: some seconds, once for an installation."""
        if self._compiled is not None:
            self._compiled.prepare()

    @functools.cached_property
    def _compiled(self) -> CompiledLoss | None:
        if self.kernel == "numpy":
            return None
        return CompiledLoss(self.data, self.model, self.loss_function, self._scale)

    def start(self, rng: np.random.Generator, scale: float | None = None) -> Vector:
        """Draw weights from N(0, 1/inputs), or from N(0, scale^2); biases are 0."""
        return self.model.start(rng, scale)

    def samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield draws of the noise for ever; n_items is what an evaluation on the draw costs."""
        if not self.noise:
            return super().samples(rng)
        return draw_samples(self.noise, rng, self.data.X, [inputs for inputs, _ in self.model.sizes])

    def _items(self, sample: Sample | None) -> tuple[Array, Any, Any]:
        """Return the inputs, labels and masks that an evaluation sees."""
        data = self.data
        if sample is None:
            return data.X, data.y, None
        if sample.rows is None:
            return data.X if sample.X is None else sample.X, data.y, sample.masks
        X = data.X[sample.rows] if sample.X is None else sample.X
        return X, data.y[sample.rows], sample.masks

    def _loss(self, theta: Vector, sample: Sample | None) -> float:
        if self._compiled is not None:
            return self._compiled.value(theta, sample)
        X, y, masks = self._items(sample)
        per_item = self.loss_function.per_item(self.model.scores(theta, X, masks), y)
        return self._scale * float(per_item.mean())

    def _loss_and_gradient(self, theta: Vector, sample: Sample | None) -> tuple[float, Vector]:
        if self._compiled is not None and self.has_gradient:
            return self._compiled.value_and_gradient(theta, sample)
        X, y, masks = self._items(sample)
        outputs = self.model.activations(theta, X, masks)
        scores = outputs[-1]
        d_scores = self.loss_function.gradient(scores, y)
        d_scores *= self._scale / len(X)
        gradient = self.model.pullback(theta, outputs, d_scores, masks)
        return self._scale * float(self.loss_function.per_item(scores, y).mean()), gradient

    def _losses(self, thetas: Array, sample: Sample | None, threads: int = 1) -> Array:
        if self._compiled is not None:
            return self._compiled.values(thetas, sample, threads)
        X, y, masks = self._items(sample)
        n_items = len(X)
        totals = np.zeros(len(thetas))
        n_rows, n_at_once = self.model.tile(len(thetas), n_items)
        for first in range(0, len(thetas), n_rows):
            some = thetas[first : first + n_rows]
            for item in range(0, n_items, n_at_once):
                here = slice(item, item + n_at_once)
                cut = None if masks is None else [None if mask is None else mask[here] for mask in masks]
                scores = self.model.scores_many(some, X[here], cut)
                totals[first : first + n_rows] += self.loss_function.per_item(scores, y[here]).sum(axis=-1)
        return totals * (self._scale / n_items)

    def _mean_loss(self, theta: ArrayLike, X: Array, y: Any) -> float:
        if not len(X):
            return float("nan")
        return float(self.loss_function.per_item(self.model.scores(self._point(theta), X), y).mean())

    def validation_loss(self, theta: ArrayLike) -> float:
        """Return the mean loss over the validation items; NaN where there are none."""
        return self._mean_loss(theta, self.data.X_validation, self.data.y_validation)

    def test_loss(self, theta: ArrayLike) -> float:
        """Return the mean loss over the test items, without any penalty; NaN where there are none."""
        return self._mean_loss(theta, self.data.X_test, self.data.y_test)

    def test_error(self, theta: ArrayLike) -> float:
        """Return the share of misclassified test items, or the RMSE in original units; NaN without test items."""
        if not len(self.data.X_test):
            return float("nan")
        scores = self.model.scores(self._point(theta), self.data.X_test)
        return prediction_error(scores, self.data.y_test, self.data)

    def loss_formula(self, reduction: str) -> str:
        """Return the loss of the scores z, as a mean or a sum over items."""
        text = f"{'(1/n) ' if reduction == 'mean' else ''}sum_i [{self.loss_function.formula}]"
        return text + "".join(f" under {part!r}" for part in self.noise)

    def formula(self) -> str:
        """Return the objective as one line of text, with the model's scores and the facts."""
        return f"{super().formula()}, z = {self.model.formula}"

    def describe_fields(self) -> dict[str, Any]:
        """Data, model, loss, penalty, noise and reduction are the objective's identity; names are not."""
        return {
            "data": self.data,
            "model": self.model,
            "loss": self.loss_function,
            "penalty": self.penalty,
            "noise": self.noise,
            "reduction": self.reduction,
        }
