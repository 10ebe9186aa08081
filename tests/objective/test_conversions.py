"""Every conversion is tried by training: a library's own fit, or a formula written out literally, supplies
the weights; an independent solver of ``mean loss + lambda/(2n) sum w^2`` at the converted lambda must find
the same weights, and must not find them at a lambda 2 % off."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from optcompare.errors import NoEquivalentLambdaError
from optcompare.objective.convert import convert_lambda

TIGHT = {"ftol": 0.0, "gtol": 1e-11, "maxiter": 20_000, "maxfun": 100_000, "maxcor": 30}


class Problem(NamedTuple):
    X: np.ndarray
    Y: np.ndarray  # (n, k): targets, one 0/1 column for two classes, one-hot for more
    labels: np.ndarray  # (n,)
    kind: str  # "squared", "logistic", "softmax"


def standardise(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def make(kind, n_outputs=1):
    if kind == "squared":
        X, y = load_diabetes(return_X_y=True)
        extra = X[:, 4:6] @ np.array([3.0, 2.0])  # a second target, in units of its own
        X, y = standardise(X[:90, [2, 3, 6, 8]]), standardise(y[:90]) + 0.7  # the bias has work to do
        Y = np.column_stack([y, standardise(extra[:90]) * 1.5 - 0.4])[:, :n_outputs]
        return Problem(X, Y, Y[:, 0], kind)
    if kind == "logistic":
        X, y = load_breast_cancer(return_X_y=True)
        return Problem(standardise(X[:100, [0, 1, 4, 8]]), y[:100, None].astype(float), y[:100], kind)
    X, y = load_iris(return_X_y=True)
    keep = np.r_[0:15, 50:100, 100:130]  # unequal classes
    return Problem(standardise(X[keep]), np.eye(3)[y[keep]], y[keep], kind)


def mean_loss(problem, Z):
    """Mean over items of the canonical loss at scores Z (n, k), and its gradient in Z."""
    Y, n = problem.Y, len(problem.Y)
    if problem.kind == "squared":
        return 0.5 * ((Z - Y) ** 2).sum() / n, (Z - Y) / n
    if problem.kind == "logistic":
        return (np.logaddexp(0, Z) - Y * Z).sum() / n, (expit(Z) - Y) / n
    return -(Y * log_softmax(Z, axis=1)).sum() / n, (softmax(Z, axis=1) - Y) / n


def reference(problem, lam, penalise_biases=False, l1=0.0):
    """Minimise mean loss + lam/(2n) sum w^2 + l1/n sum |w| tightly; return W (p, k), b (k,)."""
    (n, p), k = problem.X.shape, problem.Y.shape[1]

    def unpack(theta):
        plus, minus, b = np.split(theta, [p * k, 2 * p * k])
        return (plus - minus).reshape(p, k), b

    def value(theta):
        W, b = unpack(theta)
        loss, dZ = mean_loss(problem, problem.X @ W + b)
        size = theta[: 2 * p * k].sum()
        gW, gb = problem.X.T @ dZ + lam / n * W, dZ.sum(axis=0)
        total = loss + lam / (2 * n) * (W**2).sum() + l1 / n * size
        if penalise_biases:
            total, gb = total + lam / (2 * n) * (b**2).sum(), gb + lam / n * b
        return total, np.concatenate([gW.ravel() + l1 / n, l1 / n - gW.ravel(), gb])

    bounds = [(0, None) if l1 else (None, None)] * (p * k)
    bounds += [(0, None) if l1 else (0, 0)] * (p * k) + [(None, None)] * k
    return unpack(minimize(value, np.zeros(2 * p * k + k), jac=True, method="L-BFGS-B", bounds=bounds, options=TIGHT).x)


def distance(fit, other):
    """Greatest relative distance of weights and of (centred) biases, both in units of the weights."""
    (W, b), (V, c) = ((np.asarray(W, float), np.asarray(b, float)) for W, b in (fit, other))
    if len(b) == 3:  # a softmax does not see a shift of all biases
        b, c = b - b.mean(), c - c.mean()
    return max(np.linalg.norm(W - V), np.linalg.norm(b - c)) / np.linalg.norm(V)


def assert_is_minimiser(fit, solve, lam, tolerance):
    """The fit is solve(lam), and it is neither solve(0.98 lam) nor solve(1.02 lam)."""
    assert distance(fit, solve(lam)) < tolerance
    for wrong in (0.98 * lam, 1.02 * lam):
        assert distance(fit, solve(wrong)) > 3 * tolerance


def assert_converts(problem, fit, lam, tolerance, **options):
    assert_is_minimiser(fit, lambda x: reference(problem, x, **options), lam, tolerance)


def coefficients(model):
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


# --- scikit-learn -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_ridge(n_outputs):
    problem = make("squared", n_outputs)
    target = problem.Y if n_outputs == 2 else problem.labels
    fit = coefficients(Ridge(alpha=35.0).fit(problem.X, target))
    assert_converts(problem, fit, convert_lambda(35.0, "sklearn.Ridge", n_samples=90), 1e-7)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
def test_elastic_net(l1_ratio):
    problem = make("squared")
    model = ElasticNet(alpha=0.3, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    with warnings.catch_warnings():
        if l1_ratio == 0:  # scikit-learn advises another solver, and converges all the same
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            warnings.filterwarnings("ignore", message=".*without L1 regularization.*")
        fit = coefficients(model.fit(problem.X, problem.labels))
    lam = convert_lambda(0.3, "sklearn.ElasticNet.l2", n_samples=90, l1_ratio=l1_ratio)
    assert_converts(problem, fit, lam, 1e-5, l1=90 * 0.3 * l1_ratio)


@pytest.mark.parametrize("kind", ["logistic", "softmax"])
def test_logistic_regression(kind):
    problem = make(kind)
    model = LogisticRegression(C=0.08, tol=1e-10, max_iter=10_000).fit(problem.X, problem.labels)
    lam = convert_lambda(0.08, "sklearn.LogisticRegression", n_samples=len(problem.X))
    assert_converts(problem, coefficients(model), lam, 1e-5)


def test_logistic_regression_that_penalises_its_intercept():
    problem = make("logistic")
    model = LogisticRegression(C=0.08, solver="liblinear", tol=1e-10, max_iter=10_000)
    fit = coefficients(model.fit(problem.X, problem.labels))
    lam = convert_lambda(0.08, "sklearn.LogisticRegression", biases=True)
    assert_converts(problem, fit, lam, 1e-4, penalise_biases=True)
    with pytest.raises(AssertionError):  # the check sees that it is not the fit with free biases
        assert_converts(problem, fit, lam, 1e-4)


def test_an_undertrained_fit_is_caught():
    problem = make("logistic")
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(C=0.08, max_iter=3).fit(problem.X, problem.labels)
    with pytest.raises(AssertionError):
        assert_converts(problem, coefficients(model), 1 / 0.08, 1e-4)


@pytest.mark.parametrize("kind", ["squared", "logistic"])
def test_sgd(kind):
    problem = make(kind)
    options = {"alpha": 0.2, "learning_rate": "constant", "tol": None, "random_state": 0, "warm_start": True}
    model = SGDRegressor(**options) if kind == "squared" else SGDClassifier(loss="log_loss", **options)
    for eta0, epochs in ((3e-3, 500), (1e-4, 2000), (1e-5, 5000)):
        model.set_params(eta0=eta0, max_iter=epochs).fit(problem.X, problem.labels)
    lam = convert_lambda(0.2, "sklearn.SGD", n_samples=len(problem.X))
    assert_converts(problem, coefficients(model), lam, 3e-4)


def network(problem, model, lam):
    """Minimise mean loss + lam/(2n) sum w^2 of a one-hidden-layer tanh network, from the model's weights."""
    arrays = [*model.coefs_, *model.intercepts_]
    cuts, n = np.cumsum([a.size for a in arrays])[:-1], len(problem.X)

    def value(theta):
        V, W, a, b = (part.reshape(x.shape) for part, x in zip(np.split(theta, cuts), arrays, strict=True))
        H = np.tanh(problem.X @ V + a)
        loss, dZ = mean_loss(problem, H @ W + b)
        dA = dZ @ W.T * (1 - H**2)
        gradients = (problem.X.T @ dA + lam / n * V, H.T @ dZ + lam / n * W, dA.sum(axis=0), dZ.sum(axis=0))
        total = loss + lam / (2 * n) * ((V**2).sum() + (W**2).sum())
        return total, np.concatenate([g.ravel() for g in gradients])

    start = np.concatenate([a.ravel() for a in arrays])
    theta = minimize(value, start, jac=True, method="L-BFGS-B", options=TIGHT).x
    return theta[: cuts[1]], theta[cuts[1] :]


