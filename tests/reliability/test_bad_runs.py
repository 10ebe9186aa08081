"""Whatever a run does, it is one row, and every other run stands."""

import ctypes
import os
import signal
import sys
import time

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError

TIMES = ["seconds", "host", "started_at", "message"]


def bowl(theta):
    return float(((theta - 2.0) ** 2).sum())


def objective_of(function, **options):
    return oc.function_objective(function, dim=2, penalty=oc.L2(1.0), **options)


def study(objectives, optimizers, seeds=(0, 1), budget=40, **options):
    return oc.Study(
        name="bad", question="?", objectives=objectives, optimizers=optimizers, seeds=seeds, budget=budget, **options
    )


def rows(results, *optimizers):
    frame = results.to_frame().drop(columns=TIMES)
    return frame[frame["optimizer"].isin(optimizers)].sort_values("key").reset_index(drop=True)


def traces(results):
    return results.traces().drop(columns="seconds")


# -- group 7: processes ---------------------------------------------------------------------------------------------


def raises(objective, start, rng):
    objective.value(start)
    raise ZeroDivisionError("mine")


def segfaults(objective, start, rng):
    ctypes.string_at(0)


def killed(objective, start, rng):
    os.kill(os.getpid(), signal.SIGKILL)


def stubborn(objective, start, rng):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def native(objective, start, rng):
    ctypes.PyDLL(None).pause()  # keeps the interpreter's lock


def greedy(objective, start, rng):
    hoard = []
    while True:
        hoard.append(np.empty(10_000_000))


def exits(objective, start, rng):
    sys.exit(3)


def needs_what_is_not_there(objective, start, rng):
    raise oc.errors.MissingLibraryError("it needs nowhere: pip install nowhere")


BAD = {
    "raises": (raises, "FAILED", "ZeroDivisionError: mine"),
    "segfaults": (segfaults, "CRASHED", "SIGSEGV"),
    "killed": (killed, "CRASHED", "SIGKILL"),
    "stubborn": (stubborn, "TIMEOUT", "limit of 5 s"),
    "native": (native, "TIMEOUT", "limit of 5 s"),
    "greedy": (greedy, "FAILED", "MemoryError"),
    "exits": (exits, "FAILED", "SystemExit: 3"),
    "missing": (needs_what_is_not_there, "SKIPPED", "pip install nowhere"),
}
GOOD = {"nelder_mead": "nelder_mead", "pso": "pso"}


def walk(objective, start, rng):
    while True:  # nothing to import: a limit of time on a loaded machine does not reach it
        objective.value(start + rng.standard_normal(2))


def answer(objective, start, rng):
    return start / 2


@pytest.mark.skipif(sys.platform != "linux", reason="the memory limit is Linux's")
def test_every_other_run_stands_and_the_bad_one_is_a_row(tmp_path):
    good = {"walk": walk, "answer": answer}
    objectives = {"bowl": objective_of(bowl)}
    undisturbed = study(objectives, good, seeds=[0]).run(jobs=1, progress=False)
    grid = study(objectives, {**{name: bad[0] for name, bad in BAD.items()}, **good}, seeds=[0])
    store = tmp_path / "bad.db"
    results = grid.run(store, jobs=2, run_timeout=5, memory_limit=0.3, progress=False)
    frame = results.to_frame()
    assert len(frame) == len(BAD) + len(good)
    for name, (_, status, words) in BAD.items():
        found = frame[frame["optimizer"] == name]
        assert set(found["status"]) == {status}, name
        assert found["message"].str.contains(words).all(), found["message"].tolist()
    pd.testing.assert_frame_equal(rows(results, *good), rows(undisturbed, *good), check_dtype=False)
    assert len(results.failures()) == len(BAD)

    before = frame.set_index("key")["started_at"]
    again = grid.run(store, jobs=1, progress=False).to_frame().set_index("key")  # nothing is left to run
    assert (again.loc[before.index, "started_at"].fillna("") == before.fillna("")).all()


def test_retrying_runs_the_failed_ones_alone(tmp_path, monkeypatch):
    def moody(objective, start, rng):
        if os.environ.get("MOOD") == "bad":
            raise RuntimeError("moody")
        return start

    grid = study({"bowl": objective_of(bowl)}, {"moody": moody, "pso": "pso"})
    monkeypatch.setenv("MOOD", "bad")
    first = grid.run(tmp_path / "r.db", jobs=1, progress=False).to_frame()
    monkeypatch.setenv("MOOD", "good")
    kept = grid.run(tmp_path / "r.db", jobs=1, progress=False).to_frame()
    assert kept["status"].tolist() == first["status"].tolist() and (kept["status"] == "FAILED").sum() == 2
    retried = grid.run(tmp_path / "r.db", jobs=1, progress=False, retry_failed=True).to_frame()
    assert retried["status"].tolist() == ["FINISHED", "FINISHED", "BUDGET", "BUDGET"]
    is_pso = first["optimizer"] == "pso"
    assert (retried["seconds"][is_pso] == first["seconds"][is_pso]).all()


