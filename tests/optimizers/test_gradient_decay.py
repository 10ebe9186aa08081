"""Where decay in the update comes to rest: which L2 lambda it is, or which box or ball instead.

lambda is read here from the loss's gradient g at the answer, -<g, w>/(c <w, w>) with c = 1/n, by this file's own lines.
"""

from __future__ import annotations

import collections
import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.objective.builders import function_objective
from optcompare.optimizers.gradient import (
    Adagrad,
    Adam,
    AdamW,
    ClippedGradient,
    GradientDescent,
    HeavyBall,
    InverseTime,
    Nesterov,
    NormalisedGradient,
    RMSprop,
    SignDescent,
    StepDecay,
)
from optcompare.optimizers.options import PerRate
from optcompare.recorder import Recorder

N = 40
DRAWS = np.random.default_rng(0)
X = DRAWS.standard_normal((N, 3)) * [1.0, 0.7, 1.5]
A = np.hstack([X, np.ones((N, 1))])
Y = X @ [1.0, -2.0, 0.5] + 0.7 + 0.5 * DRAWS.standard_normal(N)
SIGNS = np.where(X @ [1.0, -2.0, 0.5] + 0.3 + DRAWS.standard_normal(N) > 0, 1.0, -1.0)
IS_WEIGHT = np.array([True, True, True, False])
ETA, DELTA, MU = 0.2, 0.01, 0.8


def half_squares(theta):
    return float(((A @ theta - Y) ** 2).sum() / 2 / N)


def half_squares_gradient(theta):
    return A.T @ (A @ theta - Y) / N


def logistic(theta):
    return float(np.logaddexp(0.0, -SIGNS * (A @ theta)).mean())


def logistic_gradient(theta):
    return -A.T @ (SIGNS / (1.0 + np.exp(SIGNS * (A @ theta)))) / N


LOSSES = {"ridge": (half_squares, half_squares_gradient), "logistic": (logistic, logistic_gradient)}


@pytest.fixture(params=list(LOSSES))
def loss(request):
    return LOSSES[request.param]


def build(loss, penalty=None):
    value, gradient = loss
    return function_objective(value, dim=4, gradient=gradient, is_weight=IS_WEIGHT, n_samples=N, penalty=penalty)


def trajectory(optimizer, objective, steps, start=(0.1, 0.1, 0.1, 0.1)):
    """Yield the updates 1 ... steps."""
    updates = optimizer.updates(Recorder(objective, math.inf), np.array(start), np.random.default_rng(0))
    return itertools.islice(updates, steps)


def last(optimizer, objective, steps):
    return collections.deque(trajectory(optimizer, objective, steps), maxlen=1).pop()


def lambda_at(loss, theta):
    """The lambda that theta is stationary for, after a check that one lambda fits all weights and the bias is free."""
    g, w = loss[1](theta), theta[IS_WEIGHT]
    lam = -N * (g[IS_WEIGHT] @ w) / (w @ w)
    np.testing.assert_allclose(g[IS_WEIGHT], -lam / N * w, rtol=1e-3, atol=1e-6)
    assert abs(g[3]) < 1e-6
    return lam


def decayed(**options):
    return GradientDescent(learning_rate=ETA, **{"decay": DELTA, **options})


def with_momentum(form, **options):
    return decayed(momentum=MU, momentum_form=form, **options)


PLAIN = DELTA * N / ETA
EXACT = {
    "plain": (decayed(), PLAIN),
    "adjusted weight": (decayed(decay_of="adjusted"), PLAIN / (1 - DELTA)),
    "heavy ball": (with_momentum("heavy_ball"), PLAIN * (1 - MU)),
    "heavy ball, adjusted weight": (with_momentum("heavy_ball", decay_of="adjusted"), PLAIN * (1 - MU) / (1 - DELTA)),
    "nesterov": (with_momentum("nesterov"), PLAIN * (1 - MU)),
    "sutskever": (with_momentum("sutskever"), PLAIN * (1 - MU) / (1 + MU * DELTA)),
    "averaged": (with_momentum("averaged"), PLAIN),
    "bias corrected": (with_momentum("bias_corrected"), PLAIN),
    "per rate": (decayed(decay=PerRate(0.05)), 0.05 * N),
    "rate falls 10x, decay per rate": (decayed(decay=PerRate(0.05), schedule=StepDecay(3000)), 0.05 * N),
    "rate falls 10x, decay fixed": (decayed(schedule=StepDecay(3000)), 10 * PLAIN),
    "clipped, but never": (decayed(transform="clip", clip_norm=1e3), PLAIN),
}


