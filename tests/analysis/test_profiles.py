"""Profiles equal cases computed by hand, and keep their laws on random costs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcompare.analysis.profiles import data_profile, log_ratio_profile, performance_profile
from optcompare.errors import DataError, InvalidInputError, UnknownNameError

INF = float("inf")
# costs of a, b and c on four problems of two data sets, with d = 1, 1, 4, 9
COSTS = [[4, 8, INF], [6, 3, INF], [20, INF, INF], [INF, INF, INF]]
DIMS = [1, 1, 4, 9]


def ert(costs=COSTS, dims=DIMS, datasets="uuvv", names="abcdefgh", tau=0.1):
    rows = [
        {"problem": f"p{i}", "dataset": datasets[i], "dim": dims[i], "optimizer": names[j], "tau": tau, "ert": x}
        for i, row in enumerate(costs) for j, x in enumerate(row) if x is not None
    ]  # fmt: skip
    return pd.DataFrame(rows)


def steps(profile, name):
    rows = profile[profile["optimizer"] == name]
    return list(zip(rows["x"], rows["share"], strict=True))


def at(profile, name, x):
    rows = profile[(profile["optimizer"] == name) & (profile["x"] <= x)]
    return rows["share"].iloc[-1]


def test_performance_profile_by_hand():
    """Ratios of a: 1, 2, 1, never; of b: 2, 1, never, never; c never."""
    profile = performance_profile(ert())
    assert steps(profile, "a") == [(1.0, 0.5), (2.0, 0.75)]
    assert steps(profile, "b") == [(1.0, 0.25), (2.0, 0.5)]
    assert steps(profile, "c") == [(1.0, 0.0), (2.0, 0.0)]
    assert set(profile["n_problems"]) == {4} and set(profile["n_datasets"]) == {2}
    assert profile[["low", "high"]].isna().all(axis=None)


def test_data_profile_by_hand():
    """In units of d + 1 = 2, 2, 5, 10 a needs 2, 3, 4, never; b needs 4, 1.5, never, never."""
    profile = data_profile(ert())
    assert steps(profile, "a") == [(0.0, 0.0), (2.0, 0.25), (3.0, 0.5), (4.0, 0.75)]
    assert steps(profile, "b") == [(0.0, 0.0), (1.5, 0.25), (4.0, 0.5)]
    assert steps(profile, "c") == [(0.0, 0.0), (4.0, 0.0)]
    already = data_profile(ert(), unit="simplices")
    assert at(already, "a", 6.0) == 0.5 and at(already, "a", 5.9) == 0.25


def test_every_data_set_may_have_the_same_say():
    """Data set u (three problems): a solves all; v (one problem): none. 3/4 of the problems, half of the data sets."""
    table = ert([[1, 2], [1, 2], [1, 2], [INF, 5]], [1, 1, 1, 1], "uuuv")
    assert at(performance_profile(table), "a", 1) == 0.75
    assert at(performance_profile(table, weight="dataset"), "a", 1) == 0.5
    assert at(performance_profile(table, weight="dataset"), "b", 1) == 0.5


def test_log_ratio_profile_by_hand():
    table = log_ratio_profile(ert([[4, 8], [6, 3], [20, INF], [INF, INF], [INF, 7]], [1] * 5, "uuvvv"), "a", "b")
    assert table["problem"].tolist() == ["p2", "p0", "p1", "p4", "p3"]
    assert table["log_ratio"].tolist()[:4] == [-INF, -1.0, 1.0, INF]
    assert np.isnan(table["log_ratio"].iloc[4])
    assert table["position"].tolist() == [0, 1, 2, 3, -1]
    assert table["case"].tolist() == ["only a", "both", "both", "only b", "neither"]
    assert table["dataset"].tolist() == ["v", "u", "u", "v", "v"]


def test_not_run_is_not_solved():
    table = ert([[4, None], [6, 3]], [1, 1], "uv")
    assert at(performance_profile(table), "b", 9) == 0.5
    assert log_ratio_profile(table, "a", "b")["case"].tolist() == ["only a", "both"]


def test_a_profile_for_every_target():
    table = pd.concat([ert([[1, 2]], [1], "u"), ert([[5, INF]], [1], "u", tau=0.01)])
    profile = performance_profile(table)
    assert profile["tau"].unique().tolist() == [0.1, 0.01]
    hard = profile[profile["tau"] == 0.01]
    assert steps(hard, "a") == [(1.0, 1.0)] and steps(hard, "b") == [(1.0, 0.0)]
    assert log_ratio_profile(table, "b", "a")["log_ratio"].tolist() == [1.0, INF]


def test_other_columns_and_no_target_column():
    table = ert().drop(columns="tau").rename(columns={"ert": "median"})
    assert steps(data_profile(table, column="median"), "a") == steps(data_profile(ert()), "a")


def test_intervals_resample_data_sets():
    """a solves all of u and nothing of v: resamples of two data sets give 0, 1/2 or 1."""
    table = ert([[1, 2], [1, 2], [INF, 5], [INF, 5]], [1] * 4, "uuvv")
    profile = performance_profile(table, rng=np.random.default_rng(0), n_bootstrap=400)
    row = profile[profile["optimizer"] == "a"].iloc[-1]
    assert (row["low"], row["share"], row["high"]) == (0.0, 0.5, 1.0)
    row = profile[profile["optimizer"] == "b"].iloc[-1]
    assert (row["low"], row["share"], row["high"]) == (1.0, 1.0, 1.0)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([1.0, 2.0, 3.5, 8.0, INF]), min_size=3, max_size=3), min_size=1, max_size=6
    )
)  # fmt: skip
def test_laws(costs):
    """Shares rise from step to step; at the end they are the share solved; at ratio 1 somebody is best."""
    table = ert(costs, list(range(1, len(costs) + 1)), "uvwxyz")
    array = np.array(costs)
    for profile in (performance_profile(table), data_profile(table)):
        for index, name in enumerate("abc"):
            rows = profile[profile["optimizer"] == name]
            assert rows["share"].is_monotonic_increasing and rows["x"].is_monotonic_increasing
            assert rows["x"].is_unique
            assert rows["share"].iloc[-1] == pytest.approx(np.isfinite(array[:, index]).mean())
    at_one = performance_profile(table).groupby("optimizer")["share"].first().sum()
    assert at_one >= np.isfinite(array).any(axis=1).mean() - 1e-12
    doubled = performance_profile(ert(array * 2, [1] * len(costs), "uvwxyz"))  # ratios have no unit
    assert doubled[["x", "share"]].equals(performance_profile(table)[["x", "share"]])
    forth, back = (log_ratio_profile(table, *pair)["log_ratio"].dropna().to_numpy() for pair in ("ab", "ba"))
    assert forth.tolist() == (-back[::-1]).tolist()


def test_what_is_refused():
    with pytest.raises(DataError, match="> 0"):
        performance_profile(ert([[0, 1]], [1], "u"))
    with pytest.raises(DataError, match="lacks"):
        data_profile(ert().drop(columns="dim"))
    with pytest.raises(DataError, match="no rows"):
        data_profile(ert()[:0])
    with pytest.raises(UnknownNameError):
        data_profile(ert(), unit="evaluations")
    with pytest.raises(UnknownNameError):
        performance_profile(ert(), weight="seed")
    with pytest.raises(UnknownNameError):
        log_ratio_profile(ert(), "a", "z")
    with pytest.raises(InvalidInputError, match="twice"):
        log_ratio_profile(ert(), "a", "a")
