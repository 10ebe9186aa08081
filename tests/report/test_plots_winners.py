"""The figure of winners: filled where it is significant, hatched where not, every cell where its price and bin are."""

import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_winners import plot_break_even, plot_winners
from optcompare.report.style import OptimizerStyles


def row(price, dim, winner, share=1.0, is_significant=True, unit="passes", tau=0.1):
    return {"tau": tau, "unit": unit, "gradient_price": price, "dimension": f"{dim}", "dim_low": dim, "dim_high": dim,
            "winner": winner, "runner_up": "b", "share": share, "p": 0.01,
            "is_significant": is_significant}  # fmt: skip


def table():
    rows = [row(0.0, 300, "lbfgs"), row(0.0, 4, "lbfgs"), row(5.0, 4, "cobyqa", 0.62, False), row(200.0, 300, "lbfgs"),
            row(1.0, 4, "cobyqa", unit="dimension"), row(1.0, 300, "", np.nan, False, unit="dimension"),
            row(2.5, 4, "lbfgs", unit="measured")]  # fmt: skip
    return pd.DataFrame(rows)


def cells(ax):
    """Return (column, row) -> text."""
    return {text.get_position(): text.get_text() for text in ax.texts}


def test_cells_stand_at_their_price_and_bin():
    ax = plot_winners(table(), direct=["cobyqa"])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["4", "300"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0", "5", "200", "d + 1"]
    assert cells(ax) == {
        (1, 0): "lbfgs", (0, 0): "lbfgs", (0, 1): "cobyqa 62%", (1, 2): "lbfgs", (0, 3): "cobyqa", (1, 3): "nobody"
    }  # fmt: skip


def test_filled_where_significant_and_hatched_where_not():
    styles = OptimizerStyles(["adam", "lbfgs", "cobyqa"])
    ax = plot_winners(table(), direct=["cobyqa"], styles=styles)
    by_place = {(round(p.get_x() + p.get_width() / 2), round(p.get_y() + p.get_height() / 2)): p
                for p in ax.patches if p.get_gid() or p.get_facecolor()[3] > 0}  # fmt: skip
    assert by_place[0, 1].get_hatch() == "////"
    assert by_place[0, 0].get_hatch() is None and by_place[0, 0].get_gid() == styles["lbfgs"].gid
    frames = [p for p in ax.patches if p.get_facecolor()[3] == 0]
    assert len(frames) == 2  # cobyqa's cells
    bold = {text.get_text() for text in ax.texts if text.get_fontweight() == "bold"}
    assert bold == {"cobyqa 62%", "cobyqa"}


def test_the_measured_price_is_pointed_at_between_its_neighbours():
    left, right = plot_winners(table()).lines
    assert (left.get_xdata()[0], right.get_xdata()[0]) == pytest.approx((-0.4, 0.4))
    assert [*left.get_ydata(), *right.get_ydata()] == [0.5, 0.5]  # 2.5 is half way from 0 to 5


def test_a_panel_a_target():
    two = pd.concat([table(), table().assign(tau=0.01)])
    ax = plot_winners(two)
    assert [panel.get_title(loc="left") for panel in ax.figure.axes] == ["target tau = 0.1", "target tau = 0.01"]
    with pytest.raises(InvalidInputError, match="leave ax out"):
        plot_winners(two, ax)
    assert plot_winners(table(), ax) is ax


def test_wrong_tables_are_refused_and_an_empty_one_drawn():
    with pytest.raises(InvalidInputError, match="lacks"):
        plot_winners(table().drop(columns="share"))
    assert plot_winners(table().iloc[:0]).get_title(loc="left") == "no runs to draw"


def prices():
    rows = [(0.1, 4, 1, 0.0, False), (0.1, 4, 1, 3.0, False), (0.1, 5, 1, 9.0, True), (0.1, 300, 2, 50.0, False),
            (0.1, 300, 2, np.nan, False)]  # fmt: skip
    return pd.DataFrame(rows, columns=["tau", "dim", "bin", "price", "is_bound"])


def test_break_even_marks_every_problem_its_medians_and_bounds():
    ax = plot_break_even(prices())
    *_, dashed, points, bounds, medians = ax.lines
    assert dashed.get_ydata()[0] == dashed.get_xdata()[0] + 1.0
    assert points.get_xdata().tolist() == [4, 4, 300] and points.get_ydata().tolist()[1:] == [3.0, 50.0]
    assert 0 < points.get_ydata()[0] < 3.0  # zero lies in its strip
    assert (bounds.get_xdata().tolist(), bounds.get_marker()) == ([5], "^")
    assert medians.get_ydata().tolist() == [3.0, 50.0]
    two = pd.concat([prices(), prices().assign(tau=0.01)])
    assert len(plot_break_even(two).figure.axes) == 2
    with pytest.raises(InvalidInputError, match="leave ax out"):
        plot_break_even(two, ax)
    assert plot_break_even(prices().iloc[:0]).get_title(loc="left") == "no runs to draw"
