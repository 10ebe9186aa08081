"""The benchmark's problems, its tuning, and what its claims measure."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

import optcompare as oc
from optcompare.optimizers.base import get_optimizer, optimizer_names

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="module")
def suite():
    """Return the modules dfo_problems, dfo_tuning; studies import each other by name."""
    sys.path.insert(0, str(STUDIES))
    try:
        import dfo_problems
        import dfo_tuning

        yield dfo_problems, dfo_tuning
    finally:
        sys.path.remove(str(STUDIES))
        for name in ("dfo_problems", "dfo_tuning", "dfo_benchmark"):
            sys.modules.pop(name, None)


def test_the_suite_is_as_large_as_it_says_and_tuned_on_other_data(suite):
    problems, _ = suite
    names = {problem.data.split(",")[0] for problem in problems.PROBLEMS.values()}
    tuned_on = {problem.data for problem in problems.TUNING_PROBLEMS.values()}
    assert len(problems.PROBLEMS) == 34 and len(names) == 18
    assert not names & tuned_on
    assert {problem.loss for problem in problems.PROBLEMS.values()} == {None, "ramp", "zero_one"}
    features = {type(one) for problem in problems.PROBLEMS.values() for one in problem.features}
    assert features == {oc.ValueNoise, oc.TruncatedDigits, oc.RandomNan, oc.PerturbedStart}


def test_a_problem_has_the_degrees_of_freedom_that_were_asked_for(suite):
    problems, _ = suite
    wanted = {
        "ramp": problems.Problem("moons", 1.5, loss="ramp"),
        "logistic": problems.Problem("moons", 1.5),
        "iris": problems.Problem("iris", 3),
        "moons": problems.Problem("moons", 6, (3,)),
    }
    ramp, logistic, linear, network = problems.objectives(wanted).values()
    answer = oc.minimize(network, "lbfgs", budget=3000, seed=0).theta
    with threadpool_limits(limits=1, user_api="blas"):
        assert oc.effective_dof(linear) == pytest.approx(3.0, rel=0.01)
        assert oc.effective_dof(network, theta=answer) == pytest.approx(6.0, rel=0.1)
    assert ramp.lam == logistic.lam and ramp.loss_function.name == "ramp"
    assert float(f"{ramp.lam:.3g}") == ramp.lam
    assert problems.dataset("moons").is_generated and not problems.dataset("iris").is_generated


def test_a_missing_library_leaves_its_problems_out_and_says_so(suite, capsys, monkeypatch):
    problems, _ = suite
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    monkeypatch.setitem(sys.modules, "statsmodels.datasets", None)
    problems.dataset.cache_clear()
    assert list(problems.problems(["spector logistic", "iris softmax"])) == ["iris softmax"]
    problems.dataset.cache_clear()
    assert "left out: spector logistic: data set 'spector' needs statsmodels" in capsys.readouterr().out


def test_every_optimizer_is_tuned_by_as_many_trials_and_its_options_can_be_built(suite):
    _, tuning = suite
    stored = json.loads(tuning.FILE.read_text())
    assert sorted(stored["optimizers"]) == sorted(set(tuning.names()) & set(stored["optimizers"]))
    assert {"cost", "versions", "data_hash", "date", "trials"} <= set(stored)
    for name, optimizer in tuning.tuned().items():
        assert optimizer == tuning.built(name, tuning.drawn(name, stored["optimizers"][name]["trial"]))
    for name in tuning.SPACES:
        assert name in optimizer_names()
        assert tuning.built(name, tuning.drawn(name, 0)) == get_optimizer(name)
        made = [tuning.built(name, tuning.drawn(name, trial)) for trial in range(1, 30)]
        assert len(set(map(repr, made))) > 5
        assert made[3] == tuning.built(name, tuning.drawn(name, 4))


def test_the_trial_with_the_least_score_wins_and_its_cost_is_counted(suite):
    problems, tuning = suite
    label = "correlated ridge"
    few = {label: problems.TUNING_PROBLEMS[label].objective()}
    study = tuning.study_of("-test", ["adam", "nelder_mead"], few, 4, [0])
    results = study.run(progress=False, jobs=1)
    rows = pd.DataFrame(tuning.scored(results), columns=["name", "trial", "score", "passes", "seconds"])
    for name, found in tuning.winners(results).items():
        of_name = rows[rows["name"] == name].set_index("trial")["score"]
        assert found["trial"] == of_name.idxmin() and found["score"] == pytest.approx(of_name.min(), abs=1e-3)
        assert found["default_score"] == pytest.approx(of_name[0], abs=1e-3)
        assert found["passes"] == round(rows.loc[rows["name"] == name, "passes"].sum())
    assert rows["score"].max() <= np.log10(10 * 1200 / 12) + 1e-12
    assert rows["score"].nunique() > 4


@pytest.fixture(scope="module")
def benchmark(suite):
    """Return the module dfo_benchmark without building its problems."""
    problems, _ = suite
    real, problems.problems = problems.problems, lambda labels=None: {"iris": problems.Problem("iris", 3).objective()}
    try:
        import dfo_benchmark

        return dfo_benchmark
    finally:
        problems.problems = real


def a_table():
    """Return two problems on which a needs 10 and 100 passes, b 20 and 50, c misses, at tau = 1e-3."""
    rows = [
        ("one", "a", 10.0, True), ("one", "b", 20.0, True), ("one", "c", 100.0, False),
        ("two", "a", 100.0, True), ("two", "b", 50.0, True), ("two", "c", 10.0, False),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["problem", "optimizer", "runtime", "is_reached"])
    return table.assign(tau=1e-3, dim=5, price="2.0", is_smooth=True, is_noisy=False, has_gradient=True, seed=0)


def test_claims_measure_who_is_first_by_how_much_and_what_noise_costs(benchmark):
    table = a_table()
    pair = benchmark.against("a", ["b"])(table)
    assert benchmark.share_first(1e-3)(pair) == 0.5
    assert benchmark.log_ratio(1e-3)(pair) == pytest.approx(0.0)
    assert benchmark.log_ratio(1e-3)(benchmark.against("b", ["a"])(table)[lambda rows: rows["problem"] == "two"]) < 0
    assert benchmark.share_first(1e-3)(benchmark.against("c", ["a", "b"])(table)) == 0.0  # cheap, but it missed
    assert benchmark.share_reached(1e-3)(benchmark.of("c")(table)) == 0.0
    assert benchmark.of("a", low=6)(table).empty
    twins = pd.concat([table.assign(problem="p"), table.assign(problem="p, noise", is_reached=False)])
    assert benchmark.decades_lost(benchmark.twins("p, noise", "a")(twins)) == 2.0


def test_every_optimizer_is_in_the_benchmark_by_default_and_as_tuned_once(benchmark):
    arms = benchmark.arms()
    compared = {name for name in optimizer_names() if not name.startswith("fast_") and name != "constant_predictor"}
    assert compared <= set(arms)
    for label, optimizer in arms.items():
        if label.endswith(" tuned"):
            assert optimizer != get_optimizer(label.removesuffix(" tuned"))
    assert {"pso tuned", "adam tuned", "lbfgs tuned"} <= set(arms)
