"""Lambda resolution: from which lambda on an optimizer, at its budget, sees the penalty at all.

    AUC(lambda) = P(|w_lambda| < |w_0|) + 1/2 P(|w_lambda| = |w_0|)        over pairs of seeds, one of each kind

is 1/2 where the runs at lambda cannot be told from the runs at lambda = 0 by their norms, and 1 where all can. The
resolution is the smallest lambda from which it stays >= 0.9. Beside it stand

    regret(lambda) = J_lambda(w*_0) - J*_lambda      what it costs to ignore the penalty, from the reference's runs
    gap(lambda)    = J_lambda(w)    - J*_lambda      what the optimizer leaves on the table

Where the objective varies with the seed (another split), so does |w_0|, and the AUC sees less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DataError, InvalidInputError
from .convergence import trace_cost, with_regularized_error
from .summaries import grouped, is_failed, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

LEVEL, LEAST_SEEDS, N_BOOT = 0.9, 10, 1000
CELL = ("objective", "optimizer", "budget")
NEEDED = ("objective", "optimizer", "lam", "lam_canonical", "seed", "status", "norm", "loss", "penalty_value",
          "regularized_error", "budget")  # fmt: skip
CURVE_COLUMNS = (
    *CELL, "lam_canonical", "n_seeds", "auc", "auc_low", "auc_high", "regret", "gap", "regret_over_gap",
)  # fmt: skip
RESOLUTION_COLUMNS = (*CELL, "resolution", "low", "high", "n_seeds", "is_decided", "smallest_tried", "largest_tried")


class Tables(Protocol):
    """What a resolution needs of a study's Results."""

    def to_frame(self) -> pd.DataFrame:
        """One row a run."""

    def traces(self) -> pd.DataFrame:
        """The traces, long."""


