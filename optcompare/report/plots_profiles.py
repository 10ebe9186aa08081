"""Profiles over problems: performance (cost over the best cost), data (cost in units of d + 1), log-ratio of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..analysis.summaries import numbers
from ..errors import InvalidInputError
from .labels import CHARACTERS, short_name
from .lines import WIDE_CHARACTERS, draw_lines, note, wide_panel
from .scales import Scale
from .style import INK, MUTED, SHADE, OptimizerStyles, dress, new_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_performance_profile(
    table: pd.DataFrame, ax: Axes | None = None, *, title: str = "", styles: OptimizerStyles | None = None
) -> Axes:
    """Draw the share of problems that an optimizer solves at no more than x times the least cost of all.

    table: of :func:`~optcompare.analysis.profiles.performance_profile`, of one target: optimizer, x, share. At x = 1:
    where it is the cheapest; at the right end: what it solves at all.
    """
    return _profile(
        table, ax, "cost / least cost of all optimizers", "share of problems solved", title, styles, least=1.0
    )


def plot_data_profile(
    table: pd.DataFrame, ax: Axes | None = None, *, title: str = "", styles: OptimizerStyles | None = None
) -> Axes:
    """Draw the share of problems that an optimizer solves within x (d + 1) passes.

    table: of :func:`~optcompare.analysis.profiles.data_profile`, of one target: optimizer, x, share.
    """
    return _profile(table, ax, "cost in multiples of d + 1", "share of problems solved", title, styles)


def _profile(
    table: pd.DataFrame,
    ax: Axes | None,
    xlabel: str,
    ylabel: str,
    title: str,
    styles: OptimizerStyles | None,
    least: float | None = None,
) -> Axes:
    chosen = styles or OptimizerStyles(table["optimizer"])
    panel = ax if ax is not None else wide_panel(len(chosen), title=title)
    _one_target(table)
    rows = table[np.isfinite(numbers(table["x"]))]
    spots = numbers(rows["x"])
    x_scale = Scale.of(spots[spots > 0] if least is None else np.append(spots, least), kind="log")
    if least is None:  # what is reached at no cost is drawn at the left edge
        rows = rows.assign(x=np.where(spots > 0, spots, x_scale.low))
    y_scale = Scale(-0.015, 1.03, False)
    draw_lines(
        panel, _to_the_edge(rows, x_scale.high), x_scale, y_scale, chosen, x="x", y="share", is_step=True,
        characters=WIDE_CHARACTERS if ax is None else CHARACTERS,
    )  # fmt: skip
    return dress(panel, title=title, xlabel=xlabel, ylabel=ylabel)


def _to_the_edge(rows: pd.DataFrame, edge: float) -> pd.DataFrame:
    """Return the steps with one more row an optimizer: its last share holds to the right edge."""
    import pandas as pd

    last = rows.groupby("optimizer", sort=False).tail(1).assign(x=edge)
    return pd.concat([rows, last], ignore_index=True)


def _one_target(table: pd.DataFrame) -> None:
    taus = np.unique(numbers(table["tau"])) if "tau" in table.columns else np.empty(0)
    if len(taus[~np.isnan(taus)]) > 1:
        raise InvalidInputError(f"one figure holds one target, the table has {taus.tolist()}: select the rows of one")


def plot_log_ratio_profile(
    table: pd.DataFrame, ax: Axes | None = None, *, title: str = "", styles: OptimizerStyles | None = None
) -> Axes:
    """Draw log2(cost of a / cost of b) of every problem in ascending order, a bar each; below 0 a is cheaper.

    table: of :func:`~optcompare.analysis.profiles.log_ratio_profile`, of one target and pair. Bars have the colour of
    the cheaper one; where only one of the two solves the problem the bar reaches into the strip at the edge.
    """
    _one_target(table)
    rows = table[numbers(table["position"]) >= 0].sort_values("position", kind="stable")
    names = [str(table[name].iloc[0]) if len(table) else "" for name in ("a", "b")]
    chosen = styles or OptimizerStyles([name for name in names if name])
    panel = ax if ax is not None else new_panels(1, width=4.6, height=3.2, margins=(0.72, 0.25, 0.55, 0.42))[0]
    ratio = numbers(rows["log_ratio"])
    finite = np.abs(ratio[np.isfinite(ratio)])
    reach = max(1.0, 1.15 * float(finite.max()) if len(finite) else 1.0)
    edge = 1.2 * reach
    heights = np.clip(ratio, -edge, edge)
    n = max(1, len(table))
    is_alike = len({chosen[name].colour for name in names if name in chosen.drawn}) == 1
    panel.set_xlim(-0.7, n - 0.3)
    panel.set_ylim(-edge, edge)
    for side in (-1, 1):
        panel.axhspan(side * reach, side * edge, facecolor=SHADE, edgecolor="none", zorder=0)
    for name, is_its in zip(names, (heights < 0, heights > 0), strict=True):
        if is_its.any():
            style = chosen[name] if name in chosen.drawn else None
            bars = panel.vlines(
                np.flatnonzero(is_its), 0.0, heights[is_its], color=style.colour if style else MUTED,
                linewidth=max(1.5, min(9.0, 200.0 / n)), alpha=0.55 if name == names[1] and is_alike else None,
            )  # fmt: skip
            bars.set_gid(chosen.css_class(name))
    panel.axhline(0.0, color=MUTED, linewidth=0.8)
    places = [-edge * 0.93, *(value for value in _whole_ticks(reach)), edge * 0.93]
    labels = ["only it", *(f"{2.0 ** abs(value):g}×" if value else "equal" for value in _whole_ticks(reach)), "only it"]
    panel.set_yticks(places, labels, parse_math=False, color=INK)
    panel.set_xticks([])
    note(panel, f"{short_name(names[1], 28)} cheaper", y=0.88)
    note(panel, f"{short_name(names[0], 28)} cheaper", x=0.975, y=0.12, ha="right", va="bottom")
    n_neither = n - len(rows) if len(table) else 0
    xlabel = f"{len(rows)} problems" + (f" ({n_neither} more solved by neither)" if n_neither else "")
    return dress(panel, title=title, xlabel=xlabel, ylabel="how much cheaper")


def _whole_ticks(reach: float) -> list[float]:
    step = max(1, round(reach / 3))
    side = [float(value) for value in range(step, int(reach) + 1, step) if value < 0.9 * reach]
    return [-value for value in reversed(side)] + [0.0] + side
