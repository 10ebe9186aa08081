"""Intervals over data sets: whole data sets are resampled, and the simulated coverage is what the text says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcompare.analysis.clusters import (
    bootstrap_coverage,
    cluster_bootstrap,
    cluster_counts,
    percentile_interval,
)
from optcompare.errors import DataError, InvalidInputError


def table(**datasets):
    rows = [{"dataset": name, "problem": f"{name} {index}", "x": float(x)}
            for name, values in datasets.items() for index, x in enumerate(values)]  # fmt: skip
    return pd.DataFrame(rows)


def mean_over_datasets(rows):
    return rows.groupby("dataset")["x"].mean().mean()


def test_percentile_interval_by_hand():
    low, high = percentile_interval(np.arange(100.0)[::-1], 0.9)  # 5 left out on either side
    assert (low, high) == (5.0, 94.0)
    assert percentile_interval(np.arange(10.0), 0.95) == (0.0, 9.0)  # a quarter of a sample is none
    low, high = percentile_interval(np.r_[np.zeros(90), np.full(10, np.inf)], 0.9)
    assert (low, high) == (0.0, np.inf)


def test_counts_are_draws_with_replacement():
    counts = cluster_counts(4, 20_000, np.random.default_rng(0))
    assert counts.shape == (20_000, 4)
    assert (counts.sum(axis=1) == 4).all()
    assert np.abs(counts.mean(axis=0) - 1.0).max() < 0.03
    assert (counts == 0).mean() == pytest.approx(0.75**4, abs=0.01)


def test_two_clusters_have_four_resamples():
    """Data sets with means 0 and 1: a resample's mean is 0, 1/2 or 1 with 1/4, 1/2, 1/4."""
    seen = []

    def statistic(rows):
        seen.append(mean_over_datasets(rows))
        return seen[-1]

    found = cluster_bootstrap(table(a=[0, 0, 0], b=[1]), statistic, np.random.default_rng(0), n_bootstrap=300)
    assert found == (0.5, 0.0, 1.0, 2)
    shares = [np.mean(np.array(seen[:-1]) == mean) for mean in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.08)


def test_problems_of_a_data_set_stay_together_and_copies_have_names_of_their_own():
    sizes, names = [], []

    def statistic(rows):
        sizes.append(len(rows))
        names.append((rows["problem"].nunique(), rows["dataset"].nunique()))
        return 0.0

    given = table(a=[1, 2, 3], b=[4, 5, 6], c=[7, 8, 9])
    cluster_bootstrap(given, statistic, np.random.default_rng(1), n_bootstrap=50)
    assert set(sizes) == {9}
    assert set(names) == {(9, 3)}


def test_the_same_generator_gives_the_same_interval():
    given = table(a=[1, 2], b=[3], c=[5, 9])
    first, second = (
        cluster_bootstrap(given, mean_over_datasets, np.random.default_rng(3), n_bootstrap=99) for _ in range(2)
    )
    assert first == second


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=3), min_size=1, max_size=5), st.integers(0, 99))
def test_the_interval_of_a_mean_lies_between_the_extreme_data_sets(values, seed):
    given = table(**{f"d{index}": part for index, part in enumerate(values)})
    means = given.groupby("dataset")["x"].mean()
    found = cluster_bootstrap(given, mean_over_datasets, np.random.default_rng(seed), n_bootstrap=40)
    slack = 1e-9 * (1 + means.abs().max())
    assert means.min() - slack <= found.low <= found.high <= means.max() + slack
    assert found.n_clusters == len(values)


def test_coverage_is_what_the_texts_say():
    """5 data sets: 84 %, 10: 90 %; 24 problems of 5 data sets as if independent: 31 % false positives and more."""
    five = bootstrap_coverage(5, [5, 5, 5, 5, 4], rng=np.random.default_rng(0))
    assert five.clusters == pytest.approx(0.84, abs=0.02)
    assert five.problems == pytest.approx(0.70, abs=0.02)
    assert five.n_problems == 24
    ten = bootstrap_coverage(10, rng=np.random.default_rng(0))
    assert ten.clusters == pytest.approx(0.90, abs=0.02)
    alike = bootstrap_coverage(5, [5, 5, 5, 5, 4], within=0.8, rng=np.random.default_rng(0))
    assert alike.problems == pytest.approx(0.65, abs=0.02)  # a correlation of 0.61: 35 %


def test_independent_problems_need_no_clusters():
    found = bootstrap_coverage(40, 1, rng=np.random.default_rng(0), n_simulations=1500)
    assert found.clusters == pytest.approx(0.94, abs=0.02)
    assert found.problems == pytest.approx(found.clusters, abs=0.02)
    assert 0.004 < found.standard_error < 0.008
    assert "40 data sets" in found.sentence()


def test_what_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="no column 'dataset'"):
        cluster_bootstrap(pd.DataFrame({"x": [1.0]}), len, rng)
    with pytest.raises(DataError, match="needs a dataset"):
        cluster_bootstrap(pd.DataFrame({"x": [1.0], "dataset": [None]}), len, rng)
    with pytest.raises(InvalidInputError, match="level"):
        percentile_interval(np.zeros(3), 95)
    with pytest.raises(InvalidInputError, match="a problem in each"):
        bootstrap_coverage(3, 0, rng=rng)
    with pytest.raises(InvalidInputError, match="a cluster"):
        cluster_counts(0, 10, rng)