def assert_mlp_converts(problem, model, lam, tolerance):
    fit = np.concatenate([w.ravel() for w in model.coefs_]), np.concatenate(model.intercepts_)
    assert_is_minimiser(fit, lambda x: network(problem, model, x), lam, tolerance)


@pytest.mark.parametrize("kind", ["squared", "logistic", "softmax"])
def test_mlp_lbfgs(kind):
    problem = make(kind)
    mlp = MLPRegressor if kind == "squared" else MLPClassifier
    options = {"tol": 1e-9, "max_iter": 5000, "random_state": 1, "warm_start": True}
    model = mlp(hidden_layer_sizes=(2,), activation="tanh", solver="lbfgs", alpha=3.0, **options)
    for _ in range(8):  # scipy's own ftol stops each one early
        model.fit(problem.X, problem.labels)
    lam = convert_lambda(3.0, "sklearn.MLP", n_samples=len(problem.X), solver="lbfgs")
    assert_mlp_converts(problem, model, lam, 5e-4)


@pytest.mark.parametrize(("kind", "n_outputs", "size", "alpha"), [("logistic", 1, 40, 6.0), ("squared", 2, 50, 16.0)])
def test_mlp_batches(kind, n_outputs, size, alpha):
    problem = make(kind, n_outputs)
    mlp = MLPRegressor if kind == "squared" else MLPClassifier
    model = mlp(
        hidden_layer_sizes=(1,), activation="tanh", solver="sgd", alpha=alpha, batch_size=size, random_state=1,
        momentum=0.0, learning_rate="adaptive", learning_rate_init=0.1, tol=1e-9, n_iter_no_change=250,
        max_iter=20_000,
    )  # fmt: skip
    model.fit(problem.X, problem.Y if n_outputs == 2 else problem.labels)
    n = len(problem.X)
    lam = convert_lambda(alpha, "sklearn.MLP", n_samples=n, solver="sgd", batch_size=size)
    assert lam > 1.1 * alpha * n / size  # the ragged last batch weighs in
    assert_mlp_converts(problem, model, lam, 3e-3)


