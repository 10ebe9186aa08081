"""A study end to end: grid, store, resume, failures, claims, report."""

import math
import os

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import DescriptionError, InvalidInputError, StoreError, UnknownNameError
from optcompare.runs.spec import stream

GD = oc.optimizers.GradientDescent


def cancer(seed):
    return oc.linear_objective(oc.load_dataset("breast_cancer", seed=seed), penalty=oc.L2(1.0))


def sour(objective, start, rng):
    objective.value(start)
    raise RuntimeError("sour <grapes>")


class Halving(oc.Optimizer):
    """An optimizer of the study's own."""

    factor: float = 0.5

    def minimize(self, objective, start, rng):
        return start * self.factor


def a_study(**changes):
    settings = {
        "name": "mine",
        "question": "Does it work?",
        "objectives": {"cancer": cancer},
        "lambdas": [1, 10],
        "optimizers": {
            "lbfgs": "lbfgs",
            "pso": "pso",
            "gd decay": oc.InUpdate(GD(learning_rate=0.5)),
            "sour": sour,
            "mean": lambda objective, start, rng: start * 0.5,
        },
        "seeds": range(2),
        "budget": 200,
    }
    return oc.Study(**{**settings, **changes})


def comparable(results):
    frame = results.to_frame().sort_values("key").reset_index(drop=True)
    return frame.drop(columns=["seconds", "host", "started_at"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    store = tmp_path_factory.mktemp("study") / "a store with späces.db"
    return store, a_study().run(store, jobs=1, progress=False)


def test_every_run_is_a_row_failures_too(ran):
    _, results = ran
    frame = results.to_frame()
    assert len(frame) == 2 * 5 * 2
    assert (frame[frame["optimizer"] == "sour"]["status"] == "FAILED").all()
    assert frame[frame["optimizer"] == "sour"]["message"].str.contains("sour <grapes>").all()
    assert set(frame["status"]) == {"FAILED", "FINISHED", "BUDGET"}
    wanted = {
        "objective", "lam", "lam_canonical", "optimizer", "seed", "status", "message", "best_value", "loss",
        "penalty_value", "norm", "implied_lambda", "angle", "regularized_error", "test_loss", "test_error", "n_values",
        "n_gradients", "seconds", "dataset",
    }  # fmt: skip
    assert wanted <= set(frame.columns)
    assert len(results.failures()) == 4 and results.failures()["traceback"].str.contains("sour").all()


def test_measurements_are_taken_at_the_answer_against_the_nominal_objective(ran):
    _, results = ran
    for row in results.to_frame().query("status != 'FAILED'").itertuples():
        objective = cancer(row.seed).with_lambda(row.lam)
        theta = results.run(row.key)["theta"]
        assert row.regularized_error == pytest.approx(objective.value(theta), rel=1e-12)
        assert row.loss + row.penalty_value == pytest.approx(row.regularized_error, rel=1e-12)
        assert row.test_error == objective.test_error(theta)
        minimized = objective.without_penalty() if row.optimizer == "gd decay" else objective
        best = results.run(row.key)["best_theta"]
        assert best is None or row.best_value == minimized.value(best)


def test_starts_are_paired_and_seeds_vary_the_split(ran):
    _, results = ran
    frame = results.to_frame()
    halves = frame[frame["optimizer"] == "mean"]
    for seed in (0, 1):
        thetas = [results.run(key)["theta"] for key in halves[halves["seed"] == seed]["key"]]
        np.testing.assert_array_equal(thetas[0], thetas[1])
        assert (thetas[0] != 0).any()
    assert not np.array_equal(cancer(0).data.X, cancer(1).data.X)


def test_a_second_start_runs_only_what_is_missing(ran):
    store, results = ran
    before = results.to_frame().set_index("key")["started_at"]
    more = a_study(lambdas=[1, 10, 30]).run(store, jobs=1, progress=False).to_frame().set_index("key")
    assert len(more) == 30
    assert (more.loc[before.index, "started_at"] == before).all()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_second_run_in_one_process_finds_the_runs_of_the_studys_own_classes(tmp_path, jobs):
    study = a_study(optimizers={"halving": Halving(factor=0.25)}, lambdas=[1])
    first, second = (study.run(tmp_path / "s.db", jobs=jobs, progress=False).to_frame() for _ in range(2))
    assert first[["key", "started_at"]].equals(second[["key", "started_at"]])
    assert (second["status"] == "FINISHED").all()


def test_serial_equals_two_processes(ran, tmp_path):
    _, serial = ran
    again = a_study().run(tmp_path / "two.db", jobs=2, progress=False)
    one, other = comparable(serial), comparable(again)
    assert list(one["key"]) == list(other["key"])
    one.drop(columns="message").pipe(lambda t: t.equals(other.drop(columns="message"))) or pytest.fail("tables differ")
    traces = [
        results.traces().drop(columns="seconds").sort_values(["lam", "optimizer", "seed", "n_values"], kind="stable")
        for results in (serial, again)
    ]
    np.testing.assert_array_equal(traces[0]["best_value"], traces[1]["best_value"])


def test_in_memory_and_lists_of_names():
    results = a_study(optimizers=["lbfgs", "nelder_mead"], seeds=[3], lambdas=None).run(jobs=1, progress=False)
    assert list(results.to_frame()["optimizer"]) == ["lbfgs", "nelder_mead"]
    assert (results.to_frame()["lam"] == 1.0).all()


def test_claims_are_stored_and_can_fail_when_the_penalty_is_broken(tmp_path, monkeypatch):
    def ratio(rows):
        return (rows["implied_lambda"] / rows["lam_canonical"]).median()

    def of(name):
        return lambda frame: frame[frame["optimizer"] == name]

    study = a_study(
        optimizers={"lbfgs": "lbfgs", "heavy": oc.InUpdate(oc.optimizers.HeavyBall())},
        seeds=range(6),
        lambdas=[10],
        budget=4000,
        claims=[oc.Claim("lbfgs reads lambda", ratio, 0.99, 1.01, rows=of("lbfgs"), control=of("heavy"))],
    )
    results = study.run(tmp_path / "claims.db", jobs=1, progress=False)
    assert results.claims()["verdict"].tolist() == ["holds"]
    assert oc.load_results(tmp_path / "claims.db").claims()["verdict"].tolist() == ["holds"]

    from optcompare.objective.penalties import L2

    monkeypatch.setattr(L2, "gradient", lambda self, theta, frame: frame.lam * theta * frame.mask)  # 1/n deleted
    monkeypatch.setattr(L2, "value", lambda self, theta, frame: 0.5 * frame.lam * np.dot(theta * theta, frame.mask))
    broken = study.run(tmp_path / "broken.db", jobs=1, progress=False)
    assert broken.claims()["verdict"].tolist() == ["fails"]


def test_a_start_may_be_another_runs_answer(tmp_path):
    def nudge(objective, start, rng):
        return start + 1.0

    a = oc.function_objective(lambda t: float((t**2).sum()), dim=2, penalty=oc.L2(1.0), name="a")
    b = oc.function_objective(lambda t: float(((t - 3) ** 2).sum()), dim=2, penalty=oc.L2(1.0), name="b")
    study = a_study(
        objectives={"a": a, "b": b}, optimizers={"nudge": nudge}, start_from={"b": "a"}, lambdas=[1], seeds=[0]
    )
    results = study.run(tmp_path / "chain.db", jobs=1, progress=False)
    rows = results.to_frame().set_index("objective")
    first, second = (results.run(rows.loc[label, "key"])["theta"] for label in "ab")
    np.testing.assert_array_equal(second, first + 1.0)


def test_monitors_reach_the_traces(tmp_path):
    study = a_study(optimizers=["lbfgs"], monitors={"largest": lambda theta: float(np.abs(theta).max())})
    traces = study.run(tmp_path / "m.db", jobs=1, progress=False).traces()
    assert traces["largest"].notna().any()


def test_the_report_is_written(ran, tmp_path):
    _, results = ran
    page = results.report(tmp_path / "out")
    text = page.read_text()
    assert "Does it work?" in text and "sour &lt;grapes&gt;" in text and "sour <grapes>" not in text
    assert (tmp_path / "out" / "report.md").exists()
    assert len(list((tmp_path / "out" / "figures").iterdir())) > 3


def test_wrong_studies_are_named_before_anything_runs(tmp_path):
    wrong = {
        "a study needs a name": {"name": " "},
        "objectives must be a dict": {"objectives": []},
        "must be an Objective or a function": {"objectives": {"x": 3}},
        "lambda must be finite": {"lambdas": [-1]},
        "duplicate lambdas": {"lambdas": [1, 1.0]},
        "duplicate seeds": {"seeds": [1, 1]},
        "seeds is empty": {"seeds": []},
        "seed must be an integer": {"seeds": [-1]},
        "duplicate optimizers": {"optimizers": ["pso", "pso"]},
        "optimizers is empty": {"optimizers": {}},
        "a budget needs a limit": {"budget": None},
        "start_from": {"start_from": {"nowhere": "cancer"}},
    }
    for message, change in wrong.items():
        with pytest.raises(InvalidInputError, match=r"budget" if "budget" in change else message):
            a_study(**change)
    with pytest.raises(UnknownNameError, match="Did you mean 'lbfgs'"):
        a_study(optimizers=["lbfg"])
    bare = oc.function_objective(lambda t: 0.0, dim=2, penalty=oc.L2(1.0))
    with pytest.raises(InvalidInputError, match="needs a gradient"):
        a_study(objectives={"bare": bare}, optimizers=["lbfgs"]).run(progress=False)
    with pytest.raises(InvalidInputError, match="jobs"):
        a_study().run(jobs=0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_arm_without_the_gradient_that_it_needs_is_skipped_and_the_others_run(jobs):
    smooth = cancer(0)
    objectives = {
        "smooth": smooth,
        "ramp": oc.linear_objective(smooth.data, loss="ramp", penalty=oc.L2(1.0)),
        "0-1": oc.linear_objective(smooth.data, loss="zero_one", penalty=oc.L2(1.0)),
        "noise": oc.with_features(smooth, oc.ValueNoise(0.1)),
    }
    study = a_study(objectives=objectives, optimizers=["lbfgs", "pso"], lambdas=[1], seeds=[0], budget=60)
    frame = study.run(jobs=jobs, progress=False).to_frame().set_index(["objective", "optimizer"])
    skipped = frame[frame["status"] == "SKIPPED"]
    assert sorted(skipped.index) == [("0-1", "lbfgs"), ("noise", "lbfgs")]
    assert skipped["message"].str.contains("lbfgs needs a gradient and .* has none").all()
    assert (skipped[["n_values", "n_gradients", "cost"]] == 0).all(axis=None)
    assert skipped[["regularized_error", "best_value", "implied_lambda"]].isna().all(axis=None)
    assert frame.loc[[("ramp", "lbfgs"), ("0-1", "pso"), ("noise", "pso")], "regularized_error"].notna().all()


def test_what_has_no_identity_is_refused_with_a_store_and_runs_without(tmp_path):
    class Odd:
        def __init__(self):
            self.stream = np.random.default_rng(0)

        def __call__(self, theta):
            return float((theta**2).sum())

    objective = oc.function_objective(Odd(), dim=2, penalty=oc.L2(1.0))
    study = a_study(objectives={"odd": objective}, optimizers=["nelder_mead"])
    with pytest.raises(DescriptionError, match="name="):
        study.run(tmp_path / "odd.db", jobs=1, progress=False)
    assert len(study.run(jobs=1, progress=False).to_frame()) == 4


def test_in_update_refuses_what_it_cannot_do():
    with pytest.raises(InvalidInputError, match="learning_rate"):
        oc.InUpdate("pso")
    with pytest.raises(InvalidInputError, match="has one already"):
        oc.InUpdate(GD(decay=0.1))


def test_decay_in_the_update_of_gradient_descent_is_the_penalty_in_the_error():
    objective = cancer(0).with_lambda(20.0)
    in_error = oc.minimize(objective, GD(learning_rate=0.5), budget=300, seed=1)
    in_update = oc.minimize(objective, oc.InUpdate(GD(learning_rate=0.5)), budget=300, seed=1)
    np.testing.assert_allclose(in_update.theta, in_error.theta, rtol=1e-10)
    assert in_update.measurements["penalty_value"] > 0
    with pytest.warns(UserWarning, match="the two add up"):
        oc.minimize(objective, GD(learning_rate=0.5, decay=1e-4), budget=30)


@pytest.mark.parametrize("name", ["pso", "nelder_mead", "cma_es"])
def test_direct_optimizers_read_lambda_with_budget_enough(name):
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    data = oc.Dataset.from_arrays(X[:, 2:5], y, task="regression")
    objective = oc.linear_objective(data, penalty=oc.L2(20.0))
    run = oc.minimize(objective, name, budget=20_000, seed=0)
    reading = oc.implied_lambda(objective, run.theta)
    assert reading.value == pytest.approx(20.0, rel=1e-2) and reading.identified


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        oc.load_results(tmp_path / "none.db")


def test_budget_zero_leaves_the_start():
    run = oc.minimize(cancer(0), "nelder_mead", budget=0)
    assert run.status == "BUDGET" and run.best_theta is None and math.isnan(run.best_value)
    np.testing.assert_array_equal(run.theta, cancer(0).start(stream(0, "start")))


def test_policies_of_noise_by_objective_label():
    def noisy(seed):
        return oc.linear_objective(oc.load_dataset("iris", seed=seed), noise=oc.InputNoise(0.5))

    draws = {"frozen": oc.Frozen(3), "fresh": oc.Redraw("row")}
    settings = {"objectives": dict.fromkeys(["frozen", "fresh", "by default"], noisy), "lambdas": None, "seeds": [4]}
    settings |= {"optimizers": ["pso"], "budget": 90}
    frame = a_study(**settings, draws=draws).run(jobs=1, progress=False).to_frame().set_index("objective")
    for label, policy in {**draws, "by default": None}.items():
        alone = oc.minimize(noisy(4), "pso", budget=90, seed=4, draws=policy)
        assert frame.loc[label, "best_value"] == alone.best_value
    assert frame["best_value"].nunique() == 3 and frame["key"].nunique() == 3
    assert (frame["n_values"] == 90).all()
    with pytest.raises(UnknownNameError, match="Did you mean 'frozen'"):
        a_study(**settings, draws={"frozne": oc.Frozen(3)})


def test_the_value_that_a_lucky_draw_showed_is_kept_beside_the_recomputed_one():
    noisy = oc.linear_objective(oc.load_dataset("diabetes", seed=0), noise=oc.InputNoise(0.5))
    frozen = oc.minimize(noisy, "pso", budget=60, draws=oc.Frozen(1))
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(2,)))  # the stream "noise" of seed 0
    assert frozen.extras["best_shown"] == pytest.approx(noisy.value(frozen.best_theta, next(noisy.samples(rng))))
    assert frozen.extras["best_shown"] != pytest.approx(frozen.best_value)
    assert oc.minimize(noisy, "pso", budget=0).extras["best_shown"] is None
    assert "best_shown" not in oc.minimize(cancer(0), "pso", budget=60).extras
    frame = a_study(objectives={"noisy": noisy}, lambdas=None, optimizers=["pso"], budget=60, draws=oc.Frozen(1))
    assert frame.run(jobs=1, progress=False).to_frame()["best_shown"][0] == frozen.extras["best_shown"]
