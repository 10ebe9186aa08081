"""Hits, runtimes, ERT, ECDF and areas: hand-computed cases, and laws that hold whatever the runs."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcompare.analysis.curves import Curves
from optcompare.analysis.runtimes import (
    DENSE_TAUS,
    TAUS,
    area_table,
    ecdf_table,
    ert_table,
    hits,
    restarted,
    runtimes,
)
from optcompare.errors import InvalidInputError, UnknownNameError

FAILURES = ("FAILED", "CRASHED", "TIMEOUT", "DIVERGED", "SKIPPED")


def problems(names="p", f_0=1.0, f_ref=0.0, accuracy=1e-15, gradient_price=math.nan):
    columns = {"f_0": f_0, "f_ref": f_ref, "accuracy": accuracy, "gradient_price": gradient_price}
    return pd.DataFrame({"problem": list(names), **columns})


def a_run(rows=(), optimizer="a", problem="p", spent=None, n_gradients=0.0, **changes):
    """A run: rows of (values, error); each value comes with as many gradients as the run makes a value."""
    spent = (rows[-1][0] if rows else 0.0) if spent is None else spent
    return {
        "rows": list(rows), "problem": problem, "objective": problem, "dataset": problem, "lam": 1.0,
        "optimizer": optimizer, "seed": 0, "status": "BUDGET", "dim": 4, "n_values": float(spent),
        "n_gradients": spent * n_gradients, "seconds": 0.1 * spent, "budget": 100.0, "gradient_price": 2.0, **changes,
    }  # fmt: skip


def curves_of(runs):
    table = pd.DataFrame(runs)
    first = np.cumsum([0, *(len(run["rows"]) for run in runs)]).astype(np.int64)
    flat = np.array([row for run in runs for row in run["rows"]], dtype=float).reshape(-1, 2)
    shares = [run["n_gradients"] / run["n_values"] if run["n_values"] else 0.0 for run in runs]
    share = np.repeat(shares, np.diff(first))
    return Curves(table.drop(columns="rows"), first, flat[:, 0], flat[:, 0] * share, 0.1 * flat[:, 0], flat[:, 1])


def ert_of(runs, taus=(0.1,), facts=None, **options):
    facts = problems(sorted({run["problem"] for run in runs})) if facts is None else facts
    return ert_table(runtimes(hits(curves_of(runs), facts, taus), facts, **options))


def test_a_hit_is_the_first_row_within_the_target():
    curves = curves_of([a_run([(1, 9.0), (3, 4.0), (7, 2.4), (20, 2.0)], spent=25)])
    found = hits(curves, problems(f_0=12.0, f_ref=2.0, accuracy=1e-3), [1.0, 0.2, 0.1, 0.04, 0.01, 1e-3, 1e-4])
    # targets 12, 4, 3, 2.4, 2.1, 2.01; the last tau is finer than f_ref is known
    assert found["n_values"].tolist() == [1.0, 3.0, 7.0, 7.0, 20.0, 20.0]
    assert found["is_reached"].all() and found["tau"].tolist() == [1.0, 0.2, 0.1, 0.04, 0.01, 1e-3]
    assert found["seconds"].tolist() == pytest.approx([0.1, 0.3, 0.7, 0.7, 2.0, 2.0])
    columns = ["problem", "dataset", "dim", "optimizer", "seed", "status", "tau", "is_reached", "n_values"]
    assert list(found.columns) == [*columns, "n_gradients", "seconds", "budget"]


def test_a_run_that_misses_is_charged_what_it_spent_and_a_failed_one_the_budget_in_its_own_mix():
    runs = [
        a_run([(1, 5.0)], spent=40, status="FINISHED"),
        *(a_run([(1, 5.0)], spent=4, n_gradients=0.5, status=status) for status in FAILURES),
        a_run([], spent=0, status="CRASHED", seconds=math.nan),
    ]
    found = hits(curves_of(runs), problems(), [0.1])
    assert not found["is_reached"].any()
    assert found["n_values"].tolist() == [40.0, *[50.0] * 5, 100.0]  # 50 values and 25 gradients at price 2 are 100
    assert found["n_gradients"].tolist() == [0.0, *[25.0] * 5, 0.0]
    assert found["seconds"].tolist() == [4.0] * 7  # no fewer than any run on the problem took
    passes = runtimes(found, problems())["runtime"]
    assert passes.tolist() == [40.0, *[100.0] * 6]


def test_what_a_failed_run_reached_before_counts():
    found = hits(curves_of([a_run([(2, 0.5), (5, 0.05)], status="DIVERGED")]), problems(), [0.1, 0.01])
    assert found["is_reached"].tolist() == [True, False]
    assert found["n_values"].tolist() == [5.0, 100.0]


def test_where_only_the_clock_limits_a_failure_is_charged_the_most_that_was_spent():
    runs = [a_run([(1, 5.0)], spent=30, budget=math.inf), a_run([], spent=3, budget=math.inf, status="FAILED")]
    found = hits(curves_of(runs), problems(), [0.1])
    assert found["n_values"].tolist() == [30.0, 30.0] and found["budget"].tolist() == [30.0, 30.0]


def test_the_axes_and_the_prices_of_a_gradient():
    facts = problems("pq", gradient_price=[0.5, math.nan])
    runs = [a_run([(10, 0.0)], problem=name, n_gradients=1.0) for name in "pq"]
    found = hits(curves_of(runs), facts, [0.1])

    def cost(**options):
        return runtimes(found, facts, **options)["runtime"].tolist()

    assert cost() == [30.0, 30.0] and cost(gradient_price=0.0) == [10.0, 10.0] == cost(cost="evaluations")
    assert cost(gradient_price="measured") == [15.0, 30.0]  # 2 where it was not measured
    assert cost(gradient_price="dimension") == [60.0, 60.0]  # d + 1 = 5
    assert cost(cost="simplices") == [6.0, 6.0] and cost(cost="seconds") == pytest.approx([1.0, 1.0])
    assert runtimes(found, facts, cost="simplices")["budget"].tolist() == [20.0, 20.0]
    for wrong in ({"cost": "euros"}, {"gradient_price": "cheap"}):
        with pytest.raises(UnknownNameError, match="Allowed"):
            cost(**wrong)
    for price in (-1.0, math.nan, math.inf):
        with pytest.raises(InvalidInputError, match="gradient_price"):
            cost(gradient_price=price)


def test_taus_and_problems_are_checked():
    curves = curves_of([a_run([(1, 0.0)])])
    for taus in ([], [0.0], [-0.1], [math.nan], [[0.1]]):
        with pytest.raises(InvalidInputError, match="taus"):
            hits(curves, problems(), taus)
    with pytest.raises(InvalidInputError, match=r"problems lacks \['p'\]"):
        hits(curves, problems("q"), [0.1])


def test_ert_of_a_hand_computed_case():
    runs = [
        a_run([(10, 0.05)], spent=60, seed=0),
        a_run([(20, 0.05)], spent=60, seed=1),
        a_run([(5, 0.9)], spent=60, seed=2),
        a_run([(5, 0.9)], spent=7, seed=3, status="FAILED"),
        a_run([(5, 0.9)], "b", spent=60),
        a_run([], "b", status="CRASHED"),
    ]
    found = ert_of(runs, (0.1, 0.5, 0.01))
    assert list(found.columns) == [
        "problem", "dataset", "dim", "optimizer", "tau", "n_runs", "n_reached", "ert", "charged", "budget"
    ]  # fmt: skip
    assert found["tau"].tolist() == [0.5, 0.1, 0.01] * 2 and found["optimizer"].tolist() == list("aaabbb")
    assert found["n_runs"].tolist() == [4] * 3 + [2] * 3 and found["n_reached"].tolist() == [2, 2, 0, 0, 0, 0]
    assert found["charged"].tolist() == [190.0, 190.0, 280.0, 160.0, 160.0, 160.0]
    assert found["ert"].tolist() == [95.0, 95.0, math.inf, math.inf, math.inf, math.inf]
    assert (found["budget"] == 100.0).all()


def test_problems_without_targets_leave_no_rows():
    facts = problems("pq", accuracy=[math.inf, 1e-2])
    runs = [a_run([(1, 0.0)]), a_run([(1, 0.0)], problem="q")]
    assert ert_of(runs, (0.1, 1e-2, 1e-3), facts)["problem"].tolist() == ["q", "q"]
    unknown = problems(f_0=math.nan, f_ref=math.nan, accuracy=math.inf)
    assert not len(ert_of(runs[:1], (0.1,), unknown))
    empty = runtimes(hits(curves_of(runs[:1]), unknown, (0.1,)), unknown)
    assert not len(ecdf_table(empty, np.random.default_rng(0))) and not len(area_table(empty))


costs = st.integers(1, 99)
a_falling_run = st.lists(
    st.tuples(costs, st.sampled_from([0.5, 0.09, 0.009, 0.0009])),
    max_size=4,
    unique_by=(lambda r: r[0], lambda r: r[1]),
).map(lambda rows: list(zip(sorted(r[0] for r in rows), sorted((r[1] for r in rows), reverse=True))))
some_runs = st.lists(
    st.tuples(a_falling_run, st.sampled_from("ab"), st.sampled_from("pq"), st.booleans(), st.sampled_from([0.0, 0.5])),
    min_size=1, max_size=8,
)  # fmt: skip


def built(given_runs):
    return [
        a_run(rows, optimizer, problem, spent=99, n_gradients=share, seed=seed,
              status="FAILED" if is_failed else "BUDGET")
        for seed, (rows, optimizer, problem, is_failed, share) in enumerate(given_runs)
    ]  # fmt: skip


@given(some_runs)
def test_ert_is_the_sum_over_the_successes_in_plain_loops(given_runs):
    runs = built(given_runs)
    found = ert_of(runs, (0.1, 0.01))
    for row in found.to_dict("records"):
        own = [run for run in runs if (run["problem"], run["optimizer"]) == (row["problem"], row["optimizer"])]
        spent, n_reached = 0.0, 0
        for run in own:
            share = run["n_gradients"] / run["n_values"]
            within = [cost for cost, error in run["rows"] if error <= row["tau"]]
            n_reached += bool(within)
            full = 99 * (1 + 2 * share)
            # these runs have spent up to 198 passes of 100: what they have, where that is more
            missed = max(100.0, full) if run["status"] == "FAILED" else full
            spent += within[0] * (1 + 2 * share) if within else missed
        assert (row["n_runs"], row["n_reached"]) == (len(own), n_reached)
        assert row["charged"] == pytest.approx(spent)
        assert row["ert"] == (pytest.approx(spent / n_reached) if n_reached else math.inf)


@given(st.lists(costs, min_size=1, max_size=6))
def test_ert_with_all_successes_is_the_mean_runtime(hit_at):
    runs = [a_run([(cost, 0.0)], seed=seed) for seed, cost in enumerate(hit_at)]
    assert ert_of(runs)["ert"].item() == pytest.approx(np.mean(hit_at))


@given(some_runs, st.floats(0, 50), st.floats(0, 50))
def test_the_price_of_a_gradient_enters_linearly(given_runs, one, other):
    facts = problems("pq")
    found = hits(curves_of(built(given_runs)), facts, (0.1,))
    at = {
        price: runtimes(found, facts, gradient_price=price)["runtime"].to_numpy() for price in (0.0, one, one + other)
    }
    slope = at[one + other] - at[one]
    assert slope == pytest.approx(other * found["n_gradients"].to_numpy(), abs=1e-6)
    assert at[0.0] == pytest.approx(found["n_values"].to_numpy())


@given(some_runs, st.integers(0, 7), st.integers(0, 4), st.sampled_from(FAILURES), st.sampled_from([0.0, 2.0, 5.0]))
def test_a_crash_never_pays(given_runs, which, n_kept, status, price):
    runs = built([(*run[:3], False, run[4]) for run in given_runs])
    which %= len(runs)
    rows = runs[which]["rows"][:n_kept]
    crashed = [dict(run) for run in runs]
    spent = rows[-1][0] if rows else 0.0
    share = runs[which]["n_gradients"] / 99
    crashed[which] |= {"rows": rows, "status": status, "n_values": float(spent), "n_gradients": spent * share}
    for run in (*runs, *crashed):
        run["budget"] = 99.0 * (1 + 2 * share)
    before, after = ert_of(runs, (0.1, 0.01), gradient_price=price), ert_of(crashed, (0.1, 0.01), gradient_price=price)
    tolerance = 1 - 1e-12
    if rows or not share or price <= 2.0:  # without any call its mix is unknown: all values
        assert (after["ert"] >= before["ert"] * tolerance).all()
    assert (after["n_reached"] <= before["n_reached"]).all()


@given(some_runs, st.randoms(use_true_random=False))
def test_the_order_of_runs_changes_nothing(given_runs, random):
    runs = built(given_runs)
    mixed = list(runs)
    random.shuffle(mixed)
    by = ["problem", "optimizer", "tau"]
    one, other = (ert_of(order, (0.1, 0.01)).sort_values(by, ignore_index=True) for order in (runs, mixed))
    pd.testing.assert_frame_equal(one, other)


def ecdf_of(runs, taus=(0.1,), seed=0, **options):
    facts = problems(sorted({run["problem"] for run in runs}))
    return ecdf_table(runtimes(hits(curves_of(runs), facts, taus), facts), np.random.default_rng(seed), **options)


def test_ecdf_of_runs_that_all_reach_their_targets():
    runs = [a_run([(cost, 0.0)], seed=seed) for seed, cost in enumerate([1, 10, 10, 90])]
    found = ecdf_of(runs, n_bootstrap=20, n_points=5)
    assert found["cost"].tolist() == pytest.approx(np.geomspace(1, 90, 5))
    assert found["share"].tolist() == [0.25, 0.25, 0.25, 0.75, 1.0]
    assert found["low"].equals(found["share"]) and found["high"].equals(found["share"])  # one data set: no width
    assert set(found["n_pairs"]) == {1} and set(found["n_datasets"]) == {1}


def test_every_pair_counts_once_whatever_its_number_of_runs():
    runs = [a_run([(1, 0.0)]), *(a_run([], problem="q", spent=5) for _ in range(3))]
    assert ecdf_of(runs, n_bootstrap=20)["share"].tolist() == [0.5]


@settings(max_examples=30)
@given(some_runs)
def test_ecdf_rises_and_stays_within_its_interval(given_runs):
    found = ecdf_of(built(given_runs), (0.1, 0.01), n_bootstrap=50)
    assert found[["share", "low", "high"]].stack().between(0, 1 + 1e-12).all()
    for _, part in found.groupby("optimizer"):
        assert (part[["share", "low", "high"]].diff().dropna() >= -1e-12).all().all()
        assert (part["low"] <= part["high"]).all()
    ert = ert_of(built(given_runs), (0.1, 0.01))
    solved = ert.assign(is_solved=ert["n_reached"] > 0).groupby("optimizer")["is_solved"].mean()
    last = found.groupby("optimizer")["share"].last()
    assert last.to_dict() == pytest.approx(solved.to_dict())  # restarts solve in the end what was ever solved


def test_simulated_restarts_cost_the_ert_on_average():
    facts = problems()
    runs = [a_run([(10, 0.0)], spent=10), *(a_run([], spent=40, status="FINISHED") for _ in range(3))]
    found = runtimes(hits(curves_of(runs), facts, (0.1,)), facts)
    rng = np.random.default_rng(0)
    drawn = np.array([restarted(found, rng) for _ in range(1500)])
    assert (drawn[:, 0] == 10).all() and set(np.unique(drawn % 40)) == {10.0}
    ert = ert_table(found)["ert"].item()
    assert ert == 130.0
    assert drawn.mean() == pytest.approx(ert, rel=0.06)  # standard error 1.5 %
    never = runtimes(hits(curves_of(runs[1:]), facts, (0.1,)), facts)
    assert np.isinf(restarted(never, rng)).all()


def test_the_interval_is_over_data_sets_and_not_over_problems():
    rng = np.random.default_rng(1)
    names = [f"{dataset}{index}" for dataset in "abcdefgh" for index in range(10)]
    runs = [a_run([(1, 0.0)] if name[0] < "e" else [], problem=name, spent=2, dataset=name[0]) for name in names]
    facts = problems(names)
    found = runtimes(hits(curves_of(runs), facts, (0.1,)), facts)
    row = ecdf_table(found, rng, n_bootstrap=2000).iloc[-1]
    assert (row["share"], row["n_pairs"], row["n_datasets"]) == (0.5, 80, 8)
    assert (row["low"], row["high"]) == (0.125, 0.875)  # binomial of 8 halves; of 80 it would be 0.39 to 0.61


def test_area_is_log_cost_between_one_and_the_budget():
    runs = [a_run([(1, 0.5), (10, 0.05)]), a_run([], "b", spent=100), a_run([(100, 0.0)], "c")]
    facts = problems()
    found = area_table(runtimes(hits(curves_of(runs), facts, (0.5, 0.1, 0.01)), facts))
    assert found["optimizer"].tolist() == ["a", "b", "c"]
    assert found["area"].tolist() == pytest.approx([(0.0 + 0.5 + 1.0) / 3, 1.0, 1.0])
    simplices = runtimes(hits(curves_of(runs), facts, (0.1,)), facts, cost="simplices")
    assert area_table(simplices)["area"].iloc[0] == pytest.approx(math.log(2) / math.log(20))
    assert area_table(simplices, 2.0, 200.0)["area"].iloc[0] == 0.0
    for low, high in ((0.0, None), (math.nan, None), (30.0, None), (2.0, 2.0)):
        with pytest.raises(InvalidInputError, match="low"):
            area_table(simplices, low, high)


def test_the_taus():
    assert pytest.approx([10.0**-k for k in range(1, 8)]) == TAUS
    assert (len(DENSE_TAUS), DENSE_TAUS[0], DENSE_TAUS[-1]) == (50, 1.0, pytest.approx(1e-7))
