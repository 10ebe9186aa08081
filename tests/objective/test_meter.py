"""The lambda meter reads back what went in, and says when it cannot."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc

TIGHT = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 50_000, "maxfun": 200_000}


def solve(objective, seed=0):
    start = objective.start(np.random.default_rng(seed))
    return minimize(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=TIGHT).x


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "diabetes"])
@pytest.mark.parametrize("lam", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reads_lambda_back_at_the_optimum(name, lam, reduction):
    objective = oc.linear_objective(oc.load_dataset(name, seed=5), penalty=oc.L2(lam), reduction=reduction)
    reading = oc.implied_lambda(objective, solve(objective))
    assert reading.value == pytest.approx(lam, rel=1e-4)
    assert reading.identified and reading.angle < 0.1
    assert oc.implied_lambda(objective, solve(objective), form="ray").value == pytest.approx(lam, rel=1e-4)


def test_reads_lambda_back_in_every_layer():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(4,), penalty=oc.L2(0.5))
    reading = oc.implied_lambda(objective, solve(objective))
    np.testing.assert_allclose(reading.per_layer, 0.5, rtol=1e-4)


def test_error_is_the_gradient_along_w():
    # lambda_hat - lambda = -<grad J, w>/(c |w|^2), exactly, anywhere
    objective = oc.linear_objective(oc.load_dataset("diabetes"), penalty=oc.L2(2.0))
    theta = objective.start(np.random.default_rng(1))
    w = theta * objective.is_weight
    exact = 2.0 - objective.gradient(theta) @ w / (objective.penalty_scale * (w @ w))
    assert oc.implied_lambda(objective, theta).value == pytest.approx(exact, rel=1e-12)


def test_angle_bounds_the_distance_to_the_path_on_a_convex_loss():
    objective = oc.linear_objective(oc.load_dataset("diabetes"), penalty=oc.L2(5.0))
    theta = solve(objective)
    off = theta + 1e-3 * np.random.default_rng(0).standard_normal(objective.dim) * objective.is_weight
    reading = oc.implied_lambda(objective, off)
    on_path = solve(objective.with_lambda(reading.value))
    w, w_path = off[objective.is_weight], on_path[objective.is_weight]
    assert np.linalg.norm(w - w_path) / np.linalg.norm(w) <= np.tan(np.radians(reading.angle)) * 1.001


def test_says_when_it_is_not_an_l2_lambda():
    objective = oc.linear_objective(oc.load_dataset("wine"), penalty=oc.L2(1.0))
    random = oc.implied_lambda(objective, objective.start(np.random.default_rng(0)))
    assert not random.identified and random.reason
    zero = oc.implied_lambda(objective, np.zeros(objective.dim))
    assert np.isnan(zero.value) and not zero.identified
    tilted = solve(objective)
    tilted[np.flatnonzero(~objective.is_weight)[0]] += 5.0  # all biases alike would be softmax's flat direction
    assert not oc.implied_lambda(objective, tilted).identified
    assert "NOT identified" in repr(random) and "angle" in repr(random)


def test_ray_form_reads_losses_without_a_gradient():
    from scipy.optimize import minimize_scalar

    # one weight, J = |w - 2| + lambda/2 w^2 with lambda = 1: the optimum is where 1 = lambda w
    objective = oc.function_objective(lambda t: float(abs(t[0] - 2.0)), dim=1, penalty=oc.L2(1.0))
    best = minimize_scalar(lambda w: objective.value([w]), bounds=(0, 3), method="bounded").x
    reading = oc.implied_lambda(objective, [best])
    assert reading.form == "ray" and reading.value == pytest.approx(1.0, rel=1e-4)
    assert not reading.identified
