"""Paired tests over data sets equal enumeration and scipy, and too few data sets are never significant."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from optcompare.analysis.claims import holm
from optcompare.analysis.ranks import (
    friedman_table,
    mean_ranks,
    pairwise_table,
    score_matrix,
    scores_from,
    sign_flip_p,
    signed_ranks,
)
from optcompare.errors import DataError, InvalidInputError, UnknownNameError

INF = float("inf")


def scores(matrix, datasets=None, names="abcdefgh"):
    """Rows: problems, columns: optimizers; a data set a problem where none are given. None: not run."""
    rows = [
        {"problem": f"p{i}", "dataset": datasets[i] if datasets else f"d{i}", "optimizer": names[j], "score": x}
        for i, row in enumerate(matrix) for j, x in enumerate(row) if x is not None
    ]  # fmt: skip
    return pd.DataFrame(rows)


def enumerated_p(differences):
    d = np.asarray(differences, dtype=float)
    sums = np.array([np.dot(signs, d) for signs in product((-1, 1), repeat=len(d))])
    return np.mean(np.abs(sums) >= abs(d.sum()) - 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.6, -1 / 3, 0.0, 0.25, 1 / 3, 0.5, 1.0]), min_size=1, max_size=9))
def test_sign_flip_equals_enumeration(differences):
    assert sign_flip_p(np.array(differences)) == pytest.approx(enumerated_p(differences), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_sign_flip_of_any_numbers_equals_enumeration(differences):
    rounded = [round(d, 3) for d in differences]
    assert sign_flip_p(np.array(rounded)) == pytest.approx(enumerated_p(rounded), abs=1e-12)


@pytest.mark.parametrize("n", range(1, 16))
def test_the_least_p_is_two_to_the_one_minus_n(n):
    assert sign_flip_p(np.linspace(0.5, 1.0, n)) == pytest.approx(2.0 ** (1 - n))


def test_sign_flip_stays_exact_with_many_data_sets():
    """40 data sets, all but 10 won: the binomial tail."""
    expected = stats.binomtest(30, 40).pvalue
    assert sign_flip_p(np.r_[np.ones(30), -np.ones(10)]) == pytest.approx(expected, rel=1e-9)
    assert sign_flip_p(np.zeros(7)) == 1.0
    with pytest.raises(InvalidInputError, match="finite"):
        sign_flip_p(np.array([1.0, INF]))


def test_signed_ranks_give_scipys_exact_wilcoxon():
    d = np.array([0.3, -0.1, 0.7, 0.9, -0.2, 1.1, 1.3, 0.45])
    assert sign_flip_p(signed_ranks(d)) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, abs=1e-12)
    assert signed_ranks(np.array([0.5, 0.0, -0.5, 0.1])).tolist() == [2.5, 0.0, -2.5, 1.0]


def test_pairwise_by_hand():
    """Two data sets: on the first a wins 2 of 3 and loses 1, on the second it ties (both never) and wins."""
    table = pairwise_table(
        scores([[1, 2], [1, 2], [3, 2], [INF, INF], [4, INF]], datasets=["u", "u", "u", "v", "v"])
    ).iloc[0]
    assert (table["a"], table["b"], table["wins"], table["losses"], table["ties"]) == ("a", "b", 2, 0, 0)
    assert table["advantage"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert table["p"] == pytest.approx(0.5)  # both of one sign: 2/4
    assert (table["n_datasets"], table["n_problems"], table["least_p"]) == (2, 5, 0.5)


def test_an_optimizer_that_was_not_run_is_compared_where_it_was():
    given = scores([[1, 2, 3], [1, 2, None], [2, 1, float("nan")]])
    table = pairwise_table(given).set_index(["a", "b"])
    assert table.loc[("a", "b"), "n_datasets"] == 3
    assert table.loc[("a", "c"), "n_datasets"] == 1
    assert table.loc[("a", "c"), "p"] == 1.0
    friedman = friedman_table(given)
    assert set(friedman["n_problems"]) == {1} and set(friedman["n_left_out"]) == {2}


def test_holm_over_all_pairs_and_against_one():
    rng = np.random.default_rng(0)
    given = scores(rng.random((9, 4)) + np.array([0, 0, 0, 2.0]))
    table = pairwise_table(given)
    assert len(table) == 6
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p"].to_numpy()).tolist())
    against = pairwise_table(given, against="d")
    assert (len(against), set(against["b"])) == (3, {"d"})
    assert against["p"].tolist() == [2.0**-8] * 3
    assert against["p_holm"].tolist() == [3 * 2.0**-8] * 3
    assert against["is_significant"].all() and (against["wins"] == 9).all()


def test_too_few_data_sets_are_never_significant():
    """5 data sets: not even a pair alone. 9 data sets: 6 pairs can be, 28 cannot (28/256 > 0.05)."""
    clear = np.arange(8.0)[None, :] + np.zeros((9, 1))
    five = pairwise_table(scores(clear[:5, :2])).iloc[0]
    assert (five["p"], five["is_possible"], five["is_significant"]) == (0.0625, False, False)
    assert pairwise_table(scores(clear[:6, :2])).iloc[0]["is_significant"]
    assert pairwise_table(scores(clear[:, :4]))["is_significant"].all()
    many = pairwise_table(scores(clear))
    assert not many["is_possible"].any() and not many["is_significant"].any()


def test_a_pair_with_fewer_data_sets_is_possible_once_holm_has_rejected_the_other():
    """Ten data sets for b and six for c, both against a: 2/512 at first, then 1/32."""
    matrix = [[3.0, 2.0, 1.0 if i < 6 else None] for i in range(10)]
    table = pairwise_table(scores(matrix), against="a")
    assert table["n_datasets"].tolist() == [10, 6]
    assert table["p_holm"].tolist() == [2.0**-8, 2.0**-5]
    assert table["is_possible"].all() and table["is_significant"].all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(2, 4))
def test_significant_only_where_possible_and_mirrored_when_scores_are(seed, n, k):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 3, (n, k)).astype(float)
    matrix[matrix == 2] = INF
    table = pairwise_table(scores(matrix))
    assert not (table["is_significant"] & ~table["is_possible"]).any()
    swapped = pairwise_table(scores(matrix[:, ::-1], names="abcdefgh"[:k][::-1]))
    key = {(a, b): (w, lost, p) for a, b, w, lost, p in swapped[["a", "b", "wins", "losses", "p"]].to_numpy()}
    for row in table.itertuples():
        wins, losses, p = key[(row.b, row.a)]
        assert (wins, losses) == (row.losses, row.wins)
        assert p == pytest.approx(row.p)


def test_false_positives_of_problems_taken_as_independent():
    """24 problems of 5 data sets, a as good as b: Wilcoxon's test over problems errs five times too often."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(5), [5, 5, 5, 5, 4])
    differences = rng.standard_normal((400, 5))[:, owner] + rng.standard_normal((400, 24))
    assert np.mean(stats.wilcoxon(differences, axis=1).pvalue <= 0.05) > 0.2
    owner = np.repeat(np.arange(10), 3)
    differences = rng.standard_normal((400, 10))[:, owner] + rng.standard_normal((400, 30))
    shares = np.sign(differences).reshape(400, 10, 3).mean(axis=2)
    assert np.mean([sign_flip_p(row) <= 0.05 for row in shares]) <= 0.08


