"""Lambdas read off a stored path whose inverse is known."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.analysis.exchange import matched_lambdas, median_lambda, side_of, stored_paths
from optcompare.errors import DataError, InvalidInputError, UnknownNameError

PATH = np.geomspace(1e-3, 1e2, 101)


def norm_at(lam, seed=0):
    return (2 + seed) / (0.5 + lam) ** 0.7


def loss_at(lam, seed=0):
    return (0.1 + 0.01 * seed) * (1 + lam) ** 0.3


def runs(optimizer, lams, factor=1.0, loss_factor=None, n_seeds=10, status="FINISHED", objective="a"):
    """Return runs that look like the reference at factor * lam by norm, at loss_factor * lam by loss."""
    rows = [
        {
            "objective": objective, "optimizer": optimizer, "lam": lam, "lam_canonical": lam, "seed": seed,
            "status": status, "norm": norm_at(factor * lam, seed),
            "loss": loss_at((factor if loss_factor is None else loss_factor) * lam, seed),
        }
        for lam in lams
        for seed in range(n_seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


NO_PATH = runs("lbfgs", [1.0]).iloc[:0]


def results_of(*parts, path=None):
    frame = pd.concat(parts, ignore_index=True)
    path = runs("lbfgs", PATH) if path is None else path
    return SimpleNamespace(to_frame=lambda: frame, path_frame=lambda: path)


def test_the_curve_inverts_the_path_of_the_same_seed():
    results = results_of(runs("lbfgs", [0.1, 10]), runs("momentum", [0.1, 10], factor=0.1, loss_factor=3.0))
    by_norm, by_loss = oc.exchange_curve(results), oc.exchange_curve(results, match="loss")
    assert sorted(by_norm["lam_canonical"]) == [0.1, 0.1, 10, 10]
    for table, factor in ((by_norm, 0.1), (by_loss, 3.0)):
        ratios = table.set_index(["optimizer", "lam_canonical"])["ratio"]
        np.testing.assert_allclose(ratios["lbfgs"], 1.0, rtol=1e-4)
        np.testing.assert_allclose(ratios["momentum"], factor, rtol=1e-4)
        assert (table["side"] == "inside").all() and (table["n"] == 10).all()
        assert not table["is_coarse"].any() and (table["n_not_monotone"] == 0).all()
    assert set(by_loss["matched_on"]) == {"loss"} and set(by_norm["reference"]) == {"lbfgs"}


def test_intervals_are_order_statistics_over_seeds():
    arm = runs("arm", [1.0])
    factors = np.arange(1, 11)  # seed s looks like lambda = s + 1
    arm["norm"] = [norm_at(factor, seed) for factor, seed in zip(factors, arm["seed"])]
    row = oc.exchange_curve(results_of(arm)).iloc[0]
    assert (row["low"], row["high"]) == (pytest.approx(2, rel=1e-4), pytest.approx(9, rel=1e-4))
    assert row["exchanged"] == pytest.approx(math.sqrt(5 * 6), rel=1e-4)
    assert row["coverage"] == pytest.approx(0.9785, abs=1e-4)


def test_beyond_the_path_is_marked_and_never_extrapolated():
    low, high = runs("low", [1e-5]), runs("high", [1e4])
    low["norm"], high["norm"] = 100.0, 1e-9
    mixed = runs("mixed", [1.0], n_seeds=4).assign(norm=[1e-9, 1e-9, norm_at(1.0, 2), 100.0])
    table = oc.exchange_curve(results_of(low, high, mixed)).set_index("optimizer")
    assert table.loc["low", "exchanged"] == 0 and table.loc["low", "side"] == "below the path"
    assert math.isinf(table.loc["high", "exchanged"]) and table.loc["high", "side"] == "above the path"
    assert (table.loc["mixed", "n_below"], table.loc["mixed", "n_above"]) == (1, 2)
    assert table.loc["mixed", "side"] == "above the path" and table.loc["mixed", "low"] == 0


def test_coarse_and_crooked_paths_are_flagged():
    own = results_of(runs("lbfgs", [0.01, 0.1, 1, 10]), runs("arm", [0.1]), path=NO_PATH)
    table = oc.exchange_curve(own)
    assert table["is_coarse"].all()
    np.testing.assert_allclose(table["points_per_decade"], 1.0)
    crooked = runs("lbfgs", PATH)
    crooked.loc[(crooked["seed"] < 3) & np.isclose(crooked["lam"], PATH[50]), "norm"] *= 2
    table = oc.exchange_curve(results_of(runs("arm", [0.1]), path=crooked))
    assert list(table["n_not_monotone"]) == [3] and not table["is_coarse"].any()
    hole = runs("lbfgs", np.delete(np.geomspace(1e-3, 1e2, 201), [100, 101]))
    assert oc.exchange_curve(results_of(runs("arm", [0.1]), path=hole))["is_coarse"].all()


def test_failed_runs_give_no_reading_and_spoil_no_path():
    spoilt = pd.concat([runs("lbfgs", PATH), runs("lbfgs", [0.5], factor=1e3, status="FAILED")], ignore_index=True)
    arm = pd.concat([runs("arm", [1.0], n_seeds=6), runs("arm", [1.0], factor=50, status="DIVERGED", n_seeds=4)])
    row = oc.exchange_curve(results_of(arm, path=spoilt)).iloc[0]
    assert (row["n_runs"], row["n_failed"], row["n"]) == (10, 4, 6)
    assert row["exchanged"] == pytest.approx(1.0, rel=1e-4) and row["high"] == pytest.approx(1.0, rel=1e-4)


def test_no_number_no_path_no_such_reference():
    paths = stored_paths(runs("lbfgs", PATH, n_seeds=1), "lbfgs")
    table = pd.DataFrame({"objective": ["a", "a", "b"], "seed": [0, 7, 0], "norm": [math.nan, 1.0, 1.0]})
    assert np.isnan(matched_lambdas(table, paths, "norm")).all()
    with pytest.raises(UnknownNameError, match="lbfgs"):
        oc.exchange_curve(results_of(runs("arm", [1.0])), reference="lbfg")
    with pytest.raises(UnknownNameError, match="norm"):
        oc.exchange_curve(results_of(runs("arm", [1.0])), match="weights")
    with pytest.raises(DataError, match="path="):
        oc.exchange_curve(results_of(runs("lbfgs", [1.0]), path=NO_PATH))


def test_medians_of_lambdas():
    assert median_lambda(np.array([0.0, 4.0]))[0] == 0.0  # not 2: nothing is known below the path
    assert median_lambda(np.array([1.0, np.inf]))[0] == np.inf
    assert median_lambda(np.array([0.0, np.inf]))[0] == 0.0
    assert median_lambda(np.array([1.0, 4.0, np.nan]))[0] == pytest.approx(2.0)
    assert math.isnan(median_lambda(np.array([np.nan]))[0])
    assert [side_of(lam) for lam in (math.nan, 0.0, math.inf, 2.0)] == [
        "",
        "below the path",
        "above the path",
        "inside",
    ]
    with pytest.raises(InvalidInputError):
        median_lambda(np.array([-1.0]))


def test_a_study_runs_its_path_and_the_exchange_reads_it(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 2))
    data = oc.Dataset.from_arrays(X, X @ [1.0, 2.0] + 0.3 * X[:, 0] ** 2, task="regression")
    study = oc.Study(
        name="small", question="?", objectives={"a": oc.linear_objective(data, penalty=oc.L2(1.0))}, lambdas=[1, 5],
        optimizers={"lbfgs": "lbfgs", "averaged": oc.InUpdate(oc.optimizers.HeavyBall(learning_rate=0.1))},
        seeds=range(2), budget=3000, path=np.geomspace(0.05, 50, 61),
    )  # fmt: skip
    results = study.run(tmp_path / "runs.db", jobs=1, progress=False)
    assert len(results.to_frame()) == 2 * 2 * 2 and len(results.path_frame()) == 61 * 2
    ratio = oc.exchange_curve(results).set_index("optimizer")["ratio"]
    np.testing.assert_allclose(ratio["lbfgs"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(ratio["averaged"], 0.1, rtol=1e-3)  # heavy ball: lambda (1 - 0.9)
    assert oc.load_results(tmp_path / "runs.db").study == "small"  # the path is no study to choose from
    again = study.run(tmp_path / "runs.db", jobs=1, progress=False)
    assert again.path_frame()["started_at"].equals(results.path_frame()["started_at"])
