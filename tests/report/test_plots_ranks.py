"""Ranks and wins: who stands where, what is significant, who is not told apart."""

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.ranks import friedman_table, pairwise_table
from optcompare.report.plots_ranks import LOSSES, WINS, cliques, names_by_wins, plot_ranks, plot_win_matrix
from optcompare.report.style import OptimizerStyles, figure_of
from optcompare.report.svg import svg_text


@pytest.fixture
def scores():
    rows = [(f"p{d}", f"d{d}", name, float(place) + (d == 0 and place == 2) * -9) for d in range(9)
            for place, name in enumerate(("first", "second", "third"))]  # fmt: skip
    return pd.DataFrame(rows, columns=["problem", "dataset", "optimizer", "score"])


def test_the_matrix_says_who_wins_and_what_is_significant(scores):
    pairs = pairwise_table(scores)
    ax = plot_win_matrix(pairs)
    patches = {(patch.get_gid(), patch.get_facecolor()[:3]) for patch in ax.patches}
    from matplotlib.colors import to_rgb

    assert ("series-0", to_rgb(WINS)) in patches and ("series-0", to_rgb(LOSSES)) not in patches
    assert ("series-2", to_rgb(LOSSES)) in patches and ("series-2", to_rgb(WINS)) not in patches
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("9:0") == 1 and texts.count("0:9") == 1 and texts.count("8:1") == 2
    dots = {line.get_gid(): len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"}
    n_significant = int(pairs["is_significant"].sum())
    assert sum(dots.values()) == 2 * n_significant > 0


def test_rows_keep_the_given_order(scores):
    ax = plot_win_matrix(pairwise_table(scores), order=["third", "first", "second"])
    rows = [text.get_text() for text in ax.texts if text.get_ha() == "right"]
    assert rows == ["third", "first", "second"]
    assert names_by_wins(pairwise_table(scores)) == ["first", "second", "third"]


def test_forty_by_forty_cells_stay_small():
    rng = np.random.default_rng(0)
    names = [f"arm {index}" for index in range(40)]
    a, b = np.triu_indices(40, 1)
    wins = rng.integers(0, 15, len(a))
    pairs = pd.DataFrame({"a": np.array(names)[a], "b": np.array(names)[b], "wins": wins, "losses": 14 - wins})
    pairs = pairs.assign(ties=0, n_datasets=14, is_significant=wins > 12)
    styles = OptimizerStyles(names, emphasis=names[:10])
    assert len(svg_text(figure_of(plot_win_matrix(pairs, styles=styles)))) < 300_000


def test_ranks_are_drawn_with_the_band_of_the_best(scores):
    table = friedman_table(scores)
    ax = plot_ranks(table)
    spots = {line.get_gid(): line.get_xdata()[0] for line in ax.lines if line.get_marker() not in ("None", None, "")}
    assert spots["series-0"] == pytest.approx(table["mean_rank"].iloc[0])
    band = ax.patches[0].get_path().get_extents(ax.patches[0].get_patch_transform())
    width = float(table["critical_difference"].iloc[0])
    assert (band.x0, band.width) == (pytest.approx(table["mean_rank"].iloc[0]), pytest.approx(width))
    names = [text.get_text() for text in ax.texts if text.get_ha() == "right" and "critical" not in text.get_text()]
    assert names == table["optimizer"].tolist()


def test_cliques_are_the_largest_runs_within_the_distance():
    ranks = np.array([1.0, 1.5, 3.0, 3.4, 9.0])
    assert cliques(ranks, 2.0) == [(0, 2), (1, 3)]
    assert cliques(ranks, 0.4001) == [(2, 3)]
    assert cliques(ranks, 0.1) == []


def test_nothing_to_rank_is_drawn_as_such(scores):
    empty = pairwise_table(scores).iloc[:0]
    assert "no pairs" in [text.get_text() for text in plot_win_matrix(empty).texts][-1]
    table = friedman_table(scores)
    assert "nothing to rank" in [text.get_text() for text in plot_ranks(table.iloc[:0]).texts][-1]
    assert svg_text(figure_of(plot_ranks(table.assign(critical_difference=np.nan))))
