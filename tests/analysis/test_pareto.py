"""The Pareto plane's tables: slopes and feet on a front that is known in closed form."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.exchange import stored_paths
from optcompare.analysis.pareto import front_slopes, on_the_plane

N = 50


def ridge_front(lambdas, seed=0, optimizer="lbfgs", factor=1.0, status="FINISHED"):
    """The front of (w - 3)^2/2 + 0.1 + lambda/(2n) w^2: w = 3/(1 + lambda/n)."""
    lam = np.asarray(lambdas, dtype=float)
    w = 3 / (1 + factor * lam / N)
    return pd.DataFrame(
        {
            "objective": "one weight", "optimizer": optimizer, "seed": seed, "lam_canonical": lam, "n_samples": N,
            "norm": w, "loss": (w - 3) ** 2 / 2 + 0.1, "status": status,
        }
    )  # fmt: skip


DENSE = 10.0 ** np.linspace(-1, 4, 101)


def test_the_slope_is_minus_lambda_over_2n_and_a_tenth_where_lambda_acts_as_a_tenth():
    table = front_slopes(pd.concat([ridge_front(DENSE), ridge_front([10, 11], optimizer="heavy ball", factor=0.1)]))
    exact = table[table["optimizer"] == "lbfgs"]
    assert len(exact) == 100
    np.testing.assert_allclose(exact["predicted"], -exact["lam_canonical"] / (2 * N))
    np.testing.assert_allclose(exact["ratio"], 1.0, rtol=2e-3)
    (tenth,) = table.loc[table["optimizer"] == "heavy ball", "ratio"]
    assert tenth == pytest.approx(0.1, rel=2e-3)


def test_slopes_join_neighbours_of_one_run_family_only():
    runs = pd.concat([ridge_front([1, 10, 11]), ridge_front([1.1, 100], seed=1), ridge_front([0, 1e-3])])
    table = front_slopes(runs)
    assert table["lam_canonical"].tolist() == [pytest.approx(math.sqrt(110))]
    table = front_slopes(pd.concat([ridge_front([10]), ridge_front([11], status="DIVERGED")]))
    assert table["status"].tolist() == ["DIVERGED"]
    assert list(front_slopes(runs.iloc[:0])) == list(table)


@pytest.fixture(scope="module")
def paths():
    return stored_paths(ridge_front(DENSE), "lbfgs")


def points(norms, losses):
    return pd.DataFrame({"objective": "one weight", "seed": 0, "norm": norms, "loss": losses})


def test_feet_of_a_point_above_the_front(paths):
    """At |w| = 2 the front has lambda = n/2 and loss 0.6; at loss 0.9 |w| = 3 - sqrt(1.6)."""
    (row,) = on_the_plane(points([2.0], [0.9]), paths).to_dict("records")
    norm_of_loss = 3 - math.sqrt(1.6)
    assert row["norm_matched"] == pytest.approx(N / 2, rel=1e-3)
    assert row["loss_matched"] == pytest.approx(N * (3 / norm_of_loss - 1), rel=1e-3)
    assert row["front_loss"] == pytest.approx(0.6, rel=1e-4)
    assert row["front_norm"] == pytest.approx(norm_of_loss, rel=1e-4)
    assert row["drop"] == pytest.approx(0.9 / 0.6 - 1, rel=1e-3)
    assert (
        row["log_ratio"] == pytest.approx(math.log(row["loss_matched"] / row["norm_matched"])) and row["log_ratio"] > 0
    )


def test_on_the_front_both_lambdas_agree_and_below_it_they_cross(paths):
    on_front = ridge_front([3.0, 200.0])[["objective", "seed", "norm", "loss"]]
    np.testing.assert_allclose(on_the_plane(on_front, paths)["log_ratio"], 0.0, atol=1e-4)
    below = on_the_plane(points([2.0], [0.5]), paths)
    assert below["log_ratio"].item() < 0 and below["drop"].item() < 0


def test_beyond_the_ends_of_the_front(paths):
    ends = ridge_front(DENSE)
    table = on_the_plane(points([5.0, 5.0, 1e-6, np.nan], [0.9, 0.05, 9.0, 1.0]), paths)
    assert table["norm_matched"].tolist()[:3] == [0.0, 0.0, math.inf]
    assert table["log_ratio"].tolist()[:3] == [math.inf, 0.0, 0.0]
    assert table["front_loss"].iloc[0] == pytest.approx(ends["loss"].min(), rel=1e-9)
    assert table["front_norm"].iloc[2] == pytest.approx(ends["norm"].min(), rel=1e-9)
    assert np.isnan(table["norm_matched"].iloc[3])
    elsewhere = on_the_plane(points([2.0], [0.9]).assign(seed=7), paths)
    assert elsewhere[["norm_matched", "loss_matched", "drop"]].isna().all(axis=None)
