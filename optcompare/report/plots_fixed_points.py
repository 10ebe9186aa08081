"""Where updates come to rest: predicted against measured lambda, and whose condition holds where there is no lambda.

Like every plot: (table, ax=None) -> ax, nothing global. The tables are the caller's, one row a point; ``groups`` of
points (data sets) share a colour and a marker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from .scales import Scale
from .style import FONT, INK, MUTED, PAPER, SIZE, OptimizerStyles, dress, new_panels
from .text import label as shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

POINTS = ("row", "group", "predicted", "median", "low", "high")
PAIRS = ("row", "group", "alternative", "of_l2")
LEAST_RESIDUAL = 1e-6  # smaller ones are drawn there: zero to the figure's eye
MARGINS = (1.75, 0.15, 0.6, 0.4)


def plot_predicted(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw measured against predicted lambda, both logarithmic, the identity dashed, every point with its row's number.

    table: columns row, group, predicted, median, low, high (an interval over seeds). Rows are numbered from 1 in their
    order of appearance, as in :func:`plot_deviation`.
    """
    _check(table, POINTS)
    panel = new_panels(1, height=_height(table), margins=(0.72, 0.2, 0.6, 0.4))[0] if ax is None else ax
    x_scale = Scale.of(table["predicted"], kind="log")
    y_scale = Scale.of(table[["median", "low", "high"]].to_numpy(), kind="log")
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    ends = [max(x_scale.low, y_scale.low), min(x_scale.high, y_scale.high)]
    panel.plot(ends, ends, color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1.5)
    numbers = {row: number for number, row in enumerate(dict.fromkeys(table["row"]), 1)}
    for style, part in _groups(table):
        x, y = x_scale.place(part["predicted"]), y_scale.place(part["median"])
        panel.vlines(x, y_scale.place(part["low"]), y_scale.place(part["high"]), color=style.colour, linewidth=1.1)
        _dots(panel, x, y, style)
        side = 1 if style.index % 2 else -1  # numbers of one group above the line, of the other below
        for text, place, height in _merged([numbers[row] for row in part["row"]], x, y):
            _write(panel, text, (place, height), (side * 5, -side * 5))
    _legend(panel, table)
    return dress(panel, xlabel="predicted lambda", ylabel="lambda read by the meter")


