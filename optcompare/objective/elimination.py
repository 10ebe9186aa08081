"""Weight elimination: a penalty that counts large weights and shrinks small ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InvalidInputError
from .conventions import check_lambda
from .layout import Vector
from .penalty import Array, Frame, OneStrength
from .sparse import check_convention, factor_as_written, to_canonical


@dataclass(frozen=True)
class WeightElimination(OneStrength):
    """c lambda sum over weights of (w/w0)^2 / (1 + (w/w0)^2), c = 1/n, w0 = ``scale`` (Weigend et al. 1991).

    A weight far above w0 costs c lambda whatever its size, so the sum counts weights; far below w0 the term is L2 with
    canonical lambda 2 lambda/w0^2. It is bounded and not convex: minima multiply. Conventions: "lambda/n" (canonical),
    "lambda/2n", "lambda" beside a mean of losses, "sum+lambda" beside a sum, which is how the source has it, beside the
    squared error without a 1/2. ``lam_canonical`` is the lambda of lambda/n times the sum, which is no L2 lambda.

    Source: Weigend, Rumelhart & Huberman, Generalization by Weight-Elimination, NIPS 3 (1991).
    """

    is_convex: ClassVar[bool] = False

    strength: float
    scale: float = 1.0
    convention: str = "lambda/n"
    biases: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", check_lambda(self.strength))
        object.__setattr__(self, "scale", check_lambda(self.scale, "scale"))
        # a square that under- or overflows would make the term 0 or NaN
        if not 1e-100 < self.scale < 1e100:
            raise InvalidInputError(f"scale (w0) must be > 0, between 1e-100 and 1e100, got {self.scale!r}")
        check_convention(self.convention)

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda in J = mean loss + lambda/n sum (w/w0)^2/(1 + (w/w0)^2)."""
        return to_canonical(self.strength, self.convention, n_samples)

    def value(self, theta: Array, frame: Frame) -> Any:
        """Return c lambda sum (w/w0)^2/(1 + (w/w0)^2)."""
        return frame.c * frame.lam * np.dot(_bump(theta / self.scale), frame.mask)

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return c lambda 2 x/(w0 (1 + x^2)^2), x = w/w0, on the penalised coordinates."""
        return frame.c * frame.lam / self.scale * _slope(theta / self.scale) * frame.mask

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return argmin_u, coordinate by coordinate, found by a safeguarded Newton iteration to rounding."""
        weight = step * frame.c * frame.lam / self.scale**2
        if weight == 0.0:
            return theta
        return np.where(frame.mask > 0, self.scale * _prox_of_bump(theta / self.scale, weight), theta)

    def formula(self) -> str:
        """Return the term as written."""
        term = f"{factor_as_written(self.convention)} sum (w/w0)^2/(1 + (w/w0)^2)"
        return term + (", biases included" if self.biases else "")

    def facts(self, n_samples: int) -> str:
        """Return lambda and w0."""
        return f"{super().facts(n_samples)}, w0 = {self.scale:g}"


def _bump(x: Array) -> Array:
    """Return q(x) = x^2/(1 + x^2), as 1/(1 + 1/x^2) where the square might overflow."""
    small = np.minimum(np.abs(x), 1.0)
    large = 1.0 / np.maximum(np.abs(x), 1.0)
    return small * small / (large * large + small * small)


def _slope(x: Array) -> Array:
    """Return q'(x) = 2 x/(1 + x^2)^2; 0 from |x| = 1e60 on, where it is below 1e-179."""
    inside = np.clip(x, -1e60, 1e60)
    return np.where(np.abs(x) < 1e60, 2.0 * inside / (1.0 + inside * inside) ** 2, 0.0)


def _prox_of_bump(t: Vector, weight: float) -> Vector:
    """Return argmin_x weight q(x) + (x - t)^2/2 for every t (d,).

    x has t's sign and |x| <= |t|; F(x) = x - t + weight q'(x) is its stationarity. F' = 1 + weight q'' and
    q''(x) = (2 - 6 x^2)/(1 + x^2)^3 >= -1/2, so up to weight 2 F rises and has one root. Above, F falls between x1 and
    x2, the zeros of F', and a local minimum may lie on each side: both are found and compared.
    """
    size = np.abs(t)
    turns = _turning_points(weight)
    if turns is None:
        return np.sign(t) * _root(size, weight, np.zeros_like(size), size)
    first, second = turns
    near = _root(size, weight, np.zeros_like(size), np.minimum(size, first))
    far = _root(size, weight, np.minimum(size, second), size)
    costs = [weight * _bump(x) + 0.5 * (x - size) ** 2 for x in (near, far)]
    return np.sign(t) * np.where(costs[1] < costs[0], far, near)


def _turning_points(weight: float) -> tuple[float, float] | None:
    """Return x1 < x2 with 1 + weight q''(x) = 0, or None: (1 + s)^3 + weight (2 - 6 s) = 0 in s = x^2."""
    if weight <= 2.0:
        return None
    roots = np.roots([1.0, 3.0, 3.0 - 6.0 * weight, 1.0 + 2.0 * weight])
    squares = np.sort(roots.real[(np.abs(roots.imag) < 1e-6 * (1.0 + np.abs(roots.real))) & (roots.real > 0.0)])
    return (float(np.sqrt(squares[0])), float(np.sqrt(squares[-1]))) if len(squares) else None


def _root(t: Vector, weight: float, low: Vector, high: Vector) -> Vector:
    """Return the root of F in [low, high], where F rises; the nearer end where F has one sign there."""
    x = 0.5 * (low + high)
    for _ in range(200):
        F = x - t + weight * _slope(x)
        low, high = np.where(F <= 0.0, x, low), np.where(F >= 0.0, x, high)
        clipped = np.minimum(x, 1e60)
        square = clipped * clipped
        with np.errstate(all="ignore"):  # F' may be 0: the midpoint is taken then
            newton = x - F / (1.0 + weight * (2.0 - 6.0 * square) / (1.0 + square) ** 3)
        moved = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        if np.all(np.abs(moved - x) <= 4e-16 * np.abs(x)):
            return moved
        x = moved
    return x
