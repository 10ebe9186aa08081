"""The best constant predictor: closed forms, and what it does where there is nothing to predict with."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError


def constant(objective, **options):
    return oc.minimize(objective, oc.optimizers.ConstantPredictor(**options), budget=20_000)


def best_error(data, loss):
    """The error of the best constant score, from the labels alone."""
    if data.task == "regression":
        y = data.y.reshape(len(data.y), -1)
        return 0.5 * ((y - y.mean(axis=0)) ** 2).sum(axis=1).mean()
    shares = np.bincount(data.y) / len(data.y)
    return shares.min() if loss in ("ramp", "zero_one") else -(shares * np.log(shares)).sum()


@pytest.mark.parametrize("hidden", [(), (3,)])
@pytest.mark.parametrize(
    ("name", "loss"),
    [("breast_cancer", None), ("iris", None), ("linnerud", None), ("breast_cancer", "ramp"), ("wine", None),
     ("breast_cancer", "zero_one")],
)  # fmt: skip
def test_closed_forms(name, loss, hidden):
    data = oc.load_dataset(name, seed=1)
    objective = oc.mlp_objective(data, hidden=hidden or (2,), loss=loss, penalty=oc.L2(3.0))
    if not hidden:
        objective = oc.linear_objective(data, loss=loss, penalty=oc.L2(3.0))
    run = constant(objective)
    assert run.status == "FINISHED"
    assert not run.theta[objective.is_weight].any()
    assert objective.value(run.theta) == pytest.approx(best_error(data, loss), rel=1e-14)


def test_targets_far_from_zero_are_reached():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 2)), 5000.0 + 300.0 * rng.standard_normal(60)
    data = oc.Dataset.from_arrays(X, y, task="regression", test_size=0.0, standardise=False)
    run = constant(oc.linear_objective(data, penalty=oc.L2(1.0)))
    assert run.theta[-1] == pytest.approx(y.mean(), rel=1e-6)


def test_rare_classes():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(990, int), np.ones(10, int)]
    data = oc.Dataset.from_arrays(rng.standard_normal((1000, 2)), y, task="classification", test_size=0.0)
    for loss in (None, "ramp", "zero_one"):
        objective = oc.linear_objective(data, loss=loss, penalty=oc.L2(1.0))
        assert objective.value(constant(objective).theta) == pytest.approx(best_error(data, loss), rel=1e-13)


@pytest.mark.parametrize("is_weight", [np.ones(3, bool), np.zeros(3, bool)])
def test_zero_where_there_are_no_biases_or_no_weights(is_weight):
    objective = oc.function_objective(lambda t: float(((t - 1) ** 2).sum()), dim=3, is_weight=is_weight)
    run = constant(objective)
    assert not run.theta.any() and run.n_values == 2


def test_the_answer_is_constant_even_where_the_start_is_better():
    data = oc.load_dataset("iris", seed=0)
    objective = oc.linear_objective(data, penalty=oc.L2(0.1))
    good = oc.minimize(objective, "lbfgs", budget=3000).theta
    run = oc.minimize(objective, "constant_predictor", budget=3000, start=good)
    assert not run.theta[objective.is_weight].any()
    assert run.measurements["regularized_error"] == pytest.approx(best_error(data, None), rel=1e-13)
    assert run.best_value == objective.value(good)


def test_a_spent_budget_leaves_the_best_of_the_scan():
    objective = oc.linear_objective(oc.load_dataset("iris", seed=0), penalty=oc.L2(0.1))
    for budget in (1, 2, 20, 45):
        run = oc.minimize(objective, "constant_predictor", budget=budget)
        assert run.status == "BUDGET" and run.cost <= budget
        assert not run.theta[objective.is_weight].any()


@pytest.mark.parametrize("n_ones", [10, 90])
@pytest.mark.parametrize("loss", ["ramp", "zero_one"])
def test_the_scan_alone_finds_the_constant_class(loss, n_ones):
    y = (np.arange(100) < n_ones).astype(int)
    X = np.random.default_rng(0).standard_normal((100, 2))
    data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0)
    objective = oc.linear_objective(data, loss=loss, penalty=oc.L2(1.0))
    run = oc.minimize(objective, "constant_predictor", budget=14)  # the start, zero and twelve biases
    assert run.status == "BUDGET" and objective.value(run.theta) == pytest.approx(0.1, rel=1e-14)


def test_its_reach_must_be_positive():
    with pytest.raises(InvalidInputError, match="reach"):
        oc.optimizers.ConstantPredictor(reach=0.0)
