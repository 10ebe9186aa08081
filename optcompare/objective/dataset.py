"""Dataset: training, validation and test items, standardised by training statistics alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, InvalidInputError, unknown_name
from .arrays import Array, Codes, Label, as_labels, as_numbers, encode, show
from .splits import split_rows, standardised

TASKS = ("classification", "regression")
_LABEL_FIELDS = ("y", "y_validation", "y_test")
_ARRAY_FIELDS = ("X", "X_validation", "X_test", "y_mean", "y_scale", *_LABEL_FIELDS)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """x' = (x - mean over training rows) / (standard deviation over training rows), column by column.

    Attributes: ``X`` (n, p) the training items; ``y`` their class codes 0..k-1 (n,) int64 or, for
    regression, their standardised targets (n,), (n, k) for k > 1 outputs; ``X_validation`` and ``X_test``
    with their ``y_...``, which may have 0 rows, treated by the same training statistics. ``classes``: the
    original label of every code (empty for regression). ``y_mean``, ``y_scale`` (k,): the target in its own
    units is ``y_mean + y_scale * y`` ([0] and [1] for classification). ``is_generated``: made by a formula,
    not measured. ``name`` and ``feature_names`` are labels only.

    All arrays are C-contiguous and read-only, also after pickling. Two data sets are equal when they are
    one object (so the hash costs nothing). Make one with ``Dataset.from_arrays``, ``load_dataset`` or
    ``load_csv``; constructed directly, arrays are copied and only their shapes are checked.
    """

    name: str
    task: str
    X: Array
    y: NDArray[Any]
    X_validation: Array
    y_validation: NDArray[Any]
    X_test: Array
    y_test: NDArray[Any]
    feature_names: tuple[str, ...]
    classes: tuple[Label, ...]
    y_mean: Array
    y_scale: Array
    is_generated: bool = False

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise unknown_name("task", self.task, TASKS)
        label_type = np.int64 if self.task == "classification" else np.float64
        for name in _ARRAY_FIELDS:
            dtype = label_type if name in _LABEL_FIELDS else np.float64
            array = _read_only(getattr(self, name), dtype)
            object.__setattr__(self, name, array)
        for part in ("", "_validation", "_test"):
            X, y = getattr(self, "X" + part), getattr(self, "y" + part)
            if X.ndim != 2 or X.shape[1] != len(self.feature_names) or len(X) != len(y):
                raise DataError(
                    f"X{part} has shape {X.shape} and y{part} has shape {y.shape}; allowed are (n, p) and "
                    f"(n, ...) with p = {len(self.feature_names)} feature names"
                )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _ARRAY_FIELDS:  # pickle forgets that an array is read-only
            state[name].setflags(write=False)

    def __repr__(self) -> str:
        kind = f"{self.n_outputs} {'classes' if self.task == 'classification' else 'output(s)'}"
        rows = f"{len(self.X)} training, {len(self.X_validation)} validation, {len(self.X_test)} test rows"
        return f"Dataset({self.name!r}, {self.task}: {rows}, {self.n_features} features, {kind})"

    @property
    def n_samples(self) -> int:
        """The number n of training items."""
        return len(self.X)

    @property
    def n_features(self) -> int:
        """The number p of columns of X."""
        return self.X.shape[1]

    @property
    def n_outputs(self) -> int:
        """The number k of classes, or of outputs for regression."""
        return self.n_classes if self.task == "classification" else len(self.y_mean)

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for regression."""
        return len(self.classes)

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        task: str,
        test_size: float = 0.0,
        validation_size: float = 0.0,
        seed: int = 0,
        name: str = "arrays",
        feature_names: Sequence[str] | None = None,
        X_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        standardise: bool = True,
    ) -> Dataset:
        """Split the rows, then x' = (x - training mean) / (training standard deviation, divisor n).

        ``X`` (n, p) numbers; ``y`` (n,) labels of one kind (text, whole numbers, bools) for
        ``task="classification"``, numbers (n,) or (n, k) for ``task="regression"``. ``test_size`` and
        ``validation_size`` are fractions of the n rows, rounded up, 0 for none; or give the test rows as
        ``X_test``, ``y_test``. The split is scikit-learn's ``train_test_split`` with ``random_state=seed``,
        stratified by class when every class has two rows or more and each part has room for every class;
        the test rows do not depend on ``validation_size``. Without a split rows keep their order.

        A constant training column is centred and keeps scale 1, so it becomes 0. ``standardise=False``
        leaves X and y in their own units. The classes are those of all labels; a class with no training
        row is an error, because its bias would have no finite optimum and its test loss no meaning.
        Nothing given is written to or kept. Errors: DataError (data), InvalidInputError (other arguments).
        """
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
        _check_test_pair(X_test, y_test, test_size)
        items, names = _as_items(X, "X", feature_names)
        if len(items) < 2:
            raise DataError(f"X has {len(items)} row(s), allowed are 2 or more: give more items")
        targets, given_targets, classes = _as_targets(y, y_test, task, len(items))
        training, validation, test = split_rows(
            len(items), test_size, validation_size, seed, targets if classes else None
        )
        if classes:
            _check_classes_in_training(targets, training, classes)
        X_parts: tuple[Array, ...] = (items[training], items[validation], items[test])
        y_parts: tuple[NDArray[Any], ...] = (targets[training], targets[validation], targets[test])
        if given_targets is not None:
            X_parts = (*X_parts[:2], _as_test_items(X_test, X, names, len(given_targets)))
            y_parts = (*y_parts[:2], given_targets)
        y_mean, y_scale = np.zeros(targets.shape[1:]), np.ones(targets.shape[1:])
        if standardise:
            X_parts, _, _ = standardised(*X_parts)
        if standardise and not classes:
            y_parts, y_mean, y_scale = standardised(*y_parts)
        return cls(
            name=name,
            task=task,
            X=X_parts[0],
            y=y_parts[0],
            X_validation=X_parts[1],
            y_validation=y_parts[1],
            X_test=X_parts[2],
            y_test=y_parts[2],
            feature_names=names,
            classes=classes,
            y_mean=np.atleast_1d(y_mean),
            y_scale=np.atleast_1d(y_scale),
        )


