"""Who is better than whom: exact paired tests over data sets, and Friedman's ranks.

On a problem only the order of two scores counts, so that no unit and no infinite score can dominate. Of optimizers a
and b on a data set with m problems that both ran,

    advantage = (problems where a is better - problems where b is) / m          in [-1, 1],

and the data sets' advantages are one paired sample. Its exact sign-flip test gives each of the 2^n sign patterns of n
data sets the same probability, p = P(|sum of flipped advantages| >= |sum|), so no p is below 2^(1 - n): with 5 data
sets (0.0625) no pair can be significant, and with m pairs Holm's first step needs m 2^(1 - n) <= 0.05. Wilcoxon's test
over 24 problems of 5 data sets, taken as independent, finds a difference that is not there 25 % of the time where two
problems of a data set correlate by 0.5, and 34 % at 0.8.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, InvalidInputError, unknown_name
from .claims import SIGNIFICANCE, holm
from .summaries import numbers

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
SCORES = ("problem", "dataset", "optimizer", "score")
TESTS = ("sign_flip", "wilcoxon")
MOST_SUMS = 2**21  # distinct sums of flipped differences that are kept apart
ROUNDING = 1e-9
PAIR_COLUMNS = (
    "a", "b", "wins", "losses", "ties", "advantage", "n_datasets", "n_problems", "p", "p_holm", "least_p",
    "is_possible", "is_significant",
)  # fmt: skip
FRIEDMAN_COLUMNS = (
    "optimizer", "mean_rank", "n_datasets", "n_problems", "n_left_out", "statistic", "p", "critical_difference",
    "is_among_best",
)  # fmt: skip


class ScoreMatrix(NamedTuple):
    """Scores as an array: NaN where an optimizer was not run; codes[i] is the data set of problem i."""

    scores: np.ndarray  # (problems, optimizers)
    codes: np.ndarray  # (problems,)
    datasets: tuple[str, ...]
    optimizers: tuple[str, ...]


def scores_from(table: pd.DataFrame, column: str, tau: float | None = None) -> pd.DataFrame:
    """Return problem, dataset, optimizer, score of one tau of an ERT table, an area table or any like them.

    tau: which target's rows; None where the table has one or no targets. Less must be better.
    """
    wanted = [name for name in (*SCORES[:3], column) if name not in table.columns]
    if wanted:
        raise DataError(f"the table lacks {wanted}; it has {list(table.columns)}")
    if "tau" in table.columns:
        known = np.unique(numbers(table["tau"]))
        if tau is None and len(known) > 1:
            raise InvalidInputError(f"the table holds the targets {known.tolist()}: choose one as tau")
        if tau is not None:
            is_wanted = np.isclose(numbers(table["tau"]), tau, rtol=1e-9, atol=0.0)
            if not is_wanted.any():
                raise InvalidInputError(f"tau must be one of {known.tolist()}, got {tau!r}")
            table = table[is_wanted]
    return table[[*SCORES[:3], column]].rename(columns={column: "score"}).reset_index(drop=True)


def score_matrix(scores: pd.DataFrame) -> ScoreMatrix:
    """Return scores as an array (problems, optimizers), in order of appearance.

    scores: one row a (problem, dataset, optimizer, score); less is better, inf ties with inf as worst; NaN, like a row
    that is missing, means not run. Raises DataError for a pair given twice and a problem of two data sets.
    """
    import pandas as pd

    if missing := [name for name in SCORES if name not in scores.columns]:
        raise DataError(f"the table lacks {missing}; ranks need {list(SCORES)}")
    if not len(scores):
        raise DataError("the table of scores has no rows")
    problem, problems = pd.factorize(scores["problem"])
    optimizer, optimizers = pd.factorize(scores["optimizer"])
    dataset, datasets = pd.factorize(scores["dataset"])
    if min(problem.min(), optimizer.min(), dataset.min()) < 0:
        raise DataError("every row of scores needs a problem, a dataset and an optimizer")
    twice = pd.Series(problem * len(optimizers) + optimizer).duplicated().to_numpy()
    if twice.any():
        row = scores.iloc[int(np.flatnonzero(twice)[0])]
        raise DataError(f"two scores of {row['optimizer']!r} on {row['problem']!r}: give one a pair")
    codes = np.full(len(problems), -1)
    codes[problem] = dataset
    if (codes[problem] != dataset).any():
        row = scores.iloc[int(np.flatnonzero(codes[problem] != dataset)[0])]
        raise DataError(
            f"problem {row['problem']!r} has two data sets, {row['dataset']!r} is one: give each a label of its own"
        )
    array = np.full((len(problems), len(optimizers)), np.nan)
    array[problem, optimizer] = numbers(scores["score"])
    return ScoreMatrix(array, codes, tuple(map(str, datasets)), tuple(map(str, optimizers)))


def sign_flip_p(differences: np.ndarray) -> float:
    """Return the exact two-sided p of the sign-flip test: P(|sum s_i d_i| >= |sum d_i|), every s in {-1, 1}^n alike.

    The distribution is built sum by sum, equal sums together, so that shares of few problems stay exact at any n.
    Raises InvalidInputError where more than 2^21 different sums arise (21 differences without a common unit).
    Source: Fisher 1935, The Design of Experiments, section 21; Edgington & Onghena 2007, Randomization Tests.
    """
    given = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(given).all():
        raise InvalidInputError("differences must be finite")
    sizes = np.abs(given[given != 0])
    if not len(sizes):
        return 1.0
    unit = ROUNDING * float(sizes.sum())
    sums: Array = np.zeros(1)
    chances: Array = np.ones(1)
    for size in sizes:
        steps = np.concatenate([sums - size, sums + size])
        _, first, where = np.unique(np.round(steps / unit), return_index=True, return_inverse=True)
        if len(first) > MOST_SUMS:
            raise InvalidInputError(f"{len(sizes)} differences have too many sums for an exact test: use their ranks")
        sums, chances = steps[first], np.bincount(where, weights=np.tile(0.5 * chances, 2)).astype(np.float64)
    observed = abs(float(given.sum()))
    return min(1.0, float(chances[np.abs(sums) >= observed - 2 * unit * len(sizes)].sum()))


def signed_ranks(differences: np.ndarray) -> np.ndarray:
    """Return sign(d) times the rank of |d| among those that are not zero, ties at their mean (Wilcoxon 1945)."""
    from scipy.stats import rankdata

    given = np.asarray(differences, dtype=np.float64)
    ranks = np.zeros(len(given))
    nonzero = given != 0
    if nonzero.any():
        ranks[nonzero] = np.sign(given[nonzero]) * rankdata(np.round(np.abs(given[nonzero]), 12))
    return ranks


def pairwise_table(
    scores: pd.DataFrame, *, test: str = "sign_flip", against: str | None = None, level: float = SIGNIFICANCE
) -> pd.DataFrame:
    """Return one row a pair of optimizers: data sets won, lost and tied by ``a``, and the exact paired test over them.

    scores: problem, dataset, optimizer, score (less is better), see :func:`score_matrix`. A pair is compared on the
    problems that both were run on; a data set without one leaves the pair's sample. test: "sign_flip" of the
    advantages, or "wilcoxon", of their signed ranks (exact with ties; without ties it is scipy's exact test).
    against: only the pairs with this optimizer, as ``b``: fewer tests, so that fewer data sets suffice.

    Columns: a, b, wins, losses, ties (data sets), advantage (mean over data sets, > 0: a is better), n_datasets,
    n_problems, p, p_holm (over all rows), least_p = 2^(1 - n_datasets), is_possible (the numbers of data sets allow
    it to be significant at all: Holm's correction of least_p is <= level), is_significant (p_holm <= level).
    """
    import pandas as pd

    if test not in TESTS:
        raise unknown_name("paired test", test, TESTS)
    matrix = score_matrix(scores)
    if against is not None and against not in matrix.optimizers:
        raise unknown_name("optimizer to compare with", against, matrix.optimizers)
    names = matrix.optimizers
    pairs = list(combinations(range(len(names)), 2))
    if against is not None:
        fixed = names.index(against)
        pairs = [(other, fixed) for other in range(len(names)) if other != fixed]
    rows = []
    for i, j in pairs:
        advantages, n_problems = _advantages(matrix, i, j)
        p = sign_flip_p(advantages if test == "sign_flip" else signed_ranks(advantages))
        signs = [int((np.sign(advantages) == sign).sum()) for sign in (1, -1, 0)]
        n = len(advantages)
        mean = float(advantages.mean()) if n else math.nan
        rows.append([names[i], names[j], *signs, mean, n, n_problems, p, math.nan, min(1.0, 2.0 ** (1 - n))])
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS[:-2]))
    table["p_holm"] = holm(table["p"].to_numpy(dtype=np.float64))
    table["is_possible"] = holm(table["least_p"].to_numpy(dtype=np.float64)) <= level
    table["is_significant"] = table["p_holm"] <= level
    return table


def _advantages(matrix: ScoreMatrix, i: int, j: int) -> tuple[np.ndarray, int]:
    """Return (problems won - lost)/problems of optimizer i over j, one a data set with a common problem."""
    a, b = matrix.scores[:, i], matrix.scores[:, j]
    both = ~(np.isnan(a) | np.isnan(b))
    outcome = (a < b).astype(np.float64) - (a > b)
    n = len(matrix.datasets)
    counts = np.bincount(matrix.codes[both], minlength=n)
    balance = np.bincount(matrix.codes[both], weights=outcome[both], minlength=n)
    return balance[counts > 0] / counts[counts > 0], int(both.sum())


def mean_ranks(matrix: ScoreMatrix) -> np.ndarray:
    """Return (data sets, optimizers): ranks on each problem (1 is best, ties at their mean), averaged over problems.

    Only problems that every optimizer was run on count; a data set without one is left out.
    """
    from scipy.stats import rankdata

    complete = ~np.isnan(matrix.scores).any(axis=1)
    ranks = rankdata(matrix.scores[complete], axis=1) if complete.any() else np.empty((0, len(matrix.optimizers)))
    codes = matrix.codes[complete]
    return np.array([ranks[codes == code].mean(axis=0) for code in np.unique(codes)]).reshape(-1, ranks.shape[1])


def friedman_table(scores: pd.DataFrame, *, level: float = SIGNIFICANCE) -> pd.DataFrame:
    """Return Friedman's mean ranks over data sets, best first, with the test that all optimizers are alike.

    On each problem optimizers are ranked, ranks are averaged over a data set's problems and ranked again: the blocks of
    Friedman's test (scipy; chi-squared with k - 1 degrees of freedom, ties corrected; rough below 10 data sets). Two
    optimizers differ where their mean ranks are further apart than Nemenyi's

        critical_difference = q_(1 - level; k, inf) / sqrt(2) * sqrt(k (k + 1) / (6 n)),

    q of the studentized range, k optimizers, n data sets. is_among_best: not further than that from the best.
    Only problems that every optimizer was run on count; n_left_out says how many others there are. statistic and p are
    NaN with fewer than 3 optimizers or 2 data sets. Source: Friedman 1937; Nemenyi 1963; Demsar 2006, JMLR 7, 1-30.
    """
    import pandas as pd
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    matrix = score_matrix(scores)
    averages = mean_ranks(matrix)
    n, k = averages.shape
    n_problems = int((~np.isnan(matrix.scores).any(axis=1)).sum())
    blocks = rankdata(np.round(averages, 9), axis=1) if n else averages
    ranks = blocks.mean(axis=0) if n else np.full(k, np.nan)
    statistic = p = distance = math.nan
    if n >= 2 and k >= 3:
        is_alike = bool((blocks == blocks[:, :1]).all())
        statistic, p = (0.0, 1.0) if is_alike else map(float, friedmanchisquare(*blocks.T))
    if n >= 2 and k >= 2:
        quantile = float(studentized_range.ppf(1.0 - level, k, np.inf))
        distance = quantile / math.sqrt(2.0) * math.sqrt(k * (k + 1) / (6.0 * n))
    among = ranks <= np.nanmin(ranks) + distance if n else np.zeros(k, dtype=bool)
    rows = [[name, rank, n, n_problems, len(matrix.scores) - n_problems, statistic, p, distance, bool(best)]
            for name, rank, best in zip(matrix.optimizers, ranks, among)]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(FRIEDMAN_COLUMNS))
    return table.sort_values("mean_rank", kind="stable", ignore_index=True)