def test_mlp_full_batch_adam():
    problem = make("logistic")
    model = MLPClassifier(
        hidden_layer_sizes=(1,), activation="tanh", solver="adam", alpha=3.0, batch_size=100, random_state=1,
        learning_rate_init=0.02, tol=1e-12, n_iter_no_change=50, max_iter=20_000,
    )  # fmt: skip
    model.fit(problem.X, problem.labels)
    lam = convert_lambda(3.0, "sklearn.MLP", n_samples=100, solver="adam", batch_size=100)
    assert_mlp_converts(problem, model, lam, 1e-3)


# --- forms written out, and libraries by their written objective ------------------------------------------


def squared_error(problem, Z):
    return ((Z - problem.Y) ** 2).sum(axis=1)


PER_ITEM = {
    "half_squared_error": lambda problem, Z: 0.5 * squared_error(problem, Z),
    "squared_error": squared_error,
    "mse": lambda problem, Z: ((Z - problem.Y) ** 2).mean(axis=1),
    "cross_entropy": lambda problem, Z: -(problem.Y * log_softmax(Z, axis=1)).sum(axis=1),
}
WRITTEN = {
    "canonical": lambda losses, lam, S: losses.mean() + lam / (2 * len(losses)) * S,
    "lambda/2": lambda losses, lam, S: losses.mean() + lam / 2 * S,
    "lambda": lambda losses, lam, S: losses.mean() + lam * S,
    "sum+lambda/2": lambda losses, lam, S: losses.sum() + lam / 2 * S,
    "sum+lambda": lambda losses, lam, S: losses.sum() + lam * S,
    "keras.l2": lambda losses, lam, S: losses.mean() + lam * S,
}


