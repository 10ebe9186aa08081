"""An SQLite file as a store uses it: opened with checks, in WAL mode, with errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from ..errors import InvalidInputError, StoreError
from .rows import SCHEMA, SCHEMA_VERSION

MEMORY = ":memory:"
_MAGIC = b"SQLite format 3\0"
PATIENCE = 30.0  # seconds to wait for another writer's transaction
_ADVICE = {
    "SQLITE_FULL": "the disk is full: free some space and start again, finished runs are kept",
    "SQLITE_READONLY": "the file or its folder cannot be written: change its permissions or give another store",
    "SQLITE_CANTOPEN": "it cannot be opened: check that the folder exists and that you may read and write it",
    "SQLITE_NOTADB": "the file is not an optcompare store: give another path",
    "SQLITE_CORRUPT": "the file is damaged or truncated: restore a copy, or move it away and run the study again",
    "SQLITE_BUSY": f"another process has been writing for {PATIENCE:g} s: is a second driver running?",
    "SQLITE_LOCKED": "another connection holds it: is a second driver running?",
    "SQLITE_IOERR": "reading or writing failed: check the disk; WAL needs a local file system",
}


class Database:
    """A connection to a store's file, or to ``":memory:"``."""

    def __init__(self, path: str | os.PathLike[str] = MEMORY, *, read_only: bool = False) -> None:
        self.path = os.fspath(path)
        self.read_only = read_only
        if "\0" in self.path or not self.path:
            raise StoreError(f"{self.path!r} is not a path of a store: give a file such as 'runs.db'")
        with self.errors():
            self._connection = self._connect()
        try:
            with self.errors():
                self._prepare()
        except StoreError:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last one to close it leaves a single file."""
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self.path == MEMORY:
            return sqlite3.connect(MEMORY, isolation_level=None)
        file = Path(self.path).absolute()
        if file.is_dir():
            raise StoreError(f"{self.path!r} is a folder: give the path of a file, such as {self.path + '/runs.db'!r}")
        if self.read_only:
            if not file.exists():
                raise StoreError(f"there is no store at {self.path!r}: run a study with this store first")
            # Nothing can be written beside a store in a read-only folder; without a log nobody is writing it either.
            is_still = not _can_write(file.parent) and not Path(f"{file}-wal").exists()
            mode = "ro&immutable=1" if is_still else "ro"
        else:
            mode = "rwc"
            file.parent.mkdir(parents=True, exist_ok=True)
        uri = f"file:{quote(os.fsencode(file))}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)

    def _prepare(self) -> None:
        self._check_header()
        if not self._tables():
            if self.read_only:
                raise StoreError(f"the store {self.path!r} is empty: run a study with this store first")
            self.execute("PRAGMA journal_mode=WAL")
            with self.transaction():
                for statement in () if self._tables() else SCHEMA:  # another process may have been first
                    self.execute(statement)
        self._check_schema()
        if not self.read_only:
            self.execute("PRAGMA journal_mode=WAL")
            self.execute("PRAGMA synchronous=FULL")  # a finished run outlives a power cut too; 0.3 ms a run

    def _tables(self) -> set[str]:
        return {name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type='table'")}

    def _check_header(self) -> None:
        """Tell what is no database (SQLite would overwrite a file of one byte) and what was cut, before it is touched.

        The first page says how many pages there are. Pages that are only in the log are not in the file yet, so the
        length counts only where there is no log.
        """
        file = Path(self.path)
        if self.path == MEMORY or not file.exists():
            return
        with file.open("rb") as stream:
            head = stream.read(100)
        if not head:
            return
        if not head.startswith(_MAGIC[: len(head)]):
            raise StoreError(f"the store {self.path!r}: {_ADVICE['SQLITE_NOTADB']}")
        page_size = int.from_bytes(head[16:18], "big")
        n_bytes = (65536 if page_size == 1 else page_size) * int.from_bytes(head[28:32], "big")
        is_cut = file.stat().st_size < n_bytes and not Path(f"{self.path}-wal").exists()
        if len(head) < 100 or is_cut:
            raise StoreError(f"the store {self.path!r}: {_ADVICE['SQLITE_CORRUPT']}")

    def _check_schema(self) -> None:
        meta = dict(self.execute("SELECT name, value FROM meta").fetchall()) if "meta" in self._tables() else {}
        if meta.get("application") != "optcompare":
            raise StoreError(f"{self.path!r} is an SQLite file of another program: give another path")
        version = int(meta.get("schema_version", "0"))
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the store {self.path!r} was written by a newer optcompare (schema {version}; this one reads up to "
                f"{SCHEMA_VERSION}): upgrade optcompare, or give another store; nothing was changed"
            )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors, and texts in the file that are not what they should be, into StoreError."""
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            advice = next((text for code, text in _ADVICE.items() if name.startswith(code)), "check file and disk")
            raise StoreError(f"the store {self.path!r}: {error}; {advice}") from error
        except OSError as error:
            raise StoreError(f"the store {self.path!r}: {error.strerror}; {_ADVICE['SQLITE_CANTOPEN']}") from error
        except InvalidInputError:
            raise
        except ValueError as error:
            raise StoreError(f"the store {self.path!r} holds something unreadable: {error}") from error

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute one statement with its values."""
        return self._connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: committed at the end, undone by any exception, Ctrl-C included, and by death."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
