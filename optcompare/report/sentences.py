"""What was found, in plain sentences: as strong as the stored verdicts, never stronger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..analysis.summaries import FAILED_STATUSES, interval_coverage, interval_rank, is_failed, numbers, with_columns
from .text import MISSING, interval, label, number, plural

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = ("holds", "fails", "undecided")


def run_sentence(frame: pd.DataFrame) -> str:
    """Return how many runs there are, of what, and how many failed."""
    if not len(frame):
        return "There are no runs yet: nothing was measured."
    table = with_columns(frame, ["objective", "lam", "optimizer", "seed", "status"])
    lams = numbers(table["lam"])
    kinds = [
        plural(table["objective"].nunique(), "objective"),
        plural(len({lam for lam in lams if not math.isnan(lam)}), "lambda"),
        plural(table["optimizer"].nunique(), "optimizer"),
        plural(table["seed"].nunique(), "seed"),
    ]
    failed = is_failed(table)
    text = f"{plural(len(table), 'run')}: {', '.join(kinds)}."
    if not failed.any():
        return text + " No run failed."
    by_status = table.loc[failed, "status"].astype(str).value_counts()
    parts = [f"{by_status[status]} {status}" for status in FAILED_STATUSES if status in by_status]
    share = "Every run failed" if failed.all() else f"{int(failed.sum())} of them failed"
    return f"{text} {share} ({', '.join(parts)}); they stay in every table and count as unsolved."


def verdict_of(record: Mapping[Any, Any]) -> str:
    """Return the stored verdict; anything unknown is "undecided"."""
    return str(record["verdict"]) if record["verdict"] in VERDICTS else "undecided"


def claims_sentence(claims: pd.DataFrame) -> str:
    """Return how many claims hold, fail and are undecided."""
    if not len(claims):
        return "The study makes no claims, so the report concludes nothing; figures and tables describe the runs."
    counts = dict.fromkeys(VERDICTS, 0)
    for record in claims.to_dict("records"):
        counts[verdict_of(record)] += 1
    total = len(claims)
    if counts["undecided"] == total:
        return f"None of the {plural(total, 'claim')} is decided." if total > 1 else "The one claim is undecided."
    return (
        f"Of {plural(total, 'claim')}, fixed before the runs, {counts['holds']} "
        f"{'holds' if counts['holds'] == 1 else 'hold'}, {counts['fails']} "
        f"{'fails' if counts['fails'] == 1 else 'fail'} and {counts['undecided']} "
        f"{'is' if counts['undecided'] == 1 else 'are'} undecided."
    )


def claim_sentence(record: Mapping[Any, Any]) -> str:
    """Return one claim's finding: predicted, measured, control, and the reason where it does not hold."""
    verdict = verdict_of(record)
    start = {"holds": "Holds", "fails": "Fails", "undecided": "Undecided"}[verdict]
    statement = label(record["statement"], 300).rstrip(".")
    parts = [f"{start}: {statement}.", f"Predicted {interval(record['low'], record['high'])}"]
    if number(record["measured"]) == MISSING:
        parts[-1] += ", not measured."
    else:
        parts[-1] += f", measured {number(record['measured'])}{_measured_interval(record)}."
    control = interval(record["control_low"], record["control_high"])
    if control != MISSING:
        outside = ", which lies outside the prediction" if verdict == "holds" else ""
        parts.append(f"The control shows {control}{outside}.")
    reason = label(record["reason"], 300) if isinstance(record["reason"], str) else ""
    if verdict != "holds" and reason:
        parts.append(f"Reason: {reason.rstrip('.')}.")
    return " ".join(parts)


def _measured_interval(record: Mapping[Any, Any]) -> str:
    around = interval(record["interval_low"], record["interval_high"])
    if around == MISSING:
        return ""
    return f" ({coverage_text(record['n_seeds'])}{around})"


def coverage_text(n_seeds: object) -> str:
    """Return "97.9 % interval of the median over 10 seeds: "; nothing where the number of seeds is not known."""
    text = number(n_seeds)
    if not text.isdigit() or int(text) < 2:
        return "" if not text.isdigit() else "one seed: "
    n = int(text)
    return f"{100 * interval_coverage(n, interval_rank(n)):.1f} % interval of the median over {n} seeds: "


def short_coverage(record: Mapping[Any, Any]) -> str:
    """Return "97.9 %, 10 seeds" for a claim that has an interval, else ""."""
    if interval(record["interval_low"], record["interval_high"]) == MISSING:
        return ""
    return coverage_text(record["n_seeds"]).replace(" interval of the median over ", ", ").rstrip(": ")
