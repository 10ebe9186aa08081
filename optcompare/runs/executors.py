"""Executors: where the runs of a study are computed. All give the same answers; they differ in what they survive.

====================  ==========================================  =============================================
executor              a run that crashes                          a run over its time limit
====================  ==========================================  =============================================
SerialExecutor        takes the driver along                      is killed (it then runs in one process)
ProcessExecutor       is one CRASHED row                          is killed, native code too
DaskExecutor          is one CRASHED row                          is killed, native code too
====================  ==========================================  =============================================

``work`` is a pickled callable (see ``pickled``) that goes once to every worker; a task is a small tuple of labels;
``work(task)`` is the task's record. ``on_done(task, record or RunFailure)`` is called in the driver's thread, in the
order in which runs end. Only a few tasks are under way at any time, so the driver's memory does not grow with the
study. An exception in the driver (Ctrl-C, a full disk in ``on_done``) kills what is running and passes on.

Worker processes are plain subprocesses, one socket each: no pool shares a lock that a killed worker could take with it.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, Protocol, runtime_checkable

from ..errors import InvalidInputError, OptcompareError
from .library import is_library
from .on_dask import DaskExecutor as DaskExecutor
from .stopping import Stop
from .worker import OnDone, RunFailure, Task, WorkerProcess, check_limits, work_file

__all__ = ["DaskExecutor", "Executor", "ProcessExecutor", "RunFailure", "SerialExecutor", "pickled"]

LONGEST_WAIT = 1.0  # seconds between looks at workers that died without closing their socket
START_LIMIT = 300.0  # seconds for a worker to import what the work needs
MOST_FAILED_STARTS = 3


@runtime_checkable
class Executor(Protocol):
    """Computes tasks."""

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
        """Compute every task once and report each.

        run_timeout: seconds of wall-clock time a run may take. memory_limit: gigabytes that a worker may take on top
        of what it has when it is ready. stop: once it is set, no task is begun and the call returns when those under
        way have ended.
        """


def pickled(work: Callable[[Task], dict[str, Any]]) -> bytes:
    """Return the work as bytes in which the user's functions travel as values, those of helper modules included.

    Workers need no file of the study: only what belongs to installed packages is sent by name. Where the values of a
    helper module cannot be pickled, helper modules are sent by name too.
    """
    import cloudpickle

    try:
        with _by_value():
            return bytes(cloudpickle.dumps(work))
    except (TypeError, AttributeError, pickle.PicklingError):
        return bytes(cloudpickle.dumps(work))


@contextmanager
def _by_value() -> Iterator[None]:
    """Have cloudpickle send the user's modules as values."""
    import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    modules = [one for name, one in list(sys.modules.items()) if name not in known and _is_users(name, one)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users(name: str, module: object) -> bool:
    """Whether a module is the user's: it has a file, and belongs to no package that is installed."""
    is_own = getattr(module, "__name__", None) == name and isinstance(getattr(module, "__file__", None), str)
    return is_own and name not in ("__main__", "__mp_main__") and not is_library(name)


@contextmanager
def _new_classes() -> Iterator[None]:
    """Have cloudpickle make classes of its own, as in another process.

    Where it knows a class it would write into it, and its functions would lose their source and with it their identity.
    """
    from weakref import WeakValueDictionary

    from cloudpickle import cloudpickle

    known = cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID
    cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID = WeakValueDictionary()
    try:
        yield
    finally:
        cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID = known


class SerialExecutor:
    """One run after another, in this process; with a limit of time or memory, in one worker process.

    Only a process can be stopped in native code. Without a limit an exception that leaves ``work`` ends the study.
    """

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
        if run_timeout is not None or memory_limit is not None:
            limits = {"run_timeout": run_timeout, "memory_limit": memory_limit}
            ProcessExecutor(1).run(work, tasks, on_done, **limits, stop=stop)
            return
        stop = stop or Stop()
        with _new_classes():
            call: Callable[[Task], dict[str, Any]] = pickle.loads(work)
        for task in tasks:
            if stop.is_set:
                return
            record = call(task)
            stop.check_untouched()
            on_done(task, record)


class ProcessExecutor:
    """Runs in ``jobs`` worker processes, each with one BLAS thread; default: one a core.

    A run that ends its process, by whatever signal or exit, is one CRASHED row and its worker is replaced. Workers
    die with the driver, at once and in native code too. Nothing is asked of the study's script.
    """

    def __init__(self, jobs: int | None = None) -> None:
        given = len(os.sched_getaffinity(0)) if jobs is None and hasattr(os, "sched_getaffinity") else jobs
        self.jobs = (os.cpu_count() or 1) if given is None else given
        if isinstance(jobs, bool) or not isinstance(self.jobs, int) or self.jobs < 1:
            raise InvalidInputError(f"jobs must be an integer >= 1, got {jobs!r}")

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
        with work_file(work) as work_fd:
            crew = _Crew(work_fd, tasks, on_done, run_timeout, memory_limit, stop or Stop())
            try:
                crew.start(min(self.jobs, len(tasks)))
                while crew.is_busy:
                    crew.step()
            finally:
                crew.stop()


class _Crew:
    """The workers of one call: who does what, and what is left to do."""

    def __init__(
        self,
        work_fd: int,
        tasks: Sequence[Task],
        on_done: OnDone,
        run_timeout: float | None,
        memory_limit: float | None,
        stop: Stop,
    ) -> None:
        self._work_fd, self._on_done, self._stop = work_fd, on_done, stop
        self._run_timeout, self._memory_limit = run_timeout, memory_limit
        self._left = deque(tasks)
        self._workers: dict[Any, WorkerProcess] = {}
        self._n_failed_starts = 0

    @property
    def is_busy(self) -> bool:
        """Whether a task is waiting or under way."""
        return bool(self._left) or any(worker.task is not None for worker in self._workers.values())

    def start(self, n_workers: int) -> None:
        """Start workers."""
        for _ in range(n_workers):
            worker = WorkerProcess(self._work_fd, memory_limit=self._memory_limit)
            self._workers[worker.connection] = worker

    def stop(self) -> None:
        """Kill all workers."""
        while self._workers:
            self._workers.popitem()[1].kill()

    def step(self) -> None:
        """Wait for something to happen, and deal with it."""
        heard = wait(list(self._workers), self._patience())
        if self._stop.is_set:
            self._left.clear()
        for connection in heard:
            self._hear(self._workers[connection])
        for worker in list(self._workers.values()):
            if worker.task is not None and self._run_timeout is not None and worker.seconds > self._run_timeout:
                self._replace(worker, worker.task, worker.timed_out(self._run_timeout))
            elif not worker.is_alive and not worker.connection.poll(0):  # something it started keeps its socket open
                self._lose(worker)
            elif not worker.is_ready and worker.seconds > START_LIMIT:
                raise OptcompareError(f"a worker process was not ready after {START_LIMIT:g} s: what does it import?")

    def _patience(self) -> float:
        """Return how long nothing needs to be looked at."""
        if self._run_timeout is None:
            return LONGEST_WAIT
        running = [worker.seconds for worker in self._workers.values() if worker.task is not None]
        return max(0.0, min([LONGEST_WAIT, *(self._run_timeout - seconds for seconds in running)]))

    def _hear(self, worker: WorkerProcess) -> None:
        task = worker.task
        try:
            answer = worker.answer()
        except (EOFError, ConnectionResetError):
            self._lose(worker)
            return
        self._n_failed_starts = 0
        if self._left and not worker.give(self._left[0]):
            self._replace(worker)
        elif self._left:
            self._left.popleft()
        if task is not None:  # told after the next task was given: the worker computes while the driver writes
            self._on_done(task, answer)

    def _lose(self, worker: WorkerProcess) -> None:
        if worker.task is not None:
            self._replace(worker, worker.task, worker.crashed())
            return
        if not worker.is_ready:
            self._n_failed_starts += 1
            if self._n_failed_starts >= MOST_FAILED_STARTS:
                raise OptcompareError(
                    f"worker processes cannot start: the last one {worker.ended()}; the reason is printed above"
                )
        self._replace(worker)

    def _replace(self, worker: WorkerProcess, task: Task | None = None, failure: RunFailure | None = None) -> None:
        """Let another take a dead worker's place where there is work for it, and report what was lost."""
        del self._workers[worker.connection]
        worker.kill()
        if self._left:
            self.start(1)
        if task is not None and failure is not None:
            self._on_done(task, failure)
