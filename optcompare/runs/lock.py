"""One driver a store: an advisory lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreError


@contextmanager
def driver_lock(store: Path) -> Iterator[None]:
    """Hold ``<store>-lock`` for the duration; StoreError at once where another driver holds it.

    The lock is the kernel's (flock), so it is released when the process dies, however it dies. The file holds the
    driver's process id and host, for the message, and is removed at the end. Readers are never concerned.
    """
    path = store.with_name(store.name + "-lock")
    descriptor = _locked(path, store)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever waited for this file sees that it is gone
        os.close(descriptor)


def _locked(path: Path, store: Path) -> int:
    """Open and lock the file; once more where it was removed between the two."""
    while True:
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
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "unknown"
            os.close(descriptor)
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
