"""Performance, data and log-ratio profiles: how an optimizer's costs to target compare over a set of problems.

With t(p, a) the cost that optimizer a needs on problem p (infinite where it never reaches the target), d_p parameters:

    performance profile   share of problems with t(p, a) / min_b t(p, b) <= x       x >= 1, cost relative to the best
    data profile          share of problems with t(p, a) / (d_p + 1) <= x           x >= 0, in simplex gradients
    log-ratio profile     log2 t(p, a) / t(p, b), ascending                         < 0: a is cheaper

The share is of all problems in the table, those that nobody solves included: an optimizer that solves nothing stays at
0. Profiles are step functions: a row says what the share is from its x on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, InvalidInputError, unknown_name
from .clusters import LEVEL, N_BOOTSTRAP, cluster_counts, percentile_interval
from .ranks import ScoreMatrix, score_matrix
from .summaries import numbers

if TYPE_CHECKING:
    import pandas as pd

Measured = Callable[[ScoreMatrix, np.ndarray], np.ndarray]  # of costs and dimensions, the x of each problem
UNITS = ("passes", "simplices")
WEIGHTS = ("problem", "dataset")
PROFILE_COLUMNS = ("tau", "optimizer", "x", "share", "low", "high", "n_problems", "n_datasets")
RATIO_COLUMNS = ("tau", "problem", "dataset", "dim", "a", "b", "log_ratio", "position", "case")
CASES = ("both", "only a", "only b", "neither")


def performance_profile(
    table: pd.DataFrame,
    *,
    column: str = "ert",
    weight: str = "problem",
    rng: np.random.Generator | None = None,
    n_bootstrap: int = N_BOOTSTRAP,
) -> pd.DataFrame:
    """Return the performance profile of every optimizer and target: tau, optimizer, x, share, low, high.

    table: one row a problem, optimizer and target (tau), as an ERT table; ``column`` holds the costs: > 0, inf where
    the target was not reached. An optimizer that lacks a row on a problem has not solved it. Each profile begins at
    x = 1, has a row for each of its steps and ends at the largest finite ratio of any optimizer at that target.
    weight: "problem" counts problems (the definition); "dataset" gives every data set the same say. rng: with it, low
    and high are the 95 % percentile interval of the share over resampled data sets, else NaN. Also n_problems,
    n_datasets. Raises DataError for costs that are not > 0. Source: Dolan & More 2002, Math. Program. 91, 201-213.
    """
    _check(weight, WEIGHTS, "weight")

    def ratios(matrix: ScoreMatrix, _: np.ndarray) -> np.ndarray:
        best = matrix.scores.min(axis=1, keepdims=True)
        return np.divide(matrix.scores, best, out=np.full_like(matrix.scores, np.inf), where=np.isfinite(best))

    return _profiles(table, column, ratios, 1.0, weight, rng, n_bootstrap)


def data_profile(
    table: pd.DataFrame,
    *,
    column: str = "ert",
    unit: str = "passes",
    weight: str = "problem",
    rng: np.random.Generator | None = None,
    n_bootstrap: int = N_BOOTSTRAP,
) -> pd.DataFrame:
    """Return the data profile of every optimizer and target, as :func:`performance_profile` does, beginning at x = 0.

    unit: what ``column`` is counted in, "passes" (or evaluations), which are divided by d + 1 here, or "simplices",
    which already are. Source: More & Wild 2009, SIAM J. Optim. 20, 172-191, eq. (2.3).
    """
    _check(unit, UNITS, "unit")
    _check(weight, WEIGHTS, "weight")

    def costs(matrix: ScoreMatrix, dims: np.ndarray) -> np.ndarray:
        return matrix.scores / (dims[:, None] + 1.0) if unit == "passes" else matrix.scores

    return _profiles(table, column, costs, 0.0, weight, rng, n_bootstrap)


def log_ratio_profile(table: pd.DataFrame, a: str, b: str, *, column: str = "ert") -> pd.DataFrame:
    """Return log2(cost of a/cost of b) of every problem, ascending at each target: below 0 a is cheaper.

    Columns: tau, problem, dataset, dim, a, b, log_ratio, position (0, 1, ... in ascending order), case ("both", "only
    a": -inf, "only b": inf, "neither": NaN and position -1, counted but not ordered). A problem that a or b was not
    run on has not been solved by it. Source: Morales 2002, SIAM J. Optim. 12; OptiProfiler.
    """
    import pandas as pd

    if a == b:
        raise InvalidInputError(f"two optimizers are compared, got {a!r} twice")
    rows: list[list[Any]] = []
    for tau, part in _targets(table, column):
        matrix, problems, dims = _costs(part, column)
        for name in (a, b):
            if name not in matrix.optimizers:
                raise unknown_name("optimizer", name, matrix.optimizers)
        pair = matrix.scores[:, [matrix.optimizers.index(a), matrix.optimizers.index(b)]]
        solved = np.isfinite(pair)
        ratio = np.where(solved[:, 0], -np.inf, np.where(solved[:, 1], np.inf, np.nan))
        both = solved.all(axis=1)
        ratio[both] = np.log2(pair[both, 0]) - np.log2(pair[both, 1])
        cases = np.where(both, 0, np.where(solved[:, 0], 1, np.where(solved[:, 1], 2, 3)))
        for position, which in enumerate(np.argsort(ratio, kind="stable")):  # NaN comes last
            found = -1 if math.isnan(ratio[which]) else position
            rows.append([tau, problems[which], matrix.datasets[matrix.codes[which]], dims[which], a, b, ratio[which],
                         found, CASES[cases[which]]])  # fmt: skip
    return pd.DataFrame(rows, columns=list(RATIO_COLUMNS))


def _check(given: str, allowed: tuple[str, ...], what: str) -> None:
    if given not in allowed:
        raise unknown_name(what, given, allowed)


def _targets(table: pd.DataFrame, column: str) -> list[tuple[float, pd.DataFrame]]:
    """Return (tau, its rows), taus descending: easy targets first; NaN where the table has no targets."""
    if missing := [name for name in ("problem", "dataset", "dim", "optimizer", column) if name not in table.columns]:
        raise DataError(f"the table lacks {missing}; a profile needs problem, dataset, dim, optimizer and {column}")
    if not len(table):
        raise DataError("the table has no rows to make a profile of")
    if "tau" not in table.columns:
        return [(math.nan, table)]
    taus = numbers(table["tau"])
    return [(float(tau), table[taus == tau]) for tau in np.unique(taus)[::-1]]


def _costs(part: pd.DataFrame, column: str) -> tuple[ScoreMatrix, list[str], np.ndarray]:
    """Return the costs (problems, optimizers) with inf where there is none, the problems' labels and dimensions."""
    renamed = part[["problem", "dataset", "optimizer", column]].rename(columns={column: "score"})
    matrix = score_matrix(renamed)
    costs = np.where(np.isnan(matrix.scores), np.inf, matrix.scores)
    if not (costs > 0).all():
        raise DataError(f"{column} must be > 0, or inf where the target was not reached; got {costs.min():g}")
    firsts = part.drop_duplicates("problem")
    return matrix._replace(scores=costs), firsts["problem"].astype(str).tolist(), numbers(firsts["dim"])


def _profiles(
    table: pd.DataFrame, column: str, measure: Measured, start: float, weight: str, rng: np.random.Generator | None,
    n_bootstrap: int,
) -> pd.DataFrame:  # fmt: skip
    import pandas as pd

    parts = []
    for tau, part in _targets(table, column):
        matrix, _, dims = _costs(part, column)
        x = measure(matrix, dims)
        last = max(start, float(x[np.isfinite(x)].max(initial=start)))
        n = len(matrix.datasets)
        counts = None if rng is None else cluster_counts(n, n_bootstrap, rng)
        for index, name in enumerate(matrix.optimizers):
            own = x[:, index]
            steps = np.unique(np.r_[start, own[np.isfinite(own)], last])
            share, low, high = _shares(own[:, None] <= steps, matrix.codes, n, weight, counts)
            parts.append(pd.DataFrame({"tau": tau, "optimizer": name, "x": steps, "share": share, "low": low,
                                       "high": high, "n_problems": len(own), "n_datasets": n}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(PROFILE_COLUMNS)]


def _shares(
    is_solved: np.ndarray, codes: np.ndarray, n: int, weight: str, counts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the share solved at each step and the ends of its interval; is_solved: (problems, steps)."""
    sizes = np.bincount(codes, minlength=n).astype(np.float64)
    solved = np.zeros((n, is_solved.shape[1]))
    np.add.at(solved, codes, is_solved)
    if weight == "dataset":
        solved, sizes = solved / sizes[:, None], np.ones(n)
    share = solved.sum(axis=0) / sizes.sum()
    if counts is None:
        nothing = np.full(len(share), np.nan)
        return share, nothing, nothing
    low, high = percentile_interval(counts @ solved / (counts @ sizes)[:, None], LEVEL)
    return share, low, high
