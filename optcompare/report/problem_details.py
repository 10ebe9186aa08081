"""Every problem by itself: its facts, ERT over the target as a figure, and as a table on every cost axis."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison
from .comparison_tables import ert_over_targets
from .comparison_text import problem_sentence
from .figures import FigureGroup, Panel
from .plots_runtimes import plot_ert_over_target
from .style import OptimizerStyles, figure_of
from .text import label

MOST_PROBLEMS = 80
HOW_TO_READ = (
    "In the tables: expected runtime, below it runs that reached the target of all runs; where none did, the budget of "
    "a run. Optimizers in the order of their mean area. Tables follow the cost axis, figures show the first one."
)


def problem_groups(comparison: Comparison, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield a group a problem; one without targets has its facts alone."""
    parts = {
        found.axis.key: dict(iter(found.ert.groupby(found.ert["problem"].astype(str), sort=False)))
        for found in comparison.axes
    }
    default = comparison.default.axis
    for place, record in enumerate(comparison.problems.head(MOST_PROBLEMS).to_dict("records"), 1):
        problem = str(record["problem"])
        group = FigureGroup(f"problem-{place}", problem, problem_sentence(record))
        ert = parts[default.key].get(problem)
        if ert is not None:
            figure = figure_of(plot_ert_over_target(ert, ylabel=f"ERT in {default.unit}"[:40], styles=styles))
            name = f"ERT over the target, {label(problem)}; the numbers follow in a table"
            group.panels.append(Panel(f"problem-{place}", name, figure, has_png=False, is_detail=True))
        for found in comparison.axes:
            own = parts[found.axis.key].get(problem)
            if own is not None:
                caption = f"{label(problem)}: ERT, {found.axis.xlabel}"
                group.tables.append(
                    (found.axis.css_class, ert_over_targets(own, caption, styles, comparison.order))
                )  # fmt: skip
        yield group
