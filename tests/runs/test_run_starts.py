"""What a run takes from where it starts and from its objective: the anchor, and monitors of (objective, theta)."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError

GD = oc.optimizers.GradientDescent


def bowl(at, penalty=None):
    return oc.function_objective(
        lambda theta: float(((theta - at) ** 2).sum()),
        dim=2,
        gradient=lambda theta: 2.0 * (theta - at),
        penalty=penalty,
    )


def test_the_penalty_may_be_around_the_start():
    start = np.array([1.0, -2.0])
    objective = bowl(3.0, oc.AnchoredL2(6.0, anchor="start"))
    run = oc.minimize(objective, "lbfgs", budget=500, start=start)
    np.testing.assert_allclose(run.theta, (2.0 * 3.0 + 6.0 * start) / 8.0, atol=1e-6)
    assert run.best_value == bowl(3.0, oc.AnchoredL2(6.0, anchor=start)).value(run.best_theta)
    assert run.measurements["penalty_value"] == pytest.approx(3.0 * ((run.theta - start) ** 2).sum())
    assert oc.implied_multiplier(objective.started_at(start), run.theta) == pytest.approx(6.0, rel=1e-4)


def test_an_anchor_that_was_given_stays_and_other_penalties_do_not_care():
    given = bowl(3.0, oc.AnchoredL2(6.0, anchor=np.zeros(2)))
    assert given.started_at(np.ones(2)) is given
    assert bowl(3.0, oc.L2(1.0)).started_at(np.ones(2)).penalty == oc.L2(1.0)


def test_outside_of_a_run_there_is_no_anchor_to_measure_from():
    objective = bowl(3.0, oc.AnchoredL2(6.0, "start"))
    assert "(w - a)^2, a where the run starts" in objective.formula()
    assert objective.with_lambda(2.0).penalty == oc.AnchoredL2(2.0, "start") != oc.AnchoredL2(2.0, np.zeros(2))
    assert hash(oc.AnchoredL2(2.0, "start")) == hash(oc.AnchoredL2(2.0, "start"))
    with pytest.raises(InvalidInputError, match="started_at"):
        objective.value(np.zeros(2))


def test_each_run_of_a_study_is_held_to_its_own_answer_to_the_first_task(tmp_path):
    study = oc.Study(
        name="tasks",
        question="?",
        objectives={"A": bowl(0.0), "B": bowl(4.0, oc.AnchoredL2(2.0, "start"))},
        optimizers={"lbfgs": "lbfgs", "half": lambda objective, start, rng: start / 2.0},
        seeds=range(2),
        budget=300,
        start_from={"B": "A"},
        measurements={"moved": lambda objective, theta: float(np.abs(theta - objective.penalty.anchor).max())
                      if isinstance(objective.penalty, oc.AnchoredL2) else 0.0},
    )  # fmt: skip
    results = study.run(tmp_path / "tasks.db", jobs=1, progress=False)
    frame = results.to_frame()
    for (optimizer, _), rows in frame.groupby(["optimizer", "seed"]):
        a, b = (rows[rows["objective"] == label].iloc[0] for label in "AB")
        theta_a, theta_b = (results.run(row["key"])["theta"] for row in (a, b))
        assert b["moved"] == np.abs(theta_b - theta_a).max()
        if optimizer == "lbfgs":  # half way between 0 and 4: 2 (4 - w) = 2 (w - 0)
            np.testing.assert_allclose(theta_b, 2.0, atol=1e-5)


def test_a_monitor_may_ask_the_objective():
    monitors = {
        "of theta": lambda theta: theta[0],
        "of both": lambda objective, theta: objective.loss(theta) + theta[0],
    }
    run = oc.minimize(bowl(3.0, oc.L2(1.0)), GD(learning_rate=0.1), budget=60, monitors=monitors)
    rows = run.trace.to_frame().dropna(subset=["of theta"])
    assert len(rows) > 5
    np.testing.assert_allclose(rows["of both"], rows["loss"] + rows["of theta"])


def test_a_monitor_with_a_default_is_still_one_of_theta():
    run = oc.minimize(
        bowl(3.0), GD(learning_rate=0.1), budget=60, monitors={"scaled": lambda theta, by=2.0: by * theta[0]}
    )
    assert run.trace.to_frame()["scaled"].iloc[-1] == 2.0 * run.theta[0]


def test_the_trace_of_minibatches_does_not_outweigh_the_run():
    data = oc.load_dataset("breast_cancer", seed=0)
    objective = oc.linear_objective(data, penalty=oc.L2(1.0), noise=oc.Minibatch(4))
    run = oc.minimize(objective, GD(learning_rate=0.01), budget=30)
    assert run.n_values == 10  # passes: about 1,000 calls
    assert 50 <= len(run.trace.rows) <= 108  # a row measures one or two passes: 100 + 10/2 of them, and the last row
