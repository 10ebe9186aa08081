"""The cost axes of a report: one of them is shown at a time, and a switch of the page chooses which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.summaries import numbers
from .text import number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CostAxis:
    """One way to count cost.

    key: its class and switch in the page. label: of the switch. cost, gradient_price: as
    :func:`~optcompare.analysis.runtimes.runtimes` takes them. unit: after a number, such as "passes".
    """

    key: str
    label: str
    cost: str
    gradient_price: float | str
    unit: str

    @property
    def css_class(self) -> str:
        """The class of what is shown on this axis alone."""
        return f"cost cost-{self.key}"

    @property
    def xlabel(self) -> str:
        """The axis' label in a figure."""
        return f"cost in {self.unit}"

    def price(self, dim: float, measured: float) -> float:
        """Return the passes that a gradient is charged for d = ``dim`` and a measured price; 2 where that is NaN."""
        if self.gradient_price == "dimension":
            return dim + 1.0
        if self.gradient_price == "measured":
            return 2.0 if math.isnan(measured) else measured
        return float(self.gradient_price)


def cost_axes(gradient_price: float, problems: pd.DataFrame | None = None, *, has_dim: bool = True) -> list[CostAxis]:
    """Return the axes that can be drawn, the default one first: passes at the price that the runs were charged.

    problems: with measured gradient prices; without any the axis at the measured price is left out. has_dim: whether
    the runs know their number of parameters.
    """
    price = number(gradient_price)
    axes = [CostAxis("passes", f"gradient {price} passes", "passes", gradient_price, _unit(price))]
    if gradient_price != 0:
        axes.append(CostAxis("evaluations", "gradients free", "passes", 0.0, "evaluations (gradients free)"))
    if gradient_price != 2:
        axes.append(CostAxis("two", "gradient 2 passes", "passes", 2.0, _unit("2")))
    if problems is not None and np.isfinite(numbers(problems["gradient_price"])).any():
        axes.append(CostAxis("measured", "gradient as measured", "passes", "measured", _unit("measured price")))
    if has_dim:
        axes.append(CostAxis("dimension", "gradient d + 1 passes", "passes", "dimension", _unit("(d + 1)")))
    axes.append(CostAxis("seconds", "seconds", "seconds", gradient_price, "seconds"))
    if has_dim:
        unit = f"multiples of d + 1 (a gradient {price} passes)"
        axes.append(CostAxis("simplices", "multiples of d + 1", "simplices", gradient_price, unit))
    return axes


def _unit(price: str) -> str:
    return f"passes (values + {price} × gradients)"
