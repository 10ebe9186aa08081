"""References: runs that say how low a problem's error goes and what a constant is worth, stored like any other run.

For every objective and lambda of a study: lbfgs from many starts (f_ref, together with the study's own runs) and the
best constant predictor (f_0). They minimize the objective itself, without noise and features, and measure along the way
what a value and a gradient cost here.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..objective.layout import Vector
from ..objective.objective import Objective
from ..optimizers.base import get_optimizer
from ..recorder import Budget
from .arms import InError
from .grid import Grid, ObjectiveSource, Task

CONSTANT, GRADIENT = "constant_predictor", "lbfgs"
FIRST_SEED = 1000  # of the starts on an objective that is no function of the seed: others than a study's own
PASSES = 50_000  # budget of a reference: enough for lbfgs to end by its own rule
ROUNDS = (5, 51)  # fewest and most evaluations of each kind that a time is the median of
ENOUGH_SECONDS = 0.05  # for all rounds together


@dataclass(frozen=True)
class ReferenceGrid(Grid):
    """A grid of which only some (objective, arm) pairs are run, each on seeds of its own."""

    seeds_of: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)

    def tasks(self) -> Iterator[Task]:
        """Yield every task, seeds outermost."""
        for seed in self.seeds:
            for (label, arm), seeds in self.seeds_of.items():
                for position in range(1 if self.lambdas is None else len(self.lambdas)) if seed in seeds else ():
                    yield label, position, arm, seed


@dataclass(frozen=True)
class Noiseless:
    """A function of the seed: the objective that ``source`` makes of it, without noise and features."""

    source: ObjectiveSource

    def __call__(self, seed: int) -> Objective:
        """Return the objective of that seed."""
        objective = self.source if isinstance(self.source, Objective) else self.source(seed)
        return objective.exact


def reference_grid(grid: Grid, study: str, n_starts: int) -> ReferenceGrid | None:
    """Return the references of a study's grid; None where no objective has any.

    lbfgs runs where there is a gradient and no constraint, which it cannot keep to: from ``n_starts`` starts, or, where
    the objective is a function of the seed, once for every seed of the study. An objective that each run anchors where
    it starts is another one in every run: it has no reference.
    """
    objectives: dict[str, ObjectiveSource] = {}
    seeds_of: dict[tuple[str, str], tuple[int, ...]] = {}
    for label, source in grid.objectives.items():
        is_by_seed = not isinstance(source, Objective)
        first = Noiseless(source)(grid.seeds[0])
        if first.penalty.started_at(np.zeros(first.dim)) is not first.penalty:
            continue
        objectives[label] = Noiseless(source) if is_by_seed else first
        starts = grid.seeds if is_by_seed else tuple(range(FIRST_SEED, FIRST_SEED + n_starts))
        seeds_of[label, CONSTANT] = grid.seeds if is_by_seed else starts[:1]
        if first.has_gradient and not first.is_constrained:
            seeds_of[label, GRADIENT] = starts
    if not objectives:
        return None
    names = [name for name in (CONSTANT, GRADIENT) if any(name == arm for _, arm in seeds_of)]
    return ReferenceGrid(
        study=study,
        objectives=objectives,
        lambdas=grid.lambdas,
        arms={name: InError(get_optimizer(name)) for name in names},
        seeds=tuple(sorted({seed for seeds in seeds_of.values() for seed in seeds})),
        budget=Budget(evaluations=PASSES),
        measurements={"value_seconds": value_seconds, "value_and_gradient_seconds": value_and_gradient_seconds},
        seeds_of=seeds_of,
    )


def value_seconds(objective: Objective, theta: Vector) -> float:
    """Return the seconds of one value at theta (d,)."""
    return _pass_seconds(objective, theta.tobytes())[0]


def value_and_gradient_seconds(objective: Objective, theta: Vector) -> float:
    """Return the seconds of one value and gradient at theta (d,); NaN where there is no gradient."""
    return _pass_seconds(objective, theta.tobytes())[1]


@functools.lru_cache(maxsize=1)  # both figures come from the same rounds
def _pass_seconds(objective: Objective, point: bytes) -> tuple[float, float]:
    """Return the median seconds of a value and of a value with its gradient, taken in turns."""
    theta = np.frombuffer(point)
    taken: list[tuple[float, float]] = []
    began = time.perf_counter()
    while len(taken) < ROUNDS[0] or (len(taken) < ROUNDS[1] and time.perf_counter() - began < ENOUGH_SECONDS):
        first = time.perf_counter()
        objective.value(theta)
        second = time.perf_counter()
        if objective.has_gradient:
            objective.value_and_gradient(theta)
        taken.append((second - first, time.perf_counter() - second if objective.has_gradient else np.nan))
    value, both = np.median(np.array(taken), axis=0)
    return float(value), float(both)
