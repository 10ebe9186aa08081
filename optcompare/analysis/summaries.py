"""Medians over seeds, with exact intervals, and tables of what failed: functions of the table of runs.

The interval of a median from n values is that of the order statistics x_(k) .. x_(n+1-k), whatever the distribution:

    P(x_(k) <= median <= x_(n+1-k)) >= 1 - 2 P(Binomial(n, 1/2) <= k - 1),

with the largest k that still covers 95 %. Ten seeds: second to ninth, 97.9 %. Six: smallest to largest, 96.9 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

# A run that ended so has not solved its problem, whatever numbers it left behind.
FAILED_STATUSES = ("FAILED", "CRASHED", "TIMEOUT", "DIVERGED", "SKIPPED")
GROUP = ("objective", "lam_canonical", "optimizer")
# Of these, less is better, so a failed run without a number counts as the worst one: else crashing pays.
LESS_IS_BETTER = ("best_value", "regularized_error", "loss", "test_loss", "test_error")
FINAL_COLUMNS = ("regularized_error", "loss", "test_error", "norm", "implied_lambda", "cost", "seconds")


class MedianInterval(NamedTuple):
    """A median and the order statistics around it."""

    median: float
    low: float
    high: float


def interval_coverage(n: int, rank: int) -> float:
    """Return 1 - 2 P(Binomial(n, 1/2) <= rank - 1): what x_(rank) .. x_(n+1-rank) covers."""
    return max(0.0, 1.0 - 2 * sum(math.comb(n, i) for i in range(rank)) / 2**n)  # integers: n may be large


def interval_rank(n: int, coverage: float = 0.95) -> int:
    """Return the largest k for which x_(k) .. x_(n+1-k) covers the median, or 1 where none reaches ``coverage``."""
    if not 0.0 < coverage < 1.0:
        raise InvalidInputError(f"coverage must lie between 0 and 1, got {coverage!r}")
    rank, tail = 1, 1  # tail = sum of C(n, i) for i < rank
    for i in range(1, n // 2):
        tail += math.comb(n, i)
        if 1.0 - 2 * tail / 2**n < coverage:
            break
        rank = i + 1
    return rank


def median_interval(values: Iterable[float], coverage: float = 0.95) -> MedianInterval:
    """Return the median and its exact interval; see the module's text.

    NaN is left out, infinities are ordered. Where even smallest to largest does not reach ``coverage`` (fewer than six
    values), that is the interval, and :func:`interval_coverage` says what it covers. No value: NaN.
    """
    given = np.asarray(list(values), dtype=np.float64)
    ordered = np.sort(given[~np.isnan(given)])
    rank = interval_rank(len(ordered), coverage)
    if not len(ordered):
        return MedianInterval(math.nan, math.nan, math.nan)
    return MedianInterval(_middle(ordered), float(ordered[rank - 1]), float(ordered[-rank]))


def _middle(ordered: np.ndarray) -> float:
    lower, upper = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    if lower == upper or math.isinf(upper):  # inf - inf has no middle: half of the values are not better
        return upper
    return lower + 0.5 * (upper - lower)


def with_columns(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the frame with at least ``columns``; those that it lacks are NaN."""
    missing = [name for name in columns if name not in frame.columns]
    return frame.reindex(columns=[*frame.columns, *missing]) if missing else frame


def numbers(column: pd.Series[Any]) -> np.ndarray:
    """Return a column as float64; what is not a number (None, text) is NaN."""
    import pandas as pd

    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def is_failed(frame: pd.DataFrame) -> np.ndarray:
    """Return a mask (runs,) of the runs that failed, crashed, diverged, were skipped or ran out of time."""
    return with_columns(frame, ["status"])["status"].astype(str).isin(FAILED_STATUSES).to_numpy()


