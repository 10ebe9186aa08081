"""Runtimes: what it cost every run to come within a target of the best known error, and what failing costs.

    target of tau = f_ref + tau (f_0 - f_ref),    ERT = (cost of all runs) / (runs that reached it)

A run that never reached a target is charged what it spent; one that failed (FAILED, CRASHED, TIMEOUT, DIVERGED,
SKIPPED) the full budget, else crashing would pay. No run reached it: ERT is infinite, ``charged`` says what was spent.

Cost axes: "passes" = n_values + gradient_price n_gradients, with any price; "evaluations" = n_values, gradients free;
"seconds"; "simplices" = passes / (d + 1). ``hits`` does not depend on them: look at the same hits on several axes.

Source: Hansen, Auger, Brockhoff & Tusar 2022, "Anytime performance assessment in blackbox optimization benchmarking",
IEEE Trans. Evol. Comput. 26(6), sections III and IV (ERT, simulated restarts).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, unknown_name
from .curves import Curves
from .summaries import is_failed, numbers

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TAUS = tuple(10.0**-exponent for exponent in range(1, 8))
DENSE_TAUS = tuple(float(tau) for tau in np.logspace(0.0, -7.0, 50))
COSTS = ("passes", "evaluations", "seconds", "simplices")
PRICES = ("measured", "dimension")
DEFAULT_PRICE = 2.0  # of a gradient whose price was not measured


def hits(curves: Curves, problems: pd.DataFrame, taus: Sequence[float] = TAUS) -> pd.DataFrame:
    """Return one row a (run, tau): what it had cost at the first trace row within the target, or what is charged.

    problems: as ``results.problems()``. Targets finer than a problem's ``accuracy`` are left out.

    Columns: problem, dataset, dim, optimizer, seed, status, tau, is_reached, n_values, n_gradients (passes), seconds,
    budget (passes at the study's own gradient price). Where is_reached is False the counts are those that are charged:
    of a failed run the full budget, in its own mix of values and gradients (all values where it made none), and no
    fewer seconds than any run on the problem took; else what the run spent.
    """
    import pandas as pd

    wanted = np.asarray(taus, dtype=np.float64)
    if wanted.ndim != 1 or not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise InvalidInputError(f"taus must be numbers > 0, such as TAUS, got {taus!r:.200}")
    runs = curves.runs
    f_0, f_ref, accuracy = (problem_fact(runs, problems, name)[:, None] for name in ("f_0", "f_ref", "accuracy"))
    targets = f_ref + wanted * (f_0 - f_ref)
    is_wanted = wanted >= accuracy * (1 - 1e-9)
    row = curves.first_at_or_below(np.where(np.isnan(targets), -np.inf, targets))[is_wanted]
    run, place = np.nonzero(is_wanted)
    is_reached, columns = row >= 0, {}
    for name, charged in _charged(runs).items():
        at_row = getattr(curves, name)[np.maximum(row, 0)] if len(curves.error) else np.zeros(len(row))
        columns[name] = np.where(is_reached, at_row, charged[run])
    labels = {name: runs[name].to_numpy()[run] for name in ("problem", "dataset", "dim", "optimizer", "seed", "status")}
    found = {**labels, "tau": wanted[place], "is_reached": is_reached, **columns}
    return pd.DataFrame({**found, "budget": numbers(runs["budget"])[run]})


def problem_fact(rows: pd.DataFrame, problems: pd.DataFrame, name: str) -> Array:
    """Return one number of the problem of every one of ``rows``; InvalidInputError for a problem that is unknown."""
    import pandas as pd

    code, labels = pd.factorize(rows["problem"])
    place = pd.Index(problems["problem"]).get_indexer(pd.Index(labels))
    if (place < 0).any():
        raise InvalidInputError(
            f"problems lacks {list(labels[place < 0][:3])}: give the problems of the same results, results.problems()"
        )
    return numbers(problems[name])[place][code] if len(rows) else np.empty(0)


def _charged(runs: pd.DataFrame) -> dict[str, Array]:
    """Return what a run that misses its target is charged: n_values, n_gradients, seconds, each (n,)."""
    price = np.nan_to_num(numbers(runs["gradient_price"]), nan=DEFAULT_PRICE)
    values, gradients = numbers(runs["n_values"]), numbers(runs["n_gradients"])
    seconds = np.nan_to_num(numbers(runs["seconds"]))
    spent = values + price * gradients
    problem = runs["problem"].to_numpy()
    budget = numbers(runs["budget"])
    # where only the clock limits a run: the most that any run on the problem has spent
    full = np.where(np.isfinite(budget), budget, _largest(spent, problem))
    factor = np.maximum(1.0, np.divide(full, spent, out=np.ones(len(runs)), where=spent > 0))
    failed, made_none = is_failed(runs), spent <= 0
    return {
        "n_values": np.where(failed, np.where(made_none, full, values * factor), values),
        "n_gradients": np.where(failed, gradients * factor, gradients),
        "seconds": np.where(failed, np.maximum(seconds, _largest(seconds, problem)), seconds),
    }


def _largest(values: Array, group: NDArray[np.object_]) -> Array:
    """Return, for every row, the largest value of its group."""
    import pandas as pd

    code, known = pd.factorize(group)
    largest = np.zeros(len(known))
    np.maximum.at(largest, code, values)
    return largest[code]


def runtimes(
    hits: pd.DataFrame, problems: pd.DataFrame, cost: str = "passes", gradient_price: float | str = 2.0
) -> pd.DataFrame:
    """Return the hits with a column ``runtime``, the cost on one axis; ``budget`` is changed to the same unit.

    cost: "passes", "evaluations", "seconds" or "simplices", see the module's text. gradient_price: passes of a backward
    pass: a number >= 0, "measured" (the problem's own, 2 where it was not measured) or "dimension" (d + 1, what forward
    differences cost). The budget of "seconds" is the largest time charged on the problem.
    """
    if cost not in COSTS:
        raise unknown_name("cost", cost, COSTS)
    spent, budget = numbers(hits["n_values"]), numbers(hits["budget"])
    if cost in ("passes", "simplices"):
        spent = spent + _prices(hits, problems, gradient_price) * numbers(hits["n_gradients"])
    if cost == "simplices":
        size = numbers(hits["dim"]) + 1.0
        spent, budget = spent / size, budget / size
    if cost == "seconds":
        spent = numbers(hits["seconds"])
        budget = _largest(spent, hits["problem"].to_numpy())
    return hits.assign(budget=budget, runtime=spent)


def _prices(hits: pd.DataFrame, problems: pd.DataFrame, gradient_price: float | str) -> Array | float:
    """Return the passes of one backward pass, one number or one a row."""
    if isinstance(gradient_price, str):
        if gradient_price not in PRICES:
            raise unknown_name("gradient_price", gradient_price, PRICES)
        if gradient_price == "dimension":
            return numbers(hits["dim"]) + 1.0
        return np.nan_to_num(problem_fact(hits, problems, "gradient_price"), nan=DEFAULT_PRICE)
    if not (math.isfinite(gradient_price) and gradient_price >= 0):
        raise InvalidInputError(
            f"gradient_price must be a number >= 0, 'measured' or 'dimension', got {gradient_price!r}"
        )
    return float(gradient_price)


def ert_table(runtimes: pd.DataFrame) -> pd.DataFrame:
    """Return the expected runtime of every (problem, optimizer, tau): charged / n_reached, infinite where none did.

    Columns: problem, dataset, dim, optimizer, tau, n_runs, n_reached, ert, charged (cost over all runs), budget (of one
    run), all costs in the unit of ``runtime``. Problems, then optimizers in order of appearance, then taus descending.
    """
    import pandas as pd

    by = ["problem", "optimizer", "tau"]
    codes = {name: pd.factorize(runtimes[name], sort=name == "tau") for name in by}
    sizes = [len(codes[name][1]) for name in by]
    ranks = [codes["problem"][0], codes["optimizer"][0], sizes[2] - 1 - codes["tau"][0]]
    cell = (ranks[0] * sizes[1] + ranks[1]) * sizes[2] + ranks[2] if len(runtimes) else np.empty(0, dtype=np.int64)
    known, first, group = np.unique(cell, return_index=True, return_inverse=True)
    n_reached = np.bincount(group, runtimes["is_reached"].to_numpy(dtype=np.float64), len(known))
    charged = np.bincount(group, numbers(runtimes["runtime"]), len(known))
    budget = np.zeros(len(known))
    np.maximum.at(budget, group, numbers(runtimes["budget"]))
    labels = runtimes[["problem", "dataset", "dim", "optimizer", "tau"]].iloc[first].reset_index(drop=True)
    return labels.assign(
        n_runs=np.bincount(group, minlength=len(known)).astype(np.int64),
        n_reached=n_reached.astype(np.int64),
        ert=np.divide(charged, n_reached, out=np.full(len(known), np.inf), where=n_reached > 0),
        charged=charged,
        budget=budget,
    )
