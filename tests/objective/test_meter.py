"""The lambda meter reads back what went in, and says when it cannot."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.objective.curvature import minimise

TIGHT = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 50_000, "maxfun": 200_000}


def solve(objective, seed=0):
    start = objective.start(np.random.default_rng(seed))
    return minimize(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=TIGHT).x


CONVEX = ["iris", "wine", "breast_cancer", "diabetes", "linnerud", "digits"]


def linear(name, lam, seed=5, **options):
    test_size = 0.9 if name == "digits" else 0.3  # 179 digits are enough, and faster
    return oc.linear_objective(oc.load_dataset(name, test_size=test_size, seed=seed), penalty=oc.L2(lam), **options)


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("lam", [1e-4, 1e-2, 1.0, 30.0, 1e4])
def test_both_forms_read_lambda_back_at_the_optimum(name, lam):
    objective = linear(name, lam)
    theta = minimise(objective, np.zeros(objective.dim))
    reading, ray = oc.implied_lambda(objective, theta), oc.implied_lambda(objective, theta, form="ray")
    assert reading.value == pytest.approx(lam, rel=1e-4)
    assert reading.identified and reading.angle < 0.1
    assert ray.value == pytest.approx(reading.value, rel=1e-4)
    np.testing.assert_allclose(ray.per_layer, reading.per_layer, rtol=1e-4)
    assert not ray.identified and np.isnan(ray.angle)


@pytest.mark.parametrize(
    ("name", "lam"), [("wine", 1e-4), ("iris", 1e-3), ("breast_cancer", 0.1), ("diabetes", 0.1), ("linnerud", 0.1)]
)
def test_reads_lambda_back_from_a_tight_lbfgs(name, lam):
    # where L stays large (regression), L-BFGS-B stalls at a gradient of 1e-9, once J has no more digits to fall by:
    # at lambda = 1e-4 its answers, not the meter, are 1e-3 to 1e-2 off
    objective = linear(name, lam, seed=2)
    assert oc.implied_lambda(objective, solve(objective)).value == pytest.approx(lam, rel=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_sum_reads_as_its_mean(reduction):
    objective = linear("diabetes", 0.01, reduction=reduction)
    theta = minimise(objective, np.zeros(objective.dim))
    for form in ("gradient", "ray"):
        assert oc.implied_lambda(objective, theta, form=form).value == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "hidden", "activation", "lam"),
    [("iris", (4,), "tanh", 0.5), ("iris", (5, 4), "tanh", 0.3), ("diabetes", (3,), "sigmoid", 1.0),
     ("linnerud", (4,), "identity", 0.5), ("wine", (4,), "tanh", 0.01)],
)  # fmt: skip
def test_reads_lambda_back_in_every_layer(name, hidden, activation, lam):
    objective = oc.mlp_objective(
        oc.load_dataset(name, seed=1), hidden=hidden, activation=activation, penalty=oc.L2(lam)
    )
    theta = solve(objective)
    for form in ("gradient", "ray"):
        reading = oc.implied_lambda(objective, theta, form=form)
        np.testing.assert_allclose([reading.value, *reading.per_layer], lam, rtol=1e-4)


def test_relu_kinks_within_the_step_are_stepped_around():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(6,), activation="relu", penalty=oc.L2(0.5))
    for seed in range(8):
        theta = objective.start(np.random.default_rng(seed))  # anywhere: the forms measure the same derivative
        gradient, ray = (oc.implied_lambda(objective, theta, form=form) for form in ("gradient", "ray"))
        assert ray.value == pytest.approx(gradient.value, rel=1e-4)


def test_angle_is_exact_from_0_to_180_degrees():
    # L = |w - a|^2/2 at w = e1: -g = a - e1, and lambda_hat = -g'w/|w|^2 = |a - e1| cos(angle)
    for degrees in [1e-9, 1e-4, 1.0, 30.0, 89.0, 91.0, 135.0, 179.0, 179.9999]:
        turn = np.radians(degrees)
        pull = 3.0 * np.array([np.cos(turn), np.sin(turn)])
        w = np.array([1.0, 0.0])
        objective = oc.function_objective(
            lambda t, pull=pull: float(-t @ pull), dim=2, gradient=lambda t, pull=pull: -pull
        )
        reading = oc.implied_lambda(objective, w)
        assert reading.angle == pytest.approx(degrees, rel=1e-7)
        assert reading.value == pytest.approx(3.0 * np.cos(turn), rel=1e-12)
        assert reading.identified == (degrees < 8.0)
        assert reading.error_bar == (np.inf if degrees > 90 else pytest.approx(np.tan(turn), rel=1e-7))


def test_weights_collapsed_to_nothing_have_no_lambda():
    for objective in (linear("wine", 1.0), oc.mlp_objective(oc.load_dataset("iris"), hidden=(4,), penalty=oc.L2(1.0))):
        theta = objective.start(np.random.default_rng(0))
        tiny = np.where(objective.is_weight, 1e-10 * theta, theta)
        for point in (tiny, 0.0 * tiny):
            for form in ("gradient", "ray"):
                reading = oc.implied_lambda(objective, point, form=form)
                assert not reading.identified
                assert "w -> 0" in reading.reason or "reads 0" in reading.reason
        assert "undefined at w -> 0" in oc.implied_lambda(objective, 0.0 * tiny).reason
    # aligned with -g, as after a long decay: the angle alone would call it identified
    objective = linear("wine", 1.0)
    start = minimise(linear("wine", 1e12), np.zeros(objective.dim))
    reading = oc.implied_lambda(objective, start)
    assert reading.angle < 1.0 and not reading.identified and "undefined at w -> 0" in reading.reason


def test_a_large_lambda_is_still_read():
    objective = linear("wine", 1e8)
    assert oc.implied_lambda(objective, minimise(objective, np.zeros(objective.dim))).value == pytest.approx(1e8)


def test_a_loss_that_does_not_see_the_scale_reads_0():
    a = np.array([1.0, 2.0, -1.0])

    def loss(t):
        return float((t @ a) / np.linalg.norm(t))

    def gradient(t):
        return a / np.linalg.norm(t) - t * (t @ a) / np.linalg.norm(t) ** 3

    objective = oc.function_objective(loss, dim=3, gradient=gradient, penalty=oc.L2(1.0))
    for form in ("gradient", "ray"):
        reading = oc.implied_lambda(objective, [1.0, 0.3, 2.0], form=form)
        assert abs(reading.value) < 1e-10 and not reading.identified and "scale-invariant" in reading.reason
    zero_one = linear("breast_cancer", 1.0, loss="zero_one")
    reading = oc.implied_lambda(zero_one, minimise(linear("breast_cancer", 1.0), np.zeros(zero_one.dim)))
    assert reading.form == "ray" and not reading.identified


def test_growing_weights_and_one_weight_are_not_identified():
    quadratic = oc.function_objective(lambda t: float(t @ t), dim=2, gradient=lambda t: 2.0 * t)
    reading = oc.implied_lambda(quadratic, [1.0, 1.0])
    assert reading.value == pytest.approx(-2.0) and reading.angle == pytest.approx(180.0)
    assert not reading.identified and "rises as the weights grow" in reading.reason
    one = oc.function_objective(lambda t: float((t[0] - 2.0) ** 2), dim=1, gradient=lambda t: 2.0 * (t - 2.0))
    reading = oc.implied_lambda(one, [1.0])
    assert reading.value == pytest.approx(2.0) and not reading.identified and "one weight" in reading.reason


def test_not_finite_is_said():
    objective = linear("diabetes", 1.0)
    assert "not finite" in oc.implied_lambda(objective, np.full(objective.dim, np.nan)).reason
    assert "not finite" in oc.implied_lambda(objective, np.full(objective.dim, 1e300)).reason


def test_gap_and_disagreeing_layers_are_printed():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(4,), activation="identity", penalty=oc.L2(0.5))
    theta = solve(objective)
    reference = objective.value(theta)
    scaled = theta.copy()  # the same function, other layers
    blocks = {block.name: block.where for block in objective.layout.blocks}
    scaled[blocks["W1"]] *= 3.0
    scaled[blocks["b1"]] *= 3.0
    scaled[blocks["W2"]] /= 3.0
    reading = oc.implied_lambda(objective, scaled, reference=reference)
    assert reading.per_layer[1] / reading.per_layer[0] == pytest.approx(81.0, rel=1e-3)
    assert reading.gap == pytest.approx(objective.value(scaled) - reference, rel=1e-9) and reading.gap > 0
    assert "disagree" in repr(reading) and "gap" in repr(reading)
    assert "disagree" not in repr(oc.implied_lambda(objective, theta)) and "within" in repr(
        oc.implied_lambda(objective, theta)
    )


def test_ramp_is_read_from_its_values():
    # a dense cloud of margins: the ray derivative of the ramp's mean is close to that of its expectation
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 1))
    y = (X[:, 0] + rng.standard_normal(20_000) > 0).astype(int)
    data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0)
    objective = oc.linear_objective(data, loss="ramp", penalty=oc.L2(1.0))
    theta = np.array([0.7, 0.0])
    inside = np.abs(objective.data.X[:, 0] * 0.7) < 1.0
    sign = 2.0 * objective.data.y - 1.0
    slope = np.mean(np.where(inside, -0.5 * sign * objective.data.X[:, 0], 0.0)) * 0.7
    reading = oc.implied_lambda(objective, theta)
    assert reading.form == "ray"
    assert reading.value == pytest.approx(-slope * objective.n_samples / 0.49, rel=0.02)


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
