"""Resolution on runs whose AUC, regret and gap are known."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.analysis.resolution import pairwise_smaller, resolution_curve, seen_table, snapshots
from optcompare.errors import DataError, InvalidInputError

LAMS = (0.0, 0.01, 0.1, 1.0, 10.0)


def runs(optimizer, norms, errors=None, n_seeds=10, budget=100.0, status="FINISHED"):
    """Return runs with the norm norms[lam](seed); the error is the quadratic one below unless given."""
    rows = []
    for lam, norm in norms.items():
        for seed in range(n_seeds):
            w = norm(seed)
            loss = 0.5 * (w - 1) ** 2
            penalty = 0.5 * lam * w**2
            error = loss + penalty if errors is None else errors[lam]
            rows.append(
                {
                    "objective": "a", "optimizer": optimizer, "lam": lam, "lam_canonical": lam, "seed": seed,
                    "status": status, "norm": w, "loss": loss, "penalty_value": penalty, "regularized_error": error,
                    "budget": budget, "dim": 3, "gradient_price": 2.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def reference():
    """Return the minimisers of (w - 1)^2/2 + lam w^2/2: w = 1/(1 + lam)."""
    return runs("lbfgs", {lam: lambda seed, lam=lam: 1 / (1 + lam) for lam in LAMS})


def noisy(shift):
    """Return norms 1..10 over seeds at lambda = 0, moved down by shift[lam] elsewhere."""
    return {lam: lambda seed, lam=lam: 21.0 + seed - shift.get(lam, 0.0) for lam in LAMS}


def test_auc_counts_pairs_and_halves_ties():
    np.testing.assert_array_equal(pairwise_smaller(np.array([1.0, 2.0]), np.array([2.0])), [[1.0], [0.5]])
    # moved down by k of ten places: 1 - (10 - k)(10 - k - 1)/200 - (10 - k)/200 = 1 - (10 - k)^2/200
    curve = resolution_curve(runs("arm", noisy({0.1: 4, 1.0: 8, 10.0: 20})), reference(), n_boot=40)
    np.testing.assert_allclose(curve["auc"], [0.5, 1 - 36 / 200, 1 - 4 / 200, 1.0])
    assert (curve["auc_low"] <= curve["auc"]).all() and (curve["auc"] <= curve["auc_high"]).all()


def test_resolution_is_the_smallest_lambda_from_which_it_stays():
    def found(shift, **options):
        return oc.lambda_resolution(runs("arm", noisy(shift)), n_boot=40, **options).iloc[0]

    assert found({0.1: 4, 1.0: 8, 10.0: 20})["resolution"] == 1.0
    assert found({0.1: 4, 1.0: 8, 10.0: 20}, level=0.8)["resolution"] == 0.1
    assert found({0.01: 20, 0.1: 0, 1.0: 8, 10.0: 20})["resolution"] == 1.0  # seen at 0.01, not at 0.1: it must stay
    assert math.isinf(found({0.01: 20, 0.1: 20, 1.0: 20})["resolution"])
    at_once = found({0.01: 20, 0.1: 20, 1.0: 20, 10.0: 20})
    assert (at_once["resolution"], at_once["smallest_tried"], at_once["low"], at_once["high"]) == (0.01,) * 4
    assert at_once["is_decided"] and at_once["n_seeds"] == 10


def test_the_bootstrap_is_over_seeds():
    row = oc.lambda_resolution(runs("arm", noisy({0.1: 6, 1.0: 8, 10.0: 20})), n_boot=400).iloc[0]
    assert row["low"] <= row["resolution"] <= row["high"]  # 0.92 at 0.1: some resamples fall below 0.9
    assert row["low"] < row["high"]
    few = oc.lambda_resolution(runs("arm", noisy({10.0: 20}), n_seeds=9), n_boot=40).iloc[0]
    assert not few["is_decided"] and few["n_seeds"] == 9


def test_regret_and_gap_are_medians_against_the_reference():
    errors = {lam: 0.5 * lam / (1 + lam) + 0.25 for lam in LAMS}  # J* = lam/(2 (1 + lam)); the arm leaves 1/4
    curve = resolution_curve(runs("arm", noisy({}), errors), reference(), n_boot=40)
    lams = np.array(LAMS[1:])
    np.testing.assert_allclose(curve["regret"], 0.5 * lams - 0.5 * lams / (1 + lams), rtol=1e-12)  # w*_0 = 1
    np.testing.assert_allclose(curve["gap"], 0.25)
    np.testing.assert_allclose(curve["regret_over_gap"], curve["regret"] / 0.25)
    exact = resolution_curve(reference(), reference(), n_boot=40)
    assert (exact["gap"] > 0).all() and (exact["gap"] < 1e-15).all()  # rounding, never 0
    assert (exact["auc"] == 1).all()


def test_seen_averages_to_the_auc_and_failed_runs_are_left_out():
    arm = runs("arm", noisy({0.1: 4, 1.0: 8}))
    seen = seen_table(arm, reference())
    curve = resolution_curve(arm, reference(), n_boot=40)
    means = seen.groupby("lam_canonical")["seen"].mean()
    np.testing.assert_allclose(means, curve["auc"])
    assert {"seed", "status", "regret_over_gap"} <= set(seen.columns)
    lost = pd.concat([arm, runs("arm", {0.1: lambda seed: 1e9}, status="DIVERGED")], ignore_index=True)
    np.testing.assert_allclose(resolution_curve(lost, reference(), n_boot=40)["auc"], curve["auc"])


def test_a_shorter_budget_is_the_beginning_of_the_trace():
    frame = runs("arm", noisy({}), budget=400.0, n_seeds=2)
    keys = ["objective", "optimizer", "lam", "seed"]
    rows = []
    for run in frame.itertuples():
        for n_values, n_gradients, norm in ((10, 5, 5.0), (20, 10, 3.0), (60, 30, 2.0), (61, 30, math.nan)):
            rows.append([run.objective, run.optimizer, run.lam, run.seed, n_values, n_gradients, norm, 1.0])
    traces = pd.DataFrame(rows, columns=[*keys, "n_values", "n_gradients", "norm", "loss"])
    results = SimpleNamespace(to_frame=lambda: frame, traces=lambda: traces)
    table = snapshots(results, [4, 10, 99, 1000])  # 16, 40, 396 and 4000 passes; the rows cost 20, 40, 120, 121
    assert dict(table.groupby("budget")["norm"].first()) == {40.0: 3.0, 396.0: 2.0}
    assert len(table) == 2 * len(frame)
    at_zero = table[table["lam"] == 0]
    np.testing.assert_allclose(at_zero["regularized_error"], 1.0)
    with pytest.raises(InvalidInputError, match="budgets"):
        snapshots(results, [])


def test_without_lambda_zero_there_is_nothing_to_tell_apart():
    arm = runs("arm", noisy({}))
    with pytest.raises(DataError, match="put 0"):
        oc.lambda_resolution(arm[arm["lam"] > 0])
    with pytest.raises(InvalidInputError, match="level"):
        oc.lambda_resolution(arm, level=0.5)
    assert oc.lambda_resolution(arm.iloc[:0]).empty