def medians_over_seeds(frame: pd.DataFrame, column: str, by: Sequence[str] = GROUP) -> pd.DataFrame:
    """Return one row a group: ``by``, n_runs, n_failed, n (runs with a number), median, low, high, coverage.

    frame: one row a run. A failed run without a number counts as +inf where less is better (see LESS_IS_BETTER) and
    is left out elsewhere; so are readings that are NaN. Groups keep the order of the frame, lambdas ascend.
    """
    import pandas as pd

    rows = []
    table = with_columns(frame, [*by, column])
    values, failed = numbers(table[column]), is_failed(table)
    if column in LESS_IS_BETTER:
        values = np.where(failed & np.isnan(values), np.inf, values)
    for key, where in grouped(table, by):
        n = int((~np.isnan(values[where])).sum())
        coverage = interval_coverage(n, interval_rank(n)) if n else 0.0
        rows.append([*key, len(where), int(failed[where].sum()), n, *median_interval(values[where]), coverage])
    names = [*by, "n_runs", "n_failed", "n", "median", "low", "high", "coverage"]
    return pd.DataFrame(rows, columns=names)


def _number_key(value: float) -> float:
    return math.nan if math.isnan(value) else float(value)


def grouped(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[Any, ...], np.ndarray]]:
    """Return (key, row positions) of every group: labels as text, in order of appearance, and lambdas ascending."""
    import pandas as pd

    if not len(table):
        return []
    codes, names = [], []
    for name in by:
        is_number = name in ("lam", "lam_canonical")
        column = numbers(table[name]) if is_number else table[name].to_numpy(dtype=object)
        code, known = pd.factorize(column, sort=is_number, use_na_sentinel=False)
        codes.append(code)
        # one and the same NaN object, so that keys with it are found again
        names.append([_number_key(value) if is_number else str(value) for value in known])
    order = np.lexsort(codes[::-1])  # stable: rows of a group keep their order
    ordered = np.stack([code[order] for code in codes])
    starts = np.flatnonzero(np.r_[True, (np.diff(ordered, axis=1) != 0).any(axis=0)])
    parts = np.split(order, starts[1:])
    return [(tuple(name[code[part[0]]] for name, code in zip(names, codes, strict=True)), part) for part in parts]


def implied_lambda_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return medians_over_seeds of implied_lambda and n_identified, the readings that mean an L2 lambda."""
    table = medians_over_seeds(frame, "implied_lambda")
    rows = with_columns(frame, [*GROUP, "is_identified"])
    identified = numbers(rows["is_identified"].astype(object)) > 0
    table["n_identified"] = [int(identified[where].sum()) for _, where in grouped(rows, GROUP)]
    return table


def final_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per objective, canonical lambda and optimizer.

    Columns: n_runs, n_failed, n_identified, and of each final measurement the median over seeds with its interval, as
    ``loss``, ``loss_low``, ``loss_high`` and so on.
    """
    table = implied_lambda_table(frame)
    final = table[[*GROUP, "n_runs", "n_failed", "n_identified"]].copy()
    for column in FINAL_COLUMNS:
        medians = table if column == "implied_lambda" else medians_over_seeds(frame, column)
        final[column], final[f"{column}_low"] = medians["median"], medians["low"]
        final[f"{column}_high"] = medians["high"]
    return final


def failure_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the failed runs, those with the same objective, optimizer, status and message in one row.

    Columns: objective, optimizer, status, message, n_runs, lambdas (text), seeds (text).
    """
    import pandas as pd

    by = ["objective", "optimizer", "status", "message"]
    failed = with_columns(frame, [*by, "lam", "seed"])[is_failed(frame)]
    failed = failed.assign(message=failed["message"].astype(object).where(failed["message"].notna(), ""))
    rows = []
    for key, where in grouped(failed, by):
        part = failed.iloc[where]
        rows.append([*key, len(part), _listed(numbers(part["lam"])), _listed(numbers(part["seed"]))])
    return pd.DataFrame(rows, columns=[*by, "n_runs", "lambdas", "seeds"])


def _listed(values: np.ndarray, most: int = 12) -> str:
    known = [f"{value:g}" for value in np.unique(values[~np.isnan(values)])]
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def status_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the number of runs per optimizer (rows) and status (columns that occur)."""
    import pandas as pd

    rows = with_columns(frame, ["optimizer", "status"])
    counts: dict[str, dict[str, int]] = {}
    for optimizer, status in zip(rows["optimizer"].astype(str), rows["status"].astype(str), strict=True):
        row = counts.setdefault(optimizer, {})
        row[status] = row.get(status, 0) + 1
    statuses = sorted({status for row in counts.values() for status in row})
    table = [[optimizer, *(row.get(status, 0) for status in statuses)] for optimizer, row in counts.items()]
    return pd.DataFrame(table, columns=["optimizer", *statuses])
