"""The Recorder: exact budgets, counts, noise, traces."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.errors import BudgetExhausted, Diverged, InvalidInputError, TargetReached

DATA = oc.load_dataset("iris")


def counted(function=None, dim=3, **options):
    """An objective that counts its calls from outside."""
    calls = []

    def f(theta):
        calls.append(np.array(theta))
        return float((theta**2).sum()) if function is None else function(theta)

    return oc.function_objective(f, dim=dim, **options), calls


def spend(recorder, rng):
    """Call at random until the purse is empty."""
    while True:
        match rng.integers(3):
            case 0:
                recorder.value(rng.normal(size=recorder.dim))
            case 1:
                recorder.values(rng.normal(size=(int(rng.integers(1, 9)), recorder.dim)))
            case 2:
                recorder.value_and_gradient(rng.normal(size=recorder.dim))


@settings(max_examples=60, deadline=None)
@given(budget=st.integers(0, 60), price=st.sampled_from([0.0, 1.0, 2.0, 4.5]), seed=st.integers(0, 1000))
def test_the_budget_is_exact(budget, price, seed):
    objective, calls = counted(gradient=lambda t: 2 * t)
    recorder = oc.Recorder(objective, oc.Budget(evaluations=budget, gradient_price=price))
    with pytest.raises(BudgetExhausted):
        spend(recorder, np.random.default_rng(seed))
    assert len(calls) == recorder.n_values
    assert recorder.cost == recorder.n_values + price * recorder.n_gradients <= budget
    assert budget - recorder.cost < 1 + price  # the refused call did not fit
    with pytest.raises(BudgetExhausted):
        recorder.value(np.zeros(3))
    assert len(calls) == recorder.n_values


def test_a_cut_generation_evaluates_the_rows_that_fit():
    objective, calls = counted()
    recorder = oc.Recorder(objective, 7)
    recorder.values(np.ones((5, 3)))
    with pytest.raises(BudgetExhausted):
        recorder.values(np.diag([1.0, 0.1, 5.0]))
    assert len(calls) == 7
    np.testing.assert_array_equal(recorder.best_theta, [0.0, 0.1, 0.0])


def test_minibatches_charge_their_share():
    objective = oc.linear_objective(DATA, noise=oc.Minibatch(32), penalty=oc.L2(1.0))
    recorder = oc.Recorder(objective, oc.Budget(evaluations=3, gradient_price=2.0), rng=np.random.default_rng(0))
    for _ in range(4):  # one round of 105 items
        recorder.gradient(np.zeros(objective.dim))
    assert recorder.n_values == recorder.n_gradients == 1.0 and recorder.cost == 3.0
    with pytest.raises(BudgetExhausted):
        recorder.gradient(np.zeros(objective.dim))


@pytest.mark.parametrize(("draws", "cost"), [(oc.Redraw("row"), 12), (oc.Redraw("call"), 12), (oc.Frozen(5), 60)])
def test_draws(draws, cost):
    objective = oc.linear_objective(DATA, noise=oc.InputNoise(0.5), penalty=oc.L2(1.0))
    theta = objective.start(np.random.default_rng(1))
    recorder = oc.Recorder(objective, 1000, draws, np.random.default_rng(0))
    first, second = recorder.values([theta] * 6), recorder.values([theta] * 6)
    assert recorder.cost == cost
    if draws == oc.Redraw("row"):
        assert len({*first, *second}) == 12
    elif draws == oc.Redraw("call"):
        assert np.ptp(first) < 1e-12 and abs(first[0] - second[0]) > 1e-6
    else:
        assert np.ptp([*first, *second]) < 1e-12
        samples = objective.samples(np.random.default_rng(0))
        assert first[0] == pytest.approx(np.mean([objective.value(theta, next(samples)) for _ in range(5)]))


def test_same_sample_holds_one_draw():
    objective = oc.linear_objective(DATA, noise=oc.Minibatch(10), penalty=oc.L2(1.0))
    theta = objective.start(np.random.default_rng(1))
    recorder = oc.Recorder(objective, 1000, oc.Redraw("row"), np.random.default_rng(0))
    with recorder.same_sample():
        assert recorder.value(theta) == recorder.value(theta) == recorder.values([theta, theta])[1]
    assert recorder.value(theta) != recorder.value(theta)


def test_lucky_draws_do_not_flatter_the_trace():
    objective = oc.linear_objective(DATA, noise=oc.Minibatch(5), penalty=oc.L2(1.0))
    recorder = oc.Recorder(objective, 50, oc.Redraw("row"), np.random.default_rng(0))
    thetas = 0.1 * np.random.default_rng(1).normal(size=(500, objective.dim))
    recorder.values(thetas)
    recorder.finish()
    best_value = recorder.trace.to_frame()["best_value"].iloc[-1]
    assert best_value == objective.value(recorder.best_theta)


def test_nonfinite_values_are_shown_as_inf_counted_and_never_best():
    values = iter([math.nan, -math.inf, math.inf, 3.0, math.nan])
    objective, _ = counted(lambda t: next(values))
    recorder = oc.Recorder(objective, 10)
    shown = recorder.values(np.zeros((5, 3)))
    assert list(shown) == [math.inf, math.inf, math.inf, 3.0, math.inf]
    assert recorder.n_nonfinite == 4
    recorder.finish()
    assert recorder.trace.to_frame()["best_value"].iloc[-1] == 3.0


def test_a_nonfinite_gradient_diverges():
    objective, _ = counted(gradient=lambda t: np.full(3, np.nan))
    recorder = oc.Recorder(objective, 10)
    with pytest.raises(Diverged):
        recorder.gradient(np.zeros(3))
    with pytest.raises(Diverged):
        recorder.value(np.zeros(3))


def test_target_and_clock():
    objective, calls = counted()
    recorder = oc.Recorder(objective, oc.Budget(evaluations=100, target=0.5))
    with pytest.raises(TargetReached):
        for scale in (2.0, 1.0, 0.5, 0.1):
            recorder.value([scale, 0.0, 0.0])
    assert len(calls) == 3
    slow, calls = counted(lambda t: time.sleep(0.02) or 1.0)
    recorder = oc.Recorder(slow, oc.Budget(seconds=0.1))
    with pytest.raises(BudgetExhausted, match="wall clock"):
        for _ in range(100):
            recorder.value(np.zeros(3))
    assert len(calls) <= 6


def test_the_trace_is_monotone_dense_at_first_and_short():
    objective, _ = counted()
    recorder = oc.Recorder(objective, 20_000, monitors={"first": lambda theta: theta[0]})
    for k in range(20_000):
        recorder.value(np.full(3, 1 / (k + 1)))
    recorder.finish()
    frame = recorder.trace.to_frame()
    assert list(frame["n_values"][:150]) == list(range(1, 151))
    assert (frame["best_value"].diff().dropna() <= 0).all()
    assert len(frame) < 1300
    calls = frame["n_values"].to_numpy()
    assert (np.diff(calls) <= 0.005 * calls[1:] + 1).all()
    assert frame["best_value"].iloc[-1] == pytest.approx(3 / 20_000**2)
    kept = frame["first"].dropna()
    assert len(kept) < 120 and kept.iloc[-1] == 1 / 20_000


def test_the_diameter_is_that_of_the_last_population():
    objective, _ = counted()
    recorder = oc.Recorder(objective, 10)
    recorder.value(np.full(3, 9.0))
    recorder.values([[1.0, 0.0, 0.0], [-3.0, 0.0, 0.0]])
    recorder.values([[2.0, 0.0, 0.0], [-6.0, 0.0, 0.0]])  # nothing better, no row
    recorder.values([[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])
    recorder.value(np.zeros(3))
    diameters = recorder.trace.to_frame()["population_diameter"]
    np.testing.assert_array_equal(diameters, [np.nan, 2.0, 0.5, 0.5])


def test_the_loss_gradient_costs_what_a_gradient_costs_and_has_no_penalty():
    objective = oc.linear_objective(DATA, penalty=oc.L2(50.0))
    theta = objective.start(np.random.default_rng(0))
    recorder = oc.Recorder(objective, 7)
    value, gradient = recorder.value_and_loss_gradient(theta)
    assert value == objective.value(theta) and recorder.cost == 3
    np.testing.assert_array_equal(gradient, objective.loss_gradient(theta))
    recorder.value_and_gradient(theta)
    with pytest.raises(BudgetExhausted):
        recorder.value_and_loss_gradient(theta)


def test_recommendation_and_best_are_apart():
    objective, _ = counted()
    recorder = oc.Recorder(objective, 10)
    recorder.value(np.zeros(3))
    recorder.recommend(np.ones(3))
    recorder.finish()
    row = recorder.trace.to_frame().iloc[-1]
    assert row["best_value"] == 0 and row["value"] == 3


def test_keeps_copies_and_the_first_error():
    def sometimes(theta):
        if theta[0] > 2:
            raise ValueError("mine")
        return float(theta[0])

    objective, _ = counted(sometimes)
    recorder = oc.Recorder(objective, 10)
    buffer = np.zeros(3)
    recorder.value(buffer)
    buffer += 1
    assert (recorder.best_theta == 0).all()
    with pytest.raises(ValueError, match="mine"):
        recorder.value(np.full(3, 5.0))
    assert str(recorder.error) == "mine"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"evaluations": -1},
        {"evaluations": math.nan},
        {"evaluations": "many"},
        {"evaluations": True},
        {"evaluations": 5, "per_dimension": 5},
        {"seconds": -1.0},
        {"evaluations": 5, "target": math.nan},
        {"evaluations": 5, "gradient_price": -1},
        {"evaluations": 5, "gradient_price": math.inf},
    ],
)
def test_wrong_budgets_are_named(bad):
    with pytest.raises(InvalidInputError, match=r"budget|gradient_price"):
        oc.Budget(**bad)


def test_budget_per_dimension():
    objective, calls = counted()
    recorder = oc.Recorder(objective, oc.Budget(per_dimension=2.5))
    with pytest.raises(BudgetExhausted):
        recorder.values(np.zeros((99, 3)))
    assert len(calls) == 10


@pytest.mark.parametrize("bad", ["rows", None])
def test_wrong_draws_are_named(bad):
    with pytest.raises(InvalidInputError, match="Redraw"):
        oc.Redraw(bad)
    with pytest.raises(InvalidInputError, match="Frozen"):
        oc.Frozen(0)
