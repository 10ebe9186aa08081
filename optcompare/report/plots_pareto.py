"""The Pareto plane drawn: squared norm of the weights against training loss, the front, trajectories and their feet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from .labels import LineEnd, label_lines
from .plots import MOST_PANELS
from .scales import Scale
from .style import FONT, INK, MUTED, PAPER, SIZE, OptimizerStyles, SeriesStyle, dress, new_panels
from .text import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

KINDS = ("front", "trajectory", "answer")
NEEDED = ("objective", "kind", "optimizer", "lam", "norm", "loss", "front_norm", "front_loss")
FAR_OFF = 0.02  # share of the axis: nearer feet are not drawn


def plot_pareto_plane(table: pd.DataFrame, ax: Axes | None = None, *, styles: OptimizerStyles | None = None) -> Axes:
    """Draw |w|^2 against the training loss: the front, trajectories towards their answers, and the answers' feet.

    table: objective, kind ("front", "trajectory", "answer"), optimizer, lam, norm, loss, front_norm, front_loss, as
    :func:`~optcompare.analysis.pareto.on_the_plane` makes them. The front is the thick line, with its lambda at powers
    of ten. From every answer off the front a vertical line goes down to its norm-matched lambda and a horizontal one
    across to its loss-matched lambda. One panel an objective; with ``ax``, the table must hold one.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise InvalidInputError(f"the table lacks {missing}; a plane needs {list(NEEDED)}")
    names = list(dict.fromkeys(table["objective"]))
    if ax is not None and len(names) != 1:
        raise InvalidInputError(f"one axes holds one panel, the table has {len(names)}: leave ax out")
    chosen = styles or OptimizerStyles(table.loc[table["kind"] != "front", "optimizer"])
    panels = [ax] if ax is not None else new_panels(min(max(1, len(names)), MOST_PANELS), width=5.0, height=4.2)
    for panel, name in zip(panels, names, strict=False):
        _draw(panel, table[table["objective"] == name], chosen)
        dress(panel, title=str(name), xlabel="squared norm of the weights", ylabel="training loss")
    if not names:
        dress(panels[0], title="no runs to draw")
    return panels[0]


def _draw(panel: Axes, part: pd.DataFrame, styles: OptimizerStyles) -> None:
    shown = part[np.isfinite(part["norm"]) & np.isfinite(part["loss"]) & (part["norm"] > 0)]
    front = shown[shown["kind"] == "front"].sort_values("lam")
    x_scale, y_scale = Scale.of(_limits(shown, "norm") ** 2, kind="log"), Scale.of(_limits(shown, "loss"), kind="log")
    x_scale.apply(panel, "x")
    y_scale.apply(panel, "y")
    panel.plot(front["norm"] ** 2, front["loss"], color=INK, linewidth=2.6, zorder=2, solid_capstyle="round")
    _mark_lambdas(panel, front, x_scale, y_scale)
    ends = []
    for style in styles:
        rows = shown[shown["optimizer"] == style.label]
        path = rows[rows["kind"] == "trajectory"]
        panel.plot(
            path["norm"] ** 2, path["loss"], color=style.colour, linewidth=1.0, linestyle=style.dash, alpha=0.75,
            zorder=2.5, gid=style.gid,
        )  # fmt: skip
        for answer in rows[rows["kind"] == "answer"].itertuples():
            ends.append(_answer(panel, answer, style, x_scale, y_scale))
    label_lines(panel, ends, x_scale, y_scale, styles)


def _limits(shown: pd.DataFrame, column: str) -> np.ndarray:
    """Return the numbers that the axis must show: the front, the answers, and of trajectories what is not far off.

    Trajectories may take as much of a logarithmic axis as front and answers do, to either side.
    """
    own = shown.loc[shown["kind"] != "trajectory", column].to_numpy(dtype=float)
    path = shown.loc[shown["kind"] == "trajectory", column].to_numpy(dtype=float)
    if not len(path) or not len(own):
        return np.concatenate([own, path])
    span = own.max() / own.min()
    ends = np.quantile(path, [0.02, 0.98])
    return np.concatenate([own, np.clip(ends, own.min() / span, own.max() * span)])


def _mark_lambdas(panel: Axes, front: pd.DataFrame, x_scale: Scale, y_scale: Scale) -> None:
    """Mark the front's powers of ten: a dot, and lambda beneath it."""
    taken = math.inf
    for point in front.itertuples():
        power = math.log10(point.lam)
        share = x_scale.share(float(x_scale.place(point.norm**2)))
        if abs(power - round(power)) > 1e-6 or abs(share - taken) < 0.09:
            continue
        taken = share
        panel.plot(
            [point.norm**2], [point.loss], "o", color=PAPER, markeredgecolor=INK, markersize=4, markeredgewidth=1.0,
            zorder=2.2,
        )  # fmt: skip
        is_first = share < 0.1  # its label goes inside, off the axis
        panel.annotate(
            number(point.lam), (point.norm**2, point.loss), (4, 3) if is_first else (-3, -4),
            textcoords="offset points", ha="left" if is_first else "right", va="bottom" if is_first else "top",
            fontsize=SIZE - 1.5, fontfamily=FONT, color=INK, parse_math=False,
        )  # fmt: skip


def _answer(panel: Axes, answer: Any, style: SeriesStyle, x_scale: Scale, y_scale: Scale) -> LineEnd:
    """Draw an answer and its feet on the front; return where its label belongs."""
    x, y = answer.norm**2, answer.loss
    feet = ((x, answer.front_loss), (answer.front_norm**2, y))
    for foot_x, foot_y in feet:
        if not (math.isfinite(foot_x) and math.isfinite(foot_y)):
            continue
        way = abs(x_scale.share(foot_x) - x_scale.share(x)) + abs(y_scale.share(foot_y) - y_scale.share(y))
        if way > FAR_OFF:
            panel.plot(
                [x, foot_x], [y, foot_y], color=style.colour, linewidth=1.1, linestyle=(0, (1, 1.4)), zorder=2.7,
                gid=style.gid,
            )  # fmt: skip
    panel.plot(
        [x], [y], linestyle="none", marker=style.marker, markersize=6, markerfacecolor=style.colour,
        markeredgecolor=MUTED if style.colour == PAPER else PAPER, markeredgewidth=0.6, zorder=3, gid=style.gid,
    )  # fmt: skip
    return LineEnd(style, float(x), float(y))
