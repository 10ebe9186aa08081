"""One function a figure: (table, ax=None) -> ax. Analysis makes the numbers, a plot draws them.

Without ``ax`` a table with several objectives becomes small multiples, one panel each, and the first panel is returned:
``ax.figure`` holds them all. With ``ax`` the table must hold one objective. Nothing global is touched: no pyplot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.convergence import convergence_table
from ..analysis.summaries import grouped, implied_lambda_table, medians_over_seeds
from ..errors import InvalidInputError
from .claims_plot import plot_claims
from .labels import LineEnd, label_lines
from .scales import Scale
from .style import FAINT, FONT, MUTED, PAPER, SIZE, OptimizerStyles, SeriesStyle, dress, new_panels
from .text import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_convergence", "plot_claims", "plot_convergence", "plot_implied_lambda", "plot_over_lambda"]

MOST_PANELS = 12
COST_LABELS = {
    "passes": "cost in passes (values + {price} × gradients)",
    "evaluations": "evaluations (gradients free)",
    "seconds": "seconds",
}
COLUMN_LABELS = {
    "norm": "norm of the weights",
    "loss": "training loss",
    "test_error": "test error",
    "test_loss": "test loss",
    "best_value": "best value",
    "regularized_error": "error",
    "gap": "share of the gap f_0 - f_ref left",
}
LOGARITHMIC = ("gap",)


def plot_implied_lambda(frame: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw implied against nominal canonical lambda, both logarithmic, with the line implied = nominal.

    frame: one row a run. Medians over seeds with their exact interval; hollow where at most half of the readings are
    identified; readings <= 0 lie in a strip of their own.
    """
    table = implied_lambda_table(frame)
    styles = styles or OptimizerStyles(table["optimizer"])
    is_hollow = 2 * table["n_identified"] <= table["n"]

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale = Scale.of(part["lam_canonical"], kind="log")
        y_scale = Scale.of(part[["median", "low", "high"]].to_numpy(), kind="log")
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        edges = [max(x_scale.low, y_scale.low), min(x_scale.high, y_scale.high)]
        if edges[0] < edges[1] and x_scale.is_log == y_scale.is_log:
            panel.plot(edges, edges, color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1.5)
        _series(panel, part.assign(hollow=is_hollow), x_scale, y_scale, styles)
        _note(panel, "- - implied = nominal\nhollow: not identified")

    return _over_objectives(table, ax, draw, "nominal lambda", "implied lambda")


def plot_over_lambda(
    frame: pd.DataFrame, column: str, ax: Axes | None = None, *, styles: OptimizerStyles | None = None
) -> Axes:
    """Draw a final measurement (norm, loss, test_error ...) over the canonical lambda: medians with exact intervals.

    frame: one row a run. Hollow where a run failed. A column that the frame lacks is an error.
    """
    if column not in frame.columns and len(frame):
        raise InvalidInputError(f"the table of runs has no column {column!r}; it has {sorted(map(str, frame.columns))}")
    table = medians_over_seeds(frame, column)
    styles = styles or OptimizerStyles(table["optimizer"])

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale = Scale.of(part["lam_canonical"], kind="log")
        y_scale = Scale.of(part[["median", "low", "high"]].to_numpy())
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        _series(panel, part.assign(hollow=part["n_failed"] > 0), x_scale, y_scale, styles)

    return _over_objectives(table, ax, draw, "nominal lambda", COLUMN_LABELS.get(column, column.replace("_", " ")))


