"""A worker process as its parent sees it, in the driver and in dask's workers alike."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from ..errors import InvalidInputError

Task = tuple[Any, ...]
OnDone = Callable[[Task, "dict[str, Any] | RunFailure"], None]

_BOOT = "import sys; sys.path[:] = sys.argv[6:]; from optcompare.runs.child import main; main(*map(int, sys.argv[1:6]))"
GIGABYTE = 2**30
_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT


@dataclass(frozen=True)
class RunFailure:
    """What is left of a run that left no record: status "TIMEOUT" or "CRASHED", a sentence, wall-clock seconds."""

    status: str
    message: str
    seconds: float


class WorkerProcess:
    """One child process that knows the work and takes tasks one at a time.

    It leads a process group of its own: Ctrl-C in a terminal does not reach it, and a kill takes along what a run
    started. ``connection`` becomes readable when it is ready, has an answer, or is gone.
    """

    def __init__(self, work_fd: int, idle_seconds: int = 0, memory_limit: float | None = None) -> None:
        ours, theirs = socket.socketpair()
        alive_read, self._alive_write = os.pipe()
        numbers = (theirs.fileno(), alive_read, work_fd, idle_seconds, int((memory_limit or 0) * GIGABYTE))
        paths = [folder or os.getcwd() for folder in sys.path]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, *map(str, numbers), *paths],
                pass_fds=numbers[:3],
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        except OSError:
            ours.close()
            os.close(self._alive_write)
            raise
        finally:
            theirs.close()
            os.close(alive_read)
        self.connection = Connection(ours.detach())
        self.task: Task | None = None
        self.is_ready = False
        self.since = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the task was given; before any, since the start; afterwards, since the answer."""
        return time.monotonic() - self.since

    @property
    def is_alive(self) -> bool:
        """Whether the process runs. It is not reaped here: see ``kill``."""
        is_known = self._process.returncode is not None
        return not is_known and os.waitid(os.P_PID, self._process.pid, _LOOK) is None

    def give(self, task: Task) -> bool:
        """Hand it a task; False where it has died while it had nothing to do."""
        self.since = time.monotonic()
        try:
            self.connection.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.task = task
        return True

    def answer(self) -> Any:
        """Return what it sent; EOFError or ConnectionResetError where it died instead."""
        answer = self.connection.recv()
        self.is_ready, self.task = True, None
        self.since = time.monotonic()
        return answer

    def timed_out(self, limit: float) -> RunFailure:
        """Kill it for being over the limit, and say so."""
        seconds = self.seconds
        self.kill()
        return RunFailure("TIMEOUT", f"killed at the limit of {limit:g} s of wall-clock time", seconds)

    def crashed(self) -> RunFailure:
        """Say how it died, and clear away what it started."""
        seconds = self.seconds
        return RunFailure("CRASHED", f"the worker process {self.ended()} during the run", seconds)

    def ended(self) -> str:
        """Return how it ended by itself; one that hung up and is still there after 5 s is killed.

        A process that exits takes a second or more to unload its libraries on a busy machine.
        """
        until = time.monotonic() + 5.0
        while self.is_alive and time.monotonic() < until:
            time.sleep(0.002)
        return self.kill()

    def kill(self) -> str:
        """End it, and its process group, now if it still runs; return how it ended."""
        if self._process.returncode is None:  # not reaped yet: the group's number is still its own
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self.connection.close()
        if self._alive_write >= 0:
            os.close(self._alive_write)
            self._alive_write = -1
        return _ending(code)


def _ending(code: int) -> str:
    """Return an exit status as words."""
    if code >= 0:
        return f"exited with status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " from outside, perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was ended by {name} ({signal.strsignal(-code)}){hint}"


@contextmanager
def work_file(work: bytes) -> Iterator[int]:
    """Put the work into a nameless file and give its descriptor, which any number of workers can read from."""
    with tempfile.TemporaryFile() as file:
        file.write(work)
        file.flush()
        yield file.fileno()


def check_limits(run_timeout: float | None, memory_limit: float | None = None) -> None:
    """Raise InvalidInputError unless each limit is None or a number (of seconds, of gigabytes) above 0."""
    for name, given, unit in (("run_timeout", run_timeout, "seconds"), ("memory_limit", memory_limit, "gigabytes")):
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        if given is not None and not (is_number and math.isfinite(given) and given > 0):
            raise InvalidInputError(f"{name} must be a number of {unit} above 0, or None, got {given!r}")
