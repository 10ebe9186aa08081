"""What a comparison found, in plain sentences: no conclusion where the statistics allow none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.ranks import pairwise_table, scores_from
from ..analysis.summaries import numbers
from .comparison import LEAST_DATASETS, Comparison
from .text import label, number, plural

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 8
SCORE = "the area over the convergence curve"


def comparison_sentences(comparison: Comparison) -> list[str]:
    """Return the findings, the first one the most general; the last says what the intervals are worth."""
    found = [_scope(comparison)]
    if comparison.n_datasets < LEAST_DATASETS:
        found.append(_too_few(comparison))
    else:
        found += [*_all_pairs(comparison), _ranks(comparison.default.ranks), *_forms(comparison.form_pairs)]
        found.append(_best_by_axis(comparison))
    found.append(comparison.coverage.sentence())
    return [sentence for sentence in found if sentence]


def conclusion(comparison: Comparison) -> str:
    """Return the one sentence that stands on top of the page."""
    if comparison.n_datasets < LEAST_DATASETS:
        return (
            f"With {plural(comparison.n_datasets, 'data set')} nothing can be concluded about optimizers in general: "
            f"it takes {LEAST_DATASETS} at least for any difference to be significant."
        )
    pairs = comparison.pairs
    n = int(pairs["is_significant"].sum())
    if not len(pairs):
        return "There is one optimizer: nothing to compare it with."
    if not pairs["is_possible"].any():
        return (
            f"No two optimizers can be told apart: with {plural(len(pairs), 'pair')} and "
            f"{plural(comparison.n_datasets, 'data set')} no difference can be significant after Holm's correction."
        )
    if not n:
        return (
            f"No two of the {plural(len(comparison.order), 'optimizer')} differ significantly over "
            f"{plural(comparison.n_datasets, 'data set')}."
        )
    unbeaten = _unbeaten(pairs, comparison.order)
    verb = "is" if n == 1 else "are"
    return (
        f'With the cost axis "{comparison.default.axis.label}", {n} of {plural(len(pairs), "pair")} of optimizers '
        f"{verb} told apart over {plural(comparison.n_datasets, 'data set')}. Not significantly worse than any other: "
        f"{_listed(unbeaten)}."
    )


def _scope(comparison: Comparison) -> str:
    problems, runs = comparison.problems, comparison.curves.runs
    n_datasets = problems["dataset"].nunique()
    text = (
        f"{plural(len(problems), 'problem')} from {plural(n_datasets, 'data set')}, "
        f"{plural(len(comparison.order), 'optimizer')}, {plural(len(runs), 'run')}. "
        "An error f is measured as tau = (f - f_ref)/(f_0 - f_ref): 1 is the best constant predictor, 0 the best known."
    )
    generated = int(problems["is_generated"].astype(bool).sum())
    if generated:
        text += f" {plural(generated, 'problem')} of generated data."
    no_gap = int((~problems["is_gap"].astype(bool)).sum())
    if no_gap:
        text += (
            f" On {plural(no_gap, 'problem')} (neither smooth nor convex) f_ref is the best known value and no gap to "
            "the minimum is claimed."
        )
    without = len(problems) - comparison.default.areas["problem"].nunique()
    if without:
        text += f" {plural(without, 'problem')} without a target that f_ref supports: left out of every comparison."
    return text


def _too_few(comparison: Comparison) -> str:
    return (
        f"The exact paired test over {plural(comparison.n_datasets, 'data set')} has no p below "
        f"{number(2.0 ** (1 - comparison.n_datasets))}: figures and tables describe these problems and nothing beyond."
    )


def _all_pairs(comparison: Comparison) -> list[str]:
    """Say how many pairs differ; where too many pairs allow none, compare with one optimizer, named before the runs."""
    pairs = comparison.pairs
    if not len(pairs):
        return []
    if pairs["is_possible"].any():
        n = int(pairs["is_significant"].sum())
        return [
            f"Scores are {SCORE} on the default cost axis, the data set is the unit, tests are exact "
            f"{comparison.test_name} tests of paired advantages, Holm-corrected over {plural(len(pairs), 'pair')}: {n} "
            "significant at 5 %."
        ]
    control = str(comparison.curves.runs["optimizer"].iloc[0])
    against = pairwise_table(scores_from(comparison.default.areas, "area"), against=control, test=comparison.test)
    least = math.ceil(1 - math.log2(0.05 / len(pairs)))
    text = (
        f"Comparing all pairs ({len(pairs)}) would take {least} data sets. Against {label(control)} alone, the "
        f"study's first optimizer, {plural(len(against), 'pair')} are tested: "
    )
    if not against["is_possible"].any():
        return [text + "too many for so few data sets, too."]
    better = against[against["is_significant"] & (numbers(against["advantage"]) > 0)]["a"].tolist()
    worse = against[against["is_significant"] & (numbers(against["advantage"]) < 0)]["a"].tolist()
    return [text + f"significantly better {_listed(better)}; significantly worse {_listed(worse)}."]


def _ranks(ranks: pd.DataFrame) -> str:
    """Say what Friedman's test found, and who is not told apart from the best mean rank."""
    if not len(ranks) or not math.isfinite(float(ranks["p"].iloc[0])):
        return ""
    p, n = float(ranks["p"].iloc[0]), int(ranks["n_datasets"].iloc[0])
    text = f"Friedman's test over {plural(n, 'data set')}: p = {number(p, 2)}"
    if p > 0.05:
        return f"{text}; mean ranks do not tell optimizers apart."
    among = ranks.loc[ranks["is_among_best"].astype(bool), "optimizer"].astype(str).tolist()
    distance = number(ranks["critical_difference"].iloc[0], 3)
    return (
        f"{text}. Within the critical difference ({distance}) of the best mean rank: {_listed(among)}; "
        "who is not among them ranks significantly worse than the best."
    )


