"""Matched lambdas on the reference path, and what is said where the path ends."""

import math

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective.curvature import at_canonical_lambda, minimise
from optcompare.objective.reference_path import match_on_path, reference_path

CONVEX = ["iris", "wine", "breast_cancer", "diabetes", "linnerud"]


def linear(name, lam=1.0, **options):
    return oc.linear_objective(oc.load_dataset(name, seed=4), penalty=oc.L2(lam), **options)


def optimum(objective):
    return minimise(objective, np.zeros(objective.dim))


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("lam", [1e-4, 0.3, 200.0])
def test_a_point_of_the_path_matches_its_own_lambda(name, lam):
    objective = linear(name, lam)
    matched = oc.matched_lambda(objective, optimum(objective), lambdas=(lam / 50.0, lam * 50.0))
    assert matched.norm_matched == pytest.approx(lam, rel=1e-4)
    assert matched.loss_matched == pytest.approx(lam, rel=1e-4)
    assert matched.path_is_unique and not matched.notes
    low, high = matched.interval
    assert low < lam < high
    assert abs(matched.gap) < 1e-12 and abs(matched.smallest_regret) < 1e-12


def test_a_point_off_the_path():
    objective = linear("breast_cancer", 3.0, reduction="sum")
    theta = optimum(objective) + 0.1 * np.random.default_rng(0).standard_normal(objective.dim)
    matched = oc.matched_lambda(objective, theta, lambdas=(1e-3, 1e4))
    best = at_canonical_lambda(objective, matched.norm_matched)
    assert objective.norm(optimum(best)) == pytest.approx(objective.norm(theta), rel=1e-8)
    assert matched.smallest_regret == pytest.approx(best.value(theta) - best.value(optimum(best)), rel=1e-6)
    by_loss = at_canonical_lambda(objective, matched.loss_matched)
    assert objective.loss(optimum(by_loss)) == pytest.approx(objective.loss(theta), rel=1e-8)
    assert matched.ratio > 1.0
    assert matched.gap == pytest.approx(objective.value(theta) - objective.value(optimum(objective)), rel=1e-6)
    for lam, regret in zip(matched.lambdas[::6], matched.regrets[::6]):
        other = at_canonical_lambda(objective, lam)
        assert regret == pytest.approx(other.value(theta) - other.value(optimum(other)), rel=1e-6)
    assert matched.regret_level == pytest.approx(2.0 * matched.smallest_regret)
    for end in matched.interval:
        other = at_canonical_lambda(objective, end)
        assert other.value(theta) - other.value(optimum(other)) == pytest.approx(matched.regret_level, rel=1e-6)


def test_no_weights_match_infinity():
    objective = linear("iris")
    matched = oc.matched_lambda(objective, np.zeros(objective.dim), lambdas=(1e-2, 1e3))
    assert matched.norm_matched == math.inf and matched.loss_matched == math.inf and math.isnan(matched.ratio)
    assert matched.interval[1] == math.inf
    assert "loss" in matched.notes[0] and "above" in matched.notes[0]


def test_a_norm_that_no_lambda_reaches():
    objective = linear("diabetes")
    theta = 5.0 * optimum(objective)
    matched = oc.matched_lambda(objective, theta, lambdas=(1e-4, 1e4))
    assert matched.norm_matched == 0.0 and matched.loss_matched == math.inf
    assert "norm" in matched.notes[0] and "there is none" in matched.notes[0]
    assert (np.diff(matched.regrets) > 0).all()  # so that its minimiser is lambda -> 0
    assert matched.smallest_regret == pytest.approx(matched.regrets[0])


def test_separable_classes_reach_any_norm():
    objective = linear("wine")
    matched = oc.matched_lambda(objective, 20.0 * optimum(objective), lambdas=(1e-3, 1e3))
    assert matched.norm_matched == 0.0 and "its lambda is smaller" in matched.notes[0]
    far = oc.matched_lambda(linear("wine", 1e-6), optimum(linear("wine", 1e-6)), lambdas=(1e-8, 1e-2))
    assert far.norm_matched == pytest.approx(1e-6, rel=1e-4)


def test_the_interval_of_a_level():
    objective = linear("diabetes", 2.0)
    theta = optimum(objective)
    wide, narrow = (oc.matched_lambda(objective, theta, regret_level=level) for level in (1e-2, 1e-4))
    assert wide.interval[0] < narrow.interval[0] < 2.0 < narrow.interval[1] < wide.interval[1]
    off = theta + 0.1
    assert all(math.isnan(end) for end in oc.matched_lambda(objective, off, regret_level=0.0).interval)
    assert "empty" in repr(oc.matched_lambda(objective, off, regret_level=0.0))


