"""Labels at the ends of lines where they fit; a legend where they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .scales import Scale
from .style import FAINT, FONT, INK, MUTED, SIZE, OptimizerStyles, SeriesStyle, add_line, figure_of
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


def short_name(name: str, most: int = CHARACTERS) -> str:
    """Return a label of at most ``most`` characters, shortened before its last word: "tuned" tells two forms apart."""
    text = shown(name, 200)
    front, _, last = text.rpartition(" ")
    if len(text) <= most or not front or len(last) > most // 2:
        return shown(text, most)
    return f"{shown(front, most - len(last) - 1)} {last}"


def label_lines(
    ax: Axes,
    ends: Sequence[LineEnd],
    x_scale: Scale,
    y_scale: Scale,
    styles: OptimizerStyles,
    *,
    characters: int = CHARACTERS,
) -> None:
    """Name every line at its end, moved apart where they meet, with a thin leader; a legend for those that do not fit.

    Needs the axes' final limits. Labels lie in the margin to the right of the axes. Faint lines are named where there
    is room for all, else counted below the others.
    """
    inches = ax.get_position().height * figure_of(ax).get_size_inches()[1]
    gap = 1.3 * SIZE / 72.0 / inches
    most = max(MOST_DIRECT, int(1.06 / gap))
    named = ends if len(ends) <= most else [end for end in ends if not end.style.is_faint]
    if len(named) > most:
        add_legend(ax, [end.style for end in named], len(styles.others))
        return
    order = sorted(named, key=lambda end: (y_scale.share(end.y), -end.style.index))
    pale = len(ends) - len(named)
    heights = spread([y_scale.share(end.y) for end in order], gap, low=gap - 0.03 if pale else -0.03)
    right = x_scale.share(x_scale.high) + 0.05
    for end, height in zip(order, heights, strict=True):
        # a leader in the axes' own coordinates: an annotation's arrow costs ten times as much to draw
        panel_x, panel_y = x_scale.share(end.x), y_scale.share(end.y)
        add_line(
            ax, [panel_x, 1.015, right], [panel_y, panel_y, height], transform=ax.transAxes, color=end.style.colour,
            linewidth=0.7, alpha=0.6 * (FAINT if end.style.is_faint else 1.0), clip_on=False, zorder=1.8,
            gid=end.style.gid,
        )  # fmt: skip
        ax.text(
            right + 0.01, height, short_name(end.style.label, characters), transform=ax.transAxes, va="center",
            ha="left", fontsize=SIZE - 0.5, fontfamily=FONT, color=MUTED if end.style.is_faint else INK,
            parse_math=False, gid=end.style.css_class,
        )  # fmt: skip
    if pale:
        ax.text(
            right + 0.01, -0.03, f"{pale} more, pale", transform=ax.transAxes, va="center", ha="left",
            fontsize=SIZE - 1.5, fontfamily=FONT, color=MUTED, parse_math=False,
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float, low: float = -math.inf) -> list[float]:
    """Return ascending heights (0 to 1) moved as little as needed to lie at least ``gap`` apart, none below ``low``.

    Neighbours that are too close form a block around their mean; blocks that touch merge (pool adjacent violators).
    Where there is no room for all between ``low`` and the top, the top is kept.
    """
    blocks: list[tuple[float, int]] = []  # (sum of height - index * gap, count)
    for index, height in enumerate(heights):
        blocks.append((height - index * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            (first, n), (second, m) = blocks[-2:]
            blocks[-2:] = [(first + second, n + m)]
    placed = [total / count for total, count in blocks for _ in range(count)]
    result = [max(base, low) + index * gap for index, base in enumerate(placed)]
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
    names = [short_name(style.label, CHARACTERS) for style in styles]
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
