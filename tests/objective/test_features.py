"""Features disturb what an optimizer is shown, and nothing that is measured."""

import math

import numpy as np
import pytest
from scipy import stats

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective.features import FeatureSample
from optcompare.runs.describe import digest

DATA = oc.Dataset.from_arrays(
    np.random.default_rng(0).standard_normal((40, 3)),
    np.random.default_rng(1).standard_normal(40),
    task="regression",
    test_size=0.25,
)
BASE = oc.linear_objective(DATA, penalty=oc.L2(2.0))
POINTS = np.random.default_rng(2).standard_normal((2000, BASE.dim))


def shown(*features, sample_seed=0, points=POINTS, base=BASE):
    objective = oc.with_features(base, *features)
    return objective.values(points, next(objective.samples(np.random.default_rng(sample_seed))))


def test_multiplicative_noise_is_a_fraction_of_the_error_and_additive_noise_is_not():
    exact = BASE.values(POINTS)
    for kind, size in (("multiplicative", exact), ("additive", np.ones(len(POINTS)))):
        z = (shown(oc.ValueNoise(0.1, kind)) - exact) / (0.1 * size)
        assert stats.kstest(z, "norm").pvalue > 0.01
        assert abs(np.corrcoef(z, exact)[0, 1]) < 0.07


def test_noise_is_a_function_of_the_point_and_the_sample():
    noise = oc.ValueNoise(0.1)
    np.testing.assert_array_equal(shown(noise), shown(noise))
    assert not np.any(shown(noise) == shown(noise, sample_seed=1))
    near = shown(noise, points=POINTS + 1e-12)
    assert not np.any(np.isclose(shown(noise), near, rtol=1e-6))
    zero, minus = np.zeros((1, BASE.dim)), -np.zeros((1, BASE.dim))
    assert shown(noise, points=zero) == shown(noise, points=minus)


@pytest.mark.parametrize(
    ("value", "digits", "cut"),
    [
        (1.2399, 3, 1.23),
        (-1.2399, 3, -1.23),
        (0.00098765, 2, 0.00098),
        (123456.0, 1, 100000.0),
        (9.99, 1, 9.0),
        (0.0, 3, 0.0),
        (1e-310, 17, 1e-310),
        (math.inf, 3, math.inf),
        (2.0 / 3.0, 17, 2.0 / 3.0),
    ],
)
def test_truncation_cuts_digits_off_and_rounds_nothing(value, digits, cut):
    assert oc.TruncatedDigits(digits).shown(value, bytes(16)) == pytest.approx(cut, rel=1e-15)


def test_nan_comes_at_its_rate_and_the_recorder_shows_it_as_infinite():
    missing = np.isnan(shown(oc.RandomNan(0.2)))
    assert 0.16 < missing.mean() < 0.24
    assert not np.isnan(shown(oc.RandomNan(0.0))).any()
    run = oc.minimize(oc.with_features(BASE, oc.RandomNan(0.2)), "random_search", budget=1000, seed=3)
    assert 160 < run.n_nonfinite < 240
    assert run.n_values == 1000
    assert math.isfinite(run.best_value)


def test_a_perturbed_start_moves_the_start_by_its_scale_and_nothing_else():
    objective = oc.with_features(BASE, oc.PerturbedStart(0.1))
    assert objective.has_gradient and objective.is_smooth and not objective.is_noisy
    far = oc.function_objective(lambda theta: float(theta @ theta), dim=4000)
    for scale in (0.01, 100.0):
        start = far.start(np.random.default_rng(5), scale)
        moved = oc.with_features(far, oc.PerturbedStart(0.1)).start(np.random.default_rng(5), scale)
        z = (moved - start) / (0.1 * np.maximum(1.0, np.abs(start)))
        assert stats.kstest(z, "norm").pvalue > 0.01
    np.testing.assert_array_equal(objective.gradient(POINTS[0]), BASE.gradient(POINTS[0]))
    assert oc.minimize(objective, "lbfgs", budget=200).measurements["implied_lambda"] == pytest.approx(2.0, rel=1e-6)


def test_features_apply_in_the_order_given_and_independently():
    noise, cut = oc.ValueNoise(0.1), oc.TruncatedDigits(2)
    assert all(len(f"{value:.15g}".replace("0.", "").lstrip("0")) <= 3 for value in shown(noise, cut))
    assert shown(noise, cut)[0] != shown(cut, noise)[0]
    twice = shown(oc.ValueNoise(0.1, "additive"), oc.ValueNoise(0.1, "additive")) - BASE.values(POINTS)
    assert np.std(twice) == pytest.approx(0.1 * math.sqrt(2), rel=0.05)  # 0.2 were they one and the same


