"""The figures: what is drawn, and that nothing around them is touched."""

import math
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.report.plots import (
    plot_claims,
    plot_convergence,
    plot_implied_lambda,
    plot_over_lambda,
    select_lambdas,
)
from optcompare.report.style import OptimizerStyles
from optcompare.report.svg import inline_svg, svg_text


@pytest.fixture(scope="module")
def frame(synthetic):
    return synthetic.frame(("cancer",))


@pytest.fixture(scope="module")
def traces(synthetic, frame):
    return synthetic.traces(frame[frame["lam"] == 0.1], n_rows=12)


def points(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid and line.get_marker() not in ("None", None, "")]


def test_implied_lambda_draws_medians_hollow_where_not_identified(frame):
    ax = plot_implied_lambda(frame)
    styles = OptimizerStyles(frame["optimizer"])
    (lbfgs,) = points(ax, styles["lbfgs"].gid)
    median = frame[frame["optimizer"] == "lbfgs"].groupby("lam")["implied_lambda"].median()
    np.testing.assert_allclose(lbfgs.get_ydata(), median)
    np.testing.assert_allclose(lbfgs.get_xdata(), median.index, rtol=0.5)
    assert lbfgs.get_markerfacecolor() == styles["lbfgs"].colour
    (adam,) = points(ax, styles["adam decay"].gid)
    assert adam.get_markerfacecolor() == "#ffffff"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    identity = [line for line in ax.lines if line.get_gid() is None and np.ptp(line.get_xdata()) > 0]
    assert any(np.array_equal(line.get_xdata(), line.get_ydata()) for line in identity)


def test_negative_readings_are_in_the_strip_not_dropped(frame):
    rows = frame.assign(implied_lambda=frame["implied_lambda"].where(frame["lam"] > 0.05, -1.0))
    ax = plot_implied_lambda(rows)
    assert "≤ 0" in [text.get_text() for text in ax.get_yticklabels()]
    line = points(ax, "series-0")[0]
    below = line.get_ydata()[line.get_xdata() < 0.03]
    assert len(below) == 2
    assert len(set(below)) == 1 and below[0] < rows.loc[rows["implied_lambda"] > 0, "implied_lambda"].min()


def test_lambda_zero_has_a_place(frame):
    ax = plot_over_lambda(frame.assign(lam_canonical=frame["lam"].where(frame["lam"] > 0.05, 0.0)), "norm")
    assert ax.get_xticklabels()[0].get_text() == "0"


def test_several_objectives_become_small_multiples(synthetic):
    rows = synthetic.frame(("a", "b", "c", "d"), lambdas=(1.0,), n_seeds=2)
    ax = plot_over_lambda(rows, "loss")
    assert [panel.get_title(loc="left") for panel in ax.figure.axes] == ["a", "b", "c", "d"]
    with pytest.raises(InvalidInputError, match="leave ax out"):
        plot_over_lambda(rows, "loss", ax)
    with pytest.raises(InvalidInputError, match="no column 'losss'"):
        plot_over_lambda(rows, "losss")


def test_drawing_into_given_axes_returns_them(frame):
    from matplotlib.figure import Figure

    first, second = Figure().subplots(2)
    assert plot_over_lambda(frame, "test_error", first) is first
    assert plot_claims(pd.DataFrame(), second) is second


@pytest.mark.parametrize("cost", ["passes", "evaluations", "seconds"])
def test_convergence_over_each_cost(traces, cost):
    ax = plot_convergence(traces, cost, gradient_price=3.0)
    ends = [line.get_xdata()[-1] for line in points(ax, "series-0")]
    rows = traces[traces["optimizer"] == "lbfgs"]
    expected = {"passes": rows["n_values"] + 3 * rows["n_gradients"], "evaluations": rows["n_values"]}
    assert ends[0] == pytest.approx(expected.get(cost, rows["seconds"]).max())
    assert cost in ax.get_xlabel()
    assert "0" in [text.get_text() for text in ax.get_yticklabels()]  # somebody is the best known
    with pytest.raises(UnknownNameError):
        plot_convergence(traces, "hours")


def test_claims_plot_places_every_number_in_half_widths(synthetic):
    ax = plot_claims(synthetic.claims())
    texts = [text.get_text() for text in ax.texts]
    assert sum("holds" in text for text in texts) == 3
    assert any("no measurement" in text for text in texts)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 5
    np.testing.assert_allclose(dots[0].get_xdata(), 0, atol=1e-9)  # measured in the middle of its prediction
    np.testing.assert_allclose(dots[3].get_xdata(), math.log10(1 + 150), rtol=1e-6)  # (2.5 - 1)/0.01 half-widths away


@pytest.mark.parametrize("table", [pd.DataFrame(), pd.DataFrame({"optimizer": ["o"], "objective": ["f"]})])
def test_next_to_nothing_is_drawn_as_such(table):
    for ax in (
        plot_implied_lambda(table),
        plot_over_lambda(table.assign(norm=math.nan), "norm"),
        plot_claims(table[:0]),
    ):
        assert svg_text(ax.figure).startswith("<?xml")
    assert plot_convergence(pd.DataFrame()).texts[0].get_text() == "no runs to draw"


def test_labels_are_never_mathtext_nor_markup(frame):
    names = {"lbfgs": "$\\frac$ _x^2", "pso": '<b id="x">#222222', "cma_es": "_hidden"}
    rows = frame.assign(optimizer=frame["optimizer"].replace(names), objective="$a_b$ <i>")
    document = svg_text(plot_over_lambda(rows, "norm").figure)
    assert "$a_b$ &lt;i&gt;" in document and "$\\frac$ _x^2" in document and "_hidden" in document
    inline = inline_svg(document, "f1", 'a "name" <x>')
    assert '&lt;b id="x"&gt;#222222' in inline  # text is left alone by what renames ids and colours
    assert 'aria-label="a &quot;name&quot; &lt;x&gt;"' in inline


def test_a_thousand_labels_are_summed_up(synthetic):
    rows = synthetic.frame(("a",), (0.1, 1.0), [f"o{index}" for index in range(1000)], n_seeds=1)
    ax = plot_over_lambda(rows, "norm")
    legend = [text.get_text() for text in ax.artists[0].get_texts()]
    assert legend[-1] == "984 others" and len(legend) == 17
    (band,) = [collection for collection in ax.collections if collection.get_gid() == "series-others"]
    others = rows[~rows["optimizer"].isin(OptimizerStyles(rows["optimizer"]).drawn)]
    heights = band.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [others["norm"].min(), others["norm"].max()])


def test_no_pyplot_no_settings_no_warnings():
    code = """
import sys
from optcompare.report import plots
import matplotlib, pandas
settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != "backend"}  # that imports pyplot
before = settings()
from optcompare.report.svg import svg_text
svg_text(plots.plot_claims(pandas.DataFrame()).figure)
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_same_table_gives_the_same_bytes(frame):
    with matplotlib.rc_context({"svg.hashsalt": "other", "svg.fonttype": "path"}):
        first = svg_text(plot_implied_lambda(frame).figure)
    assert first == svg_text(plot_implied_lambda(frame).figure)


def test_few_lambdas_are_selected_from_end_to_end():
    assert select_lambdas([3, 1, 2, math.nan]) == [1, 2, 3]
    assert select_lambdas([1, 2, 3, 4, 5, 6, 7]) == [1, 4, 7]
    assert math.isnan(select_lambdas([math.nan])[0])
    assert select_lambdas([]) == []
