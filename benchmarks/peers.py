"""The problems of the benchmarks, and what a user would write instead: the tutorial's loop, torch, scikit-learn.

All are tanh networks with one hidden layer, cross-entropy and L2 (lambda/(2n) sum w^2, lambda = 1), in float64. Every
peer computes the very same numbers: ``check_same`` says so before anything is timed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

import optcompare as oc

LAM = 1.0
# name -> hidden units, scores, candidates in a population
SHAPES = {"xor": (4, 1, 30), "iris": (8, 3, 50), "cancer": (16, 2, 100), "digits": (32, 10, 100), "big": (64, 10, 64)}


@dataclass(frozen=True)
class Problem:
    """Data, the network's shape, and how many candidates a population has."""

    name: str
    data: Any
    n_hidden: int
    n_scores: int
    n_candidates: int

    def __str__(self):
        n, p = self.data.X.shape
        return f"{self.name}: {n} items, {p}-{self.n_hidden}-{self.n_scores}, m = {self.n_candidates}"

    def objective(self, kernel="auto"):
        """Return our objective."""
        loss = "logistic" if self.n_scores == 1 else "softmax"
        return oc.mlp_objective(self.data, hidden=(self.n_hidden,), loss=loss, penalty=oc.L2(LAM), kernel=kernel)

    def candidates(self, n_candidates=None, seed=0):
        """Return a population (m, d)."""
        p, h, k = self.data.n_features, self.n_hidden, self.n_scores
        size = (n_candidates or self.n_candidates, p * h + h + h * k + k)
        return np.random.default_rng(seed).normal(scale=0.3, size=size)


def problem(name, is_smoke=False):
    """Return the problem of that name; in the smoke form, of few items and candidates."""
    hidden, scores, candidates = SHAPES[name]
    X, y = _arrays(name)
    if is_smoke:
        X, y, candidates = X[::5] if len(X) > 4 else X, y[::5] if len(X) > 4 else y, 3
    data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0, name=name)
    return Problem(name, data, hidden, scores, candidates)


def _arrays(name):
    if name == "xor":
        return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), np.array([0, 1, 1, 0])
    if name == "big":
        rng = np.random.default_rng(0)
        X = rng.normal(size=(10_000, 64))
        return X, (X @ rng.normal(size=(64, 10))).argmax(axis=1)
    from sklearn import datasets

    loaders = {"iris": datasets.load_iris, "cancer": datasets.load_breast_cancer, "digits": datasets.load_digits}
    return loaders[name](return_X_y=True)


def check_same(ours, theirs, tolerance=1e-9):
    """Raise where the two do not compute the same."""
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=tolerance, atol=tolerance)


# -- the loop of pyswarms' tutorial on neural networks ------------------------------------------------------------


def tutorial_loss(given):
    """Return the loss of one candidate, as the tutorial writes its forward pass."""
    X, y = np.ascontiguousarray(given.data.X), np.asarray(given.data.y)
    N, n_inputs, n_hidden, n_classes = len(X), X.shape[1], given.n_hidden, given.n_scores

    def forward_prop(params):
        a, b = n_inputs * n_hidden, n_inputs * n_hidden + n_hidden
        W1 = params[0:a].reshape((n_inputs, n_hidden))
        b1 = params[a:b].reshape((n_hidden,))
        W2 = params[b : b + n_hidden * n_classes].reshape((n_hidden, n_classes))
        b2 = params[b + n_hidden * n_classes :].reshape((n_classes,))
        z1 = X.dot(W1) + b1
        a1 = np.tanh(z1)
        logits = a1.dot(W2) + b2
        if n_classes == 1:
            probs = 1 / (1 + np.exp(-logits[:, 0]))
            correct_logprobs = -np.log(np.where(y == 1, probs, 1 - probs))
        else:
            exp_scores = np.exp(logits)
            probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
            correct_logprobs = -np.log(probs[range(N), y])
        return np.sum(correct_logprobs) / N + LAM / (2 * N) * (np.sum(W1**2) + np.sum(W2**2))

    return forward_prop


def tutorial_loop(given):
    """Return f(thetas (m, d)) -> (m,), one forward pass after another."""
    forward_prop = tutorial_loss(given)

    def f(x):
        n_particles = x.shape[0]
        j = [forward_prop(x[i]) for i in range(n_particles)]
        return np.array(j)

    return f


# -- torch --------------------------------------------------------------------------------------------------------


def _torch_parts(given):
    import torch

    torch.set_num_threads(1)
    X = torch.from_numpy(np.array(given.data.X, order="C"))
    y = torch.from_numpy(np.asarray(given.data.y).astype(np.int64))
    cuts = np.cumsum([X.shape[1] * given.n_hidden, given.n_hidden, given.n_hidden * given.n_scores]).tolist()
    shapes = [(X.shape[1], given.n_hidden), (given.n_hidden,), (given.n_hidden, given.n_scores), (given.n_scores,)]
    return torch, X, y, cuts, shapes


