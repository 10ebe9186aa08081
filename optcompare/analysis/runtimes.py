"""Runtimes: what it cost every run to come within a target of the best known error, and what failing costs.

    target of tau = f_ref + tau (f_0 - f_ref),    ERT = (cost of all runs) / (runs that reached it)

A run that never reached a target is charged what it spent; one that failed (FAILED, CRASHED, TIMEOUT, DIVERGED,
SKIPPED) the full budget, else crashing would pay. No run reached it: ERT is infinite, ``charged`` says what was spent.

Cost axes: "passes" = n_values + gradient_price n_gradients, with any price; "evaluations" = n_values, gradients free;
"seconds"; "simplices" = passes / (d + 1). ``hits`` does not depend on them: look at the same hits on several axes.

Tables of these: :func:`ert_table`, :func:`ecdf_table` and :func:`area_table`; ``fixed`` has those of fixed budgets and
fixed targets, ``profiles`` those of ratios.

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
from .clusters import cluster_counts, percentile_interval
from .curves import Curves
from .summaries import is_failed, numbers

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TAUS = tuple(10.0**-exponent for exponent in range(1, 8))
DENSE_TAUS = tuple(float(tau) for tau in np.logspace(0.0, -7.0, 50))
COSTS = ("passes", "evaluations", "seconds", "simplices")
PRICE_NAMES = ("measured", "dimension")
DEFAULT_PRICE = 2.0  # of a gradient whose price was not measured


def hits(curves: Curves, problems: pd.DataFrame, taus: Sequence[float] = TAUS) -> pd.DataFrame:
    """Return one row a (run, tau): what it had cost at the first trace row within the target, or what is charged.

    problems: as ``results.problems()``. Targets finer than a problem's ``accuracy`` are left out.

    Columns: problem, dataset, dim, optimizer, seed, status, tau, is_reached, n_values, n_gradients (passes), seconds,
    budget (passes at the study's own gradient price; where only the clock limits, the most that a run on the problem
    has spent). Where is_reached is False the counts are those that are charged:
    of a failed run the full budget, in its own mix of values and gradients (all values where it made none), and no
    fewer seconds than any run on the problem took; else what the run spent.
    """
    wanted = np.asarray(taus, dtype=np.float64)
    if wanted.ndim != 1 or not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise InvalidInputError(f"taus must be numbers > 0, such as TAUS, got {taus!r:.200}")
    runs = curves.runs
    f_0, f_ref, accuracy = (problem_fact(runs, problems, name)[:, None] for name in ("f_0", "f_ref", "accuracy"))
    targets = f_ref + wanted * (f_0 - f_ref)
    is_wanted = wanted >= accuracy * (1 - 1e-9)
    row = curves.first_at_or_below(np.where(np.isnan(targets), -np.inf, targets))[is_wanted]
    run, place = np.nonzero(is_wanted)
    is_reached, charged, columns = row >= 0, charged_counts(runs), {}
    for name in ("n_values", "n_gradients", "seconds"):
        at_row = getattr(curves, name)[np.maximum(row, 0)] if len(curves.error) else np.zeros(len(row))
        columns[name] = np.where(is_reached, at_row, charged[name][run])
    labels = runs[["problem", "dataset", "dim", "optimizer", "seed", "status"]].take(run).reset_index(drop=True)
    found = {"tau": wanted[place], "is_reached": is_reached, **columns, "budget": charged["budget"][run]}
    return labels.assign(**found)


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


def charged_counts(runs: pd.DataFrame) -> dict[str, Array]:
    """Return what a run that misses its target is charged: n_values, n_gradients, seconds; and its budget; (n,)."""
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
        "budget": full,
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
        spent = spent + prices(hits, problems, gradient_price) * numbers(hits["n_gradients"])
    if cost == "simplices":
        size = numbers(hits["dim"]) + 1.0
        spent, budget = spent / size, budget / size
    if cost == "seconds":
        spent = numbers(hits["seconds"])
        budget = _largest(spent, hits["problem"].to_numpy())
    return hits.assign(budget=budget, runtime=spent)


def prices(rows: pd.DataFrame, problems: pd.DataFrame, gradient_price: float | str) -> Array:
    """Return the passes of one backward pass for every one of ``rows`` (with problem and dim), see ``runtimes``."""
    if isinstance(gradient_price, str):
        if gradient_price not in PRICE_NAMES:
            raise unknown_name("gradient_price", gradient_price, PRICE_NAMES)
        if gradient_price == "dimension":
            return numbers(rows["dim"]) + 1.0
        return np.nan_to_num(problem_fact(rows, problems, "gradient_price"), nan=DEFAULT_PRICE)
    if not (math.isfinite(gradient_price) and gradient_price >= 0):
        raise InvalidInputError(
            f"gradient_price must be a number >= 0, 'measured' or 'dimension', got {gradient_price!r}"
        )
    return np.full(len(rows), float(gradient_price))


def ert_table(runtimes: pd.DataFrame) -> pd.DataFrame:
    """Return the expected runtime of every (problem, optimizer, tau): charged / n_reached, infinite where none did.

    Columns: problem, dataset, dim, optimizer, tau, n_runs, n_reached, ert, charged (cost over all runs), budget (of one
    run), all costs in the unit of ``runtime``. Problems, then optimizers in order of appearance, then taus descending.
    """
    group, first = _cells(runtimes, ("problem", "optimizer", "tau"))
    n_cells = len(first)
    n_reached = np.bincount(group, runtimes["is_reached"].to_numpy(dtype=np.float64), n_cells)
    charged = np.bincount(group, numbers(runtimes["runtime"]), n_cells)
    budget = np.zeros(n_cells)
    np.maximum.at(budget, group, numbers(runtimes["budget"]))
    labels = runtimes[["problem", "dataset", "dim", "optimizer", "tau"]].iloc[first].reset_index(drop=True)
    return labels.assign(
        n_runs=np.bincount(group, minlength=n_cells).astype(np.int64),
        n_reached=n_reached.astype(np.int64),
        ert=np.divide(charged, n_reached, out=np.full(n_cells, np.inf), where=n_reached > 0),
        charged=charged,
        budget=budget,
    )


def _cells(rows: pd.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (cell of every row, first row of every cell): cells by label in order of appearance, taus falling."""
    import pandas as pd

    cell = np.zeros(len(rows), dtype=np.int64)
    for name in by:
        column = -numbers(rows[name]) if name == "tau" else rows[name]
        code, known = pd.factorize(column, sort=name == "tau")
        cell = cell * max(1, len(known)) + code
    _, first, group = np.unique(cell, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)


