"""The objective of a user's own function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from .layout import Layout, Vector
from .noise import Sample
from .objective import Array, Objective
from .penalties import Penalty


class FunctionObjective(Objective):
    """J(theta) = function(theta) + penalty; the function may be any Python code returning a real number.

    The function sees theta write-protected. A result that is not one real number is an InvalidInputError naming what
    came back; NaN and inf are allowed, the Recorder deals with them.
    """

    def __init__(
        self,
        function: Callable[[Vector], float],
        layout: Layout,
        penalty: Penalty,
        gradient: Callable[[Vector], Vector] | None = None,
        vectorized: Callable[[Array], Array] | None = None,
        n_samples: int = 1,
        name: str = "function",
        identity_name: str | None = None,
    ) -> None:
        self.function = function
        self.gradient_function = gradient
        self.vectorized = vectorized
        self.layout = layout
        self.n_samples = n_samples
        self.name = name
        self.dataset_name = name
        self._identity_name = identity_name
        self.has_gradient = gradient is not None
        self._settle(penalty, 1.0 / n_samples)

    def start(self, rng: np.random.Generator, scale: float | None = None) -> Vector:
        """Draw every coordinate from N(0, scale^2), scale 1 by default."""
        return (1.0 if scale is None else scale) * rng.standard_normal(self.dim)

    def _loss(self, theta: Vector, sample: Sample | None) -> float:
        return _real_number(self.function(_protected(theta)), "the objective function")

    def _losses(self, thetas: Array, sample: Sample | None, threads: int = 1) -> Array:
        if self.vectorized is None:
            return np.array([self._loss(theta, None) for theta in thetas])
        values = np.asarray(self.vectorized(_protected(thetas)))
        if values.shape != (len(thetas),) or values.dtype.kind not in "fiub":
            raise InvalidInputError(
                f"the vectorized function must return {len(thetas)} real numbers of shape ({len(thetas)},), "
                f"got dtype {values.dtype} of shape {values.shape}"
            )
        return values.astype(np.float64)

    def _loss_and_gradient(self, theta: Vector, sample: Sample | None) -> tuple[float, Vector]:
        if self.gradient_function is None:
            raise InvalidInputError(
                f"{self.name} has no gradient: pass gradient=... to function_objective, "
                "or use an optimizer that needs none (optcompare list)"
            )
        gradient = np.asarray(self.gradient_function(_protected(theta)))
        if gradient.shape != (self.dim,) or gradient.dtype.kind not in "fiub":
            raise InvalidInputError(
                f"the gradient function must return {self.dim} real numbers of shape ({self.dim},), "
                f"got dtype {gradient.dtype} of shape {gradient.shape}"
            )
        return self._loss(theta, sample), gradient.astype(np.float64)

    def loss_formula(self, reduction: str) -> str:
        """Return the function by name; it is read as a mean over ``n_samples`` items."""
        return f"{'n ' if reduction == 'sum' else ''}{self.name}(theta)"

    def describe_fields(self) -> dict[str, Any]:
        """Return the functions (or the name that was given for them), the layout and the penalty."""
        if self._identity_name is not None:
            return {
                "name": self._identity_name,
                "blocks": self.layout.blocks,
                "n_samples": self.n_samples,
                "penalty": self.penalty,
            }
        return {
            "function": self.function,
            "gradient": self.gradient_function,
            "vectorized": self.vectorized,
            "blocks": self.layout.blocks,
            "n_samples": self.n_samples,
            "penalty": self.penalty,
        }


def _protected(theta: Array) -> Array:
    """Return a view that the user's function cannot write into."""
    view = theta.view()
    view.flags.writeable = False
    return view


def _real_number(result: Any, who: str) -> float:
    """Return a user's result as a float; InvalidInputError if it is not one real number."""
    if isinstance(result, (float, int, np.floating, np.integer, np.bool_)):
        return float(result)
    if isinstance(result, np.ndarray) and result.shape == () and result.dtype.kind in "fiub":
        return float(result)
    kind = f"an array of shape {result.shape}" if isinstance(result, np.ndarray) else repr(result)
    raise InvalidInputError(f"{who} must return one real number, got {kind[:200]}")
