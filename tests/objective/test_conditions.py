"""Residuals of what decay minimizes instead: 0 at independently solved minimizers, not elsewhere."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective import conditions


@pytest.fixture(scope="module", params=["breast_cancer", "diabetes"])
def objective(request):
    return oc.linear_objective(oc.load_dataset(request.param, seed=0))


def solved(objective, extra=None, **options):
    """The minimizer of the loss plus extra(w) -> (value, gradient), by scipy."""
    inside = objective.is_weight

    def total(theta):
        value, gradient = objective.loss(theta), objective.loss_gradient(theta)
        if extra is not None:
            added, slope = extra(theta[inside])
            value, gradient[inside] = value + added, gradient[inside] + slope
        return value, gradient

    tight = {"ftol": 0, "gtol": 1e-11, "maxiter": 20_000, "maxfun": 20_000}
    return minimize(total, np.zeros(objective.dim), jac=True, method="L-BFGS-B", options=tight, **options).x


def test_l2(objective):
    lam, n = 7.0, objective.n_samples
    theta = solved(objective, lambda w: (lam / (2 * n) * w @ w, lam / n * w))
    assert conditions.l2_residual(objective, theta, lam) < 1e-6
    assert conditions.l2_residual(objective, theta, 1.1 * lam) == pytest.approx(0.1, rel=1e-4)


def test_box(objective):
    radius = 0.2
    bounds = [(-radius, radius) if inside else (None, None) for inside in objective.is_weight]
    theta = solved(objective, bounds=bounds)
    assert abs(conditions.box_gap(objective, theta, radius)) < 1e-6
    assert conditions.box_gap(objective, 0.9 * theta, radius) > 0.05
    assert conditions.box_gap(objective, 0.0 * theta, radius) == 1.0


def test_ball(objective):
    """Every L2 minimizer is the minimizer over the ball of its own norm, and of no other."""
    theta = solved(objective, lambda w: (0.1 * w @ w, 0.2 * w))
    radius = np.linalg.norm(theta[objective.is_weight])
    assert conditions.ball_residual(objective, theta, radius) < 1e-6
    assert conditions.ball_residual(objective, theta, 2 * radius) == pytest.approx(0.5, rel=1e-5)


def test_barrier(objective):
    radius, epsilon = 0.5, 0.01

    def barrier(w):
        share = np.minimum(np.abs(w) / radius, 1 - 1e-9)
        value = epsilon * radius * np.sum(-share - np.log(1 - share))
        return value, epsilon / radius * w / (1 - share)

    bounds = [(-0.999 * radius, 0.999 * radius) if inside else (None, None) for inside in objective.is_weight]
    theta = solved(objective, barrier, bounds=bounds)
    assert conditions.barrier_residual(objective, theta, radius, epsilon) < 1e-5
    assert conditions.barrier_residual(objective, theta, radius, 2 * epsilon) > 0.1


def test_newton_shrinks_the_bare_minimizer_of_a_quadratic():
    objective = oc.linear_objective(oc.load_dataset("diabetes", seed=0))
    bare, ratio = solved(objective), 0.25
    shrunk = np.where(objective.is_weight, bare / (1 + ratio), bare)
    assert conditions.newton_residual(objective, shrunk, ratio) < 1e-6
    assert conditions.newton_residual(objective, shrunk, 2 * ratio) == pytest.approx(1.0, rel=1e-4)


def test_coordinate_forces_are_those_of_the_batches_that_an_optimizer_draws(objective):
    batch, theta = 32, np.linspace(-0.5, 0.5, objective.dim)
    noisy = oc.linear_objective(objective.data, noise=oc.Minibatch(batch))
    rounds = 400 * -(-objective.n_samples // batch)
    samples = noisy.samples(np.random.default_rng(0))
    squares = sum(noisy.gradient(theta, next(samples)) ** 2 for _ in range(rounds)) / rounds
    inside = objective.is_weight
    forces = conditions.coordinate_forces(objective, theta, 0.3, batch)
    np.testing.assert_allclose(forces, 0.3 * np.sqrt(squares[inside]) * theta[inside], rtol=0.03)


def test_wrong_input_is_refused(objective):
    for call in (conditions.box_gap, conditions.ball_residual):
        with pytest.raises(InvalidInputError, match="radius"):
            call(objective, np.ones(objective.dim), 0.0)
    deep = oc.mlp_objective(objective.data, hidden=(2,))
    with pytest.raises(InvalidInputError, match="linear"):
        conditions.coordinate_forces(deep, np.ones(deep.dim), 0.1, 8)
