"""Who beats whom over data sets, and mean ranks with the critical difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.summaries import numbers
from .labels import short_name
from .lines import note, say
from .plots_gaps import row_marker, row_name
from .style import BAND, COLOURS, FONT, GRID, INK, MUTED, SIZE, OptimizerStyles, dress, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_MATRIX = 60
MOST_NUMBERED = 12  # optimizers whose wins are written into the cells
LEVELS = (0.12, 0.27, 0.48, 0.75)  # opacity by the share of data sets won
WINS, LOSSES = COLOURS[0], COLOURS[1]


def plot_win_matrix(
    pairs: pd.DataFrame,
    ax: Axes | None = None,
    *,
    order: Sequence[str] = (),
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw for every pair who wins on more data sets: blue where the row beats the column, orange where it loses.

    pairs: of :func:`~optcompare.analysis.ranks.pairwise_table`: a, b, wins, losses, n_datasets, is_significant. Darker:
    on a larger share of the data sets. A dot: the difference is significant (Holm, 5 %). order: rows from the top, by
    default by wins. Up to MOST_NUMBERED optimizers the cells hold wins:losses.
    """
    names = list(order) or names_by_wins(pairs)
    names = names[:MOST_MATRIX]
    chosen = styles or OptimizerStyles(names)
    n = len(names)
    size = max(0.17, min(0.5, 5.2 / max(n, 1)))
    width, height = max(4.2, size * n + 3.05), max(2.8, size * n + 2.2)
    panel = ax if ax is not None else new_panels(1, width=width, height=height, margins=(2.05, 1.0, 0.35, 1.85))[0]
    place = {name: index for index, name in enumerate(names)}
    rows: dict[int, dict[tuple[str, float], list[tuple[float, float]]]] = {}
    for record in pairs.to_dict("records"):
        a, b = place.get(str(record["a"])), place.get(str(record["b"]))
        if a is None or b is None or a == b:
            continue
        for row, column, wins, losses in (
            (a, b, record["wins"], record["losses"]),
            (b, a, record["losses"], record["wins"]),
        ):
            _cell(rows.setdefault(row, {}), row, column, float(wins), float(losses), float(record["n_datasets"]))
            if bool(record["is_significant"]):
                aside = 0.32 if n <= MOST_NUMBERED else 0.0
                rows[row].setdefault(("dot", 1.0), []).append((column + aside, row + aside))
            if n <= MOST_NUMBERED:
                _write(panel, column, row, f"{wins:g}:{losses:g}", chosen.css_class(names[row]))
    for row, cells in rows.items():
        _draw_row(panel, cells, chosen.css_class(names[row]))
    _name_sides(panel, names, chosen)
    if not rows:
        say(panel, "no pairs to compare")
    return panel


def names_by_wins(pairs: pd.DataFrame) -> list[str]:
    """Return the optimizers of a table of pairs, those that win most pairs (by data sets) first."""
    score: dict[str, float] = {}
    for record in pairs.to_dict("records"):
        difference = float(record["wins"]) - float(record["losses"])
        score[str(record["a"])] = score.get(str(record["a"]), 0.0) + difference
        score[str(record["b"])] = score.get(str(record["b"]), 0.0) - difference
    return sorted(score, key=lambda name: -score[name])


def _cell(cells: dict[Any, list[Any]], row: int, column: int, wins: float, losses: float, n: float) -> None:
    if wins == losses or n <= 0:
        return
    share = min(1.0, abs(wins - losses) / n)
    level = LEVELS[min(len(LEVELS) - 1, int(share * len(LEVELS)))]
    cells.setdefault((WINS if wins > losses else LOSSES, level), []).append((column, row))


