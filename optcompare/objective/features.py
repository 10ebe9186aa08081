"""Feature modes: what a hard evaluation does to the error that an optimizer is shown.

    shown = T(J(theta), z(theta, sample))          J the objective, T the features in the order given

``with_features(objective, ...)`` wraps an objective: ``value(theta)`` without a sample stays J to the last bit, and is
what a run's best value, its trace and its final measurements are made of. What an optimizer is shown is disturbed.

z is noise over theta: it depends on the point's bits and on the sample's key alone, independent from one point to the
next. So the draws of a run decide what it means: Redraw (by "call" or by "row": the points differ) meets fresh noise
in every call; Frozen(1) meets one fixed rugged error, in which the same point always has the same value (or NaN);
Frozen(k) the mean over k of them.

A disturbed error has no gradient: an exact one would tell what the disturbance hides, and the derivative of what is
shown does not exist. Optimizers that need one are skipped. A perturbed start disturbs no value and keeps the gradient.

Source: the features "noisy", "truncated", "random_nan", "perturbed_x0" of OptiProfiler (Huang, Ragonneau & Zhang 2025);
noise that is a function of theta: More & Wild 2009, "Benchmarking derivative-free optimization algorithms", SIAM J.
Optim. 20(1), section 4.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .conventions import check_real
from .layout import Vector
from .noise import Sample
from .objective import Array, Objective
from .penalty import Penalty

KEY_BYTES = 16
LARGEST_DIGITS = 17  # significant decimal digits of a float64


@dataclass(frozen=True)
class FeatureSample(Sample):
    """A draw: ``inner`` is the objective's own (None where it has no noise), ``key`` that of the noise over theta."""

    inner: Sample | None = None
    key: bytes = b""


class Feature:
    """One disturbance of what an optimizer is shown; subclasses are frozen dataclasses."""

    disturbs_value: ClassVar[bool] = True

    def shown(self, value: float, bits: bytes) -> float:
        """Return what is shown of ``value``; ``bits`` (16) are random over theta and the sample."""
        return value

    def started(self, start: Vector, rng: np.random.Generator) -> Vector:
        """Return the starting point in place of ``start`` (d,)."""
        return start


@dataclass(frozen=True)
class ValueNoise(Feature):
    """J (1 + std z), "multiplicative", or J + std z, "additive"; z standard normal.

    ``std`` >= 0: a fraction of the error, or in units of the error.
    """

    std: float
    kind: str = "multiplicative"

    def __post_init__(self) -> None:
        _check_at_least_zero("ValueNoise std", self.std)
        if self.kind not in ("multiplicative", "additive"):
            raise InvalidInputError(f"ValueNoise kind must be 'multiplicative' or 'additive', got {self.kind!r}")

    def shown(self, value: float, bits: bytes) -> float:
        """Return the value with the noise."""
        z = _standard_normal(bits)
        return value * (1.0 + self.std * z) if self.kind == "multiplicative" else value + self.std * z


@dataclass(frozen=True)
class TruncatedDigits(Feature):
    """The first ``digits`` significant decimal digits of J, the others cut off; 0, infinities and NaN stay."""

    digits: int

    def __post_init__(self) -> None:
        if isinstance(self.digits, bool) or not isinstance(self.digits, (int, np.integer)):
            raise InvalidInputError(f"TruncatedDigits digits must be a whole number, got {self.digits!r}")
        if not 1 <= self.digits <= LARGEST_DIGITS:
            raise InvalidInputError(f"TruncatedDigits digits must be from 1 to {LARGEST_DIGITS}, got {self.digits!r}")

    def shown(self, value: float, bits: bytes) -> float:
        """Return the value's first digits."""
        if value == 0.0 or not math.isfinite(value):
            return value
        mantissa, exponent = np.format_float_scientific(value).split("e")  # the shortest that reads back as value
        n_kept = self.digits + (self.digits > 1) + (value < 0)  # the point and the sign are characters too
        return float(f"{mantissa[:n_kept]}e{exponent}")


