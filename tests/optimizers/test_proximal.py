"""Proximal steps and projections: exact zeros, and optima that other solvers agree on."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import InvalidInputError

GD = oc.optimizers.GradientDescent
DIABETES = oc.load_dataset("diabetes", seed=3)


def lasso(alpha=0.1):
    from sklearn.linear_model import Lasso

    theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=50_000).fit(DIABETES.X, DIABETES.y)
    objective = oc.linear_objective(DIABETES, penalty=oc.L1(alpha * DIABETES.n_samples))
    return objective, np.append(theirs.coef_, theirs.intercept_)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "momentum_form": "averaged"}])
def test_proximal_steps_reach_lassos_zeros_exactly(options):
    objective, theirs = lasso()
    optimizer = GD(proximal=True, gradient_tolerance=1e-10, **options)
    run = oc.minimize(objective, optimizer, budget=12_000, seed=1)
    assert run.status is oc.Status.FINISHED
    np.testing.assert_allclose(run.theta, theirs, atol=1e-8)
    np.testing.assert_array_equal(run.theta[:-1] == 0, theirs[:-1] == 0)
    assert (run.theta == 0).sum() >= 3


def test_subgradient_steps_come_near_the_zeros_and_never_land_on_them():
    objective, theirs = lasso()
    schedule = oc.optimizers.InverseTime(half=100)
    run = oc.minimize(objective, GD(learning_rate=0.3, schedule=schedule), budget=9000, seed=1)
    zeros = theirs[:-1] == 0
    assert (run.theta[:-1] != 0).all()
    assert np.abs(run.theta[:-1][zeros]).max() < 2e-3
    assert objective.value(run.theta) == pytest.approx(objective.value(theirs), rel=2e-3)


@pytest.mark.parametrize(
    "penalty", [oc.ElasticNet(l1=20.0, l2=40.0), oc.L2(30.0), oc.WeightElimination(5.0, scale=0.3)]
)
def test_proximal_and_plain_steps_come_to_rest_at_the_same_point(penalty):
    objective = oc.linear_objective(DIABETES, penalty=penalty)
    start = np.append(0.3 * np.sign(DIABETES.X.T @ DIABETES.y), 0.0)
    run = oc.minimize(objective, GD(proximal=True, gradient_tolerance=1e-9), budget=30_000, start=start)
    assert run.status is oc.Status.FINISHED
    kept = np.append(run.theta[:-1] != 0, True)
    np.testing.assert_allclose(objective.gradient(run.theta)[kept], 0.0, atol=1e-8)


def test_a_proximal_run_pays_and_shows_like_any_other():
    objective, _ = lasso()
    start = objective.start(np.random.default_rng(0))
    run = oc.minimize(objective, GD(learning_rate=0.2, proximal=True), budget=31, start=start)
    assert run.n_values == run.n_gradients == 10 and run.cost == 30
    theta = start
    for _ in range(10):
        theta = objective.prox(theta - 0.2 * objective.loss_gradient(theta), 0.2)
    np.testing.assert_array_equal(run.theta, theta)
    assert run.trace.to_frame()["best_value"].iloc[0] == objective.value(start)


def test_the_estimated_rate_does_not_see_the_kinks():
    objective, _ = lasso()
    start = np.zeros(objective.dim)  # every weight at its kink
    run = oc.minimize(objective, GD(proximal=True, gradient_tolerance=1e-9), budget=6000, start=start)
    assert run.status is oc.Status.FINISHED


def test_what_would_rest_at_another_lambda_is_refused():
    for wrong in (
        {"momentum": 0.9},
        {"momentum": 0.9, "momentum_form": "nesterov"},
        {"momentum": 0.9, "momentum_form": "sutskever"},
        {"transform": "sign", "learning_rate": 0.1},
        {"scale": "running", "learning_rate": 0.1},
    ):
        with pytest.raises(InvalidInputError, match="another lambda"):
            GD(proximal=True, **wrong)
    with pytest.raises(InvalidInputError, match="another lambda"):
        oc.optimizers.Adam(proximal=True)
    with pytest.raises(InvalidInputError, match="proximal must be True or False"):
        GD(proximal=1)


# max-norm ----------------------------------------------------------------------------------------------------------

SMALL = oc.Dataset.from_arrays(
    DIABETES.X[:, [2, 3, 8]], DIABETES.y, task="regression", test_size=0.0, validation_size=0.0, seed=0
)
RADIUS = 0.3


def by_slsqp(per_neuron=False):
    objective = oc.linear_objective(SMALL, penalty=oc.MaxNorm(RADIUS, per_neuron=per_neuron))
    inside = {"type": "ineq", "fun": lambda t: RADIUS**2 - float(t[:3] @ t[:3])}
    found = minimize(
        objective.loss, np.zeros(4), jac=objective.loss_gradient, method="SLSQP", constraints=[inside],
        options={"ftol": 1e-13, "maxiter": 500},  # theta to 3e-7; 1e-15 is below the loss's rounding
    )  # fmt: skip
    assert found.success
    return objective, found.x


@pytest.mark.parametrize("optimizer", [GD(), GD(proximal=True), oc.optimizers.HeavyBall()])
def test_projected_gradient_reaches_the_constrained_optimum(optimizer):
    objective, best = by_slsqp(per_neuron=isinstance(optimizer, oc.optimizers.HeavyBall))
    run = oc.minimize(objective, optimizer, budget=3000, seed=2)
    np.testing.assert_allclose(run.theta, best, atol=1e-6)
    assert objective.norm(run.theta) == pytest.approx(RADIUS, rel=1e-11)
    assert np.all(oc.implied_multiplier(objective, run.theta) > 1.0)


def test_gradient_tolerance_stops_on_the_constraint():
    objective, best = by_slsqp()
    run = oc.minimize(objective, GD(gradient_tolerance=1e-9), budget=30_000, seed=2)
    assert run.status is oc.Status.FINISHED and np.abs(objective.gradient(run.theta)).max() > 1e-3
    np.testing.assert_allclose(run.theta, best, atol=1e-6)


@pytest.mark.parametrize("name", ["nelder_mead", "pso", "cma_es"])
def test_direct_optimizers_reach_the_constrained_optimum(name):
    objective, best = by_slsqp()
    run = oc.minimize(objective, name, budget=3000, seed=0)
    assert objective.value(run.theta) == pytest.approx(objective.value(best), rel=1e-5)
    np.testing.assert_allclose(run.theta, best, atol=3e-3)
    assert objective.norm(run.theta) <= RADIUS * (1 + 1e-11)
    assert oc.implied_multiplier(objective, run.theta) == pytest.approx(
        oc.implied_multiplier(objective, best), rel=0.02
    )


def test_an_inactive_constraint_changes_nothing():
    free = oc.linear_objective(SMALL)
    loose = oc.linear_objective(SMALL, penalty=oc.MaxNorm(1e3))
    one, two = (oc.minimize(objective, "nelder_mead", budget=500, seed=0) for objective in (free, loose))
    np.testing.assert_array_equal(one.theta, two.theta)
