"""Figures of what is left of the gap: at fixed budgets, and over the whole convergence curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analysis.summaries import numbers
from .labels import short_name
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
    y_scale = Scale.of(numbers(table["median"]), kind="log", never="no value")
    last = table.groupby("optimizer", sort=False)["median"].last().sort_values(kind="stable")
    banded = [str(name) for name in last.index if str(name) in chosen.emphasis][:3]
    draw_lines(
        panel, table, x_scale, y_scale, chosen, x="budget", y="median", band=("low", "high"), mark_every=True,
        characters=WIDE_CHARACTERS if ax is None else 17, banded=banded,
    )  # fmt: skip
    return dress(panel, xlabel=xlabel, ylabel="share of the gap f_0 - f_ref that is left")


def plot_areas(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw the area over the convergence curve, a row an optimizer: optimizer, dataset, area, value, low, high.

    0: every target reached at once; 1: none reached. Small marks are data sets, the large one with its bar the mean
    over them and its interval; least on top.
    """
    summary = table.drop_duplicates("optimizer").sort_values("value", kind="stable")
    names = [str(name) for name in summary["optimizer"]]
    chosen = styles or OptimizerStyles(names)
    height = max(2.6, 1.15 + 0.19 * len(names))
    panel = ax if ax is not None else new_panels(1, width=7.4, height=height, margins=(2.0, 0.4, 0.6, 0.35))[0]
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(max(1, len(names)) - 0.4, -0.6)
    owner = table["optimizer"].astype(str).to_numpy()
    for index, record in enumerate(summary.to_dict("records")):
        name = names[index]
        gid = chosen.css_class(name)
        style = chosen[name] if name in chosen.drawn else None
        colour = style.colour if style else MUTED
        spots = numbers(table.loc[owner == name, "area"])
        panel.plot(
            spots, np.full(len(spots), index), linestyle="none", marker="|", markersize=5, markeredgecolor=colour,
            alpha=0.45, gid=gid, zorder=2,
        )  # fmt: skip
        panel.plot(
            [record["low"], record["high"]], [index, index], color=colour, linewidth=1.6, gid=gid, zorder=2.5,
            solid_capstyle="butt",
        )  # fmt: skip
        panel.plot(
            [record["value"]], [index], linestyle="none", marker=style.marker if style else "o", markersize=5.5,
            markerfacecolor=PAPER if style and style.is_hollow else colour, markeredgecolor=colour,
            markeredgewidth=1.1, gid=gid, zorder=3,
        )  # fmt: skip
        panel.text(
            -0.015, index, short_name(name, 28), transform=panel.get_yaxis_transform(), ha="right", va="center",
            fontsize=SIZE - 0.5, fontfamily=FONT, color=INK, parse_math=False, gid=gid,
        )  # fmt: skip
    panel.set_yticks([])
    dress(panel, xlabel="area over the convergence curve (0: all targets at once, 1: none)")
    panel.grid(False)
    panel.grid(True, axis="x", color=GRID, linewidth=0.7)
    panel.spines["left"].set_visible(False)
    if not names:
        say(panel, "no runs to draw")
    return panel
