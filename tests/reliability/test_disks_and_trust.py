"""A full disk under a whole study; names that look like paths; stores that hold code."""

import json
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import optcompare as oc
from optcompare.cli import main
from optcompare.report.text import folder_name
from optcompare.runs.store import Store

STUDY = """
import optcompare as oc

def bowl(theta):
    return float(((theta - 2.0) ** 2).sum())

def walk(objective, start, rng):
    while True:
        objective.value(start + rng.standard_normal(len(start)))

study = oc.Study(
    name="wide", question="?", objectives={"bowl": oc.function_objective(bowl, dim=4000, penalty=oc.L2(1.0))},
    lambdas=[0.5], optimizers={"walk": walk}, seeds=range(20), budget=3,
)
study.run("runs.db", jobs=1, progress=False)
"""


def test_a_full_disk_stops_the_study_with_what_to_do_and_it_goes_on_from_there(script):
    status, said = script.run(STUDY, limit=400_000)  # a file cannot grow beyond: the store's log is the first to try
    assert status == 1, said
    assert "runs.db" in said and ("check the disk" in said or "disk is full" in said) and "Traceback" not in said
    assert 0 < script.n_stored() < 20
    with Store(script.folder / "runs.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    status, said = script.run(STUDY)
    assert status == 0, said
    with Store(script.folder / "runs.db", read_only=True) as store:
        disturbed = store.data_hash("wide")
        assert len(store.keys("wide")) == 20
    (script.folder / "runs.db").unlink()
    assert script.run(STUDY)[0] == 0
    with Store(script.folder / "runs.db", read_only=True) as store:
        assert store.data_hash("wide") == disturbed


@pytest.mark.parametrize("name", ["../../up", "/absolute", "a\0b", "n" * 300, "..", "ü" * 300, "a/b\\c", "."])
def test_names_never_become_paths(name, tmp_path, monkeypatch):
    made = folder_name(name)
    assert made not in (".", "..") and not set(made) & set("/\\\0") and len(made.encode()) < 130
    assert folder_name(name + "x") != made and folder_name("lambda_meaning-quick") == "lambda_meaning-quick"

    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)

    def bowl(theta):
        return float((theta**2).sum())

    study = oc.Study(
        name=name, question="?", objectives={name: oc.function_objective(bowl, dim=1)},
        optimizers={name: lambda objective, start, rng: start}, seeds=[0], budget=3,
    )  # fmt: skip
    monkeypatch.setattr(oc.Results, "report", lambda self, folder, figures: Path(folder))  # tests/report has it
    study.main(argv=["--jobs", "1"])
    assert [path.name for path in (folder / "out").iterdir()] == [made]
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and len(list((tmp_path / "a").iterdir())) == 1
    assert {path.name.split("-")[0] for path in (folder / "out" / made).iterdir()} == {"runs.db"}


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # the bomb's bytes are odd numbers
def test_nothing_in_a_store_is_ever_executed(tmp_path, monkeypatch, capsys):
    """Pickles and expressions in every column that holds text, JSON or bytes: read, shown, exported, reported."""
    monkeypatch.chdir(tmp_path)
    bowl = oc.function_objective(lambda theta: float((theta**2).sum()), dim=1, penalty=oc.L2(1.0))
    study = oc.Study(
        name="s", question="?", objectives={"bowl": bowl}, optimizers={"rest": lambda objective, start, rng: start},
        seeds=[0, 1], budget=3, lambdas=[1],
    )  # fmt: skip
    study.run("s.db", jobs=1, progress=False)
    bomb = pickle.dumps(Bomb())
    text = "__import__('pathlib').Path('exploded').touch()"
    padded = bomb + bytes(-len(bomb) % 64)
    with closing(sqlite3.connect("s.db")) as connection:
        key = connection.execute("SELECT key FROM runs").fetchone()[0]
        connection.execute("UPDATE runs SET theta = ?, best_theta = ?, trace = ?", [padded] * 3)
        for column in ("objective", "dataset", "optimizer", "message", "traceback", "host", "started_at", "spec"):
            connection.execute(f"UPDATE runs SET {column} = ?", [text])
        connection.execute("UPDATE runs SET versions = ?, extras = '{}'", [json.dumps({text: text})])
        connection.execute("UPDATE studies SET question = ?", [text])
        connection.commit()
    commands = [
        ["status", "s.db", "--failures"],
        ["show", key, "--store", "s.db"],
        ["export", "--to", "csv", "--store", "s.db", "--out", "tables"],
        ["merge", "s.db", "t.db"],
        ["report", "s.db", "--out", "report"],
    ]
    assert [main(command) for command in commands] == [0] * len(commands), capsys.readouterr().err
    assert not Path("exploded").exists()
    pickle.loads(bomb)  # it would have
    assert Path("exploded").exists()


def test_our_code_has_no_unpickling_of_files_and_no_eval():
    """Where pickles are loaded, they come from the driver's own memory."""
    source = Path(oc.__file__).parent
    found = {}
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        words = [word for word in ("eval(", "exec(", "pickle.load", "allow_pickle", "joblib.load") if word in text]
        if words:
            found[path.relative_to(source).as_posix()] = words
    assert set(found) <= {"runs/executors.py", "runs/child.py"}, found