@dataclass(frozen=True)
class RandomNan(Feature):
    """NaN with probability ``share`` in [0, 1), else J; the Recorder shows +inf for it and charges it as any other."""

    share: float

    def __post_init__(self) -> None:
        share = check_real(self.share, "RandomNan share")
        if not 0.0 <= share < 1.0:
            raise InvalidInputError(f"RandomNan share must be a probability in [0, 1), got {self.share!r}")

    def shown(self, value: float, bits: bytes) -> float:
        """Return NaN or the value."""
        return math.nan if _uniform(bits[:8]) <= self.share else value


@dataclass(frozen=True)
class PerturbedStart(Feature):
    """theta_0 + std max(1, |theta_0|) z, z standard normal, coordinate by coordinate: where a run begins."""

    std: float

    disturbs_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_at_least_zero("PerturbedStart std", self.std)

    def started(self, start: Vector, rng: np.random.Generator) -> Vector:
        """Return the moved start."""
        return start + self.std * np.maximum(1.0, np.abs(start)) * rng.standard_normal(start.size)


class FeatureObjective(Objective):
    """An objective with features; see the module's text. ``exact`` is the objective itself."""

    def __init__(self, base: Objective, features: tuple[Feature, ...]) -> None:
        self.base = base
        self.features = features
        self._disturbing = tuple(feature for feature in features if feature.disturbs_value)
        self.name, self.dataset_name = base.name, base.dataset_name
        self.layout, self.n_samples, self.reduction = base.layout, base.n_samples, base.reduction
        self.is_smooth = base.is_smooth and not self._disturbing
        self.is_noisy = base.is_noisy or bool(self._disturbing)
        self.has_gradient = base.has_gradient and not self._disturbing
        self._settle(base.penalty, base.penalty_scale)

    @property
    def kernel(self) -> str:
        """What evaluates the objective's loss."""
        return self.base.kernel

    def prepare(self) -> None:
        """Load what evaluations of the objective need."""
        self.base.prepare()

    @property
    def exact(self) -> Objective:
        """The objective without its features."""
        return self.base.exact

    @property
    def is_convex(self) -> bool:
        """Whether the objective is known to be convex."""
        return self.base.is_convex

    @property
    def is_generated(self) -> bool:
        """Whether the objective's data were made by a formula."""
        return self.base.is_generated

    def samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield draws for ever: the objective's own noise, and a key of the noise over theta."""
        if not self._disturbing:
            yield from self.base.samples(rng)
        inner = self.base.samples(rng) if self.base.is_noisy else None
        while True:
            own = None if inner is None else next(inner)
            n_items = self.n_samples if own is None else own.n_items
            yield FeatureSample(n_items=n_items, inner=own, key=rng.bytes(KEY_BYTES))

    def start(self, rng: np.random.Generator, scale: float | None = None) -> Vector:
        """Draw the objective's start, then move it as the features say."""
        start = self.base.start(rng, scale)
        for feature in self.features:
            start = feature.started(start, rng)
        return start

    def value(self, theta: ArrayLike, sample: Sample | None = None) -> float:
        """Return J(theta), exact without a sample, else as it is shown."""
        if not isinstance(sample, FeatureSample):
            return self.base.value(theta, sample)
        return self._shown(self._point(theta), self.base.value(theta, sample.inner), sample.key)

    def values(self, thetas: ArrayLike, sample: Sample | None = None, threads: int = 1) -> Array:
        """Return J of every row of thetas (m, d), shape (m,), exact without a sample, else as it is shown."""
        if not isinstance(sample, FeatureSample):
            return self.base.values(thetas, sample, threads)
        exact = self.base.values(thetas, sample.inner, threads)
        rows = zip(self._numbers(thetas), exact.tolist())
        return np.array([self._shown(row, value, sample.key) for row, value in rows])

    def _shown(self, theta: Vector, value: float, key: bytes) -> float:
        point = (theta + 0.0).tobytes()  # -0.0 and 0.0 are one point
        for place, feature in enumerate(self._disturbing):
            bits = hashlib.blake2b(point, digest_size=16, key=key, salt=place.to_bytes(2, "little")).digest()
            value = feature.shown(value, bits)
        return value

    def value_and_gradient(self, theta: ArrayLike, sample: Sample | None = None) -> tuple[float, Vector]:
        """Return J(theta) and its gradient; InvalidInputError where a feature disturbs the value."""
        self._refuse_gradient()
        return self.base.value_and_gradient(theta, sample)

    def value_and_loss_gradient(self, theta: ArrayLike, sample: Sample | None = None) -> tuple[float, Vector]:
        """Return J(theta) and the gradient of the loss alone; InvalidInputError where a feature disturbs the value."""
        self._refuse_gradient()
        return self.base.value_and_loss_gradient(theta, sample)

    def _loss(self, theta: Vector, sample: Sample | None) -> float:
        return self.base._loss(theta, sample)

    def _losses(self, thetas: Array, sample: Sample | None, threads: int = 1) -> Array:
        return self.base._losses(thetas, sample, threads)

    def _loss_and_gradient(self, theta: Vector, sample: Sample | None) -> tuple[float, Vector]:
        self._refuse_gradient()
        return self.base._loss_and_gradient(theta, sample)

    def _refuse_gradient(self) -> None:
        if self._disturbing:
            raise InvalidInputError(
                f"{self.name} with {', '.join(map(repr, self._disturbing))} has no gradient: what is shown of it is "
                "disturbed. Use an optimizer that needs none (optcompare list), or the objective's .exact"
            )

    def validation_loss(self, theta: ArrayLike) -> float:
        """Return the objective's validation loss."""
        return self.base.validation_loss(theta)

    def test_loss(self, theta: ArrayLike) -> float:
        """Return the objective's test loss."""
        return self.base.test_loss(theta)

    def test_error(self, theta: ArrayLike) -> float:
        """Return the objective's test error."""
        return self.base.test_error(theta)

    def loss_formula(self, reduction: str) -> str:
        """Return the objective's loss as text."""
        return self.base.loss_formula(reduction)

    def formula(self) -> str:
        """Return the objective as one line of text, with its features."""
        return f"{self.base.formula()}; with {', '.join(map(repr, self.features))}"

    def _with_penalty(self, penalty: Penalty) -> Self:
        return type(self)(self.base._with_penalty(penalty), self.features)

    def describe_fields(self) -> dict[str, Any]:
        """Return the objective and its features, in order."""
        return {"base": self.base, "features": self.features}


