"""The two-by-two picture: penalty in the error or decay in the update, by gradient or directly; one panel a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import InvalidInputError
from .plots import _series
from .scales import Scale
from .style import FONT, INK, MUTED, PAPER, SIZE, OptimizerStyles, dress, figure_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACES, MEANS = ("error", "update"), ("gradient", "direct")  # columns, rows
TITLES = {"error": "penalty in the error", "update": "decay in the update"}
SIDES = {"gradient": "by gradient", "direct": "by error values alone"}
Cells = Mapping[tuple[str, str], Sequence[str]]


def plot_two_by_two(table: pd.DataFrame, cells: Cells) -> Axes:
    """Draw implied against nominal lambda, a panel a cell, all on the same axes; return the first panel.

    table: :func:`~optcompare.analysis.summaries.implied_lambda_table` of one objective. cells: (place, means) -> labels
    of its arms, place "error" or "update", means "gradient" or "direct"; all four. Dashed: implied = nominal. Hollow:
    at most half of the readings are identified. Readings <= 0 lie in a strip.
    """
    _check(table, cells)
    x_scale = Scale.of(table["lam_canonical"], kind="log")
    y_scale = Scale.of(table[["median", "low", "high"]].to_numpy(), kind="log")
    ends = [max(x_scale.low, y_scale.low), min(x_scale.high, y_scale.high)]
    figure, panels = _grid()
    hollow = 2 * table["n_identified"] <= table["n"]
    for (place, means), panel in panels.items():
        part = table.assign(hollow=hollow)[table["optimizer"].isin(cells[place, means])]
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        panel.plot(ends, ends, color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)), zorder=1.5)
        _series(panel, part, x_scale, y_scale, OptimizerStyles(cells[place, means]))
        dress(
            panel,
            title=TITLES[place] if means == "gradient" else "",
            xlabel="nominal lambda" if means == "direct" else "",
            ylabel="implied lambda" if place == "error" else "",
        )
    for means, height in zip(MEANS, (0.74, 0.28), strict=True):
        figure.text(
            0.008, height, SIDES[means], rotation=90, ha="left", va="center", fontsize=SIZE + 1, fontweight="bold",
            color=INK, fontfamily=FONT, parse_math=False,
        )  # fmt: skip
    return panels["error", "gradient"]


def _grid() -> tuple[Figure, dict[tuple[str, str], Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.2, 5.8), facecolor=PAPER)
    panels = {}
    for row, means in enumerate(MEANS):
        for column, place in enumerate(PLACES):
            panels[place, means] = figure.add_axes((0.125 + 0.465 * column, 0.56 - 0.46 * row, 0.255, 0.37))
    return figure, panels


def _check(table: pd.DataFrame, cells: Cells) -> None:
    wanted = {(place, means) for place in PLACES for means in MEANS}
    if set(cells) != wanted:
        raise InvalidInputError(f"cells must be the four {sorted(wanted)}, got {sorted(cells)}")
    if table["objective"].nunique() != 1:
        raise InvalidInputError(f"the table must hold one objective, it holds {table['objective'].nunique()}")
    missing = {label for labels in cells.values() for label in labels} - set(table["optimizer"])
    if missing:
        raise InvalidInputError(f"the table has no rows of {sorted(missing)}")


def save_two_by_two(table: pd.DataFrame, cells: Cells, stem: str) -> None:
    """Draw the picture and write STEM.svg and STEM.png, the same bytes every time."""
    from pathlib import Path

    from .style import report_settings
    from .svg import png_bytes, svg_text

    with report_settings():
        figure = figure_of(plot_two_by_two(table, cells))
        Path(f"{stem}.svg").write_text(svg_text(figure), encoding="utf-8")
        Path(f"{stem}.png").write_bytes(png_bytes(figure))
