"""How a penalty is written into an error, and its canonical lambda.

``J(w, b) = (1/n) sum_i loss_i + (lambda/2n) sum w^2`` is canonical: the mean over the n training items of
the per-item loss, plus lambda over 2n times the sum of the squared weights; biases are free. A text that
writes another factor, or the sum over items in place of the mean, has the same minimiser at another number.

Here a written form is read relative to the objective's own per-item loss, whatever that is (this project's
squared error carries its 1/2). Forms that change the loss too, as libraries do, are in ``convert.py``.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

from ..errors import InvalidInputError, unknown_name

# Written form -> (formula, canonical lambda at l = 1 as (factor, power of n)).
# Dividing a sum form by n gives the mean form, and lambda/(2n) is then read off the penalty:
#   mean + (l/2) sum w^2 = mean + (n l/2n) sum w^2;   sum + l sum w^2 = n (mean + (2 l/2n) sum w^2).
_FORMS: dict[str, tuple[str, float, int]] = {
    "lambda/2n": ("mean of losses + lambda/(2n) sum w^2", 1.0, 0),
    "lambda/2": ("mean of losses + lambda/2 sum w^2", 1.0, 1),
    "lambda": ("mean of losses + lambda sum w^2", 2.0, 1),
    "sum+lambda/2": ("sum of losses + lambda/2 sum w^2", 1.0, 0),
    "sum+lambda": ("sum of losses + lambda sum w^2", 2.0, 0),
}


def error_conventions() -> dict[str, str]:
    """Return the five written forms, name -> formula."""
    return {name: formula for name, (formula, _, _) in _FORMS.items()}


def error_convention_to_canonical(lam: float, convention: str, n_samples: int) -> float:
    """Return the canonical lambda of ``lam`` as written in ``convention``.

    ==============  ===================================  ================
    convention      as written                           canonical lambda
    ==============  ===================================  ================
    lambda/2n       mean of losses + l/(2n) sum w^2      l
    lambda/2        mean of losses + l/2 sum w^2         n l
    lambda          mean of losses + l sum w^2           2 n l
    sum+lambda/2    sum of losses + l/2 sum w^2          l
    sum+lambda      sum of losses + l sum w^2            2 l
    ==============  ===================================  ================

    An objective that sums over items keeps the canonical lambda of its convention and multiplies loss and
    penalty by n alike, so the table does not depend on the objective's reduction. ``"canonical"`` is
    another name for ``"lambda/2n"``. Errors: InvalidInputError for a lambda that is not finite or is
    negative, or for n_samples < 1; UnknownNameError for a convention that is not listed.
    """
    return check_finite(check_lambda(lam) * _factor(convention, n_samples), "the canonical lambda")


def canonical_to_error_convention(lam_canonical: float, convention: str, n_samples: int) -> float:
    """Return the number to write in ``convention``: the inverse of ``error_convention_to_canonical``."""
    lam_canonical = check_lambda(lam_canonical, "lam_canonical")
    return check_finite(lam_canonical / _factor(convention, n_samples), "lambda as written")


def _factor(convention: str, n_samples: int) -> float:
    n = check_count(n_samples, "n_samples")
    form = _FORMS.get("lambda/2n" if convention == "canonical" else convention)
    if form is None:
        raise unknown_name("lambda convention", convention, _FORMS)
    return form[1] * float(n) ** form[2]


def check_lambda(value: object, name: str = "lambda") -> float:
    """Return ``value`` as a float, or raise InvalidInputError unless it is a number, finite and >= 0."""
    number = check_real(value, name)
    if not math.isfinite(number) or number < 0:
        raise InvalidInputError(f"{name} must be finite and >= 0, got {value!r}")
    return number


def check_real(value: object, name: str) -> float:
    """Return ``value`` as a float, or raise InvalidInputError when it is no real number (a bool is none)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInputError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    return float(value)


def check_count(value: object, name: str) -> int:
    """Return ``value`` as an int, or raise InvalidInputError unless it is a whole number >= 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InvalidInputError(f"{name} must be a whole number >= 1, got {value!r}")
    return int(value)


def check_finite(result: float, name: str) -> float:
    """Return ``result``, or raise InvalidInputError where a product has left the range of a float."""
    if not math.isfinite(result):
        raise InvalidInputError(f"{name} is too large for a float: give a smaller number")
    return result