def torch_bmm(given):
    """Return f(thetas) -> (m,): all candidates in batched products."""
    torch, X, y, cuts, shapes = _torch_parts(given)
    n = len(X)

    @torch.no_grad()
    def f(thetas):
        blocks = torch.from_numpy(thetas).tensor_split(cuts, dim=1)
        m = len(thetas)
        W1, b1, W2, b2 = (block.reshape(m, *shape) for block, shape in zip(blocks, shapes))
        hidden = torch.baddbmm(b1[:, None, :], X.expand(m, *X.shape), W1).tanh_()
        scores = torch.baddbmm(b2[:, None, :], hidden, W2)
        if given.n_scores == 1:
            target = y.to(torch.float64).expand(m, n)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores[:, :, 0], target, reduction="none")
        else:
            loss = torch.nn.functional.cross_entropy(scores.mT, y.expand(m, n), reduction="none")
        penalty = (W1**2).sum(dim=(1, 2)) + (W2**2).sum(dim=(1, 2))
        return (loss.mean(dim=1) + LAM / (2 * n) * penalty).numpy()

    return f


def torch_autograd(given):
    """Return f(theta) -> (value, gradient): a network of torch.nn between flat vectors, as solvers need it."""
    torch, X, y, _, _ = _torch_parts(given)
    n = len(X)
    first = torch.nn.Linear(X.shape[1], given.n_hidden, dtype=torch.float64)
    last = torch.nn.Linear(given.n_hidden, given.n_scores, dtype=torch.float64)
    net = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    target = y.to(torch.float64) if given.n_scores == 1 else y
    entropy = torch.nn.functional
    cost = entropy.binary_cross_entropy_with_logits if given.n_scores == 1 else entropy.cross_entropy

    def f(theta):
        torch.nn.utils.vector_to_parameters(torch.from_numpy(theta), net.parameters())
        net.zero_grad()
        scores = net(X)
        loss = cost(scores[:, 0] if given.n_scores == 1 else scores, target)
        loss = loss + LAM / (2 * n) * ((first.weight**2).sum() + (last.weight**2).sum())
        loss.backward()
        return loss.item(), torch.cat([p.grad.reshape(-1) for p in net.parameters()]).numpy()

    return f


def torch_flat(given):
    """Return the same with theta as the one leaf: the leanest that torch's autograd allows."""
    torch, X, y, cuts, shapes = _torch_parts(given)
    n = len(X)
    target = y.to(torch.float64) if given.n_scores == 1 else y
    entropy = torch.nn.functional
    cost = entropy.binary_cross_entropy_with_logits if given.n_scores == 1 else entropy.cross_entropy

    def f(theta):
        leaf = torch.from_numpy(theta).requires_grad_()
        W1, b1, W2, b2 = (part.reshape(shape) for part, shape in zip(leaf.tensor_split(cuts), shapes))
        scores = torch.addmm(b2, torch.addmm(b1, X, W1).tanh(), W2)
        loss = cost(scores[:, 0] if given.n_scores == 1 else scores, target)
        loss = loss + LAM / (2 * n) * ((W1 * W1).sum() + (W2 * W2).sum())
        loss.backward()
        return loss.item(), leaf.grad.numpy()

    return f


def torch_order(given, theta):
    """Return our theta (d,) in torch.nn's order: every weight matrix transposed."""
    p, h, k = given.data.n_features, given.n_hidden, given.n_scores
    a, b, c = p * h, p * h + h, p * h + h + h * k
    pieces = [theta[:a].reshape(p, h).T, theta[a:b], theta[b:c].reshape(h, k).T, theta[c:]]
    return np.concatenate([piece.ravel() for piece in pieces])


# -- scikit-learn -------------------------------------------------------------------------------------------------


def sklearn_loss_gradient(given):
    """Return f(packed) -> (value, gradient): what MLPClassifier(solver="lbfgs") minimizes, its own method."""
    from sklearn.neural_network import MLPClassifier

    X = np.ascontiguousarray(given.data.X)
    y = np.asarray(given.data.y)
    targets = y[:, None].astype(float) if given.n_scores == 1 else np.eye(given.n_scores)[y]
    net = MLPClassifier((given.n_hidden,), activation="tanh", solver="lbfgs", alpha=LAM)
    widths = [X.shape[1], given.n_hidden, given.n_scores]
    net.n_layers_, net.n_outputs_ = 3, given.n_scores
    net.out_activation_ = "logistic" if given.n_scores == 1 else "softmax"
    (p, h), k = widths[:2], widths[2]
    ends = np.cumsum([p * h, h * k, h, k]).tolist()
    net._coef_indptr = [(0, ends[0], (p, h)), (ends[0], ends[1], (h, k))]
    net._intercept_indptr = [(ends[1], ends[2]), (ends[2], ends[3])]
    activations = [X, *(np.empty((len(X), width)) for width in widths[1:])]
    deltas = [np.empty_like(one) for one in activations[1:]]
    coef_grads = [np.empty((p, h)), np.empty((h, k))]
    intercept_grads = [np.empty(h), np.empty(k)]
    net.coefs_, net.intercepts_ = [one.copy() for one in coef_grads], [one.copy() for one in intercept_grads]
    arguments = (X, targets, None, activations, deltas, coef_grads, intercept_grads)
    return lambda packed: net._loss_grad_lbfgs(packed, *arguments)


def sklearn_order(given, theta):
    """Return our theta (d,) in scikit-learn's order: both weight matrices, then both biases."""
    p, h, k = given.data.n_features, given.n_hidden, given.n_scores
    a, b, c = p * h, p * h + h, p * h + h + h * k
    return np.concatenate([theta[:a], theta[b:c], theta[a:b], theta[c:]])
