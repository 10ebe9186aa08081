"""Laws of the objective that hold for any data, model and lambda."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optcompare as oc


@st.composite
def objectives(draw, losses=("half_squared_error", "logistic", "softmax", "ramp", "zero_one")):
    """Draw a builder (data, penalty) -> objective, its data, and points."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, p = draw(st.integers(6, 40)), draw(st.integers(1, 6))
    loss = draw(st.sampled_from(losses))
    X = rng.normal(size=(n, p))
    if loss == "half_squared_error":
        data = oc.Dataset.from_arrays(X, rng.normal(size=n), task="regression")
    else:
        y = np.arange(n) % (3 if loss == "softmax" else 2)
        data = oc.Dataset.from_arrays(X, y, task="classification")
    hidden = tuple(draw(st.lists(st.integers(1, 5), max_size=2)))
    activation = draw(st.sampled_from(["tanh", "relu", "sigmoid", "identity"]))

    def build(penalty=None, data=data, **options):
        return oc.mlp_objective(data, hidden=hidden, activation=activation, loss=loss, penalty=penalty, **options)

    thetas = rng.normal(size=(draw(st.integers(1, 5)), build().dim))
    return build, data, thetas


lambdas = st.floats(1e-6, 1e6)


@given(objectives(), lambdas)
def test_the_error_is_loss_plus_lambda_times_one_penalty(case, lam):
    build, data, thetas = case
    objective = build(oc.L2(lam))
    squares = (thetas[:, objective.is_weight] ** 2).sum(axis=1)
    expected = build().values(thetas) + lam / (2 * data.n_samples) * squares
    np.testing.assert_allclose(objective.values(thetas), expected, rtol=1e-12)
    np.testing.assert_allclose([objective.value(theta) for theta in thetas], expected, rtol=1e-12)


@given(objectives(), lambdas)
def test_a_sum_is_n_times_a_mean(case, lam):
    build, data, thetas = case
    mean, total = build(oc.L2(lam)), build(oc.L2(lam), reduction="sum")
    np.testing.assert_allclose(total.values(thetas), data.n_samples * mean.values(thetas), rtol=1e-11)
    assert total.lam_canonical == mean.lam_canonical


@given(objectives(("half_squared_error", "logistic", "softmax")), lambdas)
def test_the_gradient_is_linear_in_lambda(case, lam):
    build, _, thetas = case
    theta = thetas[0]
    bare, one, two = (build(oc.L2(scale * lam)).gradient(theta) for scale in (0, 1, 2))
    np.testing.assert_allclose(two - one, one - bare, rtol=1e-6, atol=1e-9 * np.abs(two).max())


@given(objectives(), st.integers(0, 1000))
def test_the_order_of_items_does_not_matter(case, seed):
    build, data, thetas = case
    order = np.random.default_rng(seed).permutation(data.n_samples)
    sample = oc.Minibatch(data.n_samples)
    objective = build(oc.L2(1.0), noise=sample)
    drawn = next(objective.samples(np.random.default_rng(seed)))
    assert sorted(drawn.rows) == sorted(order)
    np.testing.assert_allclose(objective.values(thetas, drawn), objective.values(thetas), rtol=1e-11)


@given(objectives(("ramp", "zero_one")), st.floats(1e-3, 1e3))
def test_zero_one_does_not_see_the_scale_of_the_last_layer(case, scale):
    build, _, thetas = case
    objective = build()
    theta = thetas[0].copy()
    last = max(objective.layout.layers)
    scaled = theta.copy()
    for block in objective.layout.blocks:
        if block.layer == last:
            scaled[block.where] *= scale
    if objective.loss_function.name == "zero_one":
        assert objective.value(scaled) == objective.value(theta)
    else:
        assert 0 <= objective.value(scaled) <= 1


@given(objectives(("half_squared_error", "logistic", "softmax")))
def test_nothing_is_written_into_the_arguments(case):
    build, data, thetas = case
    objective = build(oc.L2(1.0))
    thetas.flags.writeable = False
    before = data.X.copy()
    objective.values(thetas)
    objective.value_and_gradient(thetas[0])
    oc.implied_lambda(objective, thetas[0])
    np.testing.assert_array_equal(before, data.X)


@pytest.mark.parametrize("name", ["nelder_mead", "pso", "cma_es", "differential_evolution"])
def test_a_scaled_error_is_the_same_run_bit_for_bit(name):
    """Rank-based optimizers do not see the error's scale: times 512 (exact in binary) changes nothing."""
    options = {
        "nelder_mead": oc.optimizers.NelderMead(f_tolerance=0.0),
        "pso": oc.optimizers.Pso(),
        "cma_es": oc.optimizers.CmaEs(f_tolerance=0.0),
        "differential_evolution": oc.optimizers.DifferentialEvolution(f_tolerance=0.0),
    }

    def bowl(theta):
        return float((theta**2).sum() + np.cos(3 * theta).sum())

    plain = oc.function_objective(bowl, dim=3)
    scaled = oc.function_objective(lambda theta: 512 * bowl(theta), dim=3)
    one = oc.minimize(plain, options[name], budget=400, seed=1)
    other = oc.minimize(scaled, options[name], budget=400, seed=1)
    np.testing.assert_array_equal(one.theta, other.theta)
    assert other.best_value == 512 * one.best_value
