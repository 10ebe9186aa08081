"""Fixed budgets and fixed targets against hand-computed cases."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.curves import Curves
from optcompare.analysis.fixed import fixed_budget_table, fixed_target_table
from optcompare.errors import InvalidInputError, UnknownNameError


def problems(names="p", accuracy=1e-15):
    columns = {"f_0": 12.0, "f_ref": 2.0, "accuracy": accuracy, "gradient_price": 3.0}
    return pd.DataFrame({"problem": list(names), **columns})


def curves_of(runs):
    """Return curves of (problem, optimizer, status, rows), a row being (n_values, n_gradients, error); d + 1 = 5."""
    first = np.cumsum([0, *(len(rows) for *_, rows in runs)]).astype(np.int64)
    flat = np.array([row for *_, rows in runs for row in rows], dtype=float).reshape(-1, 3)
    table = pd.DataFrame([run[:3] for run in runs], columns=["problem", "optimizer", "status"])
    table = table.assign(dataset=table["problem"], dim=4, seed=range(len(runs)))
    return Curves(table, first, flat[:, 0], flat[:, 1], flat[:, 0] / 10, flat[:, 2])


A = [("p", "a", "BUDGET", [(5, 0, 7.0), (20, 0, 3.0)]), ("p", "a", "BUDGET", [(4, 0, 12.0), (6, 0, 2.0)]),
     ("p", "a", "CRASHED", [])]  # fmt: skip


def test_what_is_left_of_the_gap_after_a_budget():
    found = fixed_budget_table(curves_of(A), problems(), [0.5, 1, 2, 4])
    assert list(found.columns) == [
        "problem", "dataset", "dim", "optimizer", "budget", "n_runs", "n_failed", "median", "low", "high"
    ]  # fmt: skip
    # gaps by run: inf .5 .5 .1 | inf 1 0 0 | inf inf inf inf
    assert found["budget"].tolist() == [0.5, 1, 2, 4]
    assert found["median"].tolist() == pytest.approx([math.inf, 1.0, 0.5, 0.1])
    assert found["low"].tolist() == pytest.approx([math.inf, 0.5, 0.0, 0.0])
    assert (found["high"] == math.inf).all() and set(found["n_runs"]) == {3} and set(found["n_failed"]) == {1}


def test_the_median_of_an_even_number_and_the_interval_of_ten():
    runs = [("p", "a", "BUDGET", [(1, 0, 2.0 + seed)]) for seed in range(10)]
    row = fixed_budget_table(curves_of(runs), problems(), [1]).iloc[0]
    assert row[["median", "low", "high"]].tolist() == pytest.approx([0.45, 0.1, 0.8])  # second to ninth
    row = fixed_budget_table(curves_of([*A[:1], *A[2:]]), problems(), [4]).iloc[0]
    assert row["median"] == math.inf  # half of the runs are no better


def test_a_gap_ends_at_the_accuracy_of_f_ref():
    found = fixed_budget_table(curves_of(A[:2]), problems(accuracy=0.02), [4])
    assert found[["median", "low", "high"]].iloc[0].tolist() == pytest.approx([0.06, 0.02, 0.1])


def test_the_axes_of_a_budget():
    curves = curves_of([("p", "a", "BUDGET", [(2, 2, 7.0), (4, 4, 3.0)])])

    def gaps(budgets, **options):
        return fixed_budget_table(curves, problems(), budgets, **options)["median"].tolist()

    assert gaps([11.9, 12.0], cost="passes") == pytest.approx([0.5, 0.1])  # 4 + 2 * 4
    assert gaps([3.9, 4.0], cost="passes", gradient_price=0) == pytest.approx([0.5, 0.1])
    assert gaps([15.9, 16.0], cost="passes", gradient_price="measured") == pytest.approx([0.5, 0.1])
    assert gaps([23.9, 24.0], cost="passes", gradient_price="dimension") == pytest.approx([0.5, 0.1])
    assert gaps([3.9, 4.0], cost="evaluations") == gaps([0.39, 0.4], cost="seconds") == pytest.approx([0.5, 0.1])
    assert gaps([2.3, 2.4]) == pytest.approx([0.5, 0.1])  # 12 passes of 5
    with pytest.raises(UnknownNameError, match="cost"):
        gaps([1], cost="euros")
    for wrong in ([], [0], [math.nan], 3):
        with pytest.raises(InvalidInputError, match="budgets"):
            gaps(wrong)


def test_problems_without_a_scale_are_left_out_and_the_others_keep_their_order():
    runs = [("q", "b", "BUDGET", [(1, 0, 3.0)]), ("p", "a", "BUDGET", [(1, 0, 3.0)]), ("q", "a", "BUDGET", [])]
    found = fixed_budget_table(curves_of(runs), problems("pq", accuracy=[math.inf, 1e-9]), [1, 2])
    assert found[["problem", "optimizer"]].to_numpy().tolist() == [["q", "b"]] * 2 + [["q", "a"]] * 2
    assert not len(fixed_budget_table(curves_of(runs), problems("pq", accuracy=math.inf), [1]))


def test_fixed_targets_are_ratios_to_the_best():
    ert = pd.DataFrame(
        {
            "problem": [*"pppp", *"qq"], "tau": [0.1, 0.1, 0.1, 0.01, 0.1, 0.1], "optimizer": [*"abca", *"ab"],
            "ert": [20.0, 10.0, math.inf, math.inf, 4.0, 4.0],
        }
    )  # fmt: skip
    found = fixed_target_table(ert)
    assert found["ratio"].tolist()[:3] == [2.0, 1.0, math.inf] and found["ratio"].tolist()[4:] == [1.0, 1.0]
    assert math.isnan(found["ratio"].iloc[3])  # nobody got there
    assert found["place"].tolist() == [2, 1, 3, 1, 1, 1]
    assert found.drop(columns=["ratio", "place"]).equals(ert)
