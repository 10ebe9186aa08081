"""Penalties and constraints: derivatives, proximal steps, projections, and scikit-learn's answers."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.objective.layout import Layout
from optcompare.objective.penalties import PENALTIES, as_penalty
from optcompare.runs.describe import digest

LAYOUT = Layout.of([("W1", (3, 4), True, 0), ("b1", (4,), False, 0), ("W2", (4, 2), True, 1), ("b2", (2,), False, 1)])
D = LAYOUT.dim
N = 7
ANCHOR = np.random.default_rng(9).normal(size=D)

TERMS = {
    "L2": (oc.L2(2.0), lambda w, a: 2.0 / (2 * N) * w**2),
    "L1": (oc.L1(2.0), lambda w, a: 2.0 / N * abs(w)),
    "L1, halved": (oc.L1(2.0, "lambda/2n"), lambda w, a: 2.0 / (2 * N) * abs(w)),
    "L1, unscaled": (oc.L1(0.3, "lambda"), lambda w, a: 0.3 * abs(w)),
    "L1, sum": (oc.L1(2.0, "sum+lambda"), lambda w, a: 2.0 / N * abs(w)),
    "elastic net": (oc.ElasticNet(l1=1.0, l2=3.0), lambda w, a: 1.0 / N * abs(w) + 3.0 / (2 * N) * w**2),
    "anchored": (oc.AnchoredL2(5.0, anchor=ANCHOR), lambda w, a: 5.0 / (2 * N) * (w - a) ** 2),
    "anchored, unscaled": (oc.AnchoredL2(0.1, ANCHOR, "lambda"), lambda w, a: 0.1 * (w - a) ** 2),
    "elimination": (oc.WeightElimination(2.0, scale=0.7), lambda w, a: 2.0 / N * (w / 0.7) ** 2 / (1 + (w / 0.7) ** 2)),
    "elimination, sum": (
        oc.WeightElimination(40.0, 0.5, "sum+lambda"),
        lambda w, a: 40.0 / N * (w / 0.5) ** 2 / (1 + (w / 0.5) ** 2),
    ),
}
SMOOTH_OR_NOT = [penalty for penalty, _ in TERMS.values()]
CONSTRAINTS = [oc.MaxNorm(1.5), oc.MaxNorm(0.8, per_neuron=True)]
points = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(size=D) * 10 ** np.random.default_rng(seed).uniform(-2, 1)
)


def frame_of(penalty, n=N):
    return penalty.frame(LAYOUT, n, 1.0 / n)


def fista(objective, rate, n_steps=4000):
    """Minimise loss + penalty with the proximal step alone, restarted where momentum points uphill."""
    theta = lookahead = np.zeros(objective.dim)
    t = 1.0
    for _ in range(n_steps):
        moved = objective.prox(lookahead - rate * objective.loss_gradient(lookahead), rate)
        if (lookahead - moved) @ (moved - theta) > 0:
            t = 1.0
        t_next = 0.5 * (1 + np.sqrt(1 + 4 * t * t))
        lookahead = moved + (t - 1) / t_next * (moved - theta)
        if np.abs(moved - theta).max() <= 1e-13:
            break
        theta, t = moved, t_next
    return moved


def inverse_curvature(objective, slope):
    X = np.hstack([objective.data.X, np.ones((objective.n_samples, 1))])
    return objective.n_samples / (slope * np.linalg.norm(X, 2) ** 2)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("biases", [False, True])
def test_value_is_the_formula_for_points_and_populations(name, biases):
    penalty, term = TERMS[name]
    if biases:
        penalty = copy.deepcopy(penalty)
        object.__setattr__(penalty, "biases", True)
    counted = np.ones(D, bool) if biases else LAYOUT.is_weight
    thetas = np.random.default_rng(0).normal(size=(5, D))
    by_hand = term(thetas, ANCHOR)[:, counted].sum(axis=1)
    frame = frame_of(penalty)
    np.testing.assert_allclose(penalty.value(thetas, frame), by_hand, rtol=1e-12)
    np.testing.assert_allclose([penalty.value(theta, frame) for theta in thetas], by_hand, rtol=1e-12)
    assert ("biases included" in penalty.formula()) == biases


@pytest.mark.parametrize("penalty", SMOOTH_OR_NOT, ids=list(TERMS))
def test_gradient_equals_central_differences_away_from_kinks(penalty):
    theta = np.random.default_rng(1).normal(size=D)
    theta += 0.05 * np.sign(theta)
    frame, h = frame_of(penalty), 1e-5
    numeric = [(penalty.value(theta + h * e, frame) - penalty.value(theta - h * e, frame)) / (2 * h) for e in np.eye(D)]
    np.testing.assert_allclose(penalty.gradient(theta, frame), numeric, rtol=1e-6, atol=1e-9)
    assert (penalty.gradient(theta, frame)[~LAYOUT.is_weight] == 0).all()


@pytest.mark.parametrize("penalty", [oc.L1(2.0), oc.ElasticNet(l1=1.0, l2=3.0)])
@given(theta=points, other=points)
@settings(max_examples=40, deadline=None)
def test_subgradient_lies_below_a_convex_penalty(penalty, theta, other):
    theta = np.where(np.arange(D) % 3 == 0, 0.0, theta)  # at kinks as well
    frame = frame_of(penalty)
    tangent = penalty.value(theta, frame) + penalty.gradient(theta, frame) @ (other - theta)
    assert penalty.value(other, frame) >= tangent - 1e-12 * (1 + abs(tangent))


@pytest.mark.parametrize("penalty", SMOOTH_OR_NOT, ids=list(TERMS))
@given(theta=points, step=st.floats(1e-3, 1e2))
@settings(max_examples=40, deadline=None)
def test_prox_is_the_minimiser_by_brute_force(penalty, theta, step):
    frame = frame_of(penalty)
    u = penalty.prox(theta, step, frame)
    assert (u[~LAYOUT.is_weight] == theta[~LAYOUT.is_weight]).all()
    term = next(term for known, term in TERMS.values() if known == penalty)

    def cost(x, i):
        return step * term(x, ANCHOR[i]) + 0.5 * (x - theta[i]) ** 2

    for i in np.flatnonzero(LAYOUT.is_weight)[::3]:
        reach = 2 * max(abs(theta[i]), abs(ANCHOR[i]))
        grid = np.concatenate([np.linspace(-reach, reach, 4001), [0.0, u[i] - 1e-6, u[i] + 1e-6]])
        assert cost(u[i], i) <= cost(grid, i).min() + 1e-12 * (1 + cost(theta[i], i))


@given(t=st.floats(0.0, 50.0), weight=st.floats(1e-6, 1e4))
@settings(max_examples=150, deadline=None)
def test_prox_of_weight_elimination_is_global_and_stationary(t, weight):
    layout = Layout.plain(2)
    penalty = oc.WeightElimination(weight)
    frame = penalty.frame(layout, 1, 1.0)
    u = penalty.prox(np.array([t, -t]), 1.0, frame)
    assert u[1] == -u[0]
    x = np.concatenate([np.linspace(0, t, 3001), [t / (1 + 2 * weight)]])
    cost = weight * x**2 / (1 + x**2) + 0.5 * (x - t) ** 2
    mine = weight * u[0] ** 2 / (1 + u[0] ** 2) + 0.5 * (u[0] - t) ** 2
    assert mine <= cost.min() * (1 + 1e-12) + 1e-15
    assert abs(u[0] - t + 2 * weight * u[0] / (1 + u[0] ** 2) ** 2) <= 1e-12 * (1 + t + weight)


@pytest.mark.parametrize("penalty", [oc.L1(0.5), oc.ElasticNet(l1=0.5, l2=1.0)])
def test_prox_makes_exact_zeros(penalty):
    objective = oc.function_objective(lambda t: 0.0, dim=4, penalty=penalty)
    moved = objective.prox(np.array([0.3, -0.5, 0.7, -2.0]), 1.0)
    assert list(moved == 0) == [True, True, False, False]
    assert moved[2] == pytest.approx((0.7 - 0.5) / (1.0 if isinstance(penalty, oc.L1) else 2.0))


@pytest.mark.parametrize("penalty", CONSTRAINTS)
@given(theta=points, other=points)
@settings(max_examples=60, deadline=None)
def test_projection_is_the_nearest_allowed_point_and_idempotent(penalty, theta, other):
    frame = frame_of(penalty)
    p, q = penalty.project(theta, frame), penalty.project(other, frame)
    for point in (p, q):
        groups = [point[LAYOUT.is_weight]]
        if penalty.per_neuron:
            W1, _, W2, _ = LAYOUT.unpack(point)
            groups = [*W1.T, *W2.T]
        assert max(np.linalg.norm(group) for group in groups) <= penalty.radius * (1 + 1e-11)
    # p is nearest in a convex set: the way back to theta makes no acute angle with the way to any allowed q
    assert (theta - p) @ (q - p) <= 1e-10 * (1 + np.linalg.norm(theta) * np.linalg.norm(q))
    np.testing.assert_array_equal(penalty.project(p, frame), p)
    np.testing.assert_array_equal(p[~LAYOUT.is_weight], theta[~LAYOUT.is_weight])
    np.testing.assert_array_equal(penalty.project(np.stack([theta, other]), frame), [p, q])
    np.testing.assert_array_equal(penalty.prox(theta, 0.1, frame), p)


def test_projection_leaves_the_inside_the_caller_and_the_nonfinite_alone():
    for penalty in CONSTRAINTS:
        frame = frame_of(penalty)
        inside = np.full(D, 0.01)
        np.testing.assert_array_equal(penalty.project(inside, frame), inside)
        far = np.full(D, 1e200)
        kept = far.copy()
        assert np.isfinite(penalty.project(far, frame)).all()
        np.testing.assert_array_equal(far, kept)
        bad = np.full(D, 1.0)
        bad[[0, 5]] = [np.nan, np.inf]
        assert not np.isfinite(penalty.project(np.stack([bad, inside]), frame)[0]).all()
        np.testing.assert_array_equal(penalty.project(np.stack([bad, inside]), frame)[1], inside)


def test_per_neuron_shrinks_only_the_columns_outside():
    penalty = oc.MaxNorm(1.0, per_neuron=True)
    theta = np.zeros(D)
    W1 = LAYOUT.unpack(theta)[0]
    W1[:, 0], W1[:, 1] = 3.0, 0.1
    projected = LAYOUT.unpack(penalty.project(theta, frame_of(penalty)))[0]
    np.testing.assert_allclose(projected[:, 0], 3**-0.5)
    np.testing.assert_array_equal(projected[:, 1], 0.1)


# against scikit-learn ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_l1_equals_lasso(alpha):
    from sklearn.linear_model import Lasso

    data = oc.load_dataset("diabetes", seed=3)
    objective = oc.linear_objective(data, penalty=oc.L1(alpha * data.n_samples))
    theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=50_000).fit(data.X, data.y)
    theta = fista(objective, inverse_curvature(objective, 1.0))
    np.testing.assert_allclose(theta, [*theirs.coef_, theirs.intercept_], atol=1e-7)
    np.testing.assert_array_equal(theta[:-1] == 0, theirs.coef_ == 0)
    assert (theta == 0).any()


@pytest.mark.parametrize("ratio", [0.3, 0.8])
def test_elastic_net_equals_sklearns(ratio):
    from sklearn.linear_model import ElasticNet

    data = oc.load_dataset("diabetes", seed=1)
    lam = 0.2 * data.n_samples
    penalty = oc.ElasticNet(l1=ratio, l2=1 - ratio).with_lambda(lam)
    objective = oc.linear_objective(data, penalty=penalty)
    theirs = ElasticNet(alpha=0.2, l1_ratio=ratio, tol=1e-12, max_iter=50_000).fit(data.X, data.y)
    theta = fista(objective, inverse_curvature(objective, 1.0))
    np.testing.assert_allclose(theta, [*theirs.coef_, theirs.intercept_], atol=1e-7)
    assert penalty.lam == pytest.approx(objective.lam_canonical) == pytest.approx(lam)


def test_l1_equals_l1_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    data = oc.load_dataset("breast_cancer", seed=2)
    lam = 20.0
    objective = oc.linear_objective(data, penalty=oc.L1(lam))
    theirs = LogisticRegression(C=1 / lam, l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=20_000).fit(data.X, data.y)
    theta = fista(objective, inverse_curvature(objective, 0.25))
    at_theirs = np.append(theirs.coef_[0], theirs.intercept_)
    assert objective.value(theta) == pytest.approx(objective.value(at_theirs), rel=1e-8)
    np.testing.assert_array_equal(theta[:-1] == 0, theirs.coef_[0] == 0)


# what they mean ----------------------------------------------------------------------------------------------------


def test_weight_elimination_is_l2_when_small_and_counts_when_large():
    penalty, l2 = oc.WeightElimination(3.0, scale=0.5), oc.L2(2 * 3.0 / 0.5**2)
    small, large = 1e-4 * ANCHOR, 1e4 * np.sign(ANCHOR)
    assert penalty.value(small, frame_of(penalty)) == pytest.approx(l2.value(small, frame_of(l2)), rel=1e-6)
    np.testing.assert_allclose(penalty.gradient(small, frame_of(penalty)), l2.gradient(small, frame_of(l2)), rtol=1e-6)
    n_weights = LAYOUT.is_weight.sum()
    assert penalty.value(large, frame_of(penalty)) == pytest.approx(3.0 / N * n_weights, rel=1e-8)
    assert np.abs(penalty.gradient(large, frame_of(penalty))).max() < 1e-11
    huge = np.full(D, 1e200)
    assert penalty.value(huge, frame_of(penalty)) == pytest.approx(3.0 / N * n_weights)
    assert (penalty.gradient(huge, frame_of(penalty)) == 0).all()


def test_anchored_l2_is_l2_around_its_anchor():
    data = oc.load_dataset("iris")
    base = oc.linear_objective(data)
    anchor = base.start(np.random.default_rng(0))
    objective = oc.linear_objective(data, penalty=oc.AnchoredL2(5.0, anchor=anchor))
    assert objective.penalty_value(anchor) == 0
    at_zero = oc.linear_objective(data, penalty=oc.AnchoredL2(5.0, anchor=np.zeros(objective.dim)))
    theta = anchor + 0.3
    assert at_zero.value(theta) == pytest.approx(oc.linear_objective(data, penalty=oc.L2(5.0)).value(theta), rel=1e-14)


def test_anchor_is_copied_compared_and_part_of_the_identity():
    mine = np.ones(D)
    penalty = oc.AnchoredL2(1.0, anchor=mine)
    mine[0] = 7.0
    assert penalty.anchor[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        penalty.anchor[0] = 2.0
    same, other = oc.AnchoredL2(1.0, np.ones(D)), oc.AnchoredL2(1.0, mine)
    assert penalty == same == pickle.loads(pickle.dumps(penalty)) and hash(penalty) == hash(same)
    assert penalty != other and penalty != oc.L2(1.0)
    assert digest(penalty) == digest(same) != digest(other)
    assert penalty.with_lambda(3.0).lam == 3.0 and (penalty.with_lambda(3.0).anchor == 1.0).all()


@pytest.mark.parametrize("penalty", SMOOTH_OR_NOT, ids=list(TERMS))
def test_with_lambda_scales_and_without_penalty_removes(penalty):
    if isinstance(penalty, oc.AnchoredL2):
        penalty = oc.AnchoredL2(penalty.strength, np.zeros(15), penalty.convention)
    objective = oc.linear_objective(oc.load_dataset("iris"), penalty=penalty)
    theta = objective.start(np.random.default_rng(0))
    doubled = objective.with_lambda(2 * objective.lam)
    assert doubled.penalty_value(theta) == pytest.approx(2 * objective.penalty_value(theta), rel=1e-12)
    assert doubled.lam_canonical == pytest.approx(2 * objective.lam_canonical)
    assert objective.with_lambda(0.0).penalty_value(theta) == 0
    assert objective.without_penalty().value(theta) == objective.loss(theta)
    np.testing.assert_array_equal(objective.is_penalised, objective.is_weight)
    assert "lambda" in objective.formula()
    summed = oc.linear_objective(oc.load_dataset("iris"), penalty=penalty, reduction="sum")
    assert summed.penalty_value(theta) == pytest.approx(105 * objective.penalty_value(theta))


def test_elastic_net_keeps_its_ratio():
    penalty = oc.ElasticNet(l1=1.0, l2=3.0)
    assert penalty.lam == 4.0
    assert penalty.with_lambda(8.0) == oc.ElasticNet(l1=2.0, l2=6.0)
    assert oc.ElasticNet(l1=0.0, l2=0.0).with_lambda(0.0).lam == 0.0
    with pytest.raises(InvalidInputError, match="no ratio"):
        oc.ElasticNet(l1=0.0, l2=0.0).with_lambda(1.0)


def test_formulas_show_term_and_numbers():
    data = oc.load_dataset("diabetes")

    def shown(penalty):
        return oc.linear_objective(data, penalty=penalty).formula()

    n = data.n_samples
    assert f"+ lambda sum |w|;  lambda = 0.5 (canonical {0.5 * n:g})" in shown(oc.L1(0.5, "lambda"))
    assert "(1/n) [sum_i" in shown(oc.L1(0.5, "sum+lambda")) and "+ lambda sum |w|]" in shown(oc.L1(0.5, "sum+lambda"))
    both = "+ lambda1/n sum |w| + lambda2/(2n) sum w^2;  lambda1 = 1, lambda2 = 3 (canonical), n ="
    assert both in shown(oc.ElasticNet(l1=1.0, l2=3.0))
    assert "lambda/(2n) sum (w - a)^2;  lambda = 5 (canonical 5)" in shown(oc.AnchoredL2(5.0, np.zeros(11)))
    assert "sum (w/w0)^2/(1 + (w/w0)^2);  lambda = 1 (canonical 1), w0 = 0.3" in shown(oc.WeightElimination(1.0, 0.3))
    assert "|incoming weights of each neuron|_2 <= 2" in shown(oc.MaxNorm(2.0, per_neuron=True))


def test_max_norm_is_a_constraint_without_lambda():
    objective = oc.linear_objective(oc.load_dataset("iris"), penalty=oc.MaxNorm(1.5))
    theta = objective.start(np.random.default_rng(0), scale=5.0)
    assert objective.is_constrained and objective.lam == objective.lam_canonical == 0
    assert objective.value(theta) == objective.loss(theta)
    assert objective.norm(objective.project(theta)) == pytest.approx(1.5)
    assert "subject to |w|_2 <= 1.5" in objective.formula() and "lambda" not in objective.formula()
    np.testing.assert_array_equal(objective.is_penalised, objective.is_weight)
    bare = objective.without_penalty()
    assert not bare.is_constrained and (bare.project(theta) == theta).all()
    with pytest.raises(InvalidInputError, match="no lambda"):
        objective.with_lambda(1.0)
    with pytest.raises(InvalidInputError, match="weight matrices"):
        oc.function_objective(lambda t: 0.0, dim=3, penalty=oc.MaxNorm(1.0, per_neuron=True))


def test_the_recorder_evaluates_and_keeps_projected_points():
    seen = []
    objective = oc.function_objective(
        lambda t: seen.append(t.copy()) or -float(t.sum()), dim=3, penalty=oc.MaxNorm(1.0)
    )
    recorder = oc.Recorder(objective, 10)
    recorder.values(np.full((2, 3), 5.0))
    recorder.value(np.full(3, 9.0))
    assert len(seen) == 3 and np.allclose(np.linalg.norm(seen, axis=1), 1.0)
    np.testing.assert_array_equal(recorder.best_theta, seen[0])


@pytest.mark.parametrize(
    "penalty",
    [
        oc.L1(1.0),
        oc.ElasticNet(l1=1.0, l2=1.0),
        oc.WeightElimination(1.0),
        oc.MaxNorm(1.0),
        oc.L2(1.0, biases=True),
        oc.AnchoredL2(1.0, np.zeros(11)),
    ],
)
def test_only_plain_l2_can_be_decay(penalty):
    objective = oc.linear_objective(oc.load_dataset("diabetes"), penalty=penalty)
    with pytest.raises(InvalidInputError, match="InUpdate takes lambda as decay"):
        oc.minimize(objective, oc.InUpdate(oc.optimizers.GradientDescent(learning_rate=0.1)), budget=10)
    bare = oc.linear_objective(oc.load_dataset("diabetes"))
    oc.InUpdate(oc.optimizers.GradientDescent(learning_rate=0.1)).bind(bare)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, "1", None, True])
@pytest.mark.parametrize(
    "make",
    [
        oc.L1,
        lambda x: oc.ElasticNet(l1=x, l2=1.0),
        lambda x: oc.ElasticNet(l1=1.0, l2=x),
        lambda x: oc.AnchoredL2(x, np.zeros(3)),
        oc.WeightElimination,
        lambda x: oc.WeightElimination(1.0, scale=x),
        oc.MaxNorm,
    ],
)
def test_wrong_numbers_are_refused(make, bad):
    with pytest.raises(InvalidInputError):
        make(bad)


def test_wrong_settings_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'lambda/n'"):
        oc.L1(1.0, "lambda/m")
    with pytest.raises(UnknownNameError):
        oc.WeightElimination(1.0, convention="lambda/2")
    with pytest.raises(InvalidInputError, match="> 0"):
        oc.WeightElimination(1.0, scale=0.0)
    with pytest.raises(InvalidInputError, match="> 0"):
        oc.MaxNorm(0.0)
    with pytest.raises(InvalidInputError, match="per_neuron"):
        oc.MaxNorm(1.0, per_neuron=2)
    for anchor in (np.zeros((2, 2)), [1.0, np.nan], "ab", [True], None, [1j]):
        with pytest.raises(InvalidInputError, match="anchor must be a vector"):
            oc.AnchoredL2(1.0, anchor)
    with pytest.raises(InvalidInputError, match="anchor has 3 numbers, the objective 15 parameters"):
        oc.linear_objective(oc.load_dataset("iris"), penalty=oc.AnchoredL2(1.0, np.zeros(3)))
    with pytest.raises(InvalidInputError, match="penalty must be"):
        as_penalty(oc.L1)


def test_the_list_names_each_with_one_line():
    assert {penalty.__name__ for penalty in PENALTIES} == {
        "L2", "L1", "ElasticNet", "AnchoredL2", "WeightElimination", "MaxNorm"
    }  # fmt: skip
    assert all(penalty.__doc__ and getattr(oc, penalty.__name__) is penalty for penalty in PENALTIES)