def plot_deviation(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw measured over predicted lambda minus 1, a line of the axes for each row; the band is +-1 %.

    table: as in :func:`plot_predicted`. The axis is linear up to 1 % and logarithmic beyond.
    """
    _check(table, POINTS)
    panel = new_panels(1, height=_height(table), margins=MARGINS)[0] if ax is None else ax
    rows = list(dict.fromkeys(table["row"]))
    panel.axvspan(-0.01, 0.01, color=MUTED, alpha=0.15, linewidth=0)
    panel.axvline(0.0, color=MUTED, linewidth=0.8)
    for style, part in _groups(table):
        y = np.array([rows.index(row) for row in part["row"]]) + 0.16 * (1 if style.index % 2 else -1)
        median, low, high = (part[name].to_numpy(float) / part["predicted"].to_numpy(float) - 1 for name in POINTS[3:])
        panel.hlines(y, low, high, color=style.colour, linewidth=1.1)
        _dots(panel, median, y, style)
    panel.set_xscale("symlog", linthresh=0.01, linscale=1.0)
    widest = max(0.05, 1.3 * float(np.nanmax(np.abs(table[["low", "high"]].div(table["predicted"], axis=0) - 1))))
    panel.set_xlim(-widest, widest)
    steps = [step for step in (0.01, 0.1, 1.0) if step <= widest]
    panel.set_xticks([-step for step in reversed(steps)] + [0.0, *steps])
    panel.set_xticklabels([f"-{step:.0%}" for step in reversed(steps)] + ["0", *(f"+{step:.0%}" for step in steps)])
    _name_rows(panel, [f"{number} {row}" for number, row in enumerate(rows, 1)])
    _legend(panel, table)
    return dress(panel, xlabel="measured / predicted - 1")


def plot_two_residuals(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw two residuals a point, joined: filled, of what the update minimizes; hollow, of the best-fitting L2.

    table: columns row, group, alternative, of_l2, both >= 0. Below LEAST_RESIDUAL they are drawn at LEAST_RESIDUAL.
    """
    _check(table, PAIRS)
    panel = new_panels(1, height=_height(table), margins=MARGINS)[0] if ax is None else ax
    rows = list(dict.fromkeys(table["row"]))
    for style, part in _groups(table):
        y = np.array([rows.index(row) for row in part["row"]]) + 0.16 * (1 if style.index % 2 else -1)
        ours, l2 = (np.maximum(part[name].to_numpy(float), LEAST_RESIDUAL) for name in PAIRS[2:])
        panel.hlines(y, ours, l2, color=style.colour, linewidth=0.9, alpha=0.6)
        _dots(panel, ours, y, style)
        _dots(panel, l2, y, style, is_hollow=True)
    panel.set_xscale("log")
    panel.set_xlim(0.5 * LEAST_RESIDUAL, max(3.0, 2.0 * float(table[list(PAIRS[2:])].max(axis=None))))
    places = [10.0**power for power in range(-6, 1, 2)]
    panel.set_xticks(places, [f"<= {LEAST_RESIDUAL:g}", "1e-4", "0.01", "1"])
    panel.minorticks_off()
    _name_rows(panel, rows)
    _legend(panel, table)
    return dress(panel, xlabel="filled: residual of the alternative; hollow: of L2")


def _check(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    if missing := [name for name in columns if name not in table.columns]:
        raise InvalidInputError(f"the table needs the columns {list(columns)}, it lacks {missing}")
    if not len(table):
        raise InvalidInputError("the table has no rows: there is nothing to draw")


def _groups(table: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    styles = OptimizerStyles(table["group"])
    return [(styles[name], table[table["group"] == name]) for name in styles.drawn]


def _height(table: pd.DataFrame) -> float:
    return max(3.4, 1.4 + 0.26 * table["row"].nunique())


def _dots(panel: Axes, x: np.ndarray, y: np.ndarray, style: Any, *, is_hollow: bool = False) -> None:
    panel.plot(
        x, y, linestyle="none", marker=style.marker, markersize=4.5, markeredgecolor=style.colour,
        markerfacecolor=PAPER if is_hollow else style.colour, markeredgewidth=1.1, zorder=3,
    )  # fmt: skip


def _merged(numbers: list[int], x: np.ndarray, y: np.ndarray) -> list[tuple[str, float, float]]:
    """Return texts and places: points that lie on top of each other share a text, "1, 2, 3"."""
    found: list[tuple[list[int], float, float]] = []
    for index in np.argsort(x, kind="stable"):
        is_near = bool(found) and x[index] < 1.09 * found[-1][1] and abs(np.log(y[index] / found[-1][2])) < 0.09
        if is_near:
            found[-1][0].append(numbers[index])
        else:
            found.append(([numbers[index]], float(x[index]), float(y[index])))
    return [(", ".join(map(str, sorted(group))), place, height) for group, place, height in found]


def _write(panel: Axes, text: str, place: tuple[float, float], aside: tuple[float, float]) -> None:
    panel.annotate(
        text, place, xytext=aside, textcoords="offset points", ha="left" if aside[0] > 0 else "right", va="center",
        fontsize=SIZE - 2, color=INK, fontfamily=FONT,
    )  # fmt: skip


def _name_rows(panel: Axes, names: list[str]) -> None:
    panel.set_yticks(range(len(names)), [shown(name, 30) for name in names], parse_math=False, color=INK)
    panel.set_ylim(len(names) - 0.5, -0.5)


def _legend(panel: Axes, table: pd.DataFrame) -> None:
    """Name the groups above the axes."""
    for place, (style, _) in enumerate(_groups(table)):
        panel.text(
            0.02 + 0.5 * place, 1.02, f"{'●■▲◆▼'[style.index % 5]} {shown(style.label, 24)}",
            transform=panel.transAxes, va="bottom", fontsize=SIZE - 1, color=style.colour, fontfamily=FONT,
            parse_math=False,
        )  # fmt: skip
