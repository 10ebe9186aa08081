"""Exported tables: all digits, no formulas, whole or not at all."""

import csv
import math
import sys

import numpy as np
import pandas as pd
import pytest

from optcompare.cli import main
from optcompare.errors import InvalidInputError, MissingLibraryError, StoreError, UnknownNameError
from optcompare.report.export import export
from optcompare.runs.store import Store

HOSTILE = '=HYPERLINK("http://evil","x")'
COLUMNS = ["n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm", "@monitor"]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "ein Läufer.db"
    with Store(path) as opened:
        for study in ("a", "-b"):
            opened.add_study(study, "?", {"keys": ["k0"]})
            for number, label in enumerate([HOSTILE, "+1", "-2", "@sum", "\tx", "plain", "a,b\n\"c'"]):
                opened.add_run(
                    {
                        "study": study, "key": f"k{number}", "objective": label, "dataset": label, "optimizer": label,
                        "seed": number, "status": "BUDGET", "message": label, "lam": 0.1 + 0.2, "best_value": -1 / 3,
                        "loss": math.inf, "test_error": math.nan, "theta": np.ones(2),
                        "trace": np.arange(16.0).reshape(2, 8) / -7, "trace_columns": COLUMNS,
                    }
                )  # fmt: skip
            verdict = {"statement": HOSTILE, "verdict": "holds", "low": -math.inf, "high": 1.0, "n_seeds": 7}
            opened.set_verdicts(study, [verdict])
    return path


def test_csv_keeps_numbers_and_disarms_formulas(store, tmp_path):
    paths = export(store, tmp_path / "out", to="csv")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["runs.csv", "traces.csv", "verdicts.csv"]
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert HOSTILE not in cells and f"'{HOSTILE}" in cells
        for cell in cells:
            if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
                float(cell)  # a number, which is no formula
    runs = pd.read_csv(paths[0])
    assert len(runs) == 14 and set(runs["study"]) == {"a", "'-b"}
    assert (runs["lam"] == 0.1 + 0.2).all() and (runs["best_value"] == -1 / 3).all()
    assert np.isinf(runs["loss"]).all() and runs["test_error"].isna().all()
    assert "plain" in set(runs["message"]) and "a,b\n\"c'" in set(runs["message"])
    traces = pd.read_csv(paths[1])
    assert len(traces) == 28 and list(traces)[-1] == "'@monitor" and traces["norm"].iloc[1] == 14.0 / -7
    assert len(pd.read_csv(paths[2])) == 2


def test_parquet_is_the_same_table_as_it_is(store, tmp_path):
    pytest.importorskip("pyarrow")
    paths = export(store, tmp_path, to="parquet", study="a")
    runs, traces, verdicts = (pd.read_parquet(path) for path in paths)
    with Store(store, read_only=True) as opened:
        pd.testing.assert_series_equal(runs["best_value"], opened.runs("a")["best_value"])
        np.testing.assert_array_equal(traces[COLUMNS], opened.traces("a")[COLUMNS])
    assert HOSTILE in set(runs["message"]) and set(traces["study"]) == {"a"} and len(verdicts) == 1


def test_parquet_without_its_library_names_the_extra(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingLibraryError, match=r"optcompare\[parquet\]"):
        export(store, tmp_path / "out", to="parquet")
    assert not (tmp_path / "out").exists()


def test_an_empty_store_gives_tables_without_rows(tmp_path):
    Store(tmp_path / "empty.db").close()
    for path in export(tmp_path / "empty.db", tmp_path / "out", to="csv"):
        assert path.read_text().startswith("study,") and len(path.read_text().splitlines()) == 1


def test_what_cannot_be_exported_is_told(store, tmp_path):
    with pytest.raises(InvalidInputError, match="csv, parquet"):
        export(store, tmp_path, to="xlsx")
    with pytest.raises(UnknownNameError, match="no study 'c'"):
        export(store, tmp_path, to="csv", study="c")
    with pytest.raises(StoreError, match="no store"):
        export(tmp_path / "none.db", tmp_path, to="csv")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write into"):
        export(store, tmp_path / "file", to="csv")
    assert not list(tmp_path.glob(".*"))


def test_on_the_command_line(store, tmp_path, capsys):
    assert main(["export", "--to", "csv", "--store", str(store), "--out", str(tmp_path / "o")]) == 0
    assert capsys.readouterr().out.count(".csv") == 3
    assert main(["merge", str(store), str(tmp_path / "target.db")]) == 0
    assert "14 runs copied" in capsys.readouterr().out
    assert main(["merge", str(store), str(tmp_path / "target.db")]) == 0
    assert "0 runs copied" in capsys.readouterr().out
    assert main(["merge", str(tmp_path / "none.db"), str(store)]) == 1
    assert "no store" in capsys.readouterr().err
