"""The driver: runs what a store lacks of a grid, and stores every run as it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ..errors import InvalidInputError
from .database import MEMORY
from .executors import DaskExecutor, Executor, ProcessExecutor, RunFailure, SerialExecutor, pickled
from .grid import Grid, Task
from .status import Status
from .stopping import Stop, stop_on_interrupt
from .store import Store
from .worker import check_limits

Keep = Callable[[dict[str, Any]], None]
LINE_EVERY = 10.0  # seconds between progress lines where there is no terminal


class Progress:
    """A progress bar with time left on a terminal, a line every ten seconds elsewhere; counts failures."""

    def __init__(self, title: str, total: int, *, is_shown: bool = True) -> None:
        self._title, self._total, self._is_shown = title, total, is_shown and total > 0
        self.n_done = self._n_failed = 0
        self._started = self._last_line = time.monotonic()
        self._bar: Any = None
        self._row: Any = None

    def __enter__(self) -> Self:
        if self._is_shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._bar.start()
            self._row = self._bar.add_task(self._title, total=self._total)
        return self

    def advance(self, *, is_failure: bool) -> None:
        """Count one more run."""
        self.n_done += 1
        self._n_failed += is_failure
        failed = f" ({self._n_failed} failed)" if self._n_failed else ""
        if self._bar is not None:
            self._bar.update(self._row, advance=1, description=self._title + failed)
        elif self._is_shown and time.monotonic() - self._last_line > LINE_EVERY:
            self._last_line = time.monotonic()
            left = (self._last_line - self._started) * (self._total - self.n_done) / self.n_done
            print(f"{self._title}: {self.n_done}/{self._total} runs{failed}, {left:.0f} s left", file=sys.stderr)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


@dataclass(frozen=True)
class Limits:
    """What one run may take: seconds of wall-clock time, gigabytes of memory; None for no limit."""

    run_timeout: float | None = None
    memory_limit: float | None = None

    def __post_init__(self) -> None:
        check_limits(self.run_timeout, self.memory_limit)


def choose_executor(jobs: int | None, executor: Executor | str | None, limits: Limits) -> Executor:
    """Return the executor: as given, dask at an address, processes, or this process for one job without limits."""
    if isinstance(executor, str):
        return DaskExecutor(executor)
    if executor is not None:
        return executor
    n_jobs = (os.cpu_count() or 1) if jobs is None else jobs
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs < 1:
        raise InvalidInputError(f"jobs must be an integer >= 1, got {jobs!r}")
    return SerialExecutor() if n_jobs == 1 and limits == Limits() else ProcessExecutor(n_jobs)


def drive(
    grid: Grid,
    keys: Mapping[Task, str],
    store: Store,
    jobs: int | None,
    executor: Executor | str | None,
    limits: Limits,
    retry_failed: bool,
    progress: Progress | bool,
) -> None:
    """Run every task whose key the store lacks (or holds as failed, with ``retry_failed``), and store each at once.

    Runs that start from another run's answer come after it. Ctrl-C: see ``stopping.py``; KeyboardInterrupt is raised
    in the end, after a line on standard error that says how to go on.
    """
    chosen = choose_executor(jobs, executor, limits)
    with store.driving() as note:
        wanted = None
        if retry_failed:
            wanted = [str(status) for status in Status if not status.is_failure]
        done = store.keys(grid.study, wanted)
        missing = [task for task, key in keys.items() if key not in done]
        bar = progress if isinstance(progress, Progress) else Progress(grid.study, len(missing), is_shown=progress)
        n_workers = 1 if isinstance(chosen, SerialExecutor) else getattr(chosen, "jobs", None)
        facts = {"study": grid.study, "since": time.time(), "n_total": len(missing), "n_workers": n_workers}

        def keep(record: dict[str, Any]) -> None:
            store.add_run(record)
            bar.advance(is_failure=Status(record["status"]).is_failure)
            note({**facts, "n_done": bar.n_done})

        note({**facts, "n_done": 0})
        try:
            with bar, stop_on_interrupt() as stop:
                for is_second in (False, True):
                    wave = [task for task in missing if (task[0] in grid.start_from) is is_second]
                    if wave and is_second:
                        wave = _take_starts(grid, keys, store, wave, keep)
                    if wave:
                        _run_wave(grid, keys, keep, chosen, limits, wave, stop)
        except KeyboardInterrupt:
            print(_how_to_go_on(grid.study, keys.values(), store), file=sys.stderr)
            raise


def _how_to_go_on(study: str, keys: Collection[str], store: Store) -> str:
    n_stored = len(store.keys(study) & set(keys))
    if store.path == MEMORY:
        return f"stopped: the {n_stored} runs of {study!r} were in memory alone; give a store=... to be able to go on"
    return (
        f"stopped: {n_stored} of {len(keys)} runs of {study!r} are stored in {store.path!r}; "
        "run the same command again to go on from there"
    )


def _run_wave(
    grid: Grid,
    keys: Mapping[Task, str],
    keep: Keep,
    executor: Executor,
    limits: Limits,
    wave: list[Task],
    stop: Stop,
) -> None:
    def on_done(task: tuple[Any, ...], outcome: dict[str, Any] | RunFailure) -> None:
        label, position, arm, seed, key = task
        if isinstance(outcome, RunFailure):
            outcome = grid.failed_record(
                (label, position, arm, seed), key, outcome.status, outcome.message, outcome.seconds
            )
        keep(outcome)

    for label, seed in {task[0]: task[3] for task in reversed(wave)}.items():
        grid.objective(label, seed).prepare()  # once, before several workers would
    grid.prepare()
    work = pickled(grid.work)
    tasks = [(*task, keys[task]) for task in wave]
    executor.run(work, tasks, on_done, run_timeout=limits.run_timeout, memory_limit=limits.memory_limit, stop=stop)
    if stop.is_set:
        raise KeyboardInterrupt


def _take_starts(grid: Grid, keys: Mapping[Task, str], store: Store, wave: list[Task], keep: Keep) -> list[Task]:
    """Give the runs of a second wave the answers of the first as starts; return those that have one.

    A run whose parent left no answer is stored as skipped.
    """
    ready = []
    for task in wave:
        label, position, arm, seed = task
        parent = keys[grid.start_from[label], position, arm, seed]
        theta = store.run(grid.study, parent).get("theta")
        if theta is None:
            message = f"the run on {grid.start_from[label]!r} that it starts from left no answer"
            keep(grid.failed_record(task, keys[task], str(Status.SKIPPED), message, 0.0))
        else:
            grid.starts[task] = (parent, theta)
            ready.append(task)
    return ready
