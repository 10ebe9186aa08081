"""Checks of optimizers' options: each says what was given and what is allowed.

Used in ``__post_init__``: ``positive("learning_rate", self.learning_rate)``. All raise InvalidInputError.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError, unknown_name

if TYPE_CHECKING:
    from .base import Vector

# Solvers are shown errors clipped to +-CEILING. The order of candidates stays, the difference of two infinite errors
# is 0 instead of NaN, and an error without a minimum does not overflow in a solver's products: where it is +inf
# everywhere or falls for ever it looks flat in the end, and the solver stops by its own rule.
CEILING = 1e100


def finite(name: str, value: Any) -> None:
    """Refuse what is not a finite real number (a bool is none)."""
    if not _is_number(value) or not math.isfinite(value):
        raise InvalidInputError(f"{name} must be a finite number, got {value!r}")


def positive(name: str, value: Any) -> None:
    """Refuse what is not a finite number > 0."""
    if not _is_number(value) or not math.isfinite(value) or value <= 0:
        raise InvalidInputError(f"{name} must be finite and > 0, got {value!r}")


def nonnegative(name: str, value: Any) -> None:
    """Refuse what is not a finite number >= 0."""
    if not _is_number(value) or not math.isfinite(value) or value < 0:
        raise InvalidInputError(f"{name} must be finite and >= 0, got {value!r}")


def between(name: str, value: Any, low: float, high: float, ends: str = "[]") -> None:
    """Refuse what is not a number in the interval; ``ends`` says which ends belong to it, e.g. "[)" for low only."""
    is_inside = _is_number(value) and low <= value <= high
    if not is_inside or (ends[0] == "(" and value == low) or (ends[1] == ")" and value == high):
        raise InvalidInputError(f"{name} must be in {ends[0]}{low:g}, {high:g}{ends[1]}, got {value!r}")


def whole(name: str, value: Any, at_least: int) -> None:
    """Refuse what is not a whole number >= ``at_least`` (a numpy integer is one, a bool or 3.0 is none)."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < at_least:
        raise InvalidInputError(f"{name} must be a whole number >= {at_least}, got {value!r}")


def flag(name: str, value: Any) -> None:
    """Refuse what is not True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidInputError(f"{name} must be True or False, got {value!r}")


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse what is not one of these words, with the nearest one that is."""
    if not isinstance(value, str) or value not in allowed:
        raise unknown_name(name, value, allowed)


def ordered(lower: Any, upper: Any, names: tuple[str, str] = ("lower", "upper")) -> None:
    """Refuse limits that are not finite or not lower < upper."""
    finite(names[0], lower)
    finite(names[1], upper)
    if not lower < upper:
        raise InvalidInputError(f"{names[0]} must be below {names[1]}, got {names[0]}={lower!r}, {names[1]}={upper!r}")


def box_of(start: Vector, lower: float, upper: float) -> tuple[Vector, Vector]:
    """Return the box [lower, upper]^d as two vectors (d,); a start outside of it is an InvalidInputError."""
    outside = np.flatnonzero(~((start >= lower) & (start <= upper)))
    if outside.size:
        first = int(outside[0])
        raise InvalidInputError(
            f"the start lies outside the box [{lower:g}, {upper:g}] in {outside.size} of {start.size}"
            f" coordinates (coordinate {first} is {float(start[first]):g}): widen lower and upper"
        )
    return np.full(start.shape, float(lower)), np.full(start.shape, float(upper))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class PerRate:
    """A decay per unit of learning rate: at step t the fraction rate_t * weight_decay of each weight is subtracted."""

    weight_decay: float

    def __post_init__(self) -> None:
        nonnegative("weight_decay", self.weight_decay)