def minimise_written(problem, per_item, form, value, n_outputs=None, penalise_biases=False):
    """Minimise a formula as it stands, by differences; return W, b."""
    p, k = problem.X.shape[1], n_outputs or problem.Y.shape[1]

    def objective(theta):
        W, b = theta[: p * k].reshape(p, k), theta[p * k :]
        squares = (theta**2).sum() if penalise_biases else (W**2).sum()
        return form(per_item(problem, problem.X @ W + b), value, squares)

    options = {**TIGHT, "gtol": 1e-8}
    theta = minimize(objective, np.zeros(p * k + k), jac="3-point", method="L-BFGS-B", options=options).x
    return theta[: p * k].reshape(p, k), theta[p * k :]


CANONICAL_LOSSES = ("half_squared_error", "cross_entropy")
WRITTEN_CASES = [(a, b) for a in WRITTEN for b in PER_ITEM if a != "canonical" or b in CANONICAL_LOSSES]


@pytest.mark.parametrize(("name", "loss"), WRITTEN_CASES)
def test_written_forms(name, loss):
    problem = make("softmax") if loss == "cross_entropy" else make("squared", n_outputs=2)
    n, k = len(problem.X), problem.Y.shape[1]
    value = convert_lambda(30.0, "canonical", name, n_samples=n, loss=loss, n_outputs=k)
    fit = minimise_written(problem, PER_ITEM[loss], WRITTEN[name], value)
    lam = convert_lambda(value, name, n_samples=n, loss=loss, n_outputs=k)
    assert_converts(problem, fit, lam, 1e-4)


def test_written_form_with_penalised_biases():
    problem = make("squared")
    fit = minimise_written(problem, squared_error, WRITTEN["lambda"], 0.4, penalise_biases=True)
    lam = convert_lambda(0.4, "lambda", n_samples=90, loss="squared_error", biases=True)
    assert_converts(problem, fit, lam, 1e-4, penalise_biases=True)


def test_two_logits_under_a_softmax_are_half_of_one():
    problem = make("logistic")
    two = problem._replace(Y=np.column_stack([1 - problem.Y, problem.Y]))
    W, b = minimise_written(two, PER_ITEM["cross_entropy"], WRITTEN["lambda/2"], 0.2)
    lam = convert_lambda(0.2, "lambda/2", n_samples=100, loss="cross_entropy", n_outputs=2)
    assert_converts(problem, (W[:, 1:] - W[:, :1], b[1:] - b[:1]), lam, 1e-4)


# --- decay in the update ------------------------------------------------------------------------------------


def gradient_descent(g, w, v, eta, delta, mu):
    return w - eta * g(w) - delta * w, v


def adjusted_weight(g, w, v, eta, delta, mu):
    w = w - eta * g(w)
    return w - delta * w, v


def heavy_ball(g, w, v, eta, delta, mu):
    v = mu * v - eta * g(w)
    return w + v - delta * w, v


def nesterov(g, w, v, eta, delta, mu):
    gradient = g(w)
    v = mu * v + gradient
    return w - eta * (gradient + mu * v) - delta * w, v


