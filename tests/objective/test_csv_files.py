import numpy as np
import pandas as pd
import pytest

from optcompare.errors import DataError, InvalidInputError
from optcompare.objective.datasets import load_csv


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="my.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


TABLE = "a,b,y\n1,0.5,red\n2,0.25,blue\n3,1e3,red\n4,-7,blue\n"


def test_a_table_becomes_a_data_set(write):
    data = load_csv(write(TABLE), target="y", standardise=False)
    np.testing.assert_array_equal(data.X, [[1, 0.5], [2, 0.25], [3, 1000], [4, -7]])
    assert data.feature_names == ("a", "b") and data.name == "my"
    assert data.task == "classification" and data.classes == ("blue", "red")
    assert data.y.tolist() == [1, 0, 1, 0]


def test_options_reach_the_split(write):
    rows = "".join(f"{i},{i * i / 7}\n" for i in range(20))
    data = load_csv(write("a,y\n" + rows), target="y", test_size=0.25, validation_size=0.1, seed=1, name="squares")
    assert (len(data.X), len(data.X_validation), len(data.X_test)) == (13, 2, 5)
    assert data.name == "squares" and data.task == "regression"
    assert abs(data.X.mean()) < 1e-12 and data.X.std() == pytest.approx(1)
    other = load_csv(write("a,y\n" + rows), target="y", test_size=0.25, validation_size=0.1, seed=2, name="squares")
    assert other.X_test.tolist() != data.X_test.tolist()


def test_numbers_are_read_to_the_last_bit(write):
    values = np.random.default_rng(0).normal(size=50)
    text = "x,y\n" + "".join(f"{value!r},{-value!r}\n" for value in values.tolist())
    data = load_csv(write(text), target="y", standardise=False)
    np.testing.assert_array_equal(data.X[:, 0], values)


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["u", "v"] * 4, "classification"),
        (["true", "false"] * 4, "classification"),
        (["0", "1"] * 4, "classification"),
        (["1.0", "2.0"] * 4, "classification"),
        (["1", "2", "5", "9"] * 2, "classification"),
        (["1", "2", "3", "4", "5", "6", "7", "8"], "regression"),
        (["0.5", "1.5"] * 4, "regression"),
        ([str(i) for i in range(21)] * 4, "regression"),
        ([str(i) for i in range(20)] * 4, "classification"),
    ],
)
def test_the_task_is_guessed_from_the_target(write, cells, task):
    text = "x,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    assert load_csv(write(text), target="y").task == task


def test_a_given_task_wins(write):
    text = "x,y\n1,0\n2,1\n3,0\n4,1\n"
    assert load_csv(write(text), target="y", task="regression").task == "regression"
    assert load_csv(write(text), target="y", task="classification").classes == (0, 1)


def test_several_targets_are_several_outputs(write):
    data = load_csv(write("a,u,v\n1,2,3\n2,3,5\n3,5,9\n"), target=["u", "v"])
    assert data.n_outputs == 2 and data.feature_names == ("a",)


def test_separators_encodings_marks_and_quotes(write):
    text = 'größe;"a, b";y\n1;2;"x\ny"\n2;3;z\n'
    latin = load_csv(write(text, encoding="latin-1"), target="y", separator=";", encoding="latin-1")
    assert latin.feature_names == ("größe", "a, b") and latin.classes == ("x\ny", "z")
    marked = load_csv(write("\ufeffa, y\r\n\r\n1, 0\r\n2, 1\r\n"), target="y")
    assert marked.feature_names == ("a",) and marked.classes == (0, 1)


def test_truth_values_are_numbers_as_features(write):
    data = load_csv(write("a,y\ntrue,0\nfalse,1\n"), target="y", standardise=False)
    assert data.X.tolist() == [[1.0], [0.0]]


def test_text_columns_can_be_dropped(write):
    text = "a,colour,y\n1,red,0\n2,,1\n"
    for drop in ("colour", ["colour"]):
        assert load_csv(write(text), target="y", drop=drop).feature_names == ("a",)


def test_unicode_and_spaces_in_the_path(write, tmp_path):
    assert load_csv(write(TABLE, name="my größe $_x$.csv"), target="y").name == "my größe $_x$"
    assert load_csv(str(write(TABLE)), target="y").name == "my"


