"""Runs on a dask cluster, each in a child process of a dask worker, which can be killed where a dask task cannot."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInputError, MissingLibraryError, OptcompareError
from .stopping import Stop
from .worker import OnDone, RunFailure, Task, WorkerProcess, check_limits, work_file

if TYPE_CHECKING:
    from distributed import Client, Future

Limits = tuple[float | None, float | None]  # seconds and gigabytes of a run
IDLE_SECONDS = 4  # a child that waits for longer ends by itself: no process stays behind when a driver is killed
LOOK_EVERY = 0.5  # seconds between looks whether a run is still wanted
PATIENCE = 30.0  # seconds to find the scheduler and a first worker


class DaskExecutor:
    """Runs on the dask cluster whose scheduler is at ``address``, e.g. ``"tcp://10.0.0.1:8786"``.

    optcompare must be installed where the workers are, in the same versions for the same bits; the study's own code
    travels with the work. Raises MissingLibraryError without distributed, OptcompareError where nobody answers.
    """

    def __init__(self, address: str) -> None:
        if "://" not in address:
            raise InvalidInputError(f"a scheduler's address looks like tcp://host:port, got {address!r}")
        self.address = address

    def run(
        self,
        work: bytes,
        tasks: Sequence[Task],
        on_done: OnDone,
        *,
        run_timeout: float | None = None,
        memory_limit: float | None = None,
        stop: Stop | None = None,
    ) -> None:
        """Compute every task; see ``Executor``."""
        check_limits(run_timeout, memory_limit)
        if not tasks:
            return
        limits = (run_timeout, memory_limit)
        with _connected(self.address) as client:
            _wait_for_workers(client, self.address)
            shared = client.scatter(work, broadcast=True, hash=False)
            window = max(8, 4 * sum(client.nthreads().values()))
            for task, outcome in _outcomes(client, shared, tasks, window, limits, stop or Stop()):
                on_done(task, outcome)


def _connected(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingLibraryError(
            "running on a cluster needs dask.distributed: pip install 'optcompare[cluster]'"
        ) from error
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise OptcompareError(f"no dask scheduler answers at {address}: {error}") from error


def _wait_for_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise OptcompareError(
            f"the dask scheduler at {address} has no workers: start `dask worker {address}`"
        ) from error


def _outcomes(
    client: Client, shared: Future, tasks: Sequence[Task], window: int, limits: Limits, stop: Stop
) -> Iterator[tuple[Task, dict[str, Any] | RunFailure]]:
    """Yield every task with its outcome as they end, never more than ``window`` of them on the cluster."""
    from distributed import as_completed

    left = iter(tasks)
    waiting: dict[str, tuple[Future, Task]] = {}
    ended = as_completed(loop=client.loop)

    def submit() -> None:
        for task in left if not stop.is_set else ():
            future = client.submit(perform, shared, shared.key, task, limits, pure=False)
            waiting[future.key] = (future, task)
            ended.add(future)
            return

    try:
        for _ in range(window):
            submit()
        while waiting:
            future = next(ended)
            _, task = waiting.pop(future.key)
            submit()
            yield task, _outcome(future)
    finally:
        client.cancel([future for future, _ in waiting.values()])


def _outcome(future: Future) -> dict[str, Any] | RunFailure:
    """Return a record or failure; a dask worker that died with the run, as often as dask tries, is a crash."""
    from distributed import KilledWorker

    if future.cancelled():
        raise OptcompareError("the dask scheduler went away: start it again and run the same command to go on")
    error = future.exception()
    if error is None:
        result: dict[str, Any] | RunFailure = future.result()
        return result
    if isinstance(error, KilledWorker):
        return RunFailure("CRASHED", "the dask workers that computed the run died", math.nan)
    raise error


@dataclass
class _Children:
    """The child processes of one dask worker that have nothing to do, by the work that they know."""

    idle: dict[str, list[WorkerProcess]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, token: str, work: bytes, memory_limit: float | None) -> WorkerProcess:
        """Return a child that knows the work, a new one if need be."""
        with self.lock:
            for name, children in list(self.idle.items()):  # half the time, so that none ends while it is taken
                for child in [child for child in children if child.seconds > IDLE_SECONDS / 2]:
                    children.remove(child)
                    child.kill()
                if not children:
                    del self.idle[name]
            if self.idle.get(token):
                return self.idle[token].pop()
        with work_file(work) as work_fd:
            return WorkerProcess(work_fd, IDLE_SECONDS, memory_limit)

    def give_back(self, token: str, child: WorkerProcess) -> None:
        """Keep a child for the next run."""
        with self.lock:
            self.idle.setdefault(token, []).append(child)


def perform(work: bytes, token: str, task: Task, limits: Limits) -> dict[str, Any] | RunFailure:
    """Compute one task in a child of this dask worker; runs in one of the worker's threads.

    The child is killed at the time limit, and when the run is no longer wanted: after Ctrl-C, or when the driver died.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    children: _Children = worker.__dict__.setdefault("_optcompare_children", _Children())
    key = worker.get_current_task()
    run_timeout, memory_limit = limits
    child = children.take(token, work, memory_limit)
    is_kept = False
    try:
        if not child.is_ready:
            while not child.connection.poll(LOOK_EVERY) and child.is_alive:
                if not _is_wanted(worker, key):
                    return RunFailure("CRASHED", "cancelled", child.seconds)
            child.answer()
        child.give(task)
        while not child.connection.poll(LOOK_EVERY if run_timeout is None else min(LOOK_EVERY, run_timeout / 10)):
            if run_timeout is not None and child.seconds > run_timeout:
                return child.timed_out(run_timeout)
            if not child.is_alive and not child.connection.poll(0):
                return child.crashed()
            if not _is_wanted(worker, key):
                return RunFailure("CRASHED", "cancelled", child.seconds)
        answer: dict[str, Any] = child.answer()
        is_kept = True
        return answer
    except (EOFError, ConnectionResetError):
        if not child.is_ready:
            raise OptcompareError(
                f"a child of dask worker {worker.address} cannot start: it {child.ended()}; see the worker's output"
            ) from None
        return child.crashed()
    finally:
        if is_kept:
            children.give_back(token, child)
        else:
            child.kill()


def _is_wanted(worker: Any, key: str) -> bool:
    """Whether the scheduler still waits for a task of this dask worker."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state == "executing"
