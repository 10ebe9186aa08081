from __future__ import annotations

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import BudgetExhausted, InvalidInputError
from optcompare.optimizers.sampling import RandomSearch
from optcompare.recorder import Budget, Recorder


@pytest.mark.parametrize("dim", [1, 3])
def test_more_draws_come_nearer(run_counted, dim):
    best = [run_counted(RandomSearch(), dim=dim, budget=budget).recorder.trace.rows[-1][3] for budget in (1, 30, 3000)]
    assert best[0] > best[1] > best[2]


@pytest.mark.parametrize("budget", [0, 1, 99, 100, 101, 250])
def test_the_budget_is_exact_counted_from_outside(run_counted, budget):
    run = run_counted(RandomSearch(), budget=budget)
    assert len(run.points) == budget == run.recorder.n_values
    assert run.stopped == "BudgetExhausted"


def test_a_batch_is_one_call_and_the_first_row_is_the_start():
    sizes, first = [], []

    def vectorized(thetas):
        sizes.append(len(thetas))
        first.append(np.array(thetas[0]))
        return (thetas**2).sum(axis=1)

    objective = oc.function_objective(lambda theta: float(theta @ theta), dim=2, vectorized=vectorized)
    start = np.array([0.1, -0.7])
    with pytest.raises(BudgetExhausted):
        RandomSearch(batch=40).minimize(Recorder(objective, 100), start, np.random.default_rng(0))
    assert sizes == [40, 40, 20]
    assert first[0].tobytes() == start.tobytes()


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_batch_changes_no_candidate(run_counted, distribution):
    runs = [run_counted(RandomSearch(distribution=distribution, batch=batch), budget=57) for batch in (1, 10, 100)]
    assert runs[0].bits == runs[1].bits == runs[2].bits


def test_the_draws_have_the_stated_distribution(run_counted):
    start = np.full(3, 2.0)
    normal = np.array(run_counted(RandomSearch(scale=0.5), start=start, budget=4000).points)
    uniform = np.array(run_counted(RandomSearch(scale=0.5, distribution="uniform"), start=start, budget=4000).points)
    assert normal.mean() == pytest.approx(2.0, abs=0.03) and normal.std() == pytest.approx(0.5, rel=0.03)
    assert np.abs(uniform - 2.0).max() <= 0.5
    assert uniform.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.03)


def test_same_seed_same_bits(run_counted):
    runs = [run_counted(RandomSearch(), seed=seed, budget=150) for seed in (1, 1, 2)]
    assert runs[0].bits == runs[1].bits != runs[2].bits


def test_nothing_global_is_touched(run_counted, untouched):
    run_counted(RandomSearch(), budget=200)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_an_infinite_error_ends_with_the_budget(run_counted, value):
    run = run_counted(RandomSearch(), lambda theta: value, budget=250)
    assert (len(run.points), run.recorder.n_nonfinite, run.answer) == (250, 250, None)


def test_the_clock_ends_it(run_counted):
    assert run_counted(RandomSearch(), budget=Budget(seconds=0.02)).stopped == "BudgetExhausted"


@pytest.mark.parametrize(
    "options", [{"scale": 0.0}, {"scale": float("nan")}, {"batch": 0}, {"batch": 2.0}, {"distribution": "cauchy"}]
)
def test_a_bad_option_is_refused_by_name(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        RandomSearch(**options)
