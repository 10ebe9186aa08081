"""Every check of the contract catches an optimizer that breaks it; and lets two honest ones pass."""

import contextlib
import itertools
import logging
import os
import random
import sys
import threading
import warnings
from typing import ClassVar

import numpy as np
import pytest

import optcompare as oc
from optcompare.contract import CHECKS, run_check
from optcompare.optimizers.base import as_optimizer

HISTORY = []
TICKS = itertools.count()


class Honest(oc.Optimizer):
    """Gaussian steps that are kept when they are better."""

    step: float = 0.1

    def minimize(self, objective, start, rng):
        theta, least = start, objective.value(start)
        while True:
            candidate = theta + self.step * rng.standard_normal(objective.dim)
            if (value := objective.value(candidate)) < least:
                theta, least = candidate, value


def honest(objective, start, rng):
    """Two populations of random points around the start."""
    points = np.vstack([start, start + rng.standard_normal((9, objective.dim))])
    objective.values(points)
    objective.values(points + 0.1 * rng.standard_normal(points.shape))


def walk(objective, start, rng, n=200):
    """Evaluate the start and n points around it."""
    objective.value(start)
    for _ in range(n):
        objective.value(start + rng.standard_normal(objective.dim))


# -- ends, budget, purse, best, answer ------------------------------------------------------------------------------


def exits(objective, start, rng):
    objective.value(start)
    sys.exit(0)


def raises(objective, start, rng):
    return objective.value(strat)  # noqa: F821 - the mistake


def returns_a_pair(objective, start, rng):
    return start, objective.value(start)


def missing(objective, start, rng):
    raise oc.errors.MissingLibraryError("pip install nowhere")


def reaches_around(objective, start, rng):
    for _ in range(400):
        objective._objective.value(start + rng.standard_normal(objective.dim))


def swallows(objective, start, rng):
    for _ in range(100):
        try:
            objective.value(start)
        except Exception:
            continue


def swallows_for_ever(objective, start, rng):
    while True:
        with contextlib.suppress(Exception):
            objective.value(start)


def asks_once_more(objective, start, rng):
    try:
        walk(objective, start, rng)
    finally:
        objective.value(start)


def renames(objective, start, rng):
    try:
        walk(objective, start, rng)
    except Exception as error:
        raise RuntimeError("something happened") from error


def evaluates_nothing(objective, start, rng):
    return start


def only_far_away(objective, start, rng):
    while True:
        objective.value(start + 100)


def short(objective, start, rng):
    objective.value(start)
    return start[:-1]


def not_finite(objective, start, rng):
    objective.value(start)
    return np.full(objective.dim, np.nan)


def the_last_not_the_best(objective, start, rng):
    objective.value(start)
    objective.value(start + 50)
    return start + 50


# -- start, seed, random, memory, nested ----------------------------------------------------------------------------


def writes_into_the_start(objective, start, rng):
    objective.value(start)
    start += 1


def ignores_the_start(objective, start, rng):
    walk(objective, np.zeros(objective.dim), rng)


def its_own_seed(objective, start, rng):
    walk(objective, start, np.random.default_rng(0))


def no_seed(objective, start, rng):
    walk(objective, start, np.random.default_rng())


def one_answer_for_all(objective, start, rng):
    objective.value(np.zeros(objective.dim))
    return np.zeros(objective.dim)


def numpys_global(objective, start, rng):
    for _ in range(200):
        objective.value(start + np.random.randn(objective.dim))


def pythons_global(objective, start, rng):
    while True:
        objective.value(start + random.random())


def seeds_numpy(objective, start, rng):
    np.random.seed(0)
    walk(objective, start, rng)


def remembers(objective, start, rng):
    HISTORY.append(start)
    objective.value(start + len(HISTORY))


def counts_in_a_closure():
    ticks = itertools.count()

    def f(objective, start, rng):
        while True:
            objective.value(start + next(ticks))

    return f


class KeepsState(Honest):
    """Gaussian steps from where the last run of this object ended."""

    def minimize(self, objective, start, rng):
        start = vars(self).get("last", start) if vars(self).get("last", start).shape == start.shape else start
        object.__setattr__(self, "last", start + 1)
        walk(objective, start, rng)


class SharesState(Honest):
    """Gaussian steps from a buffer that all runs share."""

    buffer: ClassVar[list] = []

    def minimize(self, objective, start, rng):
        self.buffer[:] = [start]
        while True:
            objective.value(
                self.buffer[0] + rng.standard_normal(objective.dim) if len(self.buffer[0]) == len(start) else start
            )
            self.buffer[0] = self.buffer[0] + 0.01


# -- options, surroundings ------------------------------------------------------------------------------------------


class NoType(oc.Optimizer):
    """Evaluates the start; its step is no option."""

    step = 0.1

    def minimize(self, objective, start, rng):
        objective.value(start)


class TakesAnything(oc.Optimizer):
    """Evaluates the start; takes any option."""

    def __init__(self, **options):
        pass

    def minimize(self, objective, start, rng):
        objective.value(start)


class Adapts(Honest):
    """Gaussian steps with a step that it changes in itself."""

    def minimize(self, objective, start, rng):
        object.__setattr__(self, "step", self.step * 1.5)
        walk(objective, start, rng)


class ChangesItsClass(Honest):
    """Gaussian steps that are counted in the class."""

    n_runs: ClassVar[int] = 0

    def minimize(self, objective, start, rng):
        type(self).n_runs += 1
        walk(objective, start, rng)


def prints(objective, start, rng):
    print("hello")
    walk(objective, start, rng)


def writes_files(objective, start, rng):
    with open("log.txt", "w") as file:
        file.write("x")


def silences_warnings(objective, start, rng):
    warnings.filterwarnings("ignore", message=f"no {next(TICKS)}")


