"""Curves of what traces measured."""

import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_monitored import plot_monitored


def table(*names):
    rows = [
        {"objective": name, "optimizer": optimizer, "cost": cost, "median": height, "low": height, "high": 2 * height}
        for name in names for optimizer, height in (("gd", 1.0), ("pso", 0.01)) for cost in (0.0, 10.0, 20.0)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["objective", "optimizer", "cost", "median", "low", "high"])


def test_lines_marks_and_one_scale_for_all_panels():
    figure = plot_monitored(table("one", "two"), ylabel="loss", marks=[(10.0, "task B")]).figure
    assert len(figure.axes) == 2 and len({ax.get_ylim() for ax in figure.axes}) == 1
    for ax in figure.axes:
        lines = [line for line in ax.lines if len(line.get_xdata()) == 3 and line.get_transform() == ax.transData]
        assert [list(line.get_ydata()) for line in lines] == [[1.0] * 3, [0.01] * 3]
        assert ax.get_yscale() == "log" and ax.get_xscale() == "linear"
        assert "task B" in "".join(text.get_text() for text in ax.texts)


def test_nothing_and_too_much():
    assert "no runs" in plot_monitored(table()).get_title(loc="left")
    panel = plot_monitored(table("one"))
    with pytest.raises(InvalidInputError, match="one panel"):
        plot_monitored(table("one", "two"), panel)
    plot_monitored(table("one").assign(median=np.nan, low=np.nan, high=np.nan))


def test_the_cost_may_be_logarithmic():
    panel = plot_monitored(table("one").assign(cost=[1.0, 10.0, 100.0] * 2), is_log_cost=True)
    assert panel.get_xscale() == "log" and panel.get_xlim()[0] > 0
