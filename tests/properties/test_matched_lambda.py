"""Laws of the matched lambdas, on random convex problems and random points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.objective.curvature import at_canonical_lambda, minimise

RANGE = (1e-3, 1e3)


@st.composite
def problems(draw):
    """A random linear model (squared error, logistic or softmax) and a generator."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.integers(12, 40)), draw(st.integers(1, 5))
    X = rng.standard_normal((n, p)) * np.exp(rng.standard_normal(p))
    n_classes = draw(st.sampled_from([0, 2, 3]))
    if n_classes:
        y = (X @ rng.standard_normal((p, n_classes)) + rng.standard_normal((n, n_classes))).argmax(axis=1)
        y[:n_classes] = np.arange(n_classes)  # every class occurs
        data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0)
    else:
        data = oc.Dataset.from_arrays(X, X.sum(axis=1) + rng.standard_normal(n), task="regression", test_size=0.0)
    return oc.linear_objective(data, penalty=oc.L2(1.0), reduction=draw(st.sampled_from(["mean", "sum"]))), rng


@settings(max_examples=12, deadline=None)
@given(problems())
def test_matched_lambdas_obey_their_laws(problem):
    objective, rng = problem
    lam = float(np.exp(rng.uniform(np.log(0.01), np.log(100.0))))
    on_path = minimise(at_canonical_lambda(objective, lam), np.zeros(objective.dim))
    exact = oc.matched_lambda(objective, on_path, lambdas=RANGE)
    assert exact.norm_matched == pytest.approx(lam, rel=1e-4)
    assert exact.loss_matched == pytest.approx(lam, rel=1e-4)

    theta = on_path + rng.uniform(0.0, 0.3) * objective.norm(on_path) * rng.standard_normal(objective.dim)
    matched = oc.matched_lambda(objective, theta, lambdas=RANGE)
    assert matched.norm_matched <= matched.loss_matched * (1.0 + 1e-9)
    scale = 1.0 + abs(matched.loss)
    assert matched.regrets.min() >= -1e-11 * scale
    # R falls up to the norm-matched lambda, then rises: it is the minimiser
    rises = np.diff(matched.regrets) >= -1e-11 * scale
    right = matched.lambdas[1:] > matched.norm_matched
    left = matched.lambdas[1:] < matched.norm_matched
    assert rises[right][1:].all() and (np.diff(matched.regrets)[left] <= 1e-11 * scale).all()
    assert matched.smallest_regret <= matched.regrets.min() + 1e-11 * scale


@settings(max_examples=12, deadline=None)
@given(problems())
def test_degrees_of_freedom_of_a_fixed_hessian_fall_with_lambda(problem):
    objective, rng = problem
    theta = objective.start(rng)
    dofs = np.array([oc.effective_dof(objective, lam, theta=theta) for lam in np.geomspace(1e-6, 1e6, 9)])
    assert (np.diff(dofs) < 0).all() and dofs[-1] > 0.0
    assert dofs[0] <= oc.effective_dof(objective, 0.0, theta=theta) + 1e-9