def handles_logs(objective, start, rng):
    logging.getLogger().addHandler(logging.NullHandler())


def leaves(objective, start, rng):
    os.environ["LEFT_BY_A_TEST"] = str(next(TICKS))


def forgets_a_thread(objective, start, rng):
    threading.Thread(target=threading.Event().wait, args=(1.0,), daemon=True).start()


# -- dimensions, nan, errors, constraint, noise, gradient -----------------------------------------------------------


def two_at_least(objective, start, rng):
    objective.value(start[[1, 0, *range(2, objective.dim)]])


def weights_alone(objective, start, rng):
    assert objective.is_weight.all()
    objective.value(start)


def few_dimensions(objective, start, rng):
    objective.value(np.zeros(objective.dim) + np.array([1.0, 2.0, 3.0, 4.0])[: objective.dim])


def waits_for_a_number(objective, start, rng):
    while not np.isfinite(objective.value(start)):
        pass
    return start


def weighted_mean(objective, start, rng):
    points = start + 3 * rng.standard_normal((20, objective.dim))
    points[0] = start
    weights = objective.values(points)
    return (weights / weights.sum()) @ points


def trips_over_inf(objective, start, rng):
    return start if int(objective.value(start)) else None


def hides_errors(objective, start, rng):
    try:
        objective.value(start)
    except ValueError:
        return start


def hides_later_errors(objective, start, rng):
    objective.value(start)
    for _ in range(5):
        with contextlib.suppress(ValueError):
            objective.value(start)


def outside(objective, start, rng):
    objective._objective.value(start + 9)


def wants_to_be_free(objective, start, rng):
    objective.value(start)
    if objective.is_constrained:
        raise RuntimeError("only without a constraint")


def wants_no_noise(objective, start, rng):
    if objective.value(start) != objective.value(start):
        raise RuntimeError("two values at one point")


class Undeclared(oc.Optimizer):
    """Gradient steps that are not declared."""

    def minimize(self, objective, start, rng):
        while True:
            start = start - 0.01 * objective.gradient(start)


class Overdeclared(Honest):
    """Gaussian steps that claim to need a gradient."""

    needs_gradient = True


# -- identity, travel, summary --------------------------------------------------------------------------------------


class HoldsALock(Honest):
    """Gaussian steps with a lock among the options."""

    lock: object = threading.Lock()


class HoldsAGenerator(Honest):
    """Gaussian steps with a generator among the options."""

    rng: object = np.random.default_rng(0)


def depends_on_the_process(objective, start, rng):
    objective.value(start + os.getpid())


class Quiet(oc.Optimizer):
    step: float = 0.1

    def minimize(self, objective, start, rng):
        objective.value(start)


class Terse(oc.Optimizer):
    """Steps."""

    def minimize(self, objective, start, rng):
        objective.value(start)


class Pso(Honest):
    """A swarm under a name that is taken."""


BROKEN = {
    "ends": [exits, raises, returns_a_pair, missing],
    "budget": [reaches_around, exits],
    "purse": [swallows, swallows_for_ever, asks_once_more, renames],
    "best": [evaluates_nothing, only_far_away],
    "answer": [short, not_finite, the_last_not_the_best, returns_a_pair],
    "start": [writes_into_the_start, ignores_the_start],
    "seed": [its_own_seed, no_seed, one_answer_for_all, counts_in_a_closure()],
    "random": [numpys_global, pythons_global, seeds_numpy],
    "memory": [remembers, KeepsState, counts_in_a_closure()],
    "nested": [SharesState],
    "options": [NoType, TakesAnything, Adapts, ChangesItsClass, KeepsState, remembers],
    "surroundings": [prints, writes_files, silences_warnings, handles_logs, leaves, forgets_a_thread],
    "dimensions": [two_at_least, weights_alone, few_dimensions],
    "nan": [not_finite, weighted_mean, trips_over_inf],
    "errors": [hides_errors, hides_later_errors],
    "constraint": [outside, wants_to_be_free],
    "noise": [wants_no_noise],
    "gradient": [Undeclared, Overdeclared],
    "identity": [HoldsALock, HoldsAGenerator],
    "travel": [HoldsALock, depends_on_the_process],
    "summary": [exits, Quiet, Terse, Pso],
}


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch):
    HISTORY.clear()
    filters, handlers = warnings.filters[:], logging.getLogger().handlers[:]
    monkeypatch.setenv("LEFT_BY_A_TEST", "")
    yield
    warnings.filters[:] = filters
    logging.getLogger().handlers[:] = handlers


def test_every_check_has_its_broken_optimizers():
    assert list(BROKEN) == list(CHECKS)


@pytest.mark.parametrize(
    ("check", "broken"),
    [pytest.param(check, one, id=f"{check}-{one.__name__}") for check in BROKEN for one in BROKEN[check]],
)
def test_a_broken_optimizer_is_caught(check, broken):
    finding = run_check(check, as_optimizer(broken), is_quick=True)
    assert not finding.is_kept, finding.measured
    assert finding.measured and finding.advice and "\n" not in finding.measured


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("optimizer", [Honest, honest, Honest(step=0.5), waits_for_a_number], ids=str)
def test_an_honest_one_passes(check, optimizer):
    if optimizer is waits_for_a_number and check == "summary":
        return
    finding = run_check(check, as_optimizer(optimizer), is_quick=True)
    assert finding.is_kept, finding


@pytest.mark.parametrize(("broken", "name"), [(remembers, "HISTORY"), (Adapts, "step"), (ChangesItsClass, "n_runs")])
def test_what_was_changed_is_named(broken, name):
    assert f"`{name}`" in run_check("options", as_optimizer(broken)).measured