def test_friedman_equals_scipy_and_demsars_critical_difference():
    rng = np.random.default_rng(1)
    matrix = rng.random((12, 4)) + np.array([0.0, 0.3, 0.6, 0.9])
    table = friedman_table(scores(matrix))
    expected = stats.friedmanchisquare(*matrix.T)
    assert table["statistic"].iloc[0] == pytest.approx(expected.statistic)
    assert table["p"].iloc[0] == pytest.approx(expected.pvalue)
    ranks = dict(zip(table["optimizer"], table["mean_rank"]))
    assert [ranks[name] for name in "abcd"] == pytest.approx(stats.rankdata(matrix, axis=1).mean(axis=0).tolist())
    assert table["mean_rank"].is_monotonic_increasing
    # Demsar 2006, table 5: q_0.05 of 4 is 2.569
    assert table["critical_difference"].iloc[0] == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 12)), abs=1e-3)
    near = table["mean_rank"] <= table["mean_rank"].min() + table["critical_difference"]
    assert (table["is_among_best"] == near).all()


def test_a_data_set_is_one_block_however_many_problems_it_has():
    """Data set u has three problems, v one: u counts as one block, of ranks (1, 2, 3), not three."""
    given = scores([[1, 2, INF], [1, 3, 2], [1, 2, 3], [3, 2, 1]], datasets=["u", "u", "u", "v"])
    assert mean_ranks(score_matrix(given)) == pytest.approx(np.array([[1, 7 / 3, 8 / 3], [3, 2, 1]]))
    table = friedman_table(given)
    assert table["mean_rank"].tolist() == [2.0, 2.0, 2.0]
    assert (table["statistic"].iloc[0], table["p"].iloc[0]) == (0.0, 1.0)
    assert set(table["n_datasets"]) == {2}


def test_never_reached_ties_as_worst():
    given = scores([[INF, INF, 5]] * 3)
    assert mean_ranks(score_matrix(given)).tolist() == [[2.5, 2.5, 1.0]] * 3
    all_alike = friedman_table(scores([[INF, INF, INF]] * 3))
    assert (all_alike["statistic"].iloc[0], all_alike["p"].iloc[0]) == (0.0, 1.0)


def test_friedman_of_two_optimizers_or_one_data_set_has_no_p():
    assert np.isnan(friedman_table(scores([[1, 2]] * 4))["p"].iloc[0])
    assert np.isnan(friedman_table(scores([[1, 2, 3]]))["p"].iloc[0])
    nowhere = friedman_table(scores([[1, None, 2], [None, 1, 2]]))
    assert nowhere["mean_rank"].isna().all() and not nowhere["is_among_best"].any()


def test_scores_from_an_ert_table():
    ert = pd.DataFrame(
        {"problem": ["p", "p"], "dataset": ["d", "d"], "dim": 3, "optimizer": ["a", "a"], "tau": [0.1, 0.01],
         "ert": [5.0, INF]}
    )  # fmt: skip
    assert scores_from(ert, "ert", 0.01)["score"].tolist() == [INF]
    assert list(scores_from(ert[:1], "ert").columns) == ["problem", "dataset", "optimizer", "score"]
    with pytest.raises(InvalidInputError, match="choose one"):
        scores_from(ert, "ert")
    with pytest.raises(InvalidInputError, match="tau must be one of"):
        scores_from(ert, "ert", 0.5)
    with pytest.raises(DataError, match="lacks"):
        scores_from(ert, "area")


def test_what_is_refused():
    given = scores([[1, 2]])
    with pytest.raises(DataError, match="two scores"):
        pairwise_table(pd.concat([given, given]))
    with pytest.raises(DataError, match="two data sets"):
        pairwise_table(given.assign(dataset=["u", "v"]))
    with pytest.raises(DataError, match="lacks"):
        pairwise_table(given.drop(columns="score"))
    with pytest.raises(DataError, match="no rows"):
        friedman_table(given[:0])
    with pytest.raises(UnknownNameError):
        pairwise_table(given, test="t")
    with pytest.raises(UnknownNameError):
        pairwise_table(given, against="z")
