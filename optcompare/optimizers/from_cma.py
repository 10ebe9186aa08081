"""CMA-ES by the cma library, driven by ask and tell on the run's own random stream."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .base import Optimizer, Vector
from .options import CEILING, nonnegative, one_of, positive, whole

if TYPE_CHECKING:
    from ..recorder import Recorder

Array = NDArray[np.float64]


class CmaEs(Optimizer):
    """CMA-ES: normal samples whose mean, step and covariance adapt to the ranks of the errors (Hansen), by cma.

    initial_step: standard deviation of the first samples (units of theta).
    population: samples a generation, at least 2; None: 4 + 3 ln d. covariance: "full" (memory d^2) or "diagonal" (d).
    answer: "best", the best point seen, or "mean", that of the sampled distribution: the better one on a noisy error if
    the population is well above its default (at d = 10: 40; with the default 10 it is no better).
    Stops when the errors of the last generations lie within f_tolerance (units of the error) or the steps fall below
    x_tolerance (units of theta), or by cma's own signs of stagnation. The start is the first mean, evaluated first.
    On a constraint (max-norm) the errors are ranked with s d^2 added, d a sample's distance to the allowed set, s such
    that the furthest one gets the generation's range of errors: outside, a whole ray has one and the same error.
    """

    requires = ("cma",)
    initial_step: float = 0.5
    population: int | None = None
    covariance: str = "full"
    answer: str = "best"
    x_tolerance: float = 1e-11
    f_tolerance: float = 1e-12

    def __post_init__(self) -> None:
        positive("initial_step", self.initial_step)
        if self.population is not None:
            whole("population", self.population, at_least=2)
        one_of("covariance", self.covariance, ("full", "diagonal"))
        one_of("answer", self.answer, ("best", "mean"))
        nonnegative("x_tolerance", self.x_tolerance)
        nonnegative("f_tolerance", self.f_tolerance)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector | None:
        """Return the mean of the last samples (answer="mean") or None for the best point seen."""
        is_mean = self.answer == "mean"
        objective.value(start)
        strategy = self._strategy(start, rng)
        while not strategy.stop():
            candidates = np.asarray(strategy.ask())
            errors = np.clip(objective.values(candidates), -CEILING, CEILING)
            strategy.tell(list(candidates), errors + _outside(objective, candidates, errors))
            if is_mean:
                objective.recommend(objective.project(strategy.mean))
        return objective.project(strategy.mean) if is_mean else None

    def _strategy(self, start: Vector, rng: np.random.Generator) -> Any:
        settings = {
            "seed": np.nan,  # any other seeds the global generator
            "randn": lambda rows, columns: rng.standard_normal((rows, columns)),
            "CMA_diagonal": self.covariance == "diagonal",
            "tolx": self.x_tolerance,
            "tolfun": self.f_tolerance,
            "tolfunhist": 0.1 * self.f_tolerance,
            "maxiter": np.inf,
            "verbose": -10,  # silent, and a cma_signals.in in the working directory is not read
            "verb_log": 0,
        }
        if self.population is not None:
            settings["popsize"] = self.population
        with warnings.catch_warnings():  # importing cma and starting a strategy add filters to everybody's list
            from cma import CMAEvolutionStrategy

            strategy = CMAEvolutionStrategy(start, self.initial_step, settings)
        strategy.adapt_sigma.check_consistency = _no_check
        return strategy


def _outside(objective: Recorder, candidates: Array, errors: Array) -> Array:
    """Return (max errors - min errors) d^2/max d^2, d the distance of each candidate to the allowed set; else 0."""
    if not objective.is_constrained:
        return np.zeros_like(errors)
    distance = np.square(candidates - objective.project(candidates)).sum(axis=1)
    furthest = float(distance.max())
    return np.ptp(errors) * (distance / furthest) if furthest > 0.0 else np.zeros_like(errors)


def _no_check(strategy: Any) -> None:
    """Stand in for cma's self-check of the steps from 300 dimensions on, which draws from the global generator."""
