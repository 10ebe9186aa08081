"""The transfer matrix drawn: source by target, a panel for each way of carrying lambda over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..analysis.summaries import median_interval
from ..errors import InvalidInputError
from .labels import LineEnd, label_lines
from .scales import Scale
from .style import FONT, GRID, INK, MUTED, PAPER, SIZE, OptimizerStyles, dress, new_panels
from .text import label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NEEDED = ("source", "target", "method", "regret", "low", "high")
# Light to dark, one hue: the order survives every colour blindness and a grey printer.
STEPS = ((0.01, "#e9f1fb"), (0.03, "#b9d3f1"), (0.10, "#7aa9e0"), (math.inf, "#2f62ad"))
TITLES = {
    "unchanged": "lambda unchanged",
    "converted": "lambda converted by formula",
    "measured": "lambda through a measured curve",
}


def plot_transfer_matrix(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    margin: float = 0.01,
    minimises: Mapping[str, str] | None = None,
) -> Axes:
    """Draw the test regret of every source (row) and target (column): a panel a method, numbers in per cent.

    table: source, target, method, regret, low, high, as :func:`~optcompare.analysis.transfer.transfer_matrix` makes it.
    Darker is worse; bold with a frame where even ``high`` lies within the margin (non-inferior to direct tuning).
    minimises: arm -> what its lambda really bounds: written into the cells that have no conversion. With ``ax`` the
    table must hold one method.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise InvalidInputError(f"the table lacks {missing}; a transfer matrix needs {list(NEEDED)}")
    methods = list(dict.fromkeys(table["method"]))
    if ax is not None and len(methods) != 1:
        raise InvalidInputError(f"one axes holds one method, the table has {methods}: leave ax out")
    arms = list(dict.fromkeys([*table["source"], *table["target"]]))
    size = max(3.4, 0.72 * len(arms) + 1.9)
    margins = (1.35, 0.12, 1.25, 0.42)
    panels = [ax] if ax is not None else new_panels(max(1, len(methods)), width=size, height=size, margins=margins)
    for panel, method in zip(panels, methods):
        dress(panel, title=TITLES.get(str(method), str(method)))
        cells = table[table["method"] == method].to_dict("records")
        for cell in cells:
            _cell(panel, cell, arms, margin, dict(minimises or {}))
        _axes_of(panel, arms)
    if not methods:
        dress(panels[0], title="no runs to draw")
    return panels[0]


def _cell(panel: Axes, cell: Mapping[Any, Any], arms: list[str], margin: float, minimises: Mapping[str, str]) -> None:
    from matplotlib.patches import Rectangle

    x, y = arms.index(cell["target"]), arms.index(cell["source"])
    regret = float(cell["regret"])
    if math.isnan(regret):
        norms = [minimises[arm] for arm in (cell["target"], cell["source"]) if arm in minimises]
        face, text, ink, is_good = PAPER, norms[0] if norms else "–", MUTED, False
        panel.add_patch(
            Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=face, edgecolor=GRID, hatch="///", linewidth=0.8)
        )
    else:
        step = next(index for index, (top, _) in enumerate(STEPS) if regret <= top)
        face, ink = STEPS[step][1], PAPER if step == len(STEPS) - 1 else INK
        text, is_good = _percent(regret), float(cell["high"]) <= margin
        panel.add_patch(
            Rectangle(
                (x - 0.48, y - 0.48), 0.96, 0.96, facecolor=face, edgecolor=INK if is_good else GRID,
                linewidth=1.8 if is_good else 0.8, zorder=2 if is_good else 1.5,
            )
        )  # fmt: skip
    panel.text(
        x, y, label(text, 14), ha="center", va="center", fontsize=SIZE if not math.isnan(regret) else SIZE - 2.5,
        fontweight="bold" if is_good else "normal", fontfamily=FONT, color=ink, parse_math=False, zorder=3,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0} if math.isnan(regret) else None,
    )  # fmt: skip


def _percent(regret: float) -> str:
    if not math.isfinite(regret):
        return "fails"
    return f"{100 * regret:+.1f}" if regret < 10.0 else "> 1000"


