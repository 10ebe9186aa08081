"""The Recorder's short ways against the long one, which looks at every evaluated point by itself."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.errors import BudgetExhausted, InvalidInputError, RunStopped
from optcompare.recorder import trace as trace_rules

LEVELS = [math.nan, math.inf, -math.inf, *np.linspace(-1.0, 3.0, 9)]


class OneByOne(oc.Recorder):
    """The same contract, written the obvious way."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._is_plain = False

    def _show_all(self, points, values):
        return np.array([self._show(point, float(value)) for point, value in zip(points, values)])


def table_objective(levels):
    """An objective whose values are looked up, so that ties, NaN and infinities are common."""

    def lookup(theta):
        return levels[int(abs(theta[0])) % len(levels)]

    return oc.function_objective(
        lookup, dim=2, gradient=lambda t: t, vectorized=lambda T: np.array([lookup(t) for t in T]), n_samples=3
    )


def play(recorder, moves):
    """Make calls of every kind until the run is stopped, and once more; return what was shown."""
    shown = []
    for kind, numbers in moves:
        thetas = np.array([[number, -0.5 * number] for number in numbers], dtype=float).reshape(-1, 2)
        try:
            if kind == "values":
                shown.append(recorder.values(thetas).tolist())
            elif kind == "list":
                shown.append(recorder.values(thetas.tolist()).tolist() if len(thetas) else None)
            elif kind == "recommend":
                recorder.recommend(thetas[0] if len(thetas) else np.zeros(2))
            else:
                for theta in thetas:
                    if kind == "value":
                        shown.append(recorder.value(theta))
                    else:
                        value, gradient = recorder.value_and_gradient(theta)
                        shown.append([value, *gradient.tolist()])
        except RunStopped as signal:
            shown.append(f"{type(signal).__name__}: {signal}")
    recorder.finish()
    return shown


def state(recorder):
    drop = recorder.trace.columns.index("seconds")
    return [
        recorder.n_values, recorder.n_gradients, recorder.cost, recorder.n_nonfinite, recorder.best_shown,
        None if recorder.best_theta is None else recorder.best_theta.tolist(), str(recorder.stopped),
        recorder._n_calls, np.delete(recorder.trace.to_array(), drop, axis=1).tobytes(),
    ]  # fmt: skip


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["value", "values", "values", "list", "gradient", "recommend"]),
        st.lists(st.integers(0, 40), max_size=12),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(
    moves=MOVES,
    levels=st.lists(st.sampled_from(LEVELS), min_size=1, max_size=20),
    budget=st.sampled_from([0, 5, 17.5, 60, 1000]),
    target=st.sampled_from([None, -0.5, 0.5]),
    price=st.sampled_from([0.0, 1.3, 2.0]),
    dense=st.sampled_from([3, 200]),
)
@example([("value", [1]), ("recommend", [2]), ("value", [1])], [1.0], 1000, None, 2.0, 200)
@example([("value", [1]), ("recommend", [2]), ("values", [1, 1])], [1.0], 1000, None, 2.0, 200)
@example([("value", [1]), ("recommend", [2]), ("gradient", [1])], [1.0], 1000, None, 2.0, 200)
def test_short_and_long_ways_record_the_same(moves, levels, budget, target, price, dense):
    limits = oc.Budget(evaluations=budget, target=target, gradient_price=price)
    results = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optcompare.recorder.record.DENSE_CALLS", dense)
        patch.setattr("optcompare.recorder.record.ROW_GROWTH", 1.2)
        for kind in (oc.Recorder, OneByOne):
            recorder = kind(table_objective(levels), limits, monitors={"first": lambda theta: theta[0]})
            results.append((play(recorder, moves), state(recorder)))
    assert repr(results[0]) == repr(results[1])  # NaN equals itself in a text


def test_a_row_that_was_put_off_is_written_inside_a_batch_that_improves_nothing():
    objective = oc.function_objective(lambda t: float(t[0]), dim=1)
    recorder = oc.Recorder(objective, 10_000)
    while recorder._n_calls < 1000 or not recorder._is_changed:  # until an improvement falls between two marks
        recorder.value(np.array([-float(recorder._n_calls)]))
    n_rows, due = len(recorder.trace.rows), math.ceil(recorder._next_row)
    recorder.values(np.full((50, 1), 2000.0))
    assert len(recorder.trace.rows) == n_rows + 1 and not recorder._is_changed
    assert recorder._next_row == due * trace_rules.ROW_GROWTH  # it was written at that call, not at the batch's end


def test_what_values_returns_and_keeps_is_nobodys_buffer():
    objective = oc.function_objective(lambda t: float(t @ t), dim=2)
    recorder = oc.Recorder(objective, 100)
    thetas = np.array([[1.0, 0.0], [3.0, 0.0]])
    shown = recorder.values(thetas)
    thetas += 100.0
    shown += 100.0
    assert recorder.best_shown == 1.0 and recorder.best_theta.tolist() == [1.0, 0.0]
    thetas[:] = [[5.0, 0.0], [7.0, 0.0]]
    recorder.values(thetas)
    thetas[:] = 0.0
    recorder.value(np.array([0.5, 0.0]))  # the row asks for the diameter of (5, 7), as they were evaluated
    assert recorder.trace.to_frame()["population_diameter"].iloc[-1] == 1.0


@pytest.mark.parametrize("theta", [[1, 2], np.array([1, 2]), np.array([1.0, 2.0], dtype=np.float32), (1.0, 2.0)])
def test_any_numbers_make_a_point(theta):
    objective = oc.function_objective(lambda t: float(t @ t), dim=2)
    recorder = oc.Recorder(objective, 100)
    assert recorder.value(theta) == recorder.values([theta])[0] == 5.0
    assert recorder.best_theta.dtype == np.float64 and recorder.n_values == 2


def test_a_clock_stops_every_kind_of_call():
    objective = oc.function_objective(lambda t: float(t @ t), dim=2, gradient=lambda t: 2 * t)
    for call in ("value", "gradient", "values"):
        recorder = oc.Recorder(objective, oc.Budget(seconds=1000.0))
        theta = np.zeros((2, 2)) if call == "values" else np.zeros(2)
        getattr(recorder, call)(theta)
        recorder._started -= 1000.0
        with pytest.raises(BudgetExhausted, match="wall clock passed 1000 s"):
            getattr(recorder, call)(theta)
        recorder._started += 1000.0
        with pytest.raises(BudgetExhausted, match="wall clock"):  # stopped for good
            getattr(recorder, call)(theta)
        assert recorder.n_values == (2 if call == "values" else 1)


def test_a_wrong_shape_is_refused_before_it_costs_anything_or_as_the_objectives_error():
    objective = oc.function_objective(lambda t: float(t @ t), dim=2)
    recorder = oc.Recorder(objective, 100)
    for thetas in (np.zeros(2), np.zeros((3, 4)), np.zeros((1, 2, 2))):
        with pytest.raises(InvalidInputError, match=r"shape \(m, 2\)"):
            recorder.values(thetas)
    assert recorder.n_values == 0
    with pytest.raises(InvalidInputError, match=r"shape \(2,\)"):
        recorder.value(np.zeros(3))
    assert isinstance(recorder.error, InvalidInputError)
