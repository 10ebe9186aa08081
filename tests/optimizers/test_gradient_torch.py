"""The products walk torch.optim's trajectories: against numbers made by torch 2.13.0, and against torch where it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import optcompare as oc
from optcompare.objective.builders import function_objective
from optcompare.optimizers.gradient import Adagrad, Adam, AdamW, GradientDescent, HeavyBall, Nesterov, RMSprop
from optcompare.optimizers.options import PerRate
from optcompare.recorder import Recorder

SMALL = np.array([[1.0, 0.5], [-0.5, 1.5], [0.25, -1.0], [-1.5, -0.75], [0.75, 0.25]])
SMALL_SIGNS = np.array([1.0, -1.0, 1.0, -1.0, -1.0])
START = np.array([0.3, -0.2])

# theta after 200 updates on mean(softplus(-t X w)) of the five items above, printed by torch 2.13.0 in float64
GOLDEN = {
    "heavy_ball": (HeavyBall(learning_rate=0.1), [2.1141487401301826, -2.1881203358791783]),
    "nesterov": (Nesterov(learning_rate=0.1), [2.1131611809173214, -2.1861647877461627]),
    "adam": (Adam(learning_rate=0.02), [1.9715373909136724, -1.9398649001236654]),
    "adamw": (AdamW(learning_rate=0.02, decay=PerRate(0.1)), [1.7749132678336814, -1.6716767900636378]),
    "rmsprop": (RMSprop(), [1.9445085218423628, -1.8972398326570368]),
    "adagrad": (Adagrad(learning_rate=0.1), [1.8154711736935587, -1.7041270572860505]),
}


def logistic(X, signs, penalty=None):
    n = len(X)
    return function_objective(
        lambda t: float(np.logaddexp(0.0, -signs * (X @ t)).mean()),
        dim=X.shape[1],
        gradient=lambda t: -X.T @ (signs / (1.0 + np.exp(signs * (X @ t)))) / n,
        n_samples=n,
        penalty=penalty,
    )


def thetas(optimizer, objective, start, steps=200):
    updates = optimizer.updates(Recorder(objective, math.inf), start, np.random.default_rng(0))
    return np.array([update.theta for update in itertools.islice(updates, steps)])


@pytest.mark.parametrize("name", list(GOLDEN))
def test_the_answer_after_200_updates_is_torchs(name):
    optimizer, expected = GOLDEN[name]
    assert optimizer.name == name
    np.testing.assert_allclose(thetas(optimizer, logistic(SMALL, SMALL_SIGNS), START)[-1], expected, rtol=1e-12)


# name: (ours, torch's class, its options, weight_decay that torch adds to the gradient)
TWINS = {
    "sgd": (GradientDescent(learning_rate=0.3), "SGD", {"lr": 0.3}, 0.0),
    "heavy ball": (HeavyBall(learning_rate=0.1), "SGD", {"lr": 0.1, "momentum": 0.9}, 0.0),
    "heavy ball, penalty": (HeavyBall(learning_rate=0.1), "SGD", {"lr": 0.1, "momentum": 0.9}, 0.05),
    "nesterov": (Nesterov(learning_rate=0.1), "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, 0.0),
    "adam": (Adam(learning_rate=0.02), "Adam", {"lr": 0.02}, 0.0),
    "adam, defaults": (Adam(), "Adam", {}, 0.0),
    "adam, penalty": (Adam(learning_rate=0.02), "Adam", {"lr": 0.02}, 0.05),
    "adamw, defaults": (AdamW(), "AdamW", {}, 0.0),
    "adamw": (AdamW(learning_rate=0.02, decay=PerRate(0.3)), "AdamW", {"lr": 0.02, "weight_decay": 0.3}, 0.0),
    "rmsprop, defaults": (RMSprop(), "RMSprop", {}, 0.0),
    "adagrad, defaults": (Adagrad(), "Adagrad", {}, 0.0),
    "adagrad": (Adagrad(learning_rate=0.2), "Adagrad", {"lr": 0.2}, 0.0),
}


@pytest.mark.parametrize("name", list(TWINS))
def test_the_trajectory_is_torchs(name):
    torch = pytest.importorskip("torch")
    ours, their_class, options, in_gradient = TWINS[name]
    rng = np.random.default_rng(7)
    X, start = rng.standard_normal((30, 4)), rng.standard_normal(4)
    signs = np.where(X @ rng.standard_normal(4) + rng.standard_normal(30) > 0, 1.0, -1.0)
    w = torch.tensor(start, requires_grad=True)
    items, targets = torch.tensor(X), torch.tensor(signs)
    if in_gradient:
        options = {**options, "weight_decay": in_gradient}
    theirs, expected = getattr(torch.optim, their_class)([w], **options), []
    for _ in range(200):
        theirs.zero_grad()
        torch.nn.functional.softplus(-targets * (items @ w), threshold=1e9).mean().backward()
        theirs.step()
        expected.append(w.detach().numpy().copy())
    penalty = oc.L2(in_gradient, convention="lambda/2") if in_gradient else None
    # relative to the size of theta: a single coordinate may pass through 0
    error = np.abs(thetas(ours, logistic(X, signs, penalty), start) - np.array(expected)).max(axis=1)
    assert (error <= 1e-12 * np.abs(expected).max(axis=1)).all()
