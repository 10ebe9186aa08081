"""COCO and IOHprofiler data: what is in the files, and what their own readers make of them (where installed)."""

import dataclasses
import json
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.analysis.runtimes import TAUS, ert_table, hits, runtimes
from optcompare.cli import main
from optcompare.errors import InvalidInputError, StoreError, UnknownNameError
from optcompare.report.coco import export_coco
from optcompare.report.exported_runs import HAIR, NOT_SEEN
from optcompare.report.iohprofiler import export_iohprofiler

BUDGET = 200


def fails(objective, start, rng):
    """Evaluates towards zero, then raises."""
    for step in range(20 + int(rng.integers(60))):
        objective.value(start * (1 - step / 100))
    raise RuntimeError("later")


def fails_at_once(objective, start, rng):
    """Raises before anything is evaluated."""
    raise RuntimeError("now")


def stops_early(objective, start, rng):
    """Gradient steps, ended by itself long before the budget."""
    for _ in range(1 + int(rng.integers(30))):
        start = start - 0.3 * objective.gradient(start)
    return start


OPTIMIZERS = {
    "lbfgs": "lbfgs", "pso": "pso", "cma_es": "cma_es", "gd decay": oc.InUpdate(oc.optimizers.GradientDescent()),
    "../evil'": "random_search", "fails": fails, "at once": fails_at_once, "early": stops_early,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    iris = oc.load_dataset("iris", seed=0)
    objectives = {
        "linear": oc.linear_objective(iris, penalty=oc.L2(1.0)),
        "network": oc.mlp_objective(iris, hidden=(2,), penalty=oc.L2(1.0)),
        "noisy": oc.linear_objective(iris, penalty=oc.L2(1.0), noise=oc.Minibatch(25)),
        "split": lambda seed: oc.linear_objective(
            oc.load_dataset("wine", test_size=0.3, seed=seed), penalty=oc.L2(1.0)
        ),
    }
    study = oc.Study(
        name="coco", question="?", objectives=objectives, lambdas=[10.0], optimizers=OPTIMIZERS, seeds=range(3),
        budget=BUDGET, reference_starts=2,
    )  # fmt: skip
    results = study.run(folder / "runs.db", jobs=1, progress=False)
    curves, problems = results.curves(), results.problems()
    is_lost = (curves.runs["optimizer"] == "pso") & (curves.runs["seed"] == 1)
    runs = curves.runs.assign(status=curves.runs["status"].where(~is_lost, "CRASHED"))
    curves = dataclasses.replace(curves, runs=runs)
    infos = export_coco(curves, problems, folder / "out")
    export_iohprofiler(curves, problems, folder / "ioh")
    out, ioh = folder / "out", folder / "ioh"
    return SimpleNamespace(store=folder / "runs.db", out=out, ioh=ioh, curves=curves, problems=problems, infos=infos)


def expected(made, price):
    """Return our ERT table a function and folder, in whole passes as COCO counts them."""
    table = hits(made.curves, made.problems)
    table = table.assign(n_values=np.ceil(table["n_values"]), n_gradients=np.ceil(table["n_gradients"]))
    priced = runtimes(table, made.problems, gradient_price=price)
    index = pd.read_csv(made.out / "problems.csv").drop_duplicates("problem").set_index("problem")["function"]
    folders = pd.read_csv(made.out / "optimizers.csv").set_index("optimizer")["folder"]
    # the splits of a problem are instances of one function
    priced = priced.assign(problem=priced["problem"].map(index), optimizer=priced["optimizer"].map(folders))
    return ert_table(priced)


def runs_of(path):
    """Return the runs in a .dat or .tdat file: lists of lines of numbers."""
    runs = []
    for line in path.read_text().splitlines():
        if line.startswith("%"):
            runs.append([])
        else:
            runs[-1].append([float(cell) for cell in line.split()])
    return [np.array(run) for run in runs]


# -- the files ------------------------------------------------------------------------------------------------------


def test_every_function_and_optimizer_has_its_three_files(made):
    problems = pd.read_csv(made.out / "problems.csv")
    assert problems["function"].nunique() == 4 and len(made.infos) == 4 * len(OPTIMIZERS)
    assert problems[problems["objective"] == "split"]["function"].nunique() == 1
    assert problems[problems["objective"] == "split"]["problem"].nunique() == 3
    folders = pd.read_csv(made.out / "optimizers.csv")
    assert sorted(folders["optimizer"].str.removeprefix("'")) == sorted(OPTIMIZERS)
    assert {path.name for path in made.out.iterdir() if path.is_dir()} == set(folders["folder"])
    assert not list(made.out.rglob(".*"))
    for info in made.infos:
        head, comment, data = info.read_text().splitlines()
        assert "'" not in head.split("algId = '")[1].split("', coco")[0] and comment.startswith("%")
        stem = data.split(", ")[0].removesuffix(".dat")
        assert (info.parent / f"{stem}.dat").exists() and (info.parent / f"{stem}.tdat").exists()


def test_every_run_begins_at_1_rises_and_falls_and_ends_with_what_it_is_charged(made):
    problems = pd.read_csv(made.out / "problems.csv")
    folders = pd.read_csv(made.out / "optimizers.csv").set_index("optimizer")["folder"]
    for run in made.curves.runs.itertuples():
        place = problems[(problems["problem"] == run.problem) & (problems["seed"] == run.seed)].iloc[0]
        path = next((made.out / folders[run.optimizer]).glob(f"data_f{place['function']}/*.dat"))
        lines = runs_of(path)[place["instance"] - 1]
        marks = runs_of(path.with_suffix(".tdat"))[place["instance"] - 1]
        assert lines[0, 0] == 1 and (np.diff(lines[:, 0]) > 0).all()
        assert (np.diff(lines[:-1, 2]) < 0).all() and np.diff(lines[-2:, 2], axis=0).max(initial=0) <= 0
        assert (np.diff(lines[:, 1]) >= 0).all() and (lines[:, 2] >= HAIR).all() and (lines[:, 0] % 1 == 0).all()
        assert set(map(tuple, marks)) <= set(map(tuple, lines))
        np.testing.assert_array_equal(marks[[0, -1]], lines[[0, -1]])
        cost = lines[-1, 0] + 2 * lines[-1, 1]
        if run.status in ("FAILED", "CRASHED"):
            assert cost == BUDGET, run
        else:
            assert cost == pytest.approx(max(1.0, run.n_values + 2 * run.n_gradients), abs=3)
        if run.optimizer == "at once":
            assert len(lines) == 2 and (lines[:, 2] == NOT_SEEN).all()


def test_what_cannot_be_written_is_told(made, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    with pytest.raises(StoreError, match="is not empty: give a new one"):
        export_coco(made.curves, made.problems, tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]
    with pytest.raises(StoreError, match="cannot write into"):
        export_coco(made.curves, made.problems, tmp_path / "taken" / "mine.txt" / "out")
    with pytest.raises(InvalidInputError, match=r"no problem of the study has a scale.*reference_starts"):
        export_coco(made.curves, made.problems.assign(f_0=np.nan), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_problem_without_a_scale_is_left_out_and_named(made, tmp_path):
    is_flat = made.problems["objective"] == "network"
    flat = made.problems.assign(f_0=made.problems["f_0"].where(~is_flat, made.problems["f_ref"]))
    assert len(export_coco(made.curves, flat, tmp_path / "out")) == 3 * len(OPTIMIZERS)
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    assert problems[problems["function"].isna()]["objective"].unique().tolist() == ["network"]


def test_on_the_command_line(made, tmp_path, capsys):
    assert main(["export", "--to", "coco", "--store", str(made.store), "--out", str(tmp_path / "out")]) == 0
    assert "32 data sets in" in capsys.readouterr().out
    assert (tmp_path / "out" / "README.txt").read_text().startswith("COCO data")
    assert main(["export", "--to", "coco", "--store", str(made.store), "--out", str(tmp_path / "out")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_iohprofiler_data_have_the_same_runs(made):
    indexes = [json.loads(path.read_text()) for path in made.ioh.rglob("*.json")]
    assert len(indexes) == 4 * len(OPTIMIZERS)
    for index in indexes:
        (scenario,) = index["scenarios"]
        folder = made.ioh / index["algorithm"]["name"]
        header, *lines = (folder / scenario["path"]).read_text().splitlines()
        assert header.split() == index["attributes"] and len(scenario["runs"]) == 3
        rows = np.array([line.split() for line in lines], dtype=float)
        assert (rows[:, 0] == 1).sum() == 3
        coco = next((made.out / folder.name).glob(f"data_f{index['function_id']}/*.dat"))
        np.testing.assert_array_equal(rows[:, [0, 2, 1]], np.vstack(runs_of(coco))[:, :3])


def test_the_formats_of_results(made, tmp_path):
    results = oc.load_results(made.store)
    assert {path.suffix for path in results.export(tmp_path / "ioh", to="iohprofiler")} == {".json"}
    with pytest.raises(UnknownNameError, match="Did you mean 'coco'"):
        results.export(tmp_path / "out", to="cocoa")


# -- their own readers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [0, 1, 2.0, 3.5])
def test_cocopp_finds_the_same_ert_and_successes(made, price, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for the network, and wants 15 instances
        cocopp = pytest.importorskip("cocopp", reason="cocopp is not installed", exc_type=ImportError)
        monkeypatch.setattr(cocopp.genericsettings, "weight_evaluations_constraints", (1, price))
        found = {}
        for folder in made.out.iterdir():
            if folder.is_dir():
                found |= {(folder.name, one.funcId): one for one in cocopp.pproc.DataSetList(str(folder))}
        table = expected(made, price)
        assert len(table) == 4 * len(OPTIMIZERS) * len(TAUS) == 7 * len(found)
        for row in table.itertuples():
            data = found[row.optimizer, row.problem]
            assert data.nbRuns() == row.n_runs == 3
            assert data.detSuccesses([row.tau]) == [row.n_reached], row
            assert data.detERT([row.tau])[0] == pytest.approx(row.ert, rel=1e-9), row
    assert np.isfinite(table["ert"]).mean() > 0.15 and np.isinf(table["ert"]).any()


@pytest.mark.parametrize(("kind", "counter"), [("out", "g evaluations"), ("ioh", "gradients")], ids=["coco", "ioh"])
def test_iohinspector_finds_the_same_ert_and_successes(made, kind, counter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inspector = pytest.importorskip("iohinspector", reason="iohinspector is not installed", exc_type=ImportError)
        from iohinspector.metrics.fixed_target import aggregate_running_time

        manager = inspector.DataManager()
        manager.add_folder(str(getattr(made, kind)))
        data, every = (manager.load(monotonic=is_best, include_meta_data=True) for is_best in (True, False))
        data, every = (one.with_columns(cost=one["evaluations"] + 2.0 * one[counter]) for one in (data, every))
        by = ["algorithm_name", "function_id"]
        # 49 steps over 7 decades; what it charges a run without success is one number for all
        table = aggregate_running_time(data, "cost", free_vars=by, f_min=1e-7, f_max=1.0, eval_max=BUDGET)
    assert manager.n_runs == 3 * 4 * len(OPTIMIZERS)
    step = np.round(7 * np.log10(table["raw_y"])).astype(int)
    found = table.assign(step=step).set_index([*by, "step"])
    last = every.to_pandas().groupby([*by, "run_id"])["cost"].max()
    n_compared = 0
    for row in expected(made, 2.0).itertuples():
        theirs = found.loc[(row.optimizer, row.problem, round(7 * np.log10(row.tau)))]
        assert theirs["success_count"] == row.n_reached, row
        is_charged_alike = (last.loc[row.optimizer, row.problem] == BUDGET).all() or row.n_reached == row.n_runs
        if np.isfinite(row.ert) and is_charged_alike:
            n_compared += 1
            assert theirs["ERT"] == pytest.approx(row.ert, rel=1e-9), row
    assert n_compared > 20
