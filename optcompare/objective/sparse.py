"""Penalties that make weights exactly 0: L1 and the elastic net.

Beside any objective's own loss, with n items, a penalty that is a multiple l of sum |w| (or of another sum without a
1/2 in it) is written in one of four ways:

==============  ====================================  ================
convention      as written                            canonical lambda
==============  ====================================  ================
lambda/n        mean of losses + l/n sum |w|          l
lambda/2n       mean of losses + l/(2n) sum |w|       l/2
lambda          mean of losses + l sum |w|            n l
sum+lambda      sum of losses + l sum |w|             l
==============  ====================================  ================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import InvalidInputError, unknown_name
from .conventions import check_count, check_finite, check_lambda
from .layout import Vector
from .penalty import Array, Frame, OneStrength, Penalty

# written form -> (the factor of the sum as text, canonical lambda at l = 1 as (factor, power of n))
_FORMS: dict[str, tuple[str, float, int]] = {
    "lambda/n": ("lambda/n", 1.0, 0),
    "lambda/2n": ("lambda/(2n)", 0.5, 0),
    "lambda": ("lambda", 1.0, 1),
    "sum+lambda": ("lambda", 1.0, 0),
}


def check_convention(convention: str) -> None:
    """Refuse a written form that is not listed above."""
    if convention not in _FORMS:
        raise unknown_name("convention", convention, _FORMS)


def factor_as_written(convention: str) -> str:
    """Return what stands before the sum, e.g. "lambda/n"."""
    return _FORMS[convention][0]


def to_canonical(lam: float, convention: str, n_samples: int) -> float:
    """Return lambda in mean of losses + lambda/n times the sum."""
    _, factor, power = _FORMS[convention]
    return check_finite(lam * factor * float(check_count(n_samples, "n_samples")) ** power, "the canonical lambda")


def soft_threshold(theta: Array, threshold: Any) -> Array:
    """Return sign(theta) max(|theta| - threshold, 0): argmin_u threshold |u| + (u - theta)^2/2, exact zeros and all."""
    return np.sign(theta) * np.maximum(np.abs(theta) - threshold, 0.0)


@dataclass(frozen=True)
class L1(OneStrength):
    """c lambda sum over weights of |w|, c = 1/n: written "lambda/n" (canonical) or in another convention.

    Conventions: "lambda/n", "lambda/2n" and "lambda" beside a mean of losses, "sum+lambda" beside a sum; the loss is
    the objective's own. ``lam_canonical`` is the lambda of lambda/n sum |w|, which is no L2 lambda. The gradient is the
    subgradient with sign(0) = 0, which never lands on 0; the proximal step does. ``biases=True`` penalises biases too.

    Source: Tibshirani 1996; Parikh & Boyd, Proximal Algorithms (2014), section 6.5.2 (soft threshold).
    """

    strength: float
    convention: str = "lambda/n"
    biases: bool = False

    is_smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", check_lambda(self.strength))
        check_convention(self.convention)

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda in J = mean loss + lambda/n sum |w|."""
        return to_canonical(self.strength, self.convention, n_samples)

    def value(self, theta: Array, frame: Frame) -> Any:
        """Return c lambda sum |w|."""
        return frame.c * frame.lam * np.dot(np.abs(theta), frame.mask)

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return the subgradient c lambda sign(w) on the penalised coordinates, 0 at 0 and elsewhere."""
        return frame.c * frame.lam * np.sign(theta) * frame.mask

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return the soft threshold at step c lambda on the penalised coordinates."""
        return soft_threshold(theta, step * frame.c * frame.lam * frame.mask)

    def formula(self) -> str:
        """Return the term as written."""
        return f"{factor_as_written(self.convention)} sum |w|" + (", biases included" if self.biases else "")


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """c (lambda1 sum |w| + lambda2/2 sum w^2) over weights, c = 1/n: the canonical L1 and L2 terms together.

    ``lam`` is lambda1 + lambda2, and ``with_lambda(lam)`` scales both parts to that sum, keeping their ratio. In these
    terms scikit-learn's ElasticNet has alpha = lam/n and l1_ratio = l1/lam. ``lam_canonical`` equals ``lam``: the parts
    are always written canonically.

    Source: Zou & Hastie 2005 (the naive elastic net); Parikh & Boyd 2014, section 6.5.3.
    """

    l1: float
    l2: float
    biases: bool = False

    is_smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "l1", check_lambda(self.l1, "l1"))
        object.__setattr__(self, "l2", check_lambda(self.l2, "l2"))

    @property
    def lam(self) -> float:
        """lambda1 + lambda2."""
        return self.l1 + self.l2

    def with_lambda(self, lam: float) -> Self:
        """Return the penalty with l1 + l2 = ``lam`` and the same l1/l2; refused where both are 0 and lam is not."""
        total = check_lambda(lam)
        if self.lam == 0.0 and total > 0.0:
            raise InvalidInputError(
                f"cannot set lambda = {lam!r}: l1 = l2 = 0 have no ratio to keep. Give oc.ElasticNet(l1=..., l2=...)"
            )
        share = self.l1 / self.lam if self.lam > 0.0 else 0.0
        return replace(self, l1=share * total, l2=(1.0 - share) * total)

    def lam_canonical(self, n_samples: int) -> float:
        """Return lambda1 + lambda2, both canonical."""
        return self.lam

    def value(self, theta: Array, frame: Frame) -> Any:
        """Return c (lambda1 sum |w| + lambda2/2 sum w^2)."""
        return frame.c * np.dot(self.l1 * np.abs(theta) + 0.5 * self.l2 * theta * theta, frame.mask)

    def gradient(self, theta: Vector, frame: Frame) -> Vector:
        """Return the subgradient c (lambda1 sign(w) + lambda2 w) on the penalised coordinates."""
        return frame.c * (self.l1 * np.sign(theta) + self.l2 * theta) * frame.mask

    def prox(self, theta: Vector, step: float, frame: Frame) -> Vector:
        """Return the soft threshold at s lambda1, divided by 1 + s lambda2, s = step c."""
        pull = step * frame.c * frame.mask
        return soft_threshold(theta, pull * self.l1) / (1.0 + pull * self.l2)

    def formula(self) -> str:
        """Return the term as written."""
        return "lambda1/n sum |w| + lambda2/(2n) sum w^2" + (", biases included" if self.biases else "")

    @property
    def reduction(self) -> str:
        """The parts are written beside a mean."""
        return "mean"

    def facts(self, n_samples: int) -> str:
        """Return both lambdas."""
        return f"lambda1 = {self.l1:g}, lambda2 = {self.l2:g} (canonical)"
