"""Figures of what is left of the gap: at fixed budgets, and over the whole convergence curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analysis.summaries import numbers
from .labels import CHARACTERS, short_name
from .lines import WIDE_CHARACTERS, draw_lines, say, wide_panel
from .scales import Scale
from .style import FONT, GRID, INK, MUTED, PAPER, SIZE, OptimizerStyles, dress, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_fixed_budget(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str = "budget in multiples of d + 1",
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw what is left of the gap after a budget: optimizer, budget, median, low, high.

    gap = (f - f_ref)/(f_0 - f_ref), medians over data sets; a gap of zero lies in the strip at 0, no value at all in
    the strip on top. Bands of the emphasised: intervals over data sets.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    panel = ax if ax is not None else wide_panel(len(chosen))
    x_scale = Scale.of(table["budget"], kind="log")
    last = table.groupby("optimizer", sort=False)["median"].last().sort_values(kind="stable")
    banded = [str(name) for name in last.index if str(name) in chosen.emphasis][:3]
    lows = numbers(table.loc[table["optimizer"].isin(banded), "low"])
    y_scale = Scale.of(np.append(numbers(table["median"]), lows), kind="log", never="no value")
    draw_lines(
        panel, table, x_scale, y_scale, chosen, x="budget", y="median", band=("low", "high"), mark_every=True,
        characters=WIDE_CHARACTERS if ax is None else CHARACTERS, banded=banded,
    )  # fmt: skip
    return dress(panel, xlabel=xlabel, ylabel="share of the gap f_0 - f_ref that is left")


def plot_areas(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw the area over the convergence curve, a row an optimizer: optimizer, dataset, area, value, low, high.

    0: every target reached at once; 1: none reached. Small marks are data sets, the large one with its bar the mean
    over them and its interval; least on top.
    """
    xlabel = "area over the convergence curve (0: all targets at once, 1: none)"
    ordered = table.sort_values("value", kind="stable")
    return draw_rows(ordered, ax, "area", Scale(-0.02, 1.02, False), xlabel, styles)


def draw_rows(
    table: pd.DataFrame, ax: Axes | None, spots: str, scale: Scale, xlabel: str, styles: OptimizerStyles | None
) -> Axes:
    """Draw a row an optimizer, in the table's order: its marker at value, a bar from low to high, a tick a row of
    ``spots``.
    """
    summary = table.drop_duplicates("optimizer")
    names = [str(name) for name in summary["optimizer"]]
    chosen = styles or OptimizerStyles(names)
    height = max(2.6, 1.15 + 0.19 * len(names))
    panel = ax if ax is not None else new_panels(1, width=7.4, height=height, margins=(2.2, 0.4, 0.6, 0.35))[0]
    scale.apply(panel, "x")
    panel.set_ylim(max(1, len(names)) - 0.4, -0.6)
    owner = table["optimizer"].astype(str).to_numpy()
    for index, record in enumerate(summary.to_dict("records")):
        name = names[index]
        gid = chosen.css_class(name)
        colour = chosen[name].colour if name in chosen.drawn else MUTED
        _ticks(panel, scale.place(table.loc[owner == name, spots]), index, colour, gid)
        bar = np.clip(scale.place([record["low"], record["high"]]), scale.low, scale.high)
        panel.plot(bar, [index, index], color=colour, linewidth=1.6, gid=gid, zorder=2.5, solid_capstyle="butt")
        row_marker(panel, float(scale.place([record["value"]])[0]), index, name, chosen)
        row_name(panel, index, name, gid)
    panel.set_yticks([])
    dress(panel, xlabel=xlabel)
    panel.grid(False)
    panel.grid(True, axis="x", color=GRID, linewidth=0.7)
    panel.spines["left"].set_visible(False)
    if not names:
        say(panel, "no runs to draw")
    return panel


def _ticks(panel: Axes, places: np.ndarray, y: float, colour: str, gid: str) -> None:
    """Draw a small vertical line at every place, all as one path: a page holds many."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x = np.sort(places[np.isfinite(places)])
    if not len(x):
        return
    corners = np.column_stack([np.repeat(x, 2), np.tile([y - 0.22, y + 0.22], len(x))])
    codes = [Path.MOVETO, Path.LINETO] * len(x)
    patch = PathPatch(Path(corners, codes), facecolor="none", edgecolor=colour, linewidth=1.0, alpha=0.45, zorder=2)
    patch.set_gid(gid)
    panel.add_patch(patch)


def row_marker(panel: Axes, x: float, y: float, name: str, styles: OptimizerStyles) -> None:
    """Draw an optimizer's marker in its row, grey where it has no style of its own."""
    style = styles[name] if name in styles.drawn else None
    colour = style.colour if style else MUTED
    panel.plot(
        [x], [y], linestyle="none", marker=style.marker if style else "o", markersize=5.5,
        markerfacecolor=PAPER if style and style.is_hollow else colour, markeredgecolor=colour, markeredgewidth=1.1,
        gid=styles.css_class(name), zorder=3, clip_on=False,
    )  # fmt: skip


def row_name(panel: Axes, y: float, name: str, gid: str) -> None:
    """Write an optimizer's name left of its row."""
    panel.text(
        -0.015, y, short_name(name, 28), transform=panel.get_yaxis_transform(), ha="right", va="center",
        fontsize=SIZE - 0.5, fontfamily=FONT, color=INK, parse_math=False, gid=gid,
    )  # fmt: skip


def plot_implied_ratio(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw implied over nominal lambda, a row an optimizer: optimizer, ratio (one a problem), value, low, high.

    Nearest to 1 on top, as the table's order has it. Medians over problems with the interval over data sets; 1 is what
    was asked for; zero and negative readings lie in the strip.
    """
    reach = table[["ratio", "value", "low", "high"]].to_numpy(dtype=float)
    scale = Scale.of(np.append(reach, 1.0), kind="log")
    panel = draw_rows(table, ax, "ratio", scale, "implied lambda / nominal lambda", styles)
    panel.axvline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1.5)
    return panel
