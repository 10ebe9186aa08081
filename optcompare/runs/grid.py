"""A grid of runs: objectives x lambdas x arms x seeds, and the work that one task of it is.

A task is four labels, ``(objective, lambda's position, arm, seed)``. The grid itself goes once to every worker, which
builds the objectives of the seeds it meets.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, MissingLibraryError
from ..objective.data_objective import DataObjective
from ..objective.kernels import load_kernels
from ..objective.objective import Objective
from ..recorder import Budget, Draws, Monitor
from .arms import Arm
from .describe import digest
from .measure import Measurement
from .run import run_one, to_record
from .spec import RunSpec
from .status import Status

Task = tuple[str, int, str, int]
N_KEPT = 8  # objectives of other seeds that are remembered: tasks come seed by seed, and data can be large
ObjectiveSource = Objective | Callable[[int], Objective]


@dataclass(frozen=True)
class Grid:
    """Everything that the runs of a study need, and nothing of the study's claims.

    objectives: label -> an Objective, or a function of the seed (so that seeds vary the split). lambdas: as written in
    each objective's penalty; None for "as it is". start_from: objective label -> label of the objective whose answer
    (same lambda, arm and seed) is the start. draws: how noise is drawn, for all or by objective label. kernels:
    (objective label, seed) -> the kernel in its runs' keys; it travels to the workers, where no other may serve.
    """

    study: str
    objectives: Mapping[str, ObjectiveSource]
    lambdas: tuple[float, ...] | None
    arms: Mapping[str, Arm]
    seeds: tuple[int, ...]
    budget: Budget
    draws: Draws | Mapping[str, Draws] | None = None
    monitors: Mapping[str, Monitor | Measurement] = field(default_factory=dict)
    start_from: Mapping[str, str] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    starts: dict[Task, tuple[str, NDArray[np.float64]]] = field(default_factory=dict, compare=False)
    kernels: dict[tuple[str, int], str] = field(default_factory=dict, compare=False)
    _built: dict[tuple[str, int], Objective] = field(default_factory=dict, repr=False, compare=False)
    _digests: dict[int, tuple[Any, str]] = field(default_factory=dict, repr=False, compare=False)
    _objective_digests: dict[tuple[str, int], str] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the objects built here behind: a worker builds its own."""
        return {**self.__dict__, "_built": {}, "_digests": {}, "_objective_digests": {}}

    def tasks(self) -> Iterator[Task]:
        """Yield every task, seeds outermost, so that an interrupted study has whole seeds."""
        for seed in self.seeds:
            for label in self.objectives:
                for position in range(1 if self.lambdas is None else len(self.lambdas)):
                    for arm in self.arms:
                        yield label, position, arm, seed

    def objective(self, label: str, seed: int) -> Objective:
        """Return the objective of that label and seed, as given (before any lambda of the grid)."""
        source = self.objectives[label]
        if isinstance(source, Objective):
            return source
        if (label, seed) not in self._built:
            built = source(seed)
            if not isinstance(built, Objective):
                raise InvalidInputError(f"objective {label!r} of seed {seed} is not an Objective: {built!r}")
            self._built[label, seed] = built
            while len(self._built) > N_KEPT:
                del self._built[next(iter(self._built))]
        return self._built[label, seed]

    def spec(self, task: Task) -> RunSpec:
        """Return the task's specification."""
        label, position, arm, seed = task
        objective = self.objective(label, seed)
        if self.lambdas is not None:
            objective = objective.with_lambda(self.lambdas[position])
        start_key, start = self.starts.get(task, ("", None))
        return RunSpec(
            objective=objective,
            objective_label=label,
            arm=self.arms[arm],
            arm_label=arm,
            lam=objective.lam,
            seed=seed,
            budget=self.budget,
            draws=self.draws.get(label) if isinstance(self.draws, Mapping) else self.draws,
            start=start,
            start_key=start_key,
            monitors=self.monitors,
            measurements=self.measurements,
            kernel=objective.kernel,
        )

    def key(self, task: Task) -> str:
        """Return the task's key in a store; DescriptionError where something has no identity."""
        label, position, arm, seed = task
        parent = self.start_from.get(label)
        spec = replace(self.spec(task), start_key=self.key((parent, position, arm, seed)) if parent else "")
        given = self.objective(label, seed)
        self.kernels[label, seed] = spec.kernel

        def digest_of(thing: Any) -> str:
            if thing is not given or given is self.objectives[label]:
                return self._digest(thing)
            if (label, seed) not in self._objective_digests:
                self._objective_digests[label, seed] = digest(given)
            return self._objective_digests[label, seed]

        return spec.key(digest_of, given)

    def _digest(self, thing: Any) -> str:
        """Return the digest, computed once for every object."""
        if id(thing) not in self._digests:
            self._digests[id(thing)] = (thing, digest(thing))  # keeping the object keeps its id its own
        return self._digests[id(thing)][1]

    def prepare(self) -> None:
        """Load what is compiled of what the runs need, kernels first: before any run's clock, and its time limit."""
        if "numba" in self.kernels.values():
            with contextlib.suppress(MissingLibraryError):  # the runs themselves will say so
                load_kernels()
        for arm in self.arms.values():
            arm.optimizer.load_compiled()

    def work(self, task: tuple[str, int, str, int, str]) -> dict[str, Any]:
        """Run one task, (objective, lambda's position, arm, seed, key), and return its record.

        Where the objective is built here, by its seed, and chooses another kernel than the key's, the run is SKIPPED.
        """
        label, position, arm, seed, key = task
        spec = self.spec((label, position, arm, seed))
        kernel = self.kernels.get((label, seed), spec.kernel)
        if spec.kernel == kernel:
            return to_record(spec, run_one(spec), self.study, key)
        message = (
            f"the objective's kernel is {kernel!r} where the study was started and {spec.kernel!r} on "
            f"{socket.gethostname()}: install the same there (pip install 'optcompare[fast]'), or build the objective "
            "with kernel='numpy'"
        )
        return self.failed_record((label, position, arm, seed), key, str(Status.SKIPPED), message, 0.0)

    def failed_record(self, task: Task, key: str, status: str, message: str, seconds: float) -> dict[str, Any]:
        """Return the record of a run that left none: killed, timed out, crashed."""
        label, _, arm, seed = task
        objective = self.spec(task).objective
        return {
            "study": self.study,
            "key": key,
            "objective": label,
            "dataset": objective.dataset_name,
            "lam": objective.lam,
            "lam_canonical": objective.lam_canonical,
            "optimizer": arm,
            "seed": seed,
            "status": status,
            "message": message,
            "seconds": seconds,
            "dim": objective.dim,
            "n_samples": objective.n_samples,
            "gradient_price": self.budget.gradient_price,
            "budget": self.budget.passes(objective.dim),
        }


def objective_facts(objective: Objective, source: ObjectiveSource) -> dict[str, Any]:
    """Return what comparisons need to know of an objective and cannot read from its runs, as plain data.

    is_convex, is_smooth (of loss, penalty and model: a network of ReLU units is not), is_constrained and is_generated
    are facts of the noise-free objective; is_noisy and has_gradient of what optimizers are shown. is_by_seed: whether
    ``source`` is a function of the seed.
    """
    exact = objective.exact
    is_smooth_model = not isinstance(exact, DataObjective) or exact.model.is_smooth
    return {
        "dataset": objective.dataset_name,
        "dim": objective.dim,
        "n_samples": objective.n_samples,
        "is_convex": exact.is_convex,
        "is_smooth": exact.is_smooth and exact.penalty.is_smooth and is_smooth_model,
        "is_noisy": objective.is_noisy,
        "has_gradient": objective.has_gradient,
        "is_constrained": objective.is_constrained,
        "is_generated": exact.is_generated,
        "is_by_seed": not isinstance(source, Objective),
    }
