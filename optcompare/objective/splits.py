"""Splitting rows into training, validation and test, and standardising all three by the first."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, InvalidInputError
from .arrays import Array, Codes
from .conventions import check_real

Rows = NDArray[np.int64]  # row numbers

# A spread of a few roundings of the values themselves, or one whose square underflows, is no spread.
_ROUNDINGS = 4 * float(np.finfo(np.float64).eps)
_SMALLEST_SPREAD = 1e-150


def split_rows(
    n_rows: int, test_size: float, validation_size: float, seed: int, codes: Codes | None = None
) -> tuple[Rows, Rows, Rows]:
    """Return the row numbers of the training, validation and test part: disjoint, together 0..n-1.

    The parts have n - v - t, v = ceil(validation_size n) and t = ceil(test_size n) rows. The test part is
    that of scikit-learn's ``train_test_split`` with ``random_state=seed``; the validation part is split
    off the rest by a seed derived from it, so it never moves the test part. Each split is stratified by
    ``codes`` where every class has two rows and either side has room for every class, else plain. With
    both sizes 0 the rows keep their order. Errors: InvalidInputError for sizes outside [0, 1), a seed that
    is no whole number in [0, 2^32); DataError when fewer than 2 training rows are left.
    """
    test_size = _check_size(test_size, "test_size")
    validation_size = _check_size(validation_size, "validation_size")
    seed = _check_seed(seed)
    n_test, n_validation = math.ceil(test_size * n_rows), math.ceil(validation_size * n_rows)
    n_training = n_rows - n_test - n_validation
    if n_training < 2:
        raise DataError(
            f"test_size={test_size:g} and validation_size={validation_size:g} of {n_rows} rows leave "
            f"{max(n_training, 0)} training row(s), allowed are 2 or more: make them smaller"
        )
    rest, test = _split_off(np.arange(n_rows), n_test, seed, codes)
    other_seed = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    training, validation = _split_off(rest, n_validation, other_seed, codes)
    return training, validation, test


def standardised(training: Array, *others: Array) -> tuple[tuple[Array, ...], Array, Array]:
    """Return (x - mean) / scale of every part, and mean and scale: column means and standard deviations.

    Both are of the training part alone (divisor n). A column that is constant there, up to rounding, gets
    scale 1. Differences are taken from the first training row before the mean is, so that a constant
    column becomes exactly 0 and a small spread on a large offset keeps its digits.
    """
    origin = training[0]
    shifted = training - origin
    mean = shifted.mean(axis=0)
    peak = np.abs(shifted).max(axis=0)
    is_constant = peak <= np.maximum(_SMALLEST_SPREAD, _ROUNDINGS * np.abs(training).max(axis=0))
    scale = np.where(is_constant, 1.0, np.std(shifted, axis=0))
    parts = tuple(((part - origin) - mean) / scale for part in (training, *others))
    return parts, np.asarray(origin + mean), scale


def _split_off(rows: Rows, n_other: int, seed: int, codes: Codes | None) -> tuple[Rows, Rows]:
    if n_other == 0:
        return rows, rows[:0]
    from sklearn.model_selection import train_test_split

    classes = codes[rows] if codes is not None and _can_stratify(codes[rows], n_other) else None
    kept, other = train_test_split(rows, test_size=n_other, random_state=seed, stratify=classes)
    return kept, other


def _can_stratify(codes: Codes, n_other: int) -> bool:
    counts = np.unique(codes, return_counts=True)[1]
    return bool(counts.min() >= 2 and min(n_other, len(codes) - n_other) >= len(counts))


def _check_size(value: object, name: str) -> float:
    size = check_real(value, name)
    if not 0.0 <= size < 1.0:
        raise InvalidInputError(
            f"{name} must be a fraction of the rows, 0 <= {name} < 1, got {value!r}: for m of n rows pass m/n"
        )
    return size


def _check_seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise InvalidInputError(f"seed must be a whole number, 0 <= seed < 2**32, got {seed!r}")
    return int(seed)
