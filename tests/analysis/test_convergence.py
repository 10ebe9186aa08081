"""Curves over the cost."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.convergence import convergence_table, trace_cost, with_regularized_error
from optcompare.errors import InvalidInputError, UnknownNameError


def trace(optimizer, seed, n_values, best_value, n_gradients=0.0, lam=1.0):
    return pd.DataFrame(
        {
            "objective": "a", "lam": lam, "optimizer": optimizer, "seed": seed,
            "n_values": np.array(n_values, dtype=float), "n_gradients": n_gradients,
            "seconds": np.array(n_values) / 100, "best_value": np.array(best_value, dtype=float),
        }
    )  # fmt: skip


def test_costs():
    rows = trace("o", 0, [1, 2, 4], [3, 2, 1], n_gradients=1.0)
    assert list(trace_cost(rows, "passes")) == [3, 4, 6]
    assert list(trace_cost(rows, "passes", gradient_price=0)) == [1, 2, 4]
    assert list(trace_cost(rows, "evaluations")) == [1, 2, 4]
    assert list(trace_cost(rows, "seconds")) == [0.01, 0.02, 0.04]
    with pytest.raises(UnknownNameError, match="seconds"):
        trace_cost(rows, "second")
    with pytest.raises(InvalidInputError, match="gradient_price"):
        trace_cost(rows, "passes", gradient_price=math.nan)


def test_a_run_holds_its_last_value_and_medians_are_over_seeds():
    rows = pd.concat([trace("o", 0, [1, 100], [8, 4]), trace("o", 1, [1, 10], [6, 2]), trace("p", 0, [1, 10], [7, 5])])
    table = convergence_table(rows, n_points=3)
    of_o = table[table["optimizer"] == "o"]
    np.testing.assert_allclose(of_o["cost"], [1, 10, 100])
    np.testing.assert_allclose(of_o["median"], [7, 5, 3])
    np.testing.assert_allclose(of_o["low"], [6, 2, 2])
    np.testing.assert_allclose(of_o["high"], [8, 8, 4])
    assert table[table["optimizer"] == "p"]["cost"].max() == pytest.approx(10)  # no line beyond its own cost


def test_the_gap_is_to_the_best_of_the_same_seed():
    rows = pd.concat([trace("o", 0, [1, 2], [8, 4]), trace("p", 0, [1, 2], [9, 3]), trace("o", 1, [1, 2], [80, 40])])
    table = convergence_table(rows, is_gap=True, n_points=2)
    np.testing.assert_allclose(table[table["optimizer"] == "o"]["median"], [(5 + 40) / 2, (1 + 0) / 2])
    np.testing.assert_allclose(table[table["optimizer"] == "p"]["median"], [6, 0])


def test_runs_without_a_trace_count_as_never_arriving():
    rows = trace("o", 0, [1, 2], [8, 4])
    runs = pd.DataFrame({"objective": "a", "lam": [1.0, 1.0, 1.0], "optimizer": "o", "seed": [0, 1, 2]})
    table = convergence_table(rows, runs=runs, n_points=2)
    assert list(table["n_runs"]) == [3, 3]
    assert np.isinf(table["median"]).all()
    np.testing.assert_allclose(table["low"], [8, 4])


def test_missing_lambdas_and_nothing_at_all():
    table = convergence_table(trace("o", 0, [1, 2], [8, math.nan], lam=math.nan), n_points=2)
    np.testing.assert_allclose(table["median"], [8, 8])
    assert convergence_table(pd.DataFrame()).empty
    assert len(convergence_table(trace("o", 0, [5], [1]))) == 1
    with pytest.raises(UnknownNameError, match="best_value"):
        convergence_table(trace("o", 0, [5], [1]), column="best")


def test_regularized_error_is_rebuilt_from_the_final_measurements():
    runs = pd.DataFrame(
        {"objective": "a", "lam": 2.0, "optimizer": ["in error", "decay"], "seed": 0, "loss": [1.0, 2.0],
         "norm": [2.0, 3.0], "regularized_error": [1.0 + 0.5 * 4, 2.0 + 0.5 * 9]}
    )  # fmt: skip
    rows = trace("decay", 0, [1, 2], [8, 4], lam=2.0).assign(loss=[8.0, 4.0], norm=[0.0, 2.0])
    np.testing.assert_allclose(with_regularized_error(rows, runs)["regularized_error"], [8, 6])
    apart = runs.assign(regularized_error=[3.0, 7.0])  # no single factor: not an L2 penalty of this norm
    assert with_regularized_error(rows, apart)["regularized_error"].isna().all()
    unpenalised = with_regularized_error(rows.assign(lam=0.0), runs)
    np.testing.assert_allclose(unpenalised["regularized_error"], [8, 4])
