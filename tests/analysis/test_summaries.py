"""Medians, their intervals, failures."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.summaries import (
    failure_table,
    final_table,
    implied_lambda_table,
    interval_coverage,
    interval_rank,
    median_interval,
    medians_over_seeds,
    status_table,
)
from optcompare.errors import InvalidInputError


def frame(**columns):
    n = len(columns["status"])
    start = {"objective": ["a"] * n, "lam": [1.0] * n, "lam_canonical": [1.0] * n, "optimizer": ["o"] * n}
    return pd.DataFrame({**start, "seed": range(n), **columns})


@pytest.mark.parametrize(("n", "rank", "coverage"), [(10, 2, 0.978515625), (6, 1, 0.96875), (5, 1, 0.9375)])
def test_interval_is_the_exact_order_statistic(n, rank, coverage):
    assert interval_rank(n) == rank
    assert interval_coverage(n, rank) == coverage
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert median_interval(values) == ((n + 1) / 2, rank, n + 1 - rank)


@pytest.mark.parametrize("n", [6, 9, 10, 13])
def test_coverage_equals_enumeration_over_all_sign_patterns(n):
    rank = interval_rank(n)
    covered = sum(
        rank <= sum(signs) <= n - rank for signs in itertools.product((0, 1), repeat=n)
    )  # signs: which values lie below the true median
    assert covered / 2**n == interval_coverage(n, rank) >= 0.95
    next_one = sum(rank + 1 <= sum(signs) <= n - rank - 1 for signs in itertools.product((0, 1), repeat=n))
    assert next_one / 2**n < 0.95


def test_median_of_little_or_odd_input():
    assert all(math.isnan(part) for part in median_interval([]))
    assert all(math.isnan(part) for part in median_interval([math.nan]))
    assert median_interval([3.0]) == (3, 3, 3)
    assert median_interval([1.0, math.nan, 3.0]) == (2, 1, 3)
    assert median_interval([1.0, math.inf]) == (math.inf, 1, math.inf)
    assert median_interval([1e308, 1.7e308])[0] == pytest.approx(1.35e308)
    assert median_interval(range(3000))[0] == 1499.5
    with pytest.raises(InvalidInputError, match="between 0 and 1"):
        median_interval([1.0], coverage=95)


def test_a_failed_run_without_a_number_is_the_worst_one():
    runs = frame(status=["BUDGET", "FAILED", "CRASHED"], loss=[1.0, None, None], norm=[2.0, None, None])
    loss, norm = medians_over_seeds(runs, "loss").iloc[0], medians_over_seeds(runs, "norm").iloc[0]
    assert (loss["median"], loss["n"], loss["n_failed"], loss["n_runs"]) == (math.inf, 3, 2, 3)
    assert (norm["median"], norm["n"]) == (2.0, 1)
    finished = runs.assign(status="BUDGET")
    assert medians_over_seeds(finished, "loss").iloc[0]["median"] == 1.0


def test_groups_keep_the_order_of_labels_and_sort_lambdas():
    runs = pd.DataFrame(
        [("z", lam, o, "BUDGET", 1.0) for lam in (10.0, None, 0.5) for o in ("pso", "adam")],
        columns=["objective", "lam_canonical", "optimizer", "status", "loss"],
    )
    table = medians_over_seeds(runs, "loss")
    assert list(table["optimizer"]) == ["pso", "adam"] * 3
    assert list(table["lam_canonical"])[:4] == [0.5, 0.5, 10.0, 10.0]
    assert table["lam_canonical"].isna().sum() == 2


def test_implied_lambda_counts_the_identified_readings():
    runs = frame(status=["BUDGET"] * 4, implied_lambda=[1.0, 2.0, -1.0, None], is_identified=[True, 1, False, None])
    row = implied_lambda_table(runs).iloc[0]
    assert (row["median"], row["n"], row["n_identified"]) == (1.0, 3, 2)


def test_final_table_has_every_measurement_with_its_interval():
    row = final_table(frame(status=["BUDGET"] * 6, loss=[6.0, 1, 2, 3, 4, 5])).iloc[0]
    assert (row["loss"], row["loss_low"], row["loss_high"]) == (3.5, 1, 6)
    assert math.isnan(row["test_error"])


def test_failures_with_one_cause_are_one_row():
    runs = frame(status=["FAILED", "FAILED", "TIMEOUT", "BUDGET"], message=["boom", "boom", None, "spent"])
    table = failure_table(runs)
    assert list(table["n_runs"]) == [2, 1]
    assert list(table["seeds"]) == ["0, 1", "2"]
    assert list(table["message"]) == ["boom", ""]
    assert status_table(runs).to_dict("records") == [{"optimizer": "o", "BUDGET": 1, "FAILED": 2, "TIMEOUT": 1}]


def test_no_runs_make_empty_tables():
    empty = pd.DataFrame()
    for table in (failure_table(empty), status_table(empty), final_table(empty), implied_lambda_table(empty)):
        assert len(table) == 0
