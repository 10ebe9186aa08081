"""The store: every finished run of any number of studies, in one SQLite file that can be read while it is written.

A run is acknowledged when ``add_run`` returns; from then on no death of the process loses it. Only the driver writes
(the file is in WAL mode, which network file systems do not support); any number of readers look on. A store is data:
nothing in it is ever unpickled or evaluated.

A number that is NaN and a number that is missing are one thing here (SQLite keeps both as NULL): it reads as NaN from a
column of measured numbers, as None or <NA> from a column of counts or texts. Infinities come back as they are.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, UnknownNameError
from .database import MEMORY, Database
from .lock import driver_lock
from .rows import (
    BLOBS,
    RESULT_COLUMNS,
    RUN_COLUMNS,
    TRACE_COLUMNS,
    VECTORS,
    VERDICT_COLUMNS,
    from_blob,
    kind_of,
    to_json,
    to_row,
    to_text,
    trace_names,
)
from .status import Status

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_ORDER = "ORDER BY study, objective, lam, optimizer, seed, key"


class Store(Database):
    """A SQLite file of runs, or ``":memory:"``.

    A missing file, and a missing folder, are made; a file of zero bytes is a fresh store (a driver killed while it made
    one leaves that). With ``read_only`` the file must exist and is never changed. Raises StoreError where the file is
    something else, damaged, of a newer optcompare, or out of reach.
    """

    def __repr__(self) -> str:
        return f"Store({self.path!r}{', read_only=True' if self.read_only else ''})"

    def driving(self) -> Any:
        """Return a context in which this process alone may drive runs into the store; StoreError if another does.

        It yields a function that takes facts (a dict) for others to see: see ``lock.driver_at_work``.
        """
        return nullcontext(lambda facts: None) if self.path == MEMORY else driver_lock(Path(self.path))

    # -- writing --------------------------------------------------------------------------------------------------

    def add_study(self, name: str, question: str, description: Mapping[str, Any]) -> None:
        """Enter a study, or renew its question and description; the time of its first entry stays."""
        values = (to_text(name), to_text(question), to_json(description), _now())
        with self.errors(), self.transaction():
            self.execute(
                "INSERT INTO studies VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "question = excluded.question, description = excluded.description",
                values,
            )

    def add_run(self, record: Mapping[str, Any]) -> None:
        """Store one run for good, in one transaction; a run of that study and key is replaced (a failed one, retried).

        Numbers may be numpy's, vectors arrays, JSON columns texts or plain structures.
        """
        row = to_row(record, RUN_COLUMNS)
        with self.errors(), self.transaction():
            self.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(row))})", row)

    def set_verdicts(self, study: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace the study's verdicts; ``data_hash`` and ``created_at`` are filled in where they are missing."""
        given = list(rows)
        stamp = {"data_hash": self.data_hash(study), "created_at": _now()} if given else {}
        entries = [to_row({**stamp, **row}, VERDICT_COLUMNS) for row in given]
        with self.errors(), self.transaction():
            self.execute("DELETE FROM verdicts WHERE study = ?", (study,))
            places = ", ".join("?" * (2 + len(VERDICT_COLUMNS)))
            for position, entry in enumerate(entries):
                self.execute(f"INSERT INTO verdicts VALUES ({places})", [study, position, *entry])

    # -- reading --------------------------------------------------------------------------------------------------

    def studies(self) -> list[dict[str, Any]]:
        """Return name, question, description (a dict) and created_at of every study, oldest first."""
        with self.errors():
            found = self.execute(
                "SELECT name, question, description, created_at FROM studies ORDER BY rowid"
            ).fetchall()
            names = ("name", "question", "description", "created_at")
            return [{**dict(zip(names, row)), "description": json.loads(row[2])} for row in found]

    def keys(self, study: str, statuses: Iterable[str] | None = None) -> set[str]:
        """Return the keys of the study's stored runs, of those statuses only if given."""
        wanted = None if statuses is None else {str(status) for status in statuses}
        with self.errors():
            found = self.execute("SELECT key, status FROM runs WHERE study = ?", (study,))
            return {key for key, status in found if wanted is None or status in wanted}

    def counts(self, study: str) -> dict[str, int]:
        """Return how many runs of the study have each status."""
        with self.errors():
            return dict(self.execute("SELECT status, count(*) FROM runs WHERE study = ? GROUP BY status", (study,)))

    def data_hash(self, study: str) -> str:
        """Return the sha256 of what the study's runs found, without times, hosts and versions."""
        digest = hashlib.sha256()
        with self.errors():
            for row in self.execute(
                f"SELECT {', '.join(RESULT_COLUMNS)} FROM runs WHERE study = ? ORDER BY key", (study,)
            ):
                digest.update(repr(row).encode("utf-8"))
        return digest.hexdigest()

    def runs(self, study: str | None = None) -> pd.DataFrame:
        """Return one row a run, in an order that does not depend on when runs ended; JSON as text, no blobs."""
        return self._frame("runs", [name for name in RUN_COLUMNS if name not in BLOBS], study, _ORDER)

    def verdicts(self, study: str) -> pd.DataFrame:
        """Return the study's stored verdicts in the order of its claims."""
        return self._frame("verdicts", VERDICT_COLUMNS, study, "ORDER BY position")

    def _frame(self, table: str, columns: Sequence[str], study: str | None, order: str) -> pd.DataFrame:
        import pandas as pd

        where, values = ("", ()) if study is None else ("WHERE study = ?", (study,))
        with self.errors():
            rows = self.execute(f"SELECT {', '.join(columns)} FROM {table} {where} {order}", values).fetchall()
            return _typed(pd.DataFrame(rows, columns=list(columns), dtype=object))

    def run(self, study: str | None, key: str) -> dict[str, Any]:
        """Return one run, found by its key or any beginning of it that is its alone; study None looks in all.

        theta, best_theta are arrays (d,), trace is an array (rows, columns), or None; JSON columns are texts.
        Raises UnknownNameError where there is no such run, or more than one.
        """
        where = "substr(key, 1, length(?1)) = ?1 AND (?2 IS NULL OR study = ?2)"
        with self.errors():
            found = self.execute(f"SELECT study, key FROM runs WHERE {where} LIMIT 9", (key, study)).fetchall()
            exact = [pair for pair in found if pair[1] == key] or found
            if len(exact) != 1 or not key:
                place = self.path if study is None else f"study {study!r} of {self.path}"
                several = ", ".join(f"{name}: {full[:16]}" for name, full in exact[:8])
                raise UnknownNameError(
                    f"no run {key!r} in {place}: `optcompare status` lists what is there"
                    if not exact
                    else f"{key!r} is the beginning of several keys in {place} ({several}): give more of it"
                )
            row = self.execute(f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE study = ? AND key = ?", exact[0])
            return _from_row(row.fetchone())

    def traces(self, study: str | None = None) -> pd.DataFrame:
        """Return the traces, long: key, objective, dataset, lam, optimizer, seed, then the columns of the traces.

        Where no study is named, a column ``study`` comes first.
        """
        labels = [*([] if study is not None else ["study"]), "key", "objective", "dataset", "lam", "optimizer", "seed"]
        where, values = ("", ()) if study is None else ("AND study = ?", (study,))
        query = f"SELECT {', '.join(labels)}, trace, trace_columns FROM runs WHERE trace IS NOT NULL {where} {_ORDER}"
        with self.errors():
            found = self.execute(query, values).fetchall()
            traces = [(trace_names(names), blob) for *_, blob, names in found]
            arrays = [from_blob(blob, max(1, len(names))) for names, blob in traces]
        return _long_frame(labels, [row[:-2] for row in found], [names for names, _ in traces], arrays)

    def iterate_traces(
        self, study: str, optimizers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, list[str], NDArray[np.float64]]]:
        """Yield (key, names of columns, array (rows, columns)) of the study's runs that left a trace, one by one.

        optimizers: of these alone; None for all.
        """
        query = "SELECT key, trace_columns, trace FROM runs WHERE trace IS NOT NULL AND study = ?"
        values = [study]
        if optimizers is not None:
            query += f" AND optimizer IN ({', '.join('?' * len(optimizers))})"
            values += optimizers
        known: dict[str, list[str]] = {}
        with self.errors():
            for key, text, blob in self.execute(query, values):
                if text not in known:
                    known[text] = trace_names(text)
                yield key, known[text], from_blob(blob, max(1, len(known[text])))