def _axes_of(panel: Axes, arms: list[str]) -> None:
    names = [label(arm, 18) for arm in arms]
    panel.set_xlim(-0.55, len(arms) - 0.45)
    panel.set_ylim(len(arms) - 0.45, -0.55)
    panel.set_xticks(range(len(arms)), names, rotation=35, ha="right", parse_math=False, fontfamily=FONT, color=INK)
    panel.set_yticks(range(len(arms)), names, parse_math=False, fontfamily=FONT, color=INK)
    panel.grid(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    panel.tick_params(length=0)
    panel.set_xlabel("target: used under", fontsize=SIZE, fontfamily=FONT, color=INK, parse_math=False)
    panel.set_ylabel("source: tuned under", fontsize=SIZE, fontfamily=FONT, color=INK, parse_math=False)


def plot_growth(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how tuned lambda and the regret of keeping lambda, or lambda/n, go with the number of items.

    table: objective, seed, size, times (n as a multiple of the first), tuned_at_n, tuned (NaN: left out), and the
    regrets "lambda" and "lambda/n". Two panels: tuned/tuned_at_n over times, medians over seeds, with the line that
    lambda/n would follow; and the regrets of each size, medians over seeds of the mean over objectives, with exact
    intervals. With ``ax``: the first panel alone.
    """
    panels = [ax] if ax is not None else new_panels(2, width=5.2, height=3.8)
    if not len(table):
        return dress(panels[0], title="no runs to draw")
    _tuned_over_n(panels[0], table)
    if ax is None:
        _regret_by_size(panels[1], table)
    return panels[0]


def _tuned_over_n(panel: Axes, table: pd.DataFrame) -> None:
    styles = OptimizerStyles(table["objective"])
    ratios = table.assign(ratio=table["tuned"] / table["tuned_at_n"]).groupby(["objective", "size", "times"])["ratio"]
    medians = ratios.median().reset_index()
    is_repeated = medians["size"].str.contains("same")
    most = float(medians["times"].max())
    x_scale, y_scale = Scale.of([1.0, most], kind="log"), Scale.of([*medians["ratio"], 1.0, most], kind="log")
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    panel.plot([1.0, most], [1.0, 1.0], color=GRID, linewidth=1.5, zorder=1)
    panel.plot([1.0, most], [1.0, most], color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1.5)
    ends = []
    for style in styles:
        own = medians["objective"] == style.label
        grown = medians[own & ~is_repeated].sort_values("times")
        x, y = [1.0, *grown["times"]], [1.0, *grown["ratio"]]
        panel.plot(x, y, color=style.colour, marker=style.marker, markersize=5, linewidth=1.4, gid=style.gid)
        again = medians[own & is_repeated]
        panel.plot(
            again["times"], again["ratio"], linestyle="none", marker=style.marker, markersize=6, markerfacecolor=PAPER,
            markeredgecolor=style.colour, gid=style.gid, zorder=3,
        )  # fmt: skip
        known = [(at, height) for at, height in zip(x, y) if math.isfinite(height)]
        ends.append(LineEnd(style, *map(float, known[-1])))
    label_lines(panel, ends, x_scale, y_scale, styles)
    dress(panel, title="Tuned lambda", xlabel="training items, in n", ylabel="tuned lambda, in lambda at n")
    panel.text(
        0.03, 0.97, "- - lambda/n carries over\nhollow: the same n, repeated", transform=panel.transAxes, va="top",
        fontsize=SIZE - 1.5, fontfamily=FONT, color=MUTED, parse_math=False,
    )  # fmt: skip


def _regret_by_size(panel: Axes, table: pd.DataFrame) -> None:
    sizes = list(dict.fromkeys(table["size"]))
    styles = OptimizerStyles(["lambda", "lambda/n"])
    for place, style in enumerate(styles):
        by_seed = table.groupby(["size", "seed"])[style.label].mean()
        spans = [median_interval(100.0 * by_seed[size]) for size in sizes]
        x = [position + (place - 0.5) * 0.24 for position in range(len(sizes))]
        panel.vlines(x, [s.low for s in spans], [s.high for s in spans], color=style.colour, linewidth=2.0)
        panel.plot(
            x, [s.median for s in spans], linestyle="none", marker=style.marker, markersize=6, color=style.colour,
            label=f"{style.label} kept",
        )  # fmt: skip
    panel.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    panel.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    dress(panel, title="Test regret", xlabel="training items", ylabel="regret in % (dotted: 1 %)")
    panel.set_xticks(range(len(sizes)), sizes, parse_math=False, fontfamily=FONT, color=INK)
    panel.set_xlim(-0.6, len(sizes) - 0.4)
    panel.legend(frameon=False, fontsize=SIZE - 1, loc="upper left")
