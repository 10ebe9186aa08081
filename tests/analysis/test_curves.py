"""Curves against hand-made traces, and their two searches against plain loops."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optcompare as oc
from optcompare.analysis.curves import Curves, build_curves, joined, penalty_factors

NAMES = ["n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm"]


def a_run(key="a", **changes):
    return {
        "key": key, "problem": "p", "objective": "p", "dataset": "d", "lam": 1.0, "optimizer": "pso", "seed": 0,
        "status": "BUDGET", "dim": 2, "n_values": 9.0, "n_gradients": 3.0, "seconds": 1.0, "budget": 20.0,
        "gradient_price": 2.0, "regularized_error": 1.0, "error_from": "best_value", "loss": 0.5, "norm": 1.0,
        **changes,
    }  # fmt: skip


def a_trace(errors, losses=None, norms=None):
    rows = np.zeros((len(errors), len(NAMES)))
    rows[:, 0] = np.arange(1, len(errors) + 1)
    rows[:, 1] = 0.5 * rows[:, 0]
    rows[:, 2] = 0.1 * rows[:, 0]
    rows[:, 3] = errors
    rows[:, 5] = np.nan if losses is None else losses
    rows[:, 6] = np.nan if norms is None else norms
    return rows


def curves_of(errors, costs=None, **columns):
    """Return curves of runs with these falling errors."""
    first = np.cumsum([0, *map(len, errors)]).astype(np.int64)
    flat = np.concatenate([*map(np.asarray, errors), np.empty(0)]).astype(float)
    spent = flat * 0 if costs is None else np.concatenate([*map(np.asarray, costs), np.empty(0)]).astype(float)
    runs = pd.DataFrame([a_run(str(index), **columns) for index in range(len(errors))])
    return Curves(runs, first, spent, 0 * spent, spent / 10, flat)


def test_only_falling_rows_are_kept_and_nan_counts_as_infinite():
    traces = [("b", NAMES, a_trace([np.nan, 3.0, 3.5, 3.0, 2.0])), ("a", NAMES, a_trace([5.0, 4.0]))]
    curves = build_curves(pd.DataFrame([a_run("a"), a_run("gone"), a_run("b")]), iter(traces))
    assert curves.first.tolist() == [0, 2, 2, 4]
    assert curves.error.tolist() == [5.0, 4.0, 3.0, 2.0]
    assert curves.n_values.tolist() == [1.0, 2.0, 2.0, 5.0]
    assert curves.n_gradients.tolist() == [0.5, 1.0, 1.0, 2.5]
    assert curves.seconds == pytest.approx([0.1, 0.2, 0.2, 0.5])
    assert curves.best.tolist() == [4.0, math.inf, 2.0]
    assert list(curves.runs.columns)[:4] == ["problem", "objective", "dataset", "lam"]


def test_columns_are_found_by_name():
    order = [3, 0, 6, 1, 2, 5, 4]
    names, trace = [NAMES[place] for place in order], a_trace([2.0, 1.0])[:, order]
    curves = build_curves(pd.DataFrame([a_run("a")]), [("a", names, trace)])
    assert curves.error.tolist() == [2.0, 1.0] and curves.n_values.tolist() == [1.0, 2.0]


def test_a_bare_arm_is_measured_at_its_incumbents_with_the_nominal_penalty():
    # penalty = a |w|^2 with a = (regularized_error - loss) / norm^2 = 0.5 from both runs
    runs = pd.DataFrame(
        [
            a_run("a", error_from="incumbent", regularized_error=2.5, loss=0.5, norm=2.0, n_values=30.0),
            a_run("b", regularized_error=1.0, loss=0.5, norm=1.0),
        ]
    )
    trace = a_trace([0.1, 0.1, 0.1], losses=[3.0, 1.0, 0.7], norms=[1.0, 2.0, 2.0])
    curves = build_curves(runs, [("a", NAMES, trace), ("b", NAMES, a_trace([9.0]))])
    assert curves.error[: curves.first[1]].tolist() == [3.5, 3.0, 2.7, 2.5]  # the last one is its answer
    assert curves.n_values[: curves.first[1]].tolist() == [1.0, 2.0, 3.0, 30.0]
    failed = build_curves(runs.assign(status="DIVERGED"), [("a", NAMES, trace)])
    assert failed.error.tolist() == [3.5, 3.0, 2.7]
    nowhere = build_curves(runs.assign(error_from="nowhere"), [("a", NAMES, trace)])
    assert not len(nowhere.error) and nowhere.best.tolist() == [math.inf, math.inf]


def test_the_penalty_factor_is_none_where_the_runs_disagree():
    runs = pd.DataFrame([a_run("a", regularized_error=2.5, norm=2.0), a_run("b", regularized_error=3.0, norm=1.0)])
    assert np.isnan(penalty_factors(runs)).all()
    assert penalty_factors(runs.assign(lam=0.0)).tolist() == [0.0, 0.0]
    assert penalty_factors(runs.iloc[:1]).tolist() == [0.5]
    # without a factor there is only the answer
    lone = runs.assign(error_from="incumbent").iloc[:2]
    curves = build_curves(lone, [("a", NAMES, a_trace([1.0], losses=[1.0], norms=[1.0]))])
    assert curves.error.tolist() == [2.5, 3.0]


falling = st.lists(st.floats(-3, 3), max_size=9).map(lambda values: sorted(set(values), reverse=True))


@given(st.lists(falling, min_size=1, max_size=5), st.lists(st.floats(-4, 4), min_size=1, max_size=4))
def test_the_first_row_within_a_target_is_that_of_a_plain_loop(errors, targets):
    curves = curves_of(errors)
    found = curves.first_at_or_below(np.tile(targets, (len(errors), 1)))
    for run, own in enumerate(errors):
        for place, target in enumerate(targets):
            rows = [curves.first[run] + row for row, error in enumerate(own) if error <= target]
            assert found[run, place] == (rows[0] if rows else -1)


@given(st.lists(falling, min_size=1, max_size=5), st.lists(st.floats(-4, 4), min_size=1, max_size=4))
def test_the_last_row_within_a_cost_is_that_of_a_plain_loop(values, limits):
    costs = [sorted(own) for own in values]
    curves = curves_of(values, costs)
    found = curves.last_within(curves.n_values, np.tile(limits, (len(costs), 1)))
    for run, own in enumerate(costs):
        for place, limit in enumerate(limits):
            rows = [curves.first[run] + row for row, cost in enumerate(own) if cost <= limit]
            assert found[run, place] == (rows[-1] if rows else -1)


def test_curves_are_taken_and_joined_without_loss():
    curves = curves_of([[3, 2], [], [5, 4, 1]], [[1, 2], [], [1, 3, 9]])
    taken = curves.taken(np.array([2, 0, 1]))
    assert taken.error.tolist() == [5, 4, 1, 3, 2] and taken.first.tolist() == [0, 3, 5, 5]
    assert taken.runs["status"].tolist() == ["BUDGET"] * 3 and taken.best.tolist() == [1, 2, math.inf]
    both = joined([curves, taken])
    assert both.first.tolist() == [0, 2, 2, 5, 8, 10, 10] and both.error.tolist() == [3, 2, 5, 4, 1, 5, 4, 1, 3, 2]
    assert both.n_values.tolist() == [1, 2, 1, 3, 9, 1, 3, 9, 1, 2] and len(both.runs) == 6
    back = joined([curves.taken(np.array([0])), curves.taken(np.array([1, 2]))])
    assert back.error.tolist() == curves.error.tolist() and back.first.tolist() == curves.first.tolist()


def test_curves_of_a_study_end_at_what_its_runs_reached():
    data = oc.load_dataset("iris", seed=0)
    objective = oc.linear_objective(data, penalty=oc.L2(1.0))
    arms = {"lbfgs": "lbfgs", "pso": "pso", "decay": oc.InUpdate("gradient_descent")}
    study = oc.Study(name="s", question="?", objectives={"iris": objective}, optimizers=arms, seeds=range(2), budget=60)
    results = study.run(jobs=1, progress=False)
    frame, curves = results.to_frame(), results.curves()
    assert (curves.runs["seed"] == frame["seed"]).all() and (curves.runs["optimizer"] == frame["optimizer"]).all()
    is_shown = (frame["optimizer"] != "decay").to_numpy()
    assert curves.best[is_shown] == pytest.approx(frame["best_value"][is_shown], rel=1e-12)
    assert (curves.best[~is_shown] <= frame["regularized_error"][~is_shown]).all()
    assert (curves.best[~is_shown] > frame["loss"][~is_shown]).all()  # with the penalty
    for run in range(len(frame)):
        rows = slice(curves.first[run], curves.first[run + 1])
        assert (np.diff(curves.error[rows]) < 0).all() and (np.diff(curves.n_values[rows]) >= 0).all()
        assert curves.n_values[rows][-1] <= frame["n_values"].iloc[run]