def merge(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Copy into ``target`` the studies and runs of ``source`` that it lacks; return how many runs were copied.

    Of a run that both hold, the target's is kept, unless it failed and the source's did not. Verdicts are copied only
    for studies that are new to the target: those of a study that grew are out of date. All in one transaction.
    """
    if Path(source).exists() and Path(target).exists() and Path(source).samefile(target):
        raise StoreError(f"{os.fspath(source)!r} and {os.fspath(target)!r} are the same store: give two")
    failed = [str(status) for status in Status if status.is_failure]
    with Store(source, read_only=True) as given, Store(target) as taken, taken.driving():  # noqa: SIM117
        with given.errors(), taken.errors(), taken.transaction():
            return _copy(given, taken, failed)


def _copy(given: Store, taken: Store, failed: list[str]) -> int:
    known = {row["name"] for row in taken.studies()}
    for table in ("studies", "verdicts"):
        for row in given.execute(f"SELECT * FROM {table}"):
            if row[0] not in known:
                taken.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    held = dict(taken.execute("SELECT study || char(0) || key, status FROM runs"))
    n_copied = 0
    for row in given.execute(f"SELECT {', '.join(RUN_COLUMNS)} FROM runs"):
        status = held.get(f"{row[0]}\0{row[1]}")
        if status is None or (status in failed and row[RUN_COLUMNS.index("status")] not in failed):
            taken.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(row))})", row)
            n_copied += 1
    return n_copied


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns their types: float with NaN, int64 (Int64 where some are missing), boolean, object for texts."""
    for name in frame.columns:
        if kind_of(name) == "REAL":
            frame[name] = frame[name].astype(float)
        elif name == "is_identified":
            frame[name] = frame[name].astype("boolean")
        elif kind_of(name) == "INTEGER":
            is_whole = not frame[name].isna().any()
            frame[name] = frame[name].astype("int64") if is_whole else frame[name].astype("Int64")
    return frame


def _from_row(row: Sequence[Any]) -> dict[str, Any]:
    """Return the record of a row: NaN for missing numbers, arrays for blobs, a bool for a flag."""
    record: dict[str, Any] = dict(zip(RUN_COLUMNS, row))
    for name, value in record.items():
        if value is None and kind_of(name) == "REAL":
            record[name] = math.nan
        elif name in VECTORS and value is not None:
            record[name] = from_blob(value)
    if record["trace"] is not None:
        record["trace"] = from_blob(record["trace"], max(1, len(trace_names(record["trace_columns"]))))
    if record["is_identified"] is not None:
        record["is_identified"] = bool(record["is_identified"])
    return record


def _long_frame(labels: list[str], owners: list[Any], names: list[list[str]], arrays: list[Any]) -> pd.DataFrame:
    """Stack traces below each other; a column that a trace lacks is NaN there."""
    import numpy as np
    import pandas as pd

    every = list(dict.fromkeys(name for columns in names for name in columns)) or list(TRACE_COLUMNS)
    stacked = np.full((sum(map(len, arrays)), len(every)), np.nan)
    begin = 0
    for columns, array in zip(names, arrays):
        end = begin + len(array)
        stacked[begin:end, [every.index(name) for name in columns]] = array[:, : len(columns)]
        begin = end
    repeats = np.repeat(np.arange(len(owners)), [len(array) for array in arrays])
    frame = pd.DataFrame(owners, columns=labels, dtype=object).iloc[repeats].reset_index(drop=True)
    frame = frame.astype({"lam": float, "seed": "int64"})
    return pd.concat([frame, pd.DataFrame(stacked, columns=every)], axis=1)
