"""How a record becomes a row of the store and a row a record: columns, SQL types, JSON texts, little-endian blobs."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name

SCHEMA_VERSION = 1

_TEXT = ("study", "key", "objective", "dataset", "optimizer", "status", "message", "traceback", "host", "started_at")
_COUNTS = ("seed", "is_identified", "dim", "n_samples", "n_nonfinite", "n_at_bounds")
_JSON = ("versions", "extras", "spec", "trace_columns")
VECTORS = ("theta", "best_theta")
BLOBS = (*VECTORS, "trace")
REQUIRED = ("study", "key", "objective", "optimizer", "seed", "status")

RUN_COLUMNS = (
    *("study", "key", "objective", "dataset", "lam", "lam_canonical", "optimizer", "seed", "status", "message"),
    *("traceback", "best_value", "regularized_error", "loss", "penalty_value", "norm", "implied_lambda", "angle"),
    *(
        "is_identified",
        "bias_gradient",
        "validation_loss",
        "test_loss",
        "test_error",
        "n_values",
        "n_gradients",
        "cost",
    ),
    *("gradient_price", "budget", "seconds", "dim", "n_samples", "n_nonfinite", "n_at_bounds", "host", "started_at"),
    *("versions", "extras", "spec", "theta", "best_theta", "trace", "trace_columns"),
)
# What a run found, and nothing of when, where or how fast: the same on every machine that gives the same bits.
RESULT_COLUMNS = (*RUN_COLUMNS[1:10], *RUN_COLUMNS[11:28], "dim", "n_samples", *RUN_COLUMNS[31:33], *VECTORS)
TRACE_COLUMNS = ("n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm", "population_diameter")
VERDICT_COLUMNS = (
    *("statement", "low", "high", "measured", "interval_low", "interval_high", "control_low", "control_high"),
    *("verdict", "reason", "n_seeds", "data_hash", "created_at"),
)
_VERDICT_TEXT = ("statement", "verdict", "reason", "data_hash", "created_at")


def kind_of(column: str) -> str:
    """Return a column's SQL type: TEXT, INTEGER, BLOB, or REAL for every measured number."""
    if column in _TEXT or column in _JSON or column in _VERDICT_TEXT:
        return "TEXT"
    if column in BLOBS:
        return "BLOB"
    return "INTEGER" if column in _COUNTS or column == "n_seeds" else "REAL"


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f"{name} {kind_of(name)}{' NOT NULL' if name in REQUIRED else ''}" for name in names)


SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE studies (name TEXT PRIMARY KEY, question TEXT, description TEXT, created_at TEXT)",
    f"CREATE TABLE runs ({_columns(RUN_COLUMNS)}, PRIMARY KEY (study, key))",
    f"CREATE TABLE verdicts (study TEXT, position INTEGER, {_columns(VERDICT_COLUMNS)}, PRIMARY KEY (study, position))",
    "INSERT INTO meta VALUES ('application', 'optcompare')",
    f"INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}')",
)


def to_row(record: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    """Return the values of ``columns``, ready for SQLite; None where the record has none.

    Raises UnknownNameError for a field that is no column, InvalidInputError for a required one that is missing or
    a value that its column cannot hold.
    """
    for name in record:
        if name not in columns:
            raise unknown_name("field of a record", name, columns)
    missing = [name for name in REQUIRED if name in columns and record.get(name) is None]
    if missing:
        raise InvalidInputError(f"a record needs {', '.join(REQUIRED)}; {', '.join(missing)} is missing")
    return [_to_sql(name, record.get(name)) for name in columns]


def _to_sql(column: str, value: Any) -> Any:
    if value is None:
        return None
    kind = kind_of(column)
    try:
        if kind == "BLOB":
            return to_blob(value)
        if kind == "REAL":
            return float(value)
        if kind == "INTEGER":
            if isinstance(value, float | np.floating) and math.isnan(value):
                return None
            return _as_integer(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"column {column} holds {kind} values, got {value!r:.100} ({error})") from error
    return to_text(value if isinstance(value, str) or column not in _JSON else to_json(value))


def _as_integer(value: Any) -> int:
    whole = int(value) if isinstance(value, float | np.floating | np.bool_) else operator.index(value)
    if whole != value or not -(2**63) <= whole < 2**63:
        raise ValueError("not a whole number of 64 bits")
    return whole


def to_text(value: Any) -> str:
    """Return a text that UTF-8 can hold: lone surrogates, as in odd file names, are written out as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: Any) -> str:
    """Return canonical JSON without NaN literals: numbers that are not finite become "nan", "inf", "-inf"."""
    return json.dumps(_plain(value), sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise InvalidInputError(f"only texts, numbers, lists and dicts can be stored as JSON, got {value!r:.100}")


def to_blob(value: Any) -> bytes:
    """Return the numbers as little-endian float64 bytes in C order; bytes stay as they are."""
    return value if isinstance(value, bytes) else np.asarray(value).astype("<f8").tobytes()


def from_blob(blob: bytes, n_columns: int | None = None) -> NDArray[np.float64]:
    """Return a writable array of the bytes' numbers, (rows, n_columns) where a number of columns is given.

    Raises ValueError where the bytes do not fit.
    """
    array = np.frombuffer(blob, dtype="<f8").astype(np.float64)
    return array if n_columns is None else array.reshape(-1, n_columns)


def trace_names(text: str | None) -> list[str]:
    """Return the names of a trace's columns; ValueError where the text is not a list of names."""
    names = json.loads(text) if text else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"trace_columns is not a list of names: {text!r:.100}")
    return names