def test_a_disturbed_error_has_no_gradient_and_says_why():
    objective = oc.with_features(BASE, oc.TruncatedDigits(3))
    assert not objective.has_gradient and not objective.is_smooth and objective.is_noisy
    for call in (objective.gradient, objective.value_and_loss_gradient, objective.loss_gradient):
        with pytest.raises(InvalidInputError, match=r"has no gradient.*exact"):
            call(POINTS[0])
    with pytest.raises(InvalidInputError, match="lbfgs needs a gradient"):
        oc.minimize(objective, "lbfgs", budget=10)


def test_what_is_measured_is_the_objective_without_features():
    objective = oc.with_features(BASE, oc.ValueNoise(0.05), oc.RandomNan(0.1))
    assert objective.exact is BASE
    run = oc.minimize(objective, "nelder_mead", budget=500, seed=1)
    assert run.best_value == BASE.value(run.best_theta)
    exact = oc.implied_lambda(BASE, run.theta)
    for name, expected in {
        "loss": BASE.loss(run.theta),
        "regularized_error": BASE.loss(run.theta) + BASE.penalty_value(run.theta),
        "test_loss": BASE.test_loss(run.theta),
        "test_error": BASE.test_error(run.theta),
        "implied_lambda": exact.value,
        "angle": exact.angle,
    }.items():
        assert run.measurements[name] == expected
    assert run.extras["best_shown"] != run.best_value
    assert oc.effective_dof(objective) == oc.effective_dof(BASE)
    assert oc.lambda_of_dof(objective, 2.0) == oc.lambda_of_dof(BASE, 2.0)


def test_noise_of_the_objective_stays_and_a_batch_is_charged_as_such():
    batched = oc.linear_objective(DATA, penalty=oc.L2(2.0), noise=oc.Minibatch(10))
    objective = oc.with_features(batched, oc.TruncatedDigits(4))
    sample = next(objective.samples(np.random.default_rng(0)))
    assert isinstance(sample, FeatureSample) and sample.n_items == 10
    assert objective.value(POINTS[0], sample) == pytest.approx(batched.value(POINTS[0], sample.inner), rel=1e-3)
    assert oc.minimize(objective, "random_search", budget=50).n_values == pytest.approx(50)
    assert not objective.exact.is_noisy and objective.exact.has_gradient
    assert objective.exact.value(POINTS[0]) == batched.value(POINTS[0])
    assert objective.is_convex and BASE.exact is BASE


def test_frozen_draws_are_one_fixed_error():
    objective = oc.with_features(BASE, oc.ValueNoise(0.5))
    seen = []

    def twice(recorder, start, rng):
        seen.extend([recorder.value(start), recorder.value(start)])
        return start

    oc.minimize(objective, twice, budget=10, draws=oc.Frozen(1))
    assert seen[0] == seen[1]
    oc.minimize(objective, twice, budget=10)
    assert seen[2] != seen[3]


def test_identity_is_the_objective_and_its_features():
    noise, cut = oc.ValueNoise(0.1), oc.TruncatedDigits(2)
    made = [(noise,), (oc.ValueNoise(0.2),), (oc.ValueNoise(0.1, "additive"),), (cut,), (noise, cut), (cut, noise)]
    digests = [digest(oc.with_features(BASE, *features)) for features in made]
    assert len({*digests, digest(BASE)}) == len(made) + 1
    assert digest(oc.with_features(BASE, oc.ValueNoise(0.1))) == digests[0]


def test_lambda_is_set_through_the_features():
    objective = oc.with_features(BASE, oc.ValueNoise(0.1)).with_lambda(7.0)
    assert objective.lam == objective.exact.lam == 7.0
    assert objective.value(POINTS[0]) == BASE.with_lambda(7.0).value(POINTS[0])
    assert "ValueNoise" in objective.formula() and "lambda = 7" in objective.formula()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: oc.with_features(BASE), "needs a feature"),
        (lambda: oc.with_features(BASE, "noise"), "a feature is"),
        (lambda: oc.with_features("breast_cancer", oc.RandomNan(0.1)), "takes an objective first"),
        (lambda: oc.ValueNoise(-0.1), "finite and >= 0"),
        (lambda: oc.ValueNoise(math.inf), "finite and >= 0"),
        (lambda: oc.ValueNoise(0.1, "mixed"), "'multiplicative' or 'additive'"),
        (lambda: oc.TruncatedDigits(0), "from 1 to 17"),
        (lambda: oc.TruncatedDigits(2.0), "whole number"),
        (lambda: oc.RandomNan(1.0), r"in \[0, 1\)"),
        (lambda: oc.RandomNan(-0.1), r"in \[0, 1\)"),
        (lambda: oc.PerturbedStart(math.nan), "finite and >= 0"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