@pytest.mark.parametrize("limits", [{"run_timeout": 0}, {"memory_limit": -1}, {"memory_limit": "1"}])
def test_limits_are_checked_before_anything_runs(limits, tmp_path):
    with pytest.raises(InvalidInputError, match="above 0"):
        study({"bowl": objective_of(bowl)}, GOOD).run(tmp_path / "x.db", **limits)
    assert list(tmp_path.iterdir()) == []


def test_an_arm_that_cannot_be_bound_is_refused_before_anything_runs(tmp_path):
    data = oc.load_dataset("iris", seed=0)
    grid = study(
        {"iris": oc.linear_objective(data, penalty=oc.L1(1.0))},
        {"pso": "pso", "decay": oc.InUpdate(oc.optimizers.GradientDescent())},
    )
    with pytest.raises(InvalidInputError, match="InUpdate takes lambda as decay"):
        grid.run(tmp_path / "x.db", jobs=1)
    assert list(tmp_path.iterdir()) == []


# -- group 6: the same bits -----------------------------------------------------------------------------------------


def test_serial_processes_resumed_and_interleaved_give_the_same_bits(tmp_path):
    def cancer(seed):
        data = oc.load_dataset("breast_cancer", seed=seed)
        return oc.linear_objective(data, penalty=oc.L2(1.0), noise=oc.Minibatch(64))

    def interleaving(objective, start, rng):
        """Another run in the midst of this one."""
        for _ in range(3):
            objective.value(start + rng.standard_normal(len(start)))
            oc.minimize(objective_of(bowl), "pso", budget=20, seed=9)

    names = {"pso": "pso", "cma_es": "cma_es", "adam": "adam", "mine": interleaving}
    grid = study({"cancer": cancer}, names, lambdas=[0.1, 10])
    serial = grid.run(tmp_path / "serial.db", jobs=1, progress=False)
    two = grid.run(tmp_path / "two.db", jobs=2, progress=False)
    part = study({"cancer": cancer}, {"mine": interleaving, "pso": "pso"}, seeds=[1], lambdas=[10])
    assert len(part.run(tmp_path / "resumed.db", jobs=1, progress=False).to_frame()) == 2
    resumed = grid.run(tmp_path / "resumed.db", jobs=2, progress=False)
    for other in (two, resumed):
        assert other.store.data_hash("bad") == serial.store.data_hash("bad")
        pd.testing.assert_frame_equal(traces(other), traces(serial))
        pd.testing.assert_frame_equal(rows(other, *names), rows(serial, *names))


# -- group 1: the objective ---------------------------------------------------------------------------------------


def test_results_that_are_no_number_are_rows_that_say_so():
    strange = {
        "an array": lambda theta: theta,
        "None": lambda theta: None,
        "complex": lambda theta: 1j * theta[0],
        "a text": lambda theta: "1.0",
        "a list": lambda theta: [1.0],
    }
    grid = study({name: objective_of(function) for name, function in strange.items()}, GOOD, seeds=[0])
    frame = grid.run(jobs=1, progress=False).to_frame()
    assert (frame["status"] == "FAILED").all() and len(frame) == 2 * len(strange)
    assert frame["message"].str.contains("must return one real number, got").all()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_an_answer_that_is_not_finite_is_none_and_the_best_point_stands(poison):
    def poisoned(objective, start, rng):
        objective.value(start)
        return start + poison

    objective = oc.function_objective(lambda theta: float(theta @ theta), dim=2)
    run = oc.minimize(objective, poisoned, budget=10, start=[1.0, 2.0])
    assert run.status == oc.Status.DIVERGED and "answer that is not finite" in run.message
    assert run.theta.tolist() == [1.0, 2.0] and run.best_value == 5.0 and run.measurements["loss"] == 5.0


def test_gradients_and_populations_of_the_wrong_length_are_rows_that_say_so():
    objectives = {
        "short gradient": objective_of(bowl, gradient=lambda theta: theta[:1]),
        "no gradient": objective_of(bowl, gradient=lambda theta: None),
        "short population": objective_of(bowl, gradient=lambda t: 2 * t, vectorized=lambda thetas: np.zeros(1)),
    }
    frame = study(objectives, {"lbfgs": "lbfgs", "pso": "pso"}, seeds=[0]).run(jobs=1, progress=False).to_frame()
    status = frame.set_index(["objective", "optimizer"])["status"]
    assert status["short gradient", "lbfgs"] == status["no gradient", "lbfgs"] == "FAILED"
    assert status["short population", "pso"] == "FAILED"
    assert status["short population", "lbfgs"] != "FAILED"
    assert frame[frame["status"] == "FAILED"]["message"].str.contains("real numbers of shape").all()


@pytest.mark.parametrize("name", ["nelder_mead", "pso", "cma_es"])
def test_what_was_found_before_the_call_that_raised_is_kept(name):
    calls = []

    def sour(theta):
        calls.append(1)
        if len(calls) >= 45:
            raise OSError("call 45")
        return bowl(theta)

    run = oc.minimize(objective_of(sour), name, budget=80)
    assert run.status == "FAILED" and "call 45" in run.message
    assert run.best_theta is not None and np.isfinite(run.theta).all()
    assert len(run.trace.rows) >= 1 and run.n_values >= 44


