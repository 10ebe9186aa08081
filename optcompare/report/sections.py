"""The sections of a report, in order: summary, lambda, convergence, and of a comparison runtimes, profiles, ranks and
every problem; then results, failures, environment. All that the templates show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..analysis.summaries import failure_table, numbers, status_table, with_columns
from .claims_plot import CLAIM_COLUMNS
from .comparison import EMPHASISED, Comparison, compare, implied_ratios
from .comparison_figures import convergence_figures, profile_figures, rank_figures, runtime_figures
from .comparison_tables import means_table, optimizers_table, problems_table, sources_table
from .comparison_text import comparison_sentences, conclusion
from .cost_axes import CostAxis, cost_axes
from .figures import FigureGroup, Panel, claims_group, convergence_group, extra_group, lambda_groups
from .plots_gaps import plot_implied_ratio
from .problem_details import HOW_TO_READ, problem_groups
from .sentences import claim_sentence, claims_sentence, run_sentence, short_coverage, verdict_of
from .style import DARK, LIGHT, MARKER_SHAPES, MOST_SERIES, OptimizerStyles, better_forms, figure_of, forms
from .tables import Table, final_results, plain_table
from .text import interval, label, number

if TYPE_CHECKING:
    import pandas as pd

    from .page import ReportContent

MOST_CLAIMS = 100
MOST_FAILURES = 200
MOST_FORMULAS = 40
MOST_FINAL = 2500  # rows of a comparison's final results


@dataclass(frozen=True)
class Section:
    """A part of the page: its id, its title, the figures in it, and a sentence in front of them."""

    key: str
    title: str
    groups: list[FigureGroup]
    text: str = ""


def page_context(content: ReportContent) -> dict[str, Any]:
    """Return everything the templates show; see the module's text."""
    frame = with_columns(content.frame, ["objective", "lam", "lam_canonical", "optimizer", "seed", "status", "message"])
    traces, claims = content.traces, with_columns(content.claims, CLAIM_COLUMNS)
    price = _gradient_price(frame)
    axes = cost_axes(price, content.problems, has_dim=_has_dim(frame))
    comparison = None
    if content.problems is not None and content.curves is not None:
        comparison = compare(content.curves, content.problems, axes)
    styles = _styles(frame, traces, comparison)
    sections = _sections(content, frame, traces, comparison, styles, axes, price)
    forest = claims_group(claims)
    extras = [extra_group(index, *extra) for index, extra in enumerate(content.extra_figures, 1)]
    details = list(problem_groups(comparison, styles)) if comparison else []
    drawn = [forest, *(group for section in sections for group in section.groups), *extras, *details]
    has_axes = comparison is not None or any(section.key == "cost" and section.groups for section in sections)
    return {
        "content": content,
        "styles": styles,
        "forms": forms(styles.labels),
        "is_compact": len(styles) + bool(styles.others) > MOST_SERIES,
        "shapes": MARKER_SHAPES,
        "palette": {"light": LIGHT, "dark": DARK},
        "axes": axes if has_axes else [],
        "default_classes": ("", axes[0].css_class),
        "finding": claims_sentence(claims) if len(claims) or comparison is None else conclusion(comparison),
        "further": _further(claims, comparison),
        "run_sentence": run_sentence(frame),
        "claims": _claim_rows(claims),
        "n_claims_left_out": max(0, len(claims) - MOST_CLAIMS),
        "formulas": [(label(name), label(formula, 600)) for name, formula in content.formulas[:MOST_FORMULAS]],
        "n_formulas_left_out": max(0, len(content.formulas) - MOST_FORMULAS),
        "forest": forest,
        "sections": sections,
        "extras": extras,
        "comparison": comparison,
        "problems": problems_table(comparison.problems) if comparison else None,
        "details": details,
        "how_to_read": HOW_TO_READ,
        "groups": [group for group in drawn if group is not None],
        "final": final_results(frame, styles, MOST_FINAL) if comparison else final_results(frame, styles),
        "failures": _failures(frame),
        "statuses": plain_table(status_table(frame), "Runs by status", 200),
        "options": optimizers_table(content.description, styles) if content.description.get("optimizers") else None,
        "sources": sources_table(content.description["sources"]) if content.description.get("sources") else None,
        "gradient_price": number(price),
    }


def _styles(frame: pd.DataFrame, traces: pd.DataFrame, comparison: Comparison | None) -> OptimizerStyles:
    """Return the styles; of a comparison with many optimizers the best ones are emphasised."""
    labels = [*frame["optimizer"], *traces.get("optimizer", [])]
    if comparison is None or len(set(map(str, labels))) <= MOST_SERIES:
        return OptimizerStyles(labels)
    return OptimizerStyles(labels, emphasis=better_forms(comparison.order)[:EMPHASISED])


