"""Multipliers of constraints, and what is left of a network."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective.diagnostics import unit_contributions

TIGHT = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 50_000, "maxfun": 200_000}


def solve(objective, **options):
    start = objective.start(np.random.default_rng(0))
    options = TIGHT | options
    return minimize(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=options).x


def projected_descent(objective, rate=1.0, n_steps=20_000):
    theta = objective.project(objective.start(np.random.default_rng(0)))
    for _ in range(n_steps):
        moved = objective.project(theta - rate * objective.gradient(theta))
        if np.abs(moved - theta).max() < 1e-13:
            break
        theta = moved
    return moved


# multipliers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lam", [1.0, 5.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_multiplier_of_max_norm_is_the_l2_lambda_of_the_same_optimum(lam, reduction):
    data = oc.load_dataset("wine", seed=1)
    ridge = oc.linear_objective(data, penalty=oc.L2(lam), reduction=reduction)
    theta = solve(ridge)
    radius = float(np.linalg.norm(theta[ridge.is_weight]))
    constrained = oc.linear_objective(data, penalty=oc.MaxNorm(radius), reduction=reduction)
    assert oc.implied_multiplier(constrained, theta) == pytest.approx(lam, rel=1e-5)
    inside = oc.linear_objective(data, penalty=oc.MaxNorm(1.01 * radius), reduction=reduction)
    assert oc.implied_multiplier(inside, theta) == 0.0


def test_projected_descent_finds_the_optimum_that_the_multiplier_names():
    data = oc.load_dataset("iris", seed=0)
    objective = oc.linear_objective(data, penalty=oc.MaxNorm(2.0))
    theta = projected_descent(objective)
    lam = oc.implied_multiplier(objective, theta)
    twin = solve(oc.linear_objective(data, penalty=oc.L2(lam)))
    np.testing.assert_allclose(theta[objective.is_weight], twin[objective.is_weight], atol=1e-5)


def test_multipliers_per_neuron_satisfy_the_optimality_conditions():
    data = oc.load_dataset("wine", seed=1)
    objective = oc.linear_objective(data, penalty=oc.MaxNorm(1.5, per_neuron=True))
    theta = projected_descent(objective)
    found = oc.implied_multiplier(objective, theta)
    assert found.shape == (3,) and (found >= 0).all() and (found > 0).any()
    w, g = (objective.layout.unpack(x)[0] for x in (theta, objective.loss_gradient(theta)))
    np.testing.assert_allclose(g + objective.penalty_scale * found * w, 0.0, atol=1e-8)
    loose = oc.linear_objective(data, penalty=oc.MaxNorm(1e3, per_neuron=True))
    np.testing.assert_array_equal(oc.implied_multiplier(loose, theta), 0.0)


def test_a_neuron_inside_its_ball_has_multiplier_zero_and_one_off_the_optimum_shows():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(3,), penalty=oc.MaxNorm(1.0, per_neuron=True))
    theta = objective.project(objective.start(np.random.default_rng(0), scale=2.0))
    objective.layout.unpack(theta)[0][:, 1] *= 0.5
    found = oc.implied_multiplier(objective, theta)
    assert found.shape == (6,) and found[1] == 0.0 and (found != 0).sum() == 5
    assert (found < 0).any()  # nothing is clipped


def test_the_multiplier_of_a_kinked_loss_is_read_along_the_ray():
    data = oc.load_dataset("breast_cancer")
    objective = oc.linear_objective(data, loss="ramp", penalty=oc.MaxNorm(1.0))
    theta = objective.project(objective.start(np.random.default_rng(0), scale=5.0))
    assert np.isfinite(oc.implied_multiplier(objective, theta))
    with pytest.raises(InvalidInputError, match="smooth loss"):
        oc.implied_multiplier(oc.linear_objective(data, loss="ramp", penalty=oc.MaxNorm(9.0, per_neuron=True)), theta)


def test_the_multiplier_of_an_anchor_is_measured_from_the_anchor():
    data = oc.load_dataset("wine", seed=2)
    anchor = oc.linear_objective(data).start(np.random.default_rng(3))
    objective = oc.linear_objective(data, penalty=oc.AnchoredL2(4.0, anchor))
    theta = solve(objective)
    assert oc.implied_multiplier(objective, theta) == pytest.approx(4.0, rel=1e-5)
    assert abs(oc.implied_lambda(objective, theta).value - 4.0) > 0.5
    assert np.isnan(oc.implied_multiplier(objective, anchor))


def test_a_multiplier_needs_a_constraint_that_is_kept():
    data = oc.load_dataset("iris")
    with pytest.raises(InvalidInputError, match=r"use oc\.implied_lambda"):
        oc.implied_multiplier(oc.linear_objective(data, penalty=oc.L2(1.0)), np.ones(15))
    with pytest.raises(InvalidInputError, match="project it first"):
        oc.implied_multiplier(oc.linear_objective(data, penalty=oc.MaxNorm(1.0)), np.ones(15))
    with pytest.raises(InvalidInputError, match="shape"):
        oc.implied_multiplier(oc.linear_objective(data, penalty=oc.MaxNorm(1.0)), np.ones(3))


# diagnostics -------------------------------------------------------------------------------------------------------


def a_network(activation, hidden=(4, 3), scale=1.0, seed=0):
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=hidden, activation=activation)
    rng = np.random.default_rng(seed)
    return objective, scale * rng.normal(size=objective.dim)


def net_inputs(objective, theta, function):
    W1, b1, W2, b2, _, _ = objective.layout.unpack(theta)
    z1 = objective.data.X @ W1 + b1
    a1 = function(z1)
    z2 = a1 @ W2 + b2
    return [z1, z2], [a1, function(z2)]


def test_weights_are_counted_and_participate():
    objective = oc.linear_objective(oc.load_dataset("diabetes"))
    theta = np.zeros(11)
    theta[[0, 3]], theta[5], theta[10] = 2.0, 0.005, 9.0  # the last is a bias
    read = oc.diagnostics(objective, theta)
    assert read.effective_weights == 2 and read.layer_rank == 1
    assert read.weight_participation == pytest.approx(2.0, rel=1e-4)
    assert oc.diagnostics(objective, theta, threshold=0.001).effective_weights == 3
    assert all(np.isnan([read.effective_units, read.nonlinearity, read.saturation, read.saturated_share]))
    assert oc.diagnostics(objective, np.full(11, -3e200)).weight_participation == pytest.approx(10.0)
    nothing = oc.diagnostics(objective, np.zeros(11))
    assert nothing.effective_weights == 0 and nothing.layer_rank == 0 and np.isnan(nothing.weight_participation)


def test_units_are_cut_at_either_end_and_relu_rescaling_changes_nothing():
    objective, theta = a_network("relu")
    assert oc.diagnostics(objective, theta).effective_units == 7
    W1, b1, W2, _, W3, _ = objective.layout.unpack(theta)
    before = oc.diagnostics(objective, theta, threshold=2.0).effective_units
    W1[:, 0] *= 1000.0
    b1[0] *= 1000.0
    W2[0] /= 1000.0
    contributions = unit_contributions([W1, W2, W3])
    assert [len(layer) for layer in contributions] == [4, 3]
    assert oc.diagnostics(objective, theta, threshold=2.0).effective_units == before
    W1[:, 1] = 0.0
    W3[2] = 0.0
    assert oc.diagnostics(objective, theta).effective_units == 5


def test_rank_is_that_of_the_product():
    objective, theta = a_network("tanh", hidden=(2,))
    assert oc.diagnostics(objective, theta).layer_rank == 2
    W1 = objective.layout.unpack(theta)[0]
    W1[:, 1] = -2.0 * W1[:, 0]
    assert oc.diagnostics(objective, theta).layer_rank == 1
    theta[0] = np.nan
    assert np.isnan(oc.diagnostics(objective, theta).layer_rank)


def test_nonlinearity_and_saturation_by_hand():
    objective, theta = a_network("tanh")
    zs, outputs = net_inputs(objective, theta, np.tanh)
    z, a = (np.concatenate([x.ravel() for x in xs]) for xs in (zs, outputs))
    read = oc.diagnostics(objective, theta)
    assert read.nonlinearity == pytest.approx(np.abs(z - a).mean() / np.abs(z).mean(), rel=1e-12)
    assert read.saturated_share == pytest.approx((np.abs(a) > 0.9).mean())
    edges = np.linspace(-1, 1, 11)
    which = np.clip(np.digitize(a, edges) - 1, 0, 9)
    binned = sum(abs(a[which == b].mean()) * (which == b).sum() for b in range(10) if (which == b).any()) / len(a)
    assert read.saturation == pytest.approx(binned, rel=1e-12)


def test_sigmoid_is_tanh_in_other_units():
    objective, theta = a_network("sigmoid", hidden=(4,))
    twin, other = a_network("tanh", hidden=(4,))
    other[:] = theta
    W, b, _, _ = twin.layout.unpack(other)
    W *= 0.5
    b *= 0.5
    one, two = oc.diagnostics(objective, theta), oc.diagnostics(twin, other)
    assert one.nonlinearity == pytest.approx(two.nonlinearity, rel=1e-12)
    assert one.saturation == pytest.approx(two.saturation, rel=1e-12)
    assert one.saturated_share == two.saturated_share


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_nonlinearity_and_saturation_go_from_0_to_1_with_the_weights(activation):
    objective, theta = a_network(activation, hidden=(4,))
    theta = theta * objective.is_weight
    small, large = (oc.diagnostics(objective, scale * theta) for scale in (1e-3, 1e3))
    assert small.saturation < 0.02 and small.nonlinearity < 1e-3
    assert large.nonlinearity > 0.95 and large.saturation > 0.95 and large.saturated_share > 0.95
    flat = oc.diagnostics(objective, 0.0 * theta)
    assert flat.nonlinearity == 0.0 and flat.saturation == 0.0 and flat.effective_units == 0.0


def test_relu_is_linear_where_its_units_do_not_switch():
    objective, theta = a_network("relu", hidden=(4,))
    W, b, _, _ = objective.layout.unpack(theta)
    z = objective.data.X @ W + b
    read = oc.diagnostics(objective, theta)
    assert 0 < read.nonlinearity < 1 and np.isnan(read.saturation)
    assert read.saturated_share == pytest.approx((z <= 0).mean())
    b[:] = [100.0, 100.0, -100.0, -100.0]
    assert oc.diagnostics(objective, theta).nonlinearity == 0.0
    assert oc.diagnostics(objective, theta).saturated_share == 0.5
    b[:] = 0.0
    objective, theta = a_network("identity")
    assert oc.diagnostics(objective, theta).nonlinearity == 0.0
    assert np.isnan(oc.diagnostics(objective, theta).saturated_share)


def test_functions_have_weights_alone():
    objective = oc.function_objective(lambda t: 0.0, dim=3, is_weight=[True, True, False])
    read = oc.diagnostics(objective, [1.0, 0.0, 5.0])
    assert read.effective_weights == 1 and np.isnan(read.layer_rank) and np.isnan(read.effective_units)
    with pytest.raises(InvalidInputError, match="threshold"):
        oc.diagnostics(objective, np.zeros(3), threshold=-1.0)
    with pytest.raises(InvalidInputError, match="shape"):
        oc.diagnostics(objective, np.zeros(4))


def test_the_penalty_shows_in_the_diagnostics():
    data = oc.load_dataset("diabetes", seed=0)
    reads = [
        oc.diagnostics(objective, solve(objective, gtol=1e-5))
        for objective in (oc.mlp_objective(data, hidden=(4,), penalty=oc.L2(lam)) for lam in (0.1, 20.0, 1e4))
    ]
    assert [read.effective_weights for read in reads] == sorted((r.effective_weights for r in reads), reverse=True)
    assert reads[0].nonlinearity > reads[1].nonlinearity >= reads[2].nonlinearity
    assert reads[0].effective_units > reads[2].effective_units == 0
