"""Curves of what traces measured: train and test error over the cost, one task's loss while another is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidInputError
from .labels import LineEnd, label_lines
from .plots import MOST_PANELS
from .scales import Scale
from .style import FONT, MUTED, SIZE, OptimizerStyles, dress, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_monitored(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str = "cost in passes",
    ylabel: str = "",
    marks: Sequence[tuple[float, str]] = (),
    kind: str = "auto",
    is_log_cost: bool = False,
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw medians over seeds in a band from the first to the third quartile, over the cost.

    table: objective, optimizer, cost, median, low, high, as ``monitored_table`` makes them; a line an optimizer, a
    panel an objective. marks: (cost, text) of vertical lines. kind: the vertical scale's, "log" or "auto". is_log_cost:
    a logarithmic cost axis.
    """
    names = list(dict.fromkeys(table["objective"]))
    if ax is not None and len(names) > 1:
        raise InvalidInputError(f"one axes holds one panel, the table has {len(names)}: leave ax out")
    chosen = styles or OptimizerStyles(table["optimizer"])
    panels = [ax] if ax is not None else new_panels(min(max(1, len(names)), MOST_PANELS))
    y_scale = Scale.of(table[["median", "low", "high"]].to_numpy(dtype=float), kind=kind)  # one for all: they compare
    for panel, name in zip(panels, names, strict=False):
        _draw(panel, table[table["objective"] == name], y_scale, chosen, is_log_cost)
        for place, text in marks:
            panel.axvline(place, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1.5)
            panel.text(
                place, 1.0, f" {text}", transform=panel.get_xaxis_transform(), va="top", fontsize=SIZE - 2, color=MUTED,
                parse_math=False, fontfamily=FONT,
            )  # fmt: skip
        dress(panel, title=str(name), xlabel=xlabel, ylabel=ylabel)
    if not names:
        dress(panels[0], title="no runs to draw", xlabel=xlabel, ylabel=ylabel)
    return panels[0]


def _draw(panel: Axes, part: pd.DataFrame, y_scale: Scale, styles: OptimizerStyles, is_log_cost: bool) -> None:
    last = float(part["cost"].max())
    x_scale = Scale(0.0, last * 1.01 if last > 0 else 1.0, False)
    if is_log_cost:
        x_scale = Scale.of(part["cost"], kind="log")
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    ends = []
    for style in styles:
        rows = part[(part["optimizer"] == style.label) & np.isfinite(part["median"].astype(float))]
        if not len(rows):
            continue
        x, y, low, high = (
            x_scale.place(rows["cost"]),
            *(y_scale.place(rows[name]) for name in ("median", "low", "high")),
        )
        band = panel.fill_between(x, low, high, color=style.colour, alpha=0.13, linewidth=0)
        band.set_gid(style.gid)
        panel.plot(x, y, color=style.colour, linewidth=1.4, linestyle=style.dash, gid=style.gid)
        ends.append(LineEnd(style, float(x[-1]), float(y[-1])))
    label_lines(panel, ends, x_scale, y_scale, styles)