def test_cells_are_never_evaluated(write, tmp_path):
    bait = tmp_path / "bait"
    for cell in (f"__import__('pathlib').Path('{bait}').touch()", "=1+1", "@x", "1+1", "0x10", "-cmd|' /C'!A0"):
        with pytest.raises(DataError, match="column 'a' holds text"):
            load_csv(write(f'a,y\n1,0\n"{cell}",1\n'), target="y")
    labels = load_csv(write(f"a,y\n1,=1+1\n2,open('{bait}')\n"), target="y").classes
    assert labels == ("=1+1", f"open('{bait}')")
    assert not bait.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, expected a header"),
        ("\n\n", "is empty, expected a header"),
        ("a,b,y\n", "X is empty"),
        ("a,b,y\n1,2,0\n", r"X has 1 row\(s\)"),
        ("a,b,y\n1,2,0\n3,,1\n", "row 1 below the header .*no value in column 'b'"),
        ("a,b,y\n1,2,0\n3,NA,1\n,2,1\n", r"no value in column 'b' \(and 1 more cells\)"),
        ("a,b,y\n1,2,0\n3,4\n5,6,1\n", "row 1 .*no value in column 'y'"),
        ("a,b,y\n1,2,0\n3,4,\n", "row 1 .*no value in column 'y'"),
        ("a,b,y\n1,2,0\n3,inf,1\n", r"row 1, column 1 \('b'\).*is inf"),
        ("a,b,y\n1,red,0\n2,blue,1\n", r"column 'b' holds text, 'red' in row 0.*drop=\['b'\]"),
        ("a,b,y\n1,2,0\n2,3x,1\n", "column 'b' holds text, '3x' in row 1"),
        ('a,b,y\n1,2,0\n2,"1,5",1\n', "column 'b' holds text, '1,5' in row 1"),
        ("a,b,y\n1,2,3,4\n", "more cells than the header"),
        ("a,b,y\n1,2,3\n1,2,3,4\n", "is no table"),
        ("a,y,y\n1,2,0\n", "two columns are named 'y'"),
        ("\ufeffy,y\n1,0\n", "two columns are named 'y'"),
        (",a,y\n0,2,0\n", r"column 0 .*has no name.*index=False"),
        ("a,b,Y_\n1,2,0\n3,4,1\n", "unknown target column 'y'.*Allowed: Y_, a, b"),
        ("a;b;y\n1;2;0\n", "separator=';'"),
        ("y\n1\n2\n", "1 target and 0 feature columns"),
        ("a,y\n1,0\n2,0\n", "one class only"),
        ("a,y\n1,u\n2,3\n3,\n", "no value in column 'y'"),
    ],
)
def test_tables_that_cannot_be_used_say_what_is_wrong(write, text, message):
    with pytest.raises(DataError, match=message):
        load_csv(write(text), target="y")


def test_a_misspelt_target_gets_a_suggestion(write):
    with pytest.raises(DataError, match=r"unknown target column 'weigth'. Did you mean 'weight'"):
        load_csv(write("weight,y\n1,0\n2,1\n"), target="weigth")
    with pytest.raises(DataError, match="unknown drop column 'z'"):
        load_csv(write(TABLE), target="y", drop=["z"])
    with pytest.raises(DataError, match="unknown target column 2"):
        load_csv(write(TABLE), target=2)


@pytest.mark.parametrize("name", ["missing.csv", ".", "nul\0.csv", "x" * 300])
def test_files_that_cannot_be_read_say_so(tmp_path, name):
    with pytest.raises(DataError, match=r"Give the path of a readable CSV file|is no table"):
        load_csv(tmp_path / name, target="y")


def test_urls_are_paths_that_do_not_exist():
    with pytest.raises(DataError, match="No such file"):
        load_csv("https://localhost/my.csv", target="y")


def test_other_encodings_are_named(write):
    with pytest.raises(DataError, match=r"is not utf-8: .*encoding='latin-1'"):
        load_csv(write("größe,y\n1,0\n2,1\n", encoding="latin-1"), target="y")
    late = "a,y\n" + "1,0\n" * 50_000 + "2,é\n"
    with pytest.raises(DataError, match="is not utf-8"):
        load_csv(write(late, encoding="latin-1"), target="y")
    with pytest.raises(DataError, match="unknown encoding: nonsense"):
        load_csv(write(TABLE), target="y", encoding="nonsense")
    with pytest.raises(DataError, match=r"is not utf-8|has no name|no table|holds text|unknown target"):
        load_csv(write(TABLE, encoding="utf-16"), target="y")


def test_a_separator_is_one_character(write):
    with pytest.raises(InvalidInputError, match="one character, got ', '"):
        load_csv(write(TABLE), target="y", separator=", ")


def test_the_file_and_pandas_options_are_untouched(write):
    path = write(TABLE)
    before = pd.get_option("mode.string_storage"), path.read_bytes()
    load_csv(path, target="y")
    assert (pd.get_option("mode.string_storage"), path.read_bytes()) == before
