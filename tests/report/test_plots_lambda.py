"""Figures of lambda as a currency, from small tables."""

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.exchange import CURVE_COLUMNS
from optcompare.errors import UnknownNameError
from optcompare.report.plots_lambda import (
    binned_medians,
    plot_budget_as_lambda,
    plot_exchange,
    plot_resolution,
    plot_resolution_collapse,
)
from optcompare.report.style import figure_of


def exchange_table():
    rows = []
    for lam in (0.1, 1.0, 10.0):
        for arm, factor in (("lbfgs", 1.0), ("pso", 0.0), ("gd", np.inf)):
            value = factor * lam if np.isfinite(factor) else np.inf
            rows.append(["a_$x$", lam, arm, "lbfgs", "norm", 10, 0, 10, 0, 0, value, value, value, 0.98, "inside",
                         factor, 20.0, False, 0])  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def places(ax, marker):
    """Return the heights of all drawn points that have this marker."""
    return [y for line in ax.lines if line.get_marker() == marker for y in line.get_ydata()]


def test_exchange_draws_identity_the_strip_and_what_is_above():
    ax = plot_exchange(exchange_table())
    assert "< path" in [label.get_text() for label in ax.get_yticklabels()]
    assert len(places(ax, "^")) >= 3
    figure_of(ax).canvas.draw()
    assert plot_exchange(exchange_table().iloc[:0]) is not None


def test_budget_has_a_panel_for_each_scalar_and_its_line():
    costs = np.array([10.0, 100.0, 1000.0])
    parts = [
        pd.DataFrame({"objective": "a", "optimizer": arm, "matched_on": match, "cost": costs,
                      "median": [100, 10, low], "low": [90, 9, 0.0], "high": [np.inf, 11, 1.1]})
        for arm, low in (("gd", 1.0), ("pso", 0.0)) for match in ("norm", "loss")
    ]  # fmt: skip
    lines = pd.DataFrame({"objective": "a", "label": "n/(eta t)", "cost": costs, "lam": 500 / costs})
    ax = plot_budget_as_lambda(pd.concat(parts), lines=lines)
    panels = figure_of(ax).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["a: norm-matched", "a: loss-matched"]
    dashed = [line for line in panels[0].lines if np.array_equal(line.get_ydata(), 500 / costs)]
    assert len(dashed) == 1
    assert any("n/(eta t)" in text.get_text() for text in panels[0].texts)


def test_collapse_draws_a_point_a_cell_over_both_axes():
    table = pd.DataFrame(
        {"objective": "a", "optimizer": ["gd"] * 4 + ["pso"] * 4, "lam_canonical": [0.1, 1, 10, 100] * 2,
         "regret_over_gap": [0.01, 1, 100, 1e4] * 2, "auc": [0.5, 0.8, 1, 1] * 2}
    )  # fmt: skip
    ax = plot_resolution_collapse(table)
    assert [len(places(panel, "o")) for panel in figure_of(ax).axes] == [4, 4]
    assert ax.get_xscale() == "log"
    x, y = binned_medians(np.array([1.0, 2.0, 50.0, np.nan, 0.0]), np.array([0.5, 0.7, 1.0, 9.0, 9.0]))
    np.testing.assert_allclose(y, [0.6, 1.0])
    np.testing.assert_allclose(x, [10**0.25, 10**1.75])
    plot_resolution_collapse(table, ax, x="lam_canonical")
    with pytest.raises(UnknownNameError):
        plot_resolution_collapse(table, x="nothing")


def test_resolution_marks_what_was_not_reached():
    table = pd.DataFrame(
        {"objective": "a", "optimizer": "pso", "budget": [10.0, 100.0], "resolution": [np.inf, 1.0],
         "low": [10.0, 0.1], "high": [np.inf, 1.0], "smallest_tried": 0.1, "largest_tried": 10.0}
    )  # fmt: skip
    assert len(places(plot_resolution(table), "^")) == 1