def sutskever(g, w, v, eta, delta, mu):
    v = mu * v - eta * g(w + mu * v)
    return w + v - delta * w, v


def averaged(g, w, v, eta, delta, mu):
    v = mu * v + (1 - mu) * g(w)
    return w - eta * v - delta * w, v


RULES = [gradient_descent, adjusted_weight, heavy_ball, nesterov, sutskever, averaged]


def gradient_of(problem, scale=1.0):
    """Return theta -> gradient of scale * mean loss, theta = (w, b) of a one-score linear model."""
    A = np.column_stack([problem.X, np.ones(len(problem.X))])
    return lambda theta: scale * (A.T @ mean_loss(problem, (A @ theta)[:, None])[1][:, 0])


def train(step, gradient, eta, delta, mu, n_steps=3000):
    theta, v = np.zeros(5), np.zeros(5)
    decay = delta * np.array([1.0, 1.0, 1.0, 1.0, 0.0])  # the bias never decays
    for _ in range(n_steps):
        theta, v = step(gradient, theta, v, eta, decay, mu)
    return theta, v


@pytest.mark.parametrize("kind", ["squared", "logistic"])
@pytest.mark.parametrize("step", RULES)
def test_decay_in_the_update(step, kind):
    problem, eta, delta = make(kind), 0.1, 0.04
    mu = 0.0 if step in (gradient_descent, adjusted_weight) else 0.6
    theta, v = train(step, gradient_of(problem), eta, delta, mu)
    if step is sutskever:
        theta = theta + mu * v
    loss = "cross_entropy" if kind == "logistic" else "half_squared_error"
    facts = {"n_samples": len(problem.X), "learning_rate": eta, "momentum": mu, "rule": step.__name__}
    lam = convert_lambda(delta, "decay", loss=loss, **facts)
    assert lam == convert_lambda(delta, "decay", **facts)
    assert_converts(problem, (theta[:4, None], theta[4:]), lam, 1e-6)


def momentum_of_positions(g, w, v, eta, delta, mu):
    moved = w - eta * g(w) + mu * v - delta * w  # v = w - w_previous: the decay goes through the momentum
    return moved, moved - w


def test_decay_that_goes_through_the_momentum_is_as_without_momentum():
    problem = make("squared")
    theta, _ = train(momentum_of_positions, gradient_of(problem), 0.1, 0.04, 0.6)
    lam = convert_lambda(0.04, "decay", n_samples=90, learning_rate=0.1, rule="gradient_descent")
    assert_converts(problem, (theta[:4, None], theta[4:]), lam, 1e-6)


def test_decay_against_the_gradient_of_an_unhalved_squared_error():
    problem = make("squared")
    theta, _ = train(gradient_descent, gradient_of(problem, scale=2.0), 0.05, 0.04, 0.0)
    facts = {"n_samples": 90, "loss": "squared_error", "learning_rate": 0.05, "rule": "gradient_descent"}
    assert_converts(problem, (theta[:4, None], theta[4:]), convert_lambda(0.04, "decay", **facts), 1e-6)


def adamw(g, w, v, eta, delta, mu, eps=0.3):
    gradient = g(w)
    return w - eta * gradient / (np.abs(gradient) + eps) - delta * w, v  # full batch, moments at rest


def newton(g, w, v, eta, delta, mu):
    H = np.column_stack([g(e) - g(np.zeros(5)) for e in np.eye(5)])
    return w - eta * np.linalg.solve(H, g(w)) - delta * w, v


def nearest_ridge(problem, W):
    """Smallest relative distance of weights W from the whole ridge path."""
    path = [reference(problem, lam)[0] for lam in np.geomspace(1e-2, 1e4, 61)]
    return min(np.linalg.norm(W - V) / np.linalg.norm(W) for V in path)


