"""The contract that every registered optimizer keeps: the checks of optcompare/contract, over the registry."""

import inspect

import numpy as np
import pytest

import optcompare as oc
from optcompare.contract import CHECKS, run_check
from optcompare.contract.travelling import TRAVEL_LIMIT, fingerprint
from optcompare.contract.trial import bowl
from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.optimizers.base import get_optimizer, optimizer_class, optimizer_names
from optcompare.runs.executors import ProcessExecutor, pickled

NAMES = optimizer_names()

EXPECTED = {
    "adagrad", "adam", "adamw", "clipped_gradient", "cma_es", "cobyla", "cobyqa", "constant_predictor",
    "differential_evolution", "dual_annealing", "evolution_strategy", "fast_de", "fast_nelder_mead", "fast_pso",
    "gradient_descent", "heavy_ball", "lbfgs",
    "nelder_mead", "nesterov", "normalised_gradient", "powell", "pso", "pso_ring", "random_search", "rmsprop",
    "sign_descent", "spsa",
}  # fmt: skip


def test_the_list_is_complete():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "travel"])
@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_contract(name, check):
    finding = run_check(check, get_optimizer(name))
    assert finding.is_kept, finding


def test_all_travel_to_another_process_and_give_the_same_bits():
    found = {}
    work = pickled(lambda task: fingerprint(get_optimizer(*task)))
    ProcessExecutor(1).run(
        work, [(name,) for name in NAMES], lambda task, made: found.update({task[0]: made}), run_timeout=TRAVEL_LIMIT
    )
    assert found == {name: fingerprint(get_optimizer(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_is_short_and_called_by_its_name(name):
    cls = optimizer_class(name)
    assert len(inspect.getsource(cls.minimize).splitlines()) <= 40
    assert cls.name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_start_is_not_written_into(name):
    start = np.full(4, 0.5)
    start.flags.writeable = False
    oc.minimize(
        oc.function_objective(lambda theta: float(theta @ theta), dim=4, gradient=lambda theta: 2 * theta),
        name,
        budget=100,
        start=start,
    )


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
