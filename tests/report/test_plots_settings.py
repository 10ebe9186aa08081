"""A measurement over a setting."""

import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_settings import plot_settings

TABLE = pd.DataFrame(
    {
        "series": ["pso", "pso", "de", "de"],
        "x": [1.0, 10.0, 10.0, 1.0],
        "median": [1.0, 5.0, 4.0, 0.5],
        "low": [0.9, 4.0, 4.0, 0.4],
        "high": [1.1, 6.0, 4.5, 0.6],
    }
)


def lines(ax):
    drawn = [line for line in ax.lines if line.get_gid() and line.get_marker() not in ("", "None", None)]
    return {line.get_gid(): line.get_ydata().tolist() for line in drawn}


def test_each_series_is_a_line_in_the_order_of_the_setting():
    ax = plot_settings(TABLE, xlabel="box", ylabel="norm", level=2.0)
    assert lines(ax) == {"series-0": [1.0, 5.0], "series-1": [0.5, 4.0]}
    assert {"pso", "de"} <= {text.get_text() for text in ax.texts}
    assert [2.0, 2.0] in [list(line.get_ydata()) for line in ax.lines]


def test_names_stand_in_for_numbers():
    table = TABLE.assign(x=[0.0, 1.0, 1.0, 0.0])
    ax = plot_settings(table, names=["as_it_is", "turned"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["as_it_is", "turned"]
    assert lines(ax)["series-1"] == [0.5, 4.0]


def test_a_wrong_or_empty_table_is_refused():
    with pytest.raises(InvalidInputError, match="lacks"):
        plot_settings(TABLE[["series", "x"]])
    with pytest.raises(InvalidInputError, match="nothing"):
        plot_settings(TABLE.iloc[:0])
