"""The objective against central differences, scikit-learn and its own population form."""

import numpy as np
import pytest
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import InvalidInputError, UnknownNameError

TIGHT = {"ftol": 0.0, "gtol": 1e-10, "maxiter": 50_000, "maxfun": 200_000}


def solve(objective):
    start = objective.start(np.random.default_rng(0))
    return minimize(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=TIGHT).x


CASES = {
    "linear logistic": lambda: oc.linear_objective(oc.load_dataset("breast_cancer"), penalty=oc.L2(1.0)),
    "linear softmax, sum": lambda: oc.linear_objective(
        oc.load_dataset("wine"), penalty=oc.L2(0.1, "sum+lambda"), reduction="sum"
    ),
    "tanh, two layers": lambda: oc.mlp_objective(
        oc.load_dataset("iris"), hidden=(5, 4), penalty=oc.L2(0.01, "lambda/2")
    ),
    "sigmoid regression, biases penalised": lambda: oc.mlp_objective(
        oc.load_dataset("diabetes"), hidden=(6,), activation="sigmoid", penalty=oc.L2(2.0, biases=True)
    ),
    "relu, several outputs": lambda: oc.mlp_objective(
        oc.load_dataset("linnerud"), hidden=(7,), activation="relu", penalty=oc.L2(0.3)
    ),
    "identity, noisy": lambda: oc.mlp_objective(
        oc.load_dataset("wine"),
        hidden=(3,),
        activation="identity",
        penalty=oc.L2(0.3),
        noise=(oc.Minibatch(17), oc.InputNoise(0.2), oc.Dropout(0.3)),
    ),
}


def a_point(objective, seed=0):
    rng = np.random.default_rng(seed)
    return objective.start(rng) + 0.1 * rng.standard_normal(objective.dim)


def a_sample(objective):
    return next(objective.samples(np.random.default_rng(3))) if objective.is_noisy else None


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_sampled", [False, True])
def test_gradient_equals_central_differences(case, is_sampled):
    objective = CASES[case]()
    theta, sample, h = a_point(objective), a_sample(objective) if is_sampled else None, 1e-5
    value, gradient = objective.value_and_gradient(theta, sample)
    numeric = [
        (objective.value(theta + h * e, sample) - objective.value(theta - h * e, sample)) / (2 * h)
        for e in np.eye(objective.dim)
    ]
    assert np.linalg.norm(gradient - numeric) <= 1e-6 * np.linalg.norm(numeric)
    assert value == pytest.approx(objective.value(theta, sample), rel=1e-14)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_sampled", [False, True])
@pytest.mark.parametrize("m", [0, 1, 3, 150])
def test_population_equals_rows(case, is_sampled, m):
    objective = CASES[case]()
    sample = a_sample(objective) if is_sampled else None
    thetas = np.random.default_rng(1).normal(size=(m, objective.dim))
    rows = [objective.value(theta, sample) for theta in thetas]
    np.testing.assert_allclose(objective.values(thetas, sample), rows, rtol=1e-12)


def test_population_is_tiled_over_thetas_and_items():
    import tracemalloc

    rng = np.random.default_rng(0)
    data = oc.Dataset.from_arrays(rng.normal(size=(60_000, 4)), rng.integers(0, 2, 60_000), task="classification")
    objective = oc.mlp_objective(data, hidden=(16,), penalty=oc.L2(1.0))
    thetas = rng.normal(size=(20, objective.dim))
    tracemalloc.start()
    values = objective.values(thetas)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, f"{peak / 1e6:.1f} MB"
    np.testing.assert_allclose(values, [objective.value(theta) for theta in thetas], rtol=1e-12)


def test_value_is_the_formula():
    data = oc.load_dataset("breast_cancer", seed=4)
    objective = oc.linear_objective(data, penalty=oc.L2(3.0))
    theta = a_point(objective)
    w, b = theta[:-1], theta[-1]
    sign = 2 * data.y - 1
    by_hand = np.log1p(np.exp(-sign * (data.X @ w + b))).mean() + 3.0 / (2 * len(data.y)) * (w**2).sum()
    assert objective.value(theta) == pytest.approx(by_hand, rel=1e-13)
    assert objective.loss(theta) + objective.penalty_value(theta) == pytest.approx(by_hand, rel=1e-13)


