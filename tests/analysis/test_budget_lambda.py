"""Matched lambdas along traces: known ones, and gradient descent's line n/(eta t)."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.analysis.budget_lambda import budget_as_lambda, matched_over_cost

PATH = np.geomspace(1e-2, 1e2, 81)


def norm_at(lam):
    return 1 / (1 + lam)


def loss_at(lam):
    return 1 + lam / (2 + lam)


def runs(optimizer, lams, seeds):
    rows = [
        {"objective": "a", "optimizer": optimizer, "lam": lam, "lam_canonical": lam, "seed": seed, "status": "BUDGET",
         "norm": norm_at(lam), "loss": loss_at(lam), "gradient_price": 2.0, "n_samples": 50}
        for lam in lams for seed in seeds
    ]  # fmt: skip
    return pd.DataFrame(rows)


def trace(seed, factor):
    """Return a run that looks like lambda = factor * 100/cost by norm and like three times that by loss."""
    cost = np.array([10.0, 100.0, 1000.0, 1000.0])
    lam = factor * 100 / cost
    return pd.DataFrame(
        {"objective": "a", "optimizer": "arm", "lam": 0.01, "seed": seed, "n_values": cost * 0.5,
         "n_gradients": cost * 0.25, "norm": [*norm_at(lam[:3]), math.nan], "loss": loss_at(3 * lam)}
    )  # fmt: skip


def synthetic(n_seeds=3):
    frame = pd.concat([runs("lbfgs", [0.01], range(n_seeds)), runs("arm", [0.01], range(n_seeds))], ignore_index=True)
    traces = pd.concat([trace(seed, seed + 1.0) for seed in range(n_seeds)], ignore_index=True)
    path = runs("lbfgs", PATH, range(n_seeds))
    return SimpleNamespace(to_frame=lambda: frame, path_frame=lambda: path, traces=lambda: traces)


def test_a_run_holds_what_it_looked_like_last():
    rows = matched_over_cost(synthetic(), per_decade=2).query("seed == 0")
    np.testing.assert_allclose(rows["cost"], [10, 10**1.5, 100, 10**2.5, 1000])
    np.testing.assert_allclose(rows["norm_matched"], [10, 10, 1, 1, 0.1], rtol=1e-3)
    np.testing.assert_allclose(rows["loss_matched"], [30, 30, 3, 3, 0.3], rtol=1e-3)
    np.testing.assert_allclose(rows["log_ratio"], math.log10(3), rtol=1e-3)
    assert set(rows["optimizer"]) == {"arm"} and set(rows["n_samples"]) == {50}


def test_medians_over_seeds_and_what_lies_beyond_the_path():
    given = synthetic()
    table = budget_as_lambda(matched_over_cost(given, per_decade=1)).set_index(["matched_on", "cost"])
    row = table.loc["norm", 100.0]
    assert (row["median"], row["low"], row["high"]) == pytest.approx((2.0, 1.0, 3.0), rel=1e-3)
    above = table.loc["loss", 10.0]  # 30, 60 and 90 lie on the path
    assert above["n_above"] == 0 and above["median"] == pytest.approx(60, rel=1e-2)
    traces = given.traces()
    traces.loc[:, "norm"] = 2.0
    given.traces = lambda: traces
    rows = matched_over_cost(given, per_decade=1)
    assert (rows["norm_matched"] == 0).all() and np.isfinite(rows["log_ratio"]).all()  # counted from the path's end
    assert set(budget_as_lambda(rows).query("matched_on == 'norm'")["side"]) == {"below the path"}


def test_gradient_descent_from_zero_never_looks_like_more_than_n_over_eta_t():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 4)) * [1.0, 0.7, 0.3, 0.1]
    data = oc.Dataset.from_arrays(X, X @ [1.0, -2.0, 0.5, 1.0] + 0.1 * rng.normal(size=40), task="regression")
    rate = 0.2

    def from_zero(objective, start, rng):
        return oc.optimizers.GradientDescent(learning_rate=rate).minimize(objective, np.zeros_like(start), rng)

    study = oc.Study(
        name="line", question="?", objectives={"a": oc.linear_objective(data, penalty=oc.L2(1.0))}, lambdas=[1e-9],
        optimizers={"gd": from_zero}, seeds=[0], budget=300, path=np.geomspace(1e-3, 1e4, 141),
    )  # fmt: skip
    rows = matched_over_cost(study.run(jobs=1, progress=False), per_decade=6)
    rows = rows[rows["cost"] >= 3]
    line = 40 / (rate * np.floor(rows["cost"] / 3 - 1).clip(lower=1))  # the incumbent was evaluated, one update behind
    assert len(rows) > 10
    for name in ("norm_matched", "loss_matched"):
        inside = np.isfinite(rows[name])
        assert inside.sum() > 8 and (rows[name] <= line * 1.001)[inside].all()
        assert (rows[name][inside & (rows["cost"] < 30)] > 0.2 * line[inside & (rows["cost"] < 30)]).all()
