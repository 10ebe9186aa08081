"""The cost axes: which there are, and what a gradient costs on them."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.report.cost_axes import cost_axes
from optcompare.report.figures import convergence_group
from optcompare.report.style import OptimizerStyles

MEASURED = pd.DataFrame({"gradient_price": [0.8, math.nan]})


def test_the_price_that_was_charged_comes_first():
    keys = [axis.key for axis in cost_axes(2.0, MEASURED)]
    assert keys == ["passes", "evaluations", "measured", "dimension", "seconds", "simplices"]
    assert [axis.key for axis in cost_axes(5.0, MEASURED)][:3] == ["passes", "evaluations", "two"]
    assert cost_axes(5.0)[0].label == "gradient 5 passes"
    free = [axis.key for axis in cost_axes(0.0)]
    assert free[0] == "passes" and "evaluations" not in free  # they are the same then
    assert "measured" not in [axis.key for axis in cost_axes(2.0, MEASURED.iloc[1:])]
    assert [axis.key for axis in cost_axes(2.0, has_dim=False)] == ["passes", "evaluations", "seconds"]


def test_prices():
    axes = {axis.key: axis for axis in cost_axes(3.0, MEASURED)}
    assert axes["passes"].price(9, 0.8) == 3.0
    assert axes["evaluations"].price(9, 0.8) == 0.0
    assert axes["two"].price(9, 0.8) == 2.0
    assert axes["dimension"].price(9, 0.8) == 10.0
    assert axes["measured"].price(9, 0.8) == 0.8
    assert axes["measured"].price(9, math.nan) == 2.0


def test_curves_move_with_the_axis(synthetic):
    frame = synthetic.frame(("cancer",), lambdas=(1.0,), optimizers=("lbfgs", "pso"), n_seeds=1)
    axes = cost_axes(2.0)
    traces = synthetic.traces(frame, n_rows=4)
    group = convergence_group(traces, frame, OptimizerStyles(["lbfgs", "pso"]), 2.0, axes)
    ends = {}
    for panel in group.panels:
        (ax,) = panel.figure.axes
        for gid in ("series-0", "series-1"):
            line = next(line for line in ax.lines if line.get_gid() == gid and line.get_transform() == ax.transData)
            ends[panel.css_class.split("-")[-1], gid] = line.get_xdata()[-1]
    n, dim = 2000.0, 31
    assert ends["passes", "series-0"] == pytest.approx(3 * n)
    assert ends["evaluations", "series-0"] == pytest.approx(n)
    assert ends["dimension", "series-0"] == pytest.approx((dim + 2) * n)
    assert ends["simplices", "series-0"] == pytest.approx(3 * n / (dim + 1))
    assert np.ptp([ends[key, "series-1"] for key in ("passes", "evaluations", "dimension")]) == 0.0
