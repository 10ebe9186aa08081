"""A study's own measurements: taken of every answer, stored, and columns of the table."""

import math

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError


def bowl(theta):
    return float(theta @ theta)


def half(objective, start, rng):
    objective.value(start)
    return 0.5 * start


def a_study(**changes):
    objective = oc.function_objective(bowl, dim=3, penalty=oc.L2(2.0))
    settings = {
        "measurements": {
            "largest": lambda objective, theta: np.abs(theta).max(),
            "seen_lambda": lambda objective, theta: objective.lam,
            "hopeless": lambda objective, theta: math.inf,
        }
    }
    settings |= {"optimizers": {"half": half}, **changes}
    return oc.Study(
        name="s", question="?", objectives={"bowl": objective}, lambdas=[1, 4], seeds=range(2), budget=10, **settings
    )


def test_measurements_are_taken_of_the_answer_at_the_nominal_lambda_and_survive_the_store(tmp_path):
    a_study().run(tmp_path / "s.db", jobs=1, progress=False)
    frame = oc.load_results(tmp_path / "s.db").to_frame()
    assert (frame["seen_lambda"] == frame["lam"]).all()
    assert frame["hopeless"].isna().all()
    results = oc.load_results(tmp_path / "s.db")
    for row in frame.itertuples():
        assert row.largest == np.abs(results.run(row.key)["theta"]).max()


def test_they_cost_nothing_and_are_part_of_the_runs_identity():
    with_them, without = (
        study.run(jobs=1, progress=False).to_frame() for study in (a_study(), a_study(measurements={}))
    )
    assert list(with_them["cost"]) == list(without["cost"]) == [1.0] * 4
    assert set(with_them["key"]).isdisjoint(without["key"])
    assert "largest" not in without


def test_a_run_that_was_skipped_has_no_answer_to_measure():
    class Needy(oc.Optimizer):
        def minimize(self, objective, start, rng):
            raise oc.errors.MissingLibraryError("pip install nowhere")

    frame = a_study(optimizers={"needy": Needy(), "half": half}).run(jobs=1, progress=False).to_frame()
    is_skipped = frame["status"] == "SKIPPED"
    assert is_skipped.sum() == 4
    assert frame.loc[is_skipped, "largest"].isna().all() and frame.loc[~is_skipped, "largest"].notna().all()


def test_a_measurement_that_raises_is_a_failed_run_and_a_taken_name_is_refused():
    def broken(objective, theta):
        raise RuntimeError("no such thing")

    frame = a_study(measurements={"broken": broken}).run(jobs=1, progress=False).to_frame()
    assert (frame["status"] == "FAILED").all()
    assert frame["message"].str.contains("no such thing").all()
    with pytest.raises(InvalidInputError, match="norm"):
        a_study(measurements={"norm": broken})


def test_a_box_that_leaves_the_start_outside_is_a_failed_run_among_others():
    boxed = oc.optimizers.Pso(lower=-1e-6, upper=1e-6)
    frame = a_study(optimizers={"boxed": boxed, "half": half}).run(jobs=1, progress=False).to_frame()
    assert (frame[frame["optimizer"] == "boxed"]["status"] == "FAILED").all()
    assert frame[frame["optimizer"] == "boxed"]["message"].str.contains("outside the box").all()
    assert (frame[frame["optimizer"] == "half"]["status"] == "FINISHED").all()
