"""The Pareto plane: the front with its lambdas, trajectories, and the feet of what lies off the front."""

import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_pareto import plot_pareto_plane
from optcompare.report.style import OptimizerStyles


def plane_table(objective="ridge"):
    lam = 10.0 ** np.linspace(-1, 2, 31)
    norm = 3 / (1 + lam / 10)
    blank = {"objective": objective, "lam": 10.0, "front_norm": np.nan, "front_loss": np.nan}
    front = pd.DataFrame({**blank, "kind": "front", "optimizer": "lbfgs", "lam": lam, "norm": norm,
                          "loss": (norm - 3) ** 2 / 2 + 0.1})  # fmt: skip
    walk = pd.DataFrame({**blank, "kind": "trajectory", "optimizer": "pso", "norm": [9.0, 4.0, 2.0],
                         "loss": [1e6, 3.0, 1.0]})  # fmt: skip
    off = {**blank, "kind": "answer", "optimizer": "pso", "norm": 2.0, "loss": 1.0, "front_norm": 1.66,
           "front_loss": 0.6}  # fmt: skip
    on = {**blank, "kind": "answer", "optimizer": "gd", "norm": 1.5, "loss": 1.225, "front_norm": 1.5,
          "front_loss": 1.225}  # fmt: skip
    return pd.concat([front, walk, pd.DataFrame([off, on])], ignore_index=True)


def drawn(ax, style):
    return [line.get_xydata().tolist() for line in ax.lines if line.get_gid() == style.gid and len(line.get_xdata()) > 1
            and line.get_transform() == ax.transData]  # fmt: skip


def test_front_trajectory_answer_and_feet():
    table = plane_table()
    styles = OptimizerStyles(["gd", "pso"])
    ax = plot_pareto_plane(table, styles=styles)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    front = table[table["kind"] == "front"]
    thick = max(ax.lines, key=lambda line: line.get_linewidth())
    np.testing.assert_allclose(np.sort(thick.get_xdata()), np.sort(front["norm"] ** 2))
    segments = drawn(ax, styles["pso"])
    assert [[81.0, 1e6], [16.0, 3.0], [4.0, 1.0]] in segments
    assert [[4.0, 1.0], [4.0, 0.6]] in segments, "straight down: norm-matched"
    assert [[4.0, 1.0], [pytest.approx(1.66**2), 1.0]] in segments, "straight across: loss-matched"
    assert all(len(segment) == 0 for segment in drawn(ax, styles["gd"])), "on the front there is nothing to draw"
    assert {"0.1", "10", "100"} <= {text.get_text() for text in ax.texts}


def test_a_far_start_does_not_squeeze_the_front():
    ax = plot_pareto_plane(plane_table())
    low, high = ax.get_ylim()
    assert high < 1e3 and low < 0.1


def test_one_panel_an_objective_and_nothing_to_draw():
    both = pd.concat([plane_table("a"), plane_table("b")])
    ax = plot_pareto_plane(both)
    assert [panel.get_title(loc="left") for panel in ax.figure.axes] == ["a", "b"]
    with pytest.raises(InvalidInputError, match="leave ax out"):
        plot_pareto_plane(both, ax)
    with pytest.raises(InvalidInputError, match="lacks"):
        plot_pareto_plane(both.drop(columns="front_loss"))
    assert plot_pareto_plane(both.iloc[:0]).get_title(loc="left") == "no runs to draw"
