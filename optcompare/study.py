"""Study: the user's door to runs, claims and reports.

A study is a question, a grid (objectives x lambdas x optimizers x seeds) and claims. Running it fills a store with the
runs that are missing; everything else is read from the store.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .analysis.claims import Claim
from .errors import DescriptionError, InvalidInputError, unknown_name
from .objective.conventions import check_lambda
from .objective.objective import Objective
from .recorder import Budget, Draws, Monitor, as_budget
from .report.text import folder_name
from .results import PATH_SUFFIX, REFERENCE_SUFFIX, FigureMaker, Results, claims_text
from .runs.arms import as_arms
from .runs.driver import Limits, Progress, drive
from .runs.executors import Executor
from .runs.grid import Grid, ObjectiveSource, objective_facts
from .runs.measure import Measurement, kernel_libraries, versions
from .runs.references import reference_grid
from .runs.rows import RUN_COLUMNS
from .runs.spec import check_seed
from .runs.store import Store

PATH_PASSES = 50_000  # budget of a run on the reference path: enough for lbfgs to end by its own rule


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question, a grid and claims.

    objectives: label -> Objective, or label -> function of the seed returning one (seeds then vary the split too), or
    one Objective. lambdas: as written in each objective's own penalty convention, or None for the objectives as they
    are. optimizers: label -> name, Optimizer, arm or function; or a list of them. seeds: integers >= 0. budget: passes
    or a Budget. claims: predictions, fixed before the run. monitors: label -> function of theta, or of (objective,
    theta), measured along the trace. measurements: label -> function of (objective, theta), taken once of every answer,
    noise-free and off the purse: columns of ``results.to_frame()``. draws: how noise is drawn: one policy, or a dict
    objective label -> policy (the same objective under several labels compares policies). start_from: objective label
    -> label of the objective whose answer is its start (and the anchor of AnchoredL2(lam, anchor="start")). figures:
    functions of the Results, returning further figures for the report.
    path: lambdas, 20 a decade and more, at which the arm ``reference`` is run besides, into the same store as a study
    NAME-path: what ``oc.exchange_curve``
    reads lambdas off. reference_starts: where > 0, lbfgs is run besides from that many starts (once a seed where an
    objective is a function of the seed), and the best constant predictor, into the same store as a study
    NAME-reference: what ``results.problems()`` reads f_ref and f_0 off. is_final=False: a shortened run, whose claims
    stay undecided.
    """

    name: str
    question: str
    objectives: Mapping[str, ObjectiveSource] | Objective
    optimizers: Mapping[str, object] | Sequence[object]
    budget: Budget | float
    lambdas: Sequence[float] | None = None
    seeds: Iterable[int] = range(10)
    claims: Sequence[Claim] = ()
    monitors: Mapping[str, Monitor | Measurement] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    draws: Draws | Mapping[str, Draws] | None = None
    start_from: Mapping[str, str] = field(default_factory=dict)
    figures: Sequence[FigureMaker] = ()
    path: Sequence[float] = ()
    reference: str = "lbfgs"
    reference_starts: int = 0
    notes: str = ""
    is_final: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InvalidInputError(f"a study needs a name, got {self.name!r}")
        settled: dict[str, Any] = {
            "objectives": _labelled_objectives(self.objectives),
            "optimizers": as_arms(self.optimizers),
            "budget": as_budget(self.budget),
            "lambdas": _checked_lambdas(self.lambdas),
            "seeds": _checked_seeds(self.seeds),
            "path": _checked_lambdas(self.path) if len(self.path) else (),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        starts = self.reference_starts
        if isinstance(starts, bool) or not isinstance(starts, int) or starts < 0:
            raise InvalidInputError(f"reference_starts must be a whole number >= 0, got {starts!r}")
        if taken := sorted(set(self.measurements) & set(RUN_COLUMNS)):
            raise InvalidInputError(f"measurements {taken} are columns that every run has: give other names")
        if isinstance(self.draws, Mapping) and (unknown := sorted(set(self.draws) - set(settled["objectives"]))):
            raise unknown_name("objective in draws", unknown[0], settled["objectives"])
        for child, parent in self.start_from.items():
            known = settled["objectives"]
            if child not in known or parent not in known or parent in self.start_from:
                raise InvalidInputError(
                    f"start_from {{{child!r}: {parent!r}}} must name two of the objectives {sorted(known)}, "
                    "and a start may not depend on a third run"
                )

    def grid(self) -> Grid:
        """Return the study's grid of runs."""
        arms: Any = self.optimizers
        objectives: Any = self.objectives
        lambdas: Any = self.lambdas
        seeds: Any = self.seeds
        return Grid(
            study=self.name,
            objectives=objectives,
            lambdas=lambdas,
            arms=arms,
            seeds=seeds,
            budget=as_budget(self.budget),
            draws=self.draws,
            monitors=dict(self.monitors),
            start_from=dict(self.start_from),
            measurements=dict(self.measurements),
        )

    def path_study(self) -> Study:
        """Return the study of the reference path: the reference arm alone at the lambdas of ``path``, no claims."""
        arms: Any = self.optimizers
        return dataclasses.replace(
            self,
            name=self.name + PATH_SUFFIX,
            question=f"The reference path of {self.name}",
            lambdas=self.path,
            optimizers={self.reference: arms.get(self.reference, self.reference)},
            budget=Budget(evaluations=PATH_PASSES),
            path=(),
            reference_starts=0,
            claims=(),
            figures=(),
            monitors={},
            measurements={},
        )

    def run(
        self,
        store: str | Path | None = None,
        *,
        jobs: int | None = None,
        executor: Executor | str | None = None,
        run_timeout: float | None = None,
        memory_limit: float | None = None,
        retry_failed: bool = False,
        progress: Progress | bool = True,
    ) -> Results:
        """Run what the store lacks, judge the claims, and return the results.

        store: path of a SQLite file, made where missing; None keeps the runs in memory. jobs: worker processes, default
        one per core; 1 runs in this process. executor: an Executor, or a dask scheduler's address "tcp://host:port".
        run_timeout: seconds after which a run is killed. memory_limit: gigabytes that a run may take (Linux).
        retry_failed: run the failed ones again.

        Ctrl-C leaves every finished run in the store and raises KeyboardInterrupt; the same call goes on from there.
        """
        limits = Limits(run_timeout, memory_limit)
        parts = self._parts()
        opened = Store(":memory:" if store is None else store)
        for question, grid in parts:
            try:
                keys = {task: grid.key(task) for task in grid.tasks()}
            except DescriptionError:
                if store is not None:
                    raise
                keys = {task: "/".join(map(str, task)) for task in grid.tasks()}
            opened.add_study(grid.study, question, self._description(grid, sorted(keys.values())))
            drive(grid, keys, opened, jobs, executor, limits, retry_failed, progress)
        results = Results(opened, self.name)
        results.judge(self.claims, is_final=self.is_final)
        return results

    def _parts(self) -> list[tuple[str, Grid]]:
        """Return (question, grid) of all that is run: the reference path, the references, the study itself."""
        grid = self.grid()
        _check_arms(grid)
        parts = [(self.question, grid)]
        if self.reference_starts:
            references = reference_grid(grid, self.name + REFERENCE_SUFFIX, self.reference_starts)
            if references is not None:
                parts.insert(0, (f"The best known errors of {self.name}", references))
        if self.path:
            path = self.path_study()
            parts.insert(0, (path.question, path.grid()))
            _check_arms(parts[0][1])
        return parts

    def main(
        self,
        quick: Mapping[str, Any] | None = None,
        smoke: Mapping[str, Any] | None = None,
        argv: Sequence[str] | None = None,
    ) -> Results:
        """Run the study as a script: ``python studies/mine.py [--quick | --smoke] [--jobs N] [--store DB] [--out
        DIR]``.

        quick, smoke: fields to replace for the shortened forms, e.g. ``{"seeds": range(3), "budget": 500}``. Writes the
        report to DIR (default out/NAME) and prints the claims.
        """
        options = parse_script_options(self.question, argv)
        study = self
        for flag, changes in (("quick", quick), ("smoke", smoke)):
            if getattr(options, flag):
                study = dataclasses.replace(self, name=f"{self.name}-{flag}", is_final=False, **(changes or {}))
        folder = Path(options.out or Path("out") / folder_name(study.name))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            results = study.run(
                options.store or folder / "runs.db",
                jobs=options.jobs,
                executor=options.executor,
                run_timeout=options.run_timeout,
                memory_limit=options.memory_limit,
                retry_failed=options.retry_failed,
            )
        except KeyboardInterrupt:
            raise SystemExit(130) from None  # what a shell expects of a program that Ctrl-C has ended
        page = results.report(folder, figures=study.figures)
        print(claims_text(results.claims()))
        print(f"report: {page}")
        return results

    def _description(self, grid: Grid, keys: Sequence[str]) -> dict[str, Any]:
        """Return what a report needs to know of the study and cannot read from its runs."""
        first = {label: grid.objective(label, grid.seeds[0]) for label in grid.objectives}
        budget = grid.budget
        limits = {f.name: getattr(budget, f.name) for f in dataclasses.fields(budget)}
        libraries = {name for arm in grid.arms.values() for name in arm.optimizer.requires}
        libraries |= {name for objective in first.values() for name in kernel_libraries(objective.kernel)}
        return {
            "formulas": {label: objective.formula() for label, objective in first.items()},
            "optimizers": {label: repr(arm.optimizer) for label, arm in grid.arms.items()},
            "arms": {label: type(arm).__name__ for label, arm in grid.arms.items()},
            "lambdas": list(grid.lambdas) if grid.lambdas is not None else None,
            "seeds": list(grid.seeds),
            "budget": limits,
            "versions": versions(tuple(sorted(libraries))),
            "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            "keys": list(keys),
            "notes": self.notes,
            "is_final": self.is_final,
            "problems": {label: objective_facts(one, grid.objectives[label]) for label, one in first.items()},
        }


def _labelled_objectives(given: object) -> dict[str, ObjectiveSource]:
    if isinstance(given, Objective):
        return {given.name: given}
    if not isinstance(given, Mapping) or not given:
        raise InvalidInputError(
            "objectives must be a dict label -> objective (or a function of the seed returning one), "
            f"got {type(given).__name__}"
        )
    for label, source in given.items():
        if not isinstance(label, str) or not label:
            raise InvalidInputError(f"an objective's label must be a non-empty string, got {label!r}")
        if not isinstance(source, Objective) and not callable(source):
            raise InvalidInputError(
                f"objective {label!r} must be an Objective or a function of the seed, got {source!r}"
            )
    return dict(given)


def _checked_lambdas(given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    lambdas = tuple(check_lambda(lam) for lam in np.atleast_1d(np.asarray(given, dtype=object)))
    if not lambdas:
        raise InvalidInputError("lambdas is empty: give at least one, or None for the objectives as they are")
    if len(set(lambdas)) < len(lambdas):
        raise InvalidInputError(f"duplicate lambdas in {list(lambdas)}")
    return lambdas


def _checked_seeds(given: Iterable[int]) -> tuple[int, ...]:
    seeds = tuple(check_seed(seed) for seed in ([given] if isinstance(given, int) else given))
    if not seeds:
        raise InvalidInputError("seeds is empty: give at least one")
    if len(set(seeds)) < len(seeds):
        raise InvalidInputError(f"duplicate seeds in {list(seeds)}")
    return seeds


def _check_arms(grid: Grid) -> None:
    """Refuse, before anything runs, an arm that can run on no objective for want of a gradient, or no decay.

    An arm that lacks a gradient on some of the objectives is SKIPPED there.
    """
    objectives = [grid.objective(label, grid.seeds[0]) for label in grid.objectives]
    for name, arm in grid.arms.items():
        for objective in objectives:
            arm.bind(objective)
        if arm.optimizer.needs_gradient and not any(objective.has_gradient for objective in objectives):
            raise InvalidInputError(
                f"optimizer {name!r} needs a gradient, and none of the objectives {list(grid.objectives)} has one: "
                "give function_objective a gradient, or choose a direct-error optimizer"
            )


def parse_script_options(description: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options that every study script takes."""
    parser = argparse.ArgumentParser(description=description)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="a shortened run: under a minute, decides nothing")
    length.add_argument("--smoke", action="store_true", help="the shortest run: does it work at all")
    parser.add_argument("--jobs", type=int, help="worker processes (default: one per core)")
    parser.add_argument("--store", help="SQLite file of runs (default: OUT/runs.db); finished runs are not repeated")
    parser.add_argument("--out", help="folder of the report (default: out/NAME)")
    parser.add_argument("--run-timeout", type=float, metavar="SECONDS", help="kill a run after so long")
    parser.add_argument("--memory-limit", type=float, metavar="GB", help="gigabytes that a run may take")
    parser.add_argument("--executor", metavar="ADDRESS", help="a dask scheduler, tcp://host:port")
    parser.add_argument("--retry-failed", action="store_true", help="run failed runs again")
    return parser.parse_args(argv)