def with_features(objective: Objective, *features: Feature) -> FeatureObjective:
    """Return the objective as an optimizer meets it under the features, applied in the order given.

    >>> oc.with_features(objective, oc.ValueNoise(0.01), oc.RandomNan(0.05))  # doctest: +SKIP

    Raises InvalidInputError for no objective, no feature, or what is neither.
    """
    if not isinstance(objective, Objective):
        raise InvalidInputError(f"with_features takes an objective first, got {objective!r}")
    if not features:
        raise InvalidInputError("with_features needs a feature: ValueNoise, TruncatedDigits, RandomNan, PerturbedStart")
    for feature in features:
        if not isinstance(feature, Feature):
            raise InvalidInputError(f"a feature is oc.ValueNoise(0.01) or such, got {feature!r}")
    return FeatureObjective(objective, features)


def _check_at_least_zero(what: str, given: object) -> None:
    if not 0.0 <= check_real(given, what) < math.inf:
        raise InvalidInputError(f"{what} must be finite and >= 0, got {given!r}")


def _uniform(bits: bytes) -> float:
    """Return a number uniform in (0, 1] made of 8 random bytes."""
    return (int.from_bytes(bits, "little") + 1) / 2.0**64


def _standard_normal(bits: bytes) -> float:
    """Return sqrt(-2 ln u) cos(2 pi v) of u, v uniform, made of 16 random bytes (Box & Muller 1958)."""
    return math.sqrt(-2.0 * math.log(_uniform(bits[:8]))) * math.cos(2.0 * math.pi * _uniform(bits[8:]))