def pairwise_smaller(norms: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """Return (n, m): 1 where norms[i] < bare[j], 1/2 where they are equal, else 0; its mean is the AUC."""
    return (norms[:, None] < bare[None, :]) + 0.5 * (norms[:, None] == bare[None, :])


def snapshots(results: Tables, budgets_per_dimension: Sequence[float]) -> pd.DataFrame:
    """Return the runs as they stood when b (d + 1) passes were spent, for each b: one row a run and budget.

    Columns: those of a run that a trace has (objective, lam, lam_canonical, optimizer, seed, status, norm, loss,
    regularized_error) and budget, in passes. An optimizer does not know its budget, so a shorter run is the beginning
    of a longer one. Runs without a trace by then are left out. A b that no run's budget reaches gives no row.
    """
    import pandas as pd

    if not len(budgets_per_dimension) or min(budgets_per_dimension) <= 0:
        raise InvalidInputError(f"budgets must be one or more numbers > 0, got {list(budgets_per_dimension)}")
    runs = results.to_frame()
    facts: Any = runs.drop_duplicates(["objective", "lam", "optimizer", "seed"])[
        ["objective", "lam", "optimizer", "seed", "lam_canonical", "status", "dim", "budget", "gradient_price"]
    ].rename(columns={"budget": "whole_budget"})
    traces = with_regularized_error(results.traces(), runs).merge(facts, on=["objective", "lam", "optimizer", "seed"])
    price = numbers(traces["gradient_price"])
    cost = trace_cost(traces, "evaluations") + price * numbers(traces["n_gradients"])
    usable = traces.assign(spent=cost)[np.isfinite(numbers(traces["norm"]))]
    parts = []
    for share in budgets_per_dimension:
        budget = share * (usable["dim"] + 1)
        fits = (usable["spent"] <= budget) & (budget <= usable["whole_budget"] * (1 + 1e-9))
        last = usable.assign(budget=budget)[fits].sort_values("spent", kind="stable")
        parts.append(last.groupby(["objective", "lam", "optimizer", "seed"], sort=False).tail(1))
    columns = ["objective", "lam", "lam_canonical", "optimizer", "seed", "status", "norm", "loss",
               "regularized_error", "budget"]  # fmt: skip
    return pd.concat(parts, ignore_index=True)[columns]


def seen_table(runs: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run at lambda > 0: whether its norm shows the penalty, and the medians of its cell.

    runs: rows of runs or of :func:`snapshots`. reference: runs of the reference arm on the same objectives, lambda = 0
    and every lambda included. Columns: objective, optimizer, budget, lam_canonical, seed, status, seen = the share of
    the cell's runs at lambda = 0 with a larger norm (their mean over seeds is the AUC), regret, gap (medians over
    seeds), regret_over_gap. A gap is not taken below the rounding of the error.
    """
    import pandas as pd

    table = _usable(runs)
    facts = _reference_facts(reference)
    parts = []
    for key, where in grouped(table, CELL):
        cell = table.iloc[where]
        norms, lams = numbers(cell["norm"]), numbers(cell["lam_canonical"])
        bare = norms[lams == 0]
        if not len(bare):
            continue
        for lam in np.unique(lams[lams > 0]):
            part = cell[lams == lam]
            seen = pairwise_smaller(numbers(part["norm"]), bare).mean(axis=1)
            regret, gap = _medians(part, facts, key[0], float(lam))
            parts.append(
                part[["objective", "optimizer", "budget", "lam_canonical", "seed", "status"]].assign(
                    seen=seen, regret=regret, gap=gap, regret_over_gap=_over(regret, gap)
                )
            )
    if not parts:
        raise DataError("no runs at lambda = 0 and at another lambda of the same arm: the AUC compares the two")
    return pd.concat(parts, ignore_index=True)


def resolution_curve(
    runs: pd.DataFrame, reference: pd.DataFrame, *, n_boot: int = N_BOOT, seed: int = 0
) -> pd.DataFrame:
    """Return the AUC, regret and gap per objective, optimizer, budget and canonical lambda > 0.

    runs, reference: as for :func:`seen_table`. Columns: objective, optimizer, budget, lam_canonical, n_seeds, auc,
    auc_low, auc_high (95 % bootstrap over seeds), regret, gap, regret_over_gap. A figure's table.
    """
    import pandas as pd

    table, facts, rows = _usable(runs), _reference_facts(reference), []
    for key, where in grouped(table, CELL):
        cell = table.iloc[where]
        lams, pairs, drawn = _bootstrapped(cell, n_boot, seed)
        for lam, matrix, auc in zip(lams, pairs, drawn, strict=True):
            regret, gap = _medians(cell[numbers(cell["lam_canonical"]) == lam], facts, key[0], float(lam))
            low, high = np.quantile(auc, [0.025, 0.975]) if len(auc) else (math.nan, math.nan)
            rows.append(
                [key[0], key[1], float(key[2]), lam, len(matrix), matrix.mean(), low, high, regret, gap,
                 _over(regret, gap)]
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def lambda_resolution(
    results: Tables | pd.DataFrame,
    arms: Sequence[str] | None = None,
    *,
    budgets_per_dimension: Sequence[float] | None = None,
    level: float = LEVEL,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the smallest canonical lambda from which the norm's AUC against lambda = 0 stays >= ``level``.

    results: a study's Results with lambda = 0 among its lambdas, or its table of runs. arms: labels, None for all.
    budgets_per_dimension: also at b (d + 1) passes, from the traces; None: at the study's budget. One row per
    objective, optimizer and budget (passes): resolution, low, high (95 % bootstrap over seeds), n_seeds, is_decided (10
    seeds or more), smallest_tried, largest_tried. A resolution at smallest_tried may be smaller; inf: not
    reached by largest_tried. All are lambdas of the grid: its step is the answer's own precision.

    Raises DataError where no arm has runs at lambda = 0, InvalidInputError for a level outside (0.5, 1].
    """
    import pandas as pd

    if not 0.5 < level <= 1.0:
        raise InvalidInputError(f"level must lie above 0.5 and be at most 1, got {level!r}")
    if isinstance(results, pd.DataFrame):
        runs = results
    else:
        runs = results.to_frame() if budgets_per_dimension is None else snapshots(results, budgets_per_dimension)
    table = _usable(runs if arms is None else runs[runs["optimizer"].isin(list(arms))])
    rows = []
    for key, where in grouped(table, CELL):
        lams, pairs, drawn = _bootstrapped(table.iloc[where], n_boot, seed)
        if not len(lams):
            continue
        found = _first_that_stays(np.array([matrix.mean() for matrix in pairs])[:, None] >= level, lams)[0]
        resampled = np.sort(_first_that_stays(np.stack(drawn) >= level, lams))
        low, high = resampled[int(0.025 * n_boot)], resampled[math.ceil(0.975 * n_boot) - 1]
        n = min(min(matrix.shape) for matrix in pairs)
        rows.append([key[0], key[1], float(key[2]), found, low, high, n, n >= LEAST_SEEDS, lams[0], lams[-1]])
    if not rows and len(runs):
        raise DataError("no arm has runs at lambda = 0 and at another lambda: put 0 into the study's lambdas")
    return pd.DataFrame(rows, columns=list(RESOLUTION_COLUMNS))


def _usable(runs: pd.DataFrame) -> pd.DataFrame:
    table = with_columns(runs, NEEDED)
    return table[~is_failed(table) & np.isfinite(numbers(table["norm"]))].reset_index(drop=True)


def _bootstrapped(cell: pd.DataFrame, n_boot: int, seed: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return the lambdas > 0, the pairs (n, m) of each and its AUC in n_boot resamples of the seeds."""
    if n_boot < 40:
        raise InvalidInputError(f"n_boot must be at least 40 for a 95 % interval, got {n_boot}")
    norms, lams = numbers(cell["norm"]), numbers(cell["lam_canonical"])
    seeds, codes = np.unique(cell["seed"].astype(str).to_numpy(), return_inverse=True)
    is_bare = lams == 0
    known = np.unique(lams[lams > 0]) if is_bare.any() else np.array([])
    draws = np.random.default_rng(seed).multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=n_boot)
    pairs, drawn = [], []
    for lam in known:
        matrix = pairwise_smaller(norms[lams == lam], norms[is_bare])
        left, right = draws[:, codes[lams == lam]], draws[:, codes[is_bare]]
        weight = left.sum(axis=1) * right.sum(axis=1)  # 0 where a resample has none of the seeds that did not fail
        total = np.einsum("bi,ij,bj->b", left, matrix, right)
        pairs.append(matrix)
        drawn.append(np.where(weight > 0, total / np.maximum(weight, 1), 0.5))
    return known, pairs, drawn


def _first_that_stays(is_seen: np.ndarray, lams: np.ndarray) -> np.ndarray:
    """Return for each column the smallest lambda from which is_seen (lambdas, columns) stays true, or inf."""
    stays = np.logical_and.accumulate(is_seen[::-1], axis=0)[::-1]
    return np.where(stays.any(axis=0), lams[stays.argmax(axis=0)], np.inf)


def _reference_facts(reference: pd.DataFrame) -> dict[tuple[str, str, float], tuple[float, float]]:
    """Return (objective, seed, lambda) -> (J*_lambda, regret of w*_0 there), from the reference's stored runs."""
    table = _usable(reference)
    columns = {name: numbers(table[name]) for name in ("norm", "loss", "penalty_value", "regularized_error")}
    facts = {}
    for (objective, seed), where in grouped(table, ("objective", "seed")):
        lams = numbers(table["lam_canonical"])[where]
        bare = where[lams == 0]
        if not len(bare):
            continue
        loss, square = columns["loss"][bare[0]], columns["norm"][bare[0]] ** 2
        for row, lam in zip(where, lams, strict=True):
            best = float(columns["regularized_error"][row])
            factor = columns["penalty_value"][row] / columns["norm"][row] ** 2 if lam > 0 else 0.0
            facts[objective, seed, float(lam)] = best, float(loss + factor * square - best)
    return facts


def _medians(
    rows: pd.DataFrame, facts: dict[tuple[str, str, float], tuple[float, float]], objective: str, lam: float
) -> tuple[float, float]:
    """Return the medians over seeds of regret and gap; NaN where the reference has no such runs."""
    found = [(facts.get((objective, str(seed), lam)), error)
             for seed, error in zip(rows["seed"], numbers(rows["regularized_error"]), strict=True)]  # fmt: skip
    pairs = [(fact[1], max(error - fact[0], np.finfo(float).eps * abs(fact[0]))) for fact, error in found if fact]
    if not pairs:
        return math.nan, math.nan
    regret, gap = np.median(np.array(pairs), axis=0)
    return float(regret), float(gap)


def _over(regret: float, gap: float) -> float:
    return regret / gap if gap > 0 else math.nan
