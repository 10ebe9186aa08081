"""Effective degrees of freedom against the hat matrix, and back to lambda."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.objective.curvature import minimise


def linear(name, lam=1.0, **options):
    return oc.linear_objective(oc.load_dataset(name, seed=3), penalty=oc.L2(lam, **options))


@pytest.mark.parametrize("name", ["diabetes", "linnerud"])
@pytest.mark.parametrize("lam", [0.01, 3.0, 1e3])
def test_ridge_is_the_trace_of_the_hat_matrix(name, lam):
    objective = linear(name, lam)
    X = np.hstack([objective.data.X, np.ones((objective.n_samples, 1))])
    ridge = lam * np.diag([1.0] * (X.shape[1] - 1) + [0.0])
    hat = X @ np.linalg.solve(X.T @ X + ridge, X.T)
    by_hand = objective.data.n_outputs * (np.trace(hat) - 1.0)  # less the bias's one
    assert oc.effective_dof(objective) == pytest.approx(by_hand, rel=1e-9)
    assert oc.effective_dof(linear(name), lam) == pytest.approx(by_hand, rel=1e-9)


def test_the_written_form_and_the_reduction_do_not_matter():
    data = oc.load_dataset("iris")
    mean = oc.linear_objective(data, penalty=oc.L2(2.0))
    other = oc.linear_objective(data, penalty=oc.L2(2.0, convention="sum+lambda/2"), reduction="sum")
    assert oc.effective_dof(mean) == pytest.approx(oc.effective_dof(other), rel=1e-9)


def test_penalised_biases_count():
    X = linear("diabetes").data.X
    ones = np.hstack([X, np.ones((len(X), 1))])
    by_hand = np.trace(np.linalg.solve(ones.T @ ones + 3.0 * np.eye(11), ones.T @ ones))
    assert oc.effective_dof(linear("diabetes", 3.0, biases=True)) == pytest.approx(by_hand, rel=1e-9)


def test_logistic_by_hand():
    objective = linear("breast_cancer", 5.0)
    theta = minimise(objective, np.zeros(objective.dim))
    X, n = objective.data.X, objective.n_samples
    p = 1.0 / (1.0 + np.exp(-objective.model.scores(theta, X)[:, 0]))
    spread = p * (1.0 - p)
    centred = X - spread @ X / spread.sum()
    H = (centred * spread[:, None]).T @ centred / n
    by_hand = np.trace(H @ np.linalg.inv(H + 5.0 / n * np.eye(X.shape[1])))
    assert oc.effective_dof(objective) == pytest.approx(by_hand, rel=1e-9)
    assert oc.effective_dof(objective, theta=theta) == pytest.approx(by_hand, rel=1e-9)


def test_at_lambda_0_it_is_the_rank():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 6))
    data = oc.Dataset.from_arrays(X, rng.standard_normal(40), task="regression", test_size=0.0)
    objective = oc.linear_objective(data, penalty=oc.L2(1.0))
    assert oc.effective_dof(objective, 0.0) == pytest.approx(3.0)
    assert oc.effective_dof(objective, 1e-8) == pytest.approx(3.0, abs=1e-6)
    labels = (rng.random(60) < 0.5).astype(int)  # not separable: it has an optimum at lambda -> 0
    noise = oc.Dataset.from_arrays(rng.standard_normal((60, 4)), labels, task="classification", test_size=0.0)
    assert oc.effective_dof(oc.linear_objective(noise), 1e-7) == pytest.approx(4.0, abs=1e-4)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "linnerud"])
def test_falls_with_lambda_and_can_be_inverted(name):
    objective = linear(name)
    dofs = [oc.effective_dof(objective, lam) for lam in np.geomspace(1e-3, 1e5, 9)]
    assert (np.diff(dofs) < 0).all() and dofs[-1] > 0 and dofs[0] < objective.is_weight.sum()
    for dof in (0.3, 2.0, 4.5):
        lam = oc.lambda_of_dof(objective, dof)
        assert oc.effective_dof(objective, lam) == pytest.approx(dof, rel=1e-6)


def test_mlps_are_measured_at_an_answer():
    objective = oc.mlp_objective(oc.load_dataset("iris"), hidden=(3,), penalty=oc.L2(0.5))
    with pytest.raises(InvalidInputError, match="theta"):
        oc.effective_dof(objective)
    theta = minimise(objective, objective.start(np.random.default_rng(0)))
    dofs = [oc.effective_dof(objective, lam, theta=theta) for lam in (1e-3, 0.5, 100.0)]
    assert objective.is_weight.sum() > dofs[0] > dofs[1] > dofs[2] > 0.0
    lam = oc.lambda_of_dof(objective, dofs[1], theta=theta)
    assert lam == pytest.approx(0.5, rel=1e-6)


def test_functions_need_a_minimum():
    H = np.diag([4.0, 1.0, -0.5])
    objective = oc.function_objective(lambda t: float(0.5 * t @ H @ t), dim=3, gradient=lambda t: H @ t)
    assert oc.effective_dof(objective, 1.0, theta=np.zeros(3)) == pytest.approx(0.8 + 0.5 - 1.0, rel=1e-6)
    with pytest.raises(InvalidInputError, match="smallest eigenvalue"):
        oc.effective_dof(objective, 0.4, theta=np.zeros(3))


def test_says_what_cannot_be():
    with pytest.raises(InvalidInputError, match=r"e-0\d to 10"):
        oc.lambda_of_dof(linear("diabetes"), 11.0)
    with pytest.raises(InvalidInputError, match="at least"):
        oc.lambda_of_dof(linear("diabetes"), 0.0)
    with pytest.raises(InvalidInputError, match="lambda = 0"):
        oc.effective_dof(linear("wine"), 0.0)
    with pytest.raises(InvalidInputError, match="lambda"):
        oc.effective_dof(linear("diabetes"), -1.0)


def test_the_lambda_of_another_penalty_is_not_taken_for_an_l2_lambda():
    import optcompare as oc
    from optcompare.errors import InvalidInputError

    objective = oc.linear_objective(oc.load_dataset("diabetes"), penalty=oc.L1(1.0))
    with pytest.raises(InvalidInputError, match="L1 has no L2 lambda: give lam"):
        oc.effective_dof(objective)
    assert 0 < oc.effective_dof(objective, 1.0) < 10
