"""The figures of a report: which panels, with what caption, and their numbers as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..analysis.convergence import convergence_table, with_regularized_error
from ..analysis.summaries import GROUP, grouped, implied_lambda_table, medians_over_seeds, numbers, with_columns
from .cost_axes import CostAxis
from .plots import COLUMN_LABELS, draw_convergence, plot_claims, plot_implied_lambda, plot_over_lambda, select_lambdas
from .style import OptimizerStyles, figure_of
from .tables import Table, plain_table, spread_table
from .text import label, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_OBJECTIVES = 6
MOST_CONVERGENCE = 6  # objectives x lambdas, each drawn for every cost
OVER_LAMBDA = ("norm", "loss", "test_error")
EXACT = "Points are medians over seeds, bars their exact order-statistic interval (see the table)."


@dataclass(frozen=True)
class Panel:
    """One drawn figure: the stem of its files, what a screen reader says, and its class in the page.

    has_png: written as PNG and PDF too, and shown in the Markdown twin. is_wide: scrolls sideways on a phone.
    is_detail: of a problem's details, which the page holds as one piece.
    """

    stem: str
    name: str
    figure: Figure
    css_class: str = ""
    has_png: bool = True
    is_wide: bool = False
    is_detail: bool = False


@dataclass(frozen=True)
class FigureGroup:
    """Panels under one title, with one caption and their numbers."""

    key: str
    title: str
    caption: str
    panels: list[Panel] = field(default_factory=list)
    tables: list[tuple[str, Table]] = field(default_factory=list)  # (class in the page, table)

    @property
    def is_single(self) -> bool:
        """Whether one panel is seen at a time: it takes the whole width."""
        classes = [panel.css_class for panel in self.panels]
        return len(set(classes)) == len(classes)


def claims_group(claims: pd.DataFrame) -> FigureGroup | None:
    """Return the forest plot of the claims; None without claims. The claims table holds its numbers."""
    if not len(claims):
        return None
    caption = (
        "Each claim in its own unit. The band is what was predicted, the dot and thick line are the median over seeds "
        "with its interval, the thin line below is the control's interval. A claim holds when the thick line lies "
        "inside the band and the thin line outside of it. Arrows: beyond the axis."
    )
    panel = Panel(
        "claims", "Forest plot of the claims; the claims table has its numbers", figure_of(plot_claims(claims))
    )
    return FigureGroup("claims", "Predicted and measured", caption, [panel])


def lambda_groups(frame: pd.DataFrame, styles: OptimizerStyles) -> Iterator[FigureGroup]:
    """Yield implied against nominal lambda, then norm, training loss and test error over lambda."""
    if not len(frame):
        return
    caption = (
        f"{EXACT} Dashed: implied = nominal. Hollow: at most half of the readings are identified as an L2 lambda. "
        "The strip holds readings that are zero or negative."
    )
    yield _lambda_group(
        frame, styles, "implied-lambda", "Implied against nominal lambda", caption,
        lambda part, ax: plot_implied_lambda(part, ax, styles=styles), implied_lambda_table(frame), _identified,
    )  # fmt: skip
    for column in OVER_LAMBDA:
        table = medians_over_seeds(frame, column)
        if column not in frame.columns or not table["n"].any():
            continue
        name = COLUMN_LABELS[column]
        yield _lambda_group(
            frame, styles, column.replace("_", "-"), f"{name[0].upper()}{name[1:]} over lambda",
            f"{EXACT} Hollow: some of the runs failed.",
            _over(column, styles), table, lambda record: f"{record['n_failed']} failed" if record["n_failed"] else "",
        )  # fmt: skip


def _over(column: str, styles: OptimizerStyles) -> Callable[[pd.DataFrame, Axes | None], Axes]:
    return lambda part, ax: plot_over_lambda(part, column, ax, styles=styles)


def _identified(record: Mapping[Any, Any]) -> str:
    return f"{record['n_identified']} of {record['n_runs']} identified"


def _lambda_group(
    frame: pd.DataFrame,
    styles: OptimizerStyles,
    key: str,
    title: str,
    caption: str,
    draw: Callable[[pd.DataFrame, Axes | None], Axes],
    table: pd.DataFrame,
    extra: Callable[[Mapping[Any, Any]], str],
) -> FigureGroup:
    objectives = list(dict.fromkeys(table["objective"]))
    labels = with_columns(frame, GROUP)["objective"].astype(str)
    group = FigureGroup(key, title, caption + _not_drawn(len(objectives), MOST_OBJECTIVES, "objective"))
    for index, objective in enumerate(objectives[:MOST_OBJECTIVES], 1):
        figure = figure_of(draw(frame[labels == objective], None))
        name = f"{title}, objective {label(objective)}; the numbers follow in a table"
        group.panels.append(Panel(f"{key}-{index}", name, figure))
        part = table[table["objective"] == objective]
        group.tables.append(
            ("", spread_table(part, "lam_canonical", f"{label(objective)}: by lambda", styles, extra=extra))
        )
    return group


def _not_drawn(total: int, most: int, noun: str) -> str:
    return (
        f" Drawn are the first {most} of {total} {noun}s; the table of final results has all." if total > most else ""
    )


def convergence_group(
    traces: pd.DataFrame,
    frame: pd.DataFrame,
    styles: OptimizerStyles,
    gradient_price: float,
    axes: Sequence[CostAxis],
) -> FigureGroup | None:
    """Return the error over each cost axis, a panel per objective and lambda (few of many); None without traces."""
    if not len(traces):
        return None
    table = with_regularized_error(traces, frame)
    cases, n_cases = _cases(table)
    group = FigureGroup("convergence", "Error over cost", _convergence_caption(gradient_price, len(cases), n_cases))
    rows_of = dict(grouped(table, ("objective", "lam")))
    runs = with_columns(frame, ["objective", "lam", "optimizer", "seed"])
    dims = with_columns(frame, ["dim"]).groupby(frame["objective"].astype(str))["dim"].max()
    for axis in axes:
        for index, (objective, lam) in enumerate(cases, 1):
            part = table.iloc[rows_of[objective, lam]]
            column = "regularized_error" if part["regularized_error"].notna().any() else "best_value"
            dim = float(numbers(dims.reindex([objective]))[0])
            if math.isnan(dim) and (axis.gradient_price == "dimension" or axis.cost == "simplices"):
                continue
            curves = convergence_table(
                part, cost="seconds" if axis.cost == "seconds" else "passes", column=column,
                gradient_price=axis.price(dim, math.nan), is_gap=True, runs=runs,
            )  # fmt: skip
            if not len(curves):
                continue
            if axis.cost == "simplices":
                curves["cost"] /= dim + 1.0
            figure = figure_of(draw_convergence(curves, "passes", column=column, xlabel=axis.xlabel, styles=styles))
            where = f"{label(objective)}" + ("" if math.isnan(lam) else f", lambda {number(lam)}")
            name = f"{COLUMN_LABELS[column]} minus best known, {axis.xlabel}, {where}; the numbers follow in a table"
            stem = f"convergence-{axis.key}-{index}"
            group.panels.append(Panel(stem, name, figure, axis.css_class, axis == axes[0]))
            caption = f"{where}: {COLUMN_LABELS[column]} minus best known, {axis.xlabel}"
            # the line that goes on longest has all the costs of the grid
            longest = curves["optimizer"] == curves.loc[curves["cost"].idxmax(), "optimizer"]
            places = numbers(curves.loc[longest, "cost"]).tolist()
            group.tables.append((axis.css_class, spread_table(curves, "cost", caption, styles, places=places)))
    return group


def _cases(table: pd.DataFrame) -> tuple[list[tuple[str, float]], int]:
    """Return which (objective, lambda) are drawn, and how many there are."""
    known = [key for key, _ in grouped(table, ("objective", "lam"))]
    by_objective: dict[str, list[float]] = {}
    for objective, lam in known:
        by_objective.setdefault(objective, []).append(lam)
    each = max(1, min(3, MOST_CONVERGENCE // max(1, len(by_objective))))
    cases = [
        (objective, lam)
        for objective, lams in by_objective.items()
        for lam in (select_lambdas(lams, each) if each > 1 else sorted(lams)[len(lams) // 2 :][:1])
    ]
    return cases[:MOST_CONVERGENCE], len(known)


def _convergence_caption(gradient_price: float, n_drawn: int, n_cases: int) -> str:
    text = (
        "Best so far, minus the best that any optimizer reached for the same objective, lambda and seed; lines are "
        "medians over seeds, bands reach from the first to the third quartile, and the strip at 0 is the best known. "
        "The error is the one at the nominal lambda, also for optimizers that were shown a bare error and decay in the "
        "update; where it cannot be rebuilt from the trace, it is the best value shown. "
        f"A pass is one value over the training items; a gradient is charged {number(gradient_price)} more. "
        "A run without a trace counts as never arriving."
    )
    if n_drawn < n_cases:
        text += f" Drawn are {n_drawn} of {n_cases} pairs of objective and lambda."
    return text


def extra_group(index: int, title: str, caption: str, figure: Figure, table: pd.DataFrame) -> FigureGroup:
    """Return a study's own figure."""
    name = f"{label(title, 200)}; the numbers follow in a table"
    tables = [("", plain_table(table, label(title), 200))] if table is not None and len(table) else []
    return FigureGroup(f"extra-{index}", title, caption, [Panel(f"extra-{index}", name, figure)], tables)
