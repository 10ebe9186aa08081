"""The rule's slots, its rate, its stops, and input that is wrong or extreme."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import BudgetExhausted, Diverged, InvalidInputError, UnknownNameError
from optcompare.objective.builders import function_objective
from optcompare.optimizers.base import get_optimizer, optimizer_names
from optcompare.optimizers.gradient import (
    Adam,
    AdamW,
    ClippedGradient,
    GradientDescent,
    HeavyBall,
    NormalisedGradient,
    SignDescent,
)
from optcompare.optimizers.options import PerRate
from optcompare.optimizers.rules import MOMENTUM_FORMS, Momentum, Scale, transformed
from optcompare.optimizers.schedules import InverseTime, StepDecay
from optcompare.recorder import Budget, Recorder

PRODUCTS = [
    "adagrad", "adam", "adamw", "clipped_gradient", "gradient_descent", "heavy_ball", "nesterov", "normalised_gradient",
    "rmsprop", "sign_descent",
]  # fmt: skip
CURVATURES = np.array([0.5, 2.0, 8.0])
RNG = np.random.default_rng


def quadratic(curvatures=CURVATURES, seen=None, **options):
    def gradient(theta):
        if seen is not None:
            seen.append(np.array(theta))
        return curvatures * (theta - 1.0)

    return function_objective(
        lambda t: float(0.5 * curvatures @ (t - 1.0) ** 2), dim=len(curvatures), gradient=gradient, **options
    )


def updates(optimizer, objective, n, start=None, budget=math.inf):
    start = np.zeros(objective.dim) if start is None else np.array(start, dtype=float)
    return list(itertools.islice(optimizer.updates(Recorder(objective, budget), start, RNG(0)), n))


def test_the_products_are_registered_and_differ_in_defaults_only():
    assert set(PRODUCTS) <= set(optimizer_names())
    for name in PRODUCTS:
        optimizer = get_optimizer(name)
        assert isinstance(optimizer, GradientDescent) and optimizer.needs_gradient
        assert type(optimizer).minimize is GradientDescent.minimize
    assert AdamW().decay == PerRate(0.01)
    assert oc.optimizers.PerRate is PerRate and oc.optimizers.StepDecay is StepDecay


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_product_descends_within_the_budget_and_repeats_itself(name):
    objective = quadratic()
    runs = [oc.minimize(objective, name, budget=301, seed=5, start=np.zeros(3)) for _ in range(2)]
    assert runs[0].status == "BUDGET" and runs[0].n_gradients == 100
    assert runs[0].theta.tobytes() == runs[1].theta.tobytes()
    assert objective.value(runs[0].theta) < 0.99 * objective.value(np.zeros(3))


def test_the_answer_is_the_last_iterate_not_the_best_seen():
    objective = quadratic()
    optimizer = HeavyBall(learning_rate=0.1)
    run = oc.minimize(objective, optimizer, budget=3 * 20, start=np.zeros(3))
    np.testing.assert_array_equal(run.theta, updates(optimizer, objective, 20)[-1].theta)


# M after the gradients 1, 2, 3 at mu = 0.5, by hand
MOMENTA = {
    "heavy_ball": [1, 2.5, 4.25],
    "sutskever": [1, 2.5, 4.25],
    "nesterov": [1.5, 3.25, 5.125],
    "averaged": [0.5, 1.25, 2.125],
    "bias_corrected": [1, 1.25 / 0.75, 2.125 / 0.875],
}


@pytest.mark.parametrize("form", MOMENTUM_FORMS)
def test_momentum_by_hand(form):
    momentum = Momentum(form, 0.5, 1)
    pushed = [float(momentum.push(np.array([g]))[0]) for g in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(pushed, MOMENTA[form], rtol=1e-15)
    ahead = -0.1 * 0.5 * 4.25 if form == "sutskever" else 0.0
    np.testing.assert_allclose(momentum.lookahead(np.array([7.0]), 0.1), [7.0 + ahead], rtol=1e-15)


@pytest.mark.parametrize(
    ("kind", "correction", "expected"),
    [("running", False, math.sqrt(0.1 * 0.9 + 0.4)), ("running", True, math.sqrt(0.49 / 0.19)),
     ("summed", False, math.sqrt(5.0)), ("none", False, None)],
)  # fmt: skip
def test_scale_by_hand(kind, correction, expected):
    scale = Scale(kind, 0.9, 0.25, correction, 1)
    for g in (1.0, -2.0):
        scale.push(np.array([g]))
    divided = 3.0 if expected is None else 3.0 / (expected + 0.25)
    np.testing.assert_allclose(scale.divide(np.array([3.0])), [divided], rtol=1e-15)


def test_transforms_by_hand():
    g = np.array([3.0, 0.0, -4.0])
    np.testing.assert_array_equal(transformed("none", g), g)
    np.testing.assert_array_equal(transformed("sign", g), [1, 0, -1])
    np.testing.assert_allclose(transformed("normalised", g), [0.6, 0, -0.8], rtol=1e-15)
    np.testing.assert_allclose(transformed("clip", g, 2.5), [1.5, 0, -2], rtol=1e-15)
    np.testing.assert_array_equal(transformed("clip", g, 5.0), g)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e200, 1e308])
def test_lengths_neither_over_nor_underflow(size):
    np.testing.assert_allclose(transformed("normalised", np.full(4, size)), 0.5, rtol=1e-15)
    np.testing.assert_allclose(transformed("clip", np.full(4, 1e200), 1e-3), 5e-4, rtol=1e-15)


def test_sutskever_takes_its_gradients_at_the_lookahead_point():
    # Sutskever et al. 2013, eqs. 3-4: v <- mu v - eta g(w + mu v), w <- w + v
    w, v, points, seen = np.zeros(3), np.zeros(3), [], []
    for _ in range(30):
        points.append(w + 0.9 * v)
        v = 0.9 * v - 0.05 * CURVATURES * (w + 0.9 * v - 1.0)
        w = w + v
    optimizer = GradientDescent(learning_rate=0.05, momentum=0.9, momentum_form="sutskever")
    made = updates(optimizer, quadratic(seen=seen), 30)
    np.testing.assert_allclose(seen, points, rtol=1e-12)
    np.testing.assert_allclose(made[-1].theta, w, rtol=1e-12)
    np.testing.assert_allclose(made[-1].answer, w + 0.9 * v, rtol=1e-12)


@pytest.mark.parametrize(("form", "beta1", "beta2"), [("averaged", 0.9, 0.9), ("nesterov", 0.81, 0.9)])
def test_sign_descent_is_lion(form, beta1, beta2):
    # Chen et al. 2023, program 1, with decoupled decay
    theta, m = np.array([3.0, -2.0, 0.5]), np.zeros(3)
    for _ in range(200):
        g = CURVATURES * (theta - 1.0)
        theta = theta - 0.01 * (np.sign(beta1 * m + (1 - beta1) * g) + 0.1 * theta)
        m = beta2 * m + (1 - beta2) * g
    optimizer = SignDescent(learning_rate=0.01, momentum_form=form, decay=PerRate(0.1))
    np.testing.assert_allclose(updates(optimizer, quadratic(), 200, [3.0, -2.0, 0.5])[-1].theta, theta, rtol=1e-10)


def test_the_schedule_multiplies_the_rate_and_the_decay_per_rate():
    optimizer = GradientDescent(learning_rate=0.1, schedule=StepDecay(2, 0.5), decay=PerRate(0.2))
    made = updates(optimizer, quadratic(), 5)
    np.testing.assert_allclose([u.rate for u in made], [0.1, 0.1, 0.05, 0.05, 0.025])
    np.testing.assert_allclose([u.decay for u in made], [0.02, 0.02, 0.01, 0.01, 0.005])
    assert [u.number for u in made] == [1, 2, 3, 4, 5]
    fixed = GradientDescent(learning_rate=0.1, schedule=lambda step: 1 / (step + 1), decay=0.2)
    assert [u.decay for u in updates(fixed, quadratic(), 3)] == [0.2] * 3


def test_the_rate_of_its_own_is_one_over_the_curvature_and_is_charged():
    recorder = Recorder(quadratic(seen=(seen := [])), 1000)
    first = next(GradientDescent().updates(recorder, np.zeros(3), RNG(0)))
    assert first.rate == pytest.approx(1 / 8.0, rel=0.02)
    assert recorder.n_gradients == len(seen) <= 32
    with pytest.raises(BudgetExhausted):
        next(GradientDescent().updates(Recorder(quadratic(), 7), np.zeros(3), RNG(0)))


@pytest.mark.parametrize("seed", range(5))
def test_the_rate_of_its_own_descends_at_every_step(seed):
    rng = RNG(seed)
    curvatures = 10.0 ** rng.uniform(-3, 3, 20)
    objective = quadratic(curvatures)
    values = [objective.value(u.theta) for u in updates(GradientDescent(), objective, 50, rng.standard_normal(20))]
    assert (np.diff(values) <= 0).all()


def test_the_rate_of_its_own_is_estimated_on_one_sample():
    rng = RNG(0)
    X = rng.standard_normal((200, 5))
    data = oc.Dataset.from_arrays(X, X @ rng.standard_normal(5), task="regression", test_size=0.0, seed=0)
    objective = oc.linear_objective(data, noise=oc.Minibatch(50))
    recorder = Recorder(objective, 1000, rng=RNG(1))
    rate = next(GradientDescent().updates(recorder, np.ones(6), RNG(0))).rate
    # differences between samples, divided by h = 1e-5, would give a rate near 1e-5
    assert 0.1 < rate < 1.5
    assert recorder.n_gradients <= 32 * 50 / 200


def test_minibatches_lower_the_loss():
    rng = RNG(0)
    X = rng.standard_normal((200, 5))
    data = oc.Dataset.from_arrays(X, X @ rng.standard_normal(5), task="regression", test_size=0.0, seed=0)
    objective = oc.linear_objective(data, noise=oc.Minibatch(20))
    run = oc.minimize(objective, GradientDescent(learning_rate=0.1), budget=300, seed=0)
    assert run.n_gradients == 100
    assert objective.loss(run.theta) < 1e-10  # noiseless targets: every batch has the same minimiser


def test_it_stops_by_the_gradient_or_by_the_update_and_never_by_default():
    objective = quadratic()
    run = oc.minimize(objective, GradientDescent(learning_rate=0.1, gradient_tolerance=1e-6), budget=1e5)
    assert run.status == "FINISHED"
    assert 1e-7 < np.abs(objective.gradient(run.theta)).max() <= 1e-6
    decayed = GradientDescent(learning_rate=0.1, decay=0.01, gradient_tolerance=1e-6, update_tolerance=1e-9)
    run = oc.minimize(objective, decayed, budget=1e5)
    assert run.status == "FINISHED"
    np.testing.assert_allclose(run.theta, CURVATURES / (CURVATURES + 0.1), rtol=1e-6)
    run = oc.minimize(objective, GradientDescent(learning_rate=0.1), budget=300, start=np.ones(3))
    assert run.status == "BUDGET" and (run.theta == 1.0).all()


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_zero_gradient_moves_nothing(name):
    options = {"decay": 0.0} if name == "adamw" else {}
    for extra in ({}, {"epsilon": 0.0}):
        flat = function_objective(lambda t: 1.0, dim=2, gradient=np.zeros_like)
        optimizer = get_optimizer(name, **options, **extra)
        run = oc.minimize(flat, optimizer, budget=200, start=[0.5, -2.0])
        assert run.status == "BUDGET"
        np.testing.assert_array_equal(run.theta, [0.5, -2.0])


@pytest.mark.parametrize(
    "optimizer",
    [
        GradientDescent(learning_rate=10.0),
        HeavyBall(learning_rate=1e300),
        GradientDescent(learning_rate=0.1, decay=PerRate(50.0)),
    ],
)
def test_a_rate_that_explodes_ends_as_diverged(optimizer):
    run = oc.minimize(quadratic(), optimizer, budget=1e5, start=np.zeros(3))
    assert run.status == "DIVERGED" and run.n_gradients < 1000
    assert np.isfinite(run.theta).all()


def test_a_gradient_that_is_not_finite_is_let_through():
    broken = function_objective(lambda t: 1.0, dim=1, gradient=lambda t: np.array([math.nan]))
    with pytest.raises(Diverged):
        Adam().minimize(Recorder(broken, 100), np.zeros(1), RNG(0))


def test_a_user_function_that_raises_at_non_finite_points_never_sees_one():
    def picky(theta):
        assert np.isfinite(theta).all()
        return 8.0 * theta

    objective = function_objective(lambda t: float(np.clip(4 * t @ t, 0, 1e300)), dim=1, gradient=picky)
    run = oc.minimize(objective, GradientDescent(learning_rate=1e30), budget=1e4, start=[1.0])
    assert run.status == "DIVERGED" and "learning_rate" in run.message


def test_the_start_is_not_written_to_and_the_target_ends_the_run():
    start = np.zeros(3)
    start.flags.writeable = False
    objective = quadratic()
    budget = Budget(evaluations=1e4, target=1e-3)
    run = oc.minimize(objective, HeavyBall(learning_rate=0.05), budget=budget, start=start)
    assert run.status == "TARGET" and objective.value(run.best_theta) <= 1e-3


WRONG = [
    *({"learning_rate": rate} for rate in (0, 0.0, -0.1, math.nan, math.inf, "fast", True)),
    {"momentum": 1.0}, {"momentum": -0.1}, {"momentum": math.nan}, {"schedule": "linear"}, {"schedule": StepDecay},
    {"schedule": 0.5}, {"decay": -0.1}, {"decay": 1.0}, {"decay": math.nan}, {"decay": None}, {"epsilon": -1.0},
    {"scale": "running"}, {"transform": "sign"}, {"transform": "clip"}, {"clip_norm": 1.0}, {"clip_norm": -1.0},
    {"transform": "clip", "clip_norm": 0.0}, {"scale_decay": 1.0}, {"scale_correction": 1},
    {"scale_correction": True}, {"learning_rate": 0.1, "scale": "summed", "scale_correction": True},
    {"learning_rate": 0.1, "scale": "running", "momentum_form": "sutskever"},
    {"learning_rate": 0.1, "scale": "running", "transform_of": "momentum"},
    {"gradient_tolerance": -1.0}, {"update_tolerance": math.nan},
]  # fmt: skip


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_wrong_options_are_refused_at_construction(options):
    with pytest.raises(InvalidInputError, match=next(reversed(options))):
        GradientDescent(**options)


@pytest.mark.parametrize("option", ["momentum_form", "transform", "transform_of", "scale", "decay_of"])
def test_a_misspelt_word_gets_the_nearest_one(option):
    with pytest.raises(UnknownNameError, match="Allowed"):
        GradientDescent(learning_rate=0.1, **{option: "nesterow"})
    with pytest.raises(UnknownNameError, match="nesterov"):
        GradientDescent(momentum_form="nesterow")


def test_a_schedule_that_gives_no_factor_is_an_input_error():
    for wrong in (math.nan, -1.0, None):
        optimizer = GradientDescent(learning_rate=0.1, schedule=lambda step, wrong=wrong: 1.0 if step < 3 else wrong)
        with pytest.raises(InvalidInputError, match="factor at step 3"):
            oc.minimize(quadratic(), optimizer, budget=100, start=np.zeros(3))


def test_the_options_of_the_bounded_products():
    made = updates(NormalisedGradient(learning_rate=0.3), quadratic(), 3)
    np.testing.assert_allclose(np.linalg.norm(np.diff([u.theta for u in made], axis=0), axis=1), 0.3)
    first = updates(ClippedGradient(learning_rate=0.5, clip_norm=0.2), quadratic(), 1)[0]
    assert np.linalg.norm(first.theta) == pytest.approx(0.1)
    falling = updates(NormalisedGradient(learning_rate=0.3, schedule=InverseTime(2)), quadratic(), 3)
    np.testing.assert_allclose([u.rate for u in falling], [0.3, 0.2, 0.15])