def _draw_row(panel: Axes, cells: dict[tuple[str, float], list[tuple[float, float]]], css_class: str) -> None:
    """Draw a row's cells, those of one colour as one path, so that a page of 40 x 40 cells stays small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    square = np.array([(-0.47, -0.47), (0.47, -0.47), (0.47, 0.47), (-0.47, 0.47), (-0.47, -0.47)])
    for (colour, level), spots in cells.items():
        if colour == "dot":
            x, y = zip(*spots, strict=True)
            panel.plot(
                x, y, linestyle="none", marker="o", markersize=2.6, markerfacecolor=INK, markeredgewidth=0,
                gid=css_class, zorder=3,
            )  # fmt: skip
            continue
        corners = np.concatenate([square + spot for spot in spots])
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(spots)
        patch = PathPatch(Path(corners, codes), facecolor=colour, edgecolor="none", alpha=level, zorder=2)
        patch.set_gid(css_class)
        panel.add_patch(patch)


def _write(panel: Axes, x: float, y: float, text: str, css_class: str) -> None:
    panel.text(
        x, y, text, ha="center", va="center", fontsize=SIZE - 2, color=INK, fontfamily=FONT, parse_math=False,
        gid=css_class, zorder=4,
    )  # fmt: skip


def _name_sides(panel: Axes, names: Sequence[str], styles: OptimizerStyles) -> None:
    n = max(1, len(names))
    dress(panel)
    panel.grid(False)
    panel.set_xlim(-0.5, n - 0.5)
    panel.set_ylim(n - 0.5, -0.5)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.set_xticks([])
    panel.set_yticks([])
    fine: Any = {"fontsize": SIZE - 1, "fontfamily": FONT, "color": INK, "parse_math": False}
    for index, name in enumerate(names):
        gid = styles.css_class(name)
        panel.text(-0.7, index, short_name(name, 26), ha="right", va="center", gid=gid, **fine)
        panel.text(
            index, -0.7, short_name(name, 26), ha="left", va="bottom", rotation=60, rotation_mode="anchor", **fine
        )
    note(panel, "blue: the row beats the column; dot: significant", x=0.0, y=-0.015)


def plot_ranks(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw mean ranks over data sets, best on top; the band holds who is not significantly worse than the best.

    table: of :func:`~optcompare.analysis.ranks.friedman_table`: optimizer, mean_rank, critical_difference (Nemenyi's;
    NaN where there is none). The band reaches from the best rank to best + critical difference, and the bars at the
    right join optimizers that are not told apart. Source: Demsar 2006, JMLR 7, 1-30 (equation 2 and figure 1).
    """
    rows = table[np.isfinite(numbers(table["mean_rank"]))].sort_values("mean_rank", kind="stable")
    critical_difference = float(rows["critical_difference"].iloc[0]) if len(rows) else math.nan
    names, ranks = [str(name) for name in rows["optimizer"]], numbers(rows["mean_rank"])
    chosen = styles or OptimizerStyles(names)
    height = max(2.6, 1.25 + 0.19 * len(names))
    panel = ax if ax is not None else new_panels(1, width=7.4, height=height, margins=(2.2, 1.1, 0.6, 0.45))[0]
    n = max(1, len(names))
    low, high = (float(ranks.min()), float(ranks.max())) if len(ranks) else (1.0, 2.0)
    pad = 0.04 * (high - low or 1.0)
    panel.set_xlim(low - pad, max(high, low + (0.0 if math.isnan(critical_difference) else critical_difference)) + pad)
    panel.set_ylim(n - 0.5, -0.6)
    if math.isfinite(critical_difference):
        panel.axvspan(low, low + critical_difference, facecolor=BAND, edgecolor="none", alpha=0.6, zorder=0.5)
        _cliques(panel, ranks, critical_difference)
    for index, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        _rank_row(panel, index, name, float(rank), chosen)
    panel.set_yticks([])
    dress(panel, xlabel="mean rank over data sets (1 is best)")
    panel.grid(False)
    panel.grid(True, axis="x", color=GRID, linewidth=0.7)
    panel.spines["left"].set_visible(False)
    if not names:
        say(panel, "nothing to rank")
    return panel


def _rank_row(panel: Axes, index: int, name: str, rank: float, styles: OptimizerStyles) -> None:
    gid = styles.css_class(name)
    left = panel.get_xlim()[0]
    panel.plot([left, rank], [index, index], color=GRID, linewidth=0.8, zorder=1, gid=gid, scalex=False)
    row_marker(panel, rank, index, name, styles)
    row_name(panel, index, name, gid)


def cliques(ranks: np.ndarray, critical_difference: float) -> list[tuple[int, int]]:
    """Return the largest runs (first, last) of ascending mean ranks that lie within one critical difference."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.searchsorted(ranks, ranks[first] + critical_difference, side="right")) - 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def _cliques(panel: Axes, ranks: np.ndarray, critical_difference: float) -> None:
    """Draw a bar beside the optimizers of each clique, in as few columns as keep them apart."""
    columns: list[int] = []
    bars = cliques(ranks, critical_difference)
    for first, last in bars:
        column = next((at for at, end in enumerate(columns) if end < first), len(columns))
        columns[column : column + 1] = [last]
        if column >= 14:
            continue
        x = 1.03 + 0.022 * column
        panel.plot(
            [x, x], [first - 0.25, last + 0.25], transform=panel.get_yaxis_transform(), color=INK, linewidth=2.0,
            clip_on=False, solid_capstyle="butt", scaley=False,
        )  # fmt: skip
    text = f"critical difference {critical_difference:.3g}" + ("; bars: not told apart" if bars else "")
    panel.text(
        1.0, 1.01, text, transform=panel.transAxes, ha="right", va="bottom", fontsize=SIZE - 1.5, color=MUTED,
        fontfamily=FONT, parse_math=False,
    )  # fmt: skip
