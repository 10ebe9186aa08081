"""Gaps at budgets, areas and lambda's ratio: zeros and infinities have a place, rows an order."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.report.plots_gaps import plot_areas, plot_fixed_budget, plot_implied_ratio
from optcompare.report.style import PAPER, OptimizerStyles, figure_of
from optcompare.report.svg import svg_text


def markers(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid and line.get_marker() not in ("None", None, "", "|")]


def test_no_gap_and_no_value_have_strips_of_their_own():
    table = pd.DataFrame(
        {"optimizer": "a", "budget": [1.0, 10.0, 100.0], "median": [math.inf, 0.1, 0.0], "low": 0.0, "high": math.inf}
    )
    ax = plot_fixed_budget(table)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[0] == "0" and labels[-1] == "no value"
    (line,) = markers(ax, "series-0")
    ticks = ax.get_yticks()
    assert list(line.get_ydata()) == pytest.approx([ticks[-1], 0.1, ticks[0]])
    assert svg_text(figure_of(plot_fixed_budget(table.iloc[:0]))).startswith("<?xml")


def test_areas_are_rows_least_on_top():
    table = pd.DataFrame(
        {
            "optimizer": ["bad", "bad", "good", "good"], "dataset": ["x", "y"] * 2, "area": [0.7, 0.9, 0.1, 0.3],
            "value": [0.8, 0.8, 0.2, 0.2], "low": [0.7, 0.7, 0.1, 0.1], "high": [0.9, 0.9, 0.3, 0.3],
        }
    )  # fmt: skip
    styles = OptimizerStyles(["bad", "good"])
    ax = plot_areas(table, styles=styles)
    assert [text.get_text() for text in ax.texts] == ["good", "bad"]
    (good,) = markers(ax, styles["good"].gid)
    assert (good.get_xdata()[0], good.get_ydata()[0]) == (0.2, 0)
    ticks = next(patch for patch in ax.patches if patch.get_gid() == styles["good"].gid)
    np.testing.assert_array_equal(ticks.get_path().vertices[:, 0], [0.1, 0.1, 0.3, 0.3])


def test_ratios_keep_their_order_and_negative_ones_have_a_place():
    table = pd.DataFrame(
        {"optimizer": ["near", "far"], "ratio": [1.1, -2.0], "value": [1.1, -2.0], "low": [0.9, -3.0],
         "high": [1.3, 5.0]}
    )  # fmt: skip
    ax = plot_implied_ratio(table)
    assert [text.get_text() for text in ax.texts] == ["near", "far"]
    assert ax.get_xticklabels()[0].get_text() == "≤ 0"
    (far,) = markers(ax, "series-1")
    assert far.get_xdata()[0] == ax.get_xticks()[0]


def test_a_default_form_is_hollow():
    table = pd.DataFrame({"optimizer": ["pso", "pso tuned"], "dataset": "x", "area": 0.5, "value": 0.5, "low": 0.4,
                          "high": 0.6})  # fmt: skip
    ax = plot_areas(table)
    (default,), (tuned,) = markers(ax, "series-0"), markers(ax, "series-1")
    assert default.get_markerfacecolor() == PAPER and tuned.get_markerfacecolor() == tuned.get_markeredgecolor()
    assert default.get_markeredgecolor() == tuned.get_markeredgecolor() and default.get_marker() == tuned.get_marker()
