"""Checks of the objectives it can meet: dimensions, nan, errors, constraint, noise, gradient; and its summary."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import numpy as np

from ..errors import InvalidInputError
from ..objective.builders import linear_objective, mlp_objective
from ..objective.datasets import load_dataset
from ..objective.layout import Vector
from ..objective.noise import Minibatch
from ..objective.penalties import L2, MaxNorm
from ..optimizers.base import FunctionOptimizer, Optimizer, optimizer_names
from ..recorder import Frozen, Redraw
from .trial import ENDED, INFINITIES, Broken, bowl, expect_ended, run_of, title_of, trial

SHORTEST_SUMMARY = 15  # characters


def dimensions(optimizer: Optimizer, is_quick: bool) -> str:
    """It works in one dimension, in two, in many, and on weights and biases of a model."""
    many = 20 if is_quick else 60
    for dim in (1, 2, many):
        run = run_of(optimizer, bowl(dim), 300, seed=2)
        expect_ended(run, f"{dim} dimensions")
        _expect_value(run.best_value, f"{dim} dimensions")
    mixed = run_of(optimizer, bowl(5, is_weight=np.array([True, False, True, True, False])), 100, seed=2)
    expect_ended(mixed, "3 weights and 2 biases")
    network = mlp_objective(load_dataset("iris", seed=0), hidden=(2,), penalty=L2(0.1))
    run = run_of(optimizer, network, 100, seed=2)
    expect_ended(run, f"a small network, {network.dim} weights and biases")
    _expect_value(run.best_value, "a small network")
    return f"1, 2 and {many} dimensions; 3 weights and 2 biases; a network of {network.dim}"


def _expect_value(value: float, where: str) -> None:
    if not math.isfinite(value):
        raise Broken(f"{where}: no finite value was found", "evaluate the start before anything else")


def nan(optimizer: Optimizer, is_quick: bool) -> str:
    """NaN and infinite values, shown as +inf, neither hang it nor get into its answer."""
    for poison in (math.nan, math.inf, -math.inf):
        run = run_of(optimizer, bowl(function=lambda theta, poison=poison: poison), 150, seed=2)  # type: ignore[misc]
        is_told = "finite" in run.message
        allowed = (*ENDED, "DIVERGED", *(["FAILED"] if is_told else []))
        expect_ended(run, f"every value {poison}", allowed, INFINITIES)
        if run.best_theta is not None or not math.isnan(run.best_value) or run.cost > 150 or not run.n_nonfinite:
            raise Broken(
                f"every value {poison}: the best value is {run.best_value}, {run.n_nonfinite} values were not finite",
                "evaluate by the methods of `objective`, which show such values as +inf",
            )
    for name, function in _HALF_BROKEN.items():
        made = trial(optimizer, bowl(function=function), 150)
        if made.error is None and made.answer is not None and not np.isfinite(np.asarray(made.answer, float)).all():
            raise Broken(
                f"{name}: it returned {made.answer}",
                INFINITIES,
            )
        expect_ended(run_of(optimizer, bowl(function=function), 150, seed=2), name, (*ENDED, "DIVERGED"), INFINITIES)
    return "ends with a finite answer where all values are NaN, inf or -inf, and where some are"


def _nan_to_the_right(theta: Vector) -> float:
    return math.nan if theta[0] > 0.9 else float(((theta - 1) ** 2).sum())


def _inf_in_stripes(theta: Vector) -> float:
    return math.inf if math.floor(7 * float(theta.sum())) % 3 == 0 else float(((theta - 1) ** 2).sum())


_HALF_BROKEN: dict[str, Callable[[Vector], float]] = {
    "NaN where theta_0 > 0.9": _nan_to_the_right,
    "inf in stripes": _inf_in_stripes,
}


def errors(optimizer: Optimizer, is_quick: bool) -> str:
    """An error of the objective gets out: the run is FAILED, with that error as its message."""
    for n_good in (0, 3):
        calls: list[Vector] = []

        def sour(theta: Vector, calls: list[Vector] = calls, n_good: int = n_good) -> float:
            if len(calls) > n_good:
                raise ValueError("sour grapes")
            return float(((theta - 1) ** 2).sum())

        made = trial(optimizer, bowl(calls=calls, function=sour), 50)
        if len(calls) <= n_good:
            return f"it made {len(calls)} evaluations in all; an error in the first gets out"
        if made.error is None or made.is_ended_by_purse:
            raise Broken(
                f"the objective raised an error at call {n_good + 1}, and minimize went on or returned",
                "let errors of the objective pass: catch only what you expect, around your own code only",
            )
        calls.clear()
        run = run_of(optimizer, bowl(calls=calls, function=sour), 50, seed=2)
        if str(run.status) != "FAILED" or "sour grapes" not in run.message or "sour grapes" not in run.traceback:
            raise Broken(
                f"the objective raised an error at call {n_good + 1}, and the run is {run.status}: {run.message}",
                "let errors of the objective pass as they are",
            )
    return "an error at the first and at the fourth call gets out as it is"


def constraint(optimizer: Optimizer, is_quick: bool) -> str:
    """On a max-norm constraint it evaluates and answers with allowed points only."""
    calls: list[Vector] = []
    objective = bowl(calls=calls, penalty=MaxNorm(0.5))
    run = run_of(optimizer, objective, 200, seed=2)
    if isinstance(run.error, InvalidInputError) and run.n_values == 0:
        return f"it refuses a constraint before it evaluates anything: {run.error}"
    expect_ended(run, "|w| <= 0.5")
    largest = max((float(np.linalg.norm(call)) for call in calls), default=0.0)
    size = float(np.linalg.norm(run.theta))
    if max(largest, size) > 0.5 * (1 + 1e-9):
        raise Broken(
            f"|w| <= 0.5, and it evaluated points with |w| up to {largest:.4g}, its answer has {size:.4g}",
            "evaluate by the methods of `objective`, which project, and project the iterate: objective.project(theta)",
        )
    # the optimum is 0.25 (1, 1, 1, 1): 4 (0.75)^2
    return f"|w| <= 0.5 at every evaluation and in the answer; {run.best_value:.4g} at best, the optimum is 2.25"


def noise(optimizer: Optimizer, is_quick: bool) -> str:
    """It runs on minibatches, within the budget, whether noise is drawn by call, by row or once."""
    objective = linear_objective(load_dataset("iris", seed=0), penalty=L2(0.1), noise=Minibatch(20))
    for name, draws in {"a draw a call": None, "a draw a row": Redraw("row"), "two frozen draws": Frozen(2)}.items():
        run = run_of(optimizer, objective, 12.5, seed=2, draws=draws)
        expect_ended(run, f"minibatches, {name}")
        if run.cost > 12.5:
            raise Broken(f"minibatches, {name}: {run.cost:g} passes of 12.5", "evaluate by `objective` alone")
    return "12.5 passes on minibatches of 20: drawn by call, by row, and frozen"


def gradient(optimizer: Optimizer, is_quick: bool) -> str:
    """It asks for gradients if, and only if, needs_gradient says so."""
    run = run_of(optimizer, bowl(), 60, seed=2)
    declared, asked = type(optimizer).needs_gradient, run.n_gradients > 0
    if isinstance(optimizer, FunctionOptimizer) and asked:
        return (
            f"it asks for gradients ({run.n_gradients:g} in 60 passes), which a function cannot declare: where there "
            "are none its runs are FAILED; a class with needs_gradient = True is SKIPPED"
        )
    if declared and not asked:
        raise Broken("needs_gradient is True, and it never asked for one", "leave needs_gradient out")
    if asked and not declared:
        raise Broken(
            f"it asked for {run.n_gradients:g} gradients in 60 passes, and needs_gradient is False",
            "write `needs_gradient = True` in the class: a study then skips it where there is no gradient",
        )
    if declared:
        return f"needs_gradient is True; {run.n_gradients:g} gradients in 60 passes"
    expect_ended(run_of(optimizer, bowl(has_gradient=False), 60, seed=2), "an objective without a gradient")
    return "no gradient asked for, none needed"


def summary(optimizer: Optimizer, is_quick: bool) -> str:
    """It has a name of its own and says in a line what it does."""
    title = title_of(optimizer)
    if isinstance(optimizer, FunctionOptimizer):
        text = inspect.getdoc(optimizer.function) or ""
        where = f"under `def {title}(...):`"
    else:
        cls = type(optimizer)
        written = cls.__doc__ or ""
        text = "" if written.startswith(f"{cls.__name__}(") else inspect.cleandoc(written)  # what @dataclass writes
        where = f"under `class {title}(oc.Optimizer):`"
        is_ours = cls.__module__.startswith("optcompare.")
        if cls.name in optimizer_names() and not is_ours:
            raise Broken(f"the name {cls.name!r} is taken by a built-in optimizer", "rename the class")
    first = text.splitlines()[0] if text else ""
    if len(first) <= SHORTEST_SUMMARY:
        found = f"the docstring is {first!r}" if first else "there is no docstring"
        raise Broken(found, f'write one line {where} what it does, and where it is from: """Greedy steps (Me 2026)."""')
    return first
