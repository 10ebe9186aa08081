"""Inside a worker process: it is told the work once, then one task after another, and dies with its parent.

The parent starts it by ``WorkerProcess`` (worker.py); nothing is forked and no script is imported, so that neither a
missing ``__main__`` guard nor the parent's threads and locks can matter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
import threading
from multiprocessing.connection import Connection


def main(connection_fd: int, alive_fd: int, work_fd: int, idle_seconds: int, memory_bytes: int) -> None:
    """Serve tasks until the parent hangs up, or for ``idle_seconds`` without one (0: for ever).

    ``memory_bytes``: see ``limit_memory``; 0 for no limit.

    The work is a pickled callable, read from the file behind ``work_fd``; where it is a method of an object that has a
    ``prepare()``, that is called, off every task's clock. ``None`` is the answer to it, then ``work(task)`` the answer
    to each task. An exception that leaves ``work`` ends the process.
    """
    die_with_parent(alive_fd)
    sys.argv[:] = ["optcompare worker"]
    pin_blas()
    import cloudpickle

    work = cloudpickle.loads(_content(work_fd))
    if (prepare := getattr(getattr(work, "__self__", None), "prepare", None)) is not None:
        prepare()
    limit_memory(memory_bytes)
    connection = Connection(connection_fd)
    connection.send(None)
    while connection.poll(idle_seconds or None):
        try:
            task = connection.recv()
        except EOFError:
            return
        answer = work(task)
        sys.stdout.flush()  # the end may come as SIGKILL
        connection.send(answer)


def die_with_parent(alive_fd: int) -> None:
    """Have SIGKILL sent to this process group as soon as the parent is gone.

    ``alive_fd`` reads a pipe whose other end only the parent holds. On Linux the kernel itself sends the signal
    (F_SETSIG), so it arrives in native code that holds the interpreter's lock for ever; elsewhere a thread does.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        threading.Thread(target=_wait_and_die, args=(alive_fd,), daemon=True).start()
        return
    fcntl.fcntl(alive_fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(alive_fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(alive_fd, fcntl.F_SETFL, fcntl.fcntl(alive_fd, fcntl.F_GETFL) | os.O_ASYNC)
    hung_up = select.poll()
    hung_up.register(alive_fd, select.POLLHUP)
    if hung_up.poll(0):  # it died before this was set up
        os.killpg(0, signal.SIGKILL)


def _wait_and_die(alive_fd: int) -> None:
    os.read(alive_fd, 1)
    os.killpg(0, signal.SIGKILL)


def pin_blas() -> None:
    """Give every BLAS one thread. numpy and scipy bring one each: both must be loaded before they are looked for."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def limit_memory(n_bytes: int) -> None:
    """Let this process take ``n_bytes`` more than it has now (0: no limit), and be the first to go where none is left.

    Beyond the limit an allocation fails: a MemoryError in Python, whatever it makes of it in native code. Without one
    the kernel ends some process when memory runs out; a worker offers itself, so that it is never the driver.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # not Linux, or not allowed
        file.write("1000")
    if n_bytes:
        limit = _data_bytes() + n_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_bytes() -> int:
    """Return what counts against RLIMIT_DATA now: private writable memory; 0 where that cannot be known."""
    try:
        with open("/proc/self/status") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0


def _content(descriptor: int) -> bytes:
    """Return a file's content without moving the position that all workers share."""
    size = os.fstat(descriptor).st_size
    parts = bytearray()
    while len(parts) < size:
        parts += os.pread(descriptor, size - len(parts), len(parts))
    os.close(descriptor)
    return bytes(parts)
