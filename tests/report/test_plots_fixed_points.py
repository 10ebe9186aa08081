"""Predicted against measured lambda, and residuals where there is none."""

import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_fixed_points import plot_deviation, plot_predicted, plot_two_residuals

ROWS = pd.DataFrame(
    {
        "row": ["gd", "gd", "heavy $ball_"],
        "group": ["cancer", "diabetes", "cancer"],
        "predicted": [10.0, 8.0, 1.0],
        "median": [10.0, 8.4, 0.9],
        "low": [9.9, 8.0, 0.8],
        "high": [10.1, 9.0, 1.0],
    }
)
PAIRS = ROWS[["row", "group"]].assign(alternative=[0.0, 1e-3, 0.02], of_l2=[0.5, 0.2, 1.0])


def drawn(ax):
    """The positions of all markers."""
    lines = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    return sorted((x, y) for line in lines for x, y in zip(*line.get_data(), strict=True))


def test_predicted_and_measured_are_where_they_belong_with_the_rows_numbers():
    ax = plot_predicted(ROWS)
    assert drawn(ax) == [(1.0, 0.9), (8.0, 8.4), (10.0, 10.0)]
    assert sorted(text.get_text() for text in ax.texts if text.get_text()[0].isdigit()) == ["1", "1", "2"]


def test_points_on_top_of_each_other_share_their_numbers():
    twins = ROWS.assign(group="cancer", row=["a", "b", "c"], predicted=[10.0, 10.1, 1.0], median=[10.0, 10.0, 1.0])
    numbers = {text.get_text() for text in plot_predicted(twins).texts}
    assert {"1, 2", "3"} <= numbers


def test_deviations_are_relative_one_line_a_row():
    ax = plot_deviation(ROWS)
    assert [x for x, _ in drawn(ax)] == pytest.approx([-0.1, 0.0, 0.05])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1 gd", "2 heavy $ball_"]
    low, high = ax.get_xlim()
    assert low < -0.2 and high > 0.125


def test_both_residuals_are_drawn_and_a_zero_has_a_place():
    ax = plot_two_residuals(PAIRS)
    assert [x for x, _ in drawn(ax)] == pytest.approx([1e-6, 1e-3, 0.02, 0.2, 0.5, 1.0])
    assert len([line for line in ax.lines if line.get_markerfacecolor() == "#ffffff"]) == 2


@pytest.mark.parametrize("draw", [plot_predicted, plot_deviation, plot_two_residuals])
def test_a_wrong_or_empty_table_is_refused(draw):
    with pytest.raises(InvalidInputError, match="lacks"):
        draw(ROWS[["row", "group"]])
    with pytest.raises(InvalidInputError, match="nothing to draw"):
        draw(ROWS.assign(alternative=0.0, of_l2=0.0).iloc[:0])