@pytest.mark.parametrize("row", list(EXACT))
def test_the_fixed_point_of_decay_has_the_predicted_lambda(row, loss):
    optimizer, predicted = EXACT[row]
    answer = last(optimizer, build(loss), steps=5990 if "falls" in row else 2500).answer
    assert lambda_at(loss, answer) == pytest.approx(predicted, rel=1e-4)


def test_sutskever_momentum_is_read_at_the_lookahead_point(loss):
    update = last(with_momentum("sutskever"), build(loss), steps=4000)
    np.testing.assert_allclose(update.answer[:3], (1 + MU * DELTA) * update.theta[:3], rtol=1e-9)
    run = oc.minimize(build(loss), with_momentum("sutskever"), budget=12_000, start=np.full(4, 0.1))
    np.testing.assert_allclose(run.theta, update.answer, rtol=1e-9)


def test_decay_of_the_original_weight_is_the_penalised_gradient_step_by_step(loss):
    lam = 3.0
    in_error = GradientDescent(learning_rate=ETA), build(loss, oc.L2(lam))
    in_update = decayed(decay=ETA * lam / N), build(loss)
    for one, other in zip(trajectory(*in_error, 100), trajectory(*in_update, 100), strict=True):
        np.testing.assert_allclose(one.theta, other.theta, rtol=1e-12)


IN_ERROR = {
    "heavy ball": HeavyBall(learning_rate=ETA),
    "nesterov": Nesterov(learning_rate=ETA),
    "sutskever": GradientDescent(learning_rate=ETA, momentum=MU, momentum_form="sutskever"),
    "averaged": GradientDescent(learning_rate=ETA, momentum=MU, momentum_form="averaged"),
    "adam": Adam(learning_rate=0.02),
    "rate of its own": GradientDescent(),
}


@pytest.mark.parametrize("rule", list(IN_ERROR))
def test_the_penalty_in_the_error_is_lambda_under_every_rule(rule, loss):
    answer = last(IN_ERROR[rule], build(loss, oc.L2(2.0)), steps=3000).answer
    assert lambda_at(loss, answer) == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("decay", [0.3, PerRate(0.3)])
@pytest.mark.parametrize("decay_of", ["original", "adjusted"])
def test_biases_do_not_decay(decay, decay_of):
    flat = function_objective(lambda t: 0.0, dim=4, gradient=np.zeros_like, is_weight=IS_WEIGHT)
    optimizer = GradientDescent(learning_rate=1.0, decay=decay, decay_of=decay_of)
    for update in trajectory(optimizer, flat, 3, start=(1.0, -2.0, 3.0, 5.0)):
        np.testing.assert_allclose(update.theta, [*(0.7**update.number * np.array([1.0, -2.0, 3.0])), 5.0], rtol=1e-14)


def box_minimiser(loss, radius):
    bounds = [(-radius, radius)] * 3 + [(None, None)]
    best = minimize(loss[0], np.zeros(4), jac=loss[1], bounds=bounds, options={"ftol": 0.0, "gtol": 1e-10}).x
    assert np.sum(np.abs(best[:3]) > radius * 0.999) in (1, 2)  # a box that matters
    return best


FALLING = {"learning_rate": 0.05, "decay": PerRate(1.0), "schedule": InverseTime(100)}
BOXED = {
    "adamw": AdamW(**FALLING, epsilon=0.0, scale_decay=0.99),
    "rmsprop": RMSprop(**FALLING),
    "sign descent": SignDescent(**FALLING),
    "sign descent without momentum": SignDescent(**FALLING, momentum=0.0),
}


@pytest.mark.parametrize("rule", list(BOXED))
def test_sign_like_steps_with_decay_minimise_the_loss_in_a_box(rule, loss):
    answer = last(BOXED[rule], build(loss), steps=5000).answer
    assert np.abs(answer[:3]).max() <= 1.001
    np.testing.assert_allclose(answer, box_minimiser(loss, 1.0), atol=0.02)