def _sections(
    content: ReportContent, frame: pd.DataFrame, traces: pd.DataFrame, comparison: Comparison | None,
    styles: OptimizerStyles, axes: list[CostAxis], price: float,
) -> list[Section]:  # fmt: skip
    if comparison is None:
        convergence = convergence_group(traces, frame, styles, price, axes)
        return [
            Section("lambda", "What lambda does", list(lambda_groups(frame, styles)), ""),
            Section("cost", "Convergence over cost", [convergence] if convergence else []),
        ]
    return [
        Section("lambda", "What lambda does", *_lambda_part(frame, comparison, styles)),
        Section("cost", "Convergence over cost", list(convergence_figures(comparison, styles))),
        Section("runtimes", "Cost to targets", list(runtime_figures(comparison, styles))),
        Section("profiles", "Profiles", list(profile_figures(comparison, styles))),
        Section("ranks", "Ranks", list(rank_figures(comparison, styles))),
    ]


def _lambda_part(
    frame: pd.DataFrame, comparison: Comparison, styles: OptimizerStyles
) -> tuple[list[FigureGroup], str]:  # fmt: skip
    """Return the figures over lambda of objectives that have several, and the ratio of implied to nominal lambda."""
    lams = frame.groupby(frame["objective"].astype(str), sort=False)["lam_canonical"].nunique()
    several = lams[lams > 1].index
    groups = list(lambda_groups(frame[frame["objective"].astype(str).isin(several)], styles)) if len(several) else []
    ratios = implied_ratios(frame, comparison.problems)
    if len(ratios):
        means = ratios.drop_duplicates("optimizer").assign(n_datasets=ratios["dataset"].nunique())
        group = FigureGroup(
            "implied-ratio", "Implied over nominal lambda",
            "What L2 lambda an answer is the answer to, over the one that was asked for: ticks are problems (medians "
            "over seeds), the large mark is the median over data sets with its bootstrap interval. Near 1 the budget "
            "was enough for lambda to mean what it says; zero and negative readings lie in the strip.",
        )  # fmt: skip
        name = "Implied over nominal lambda by optimizer; the numbers follow in a table"
        figure = figure_of(plot_implied_ratio(ratios, styles=styles))
        group.panels.append(Panel("implied-ratio", name, figure, is_wide=True))
        caption = "Implied over nominal lambda: median over data sets with its interval"
        group.tables.append(("", means_table(means, caption, "implied / nominal", styles)))
        groups.insert(0, group)
    text = "" if len(several) else "Every objective has one lambda: there is nothing to draw over it."
    return groups, text


def _further(claims: pd.DataFrame, comparison: Comparison | None) -> list[str]:
    """Return the sentences below the finding: a comparison's, and of a study with claims the conclusion too."""
    if comparison is None:
        return []
    found = comparison_sentences(comparison)
    return [conclusion(comparison), *found] if len(claims) else found


def _has_dim(frame: pd.DataFrame) -> bool:
    return "dim" in frame and bool((numbers(frame["dim"]) > 0).any())


def _gradient_price(frame: pd.DataFrame) -> float:
    """Return the gradient price that the runs were charged; 2, the default budget's, where it is not one number."""
    if "gradient_price" not in frame:
        return 2.0
    known = {price for price in numbers(frame["gradient_price"]).tolist() if math.isfinite(price) and price >= 0}
    return known.pop() if len(known) == 1 else 2.0


def _claim_rows(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the claims as text."""
    return [_claim_row(rank, record) for rank, record in enumerate(claims.head(MOST_CLAIMS).to_dict("records"), 1)]


def _claim_row(rank: int, record: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "rank": rank,
        "statement": label(record["statement"], 400),
        "predicted": interval(record["low"], record["high"]),
        "measured": number(record["measured"]),
        "interval": interval(record["interval_low"], record["interval_high"]),
        "coverage": short_coverage(record),
        "control": interval(record["control_low"], record["control_high"]),
        "verdict": verdict_of(record),
        "reason": label(record["reason"], 300) if isinstance(record["reason"], str) else "",
        "sentence": claim_sentence(record),
    }


def _failures(frame: pd.DataFrame) -> Table:
    table = failure_table(frame)
    table["message"] = [label(message, 300) for message in table["message"]]
    return plain_table(table.rename(columns={"n_runs": "runs"}), "Failed runs, by cause", MOST_FAILURES)