def test_adamw_minimises_what_its_error_says_and_no_l2():
    problem, wd = make("squared"), 1.8
    theta, _ = train(adamw, gradient_of(problem), 0.02, 0.02 * wd, 0.0)

    def objective(theta):
        w = np.abs(theta[:4]) * wd
        Z = problem.X @ theta[:4, None] + theta[4]
        return mean_loss(problem, Z)[0] + 0.3 / wd * (-w - np.log1p(-w)).sum()

    x = minimize(objective, np.zeros(5), bounds=[(-0.55, 0.55)] * 4 + [(None, None)], options={"ftol": 1e-15}).x
    assert np.linalg.norm(x - theta) < 1e-4
    assert nearest_ridge(problem, theta[:4, None]) > 0.03
    with pytest.raises(NoEquivalentLambdaError, match=r"sum\[-wd\|w\| - ln\(1 - wd\|w\|\)\]"):
        convert_lambda(wd, "torch.AdamW", n_samples=90, loss="half_squared_error")


def test_newton_shrinks_uniformly_and_is_no_l2():
    problem = make("squared")
    theta, _ = train(newton, gradient_of(problem), 0.5, 0.3, 0.0, n_steps=100)
    bare = reference(problem, 0.0)[0]
    assert np.allclose(theta[:4, None], bare * 0.5 / 0.8, rtol=1e-6)
    assert nearest_ridge(problem, theta[:4, None]) > 0.03
    with pytest.raises(NoEquivalentLambdaError, match=r"eta/\(eta \+ delta\)"):
        convert_lambda(0.3, "decay", n_samples=90, learning_rate=0.5, rule="newton")


# --- torch (optional) -------------------------------------------------------------------------------------


def train_in_torch(problem, optimizer, criterion, value, k, n_steps, bias_decay=0.0, **options):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    X = torch.tensor(problem.X)
    layer = torch.nn.Linear(X.shape[1], k, dtype=torch.float64)
    groups = [{"params": [layer.weight], "weight_decay": value}, {"params": [layer.bias], "weight_decay": bias_decay}]
    opt = getattr(torch.optim, optimizer)(groups, **options)
    target = torch.tensor(problem.labels if criterion == "CrossEntropyLoss" else problem.Y)
    rates = torch.optim.lr_scheduler.StepLR(opt, n_steps // 4, 0.3)
    for _ in range(n_steps):
        opt.zero_grad()
        getattr(torch.nn, criterion)()(layer(X), target).backward()
        opt.step()
        rates.step()
    return layer.weight.detach().numpy().T, layer.bias.detach().numpy()


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [("SGD", {"lr": 0.2, "momentum": 0.8}), ("SGD", {"lr": 0.6}), ("Adam", {"lr": 0.02})],
)
@pytest.mark.parametrize(
    ("criterion", "loss", "kind", "k"),
    [
        ("CrossEntropyLoss", "cross_entropy", "softmax", 3),
        ("BCEWithLogitsLoss", "cross_entropy", "logistic", 1),
        ("MSELoss", "mse", "squared", 2),
    ],
)
def test_torch(optimizer, options, criterion, loss, kind, k):
    problem = make(kind, n_outputs=k)
    fit = train_in_torch(problem, optimizer, criterion, 0.3, k, 1500, **options)
    n = len(problem.X)
    lam = convert_lambda(0.3, f"torch.{optimizer}", n_samples=n, loss=loss, n_outputs=k)
    assert_converts(problem, fit, lam, 1e-5)


def test_torch_with_the_biases_in_the_decayed_group():
    problem, options = make("squared"), {"lr": 0.1, "momentum": 0.8, "bias_decay": 0.3}
    fit = train_in_torch(problem, "SGD", "MSELoss", 0.3, 1, 1500, **options)
    lam = convert_lambda(0.3, "torch.SGD", n_samples=90, loss="mse", biases=True)
    assert_converts(problem, fit, lam, 1e-5, penalise_biases=True)
    with pytest.raises(AssertionError):  # and it is not the fit with free biases
        assert_converts(problem, fit, lam, 1e-5)
