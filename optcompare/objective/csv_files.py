"""Data sets from CSV files: cells are numbers or text, and nothing in them is ever evaluated."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, InvalidInputError, unknown_name
from .arrays import show
from .dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd

# Whole-numbered targets with more different values than this are taken for quantities.
_MOST_GUESSED_CLASSES = 20


def load_csv(
    path: str | os.PathLike[str],
    *,
    target: str | Sequence[str],
    task: str | None = None,
    test_size: float = 0.0,
    validation_size: float = 0.0,
    seed: int = 0,
    name: str | None = None,
    drop: str | Sequence[str] = (),
    separator: str = ",",
    encoding: str = "utf-8",
    standardise: bool = True,
) -> Dataset:
    """Read a CSV file with a header line: column ``target`` is y, all others but ``drop`` are X.

    ``target`` may be several names (a regression with several outputs). ``task=None`` guesses: text and
    true/false are classes; numbers are classes when all are whole and there are two different ones, or at
    most 20 and at most half as many as rows; anything else is a regression. ``data.task`` tells. ``name``
    defaults to the file's name without its ending. Cells are text or numbers, never evaluated. The path
    is a local file, never a URL.

    Errors: DataError for a file that cannot be read, is not in ``encoding`` or is no table; for header
    names that are missing or double; an unknown target (with a did-you-mean); an empty cell or a feature
    column that holds text, with column and row; and those of ``Dataset.from_arrays``.
    """
    file = Path(path)
    frame = _read_table(file, separator, encoding)
    targets, dropped = _as_list(target), _as_list(drop)
    for wanted, role in [*((one, "target") for one in targets), *((one, "drop") for one in dropped)]:
        _check_column(wanted, role, frame, file)
    features = [column for column in frame.columns if column not in (*targets, *dropped)]
    if not targets or not features:
        raise DataError(f"{file.name}: {len(targets)} target and {len(features)} feature columns; allowed: 1 up")
    _check_cells(frame[[*features, *targets]], file)
    y = frame[targets].to_numpy() if len(targets) > 1 else _column(frame[targets[0]])
    return Dataset.from_arrays(
        np.column_stack([_feature_column(frame[column], file) for column in features]),
        y,
        task=_guessed_task(y) if task is None else task,
        test_size=test_size,
        validation_size=validation_size,
        seed=seed,
        name=file.stem if name is None else name,
        feature_names=features,
        standardise=standardise,
    )


def _as_list(names: str | Sequence[str]) -> list[str]:
    return list(names) if isinstance(names, list | tuple) else [names]  # type: ignore[list-item]


def _read_table(file: Path, separator: str, encoding: str) -> pd.DataFrame:
    """Read the whole file, after its header has been checked: pandas renames what is double or missing."""
    import pandas as pd

    if len(separator) != 1:
        raise InvalidInputError(f"separator must be one character, got {separator!r}")
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        with file.open(encoding=codec, newline="") as stream:
            rows = csv.reader(stream, delimiter=separator, skipinitialspace=True)
            header = next((row for row in rows if row), [])
            _check_header(header, file)
            stream.seek(0)
            frame = pd.read_csv(
                stream,
                sep=separator,
                skipinitialspace=True,
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not {encoding}: {error.reason} at byte {error.start}. "
            "Save it as UTF-8, or pass its encoding, for example encoding='latin-1'"
        ) from error
    except (OSError, LookupError) as error:
        raise DataError(f"cannot read {str(file)!r}: {error}. Give the path of a readable CSV file") from error
    except (csv.Error, ValueError) as error:  # pandas' parser errors are ValueErrors
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file} is no table: {error}. Every row needs as many cells as the header") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{file} has rows with more cells than the header's {len(header)}: name every column")
    return frame


def _check_header(header: list[str], file: Path) -> None:
    if not header:
        raise DataError(f"{file} is empty, expected a header line with the names of the columns")
    for position, column in enumerate(header):
        if not column.strip():
            raise DataError(
                f"{file}: column {position} (counting from 0) has no name: name it, or remove it "
                "(pandas writes such a column unless to_csv gets index=False)"
            )
        if column in header[:position]:
            raise DataError(f"{file}: two columns are named {show(column)}: rename one")


def _check_column(wanted: str, role: str, frame: pd.DataFrame, file: Path) -> None:
    if wanted in frame.columns:
        return
    hint = ""
    if len(frame.columns) == 1:
        found = [mark for mark in ";\t|" if mark in frame.columns[0]]
        hint = f". The file may be separated otherwise: pass separator={found[0]!r}" if found else ""
    raise DataError(f"{file}: {unknown_name(f'{role} column', wanted, map(str, frame.columns))}{hint}")


def _check_cells(frame: pd.DataFrame, file: Path) -> None:
    missing = np.argwhere(frame.isna().to_numpy())
    if len(missing):
        row, column = missing[0]
        more = f" (and {len(missing) - 1} more cells)" if len(missing) > 1 else ""
        raise DataError(
            f"{file}: row {row} below the header (counting from 0) has no value in column "
            f"{show(frame.columns[column])}{more}. Fill the cells in, remove those rows, or drop the column"
        )


def _column(column: pd.Series[Any]) -> Any:
    """Return a column as an array: of numbers or bools, else of plain objects."""
    return column.to_numpy() if column.dtype.kind in "biuf" else column.to_numpy(dtype=object)


def _feature_column(column: pd.Series[Any], file: Path) -> Any:
    """Return a column as numbers, or raise DataError naming the first cell that is none."""
    import pandas as pd

    if column.dtype.kind in "biuf":
        return column.to_numpy(dtype=np.float64)
    numbers = pd.to_numeric(column, errors="coerce")
    is_text = numbers.isna().to_numpy()
    if is_text.any():
        row = int(np.flatnonzero(is_text)[0])
        raise DataError(
            f"{file}: column {show(column.name)} holds text, {show(column.iloc[row])} in row {row} below the "
            f"header (counting from 0). Allowed are numbers: encode it as 0/1 columns, one a category, or "
            f"leave it out with drop=[{show(column.name)}]"
        )
    return numbers.to_numpy(dtype=np.float64)


def _guessed_task(y: Any) -> str:
    if y.ndim == 2:
        return "regression"
    if y.dtype.kind not in "iuf":
        return "classification"
    n_different = len(np.unique(y))
    is_whole = bool(np.all(np.isfinite(y))) and bool(np.all(y == np.floor(y)))
    is_few = n_different <= 2 or (n_different <= _MOST_GUESSED_CLASSES and n_different <= len(y) / 2)
    return "classification" if is_whole and is_few else "regression"
