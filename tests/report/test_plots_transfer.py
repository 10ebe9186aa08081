"""The transfer matrix and the figure of a growing n."""

import itertools

import numpy as np
import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_transfer import plot_growth, plot_transfer_matrix

ARMS = ("lbfgs", "heavy ball decay", "adam decay")


def matrix():
    rows = []
    for method in ("unchanged", "converted"):
        for source, target in itertools.permutations(ARMS, 2):
            impossible = method == "converted" and "adam decay" in (source, target)
            regret = np.nan if impossible else 0.002 if method == "converted" else 0.2
            rows.append({"source": source, "target": target, "method": method, "regret": regret, "low": regret - 1e-3,
                         "high": regret + 1e-3})  # fmt: skip
    return pd.DataFrame(rows)


def words(panel):
    return [text.get_text() for text in panel.texts]


def test_cells_carry_their_regret_and_impossible_ones_the_norm_that_is_bounded():
    ax = plot_transfer_matrix(matrix(), minimises={"adam decay": "max|w|"})
    unchanged, converted = ax.figure.axes
    assert words(unchanged) == ["+20.0"] * 6
    assert sorted(words(converted)) == ["+0.2"] * 2 + ["max|w|"] * 4
    bold = [text for text in converted.texts if text.get_fontweight() == "bold"]
    assert len(bold) == 2 and not [text for text in unchanged.texts if text.get_fontweight() == "bold"]
    assert [tick.get_text() for tick in unchanged.get_xticklabels()] == list(ARMS)
    assert len({patch.get_facecolor() for patch in (*unchanged.patches, *converted.patches)}) == 3


def test_a_cell_is_where_its_source_and_target_are():
    one = matrix().query("method == 'unchanged'").reset_index(drop=True)
    one.loc[(one["source"] == "lbfgs") & (one["target"] == "adam decay"), ["regret", "low", "high"]] = np.inf
    one.loc[(one["source"] == "adam decay") & (one["target"] == "lbfgs"), "regret"] = 1e9
    ax = plot_transfer_matrix(one)
    assert [text.get_position() for text in ax.texts if text.get_text() == "> 1000"] == [(0, 2)]
    (failed,) = [text for text in ax.texts if text.get_text() == "fails"]
    assert failed.get_position() == (2, 0)


def test_wrong_tables_are_refused_and_an_empty_one_drawn():
    with pytest.raises(InvalidInputError, match="leave ax out"):
        plot_transfer_matrix(matrix(), plot_transfer_matrix(matrix()))
    with pytest.raises(InvalidInputError, match="lacks"):
        plot_transfer_matrix(matrix().drop(columns="high"))
    assert plot_transfer_matrix(matrix().iloc[:0]).get_title(loc="left") == "no runs to draw"


def growth_table():
    sizes = {"2n": 2, "4n": 4, "16 x the same n": 16}
    return pd.DataFrame(
        [
            {"objective": name, "seed": seed, "size": size, "times": times, "tuned_at_n": 2.0,
             "tuned": 2.0 * times**power, "lambda": 0.01, "lambda/n": 0.03}
            for (name, power), seed, (size, times) in itertools.product(
                [("digits", 0.0), ("wine", 1.0)], range(3), sizes.items()
            )
        ]
    )  # fmt: skip


def test_growth_has_a_line_an_objective_and_both_rules_regrets():
    ax = plot_growth(growth_table())
    tuned, regret = ax.figure.axes
    curves = {line.get_gid(): line.get_ydata().tolist() for line in tuned.lines if len(line.get_xdata()) == 3
              and line.get_marker() not in ("", "None", None)}  # fmt: skip
    assert curves == {"series-0": [1.0, 1.0, 1.0], "series-1": [1.0, 2.0, 4.0]}
    heights = [set(np.round(line.get_ydata(), 9)) for line in regret.lines if line.get_marker() in ("o", "s")]
    assert heights == [{1.0}, {3.0}]
    assert [tick.get_text() for tick in regret.get_xticklabels()] == ["2n", "4n", "16 x the same n"]
    unknown = growth_table().assign(tuned=np.nan)
    assert {text.get_text() for text in plot_growth(unknown).texts} >= {"digits", "wine"}
    assert plot_growth(growth_table().iloc[:0]).get_title(loc="left") == "no runs to draw"
