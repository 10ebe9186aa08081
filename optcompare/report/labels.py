"""Labels at the ends of lines where they fit; a legend where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .scales import Scale
from .style import FONT, INK, MUTED, SIZE, OptimizerStyles, SeriesStyle, figure_of
from .text import label as shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DIRECT = 10
CHARACTERS = 17


class LineEnd(NamedTuple):
    """The last drawn point of a series, as positions on the axes."""

    style: SeriesStyle
    x: float
    y: float


def label_lines(ax: Axes, ends: Sequence[LineEnd], x_scale: Scale, y_scale: Scale, styles: OptimizerStyles) -> None:
    """Name every line at its end, moved apart where they meet, with a thin leader; a legend for more than MOST_DIRECT.

    Needs the axes' final limits. Labels lie in the margin to the right of the axes.
    """
    if len(ends) > MOST_DIRECT:
        add_legend(ax, [end.style for end in ends], len(styles.others))
        return
    inches = ax.get_position().height * figure_of(ax).get_size_inches()[1]
    gap = 1.3 * SIZE / 72.0 / inches
    order = sorted(ends, key=lambda end: (y_scale.share(end.y), -end.style.index))
    heights = spread([y_scale.share(end.y) for end in order], gap)
    right = x_scale.share(x_scale.high) + 0.05
    for end, height in zip(order, heights, strict=True):
        # a leader in the axes' own coordinates: an annotation's arrow costs ten times as much to draw
        panel_x, panel_y = x_scale.share(end.x), y_scale.share(end.y)
        ax.plot(
            [panel_x, 1.015, right], [panel_y, panel_y, height], transform=ax.transAxes, color=end.style.colour,
            linewidth=0.7, alpha=0.6, clip_on=False, zorder=1.8, gid=end.style.gid, scalex=False, scaley=False,
        )  # fmt: skip
        ax.text(
            right + 0.01, height, shown(end.style.label, CHARACTERS), transform=ax.transAxes, va="center", ha="left",
            fontsize=SIZE - 0.5, fontfamily=FONT, color=INK, parse_math=False, gid=end.style.gid,
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return ascending heights (0 to 1) moved as little as needed to lie at least ``gap`` apart.

    Neighbours that are too close form a block around their mean; blocks that touch merge (pool adjacent violators).
    """
    blocks: list[tuple[float, int]] = []  # (sum of height - index * gap, count)
    for index, height in enumerate(heights):
        blocks.append((height - index * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            (first, n), (second, m) = blocks[-2:]
            blocks[-2:] = [(first + second, n + m)]
    placed = [total / count for total, count in blocks for _ in range(count)]
    result = [base + index * gap for index, base in enumerate(placed)]
    if result and result[-1] > 1.02:  # push the top block down into the axes, and what is below it with it
        result[-1] = 1.02
        for index in range(len(result) - 2, -1, -1):
            result[index] = min(result[index], result[index + 1] - gap)
    return result


def add_legend(ax: Axes, styles: Sequence[SeriesStyle], n_others: int = 0) -> None:
    """Put a legend to the right of the axes: line, marker and label of each style."""
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=style.colour, marker=style.marker, linestyle=style.dash, markersize=4.5, linewidth=1.2)
        for style in styles
    ]
    names = [shown(style.label, CHARACTERS) for style in styles]
    if n_others:
        handles.append(Line2D([], [], color=MUTED, linewidth=6, alpha=0.25))
        names.append(f"{n_others} others")
    if not handles:
        return
    # names are set afterwards: matplotlib leaves out labels that start with an underscore
    legend = Legend(
        ax, handles, ["label"] * len(handles), loc="upper left", bbox_to_anchor=(1.01, 1.05), frameon=False,
        fontsize=SIZE - 1.5, labelspacing=0.18, handlelength=2.2, borderaxespad=0.0,
    )  # fmt: skip
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
        text.set_color(INK)
        text.set_fontfamily(FONT)
    ax.add_artist(legend)
