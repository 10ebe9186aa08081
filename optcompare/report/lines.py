"""Lines of optimizers in one panel: bands, markers, names at their ends; the emphasised ones above the faint ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.summaries import numbers
from .labels import CHARACTERS, LineEnd, label_lines
from .scales import Scale
from .style import FAINT, FONT, MUTED, PAPER, SIZE, OptimizerStyles, SeriesStyle, add_line, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDE = 8.2  # inches of a figure that names every optimizer at the right
WIDE_CHARACTERS = 28
INCHES_A_NAME = 0.175
_NO_ROWS = np.empty(0, dtype=np.int64)


def wide_panel(n_names: int, *, least: float = 3.9, title: str = "") -> Axes:
    """Return axes on a new wide figure, high enough that ``n_names`` optimizers are named beside their lines."""
    height = min(9.5, max(least, 0.85 + INCHES_A_NAME * n_names))
    return new_panels(1, width=WIDE, height=height, margins=(0.95, 2.3, 0.6, 0.42 if title else 0.3))[0]


def marker(panel: Axes, x: Any, y: Any, style: SeriesStyle, *, size: float = 5.0, **more: Any) -> None:
    """Draw an optimizer's marker at points, hollow for a default form, pale where it is faint."""
    add_line(
        panel, x, y, linestyle="none", marker=style.marker, markersize=size, markeredgecolor=style.colour,
        markerfacecolor=PAPER if style.is_hollow else style.colour, markeredgewidth=1.1, clip_on=False,
        zorder=2.2 if style.is_faint else 3.2, alpha=FAINT if style.is_faint else None, gid=style.gid, **more,
    )  # fmt: skip


def draw_lines(
    panel: Axes,
    table: pd.DataFrame,
    x_scale: Scale,
    y_scale: Scale,
    styles: OptimizerStyles,
    *,
    x: str,
    y: str,
    band: tuple[str, str] | None = None,
    is_step: bool = False,
    n_marks: int = 3,
    mark_every: bool = False,
    characters: int = CHARACTERS,
    banded: Sequence[str] | None = None,
) -> None:
    """Draw the rows of each optimizer, in the table's order, as a line with markers and its name.

    band: columns of lower and upper edge, drawn for the emphasised optimizers, or for those in ``banded``. is_step:
    the value holds until the next row. n_marks: markers along a line; ``mark_every`` marks every row, and the end of
    faint lines. Optimizers beyond the drawn ones are not drawn. Applies both scales.
    """
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    drawstyle = "steps-post" if is_step else "default"
    every_x, every_y = x_scale.place(table[x]), y_scale.place(table[y])
    rows_of = {str(name): rows for name, rows in table.groupby("optimizer", sort=False).indices.items()}
    edges = tuple(numbers(table[name]) for name in band or ())
    ends = []
    for place, style in enumerate(styles):
        rows = rows_of.get(style.label, _NO_ROWS)
        across, up = every_x[rows], every_y[rows]
        where = np.flatnonzero(np.isfinite(across) & np.isfinite(up))
        if not len(where):
            continue
        if edges and not style.is_faint and (banded is None or style.label in banded):
            _band(panel, across, edges[0][rows], edges[1][rows], y_scale, style, is_step)
        add_line(
            panel, across[where], up[where], color=style.colour, linestyle=style.dash, drawstyle=drawstyle,
            linewidth=0.9 if style.is_faint else 1.6, alpha=FAINT if style.is_faint else None,
            zorder=2.0 if style.is_faint else 3.0, gid=style.gid,
        )  # fmt: skip
        ends.append(LineEnd(style, float(across[where[-1]]), float(up[where[-1]])))
        if not mark_every:
            where = _marks(where, n_marks, place)
        if style.is_faint:
            where = where[-1:]
        if not style.is_faint or mark_every:
            marker(panel, across[where], up[where], style, size=3.6 if style.is_faint else 5.0)
    if not ends:
        say(panel, "no finite number to draw")
    label_lines(panel, ends, x_scale, y_scale, styles, characters=characters)


def _marks(where: np.ndarray, n_marks: int, place: int) -> np.ndarray:
    """Return few positions along a line, at other places for other lines, and its end."""
    step = max(1, len(where) // n_marks)
    return np.unique([*where[(place * 3) % step :: step], where[-1]])


def _band(
    panel: Axes,
    across: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    y_scale: Scale,
    style: SeriesStyle,
    is_step: bool,
) -> None:
    low, high = y_scale.place(low), y_scale.place(np.where(np.isposinf(high), y_scale.high, high))
    usable = np.isfinite(across) & np.isfinite(low) & np.isfinite(high)
    if int(usable.sum()) > 1:
        filled = panel.fill_between(
            across[usable], low[usable], high[usable], color=style.colour, alpha=0.12, linewidth=0,
            step="post" if is_step else None,
        )  # fmt: skip
        filled.set_gid(style.gid)


def say(panel: Axes, text: str) -> None:
    """Write a text in the middle of a panel that has nothing to draw."""
    panel.text(
        0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", fontsize=SIZE, color=MUTED,
        parse_math=False, fontfamily=FONT,
    )  # fmt: skip


def note(panel: Axes, text: str, x: float = 0.025, y: float = 0.97, ha: str = "left", va: str = "top") -> None:
    """Write a small grey text inside a panel."""
    panel.text(
        x, y, text, transform=panel.transAxes, va=va, ha=ha, fontsize=SIZE - 2, color=MUTED, parse_math=False,
        linespacing=1.35, fontfamily=FONT,
    )  # fmt: skip
