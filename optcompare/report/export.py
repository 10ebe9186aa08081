"""A store's tables as files for other programs: runs, traces, verdicts; CSV or Parquet."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MissingLibraryError, StoreError, UnknownNameError, unknown_name
from ..runs.store import Store

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("csv", "parquet")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export(
    store: str | os.PathLike[str], folder: str | os.PathLike[str], *, to: str, study: str | None = None
) -> list[Path]:
    """Write runs, traces and verdicts of a store, or of one study in it, into ``folder``; return the files' paths.

    to: "csv" or "parquet" (needs the extra ``parquet``). Numbers keep all their digits; what is missing is empty. In
    CSV a text that a spreadsheet would take for a formula (it starts with = + - @) gets a ' in front. Files appear
    whole or not at all. Raises StoreError, UnknownNameError and MissingLibraryError.
    """
    if to not in KINDS:
        raise unknown_name("kind of file", to, KINDS)
    if to == "parquet":
        _require_parquet()
    with Store(store, read_only=True) as opened:
        tables = _tables(opened, study)
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        return [write_table(table, target / f"{name}.{to}") for name, table in tables.items()]
    except OSError as error:
        raise StoreError(f"cannot write into {os.fspath(folder)!r}: {error.strerror}") from error


def _require_parquet() -> None:
    try:
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingLibraryError("writing Parquet needs pyarrow: pip install 'optcompare[parquet]'") from error


def _tables(store: Store, study: str | None) -> Mapping[str, pd.DataFrame]:
    import pandas as pd

    names = [row["name"] for row in store.studies()]
    if study is not None and study not in names:
        raise UnknownNameError(f"the store holds no study {study!r}; it has {names}")
    wanted = names if study is None else [study]
    verdicts = [store.verdicts(name).assign(study=name) for name in wanted] or [store.verdicts("").assign(study="")]
    table = pd.concat([one for one in verdicts if len(one)] or verdicts[:1], ignore_index=True)
    traces = store.traces(study)
    if study is not None:
        traces.insert(0, "study", study)
    return {
        "runs": store.runs(study),
        "traces": traces,
        "verdicts": table[["study", *[name for name in table.columns if name != "study"]]],
    }


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV or Parquet, as the path ends: beside its place first, then put there; return the path."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".csv":
            _harmless(table).to_csv(partial, index=False)
        else:
            table.to_parquet(partial, index=False)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with texts, the columns' names included, that no spreadsheet takes for formulas."""
    import pandas as pd

    columns = {name: table[name] for name in table.columns}
    for name, column in columns.items():
        if not pd.api.types.is_numeric_dtype(column):
            columns[name] = column.map(_as_text)
    return pd.DataFrame({_as_text(name): column for name, column in columns.items()})


def _as_text(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
