"""Noise of an objective: what a sample of the training data is, and how samples are drawn.

A :class:`Sample` is an argument of ``objective.value``: with one sample all candidates meet the same noise (common
random numbers). The price of an evaluation on a sample is ``n_items`` training items; n items are one pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A draw of the noise: ``rows`` of the training data (None: all), ``X`` instead of theirs, dropout ``masks``."""

    n_items: int
    rows: NDArray[np.intp] | None = None
    X: Array | None = None
    masks: tuple[Array | None, ...] | None = None


class Noise:
    """One kind of noise of a data objective."""

    def batches(self, rng: np.random.Generator, n_samples: int) -> Iterator[NDArray[np.intp] | None]:
        """Yield the rows of one sample after another; None is every row."""
        return itertools.repeat(None)

    def perturb(self, sample: Sample, rng: np.random.Generator, X: Array, widths: Sequence[int]) -> Sample:
        """Return the sample with this noise added; ``X`` are the sample's rows, ``widths`` the layers' inputs."""
        return sample


@dataclass(frozen=True)
class Minibatch(Noise):
    """Mean loss over ``size`` items, drawn without replacement until the data are used up, then shuffled anew.

    The last batch of a round is kept although it may be smaller. A batch costs its items: size/n of a pass.
    """

    size: int

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, (int, np.integer)) or self.size < 1:
            raise InvalidInputError(f"Minibatch size must be an integer >= 1, got {self.size!r}")

    def batches(self, rng: np.random.Generator, n_samples: int) -> Iterator[NDArray[np.intp] | None]:
        """Yield shuffled batches; a size above n is an error, since it would not be a batch of this data."""
        if self.size > n_samples:
            raise InvalidInputError(
                f"Minibatch({self.size}) is larger than the {n_samples} training items: use at most {n_samples}"
            )
        while True:
            order = rng.permutation(n_samples)
            for first in range(0, n_samples, self.size):
                yield order[first : first + self.size]


def draw_samples(noise: Sequence[Noise], rng: np.random.Generator, X: Array, widths: Sequence[int]) -> Iterator[Sample]:
    """Yield samples for ever: rows from the first noise that chooses rows, then every noise's perturbation."""
    choosers = [part for part in noise if type(part).batches is not Noise.batches]
    if len(choosers) > 1:
        raise InvalidInputError(f"only one noise can choose the batches, got {choosers!r}")
    rows_of = (choosers[0] if choosers else Noise()).batches(rng, len(X))
    for rows in rows_of:
        sample = Sample(n_items=len(X) if rows is None else len(rows), rows=rows)
        for part in noise:
            inputs = X if rows is None else X[rows]
            sample = part.perturb(sample, rng, inputs if sample.X is None else sample.X, widths)
        yield sample


@dataclass(frozen=True)
class InputNoise(Noise):
    """Gaussian noise N(0, std^2) added to every (standardised) input, drawn anew for every sample."""

    std: float

    def __post_init__(self) -> None:
        if not (isinstance(self.std, (int, float)) and np.isfinite(self.std) and self.std >= 0):
            raise InvalidInputError(f"InputNoise std must be finite and >= 0, got {self.std!r}")

    def perturb(self, sample: Sample, rng: np.random.Generator, X: Array, widths: Sequence[int]) -> Sample:
        """Return the sample with noisy inputs."""
        return replace(sample, X=X + self.std * rng.standard_normal(X.shape))


@dataclass(frozen=True)
class Dropout(Noise):
    """Every input of every layer is dropped with probability p, the kept ones are multiplied by 1/(1 - p).

    (Inverted dropout: the expected score of a linear model is unchanged.)
    """

    probability: float

    def __post_init__(self) -> None:
        p = self.probability
        if not (isinstance(p, (int, float)) and 0 <= p < 1):
            raise InvalidInputError(f"Dropout probability (of dropping) must be in [0, 1), got {p!r}")

    def perturb(self, sample: Sample, rng: np.random.Generator, X: Array, widths: Sequence[int]) -> Sample:
        """Return the sample with one mask a layer."""
        keep = 1.0 - self.probability
        masks = tuple((rng.random((len(X), width)) < keep) / keep for width in widths)
        return replace(sample, masks=masks)


def as_noise(given: Noise | Sequence[Noise] | None) -> tuple[Noise, ...]:
    """Return the noise as a tuple of parts; None is no noise."""
    if given is None:
        return ()
    parts = (given,) if isinstance(given, Noise) else tuple(given)
    for part in parts:
        if not isinstance(part, Noise):
            raise InvalidInputError(f"noise must be oc.Minibatch(...) or a sequence of such, got {part!r}")
    return parts
