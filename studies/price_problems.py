"""The problems of price_of_a_gradient.py: twelve data sets, each at the same five dimensions; a part.

Data sets come inside the wheels of scikit-learn, mlxtend and statsmodels; friedman is generated and says so. At most
150 rows, always the same ones. Of more than two classes those with an odd code are set against the others, so that
every model has one score and d can be chosen.

    linear   d = m + 1             convex: the m leading principal components, or, where the data set has fewer columns,
                                   m random tanh features (a hidden layer that stays as it was drawn)
    network  d = h (q + 2) + 1     not convex: h tanh units on the q leading principal components
"""

import importlib
from dataclasses import replace
from functools import cache

import numpy as np

import optcompare as oc

ROWS = 150
MOST_INPUTS = 30  # of a network
DATASETS = ("iris", "wine", "breast_cancer", "digits", "diabetes", "autompg", "boston", "star98", "fair",
            "anes96", "randhie", "friedman")  # fmt: skip
FROM_SKLEARN = ("iris", "wine", "breast_cancer", "digits", "diabetes")
DIMS = (4, 10, 20, 70, 300)


def _statsmodels(name):
    return importlib.import_module(f"statsmodels.datasets.{name}").load_pandas()


def _mlxtend(name):
    return getattr(importlib.import_module("mlxtend.data"), f"{name}_data")()


def _raw(name):
    """Return X, y and the task."""
    if name in FROM_SKLEARN:
        data = oc.load_dataset(name, test_size=0.0, standardise=False)
        return data.X, data.y, data.task
    if name == "autompg":
        X, y = _mlxtend("autompg")
        return X[:, :7], y, "regression"
    if name == "boston":
        return *_mlxtend("boston_housing"), "regression"
    if name == "friedman":
        from sklearn.datasets import make_friedman1

        return *make_friedman1(n_samples=ROWS, n_features=10, noise=1.0, random_state=1), "regression"
    table = _statsmodels(name)
    if name == "star98":
        return table.exog.iloc[:, :12], table.endog["NABOVE"] / table.endog.sum(axis=1), "regression"
    if name == "fair":
        return table.exog, (table.endog > 0).astype(int), "classification"
    if name == "randhie":
        return table.exog, table.endog, "regression"
    return table.exog, table.data["vote"].astype(int), "classification"  # anes96


@cache
def dataset(name):
    """Return a data set of at most 150 rows, standardised, with two classes or one output."""
    X, y, task = _raw(name)
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    kept = np.sort(np.random.default_rng(0).permutation(len(X))[:ROWS])
    X, y = X[kept], y[kept]
    if task == "classification" and len(np.unique(y)) > 2:
        y = np.unique(y, return_inverse=True)[1] % 2
    data = oc.Dataset.from_arrays(X, y, task=task, name=name)
    return replace(data, is_generated=name == "friedman")


@cache
def components(name, m):
    """Return a data set's m leading principal components, in its own scale."""
    data = dataset(name)
    axes = np.linalg.svd(data.X, full_matrices=False)[2][:m]
    signs = np.sign(axes[np.arange(m), np.abs(axes).argmax(axis=1)])
    return _with(data, data.X @ (axes * signs[:, None]).T, is_scaled=True)


@cache
def features(name, m):
    """Return m random tanh features of a data set, standardised."""
    data, rng = dataset(name), np.random.default_rng(0)
    weights = rng.standard_normal((data.n_features, m)) / np.sqrt(data.n_features)
    return _with(data, np.tanh(data.X @ weights + rng.standard_normal(m)), is_scaled=False)


def _with(data, X, is_scaled):
    made = oc.Dataset.from_arrays(X, data.y, task=data.task, standardise=not is_scaled, name=data.name)
    return replace(made, is_generated=data.is_generated)


def linear(name, dim, lam):
    """Return the convex problem of d = dim."""
    m = dim - 1
    made = components(name, m) if m <= min(dataset(name).X.shape) else features(name, m)
    return oc.linear_objective(made, penalty=oc.L2(lam))


def network(name, dim, lam):
    """Return the network whose d comes next to dim, of those the one with the most inputs."""
    inputs = min(dataset(name).n_features, MOST_INPUTS)
    sizes = [(h, q) for q in range(1, inputs + 1) for h in range(1, dim)]
    h, q = min(sizes, key=lambda size: (abs(size[0] * (size[1] + 2) + 1 - dim), -size[1]))
    return oc.mlp_objective(components(name, q), hidden=(h,), penalty=oc.L2(lam))


def problems(names=DATASETS, dims=DIMS, lam=1.0):
    """Return label -> objective: of each data set a problem a dimension, linear model and network in turn."""
    made = {}
    for place, name in enumerate(names):
        try:
            dataset(name)
        except (ImportError, oc.errors.MissingLibraryError) as missing:  # of mlxtend or statsmodels
            print(f"left out: {name}: {missing}; pip install 'optcompare[benchmark]'")
            continue
        for step, dim in enumerate(dims):
            make = (linear, network)[(place + step) % 2]
            made[f"{name}, {make.__name__} {dim}"] = make(name, dim, lam)
    return made
