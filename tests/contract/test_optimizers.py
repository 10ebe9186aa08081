"""The contract that every registered optimizer keeps."""

import logging
import math
import os
import random
import warnings

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.optimizers.base import get_optimizer, optimizer_class, optimizer_names

pytestmark = pytest.mark.filterwarnings("ignore:.*has decay=.*the two add up:UserWarning")  # adamw, on purpose
NAMES = optimizer_names()

EXPECTED = {
    "adagrad", "adam", "adamw", "clipped_gradient", "cma_es", "cobyla", "cobyqa", "constant_predictor",
    "differential_evolution", "dual_annealing", "evolution_strategy", "gradient_descent", "heavy_ball", "lbfgs",
    "nelder_mead", "nesterov", "normalised_gradient", "powell", "pso", "pso_ring", "random_search", "rmsprop", "sign_descent", "spsa",
}  # fmt: skip


def bowl(dim=4, record=None, function=None):
    """A convex bowl whose minimum is at 1, counting its own calls."""
    calls = [] if record is None else record

    def f(theta):
        calls.append(np.array(theta))
        return float(((theta - 1) ** 2).sum()) if function is None else function(theta)

    return oc.function_objective(f, dim=dim, gradient=lambda t: 2 * (t - 1), penalty=oc.L2(0.1), name="bowl")


def same(one, other):
    assert one.best_value == other.best_value or (math.isnan(one.best_value) and math.isnan(other.best_value))
    np.testing.assert_array_equal(one.theta, other.theta)
    np.testing.assert_array_equal(one.best_theta, other.best_theta)
    assert (one.n_values, one.n_gradients, one.status) == (other.n_values, other.n_gradients, other.status)
    drop = one.trace.columns.index("seconds")
    np.testing.assert_array_equal(
        np.delete(one.trace.to_array(), drop, axis=1), np.delete(other.trace.to_array(), drop, axis=1)
    )


def test_the_list_is_complete():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_is_documented_and_short(name):
    import inspect

    cls = optimizer_class(name)
    assert len(cls.summary()) > 15
    source = inspect.getsource(cls.minimize).splitlines()
    assert len(source) <= 40
    assert cls.name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [0, 1, 2, 7, 61, 61.5, 200])
def test_makes_at_most_the_budget_counted_from_outside(name, budget):
    calls = []
    run = oc.minimize(bowl(record=calls), name, budget=budget, seed=3)
    n_off_purse = len(calls) - run.n_values
    assert run.cost <= budget
    assert run.status in ("BUDGET", "FINISHED")
    # the rest are final measurements and trace rows, which only a recommendation makes evaluate
    assert n_off_purse <= 8 + len(run.trace.rows)
    assert run.theta.shape == (4,) and np.isfinite(run.theta).all()


@pytest.mark.parametrize("name", NAMES)
def test_best_is_exact_and_monotone(name):
    objective = bowl()
    run = oc.minimize(objective, name, budget=300, seed=1)
    assert run.best_value == objective.value(run.best_theta)
    best = run.trace.to_frame()["best_value"]
    assert (best.diff().dropna() <= 0).all()
    assert best.iloc[-1] == pytest.approx(run.best_value, rel=1e-12)  # a population's last bits may differ
    assert run.best_value < objective.value(objective.start(np.random.default_rng(0))) + 10


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bits_also_interleaved(name):
    data = oc.load_dataset("iris", seed=0)
    objective = oc.mlp_objective(data, hidden=(3,), penalty=oc.L2(0.1), noise=oc.Minibatch(20))
    once = oc.minimize(objective, name, budget=40, seed=5)
    depth = []

    def interleaving(theta):
        if len(depth) < 3:
            depth.append(1)
            if name != "cobyqa":  # scipy holds a lock that one thread cannot take twice
                oc.minimize(bowl(), name, budget=12, seed=9)
            oc.minimize(bowl(), "pso", budget=12, seed=9)
        return 0.0

    again = oc.minimize(objective, name, budget=40, seed=5)
    same(once, again)
    plain = oc.minimize(bowl(function=lambda t: float((t**4).sum())), name, budget=60, seed=5)
    nested = oc.minimize(bowl(function=lambda t: interleaving(t) + float((t**4).sum())), name, budget=60, seed=5)
    same(plain, nested)
    other = oc.minimize(objective, name, budget=40, seed=6)
    assert (other.theta != once.theta).any()


@pytest.mark.parametrize("name", NAMES)
def test_touches_nothing_global(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    oc.minimize(bowl(), name, budget=5)  # imports, which may add warning filters of their own
    start = np.full(4, 0.5)
    start.flags.writeable = False
    before = (
        np.random.get_state()[1].tolist(),
        random.getstate(),
        logging.getLogger().handlers[:],
        warnings.filters[:],
    )
    oc.minimize(bowl(), name, budget=100, start=start)
    after = (np.random.get_state()[1].tolist(), random.getstate(), logging.getLogger().handlers[:], warnings.filters[:])
    assert before == after
    assert os.listdir(tmp_path) == [] and os.getcwd() == str(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_works_in_one_dimension(name):
    run = oc.minimize(bowl(dim=1), name, budget=300, seed=2)
    assert run.status in ("BUDGET", "FINISHED"), run.message
    assert np.isfinite(run.best_value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_ends_on_an_objective_that_is_never_finite(name, poison):
    run = oc.minimize(bowl(function=lambda t: poison), name, budget=150, seed=2)
    assert run.status in ("BUDGET", "FINISHED", "DIVERGED", "FAILED")
    assert run.status != "FAILED" or "finite" in run.message
    assert run.best_theta is None and math.isnan(run.best_value)
    assert run.n_nonfinite > 0 and run.cost <= 150


@pytest.mark.parametrize("name", NAMES)
def test_a_raising_objective_is_a_failed_run_with_its_own_error(name):
    def sour(theta):
        raise ValueError("sour grapes")

    run = oc.minimize(bowl(function=sour), name, budget=50)
    assert run.status == "FAILED" and "sour grapes" in run.message and "sour grapes" in run.traceback


@pytest.mark.parametrize("name", NAMES)
def test_sees_the_start_first(name):
    calls = []
    start = np.array([0.3, -0.2, 0.1, 0.4])
    oc.minimize(bowl(record=calls), name, budget=100, start=start)
    assert any((call == start).all() for call in calls[:60])


@pytest.mark.parametrize("name", NAMES)
def test_wrong_options_are_refused_with_a_suggestion(name):
    with pytest.raises(UnknownNameError, match="Allowed"):
        get_optimizer(name, no_such_option=1)
    with pytest.raises(TypeError):
        optimizer_class(name)(no_such_option=1)


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'nelder_mead'"):
        oc.minimize(bowl(), "nelder_meed", budget=5)
    with pytest.raises(InvalidInputError, match="seed"):
        oc.minimize(bowl(), "pso", budget=5, seed=-1)
    with pytest.raises(InvalidInputError, match="seed"):
        oc.minimize(bowl(), "pso", budget=5, seed=None)
    with pytest.raises(InvalidInputError, match="start"):
        oc.minimize(bowl(), "pso", budget=5, start=[1.0])
