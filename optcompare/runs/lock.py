"""One driver a store: an advisory lock that dies with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StoreError

N_TRIES = 3  # `status` holds the lock for an instant to see whether it is free
TRY_EVERY = 0.05
Note = Callable[[dict[str, Any]], None]


@contextmanager
def driver_lock(store: Path) -> Iterator[Note]:
    """Hold ``<store>-lock`` for the duration; StoreError at once where another driver holds it.

    The lock is the kernel's (flock), so it is released when the process dies, however it dies. The file holds the
    driver's process id and host, and what the yielded function is given to note for ``driver_at_work``; it is removed
    at the end. Readers are never concerned.
    """
    path = store.with_name(store.name + "-lock")
    descriptor = _locked(path, store)

    def note(facts: dict[str, Any]) -> None:
        text = f"{os.getpid()} on {socket.gethostname()}\n{json.dumps(facts)}".encode()
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))

    try:
        note({})
        yield note
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever waited for this file sees that it is gone
        os.close(descriptor)


def driver_at_work(store: Path) -> dict[str, Any] | None:
    """Return who drives runs into the store now: "process" ("123 on host") and what it noted; None for nobody.

    The file that a killed driver left behind does not count: nobody holds its lock.
    """
    try:
        descriptor = os.open(store.with_name(store.name + "-lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        process, _, facts = os.pread(descriptor, 10_000, 0).decode(errors="replace").partition("\n")
        return {**_plain_facts(facts), "process": process or "unknown"}
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _plain_facts(text: str) -> dict[str, Any]:
    """Return the noted facts; none where the text is being written or is something else."""
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _locked(path: Path, store: Path) -> int:
    """Open and lock the file; once more where it was removed between the two."""
    n_tries = 0
    while True:
        n_tries += 1
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"cannot drive runs into {str(store)!r}: its lock file {str(path)!r} cannot be written "
                f"({error.strerror}); make the folder writable or give another store"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").partition("\n")[0] or "unknown"
            os.close(descriptor)
            if n_tries < N_TRIES:
                time.sleep(TRY_EVERY)
                continue
            raise StoreError(
                f"another driver (process {holder}) is running a study into {str(store)!r}: wait for it, stop it, "
                "or give another store and merge the two afterwards; nothing was changed"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StoreError(
                f"the file system of {str(store)!r} has no locks ({error.strerror}): put the store on a local disk"
            ) from error
        if _is_the_file(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_the_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