@pytest.mark.parametrize("lam", [0.03, 1.0, 20.0])
def test_equals_sklearn_logistic_regression(lam):
    from sklearn.linear_model import LogisticRegression

    data = oc.load_dataset("breast_cancer", seed=2)
    objective = oc.linear_objective(data, penalty=oc.L2(lam))
    theirs = LogisticRegression(C=1 / lam, tol=1e-10, max_iter=20_000).fit(data.X, data.y)
    theta = np.append(theirs.coef_[0], theirs.intercept_)
    assert objective.value(solve(objective)) == pytest.approx(objective.value(theta), rel=1e-6)


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_equals_sklearn_multinomial(name):
    from sklearn.linear_model import LogisticRegression

    data = oc.load_dataset(name, seed=1)
    objective = oc.linear_objective(data, penalty=oc.L2(0.5))
    theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=20_000).fit(data.X, data.y)
    theta = objective.layout.pack([theirs.coef_.T, theirs.intercept_])
    assert objective.value(solve(objective)) == pytest.approx(objective.value(theta), rel=1e-6)


def test_equals_sklearn_ridge_with_error_in_original_units():
    from sklearn.linear_model import Ridge

    data = oc.load_dataset("diabetes", seed=3)
    objective = oc.linear_objective(data, penalty=oc.L2(7.0))
    theirs = Ridge(alpha=7.0).fit(data.X, data.y)
    ours = solve(objective)
    assert objective.value(ours) == pytest.approx(objective.value([*theirs.coef_, theirs.intercept_]), rel=1e-6)
    raw = theirs.predict(data.X_test) * data.y_scale + data.y_mean
    rmse = np.sqrt(np.mean((raw - (data.y_test * data.y_scale + data.y_mean)) ** 2))
    assert objective.test_error(ours) == pytest.approx(rmse, rel=1e-6)
    assert 40 < rmse < 80  # the disease's progression is scored from 25 to 346