def _read_only(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    copy: NDArray[Any] = np.array(array, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy


def _as_items(X: Any, what: str, names: Sequence[str] | None) -> tuple[Array, tuple[str, ...]]:
    """Return a table of items as numbers (n, p), and the names of its columns (given, its own, or x0, x1, ...)."""
    if names is None and hasattr(X, "columns"):
        names = list(X.columns)
    given = None if names is None else tuple(str(name) for name in names)
    items = as_numbers(X, what, given)
    if items.size == 0:
        raise DataError(f"{what} is empty (shape {items.shape}), allowed are (n items, p features)")
    if items.ndim != 2:
        fix = "reshape(-1, 1) for one feature" if items.ndim == 1 else f"reshape(len({what}), -1)"
        raise DataError(f"{what} has shape {items.shape}, allowed are (n items, p features): use {what}.{fix}")
    if given is None:
        given = tuple(f"x{column}" for column in range(items.shape[1]))
    if len(given) != items.shape[1]:
        raise DataError(f"feature_names has {len(given)} names for the {items.shape[1]} columns of {what}")
    return items, given


def _as_test_items(X_test: Any, X: Any, names: tuple[str, ...], n_targets: int) -> Array:
    """Return X_test as numbers (m, p), m = 0 allowed, with the columns of X."""
    if n_targets == 0 and np.size(X_test) == 0:
        return np.empty((0, len(names)))
    items, test_names = _as_items(X_test, "X_test", None)
    if items.shape[1] != len(names):
        raise DataError(f"X has {len(names)} columns and X_test {items.shape[1]}: give both the same")
    if hasattr(X, "columns") and hasattr(X_test, "columns") and list(X.columns) != list(X_test.columns):
        raise DataError(f"the columns of X_test are {show(test_names)}, those of X differ: pass X_test[X.columns]")
    _check_same_length(len(items), n_targets, "X_test", "y_test")
    return items


def _as_targets(
    y: Any, y_test: Any, task: str, n_items: int
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[Label, ...]]:
    """Return y and y_test (None where not given) as codes and classes, or as numbers and ()."""
    if task == "classification":
        labels = as_labels(y, "y")
        _check_same_length(n_items, len(labels), "X", "y")
        codes, classes = encode([*labels, *([] if y_test is None else as_labels(y_test, "y_test"))])
        return codes[:n_items], None if y_test is None else codes[n_items:], classes
    numbers = _as_outputs(y, "y")
    _check_same_length(n_items, len(numbers), "X", "y")
    if y_test is None:
        return numbers, None, ()
    test_numbers = _as_outputs(y_test, "y_test")
    if len(test_numbers) == 0:
        test_numbers = np.empty((0, *numbers.shape[1:]))
    if test_numbers.shape[1:] != numbers.shape[1:]:
        raise DataError(f"y has shape {numbers.shape} and y_test {test_numbers.shape}: give both the same outputs")
    return numbers, test_numbers, ()


def _as_outputs(y: Any, what: str) -> Array:
    numbers = as_numbers(y, what)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        return numbers[:, 0]
    if numbers.ndim not in (1, 2) or 0 in numbers.shape[1:]:
        raise DataError(f"{what} has shape {numbers.shape}, allowed are (n,), or (n, k) for k outputs")
    return numbers


def _check_same_length(n_items: int, n_targets: int, X_name: str, y_name: str) -> None:
    if n_items != n_targets:
        raise DataError(f"{X_name} has {n_items} rows and {y_name} has {n_targets}: give one target an item")


def _check_test_pair(X_test: object, y_test: object, test_size: float) -> None:
    if (X_test is None) != (y_test is None):
        given, missing = ("X_test", "y_test") if y_test is None else ("y_test", "X_test")
        raise DataError(f"{given} is given without {missing}: give both or neither")
    if X_test is not None and test_size != 0:
        raise InvalidInputError(f"X_test is given together with test_size={test_size!r}: leave one of them out")


def _check_classes_in_training(codes: Codes, training: NDArray[np.int64], classes: tuple[Label, ...]) -> None:
    n_training = np.bincount(codes[training], minlength=len(classes))
    for label, n_rows in zip(classes, n_training, strict=True):
        if n_rows == 0:
            raise DataError(
                f"class {show(label)} has no row in the training split ({len(training)} rows), so nothing can "
                "learn it: remove its rows, give more of them, or take another seed or a smaller test_size"
            )