def test_one_that_draws_from_the_global_generators_is_reproducible_and_they_are_put_back():
    import random

    def noisy(theta):
        return bowl(theta) + np.random.normal() + random.random()

    state, before = np.random.get_state()[1].tolist(), random.getstate()
    first, second = (oc.minimize(objective_of(noisy), "nelder_mead", budget=40, seed=3) for _ in range(2))
    assert np.random.get_state()[1].tolist() == state and random.getstate() == before
    np.testing.assert_array_equal(first.theta, second.theta)
    assert first.best_theta.tobytes() == second.best_theta.tobytes()
    other = oc.minimize(objective_of(noisy), "nelder_mead", budget=40, seed=4)
    assert (other.theta != first.theta).any()


def test_one_that_writes_into_theta_fails_and_the_optimizer_keeps_its_point():
    def rude(theta):
        theta += 1.0
        return 0.0

    run = oc.minimize(objective_of(rude), "pso", budget=10, start=[0.5, 0.5])
    assert run.status == "FAILED" and "read-only" in run.message
    assert run.theta.tolist() == [0.5, 0.5]


def test_one_that_prints_harms_neither_the_record_nor_the_worker(tmp_path, capfd):
    def loud(theta):
        print("loud " * 2000)
        print("louder", file=sys.stderr)
        os.write(1, b"loudest\n")
        return bowl(theta)

    results = study({"loud": objective_of(loud)}, GOOD, seeds=[0]).run(tmp_path / "l.db", jobs=2, progress=False)
    quiet = study({"loud": objective_of(bowl)}, GOOD, seeds=[0]).run(jobs=1, progress=False)
    found, wanted = (rows(one, *GOOD).set_index("optimizer") for one in (results, quiet))
    pd.testing.assert_series_equal(found["best_value"], wanted["best_value"], check_like=True)
    assert "loudest" in capfd.readouterr().out


def test_one_that_is_slow_ends_at_the_clock():
    def slow(theta):
        time.sleep(0.05)
        return bowl(theta)

    run = oc.minimize(objective_of(slow), "pso", budget=oc.Budget(evaluations=10_000, seconds=0.3))
    assert run.status == "BUDGET" and "wall clock" in run.message and 1 <= run.n_values < 10_000


# -- group 4: settings ------------------------------------------------------------------------------------------------


def test_lambda_0_is_no_penalty_to_the_last_bit():
    data = oc.load_dataset("iris", seed=0)
    zero, none = oc.linear_objective(data, penalty=oc.L2(0.0)), oc.linear_objective(data)
    for name in ("lbfgs", "pso"):
        one, other = (oc.minimize(objective, name, budget=40) for objective in (zero, none))
        assert one.theta.tobytes() == other.theta.tobytes() and one.best_value == other.best_value
    results = study({"iris": zero}, ["lbfgs"], lambdas=[0]).run(jobs=1, progress=False)
    assert results.to_frame()["lam"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("lam", [-1, float("nan"), float("inf"), "1", None, True])
def test_lambdas_that_are_none_are_refused(lam):
    with pytest.raises(InvalidInputError, match="lambda"):
        study({"bowl": objective_of(bowl)}, GOOD, lambdas=[lam])


def test_numpy_seeds_are_seeds():
    one = oc.minimize(objective_of(bowl), "pso", budget=20, seed=np.int64(7))
    other = oc.minimize(objective_of(bowl), "pso", budget=20, seed=7)
    assert one.theta.tobytes() == other.theta.tobytes()
    assert study({"bowl": objective_of(bowl)}, GOOD, seeds=np.arange(2)).seeds == (0, 1)


# -- group 2: training ------------------------------------------------------------------------------------------------


def test_a_batch_larger_than_the_data_is_a_row_that_says_so():
    objective = oc.linear_objective(oc.load_dataset("iris", seed=0), penalty=oc.L2(1.0), noise=oc.Minibatch(500))
    frame = study({"iris": objective}, ["adam", "pso"], seeds=[0]).run(jobs=1, progress=False).to_frame()
    assert (frame["status"] == "FAILED").all()
    assert frame["message"].str.contains("larger than the .* training items").all()


def test_a_rate_that_explodes_is_a_row():
    objective = oc.linear_objective(oc.load_dataset("diabetes", seed=0), penalty=oc.L2(1.0))
    arm = oc.optimizers.GradientDescent(learning_rate=1e6)
    frame = (
        study({"diabetes": objective}, {"gd": arm, "lbfgs": "lbfgs"}, budget=3000, seeds=[0])
        .run(jobs=1, progress=False)
        .to_frame()
    )
    assert frame.set_index("optimizer")["status"].to_dict() == {"gd": "DIVERGED", "lbfgs": "FINISHED"}
