"""The closed-form Hessians against differences of gradients, and the minimiser made of them."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective.curvature import (
    _by_differences,
    _gauss_newton,
    at_canonical_lambda,
    is_convex,
    loss_hessian,
    minimise,
)
from optcompare.objective.losses import LOSSES, Loss


def linear(name, **options):
    return oc.linear_objective(oc.load_dataset(name, seed=3), penalty=oc.L2(1.0), **options)


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "diabetes", "linnerud"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_hessian_of_a_linear_model(name, reduction):
    objective = linear(name, reduction=reduction)
    theta = objective.start(np.random.default_rng(0)) + 0.1
    exact = loss_hessian(objective, theta)
    np.testing.assert_allclose(exact, _by_differences(objective, theta), atol=1e-9 * np.abs(exact).max())
    np.testing.assert_allclose(exact, _gauss_newton(objective, theta), atol=1e-9 * np.abs(exact).max())


@pytest.mark.parametrize("loss", ["half_squared_error", "logistic", "softmax"])
def test_curvature_in_the_scores(loss):
    rng = np.random.default_rng(0)
    k = {"half_squared_error": 2, "logistic": 1, "softmax": 4}[loss]
    Z = 3.0 * rng.standard_normal((7, k))
    y = rng.standard_normal((7, k)) if loss == "half_squared_error" else rng.integers(0, max(k, 2), 7)
    exact = LOSSES[loss].curvature(Z, y)
    np.testing.assert_allclose(exact, Loss.curvature(LOSSES[loss], Z, y), atol=1e-9)
    assert np.isfinite(LOSSES[loss].curvature(1e4 * Z, y)).all()


def test_softmax_curvature_keeps_its_digits_when_saturated():
    curvature = LOSSES["softmax"].curvature(np.array([[60.0, 0.0, 0.0]]), np.array([0]))[0]
    assert curvature[0, 0] == pytest.approx(2.0 * np.exp(-60.0), rel=1e-12)
    np.testing.assert_allclose(curvature.sum(axis=1), 0.0, atol=1e-40)


def test_gauss_newton_of_an_mlp_is_the_hessian_where_residuals_vanish():
    data = oc.load_dataset("diabetes", seed=0)
    objective = oc.mlp_objective(data, hidden=(3,), penalty=oc.L2(1.0))
    theta = objective.start(np.random.default_rng(0))
    exact = oc.mlp_objective(
        oc.Dataset.from_arrays(
            data.X, objective.model.scores(theta, data.X)[:, 0], task="regression", test_size=0.0, standardise=False
        ),
        hidden=(3,),
    )
    H = loss_hessian(exact, theta)
    np.testing.assert_allclose(H, _by_differences(exact, theta), atol=1e-7)
    assert np.linalg.eigvalsh(loss_hessian(objective, theta)).min() > -1e-10


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "linnerud"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_minimises_to_rounding_from_anywhere(name, reduction):
    objective = linear(name, reduction=reduction)
    scale = objective.n_samples * objective.penalty_scale
    for lam in (1e6, 1.0, 1e-6):
        reference = at_canonical_lambda(objective, lam)
        answers = [minimise(reference, 3.0 * objective.start(np.random.default_rng(seed))) for seed in range(2)]
        for theta in answers:
            assert np.abs(reference.gradient(theta)).max() <= 1e-13 * scale
        weights = [theta[objective.is_weight] for theta in answers]
        np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6, atol=1e-7 * np.linalg.norm(weights[0]))


def test_penalised_biases_are_minimised_too():
    objective = oc.linear_objective(oc.load_dataset("iris"), penalty=oc.L2(2.0, biases=True))
    assert at_canonical_lambda(objective, 0.5).is_penalised.all()
    assert np.abs(objective.gradient(minimise(objective, np.zeros(objective.dim)))).max() < 1e-14


def test_says_what_is_convex_and_what_has_no_curvature():
    data = oc.load_dataset("breast_cancer")
    ramp = oc.linear_objective(data, loss="ramp", penalty=oc.L2(1.0))
    assert is_convex(linear("iris")) and not is_convex(ramp)
    assert not is_convex(oc.mlp_objective(data, hidden=(2,)))
    with pytest.raises(InvalidInputError, match="no curvature"):
        loss_hessian(ramp, np.zeros(ramp.dim))
