"""The claims of a study as a forest plot: what was predicted, what was measured, and what the control shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.summaries import numbers, with_columns
from .style import BAND, COLOURS, FONT, INK, MUTED, PAPER, SIZE, dress
from .text import label as shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_ROWS = 40
FAR = 1e3  # half-widths; beyond, an arrow at the edge
CLAIM_COLUMNS = (
    "statement", "low", "high", "measured", "interval_low", "interval_high", "control_low", "control_high",
    "verdict", "reason", "n_seeds",
)  # fmt: skip
VERDICT_COLOURS = {"holds": COLOURS[2], "fails": COLOURS[5], "undecided": MUTED}
VERDICT_SIGNS = {"holds": "✓", "fails": "✗", "undecided": "?"}


def plot_claims(claims: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw one row a claim: the predicted range as a band, the median with its interval, the control's interval.

    claims: the claims table. Every claim has its own unit: distance from the middle of its prediction, in half-widths
    of the predicted range, compressed as sign(u) log10(1 + |u|); so the band is the same in every row. A one-sided
    prediction has its bound at the band's edge, and the farthest number ten units from it. At most MOST_ROWS are drawn.
    """
    rows = with_columns(claims, CLAIM_COLUMNS).head(MOST_ROWS)
    panel = ax if ax is not None else _new_axes(max(1, len(rows)))
    places = [_Row(row) for row in rows.to_dict("records")]
    reach = max([1.3, *(abs(place) for row in places for place in row.finite())]) * 1.04
    for index, row in enumerate(places):
        _draw_row(panel, -index, index + 1, row, reach)
    marks = [-1000.0, -100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0, 1000.0]
    kept = [mark for mark in marks if abs(compress(mark)) <= reach]
    panel.set_xlim(-reach, reach)
    panel.set_ylim(-max(len(places), 1) + 0.45, 0.75)
    panel.set_xticks([compress(mark) for mark in kept], [f"{mark:g}" for mark in kept])
    panel.set_yticks([])
    dress(panel, xlabel="distance from the middle of the prediction, in half-widths of the predicted range")
    panel.spines["left"].set_visible(False)
    panel.grid(False, axis="y")
    if not places:
        panel.text(0.5, 0.5, "no claims", transform=panel.transAxes, ha="center", color=MUTED, fontsize=SIZE)
    key = "band: predicted · dot and thick line: measured · thin line: control"
    if len(claims) > MOST_ROWS:
        key = f"the first {MOST_ROWS} of {len(claims)} claims · {key}"
    panel.set_title(key, loc="left", fontsize=SIZE - 1.5, color=MUTED, fontfamily=FONT, parse_math=False)
    return panel


def compress(units: Any) -> Any:
    """Return sign(u) log10(1 + |u|), with u cut to +-FAR."""
    cut = np.clip(units, -FAR, FAR)
    return np.sign(cut) * np.log10(1.0 + np.abs(cut))


class _Row:
    """One claim in the units of its prediction."""

    def __init__(self, record: dict[Any, Any]) -> None:
        self.statement = str(record["statement"])
        self.verdict = str(record["verdict"]) if record["verdict"] in VERDICT_COLOURS else "undecided"
        names = ("low", "high", "measured", "interval_low", "interval_high", "control_low", "control_high")
        values = {name: _number(record[name]) for name in names}
        low, high = values["low"], values["high"]
        measured = [values[name] for name in names[2:] if math.isfinite(values[name])]
        if math.isfinite(low) and math.isfinite(high):
            middle, half = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
        else:
            bound = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
            half = max([abs(value - bound) for value in measured], default=0.0) / 10.0 or abs(bound) or 1.0
            middle = bound + half if math.isfinite(low) else bound - half
        half = half or abs(middle) * 0.01 or 1.0
        with np.errstate(all="ignore"):
            units = {name: (value - middle) / half for name, value in values.items()}
        self.is_far = {name: abs(unit) > FAR for name, unit in units.items()}
        self.place = {name: float(compress(unit)) for name, unit in units.items()}
        self.band = (self.place["low"] if math.isfinite(low) else -math.inf, self.place["high"])
        if not math.isfinite(high):
            self.band = (self.band[0], math.inf)

    def finite(self) -> list[float]:
        """Return the drawn places of what was measured."""
        return [value for name, value in self.place.items() if name not in ("low", "high") and math.isfinite(value)]


def _number(value: object) -> float:
    import pandas as pd

    return float(numbers(pd.Series([value], dtype=object))[0])


def _draw_row(panel: Axes, y: float, rank: int, row: _Row, reach: float) -> None:
    left, right = max(row.band[0], -reach), min(row.band[1], reach)
    panel.fill_between([left, right], y - 0.27, y + 0.17, color=BAND, linewidth=0, zorder=0.5)
    colour = VERDICT_COLOURS[row.verdict]
    words: Any = {"fontsize": SIZE - 0.5, "parse_math": False, "fontfamily": FONT, "va": "center"}
    panel.text(-reach, y + 0.42, f"{rank}  {shown(row.statement, 72)}", color=INK, **words)
    sign = f"{VERDICT_SIGNS[row.verdict]} {row.verdict}"
    panel.text(reach * 1.02, y - 0.03, sign, color=colour, fontweight="bold", **words)
    place = row.place
    _interval(panel, y - 0.17, place["control_low"], place["control_high"], MUTED, 1.2)
    _ends(panel, y - 0.17, row, ("control_low", "control_high"), MUTED)
    _interval(panel, y + 0.03, place["interval_low"], place["interval_high"], INK, 2.2)
    _ends(panel, y + 0.03, row, ("interval_low", "interval_high"), INK)
    if math.isfinite(place["measured"]):
        face = PAPER if row.verdict == "undecided" else colour
        panel.plot(
            [place["measured"]], [y + 0.03], marker="o", markersize=7, markerfacecolor=face, markeredgecolor=colour,
            markeredgewidth=1.5, linestyle="none", zorder=4, clip_on=False,
        )  # fmt: skip
    else:
        panel.text(0, y - 0.05, "no measurement", ha="center", color=MUTED, **words)


def _interval(panel: Axes, y: float, low: float, high: float, colour: str, width: float) -> None:
    if math.isfinite(low) and math.isfinite(high):
        # a square, so that an interval too short for a line is still seen
        panel.plot([low, high], [y, y], color=colour, linewidth=width, solid_capstyle="butt", zorder=3)
        panel.plot([low, high], [y, y], linestyle="none", marker="|", markersize=5, color=colour, zorder=3)


def _ends(panel: Axes, y: float, row: _Row, names: tuple[str, str], colour: str) -> None:
    """Mark the ends that lie beyond the axis with an arrow."""
    for name in names:
        if row.is_far[name] and math.isfinite(row.place[name]):
            marker = "<" if row.place[name] < 0 else ">"
            panel.plot([row.place[name]], [y], marker=marker, markersize=6, color=colour, linestyle="none", zorder=3)


def _new_axes(n_rows: int) -> Axes:
    from matplotlib.figure import Figure

    height = 0.62 * n_rows + 0.95
    figure = Figure(figsize=(6.4, height), facecolor=PAPER)
    return figure.add_axes((0.02, 0.55 / height, 0.82, 1.0 - 0.85 / height))
