"""A report from a store solves nothing: solvers and objectives may be gone."""

import pytest

import optcompare as oc
from optcompare.cli import main
from optcompare.objective.function_objective import FunctionObjective
from optcompare.optimizers.base import optimizer_class, optimizer_names
from optcompare.recorder.recorder import Recorder


def valley(theta):
    return float((theta[0] - 1.0) ** 2 + 20.0 * (theta[1] - theta[0] ** 2) ** 2)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    for name, optimizers in (("old", ["nelder_mead", "random_search"]), ("new", ["nelder_mead", "cma_es"])):
        results = oc.Study(
            name="valley", question="Which one?", objectives={"valley": oc.function_objective(valley, dim=2)},
            optimizers=optimizers, seeds=range(2), budget=150, reference_starts=1,
        ).run(store=folder / f"{name}.db", jobs=1, progress=False)  # fmt: skip
        results.store.close()  # its last writes go into the file now, not when the collector finds it
    (folder / "old.db").chmod(0o444)  # archived
    return folder


@pytest.fixture
def no_solver(monkeypatch):
    def refuse(*given, **more):
        raise AssertionError("a report called a solver or an objective")

    for name in optimizer_names():
        monkeypatch.setattr(optimizer_class(name), "minimize", refuse)
    for method in ("value", "values", "gradient", "value_and_gradient"):
        monkeypatch.setattr(FunctionObjective, method, refuse)
    monkeypatch.setattr(Recorder, "__init__", refuse)
    monkeypatch.setattr("optcompare.runs.run.run_one", refuse)


def test_archived_and_new_stores_are_compared_without_running_anything(stores, tmp_path, capsys, no_solver, few):
    with pytest.raises(AssertionError, match="a report called"):
        oc.minimize(oc.function_objective(valley, dim=2), "nelder_mead", budget=5)
    before = {path.name: path.read_bytes() for path in stores.glob("*.db")}
    assert main(["report", str(stores / "old.db"), str(stores / "new.db"), "--out", str(tmp_path)]) == 0
    assert "report:" in capsys.readouterr().out
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert {path.name: path.read_bytes() for path in stores.glob("*.db")} == before
    for words in ("Where the runs come from", "old.db", "new.db", "nelder_mead", "cma_es", "random_search"):
        assert words in html
    assert "With 1 data set nothing can be concluded" in html
    twin = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| old, new |" in twin  # nelder_mead is in both
    assert "6 runs: 1 objective" in twin  # its two runs are there once


def test_one_store_alone_is_reported_as_before(stores, tmp_path, no_solver, few):
    assert main(["report", str(stores / "new.db"), "--study", "valley", "--out", str(tmp_path)]) == 0
    assert "Where the runs come from" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_is_missing_is_told(stores, tmp_path, capsys):
    assert main(["report", str(stores / "new.db"), str(tmp_path / "gone.db"), "--out", str(tmp_path)]) == 1
    assert "no store at" in capsys.readouterr().err
    assert main(["report", str(stores / "new.db"), "--study", "other", "--out", str(tmp_path)]) == 1
    assert "no study 'other'" in capsys.readouterr().err