def restarted(runtimes: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Return, for every row, the cost of restarting until the target is reached, beginning with that run; (rows,).

    A run that missed it is followed by runs drawn with replacement from those of the same problem, optimizer and tau,
    until one reached it: the costs add up. Infinite where none did.
    """
    group, first = _cells(runtimes, ("problem", "optimizer", "tau"))
    cost, is_reached = numbers(runtimes["runtime"]), runtimes["is_reached"].to_numpy(dtype=bool)
    order = np.argsort(group, kind="stable")
    n_runs = np.bincount(group, minlength=len(first))
    begin = np.cumsum(n_runs) - n_runs
    is_solved = np.bincount(group, is_reached, len(first)) > 0
    total = np.where(is_solved[group], cost, np.inf)
    waiting = np.flatnonzero(is_solved[group] & ~is_reached)
    while len(waiting):
        cell = group[waiting]
        drawn = order[begin[cell] + rng.integers(n_runs[cell])]
        total[waiting] += cost[drawn]
        waiting = waiting[~is_reached[drawn]]
    return total


def ecdf_table(
    runtimes: pd.DataFrame, rng: np.random.Generator, n_bootstrap: int = 1000, n_points: int = 80
) -> pd.DataFrame:
    """Return the share of (problem, tau) pairs that each optimizer solves within a cost, with simulated restarts.

    share(c) = mean over pairs of the share of ``restarted`` runtimes <= c, at ``n_points`` log-spaced costs, the same
    for all optimizers. low, high: the 95 % percentile interval over ``n_bootstrap`` resamples of the DATA SETS, each
    with all its problems; ``clusters.bootstrap_coverage`` says what it covers with so few (n_datasets).

    Columns: optimizer, cost, share, low, high, n_pairs, n_datasets; optimizers in order of appearance.
    """
    import pandas as pd

    total = restarted(runtimes, rng)
    group, first = _cells(runtimes, ("problem", "optimizer", "tau"))
    weight = 1.0 / np.bincount(group, minlength=len(first))[group]  # every pair counts once
    is_usable = np.isfinite(total) & (total > 0)
    if not len(runtimes):
        return pd.DataFrame(columns=["optimizer", "cost", "share", "low", "high", "n_pairs", "n_datasets"])
    low, high = (total[is_usable].min(), total[is_usable].max()) if is_usable.any() else (1.0, 1.0)
    grid = np.geomspace(low, high, n_points) if high > low else np.array([low])
    grid[0], grid[-1] = low, high
    within = np.searchsorted(grid, total)
    dataset, datasets = pd.factorize(runtimes["dataset"])
    parts = []
    for optimizer, rows in pd.Series(np.arange(len(runtimes))).groupby(runtimes["optimizer"].to_numpy(), sort=False):
        where = rows.to_numpy()
        cell = dataset[where] * (len(grid) + 1) + within[where]
        solved = np.bincount(cell, weight[where], len(datasets) * (len(grid) + 1)).reshape(len(datasets), -1)
        n_pairs = solved.sum(axis=1)
        is_here = n_pairs > 0
        curve = _resampled_shares(solved[is_here].cumsum(axis=1)[:, :-1], n_pairs[is_here], rng, n_bootstrap)
        counts = {"n_pairs": round(n_pairs.sum()), "n_datasets": int(is_here.sum())}
        parts.append(pd.DataFrame({"optimizer": optimizer, "cost": grid, **curve, **counts}))
    return pd.concat(parts, ignore_index=True)


def _resampled_shares(solved: Array, n_pairs: Array, rng: np.random.Generator, n_bootstrap: int) -> dict[str, Array]:
    """Return share, low, high (points,) of the pairs solved by data set (k, points), n_pairs (k,) in all of each."""
    counts = cluster_counts(len(n_pairs), n_bootstrap, rng)
    low, high = percentile_interval((counts @ solved) / (counts @ n_pairs)[:, None])
    return {"share": solved.sum(axis=0) / n_pairs.sum(), "low": low, "high": high}


def area_table(runtimes: pd.DataFrame, low: float = 1.0, high: float | None = None) -> pd.DataFrame:
    """Return what is left over the convergence curve: 0, every target reached at once; 1, none within the budget.

        area = mean over runs and taus of log(runtime / low) / log(high / low), clipped to [0, 1]; 1 where not reached

    Over taus that are equidistant in log tau (``DENSE_TAUS``) it is 1 minus the area over the curve of log error
    against log cost. low, high: the costs between which it is taken, in the unit of ``runtime``; high None: each
    problem's budget. Give a low of your own for "seconds".

    Columns: problem, dataset, optimizer, area.
    Source: Lopez-Ibanez & Stutzle 2014, EJOR 235, 569-582 (anytime behaviour as an area), in logarithms of the cost.
    """
    if not (math.isfinite(low) and low > 0):
        raise InvalidInputError(f"low must be a cost > 0, got {low!r}")
    end = numbers(runtimes["budget"]) if high is None else np.full(len(runtimes), float(high))
    if not (end > low).all():
        raise InvalidInputError(f"the area is taken from cost {low:g} to {end.min():g}: give a low < high")
    cost = np.maximum(numbers(runtimes["runtime"]), low)
    height = np.minimum(np.log(cost / low) / np.log(end / low), 1.0)
    height = np.where(runtimes["is_reached"].to_numpy(dtype=bool), height, 1.0)
    group, first = _cells(runtimes, ("problem", "optimizer"))
    area = np.bincount(group, height, len(first)) / np.bincount(group, minlength=len(first))
    return runtimes[["problem", "dataset", "optimizer"]].iloc[first].reset_index(drop=True).assign(area=area)
