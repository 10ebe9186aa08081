"""A study's reference path, and claims that measure another table than the runs."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError


def objective():
    X = np.random.default_rng(0).normal(size=(20, 2))
    return oc.linear_objective(oc.Dataset.from_arrays(X, X @ [1.0, 2.0], task="regression"), penalty=oc.L2(1.0))


def a_study(**changes):
    settings = {"name": "mine", "question": "?", "objectives": {"a": objective()}, "lambdas": [1.0],
                "optimizers": ["random_search"], "seeds": range(6), "budget": 20}  # fmt: skip
    return oc.Study(**{**settings, **changes})


def test_the_path_is_run_by_the_reference_though_it_is_no_arm_of_the_study():
    results = a_study(path=[0.1, 1.0, 10.0]).run(jobs=1, progress=False)
    path = results.path_frame()
    assert set(path["optimizer"]) == {"lbfgs"} and set(results.to_frame()["optimizer"]) == {"random_search"}
    assert len(path) == 18 and (path["status"] == "FINISHED").all()  # not cut off by the study's budget
    assert a_study().run(jobs=1, progress=False).path_frame().empty
    with pytest.raises(InvalidInputError, match="lambda"):
        a_study(path=[-1.0])


def test_an_arm_of_the_study_can_be_the_reference():
    arm = oc.optimizers.GradientDescent(learning_rate=0.1, gradient_tolerance=1e-6)
    study = a_study(optimizers={"mine": arm}, reference="mine", path=[0.5, 1.0])
    path = study.run(jobs=1, progress=False).path_frame()
    assert set(path["optimizer"]) == {"mine"} and set(path["lam"]) == {0.5, 1.0}


def seen_costs(results):
    """Return the traces, with what a claim needs of a table."""
    return results.traces().assign(status="FINISHED", half=0.5)


def test_a_claim_measures_the_table_that_it_names():
    def claim(table, column):
        return oc.Claim(
            f"half of {column}", lambda rows: float(rows[column].iloc[-1]), 0.4, 0.6, rows=lambda frame: frame,
            control=lambda frame: frame.assign(**{column: 2.0}), table=table,
        )  # fmt: skip

    other = a_study(claims=[claim(seen_costs, "half"), claim(None, "n_values")])
    verdicts = other.run(jobs=1, progress=False).claims()
    assert list(verdicts["verdict"]) == ["holds", "fails"]
    assert list(verdicts["measured"]) == [0.5, 20.0]
