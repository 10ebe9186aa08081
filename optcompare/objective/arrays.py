"""What a user's arrays hold: numbers as float64, labels as codes 0..k-1, or an error naming the cell.

Lists, arrays of any real dtype (float32, bool, objects that are numbers), DataFrames and Series are read
and never written to. Text is never turned into a number here, and nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Label = bool | int | float | str

# Squares of larger numbers overflow when a column's standard deviation is taken.
LARGEST_VALUE = 1e150


def show(value: object) -> str:
    """Return ``repr(value)``, cut after 60 characters: a cell may be as long as a file."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def as_numbers(values: Any, what: str, names: Sequence[str] | None = None) -> Array:
    """Return ``values`` as a fresh C-contiguous float64 array of the same shape.

    ``what`` ("X", "y_test", ...) and ``names`` (of the columns) are for messages. Errors: DataError for
    rows of different length, text, complex numbers or dates, and for a cell that is missing, not finite
    or beyond 1e150, with its place.
    """
    array = _raw_array(values, what)
    if array.dtype.kind in "USO":
        numbers = np.empty(array.shape)
        for index, cell in np.ndenumerate(array.astype(object)):
            numbers[index] = _cell_as_number(cell, what, index, names)
    elif array.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            numbers = np.array(array, dtype=np.float64, order="C")
    else:
        raise DataError(f"{what} has dtype {array.dtype}, allowed are real numbers: convert it before")
    is_wrong = ~(np.abs(numbers) <= LARGEST_VALUE)
    if is_wrong.any():
        wrong = np.argwhere(is_wrong)
        index = tuple(int(i) for i in wrong[0])
        more = f" (and {len(wrong) - 1} more such cells)" if len(wrong) > 1 else ""
        raise DataError(
            f"{_place(what, index, names)} is {numbers[index]}{more}. Allowed are finite numbers up to "
            f"{LARGEST_VALUE:g} in size: remove those rows, fill the cells in, or rescale the column"
        )
    return numbers


def as_labels(values: Any, what: str) -> list[Label]:
    """Return class labels as a list of plain Python values: all text, all bools or all whole numbers.

    Errors: DataError for a table of labels (one-hot), a missing label, numbers that are not whole
    (a regression?), and labels of different kinds.
    """
    array = _raw_array(values, what, dtype=None if hasattr(values, "dtype") else object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{what} has shape {array.shape}, allowed is one label an item, (n,): "
            f"for one-hot rows pass {what}.argmax(axis=1)"
        )
    labels = [_label(cell, what, row) for row, cell in enumerate(array.tolist())]
    kinds = sorted({_kind(label) for label in labels})
    if len(kinds) > 1:
        raise DataError(f"{what} mixes labels of kinds {' and '.join(kinds)}: give all as one kind")
    return labels


def encode(labels: Sequence[Label]) -> tuple[Codes, tuple[Label, ...]]:
    """Return codes 0..k-1 (n,) and the k labels in sorted order: labels[i] == classes[codes[i]].

    Errors: DataError when the labels are of different kinds or there are fewer than two of them.
    """
    kinds = sorted({_kind(label) for label in labels})
    if len(kinds) > 1:
        raise DataError(f"y and y_test have labels of kinds {' and '.join(kinds)}: give all as one kind")
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise DataError(
            f"y holds one class only ({show(classes[0]) if classes else 'no labels'}); a classification "
            "needs two or more: check the label column, or pass task='regression' for a target of numbers"
        )
    code = {label: position for position, label in enumerate(classes)}
    return np.array([code[label] for label in labels], dtype=np.int64), classes


def _raw_array(values: Any, what: str, dtype: Any = None) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):  # asarray would show what lies under the mask
        is_masked = np.ma.getmaskarray(values)
        values = np.array(values.data, dtype=object)
        values[is_masked] = None
    if hasattr(values, "toarray") and not hasattr(values, "__array__"):
        raise DataError(f"{what} is a sparse matrix, allowed are dense arrays: pass {what}.toarray()")
    try:
        array = np.asarray(values, dtype=dtype)
        if array.dtype.kind in "US" and not hasattr(values, "dtype"):
            array = np.asarray(values, dtype=object)  # numpy has turned the numbers of [1, "a"] into text
    except ValueError as error:
        raise DataError(f"{what} is no array: its rows have different lengths ({error})") from error
    return array


def _cell_as_number(cell: Any, what: str, index: tuple[int, ...], names: Sequence[str] | None) -> float:
    if _is_missing(cell):
        return float("nan")
    if not isinstance(cell, str | bytes) and not np.iscomplexobj(cell):
        try:
            return float(cell)
        except OverflowError:
            return float("inf")
        except (TypeError, ValueError):
            pass
    raise DataError(
        f"{_place(what, index, names)} is {show(cell)} ({type(cell).__name__}). Allowed are real numbers: "
        "encode text as numbers (one 0/1 column a category), or leave the column out"
    )


def _is_missing(cell: object) -> bool:
    """Whether a cell stands for "no value": None, NaN, or pandas' NA and NaT (known by name: no import)."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float) and cell != cell


def _label(cell: Any, what: str, row: int) -> Label:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if _is_missing(cell):
        raise DataError(f"{what} row {row} (counting from 0) has no label ({cell}): remove or label that row")
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, bool | int):
        return cell
    if isinstance(cell, Real):
        if float(cell).is_integer():
            return float(cell)
        raise DataError(
            f"{what} row {row} (counting from 0) is {cell}, which is no whole number: pass task='regression' "
            "if the target is a quantity, or the labels as text if it is a class"
        )
    raise DataError(
        f"{what} row {row} (counting from 0) is {show(cell)} ({type(cell).__name__}). "
        "Allowed labels are text, whole numbers and bools"
    )


def _kind(label: Label) -> str:
    if isinstance(label, bool):
        return "bool"
    return "text" if isinstance(label, str) else "number"


def _place(what: str, index: tuple[int, ...], names: Sequence[str] | None) -> str:
    if not index:
        return what
    if len(index) == 1:
        return f"{what} row {index[0]} (counting from 0)"
    name = f" ({show(names[index[1]])})" if names is not None and index[1] < len(names) else ""
    return f"{what} row {index[0]}, column {index[1]}{name} (counting from 0)"
