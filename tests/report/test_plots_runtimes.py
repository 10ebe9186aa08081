"""Figures of costs to targets: what is drawn where, infinities included, with few and with forty optimizers."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_runtimes import (
    ert_by_dimension,
    plot_ecdf,
    plot_ert_over_dimension,
    plot_ert_over_target,
)
from optcompare.report.style import INK, MUTED, OptimizerStyles, figure_of
from optcompare.report.svg import svg_text


def markers(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid and line.get_marker() not in ("None", None, "")]


def curve(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid and line.get_transform() == ax.transData
                and line.get_linestyle() != "None")  # fmt: skip


@pytest.fixture
def ecdf():
    costs = np.array([1.0, 10.0, 100.0])
    parts = [
        pd.DataFrame({"optimizer": name, "cost": costs, "share": share, "low": share - 0.1, "high": share + 0.1})
        for name, share in (("slow", np.array([0.0, 0.1, 0.4])), ("fast", np.array([0.2, 0.6, 0.9])))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def ert():
    rows = [
        ("p1", 3, name, tau, 15, 15 if cost < math.inf else 0, cost)
        for name, costs in (("good", (10.0, 30.0, 90.0)), ("bad", (20.0, 400.0, math.inf)))
        for tau, cost in zip((1e-1, 1e-3, 1e-5), costs)
    ]
    return pd.DataFrame(rows, columns=["problem", "dim", "optimizer", "tau", "n_runs", "n_reached", "ert"])


def test_the_ecdf_is_a_step_function_with_its_band(ecdf):
    ax = plot_ecdf(ecdf, xlabel="cost in passes")
    line = curve(ax, "series-1")
    assert line.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(line.get_ydata(), [0.2, 0.6, 0.9])
    np.testing.assert_array_equal(line.get_xdata(), [1.0, 10.0, 100.0])
    (band,) = [found for found in ax.collections if found.get_gid() == "series-1"]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((0.1, 1.0))
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "cost in passes"
    assert [text.get_text() for text in ax.texts] == ["slow", "fast"]


def test_never_reached_is_in_the_strip_on_top(ert):
    ax = plot_ert_over_target(ert)
    labels = {text.get_text(): place for text, place in zip(ax.get_yticklabels(), ax.get_yticks())}
    assert labels["never"] > 400
    (bad,) = markers(ax, "series-1")
    assert bad.get_ydata()[-1] == labels["never"] and list(bad.get_ydata()[:2]) == [20.0, 400.0]
    assert list(bad.get_xdata()) == pytest.approx([1.0, 3.0, 5.0])  # harder targets to the right
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.1", "0.001", "10⁻⁵"]


def test_a_panel_holds_one_problem(ert):
    from matplotlib.figure import Figure

    two = pd.concat([ert, ert.assign(problem="p2")])
    assert len(figure_of(plot_ert_over_target(two)).axes) == 2
    with pytest.raises(InvalidInputError, match="one problem"):
        plot_ert_over_target(two, Figure().subplots())
    ax = Figure().subplots()
    assert plot_ert_over_target(ert, ax) is ax


def test_ert_by_dimension_takes_medians_that_may_be_infinite():
    rows = [("a", f"p{i}", 9, cost) for i, cost in enumerate((1.0, 3.0, math.inf))]
    rows += [("a", "q", 99, 50.0), ("b", "p0", 9, 5.0), ("b", "p1", 9, math.inf)]
    table = pd.DataFrame(rows, columns=["optimizer", "problem", "dim", "ert"]).assign(tau=1e-3)
    found = ert_by_dimension(table, 1e-3)
    first = {"optimizer": "a", "dim": pytest.approx(10.0), "ert": 3.0, "n_problems": 3, "n_solved": 2}
    assert found.iloc[0].to_dict() == first
    assert found["ert"].tolist() == [3.0, 50.0, math.inf]
    ax = plot_ert_over_dimension(ert_by_dimension(table, 1e-3), tau=1e-3)
    assert "0.001" in ax.get_title(loc="left")
    assert "never" in [text.get_text() for text in ax.get_yticklabels()]
    slopes = [line for line in ax.lines if line.get_gid() is None and np.ptp(line.get_ydata()) > 0]
    x, y = slopes[0].get_data()
    np.testing.assert_allclose(np.diff(np.log(y)), np.diff(np.log(x)))


def test_forty_optimizers_are_all_named_the_emphasised_in_ink():
    names = [f"optimizer {index}{form}" for index in range(20) for form in ("", " tuned")]
    table = pd.concat(
        [
            pd.DataFrame({"optimizer": name, "cost": [1.0, 10.0], "share": [0.0, place / 50]})
            for place, name in enumerate(names)
        ]
    ).assign(low=0.0, high=1.0)
    styles = OptimizerStyles(names, emphasis=names[-5:])
    ax = plot_ecdf(table, styles=styles)
    texts = {text.get_text(): text.get_color() for text in ax.texts}
    assert set(names) == set(texts)
    assert [name for name, colour in texts.items() if colour == INK] == names[-5:]
    assert sum(colour == MUTED for colour in texts.values()) == 35
    heights = sorted(text.get_position()[1] for text in ax.texts)
    inches = ax.get_position().height * figure_of(ax).get_size_inches()[1]
    assert min(np.diff(heights)) * inches * 72 > 9  # points: no two names on each other
    assert len({found.get_gid() for found in ax.collections if found.get_gid()}) <= 3  # bands of the best few alone


def test_next_to_nothing_is_drawn_as_such(ecdf, ert):
    assert "no finite number" in plot_ecdf(ecdf.iloc[:0]).texts[0].get_text()
    assert "no problem" in plot_ert_over_target(ert.iloc[:0]).texts[0].get_text()
    for table in (ert.assign(ert=math.inf), ert.assign(ert=1.0), ert.head(1)):
        assert svg_text(figure_of(plot_ert_over_target(table))).startswith("<?xml")
    assert svg_text(figure_of(plot_ert_over_dimension(ert_by_dimension(ert.assign(ert=math.inf), 1e-3))))
