"""The price of a gradient drawn: who wins at which price and dimension, hatched where nobody can say; break-even."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..analysis.summaries import median_interval
from ..errors import InvalidInputError
from .scales import Scale
from .style import COLOURS, FONT, GRID, INK, MUTED, PAPER, SHADE, SIZE, OptimizerStyles, dress, new_panels
from .text import label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NEEDED = ("tau", "unit", "gradient_price", "dimension", "dim_low", "winner", "share", "is_significant")
NOBODY = "nobody"
TOP = "d + 1"
WIDTH = 0.96  # of a cell; the rest is paper
Cell = Mapping[Any, Any]


def plot_winners(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    styles: OptimizerStyles | None = None,
    direct: Collection[str] = (),
) -> Axes:
    """Draw the winner of every dimension bin (column) and price of a gradient (row), a panel a target tau.

    table: as :func:`~optcompare.analysis.winners.winners_table` makes it; rows of unit "passes", those of
    "dimension" as multiples of d + 1 above them, and those of "measured" as arrowheads at the edges of their column.
    Filled with the winner's colour where it wins significantly; hatched, with the share of resamples that it wins,
    where not. Prices beyond a bin's d + 1, which nobody pays, are left empty. direct: optimizers without gradients,
    whose cells have a frame and bold names. styles: colours of a whole report; None: the winners' own. With ``ax`` the
    table must hold one target.
    """
    if missing := [name for name in NEEDED if name not in table.columns]:
        raise InvalidInputError(f"the table lacks {missing}; a figure of winners needs {list(NEEDED)}")
    taus = list(dict.fromkeys(table["tau"]))
    if ax is not None and len(taus) != 1:
        raise InvalidInputError(f"one axes holds one target, the table has {taus}: leave ax out")
    colours = styles or OptimizerStyles(name for name in table["winner"] if name)
    is_cell = table["unit"] != "measured"
    prices = _rows(table[is_cell])
    bins = list(dict.fromkeys(table.sort_values("dim_low")["dimension"]))
    size = max(3.6, 1.06 * len(bins) + 1.2), max(2.8, 0.42 * len(prices) + 1.1)
    panels = [ax] if ax is not None else new_panels(
        max(1, len(taus)), width=size[0], height=size[1], margins=(0.78, 0.14, 0.62, 0.42)
    )  # fmt: skip
    for panel, tau in zip(panels, taus):
        dress(panel, title=f"target tau = {tau:g}", xlabel="parameters d", ylabel="price of a gradient, in passes")
        of_target = table["tau"] == tau
        for cell in table[of_target & is_cell].to_dict("records"):
            place = bins.index(cell["dimension"]), prices.index(_price(cell))
            _draw(panel, place, cell, colours, cell["winner"] in direct)
        for line in table[of_target & ~is_cell].to_dict("records"):
            _measured(panel, bins.index(line["dimension"]), float(line["gradient_price"]), prices)
        _axes_of(panel, bins, prices)
    if not taus:
        dress(panels[0], title="no runs to draw")
    return panels[0]


def _price(cell: Cell) -> tuple[int, float]:
    """Return what a row is sorted by: prices in passes first, then multiples of d + 1."""
    return int(cell["unit"] == "dimension"), float(cell["gradient_price"])


def _rows(table: pd.DataFrame) -> list[tuple[int, float]]:
    return sorted({_price(cell) for cell in table.to_dict("records")})


def _draw(panel: Axes, place: tuple[int, int], cell: Cell, styles: OptimizerStyles, is_direct: bool) -> None:
    from matplotlib.patches import Rectangle

    (x, y), name = place, str(cell["winner"])
    known = name in styles.drawn
    colour = styles[name].colour if known else MUTED
    is_sure = bool(cell["is_significant"])
    corner = x - WIDTH / 2, y - WIDTH / 2
    look: dict[str, Any] = {"facecolor": colour, "edgecolor": PAPER, "linewidth": 0.8}
    if not name:
        look = {"facecolor": SHADE, "edgecolor": GRID, "linewidth": 0.8}
    elif not is_sure:
        look = {"facecolor": PAPER, "edgecolor": colour, "hatch": "////", "linewidth": 0.8}
    gid = styles[name].gid if known else None
    panel.add_patch(Rectangle(corner, WIDTH, WIDTH, zorder=1.5, gid=gid, **look))
    if name and is_direct:
        inner = corner[0] + 0.03, corner[1] + 0.05
        panel.add_patch(
            Rectangle(inner, WIDTH - 0.06, WIDTH - 0.1, facecolor="none", edgecolor=INK, linewidth=1.6, zorder=2)
        )
    text = label(name, 14) if name else NOBODY
    if name and not is_sure:
        text += f" {float(cell['share']):.0%}"
    panel.text(
        x, y, text, ha="center", va="center", fontsize=SIZE - 2.0, fontfamily=FONT, parse_math=False, zorder=3,
        color=PAPER if name and is_sure else INK if name else MUTED, fontweight="bold" if is_direct else "normal",
        bbox=None if is_sure or not name else {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2},
    )  # fmt: skip


def _measured(panel: Axes, x: int, price: float, prices: Sequence[tuple[int, float]]) -> None:
    """Point from both edges of a column at a price between those of its rows."""
    known = [value for is_multiple, value in prices if not is_multiple]
    if not known or not math.isfinite(price):
        return
    above = next((index for index, value in enumerate(known) if value >= price), len(known) - 1)
    below = max(above - 1, 0)
    span = known[above] - known[below]
    y = below + ((price - known[below]) / span if span > 0 else 0.0)
    for edge, marker in ((x - 0.4, ">"), (x + 0.4, "<")):
        panel.plot(
            [edge], [y], linestyle="none", marker=marker, markersize=6.5, color=PAPER, markeredgecolor=INK,
            markeredgewidth=1.0, zorder=4,
        )  # fmt: skip


def _axes_of(panel: Axes, bins: Sequence[str], prices: Sequence[tuple[int, float]]) -> None:
    names = [
        f"{value:g}" if not multiple else TOP if value == 1 else f"{value:g} (d + 1)" for multiple, value in prices
    ]
    panel.set_xlim(-0.55, len(bins) - 0.45)
    panel.set_ylim(-0.55, len(prices) - 0.45)
    panel.set_xticks(range(len(bins)), list(bins), parse_math=False, fontfamily=FONT, color=INK)
    panel.set_yticks(range(len(prices)), names, parse_math=False, fontfamily=FONT, color=INK)
    panel.grid(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.tick_params(length=0)


def plot_break_even(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the break-even price of a gradient over d, a point a problem, medians with exact intervals a dimension.

    table: tau, dim, price, is_bound, as :func:`~optcompare.analysis.winners.break_even_prices` makes it, and bin (what
    the medians are over; a data set should have one problem a bin); a panel a target. Above a point direct optimizers
    win, below it gradient ones. Triangles: at least this price (no direct optimizer reached the target). In the strip:
    direct optimizers win even where gradients are free. The dashed line is d + 1, where differences cost as much.
    """
    taus = list(dict.fromkeys(table["tau"]))
    if ax is not None and len(taus) != 1:
        raise InvalidInputError(f"one axes holds one target, the table has {taus}: leave ax out")
    panels = [ax] if ax is not None else new_panels(max(1, len(taus)), margins=(0.72, 0.2, 0.55, 0.42))
    if not taus:
        return dress(panels[0], title="no runs to draw")
    x_scale = Scale.of(table["dim"], kind="log")
    y_scale = Scale.of([*table["price"], *(table["dim"] + 1.0)], kind="log")
    for panel, tau in zip(panels, taus):
        x_scale.apply(panel, "x")
        y_scale.apply(panel, "y")
        part = table[(table["tau"] == tau) & table["price"].notna()]
        edges = [x_scale.low, x_scale.high]
        panel.plot(edges, [edge + 1.0 for edge in edges], color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)), zorder=1.5)
        for is_bound, marker in ((False, "o"), (True, "^")):
            points = part[part["is_bound"] == is_bound]
            panel.plot(
                points["dim"], y_scale.place(points["price"]), linestyle="none", marker=marker, markersize=4.5,
                markerfacecolor=PAPER, markeredgecolor=COLOURS[0], markeredgewidth=1.0, zorder=2,
            )  # fmt: skip
        spans = [(float(rows["dim"].median()), median_interval(rows["price"])) for _, rows in part.groupby("bin")]
        x = [at * 1.14 for at, _ in spans]
        ends = (y_scale.place([span.low for _, span in spans]), y_scale.place([span.high for _, span in spans]))
        panel.vlines(x, *ends, color=INK, linewidth=2.2, zorder=3)
        middles = y_scale.place([span.median for _, span in spans])
        panel.plot(x, middles, linestyle="none", marker="D", markersize=5, color=INK, zorder=4)
        dress(panel, title=f"target tau = {tau:g}", xlabel="parameters d", ylabel="break-even price, in passes")
    return panels[0]
