"""Figures of costs to targets: the ECDF of runtimes, and ERT over the target and over the dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.summaries import numbers
from ..errors import InvalidInputError
from .labels import CHARACTERS
from .lines import WIDE_CHARACTERS, draw_lines, note, say, wide_panel
from .scales import Scale
from .style import INK, MUTED, OptimizerStyles, dress, new_panels
from .text import tick

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NEVER = "never"
MOST_BANDS = 3  # more bands over each other hide the lines
MOST_PANELS = 12


def plot_ecdf(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str = "cost in passes",
    title: str = "",
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw the share of (problem, target) pairs that are solved within a cost, a line an optimizer.

    table: of :func:`~optcompare.analysis.runtimes.ecdf_table`: optimizer, cost, share, low, high. Bands (bootstrap over
    data sets) of the best few; every optimizer is named at its end. Costs on a logarithmic axis.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    panel = ax if ax is not None else wide_panel(len(chosen), title=title)
    rows = table[np.isfinite(numbers(table["cost"]))]
    x_scale = Scale.of(rows["cost"], kind="log")
    y_scale = Scale(-0.015, 1.03, False)
    last = rows.groupby("optimizer", sort=False)["share"].last().sort_values(ascending=False, kind="stable")
    banded = [str(name) for name in last.index if str(name) in chosen.emphasis][:MOST_BANDS]
    draw_lines(
        panel, rows, x_scale, y_scale, chosen, x="cost", y="share", band=("low", "high"), is_step=True,
        characters=WIDE_CHARACTERS if ax is None else CHARACTERS, banded=banded,
    )  # fmt: skip
    return dress(panel, title=title, xlabel=xlabel, ylabel="share of (problem, target) pairs reached")


def plot_ert_over_target(
    ert: pd.DataFrame,
    ax: Axes | None = None,
    *,
    ylabel: str = "ERT in passes",
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw ERT over the target tau, harder ones to the right; a panel a problem. Never reached: in the strip on top.

    ert: of :func:`~optcompare.analysis.runtimes.ert_table`: problem, optimizer, tau, n_runs, n_reached, ert. With
    ``ax`` the table must hold one problem.
    """
    chosen = styles or OptimizerStyles(ert["optimizer"])
    problems = list(dict.fromkeys(ert["problem"].astype(str)))
    if ax is not None and len(problems) > 1:
        raise InvalidInputError(f"one axes holds one problem, the table has {len(problems)}: select the rows of one")
    panels = [ax] if ax is not None else new_panels(min(max(1, len(problems)), MOST_PANELS))
    for panel, problem in zip(panels, problems, strict=False):
        rows = ert[ert["problem"].astype(str) == problem].sort_values("tau", ascending=False, kind="stable")
        digits = -np.log10(numbers(rows["tau"]))
        x_scale = Scale(float(digits.min()) - 0.2, float(digits.max()) + 0.2, False)
        y_scale = Scale.of(rows["ert"], kind="log", never=NEVER)
        draw_lines(panel, rows.assign(digits=digits), x_scale, y_scale, chosen, x="digits", y="ert", mark_every=True)
        places = np.unique(digits)[:: max(1, -(-len(np.unique(digits)) // 8))]
        panel.set_xticks(places, [tick(10.0**-place) for place in places], parse_math=False, color=INK)
        dress(panel, title=problem, xlabel="target: share tau of the gap f_0 - f_ref", ylabel=ylabel)
    if not problems:
        dress(panels[0], xlabel="target", ylabel=ylabel)
        say(panels[0], "no problem to draw")
    return panels[0]


def ert_by_dimension(ert: pd.DataFrame, tau: float, per_decade: int = 3) -> pd.DataFrame:
    """Return medians of ERT over problems at one target: optimizer, dim, ert, n_problems, n_solved.

    Problems are put into bins of 1/per_decade decade of d + 1; ``dim`` is the geometric mean of d + 1 in the bin. An
    infinite ERT counts as the largest, so that a median is infinite where half of the problems were never solved.
    """
    import pandas as pd

    rows = ert[np.isclose(numbers(ert["tau"]), tau, rtol=1e-6)]
    place = np.floor(np.log10(numbers(rows["dim"]) + 1.0) * per_decade).astype(int)
    parts = []
    for (optimizer, _), part in rows.groupby([rows["optimizer"].astype(str), place], sort=True):
        costs = np.sort(numbers(part["ert"]))
        low, high = costs[(len(costs) - 1) // 2], costs[len(costs) // 2]
        middle = high if math.isinf(high) else 0.5 * (low + high)
        centre = math.exp(float(np.log(numbers(part["dim"]) + 1.0).mean()))
        parts.append([optimizer, centre, middle, len(costs), int(np.isfinite(costs).sum())])
    return pd.DataFrame(parts, columns=["optimizer", "dim", "ert", "n_problems", "n_solved"])


def plot_ert_over_dimension(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    tau: float = math.nan,
    ylabel: str = "ERT in passes",
    styles: OptimizerStyles | None = None,
) -> Axes:
    """Draw a table of :func:`ert_by_dimension`: median ERT over problems against d + 1, with lines of slope 1.

    Along a thin line the cost grows with d + 1; steeper is worse. Half of the problems never solved: the strip on top.
    """
    chosen = styles or OptimizerStyles(table["optimizer"])
    title = "" if math.isnan(tau) else f"Target tau = {tick(tau)}"
    panel = ax if ax is not None else wide_panel(len(chosen), title=title)
    x_scale = Scale.of(table["dim"], kind="log")
    y_scale = Scale.of(table["ert"], kind="log", never=NEVER)
    draw_lines(
        panel, table.sort_values("dim", kind="stable"), x_scale, y_scale, chosen, x="dim", y="ert", mark_every=True,
        characters=WIDE_CHARACTERS if ax is None else CHARACTERS,
    )  # fmt: skip
    _slopes(panel, x_scale, y_scale)
    return dress(panel, title=title, xlabel="d + 1 (parameters and one)", ylabel=ylabel)


def _slopes(panel: Axes, x_scale: Scale, y_scale: Scale) -> None:
    """Draw lines cost = c (d + 1), a decade apart."""
    if not (x_scale.is_log and y_scale.is_log):
        return
    top = y_scale.high if math.isnan(y_scale.top) else y_scale.top
    ends = np.array([x_scale.low, x_scale.high])
    first = math.floor(math.log10(y_scale.low / x_scale.high))
    for power in range(first, math.ceil(math.log10(top / x_scale.low)) + 1):
        heights = np.where(10.0**power * ends > top, np.nan, 10.0**power * ends)
        grid = np.geomspace(x_scale.low, x_scale.high, 40) if np.isnan(heights).any() else ends
        line = 10.0**power * grid
        if not (line <= top).any():
            continue
        panel.plot(
            grid[line <= top], line[line <= top], color=MUTED, linewidth=0.6, linestyle=(0, (1, 3)), zorder=1.2,
            scalex=False, scaley=False,
        )  # fmt: skip
    note(panel, "dotted: cost in proportion to d + 1", y=0.02, va="bottom", x=0.98, ha="right")
