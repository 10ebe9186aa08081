"""What a tuned lambda is worth elsewhere: tables made by hand, whose answers are known."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.transfer import transfer_matrix, transfer_table
from optcompare.errors import DataError

LAMBDAS = 10.0 ** np.arange(-2, 3.1, 0.5)
FACTORS = {"exact": 1.0, "tenth": 0.1}  # effective over nominal lambda of the two arms
BEST = {"a": 1.0, "b": 10.0, "c": 0.1}  # where every objective's effective lambda is best
FORMULAS = {("exact", "tenth"): 10.0, ("tenth", "exact"): 0.1}


def runs(seeds=(0, 1), arms=FACTORS, objectives=BEST):
    """norm = 5/(1 + effective lambda); the losses are a parabola in its logarithm."""
    rows = []
    for objective, best in objectives.items():
        for arm, factor in arms.items():
            for lam in LAMBDAS:
                for seed in seeds:
                    away = math.log10(lam * factor / best)
                    rows.append(
                        {
                            "objective": objective, "optimizer": arm, "lam_canonical": lam, "seed": seed,
                            "status": "FINISHED", "norm": 5 / (1 + lam * factor), "loss": 0.1 + away**2 + 0.5,
                            "validation_loss": 0.5 + away**2, "test_loss": 0.5 + 0.08 * away**2,
                            "null_test_loss": 2.0, "cost": 100.0,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table():
    return transfer_table(runs(), FORMULAS)


def rows_of(table, source, target, method, objective="a"):
    picked = table.query("source == @source and target == @target and method == @method and objective == @objective")
    assert len(picked) == 2, "one row a seed"
    return picked


def test_unchanged_is_off_by_a_decade_and_converted_is_right(table):
    assert len(table) == 3 * 2 * 2 * 3
    unchanged = rows_of(table, "tenth", "exact", "unchanged")
    np.testing.assert_allclose(unchanged["tuned_at_source"], 10.0)
    np.testing.assert_allclose(unchanged["tuned_at_target"], 1.0)
    np.testing.assert_allclose(unchanged["lam"], 10.0)
    np.testing.assert_allclose(unchanged["regret"], 0.08 / 2.0)
    converted = rows_of(table, "tenth", "exact", "converted")
    np.testing.assert_allclose(converted["lam"], 1.0)
    np.testing.assert_allclose(converted["regret"], 0.0, atol=1e-12)


def test_the_measured_curve_finds_the_factor_without_being_told(table):
    measured = rows_of(table, "exact", "tenth", "measured")
    np.testing.assert_allclose(measured["lam"], 10.0)
    np.testing.assert_allclose(measured["regret"], 0.0, atol=1e-12)
    without = transfer_table(runs(), {})
    np.testing.assert_allclose(rows_of(without, "exact", "tenth", "measured")["lam"], 10.0)
    assert rows_of(without, "exact", "tenth", "converted")[["lam", "regret"]].isna().all(axis=None)


def test_the_curve_never_sees_the_held_out_objective():
    frame = runs()
    spoilt = frame.assign(norm=frame["norm"].where(frame["objective"] != "a", frame["norm"] ** 3 + frame["seed"]))
    assert rows_of(transfer_table(spoilt, {}), "exact", "tenth", "measured")["lam"].tolist() == [10.0, 10.0]
    is_target = (frame["objective"] != "a") & (frame["optimizer"] == "tenth")
    for factor, end in ((1e-3, LAMBDAS[0]), (1e3, LAMBDAS[-1])):
        others = frame.assign(norm=frame["norm"].where(~is_target, factor * frame["norm"]))
        measured = rows_of(transfer_table(others, {}), "exact", "tenth", "measured")
        assert measured["lam"].tolist() == [end, end] and measured["is_at_edge"].all()
    alone = transfer_table(runs(objectives={"a": 1.0}), {})
    assert alone.loc[alone["method"] == "measured", "lam"].isna().all()


def test_tuning_is_by_validation_alone():
    frame = runs()
    lucky = frame.assign(test_loss=np.where(frame["lam_canonical"] == LAMBDAS[0], 0.0, frame["test_loss"]))
    columns = ["lam", "tuned_at_target"]
    pd.testing.assert_frame_equal(transfer_table(lucky, FORMULAS)[columns], transfer_table(frame, FORMULAS)[columns])


def test_costs(table):
    direct, saved = 100.0 * len(LAMBDAS), 1 - 1 / len(LAMBDAS)
    assert set(table["tuning_cost"]) == {direct} and set(table["own_cost"]) == {100.0}
    np.testing.assert_allclose(table["saved"], saved)
    cost = table.groupby("method")["calibration_cost"].unique()
    assert cost["unchanged"] == cost["converted"] == [0.0] and cost["measured"] == [2 * 2 * direct]
    matrix = transfer_matrix(table).set_index(["source", "target", "method"])
    assert matrix.loc[("exact", "tenth", "measured"), "uses_to_pay"] == pytest.approx(4 * direct / (direct - 100))


def test_beyond_the_grid_the_end_is_taken_and_said():
    far = transfer_table(runs(), {("tenth", "exact"): 1e-6})
    row = rows_of(far, "tenth", "exact", "converted")
    assert row["lam"].tolist() == [LAMBDAS[0]] * 2 and row["is_at_edge"].all()
    assert not rows_of(far, "tenth", "exact", "unchanged")["is_at_edge"].any()
    matrix = transfer_matrix(far).set_index(["source", "target", "method"])
    assert matrix.loc[("tenth", "exact", "converted"), "share_at_edge"] == 1.0


def test_failed_runs_are_neither_tuned_to_nor_forgotten():
    frame = runs()
    at_ten = (frame["optimizer"] == "exact") & np.isclose(frame["lam_canonical"], 10.0)
    table = transfer_table(frame.assign(status=np.where(at_ten, "DIVERGED", "FINISHED")), FORMULAS)
    row = rows_of(table, "tenth", "exact", "unchanged")
    assert np.isinf(row["regret"]).all() and set(row["status"]) == {"FAILED"}
    assert not np.isclose(rows_of(table, "tenth", "exact", "unchanged", "b")["tuned_at_target"], 10.0).any()
    nothing = transfer_table(
        frame.assign(status=np.where(frame["optimizer"] == "exact", "FAILED", "FINISHED")), FORMULAS
    )
    assert set(nothing["status"]) == {"FAILED"} and nothing["regret"].isna().all()


def test_the_matrix_is_the_median_over_seeds_of_the_mean_over_objectives():
    table = transfer_table(runs(seeds=range(6)), FORMULAS)
    shifted = table.assign(regret=table["regret"] + 0.01 * table["seed"] + np.where(table["objective"] == "a", 0.03, 0))
    row = transfer_matrix(shifted).set_index(["source", "target", "method"]).loc[("exact", "tenth", "converted")]
    assert (row["regret"], row["low"], row["high"]) == pytest.approx((0.035, 0.01, 0.06)) and row["n_seeds"] == 6
    none = transfer_matrix(transfer_table(runs(), {})).query("method == 'converted'")
    assert none["regret"].isna().all()
    with pytest.raises(DataError, match="null_test_loss"):
        transfer_table(runs().drop(columns="null_test_loss"), {})