def test_an_mlp_is_matched_on_a_local_branch():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(3,), penalty=oc.L2(0.5))
    theta = minimise(objective, objective.start(np.random.default_rng(0)))
    matched = oc.matched_lambda(objective, theta, lambdas=(0.05, 5.0))
    assert matched.norm_matched == pytest.approx(0.5, rel=1e-3)
    assert matched.loss_matched == pytest.approx(0.5, rel=1e-3)
    assert not matched.path_is_unique and "local branch" in repr(matched)


def test_a_function_is_matched_too():
    a = np.array([3.0, -1.0])
    objective = oc.function_objective(
        lambda t: float(0.5 * ((t - a) @ (t - a))), dim=2, gradient=lambda t: t - a, penalty=oc.L2(1.0)
    )
    matched = oc.matched_lambda(objective, a / 3.0, lambdas=(0.01, 100.0))  # w = a/(1 + lambda)
    assert matched.norm_matched == pytest.approx(2.0, rel=1e-6)
    assert matched.loss_matched == pytest.approx(2.0, rel=1e-6)
    assert not matched.path_is_unique and "not known" in matched.why
    bare = oc.function_objective(lambda t: float(t @ t), dim=2, gradient=lambda t: 2 * t)
    assert math.isnan(oc.matched_lambda(bare, [1.0, 1.0], lambdas=(0.1, 10.0)).gap)


def test_bad_questions():
    objective = linear("diabetes")
    theta = np.zeros(objective.dim)
    ramp = linear("breast_cancer", loss="ramp")
    with pytest.raises(InvalidInputError, match="no smooth gradient"):
        oc.matched_lambda(ramp, np.zeros(ramp.dim))
    with pytest.raises(InvalidInputError, match="shape"):
        oc.matched_lambda(objective, theta[:-1])
    with pytest.raises(InvalidInputError, match="finite"):
        oc.matched_lambda(objective, theta + np.nan)
    with pytest.raises(InvalidInputError, match="lambdas must be"):
        oc.matched_lambda(objective, theta, lambdas=(1.0, 0.1))
    with pytest.raises(InvalidInputError, match="regret_level"):
        oc.matched_lambda(objective, theta, regret_level=-1.0)
    with pytest.raises(InvalidInputError, match="> 0"):
        reference_path(objective, [0.0, 1.0])


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_a_stored_path_of_20_a_decade_is_as_good_as_solving(name):
    objective = linear(name)
    lambdas = np.geomspace(1e-3, 1e3, 121)
    thetas, norms, losses = reference_path(objective, lambdas)
    assert thetas.shape == (121, objective.dim)
    assert (np.diff(norms) < 0).all() and (np.diff(losses) > 0).all()
    between = np.array([0.0123, 0.77, 13.1, 400.0])
    _, norm, loss = reference_path(objective, between)
    shuffled = np.random.default_rng(0).permutation(121)
    path = (lambdas[shuffled], norms[shuffled], losses[shuffled])
    np.testing.assert_allclose(match_on_path(path, norm=norm), between, rtol=1e-3)
    np.testing.assert_allclose(match_on_path(path, loss=loss), between, rtol=1e-3)
    np.testing.assert_allclose(match_on_path(path, norm=norms), lambdas, rtol=1e-6)


def test_beyond_a_stored_path():
    path = ([1.0, 10.0, 100.0], [3.0, 2.0, 1.0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(match_on_path(path, norm=[4.0, 0.5, 0.0, np.nan]), [0.0, np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(match_on_path(path, loss=[0.0, 0.05, 0.4]), [0.0, 0.0, np.inf])
    assert match_on_path(path, norm=2.0).shape == () and match_on_path(path, norm=2.0) == pytest.approx(10.0)
    flat = ([1.0, 10.0, 100.0], [2.0, 2.0, 1.0], [0.1, 0.2, 0.3])  # not strictly falling, as stored runs may be
    assert 1.0 <= match_on_path(flat, norm=2.0) <= 10.0
    for bad in ({}, {"norm": 1.0, "loss": 1.0}):
        with pytest.raises(InvalidInputError, match="exactly one"):
            match_on_path(path, **bad)
    with pytest.raises(InvalidInputError, match="log-log"):
        match_on_path(([1.0, 2.0], [0.0, 1.0], [1.0, 1.0]), norm=1.0)
    with pytest.raises(InvalidInputError, match="two or more"):
        match_on_path(([1.0], [1.0], [1.0]), norm=1.0)
