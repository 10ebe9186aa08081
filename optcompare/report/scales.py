"""Axes that show every number: logarithmic where that serves, with a strip of its own for what is not positive."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import INK, MUTED, SHADE
from .text import tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST, LARGEST = 1e-300, 1e300
LEAST_RATIO = 15.0  # below, a logarithm hides more than it shows


@dataclass(frozen=True)
class Scale:
    """Where numbers go on an axis.

    is_log: positions are logarithmic. floor: the position of values <= 0 on a logarithmic axis, inside a shaded strip
    below ``edge``; NaN where there are none. strip_label: what the strip holds, "0" or "≤ 0". ceiling: the position of
    +inf, inside a shaded strip above ``top`` with the label ``top_label``; NaN where infinite values are not drawn.
    """

    low: float
    high: float
    is_log: bool
    floor: float = math.nan
    edge: float = math.nan
    strip_label: str = ""
    ceiling: float = math.nan
    top: float = math.nan
    top_label: str = ""

    @classmethod
    def of(cls, values: Any, *, kind: str = "auto", never: str = "") -> Scale:
        """Return a scale that shows every finite one of ``values``, and +inf in a strip labelled ``never`` if given.

        kind: "log" is logarithmic as soon as any value is positive; "auto" only where no value is negative and the
        positive ones span a factor of LEAST_RATIO; else linear.
        """
        given = np.asarray(values, dtype=np.float64).ravel()
        if never and bool(np.isposinf(given).any()):
            return _with_ceiling(cls.of(given, kind=kind), never)
        given = given[np.isfinite(given)]
        positive = np.clip(given[given > 0], SMALLEST, LARGEST)
        if not len(positive):
            return _linear(given)
        low, high = float(positive.min()), float(positive.max())
        if kind == "auto" and (bool((given < 0).any()) or high / low < LEAST_RATIO):
            return _linear(given)
        return _logarithmic(low, high, given[given <= 0])

    def place(self, values: Any) -> np.ndarray:
        """Return positions; NaN and infinities stay what they are, so that they are not drawn; +inf: the ceiling."""
        given = np.asarray(values, dtype=np.float64)
        if not math.isnan(self.ceiling):
            given = np.where(np.isposinf(given), self.ceiling, given)
        if not self.is_log:
            return given
        with np.errstate(invalid="ignore"):
            positive = np.where(np.isfinite(given), np.clip(given, SMALLEST, LARGEST), given)
            return np.where(given > 0, positive, np.where(np.isnan(given) | np.isinf(given), given, self.floor))

    def shift(self, positions: np.ndarray, share: float) -> np.ndarray:
        """Return positions moved by a share of the axis."""
        if self.is_log:
            return positions * (self.high / self.low) ** share
        return positions + (self.high - self.low) * share

    def share(self, position: float) -> float:
        """Return where a position lies on the axis, 0 to 1."""
        if self.is_log:
            return math.log(position / self.low) / math.log(self.high / self.low)
        return (position - self.low) / (self.high - self.low)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Return positions and labels of at most about seven ticks."""
        last = self.high if math.isnan(self.top) else self.top
        places = _log_ticks(self.low if math.isnan(self.edge) else self.edge, last) if self.is_log else []
        if not places:
            from matplotlib.ticker import MaxNLocator

            start = self.low if math.isnan(self.edge) else self.edge
            places = [float(v) for v in MaxNLocator(5).tick_values(start, last) if start <= v <= last]
            places = [value for value in places if value > 0 or not self.is_log]
        labels = [tick(value) for value in places]
        if not math.isnan(self.floor):
            places, labels = [self.floor, *places], [self.strip_label, *labels]
        if not math.isnan(self.ceiling):
            places, labels = [*places, self.ceiling], [*labels, self.top_label]
        return places, labels

    def apply(self, ax: Axes, which: str) -> None:
        """Set the axis ("x" or "y") of ``ax`` to this scale, with its ticks and its strip."""
        from matplotlib.ticker import NullFormatter, NullLocator

        axis = ax.xaxis if which == "x" else ax.yaxis
        if self.is_log:
            (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        (ax.set_xlim if which == "x" else ax.set_ylim)(self.low, self.high)
        places, labels = self.ticks()
        axis.set_ticks(places, labels, parse_math=False, color=INK)
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
        span = ax.axvspan if which == "x" else ax.axhspan
        line = ax.axvline if which == "x" else ax.axhline
        for strip, edge in (((self.low, self.edge), self.edge), ((self.top, self.high), self.top)):
            if not math.isnan(edge):
                span(*strip, facecolor=SHADE, edgecolor="none", zorder=0)
                line(edge, color=MUTED, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)


def _linear(given: np.ndarray) -> Scale:
    if not len(given):
        return Scale(0.0, 1.0, False)
    low, high = (float(np.clip(edge, -LARGEST, LARGEST)) for edge in (given.min(), given.max()))
    pad = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    return Scale(low - pad, high + pad, False)


def _logarithmic(low: float, high: float, not_positive: np.ndarray) -> Scale:
    if high / low < 4.0:
        middle = math.sqrt(low) * math.sqrt(high)
        low, high = middle / 2.0, middle * 2.0
    decades = math.log10(high) - math.log10(low)
    pad = 10.0 ** (0.05 * decades)
    low, high = max(low / pad, SMALLEST / 100), min(high, LARGEST / pad) * pad
    if not len(not_positive):
        return Scale(low, high, True)
    step = 10.0 ** (0.07 * decades)
    label = "0" if not (not_positive < 0).any() else "≤ 0"
    return Scale(max(low / step**2, 5e-308), high, True, max(low / step, 1e-307), low, label)


def _with_ceiling(scale: Scale, label: str) -> Scale:
    """Return the scale with a strip for +inf above it."""
    top = scale.high
    steps = [float(scale.shift(np.array(top), share)) for share in (0.06, 0.12)]
    if scale.is_log:
        steps = [min(steps[0], 8e307), min(steps[1], 1.7e308)]
    return replace(scale, high=steps[1], ceiling=steps[0], top=top, top_label=label)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten, thinned to seven; 1-2-5 between them on short axes; nothing on very short ones."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = list(range(first, last + 1))
    if len(powers) >= 3:
        step = -(-len(powers) // 7)
        kept = [power for power in powers if power % step == 0] or powers[:1]
        return [10.0**power for power in kept]
    fine = [m * 10.0**power for power in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [value for value in fine if low <= value <= high]
    return inside if len(inside) >= 3 else []