def _best_by_axis(comparison: Comparison) -> str:
    """Say who has the best mean rank on each cost axis, and how many are not told apart from it."""
    parts = []
    for found in comparison.axes:
        ranks = found.ranks
        if len(ranks) and math.isfinite(float(ranks["mean_rank"].iloc[0])):
            others = int(ranks["is_among_best"].astype(bool).sum()) - 1
            parts.append(f"{found.axis.label}: {label(ranks['optimizer'].iloc[0])} ({others} not told apart from it)")
    return f"Best mean rank by cost axis: {'; '.join(parts)}." if len(parts) > 1 else ""


def _forms(pairs: pd.DataFrame) -> list[str]:
    """Say for which optimizers tuning made a difference."""
    if not len(pairs):
        return []
    n = len(pairs)
    if not pairs["is_possible"].any():
        return [f"Tuned against default: {plural(n, 'pair')}, too many for so few data sets to tell any apart."]
    found = pairs[pairs["is_significant"].astype(bool)]
    helped = found[numbers(found["advantage"]) > 0]["a"].astype(str).tolist()
    hurt = found[numbers(found["advantage"]) < 0]["a"].astype(str).tolist()
    return [
        f"Tuned against default ({plural(n, 'pair')}, Holm-corrected among themselves): significantly better "
        f"{_listed(helped)}; significantly worse {_listed(hurt)}; the others are not told apart."
    ]


def _unbeaten(pairs: pd.DataFrame, order: Sequence[str]) -> list[str]:
    """Return the optimizers that are significantly worse than none, in the given order."""
    beaten = set()
    for record in pairs[pairs["is_significant"].astype(bool)].to_dict("records"):
        beaten.add(str(record["b"] if record["advantage"] > 0 else record["a"]))
    return [name for name in order if name not in beaten]


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "none"
    text = ", ".join(label(name, 40) for name in names[:MOST_NAMED])
    return text + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def problem_sentence(record: Mapping[Any, Any]) -> str:
    """Return a problem's facts: size, kind, scale, who found f_ref, to what accuracy."""
    kinds = (
        ("is_convex", "convex", "not convex"), ("is_smooth", "smooth", "not smooth"), ("is_noisy", "noisy", ""),
        ("has_gradient", "", "no gradient"), ("is_generated", "generated data", ""),
    )  # fmt: skip
    kind = [yes if record[name] else no for name, yes, no in kinds]
    accuracy = float(record["accuracy"])
    supported = (
        "no target: nothing supports f_ref" if math.isinf(accuracy) or math.isnan(accuracy)
        else f"targets down to tau = {number(max(accuracy, 1e-16), 2)}"
    )  # fmt: skip
    price = number(record["gradient_price"], 3)
    parts = [
        f"{label(record['dataset'])}, d = {number(record['dim'])}, n = {number(record['n_samples'])}",
        ", ".join(word for word in kind if word),
        f"f_0 = {number(record['f_0'], 6)}",
        f"f_ref = {number(record['f_ref'], 10)} found by {label(record['finder'])}"
        + ("" if record["is_gap"] else " (best known, no gap claimed)"),
        supported,
        f"a gradient takes {price} passes on top of its value" if np.isfinite(float(record["gradient_price"])) else "",
    ]
    return "; ".join(part for part in parts if part) + "."