@pytest.mark.parametrize("convention", ["lambda/2n", "lambda/2", "lambda", "sum+lambda/2", "sum+lambda"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_written_form_means_its_formula_up_to_scale(convention, reduction):
    data = oc.load_dataset("diabetes")
    objective = oc.linear_objective(data, penalty=oc.L2(0.7, convention), reduction=reduction)
    theta = a_point(objective)
    squares = float((theta[objective.is_weight] ** 2).sum())
    mean = oc.linear_objective(data).loss(theta)
    n = data.n_samples
    written = {
        "lambda/2n": mean + 0.7 / (2 * n) * squares,
        "lambda/2": mean + 0.35 * squares,
        "lambda": mean + 0.7 * squares,
        "sum+lambda/2": (n * mean + 0.35 * squares) / n,
        "sum+lambda": (n * mean + 0.7 * squares) / n,
    }[convention]
    assert objective.value(theta) == pytest.approx(written * (n if reduction == "sum" else 1), rel=1e-12)
    assert objective.with_lambda(1.4).lam_canonical == pytest.approx(2 * objective.lam_canonical)


def test_goes_straight_into_scipy_pyswarms_and_cma():
    import cma

    from optcompare.optimizers.pyswarms_backend import quiet_logging

    objective = oc.linear_objective(oc.load_dataset("diabetes"), penalty=oc.L2(1.0))
    start = objective.start(np.random.default_rng(0))
    best = minimize(objective.value, start, jac=objective.gradient, method="BFGS", options={"gtol": 1e-8}).fun
    strategy = cma.CMAEvolutionStrategy(start, 0.3, {"verbose": -9, "seed": 1, "maxfevals": 4000})
    assert strategy.optimize(objective.value).result.fbest == pytest.approx(best, rel=1e-3)
    state = np.random.get_state()
    np.random.seed(0)
    with quiet_logging():
        from pyswarms.single import GlobalBestPSO

        swarm = GlobalBestPSO(30, objective.dim, {"c1": 1.5, "c2": 1.5, "w": 0.7})
        cost, _ = swarm.optimize(objective.values, 200, verbose=False)
    np.random.set_state(state)
    assert cost == pytest.approx(best, rel=1e-2)


def test_frees_biases_and_masks_them():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(4,), penalty=oc.L2(1.0))
    assert objective.dim == 4 * 4 + 4 + 4 * 3 + 3
    assert objective.is_weight.sum() == 4 * 4 + 4 * 3
    gradient = objective.gradient(a_point(objective)) - objective.loss_gradient(a_point(objective))
    assert (gradient[~objective.is_weight] == 0).all()
    assert (gradient[objective.is_weight] != 0).all()


def test_minibatch_rounds_use_every_item_once_and_keep_the_ragged_batch():
    data = oc.load_dataset("iris")
    objective = oc.linear_objective(data, noise=oc.Minibatch(32), penalty=oc.L2(1.0))
    samples = objective.samples(np.random.default_rng(0))
    for _ in range(2):
        batches = [next(samples) for _ in range(4)]
        assert [sample.n_items for sample in batches] == [32, 32, 32, 9]
        assert sorted(np.concatenate([sample.rows for sample in batches])) == list(range(105))


def test_batch_means_average_to_the_loss():
    objective = oc.linear_objective(oc.load_dataset("iris"), noise=oc.Minibatch(21), penalty=oc.L2(1.0))
    theta = a_point(objective)
    samples = objective.samples(np.random.default_rng(0))
    assert np.mean([objective.value(theta, next(samples)) for _ in range(5)]) == pytest.approx(objective.value(theta))


def test_function_objective():
    def square(t):
        return float((t**2).sum())

    mine = oc.function_objective(square, dim=5, gradient=lambda t: 2 * t, penalty=oc.L2(0.1))
    theta = np.arange(5.0)
    assert mine.value(theta) == 30 + 0.05 * 30
    np.testing.assert_allclose(mine.gradient(theta), 2.1 * theta)
    masked = oc.function_objective(square, dim=2, is_weight=[True, False], penalty=oc.L2(2.0))
    assert masked.value([3.0, 5.0]) == 34 + 9
    assert np.isnan(mine.test_error(theta))


@pytest.mark.parametrize("bad", [None, np.zeros(3), 1j, "1", [1.0]])
def test_function_results_that_are_not_a_number_are_named(bad):
    mine = oc.function_objective(lambda t: bad, dim=2)
    with pytest.raises(InvalidInputError, match="must return one real number, got"):
        mine.value(np.zeros(2))


def test_a_function_cannot_write_into_theta():
    def rude(t):
        t[0] = 5.0
        return 0.0

    theta = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        oc.function_objective(rude, dim=2).value(theta)
    assert (theta == 0).all()


@pytest.mark.parametrize("lam", [-1.0, np.nan, np.inf, "1", None, True])
def test_a_wrong_lambda_is_refused(lam):
    with pytest.raises(InvalidInputError, match="lambda"):
        oc.L2(lam)


def test_wrong_input_is_named():
    data = oc.load_dataset("iris")
    with pytest.raises(InvalidInputError, match=r"theta must have shape \(15,\)"):
        oc.linear_objective(data).value(np.zeros(3))
    with pytest.raises(UnknownNameError, match="Did you mean 'tanh'"):
        oc.mlp_objective(data, activation="tanhh")
    with pytest.raises(InvalidInputError, match="needs two classes"):
        oc.linear_objective(data, loss="ramp")
    with pytest.raises(InvalidInputError, match="for regression"):
        oc.linear_objective(data, loss="half_squared_error")
    with pytest.raises(InvalidInputError, match="no penalty"):
        oc.linear_objective(data).with_lambda(1.0)
    with pytest.raises(UnknownNameError, match="lambda/2n"):
        oc.L2(1.0, "lambda/n2")
    with pytest.raises(InvalidInputError, match="larger than the 105 training items"):
        next(oc.linear_objective(data, noise=oc.Minibatch(500)).samples(np.random.default_rng(0)))
    with pytest.raises(InvalidInputError, match="hidden"):
        oc.mlp_objective(data, hidden=(0,))


def test_overflowing_scores_stay_a_number():
    objective = oc.linear_objective(oc.load_dataset("breast_cancer"))
    value = objective.value(np.full(objective.dim, 1e200))
    assert np.isfinite(value) and value > 1e190
    assert np.isfinite(objective.gradient(np.full(objective.dim, 1e200))).all()
