"""Profiles: steps to the edges, one target a figure, and bars that say who is cheaper."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.profiles import data_profile, log_ratio_profile, performance_profile
from optcompare.errors import InvalidInputError
from optcompare.report.plots_profiles import plot_data_profile, plot_log_ratio_profile, plot_performance_profile
from optcompare.report.style import OptimizerStyles, figure_of
from optcompare.report.svg import svg_text


@pytest.fixture
def ert():
    costs = {"a": (10.0, 20.0, math.inf, math.inf), "b": (40.0, 10.0, 30.0, math.inf)}
    rows = [(f"p{index}", f"d{index}", 9, name, cost) for name, every in costs.items() for index, cost in
            enumerate(every)]  # fmt: skip
    return pd.DataFrame(rows, columns=["problem", "dataset", "dim", "optimizer", "ert"])


def line(ax, gid):
    return next(found for found in ax.lines if found.get_gid() == gid and found.get_drawstyle() == "steps-post")


def test_a_performance_profile_goes_from_one_to_the_edge(ert):
    ax = plot_performance_profile(performance_profile(ert))
    x, y = line(ax, "series-1").get_data()
    # b: ratios 4, 1, 1, never
    assert x[0] == 1.0 and y[0] == 0.5 and y[-1] == 0.75
    assert x[list(y).index(0.75)] == 4.0
    assert x[-1] == pytest.approx(ax.get_xlim()[1])
    assert "cost / least cost" in ax.get_xlabel()


def test_a_data_profile_counts_in_multiples_of_d_plus_1(ert):
    ax = plot_data_profile(data_profile(ert))
    x, y = line(ax, "series-0").get_data()
    assert {1.0: 0.25, 2.0: 0.5}.items() <= dict(zip(x, y)).items()
    assert x[0] == pytest.approx(ax.get_xlim()[0]) and y[0] == 0.0


def test_one_target_a_figure(ert):
    two = pd.concat([ert.assign(tau=0.1), ert.assign(tau=0.01)])
    for plot, table in (
        (plot_performance_profile, performance_profile(two)),
        (plot_data_profile, data_profile(two)),
        (plot_log_ratio_profile, log_ratio_profile(two, "a", "b")),
    ):
        with pytest.raises(InvalidInputError, match="one target"):
            plot(table)


def test_bars_have_the_colour_of_the_cheaper_one(ert):
    styles = OptimizerStyles(["a", "b"])
    ax = plot_log_ratio_profile(log_ratio_profile(ert, "a", "b"), styles=styles)
    bars = {found.get_gid(): found for found in ax.collections if found.get_gid()}
    down, up = (np.array([segment[1][1] for segment in bars[gid].get_segments()]) for gid in ("series-0", "series-1"))
    assert down == pytest.approx([-2.0])  # log2 of 10/40
    assert up[0] == pytest.approx(1.0) and up[1] == ax.get_ylim()[1]  # 20/10; p2 is solved by b alone: into the strip
    assert ax.get_xlabel() == "3 problems (1 more solved by neither)"
    assert ax.get_yticklabels()[0].get_text() == "only it"


def test_nothing_to_compare_is_drawn_as_such(ert):
    ratio = log_ratio_profile(ert, "a", "b")
    for table in (ratio.iloc[:0], ratio.assign(log_ratio=0.0), ratio.assign(log_ratio=math.inf)):
        assert svg_text(figure_of(plot_log_ratio_profile(table))).startswith("<?xml")