def plot_convergence(
    traces: pd.DataFrame,
    cost: str = "passes",
    ax: Axes | None = None,
    *,
    column: str = "best_value",
    gradient_price: float = 2.0,
    is_gap: bool = True,
    runs: pd.DataFrame | None = None,
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw the best value so far over the cost: median and quartile band over seeds, a panel per objective and lambda.

    cost: "passes" (a gradient costs ``gradient_price`` on top of its value), "evaluations" or "seconds". ``is_gap``
    draws the distance to the best value that any optimizer reached for the same seed; 0 lies in a strip of its own.
    ``runs`` counts the runs without a trace as never arriving.
    """
    table = convergence_table(traces, cost=cost, column=column, gradient_price=gradient_price, is_gap=is_gap, runs=runs)
    return draw_convergence(table, cost, ax, column=column, gradient_price=gradient_price, is_gap=is_gap, styles=styles)


def draw_convergence(
    table: pd.DataFrame,
    cost: str,
    ax: Axes | None = None,
    *,
    column: str = "best_value",
    gradient_price: float = 2.0,
    is_gap: bool = True,
    xlabel: str = "",
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw a table of :func:`~optcompare.analysis.convergence.convergence_table`; see :func:`plot_convergence`.

    xlabel: of the cost axis, where ``cost`` and ``gradient_price`` do not say it all.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    titles = np.empty(len(table), dtype=object)
    for (objective, lam), where in grouped(table, ("objective", "lam")):
        titles[where] = objective if math.isnan(lam) else f"{objective}, lambda {number(lam)}"
    panels = table.assign(panel=titles)

    def draw(part: pd.DataFrame, panel: Axes) -> None:
        x_scale = Scale.of(part["cost"], kind="log")
        heights = part[["median", "low", "high"]].to_numpy(dtype=float)
        y_scale = Scale.of(heights, kind="log" if is_gap or column in LOGARITHMIC else "auto")
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        _curves(panel, part, x_scale, y_scale, chosen)

    name = COLUMN_LABELS.get(column, column.replace("_", " "))
    xlabel = xlabel or COST_LABELS[cost].format(price=number(gradient_price))
    return _over_objectives(panels, ax, draw, xlabel, f"{name} minus best known" if is_gap else name, by="panel")


def _over_objectives(
    table: pd.DataFrame,
    ax: Axes | None,
    draw: Callable[[pd.DataFrame, Axes], None],
    xlabel: str,
    ylabel: str,
    by: str = "objective",
) -> Axes:
    """Draw one panel for each objective that the table holds, or "no runs"."""
    names = list(dict.fromkeys(table[by]))
    if ax is not None and len(names) > 1:
        raise InvalidInputError(
            f"one axes holds one panel, the table has {len(names)} ({', '.join(map(str, names[:5]))} ...): "
            "leave ax out for small multiples, or select the rows of one"
        )
    panels = [ax] if ax is not None else new_panels(min(max(1, len(names)), MOST_PANELS))
    for panel, name in zip(panels, names, strict=False):
        draw(table[table[by] == name], panel)
        dress(panel, title=name, xlabel=xlabel, ylabel=ylabel)
    if not names:
        dress(panels[0], xlabel=xlabel, ylabel=ylabel)
        panels[0].set_xticks([])
        panels[0].set_yticks([])
        _say(panels[0], "no runs to draw")
    if len(names) > MOST_PANELS:
        _note(panels[-1], f"{len(names) - MOST_PANELS} further panels are not drawn", y=-0.2)
    return panels[0]


def _series(panel: Axes, part: pd.DataFrame, x_scale: Scale, y_scale: Scale, styles: OptimizerStyles) -> None:
    """Draw medians with intervals, joined by a line, each optimizer moved aside a little."""
    _band_of_others(panel, part, "lam_canonical", x_scale, y_scale, styles)
    present = [style for style in styles if (part["optimizer"] == style.label).any()]
    n_places = max(2, part["lam_canonical"].nunique())
    ends = []
    for place, style in enumerate(present):
        rows = part[part["optimizer"] == style.label]
        aside = (place - (len(present) - 1) / 2) * min(0.012, 0.4 / n_places / len(present))
        x = x_scale.shift(x_scale.place(rows["lam_canonical"]), aside)
        y, low, high = (y_scale.place(rows[name]) for name in ("median", "low", "high"))
        shown = np.isfinite(x) & np.isfinite(y)
        if not shown.any():
            continue
        x, y, hollow = x[shown], y[shown], rows["hollow"].to_numpy(dtype=bool)[shown]
        low, high = (np.clip(edge[shown], y_scale.low, y_scale.high) for edge in (low, high))
        bars = panel.vlines(x, low, high, color=style.colour, linewidth=1.1, alpha=0.75, zorder=2)
        bars.set_gid(style.gid)
        panel.plot(x, y, color=style.colour, linewidth=1.2, linestyle=style.dash, zorder=2.5, gid=style.gid)
        for is_hollow in (False, True):
            _markers(panel, x[hollow == is_hollow], y[hollow == is_hollow], style, is_hollow=is_hollow)
        ends.append(LineEnd(style, float(x[-1]), float(y[-1])))
    if not ends:
        _say(panel, "no finite number to draw")
    label_lines(panel, ends, x_scale, y_scale, styles)


def _markers(panel: Axes, x: np.ndarray, y: np.ndarray, style: SeriesStyle, *, is_hollow: bool = False) -> None:
    if len(x):
        face = PAPER if is_hollow else style.colour
        panel.plot(
            x, y, linestyle="none", marker=style.marker, markersize=5, markerfacecolor=face,
            markeredgecolor=style.colour, markeredgewidth=1.1, zorder=3, clip_on=False, gid=style.gid,
        )  # fmt: skip


def _curves(panel: Axes, part: pd.DataFrame, x_scale: Scale, y_scale: Scale, styles: OptimizerStyles) -> None:
    """Draw a line (median) in a band (quartiles) for each optimizer, with a marker where it ends."""
    _band_of_others(panel, part, "cost", x_scale, y_scale, styles)
    ends = []
    for style in styles:
        rows = part[part["optimizer"] == style.label]
        x, y = x_scale.place(rows["cost"]), y_scale.place(rows["median"])
        low, high = y_scale.place(rows["low"]), y_scale.place(rows["high"])
        shown = np.isfinite(x) & np.isfinite(low)
        top = np.where(np.isinf(high), y_scale.high, high)  # a quarter of the runs has no value yet: open upwards
        if int(shown.sum()) > 1 and not style.is_faint:
            band = panel.fill_between(x[shown], low[shown], top[shown], color=style.colour, alpha=0.13, linewidth=0)
            band.set_gid(style.gid)
        shown &= np.isfinite(y)
        if not shown.any():
            continue
        ends.append(LineEnd(style, float(x[shown][-1]), float(y[shown][-1])))
        if style.is_faint:
            panel.plot(
                x[shown], y[shown], color=style.colour, linewidth=0.8, linestyle=style.dash, gid=style.gid, alpha=FAINT
            )
            continue
        panel.plot(x[shown], y[shown], color=style.colour, linewidth=1.4, linestyle=style.dash, gid=style.gid)
        marks = np.unique([*np.flatnonzero(shown)[:: max(1, int(shown.sum()) // 4)][1:], np.flatnonzero(shown)[-1]])
        _markers(panel, x[marks], y[marks], style, is_hollow=style.is_hollow)
    if not ends:
        _say(panel, "no finite number to draw")
    label_lines(panel, ends, x_scale, y_scale, styles)


def _band_of_others(
    panel: Axes, part: pd.DataFrame, along: str, x_scale: Scale, y_scale: Scale, styles: OptimizerStyles
) -> None:
    """Sum up the optimizers without a style of their own: the range of their medians."""
    others = part[part["optimizer"].isin(styles.others) & np.isfinite(part["median"].astype(float))]
    if not len(others):
        return
    span = others.groupby(along)["median"].agg(["min", "max"]).sort_index()
    x = x_scale.place(span.index.to_numpy(dtype=float))
    band = panel.fill_between(x, y_scale.place(span["min"]), y_scale.place(span["max"]), color=MUTED, alpha=0.25, lw=0)
    band.set_gid("series-others")


def _note(panel: Axes, text: str, y: float = 0.97) -> None:
    panel.text(
        0.025, y, text, transform=panel.transAxes, va="top", fontsize=SIZE - 2, color=MUTED, parse_math=False,
        linespacing=1.35, fontfamily=FONT,
    )  # fmt: skip


def _say(panel: Axes, text: str) -> None:
    panel.text(
        0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", fontsize=SIZE, color=MUTED,
        parse_math=False, fontfamily=FONT,
    )  # fmt: skip


def select_lambdas(lams: Sequence[float], most: int = 3) -> list[float]:
    """Return at most ``most`` of the lambdas: the ends and evenly spaced ones between."""
    known = sorted({lam for lam in lams if not math.isnan(lam)})
    if len(known) <= most:
        return known or ([math.nan] if len(lams) else [])
    picked = {round(position) for position in np.linspace(0, len(known) - 1, most)}
    return [known[position] for position in sorted(picked)]
