"""Figures of lambda as a currency: the exchange curve, the resolution's collapse, the budget as a lambda."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.summaries import numbers
from ..errors import unknown_name
from .labels import add_legend
from .plots import _curves, _note, _over_objectives, _series
from .scales import Scale
from .style import FONT, INK, MUTED, PAPER, SIZE, OptimizerStyles, dress, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DASH: Any = (0, (5, 3))
DOTS: Any = (0, (1, 2))
STRIP = "< path"
COST_LABEL = "cost in passes"
LEVEL = 0.9
FARTHEST = 1e5  # of regret/gap from 1: beyond, a point is drawn at the edge


def plot_exchange(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw :func:`~optcompare.analysis.exchange.exchange_curve`: the reference's lambda over the nominal one.

    Medians over seeds with exact intervals, and the line reference = nominal. Hollow: some seed lies beyond the path,
    or the path is coarse or turns. Below the path: in the strip; above it: a triangle at the upper edge.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    names = {name: str(table[name].iloc[0]) if len(table) else "" for name in ("reference", "matched_on")}
    rows = table.rename(columns={"exchanged": "median"})
    beyond = (rows["n_below"] + rows["n_above"] > 0) | rows["is_coarse"] | (rows["n_not_monotone"] > 0)
    rows = rows.assign(hollow=beyond)

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale, y_scale = _scales(part, "lam_canonical", panel)
        edges = [max(x_scale.low, y_scale.low), min(x_scale.high, y_scale.high)]
        if edges[0] < edges[1] and x_scale.is_log and y_scale.is_log:
            panel.plot(edges, edges, color=MUTED, linewidth=1.0, linestyle=DASH, zorder=1.5)
        _series(panel, part, x_scale, y_scale, chosen)
        _mark_above(panel, part, "lam_canonical", x_scale, chosen)
        _note(panel, "- - the same lambda\nhollow: some beyond the path,\nor the path turns or is coarse")

    ylabel = f"{names['reference']}'s lambda with the same {names['matched_on']}"
    return _over_objectives(rows, ax, draw, "nominal lambda", ylabel)


def plot_budget_as_lambda(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    lines: pd.DataFrame | None = None,
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw :func:`~optcompare.analysis.budget_lambda.budget_as_lambda`: matched lambda over cost, by norm and by loss.

    A panel per objective and matched scalar. lines: objective, label, cost, lam: predicted curves, dashed and
    dotted. Bands reach over the exact interval of the median; the strip holds what lies below the path.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    panels = table.assign(panel=[f"{o}: {m}-matched" for o, m in zip(table["objective"], table["matched_on"])])

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale, y_scale = _scales(part, "cost", panel)
        if lines is not None:
            _predicted(panel, lines[lines["objective"] == part["objective"].iloc[0]])
        _curves(panel, part, x_scale, y_scale, chosen)
        if lines is not None and len(lines):
            names = dict.fromkeys(map(str, lines["label"]))
            _note(panel, "\n".join(f"{mark} {name}" for mark, name in zip(cycle(("- -", "···")), names)), y=0.27)

    return _over_objectives(panels, ax, draw, COST_LABEL, "reference's lambda", by="panel")


def _predicted(panel: Axes, lines: pd.DataFrame) -> None:
    for (_, line), dash in zip(lines.groupby("label", sort=False), cycle((DASH, DOTS))):
        x, y = numbers(line["cost"]), numbers(line["lam"])
        panel.plot(x, y, color=INK, linewidth=1.0, linestyle=dash, zorder=2.2, scalex=False, scaley=False)


def _scales(part: pd.DataFrame, along: str, panel: Axes) -> tuple[Scale, Scale]:
    x_scale = Scale.of(part[along], kind="log")
    y_scale = replace(Scale.of(part[["median", "low", "high"]].to_numpy(dtype=float), kind="log"), strip_label=STRIP)
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    return x_scale, y_scale


def _mark_above(panel: Axes, part: pd.DataFrame, along: str, x_scale: Scale, styles: OptimizerStyles) -> None:
    """Draw a triangle at the upper edge where the median lies above the path."""
    for style in styles:
        rows = part[(part["optimizer"] == style.label) & np.isinf(numbers(part["median"]))]
        if len(rows):
            panel.plot(
                x_scale.place(rows[along]), np.full(len(rows), 0.985), transform=panel.get_xaxis_transform(),
                linestyle="none", marker="^", markersize=5, markerfacecolor=PAPER, markeredgecolor=style.colour,
                clip_on=False, gid=style.gid,
            )  # fmt: skip


def plot_resolution_collapse(
    table: pd.DataFrame, ax: Axes | None = None, *, x: str = "regret_over_gap", styles: OptimizerStyles | None = None
) -> Axes:
    """Draw :func:`~optcompare.analysis.resolution.resolution_curve`: the AUC of seeing lambda, a point per cell.

    Without ``ax`` two panels: over regret/gap and over the nominal lambda, so that one sees whether the first brings
    the points onto one curve. With ``ax`` one panel, over ``x``. The thick line is the median of the points in bins of
    half a decade, the thin ones the chance level 0.5 and the level 0.9 of the resolution. Regret/gap beyond
    1e-5 and 1e5 is drawn there.
    """
    if x not in table.columns:
        raise unknown_name("column of the table", x, [str(name) for name in table.columns])
    chosen = styles or OptimizerStyles(table["optimizer"])
    wanted = [(ax, x)] if ax is not None else []
    if ax is None:
        panels = new_panels(2, width=5.0, margins=(0.72, 1.6, 0.55, 0.42))
        wanted = list(zip(panels, ("regret_over_gap", "lam_canonical")))
    for panel, along in wanted:
        _cloud(panel, table, along, chosen)
    add_legend(wanted[-1][0], list(chosen), len(chosen.others))
    return wanted[0][0]


def _cloud(panel: Axes, table: pd.DataFrame, along: str, styles: OptimizerStyles) -> None:
    title, xlabel = {
        "regret_over_gap": ("Over regret / gap", "regret of ignoring lambda / optimizer's gap"),
        "lam_canonical": ("Over lambda", "nominal lambda"),
    }.get(along, ("", along))
    x, auc = numbers(table[along]), numbers(table["auc"])
    if along == "regret_over_gap":
        x = np.where(x > 0, np.clip(x, 1 / FARTHEST, FARTHEST), x)
    x_scale, y_scale = Scale.of(x, kind="log"), Scale(-0.03, 1.04, False)
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    for level in (0.5, LEVEL):
        panel.axhline(level, color=MUTED, linewidth=0.8, linestyle=DASH, zorder=1.2)
    for style in styles:
        of_arm = (table["optimizer"] == style.label).to_numpy()
        panel.plot(
            x_scale.place(x[of_arm]), auc[of_arm], linestyle="none", marker=style.marker, markersize=3.6,
            markerfacecolor=style.colour, markeredgecolor="none", alpha=0.55, zorder=2, gid=style.gid,
        )  # fmt: skip
    centres, middles = binned_medians(x, auc)
    panel.plot(centres, middles, color=INK, linewidth=2.0, zorder=3)
    panel.text(
        x_scale.low, LEVEL, " seen", va="bottom", ha="left", fontsize=SIZE - 2, color=MUTED, fontfamily=FONT,
        parse_math=False,
    )  # fmt: skip
    dress(panel, title=title, xlabel=xlabel, ylabel="AUC of the norm against lambda = 0")


def binned_medians(x: np.ndarray, y: np.ndarray, per_decade: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return the geometric centres of bins of 1/per_decade decade and the median of y in each that holds a point."""
    usable = np.isfinite(x) & (x > 0) & np.isfinite(y)
    place = np.floor(np.log10(x[usable]) * per_decade)
    bins = np.unique(place)
    middles = np.array([np.median(y[usable][place == found]) for found in bins])
    return 10.0 ** ((bins + 0.5) / per_decade), middles


def plot_resolution(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw :func:`~optcompare.analysis.resolution.lambda_resolution` over the budget, a panel per objective.

    Bands are bootstrap intervals over seeds. A triangle at the upper edge: not reached by the largest lambda tried.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    rows = table.rename(columns={"resolution": "median", "budget": "cost"})

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale = Scale.of(part["cost"], kind="log")
        y_scale = Scale.of(part[["smallest_tried", "largest_tried"]].to_numpy(dtype=float), kind="log")
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        _curves(panel, part, x_scale, y_scale, chosen)
        _mark_above(panel, part, "cost", x_scale, chosen)

    return _over_objectives(rows, ax, draw, "budget in passes", "smallest lambda that is seen")