@pytest.mark.parametrize(("epsilon", "wd"), [(0.05, 0.3), (1.0, 0.2)])
def test_adamw_at_a_full_batch_minimises_a_logarithmic_barrier(loss, epsilon, wd):
    # with the usual scale_decay of 0.999 the memory of the first, large gradients takes 20,000 updates to fade
    optimizer = AdamW(learning_rate=0.05, decay=PerRate(wd), epsilon=epsilon, scale_decay=0.99)
    theta = last(optimizer, build(loss), steps=4000).theta
    # gradient of L + (eps/wd) sum[-wd|w| - ln(1 - wd|w|)]
    w, g = theta[:3], loss[1](theta)
    np.testing.assert_allclose(-g[:3], epsilon * wd * w / (1 - wd * np.abs(w)), rtol=1e-4)
    assert abs(g[3]) < 1e-6


def test_adamw_at_small_weights_is_l2_with_lambda_n_epsilon_wd(loss):
    wd, epsilon = 0.002, 100.0
    theta = last(AdamW(learning_rate=60.0, decay=PerRate(wd), epsilon=epsilon), build(loss), steps=3000).theta
    w = theta[:3]
    assert np.abs(wd * w).max() < 0.005
    assert -N * (loss[1](theta)[:3] @ w) / (w @ w) == pytest.approx(N * epsilon * wd, rel=0.005)


def test_adamw_on_minibatches_has_one_lambda_for_every_coordinate():
    wd = 0.5
    data = oc.Dataset.from_arrays(X, (SIGNS > 0).astype(int), task="classification", test_size=0.0, seed=0)
    objective = oc.linear_objective(data, noise=oc.Minibatch(5))
    recorder = Recorder(objective, math.inf, rng=np.random.default_rng(3))
    updates = AdamW(learning_rate=4e-3, decay=PerRate(wd)).updates(recorder, np.zeros(4), np.random.default_rng(0))
    late = list(itertools.islice(updates, 2000, 12_000))
    w = np.mean([update.theta for update in late], axis=0)[:3]
    v = np.mean([update.gradient**2 for update in late], axis=0)[:3]
    g = np.mean([objective.loss_gradient(update.theta) for update in late[::20]], axis=0)[:3]
    np.testing.assert_allclose(-N * g / w, N * wd * (np.sqrt(v) + 1e-8), rtol=0.02)


def test_adagrad_with_decay_loses_its_weights(loss):
    optimizer = Adagrad(learning_rate=0.5, decay=PerRate(1.0))
    sizes = {u.number: np.abs(u.theta[:3]).max() for u in trajectory(optimizer, build(loss), 4000)}
    # a box of radius 1/wd that shrinks as 1/sqrt(t)
    assert sizes[1000] == pytest.approx(1 / math.sqrt(1000), rel=0.2)
    assert sizes[4000] == pytest.approx(1 / math.sqrt(4000), rel=0.1)


BALLS = {
    "normalised": (NormalisedGradient(learning_rate=0.05, decay=PerRate(1.0)), 1.0),
    "clipped": (ClippedGradient(learning_rate=0.2, clip_norm=0.05, decay=0.005), 2.0),
}


@pytest.mark.parametrize("rule", list(BALLS))
def test_steps_of_bounded_length_with_decay_minimise_the_loss_in_a_ball(rule, loss):
    optimizer, radius = BALLS[rule]
    answer = last(optimizer, build(loss), steps=5990).answer
    assert np.linalg.norm(answer[:3]) == pytest.approx(radius, rel=1e-6)
    # its multiplier depends on the loss: -g is along w by some lambda > 0, not by a predicted one
    assert lambda_at(loss, answer) > 0.1


def test_a_clip_that_is_not_active_at_the_ball_leaves_the_lambda():
    answer = last(ClippedGradient(learning_rate=ETA, clip_norm=0.5, decay=DELTA), build(LOSSES["ridge"]), 4000).answer
    assert lambda_at(LOSSES["ridge"], answer) == pytest.approx(PLAIN, rel=1e-4)


def test_lambda_in_the_update_is_the_naive_transcription(loss):
    objective = build(loss, oc.L2(2.0))
    for optimizer, factor in ((decayed(decay=0.0), 1.0), (HeavyBall(learning_rate=ETA), 0.1)):
        run = oc.minimize(objective, oc.InUpdate(optimizer), budget=20_000, start=np.zeros(4))
        assert lambda_at(loss, run.theta) == pytest.approx(2.0 * factor, rel=1e-4)
