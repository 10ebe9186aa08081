"""Checks of ending and spending: ends, budget, purse, best, answer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..errors import RunStopped
from ..objective.layout import Vector
from ..optimizers.base import Optimizer
from .trial import Broken, Trial, bowl, expect_ended, gap, place_of, run_of, trial

OFF_PURSE = 8  # evaluations of the final measurements, trace rows apart


def ends(optimizer: Optimizer, is_quick: bool) -> str:
    """One plain run ends by the optimizer's own rule or when the budget is spent, without an error."""
    before = time.perf_counter()
    run = run_of(optimizer, bowl(), 200, seed=3)
    seconds = time.perf_counter() - before
    if str(run.status) == "FAILED":
        bare = trial(optimizer, bowl(), 200)
        if bare.error is None:  # what failed was to read its answer
            _check_shape(bare, 200)
    expect_ended(run, "200 passes in 4 dimensions")
    return f"200 passes in 4 dimensions: {run.status} after {run.cost:g} passes and {seconds:.2g} s"


def budget(optimizer: Optimizer, is_quick: bool) -> str:
    """It makes at most the budget, counted from outside, for budgets from 0 on."""
    sizes = (0, 1, 7, 61) if is_quick else (0, 1, 2, 7, 61, 61.5, 200)
    for size in sizes:
        calls: list[Vector] = []
        run = run_of(optimizer, bowl(calls=calls), size, seed=3)
        expect_ended(run, f"a budget of {size:g}")
        n_free = len(calls) - run.n_values
        if run.cost > size or n_free > OFF_PURSE + len(run.trace.rows):
            raise Broken(
                f"a budget of {size:g}: {len(calls)} evaluations were made, {run.n_values:g} of them were paid for",
                "evaluate by the methods of the `objective` that minimize is given and by nothing else: they count",
            )
    return f"at most the budget in {len(sizes)} runs of {sizes[0]:g} to {sizes[-1]:g} passes, counted from outside"


def purse(optimizer: Optimizer, is_quick: bool) -> str:
    """Once the purse is empty it asks no more."""
    n_caught = n_ended = 0
    for size in (1, 7, 61):
        made = trial(optimizer, bowl(), size)
        if made.recorder.n_late:
            more = "and went on" if made.recorder.n_late > 1 else "and once more"
            raise Broken(
                f"a budget of {size}: it caught the signal that the budget is spent {more} asking "
                f"({made.recorder.n_late} calls)",
                "let BudgetExhausted pass: no bare `except:` and no `except Exception:` around calls of the objective "
                "(name the errors that you mean), or return at once",
            )
        if made.error is not None and not isinstance(made.error, RunStopped):
            raise Broken(
                f"a budget of {size}: {type(made.error).__name__}: {made.error}{place_of(made.error)}",
                "let the signal BudgetExhausted pass as it is: no clean-up that fails and no renaming",
            )
        n_ended += made.is_ended_by_purse
        n_caught += made.is_ended_by_purse and made.error is None
    caught = f"; {n_caught} times it caught the signal and returned at once" if n_caught else ""
    return f"no call after the last that fits, in {n_ended} of 3 runs that the budget ended{caught}"


def best(optimizer: Optimizer, is_quick: bool) -> str:
    """The best value is the objective at the best point, bit for bit, and never rises along the trace."""
    objective = bowl()
    run = run_of(optimizer, objective, 300, seed=1)
    expect_ended(run, "300 passes")
    if run.best_theta is None:
        raise Broken("300 passes: not one evaluation was made", "call objective.value(start) first")
    values = run.trace.to_frame()["best_value"]
    is_last = abs(values.iloc[-1] - run.best_value) <= 1e-12 * max(1.0, abs(run.best_value))
    if run.best_value != objective.value(run.best_theta) or (values.diff().dropna() > 0).any() or not is_last:
        raise Broken(
            f"the best value is {run.best_value!r}, the objective there {objective.value(run.best_theta)!r}",
            "do not change an array after it was given to the objective, nor the objective's own fields",
        )
    first = objective.value(objective.start(np.random.default_rng(0)))
    if not run.best_value < first + 10:
        raise Broken(f"300 passes end at {run.best_value:.4g}", "evaluate the start: the answer is then never worse")
    return f"{values.iloc[0]:.3g} at first, {run.best_value:.3g} at best of 300 passes; it never rose"


def answer(optimizer: Optimizer, is_quick: bool) -> str:
    """What it returns is None or a finite vector (d,), and no worse than the best point that it saw."""
    longest, n_returned, made = (600 if is_quick else 2000), 0, None
    for size in (1, 30, longest):
        made = trial(optimizer, bowl(3), size)
        if made.error is None:
            _check_answer(made, size)
            n_returned += 1
    if n_returned == 0:
        return f"it does not return within {longest} passes; its answer is what it recommends, or the best point seen"
    kind = "None: the best point seen" if made is None or made.answer is None else "a finite vector (d,)"
    return f"{n_returned} of 3 runs returned by themselves; {kind}"


def _check_answer(made: Trial, size: int) -> None:
    recorder = made.recorder
    if made.answer is None:
        return
    vector = _check_shape(made, size)
    value = bowl(3).value(vector)
    if recorder.recommended is None and gap(value, recorder.best_shown):
        raise Broken(
            f"{size} passes: the returned point has the value {value:.4g}, the best one it saw has "
            f"{recorder.best_shown:.4g}",
            "return None for the best point seen; where the last iterate is the answer by design, say so at every "
            "step by objective.recommend(theta)",
        )


def _check_shape(made: Trial, size: int) -> Vector:
    """Return the answer as a vector; raise Broken where it is none."""
    vector, dim = _as_vector(made.answer), made.recorder.dim
    if vector is None or vector.shape != (dim,):
        shape = "" if vector is None else f" of shape {vector.shape}"
        raise Broken(
            f"{size} passes: it returned {_kind(made.answer)}{shape}, where theta has shape ({dim},)",
            "return theta alone (no pair with its value, no result object), or None for the best point seen",
        )
    if not np.isfinite(vector).all():
        raise Broken(f"{size} passes: it returned {vector}", "return a finite theta, or None for the best point seen")
    return vector


def _as_vector(given: Any) -> Vector | None:
    try:
        vector = np.array(given)
    except ValueError:
        return None
    return vector.astype(np.float64) if vector.dtype.kind in "fiub" else None


def _kind(given: Any) -> str:
    """Return "a tuple of 2", "an ndarray"."""
    name = type(given).__name__
    many = f" of {len(given)}" if isinstance(given, tuple | list) else ""
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}{many}"
