"""A measurement over a setting, one line a series: (table, ax=None) -> ax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidInputError
from .labels import LineEnd, label_lines
from .scales import Scale
from .style import INK, MUTED, OptimizerStyles, dress, new_panels
from .text import label as shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ("series", "x", "median", "low", "high")


def plot_settings(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    names: Sequence[str] = (),
    level: float | None = None,
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw medians with their interval over x, a line each ``series``.

    table: columns series, x, median, low, high. names: texts for x = 0, 1, 2, ... instead of numbers. level: a height
    to compare with, dashed. Axes are logarithmic where the numbers span more than a decade and none is negative;
    zeros lie in a strip.
    """
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise InvalidInputError(f"the table needs the columns {list(COLUMNS)}, it lacks {missing}")
    if not len(table):
        raise InvalidInputError("the table has no rows: there is nothing to draw")
    panel = new_panels(1, margins=(0.75, 1.35, 0.6, 0.42))[0] if ax is None else ax
    x_scale = Scale(-0.4, len(names) - 0.6, False) if names else Scale.of(table["x"])
    heights = table[["median", "low", "high"]].to_numpy(dtype=float)
    y_scale = Scale.of(np.append(heights, heights.flat[0] if level is None else level))
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    if level is not None:
        panel.axhline(float(y_scale.place(level)), color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1.5)
    chosen = styles or OptimizerStyles(table["series"])
    ends = []
    for place, style in enumerate(chosen):
        rows = table[table["series"] == style.label].sort_values("x")
        x = x_scale.shift(x_scale.place(rows["x"]), 0.008 * (place - (len(chosen) - 1) / 2))
        y, low, high = (y_scale.place(rows[name]) for name in COLUMNS[2:])
        drawn = np.isfinite(x) & np.isfinite(y)
        if not drawn.any():
            continue
        low, high = np.clip(low, y_scale.low, y_scale.high), np.clip(high, y_scale.low, y_scale.high)
        panel.vlines(x[drawn], low[drawn], high[drawn], color=style.colour, linewidth=1.1, alpha=0.75)
        panel.plot(
            x[drawn], y[drawn], color=style.colour, linestyle=style.dash, linewidth=1.2, marker=style.marker,
            markersize=4.5, zorder=3, gid=style.gid,
        )  # fmt: skip
        ends.append(LineEnd(style, float(x[drawn][-1]), float(y[drawn][-1])))
    label_lines(panel, ends, x_scale, y_scale, chosen)
    if names:
        panel.set_xticks(range(len(names)), [shown(name, 20) for name in names], parse_math=False, color=INK)
    return dress(panel, title=title, xlabel=xlabel, ylabel=ylabel)
