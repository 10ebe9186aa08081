"""Claims: predictions with a control, fixed before the run, and their verdicts.

A claim holds when the interval of its measure lies inside the predicted [low, high] AND the same measure, taken where
the theory predicts something else (the control), lies outside. It fails when its interval lies outside. Anything else
is undecided, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from .summaries import median_interval

if TYPE_CHECKING:
    import pandas as pd

Select = Callable[["pd.DataFrame"], "pd.DataFrame"]
Measure = Callable[["pd.DataFrame"], float]
TableMaker = Callable[[Any], "pd.DataFrame"]  # of the study's Results

LEAST_SEEDS = 6  # below, no order-statistic interval of the median reaches 95 %
LARGEST_FAILED_SHARE = 0.1
SIGNIFICANCE = 0.05
FAILURES = ("DIVERGED", "TIMEOUT", "CRASHED", "FAILED", "SKIPPED")


@dataclass(frozen=True)
class Claim:
    """``measure`` of the rows of one seed lies in [low, high]; over seeds, its median's interval is judged.

    rows: which rows of ``results.to_frame()`` are measured. control: the rows of an arm where the theory predicts
    another value, measured the same way. ordering: the measure is a paired difference that is claimed to be positive;
    its sign test is Holm-corrected over the study's orderings. No control is an error: such a claim could not fail.
    table: a function of the Results whose table, with seed and status among its columns, is measured instead (of
    traces, of lambdas read off the reference path); it solves nothing.
    """

    statement: str
    measure: Measure
    low: float
    high: float
    rows: Select
    control: Select
    ordering: bool = False
    table: TableMaker | None = None

    def __post_init__(self) -> None:
        if not self.statement.strip():
            raise InvalidInputError("a claim needs a statement")
        for what in ("measure", "rows", "control"):
            if not callable(getattr(self, what)):
                raise InvalidInputError(
                    f"claim {self.statement!r}: {what} must be a function, got {getattr(self, what)!r}"
                )
        if math.isnan(self.low) or math.isnan(self.high) or not self.low < self.high:
            raise InvalidInputError(
                f"claim {self.statement!r}: the prediction needs low < high, got [{self.low}, {self.high}]"
            )
        if math.isinf(self.low) and math.isinf(self.high):
            raise InvalidInputError(f"claim {self.statement!r}: [-inf, inf] cannot fail")


@dataclass(frozen=True)
class _Sample:
    """A measure's values over seeds, with what makes them unusable."""

    values: np.ndarray
    trouble: str

    @property
    def interval(self) -> tuple[float, float, float]:
        """Median, low and high."""
        if not len(self.values) or not np.isfinite(self.values).all():
            return math.nan, math.nan, math.nan
        return median_interval(self.values)


def _measured(claim: Claim, select: Select, frame: pd.DataFrame, seeds: Sequence[int]) -> _Sample:
    rows = select(frame)
    if rows.empty:
        return _Sample(np.array([]), "no rows")
    share = float(rows["status"].isin(FAILURES).mean())
    values = []
    for seed in seeds:
        of_seed = rows[rows["seed"] == seed]
        values.append(float(claim.measure(of_seed)) if len(of_seed) else math.nan)
    found = np.array(values)
    trouble = ""
    if share > LARGEST_FAILED_SHARE:
        trouble = f"{share:.0%} of the runs failed"
    elif not np.isfinite(found).all():
        trouble = f"{int((~np.isfinite(found)).sum())} of {len(found)} seeds gave no finite number"
    return _Sample(found, trouble)


def _judge(
    claim: Claim, main: _Sample, control: _Sample, n_seeds: int, holm_ok: bool, is_final: bool
) -> tuple[str, str]:
    """Return verdict and reason."""
    if not is_final:
        return "undecided", "a shortened run decides nothing"
    if n_seeds < LEAST_SEEDS:
        return "undecided", f"{n_seeds} seeds are too few: {LEAST_SEEDS} at least"
    if main.trouble:
        return "undecided", main.trouble
    _, low, high = main.interval
    if low > claim.high or high < claim.low:
        return "fails", "the interval lies outside the prediction"
    if low < claim.low or high > claim.high:
        return "undecided", "the interval reaches over the prediction's edge"
    if claim.ordering and not holm_ok:
        return "undecided", "the order is not significant after Holm's correction over the study"
    if control.trouble:
        return "undecided", f"control: {control.trouble}"
    _, control_low, control_high = control.interval
    if control_low <= claim.high and control_high >= claim.low:
        return "undecided", "the control agrees with the prediction as well: the measure does not discriminate"
    return "holds", ""


def sign_test(differences: np.ndarray) -> float:
    """Return the exact two-sided p-value of the sign test, zeros left out (1.0 if nothing is left)."""
    from scipy.stats import binomtest

    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0
    return float(binomtest(int((nonzero > 0).sum()), len(nonzero)).pvalue)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return Holm's adjusted p-values. Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    steps = p[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def judge_claims(
    claims: Sequence[Claim],
    frame: pd.DataFrame,
    seeds: Sequence[int],
    *,
    is_final: bool = True,
    tables: Mapping[TableMaker, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Return the claims table: one row a claim, in order.

    frame: the table of runs; ``tables`` holds, by claim.table, what the claims that name one measure instead.

    Columns: statement, low, high, measured (median over seeds), interval_low, interval_high, control_low,
    control_high, verdict ("holds", "fails", "undecided"), reason, n_seeds. ``is_final=False`` (a shortened run)
    decides nothing.
    """
    import pandas as pd

    samples = []
    for claim in claims:
        table_of_claim = frame if claim.table is None else (tables or {})[claim.table]
        samples.append(
            (
                _measured(claim, claim.rows, table_of_claim, seeds),
                _measured(claim, claim.control, table_of_claim, seeds),
            )
        )
    orderings = [index for index, claim in enumerate(claims) if claim.ordering]
    p_values = [sign_test(samples[index][0].values) for index in orderings]
    is_significant = dict(zip(orderings, holm(p_values) < SIGNIFICANCE)) if orderings else {}
    table = []
    for index, (claim, (main, control)) in enumerate(zip(claims, samples)):
        verdict, reason = _judge(claim, main, control, len(seeds), bool(is_significant.get(index, True)), is_final)
        measured, low, high = main.interval
        _, control_low, control_high = control.interval
        table.append(
            {
                "statement": claim.statement,
                "low": claim.low,
                "high": claim.high,
                "measured": measured,
                "interval_low": low,
                "interval_high": high,
                "control_low": control_low,
                "control_high": control_high,
                "verdict": verdict,
                "reason": reason,
                "n_seeds": len(seeds),
            }
        )
    columns = [
        "statement", "low", "high", "measured", "interval_low", "interval_high",
        "control_low", "control_high", "verdict", "reason", "n_seeds",
    ]  # fmt: skip
    return pd.DataFrame(table, columns=columns)
