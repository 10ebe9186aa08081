"""fast_nelder_mead makes scipy's moves: its bits up to d = 64, its decisions above."""

from contextlib import suppress

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.optimizers import simplex as simplex_module
from optcompare.optimizers.base import get_optimizer
from optcompare.optimizers.fast_nelder_mead import FastNelderMead, search
from optcompare.optimizers.from_scipy import NelderMead
from optcompare.optimizers.simplex import LargeSimplex, SmallSimplex, new_simplex


class Enough(Exception):
    pass


def sphere(x):
    return 1.0 + float(x @ x)


def valley(x):
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2).sum() + ((1 - x) ** 2).sum())


def quartic(x):
    return float(np.arange(1, x.size + 1) @ x**4)


def stairs(x):  # many equal values
    return float(np.floor(3 * np.abs(x)).sum())


def cliff(x):
    return np.inf if x[0] > 0.4 else float(np.abs(x).sum())


def plain(x):
    return 0.0


FUNCTIONS = [sphere, valley, quartic, stairs, cliff, plain]


def noted(function, limit, points):
    def value(x):
        if len(points) == limit:
            raise Enough
        points.append(np.array(x))
        return function(x)

    return value


def first_vertices(dim, step=0.5):
    start = np.random.default_rng(dim).standard_normal(dim)
    return np.vstack([start, start + step * np.eye(dim)])


def points_of_scipy(function, vertices, adaptive, limit, x_tolerance=1e-8, f_tolerance=1e-12):
    from scipy.optimize import minimize

    points = []
    options = {"initial_simplex": vertices, "adaptive": adaptive, "xatol": x_tolerance, "fatol": f_tolerance}
    options |= {"maxiter": np.inf, "maxfev": np.inf}
    with suppress(Enough):
        minimize(noted(function, limit, points), vertices[0], method="Nelder-Mead", options=options)
    return np.array(points)


def points_of_ours(function, vertices, adaptive, limit, x_tolerance=1e-8, f_tolerance=1e-12):
    points = []
    with suppress(Enough):
        search(noted(function, limit, points), vertices, adaptive, x_tolerance, f_tolerance)
    return np.array(points)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # scipy: inf - inf
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dim", [1, 2, 3, 7, 20, 64])
def test_up_to_64_parameters_every_point_of_a_run_has_the_bits_of_scipy(dim, function, adaptive):
    vertices = first_vertices(dim)
    ours = points_of_ours(function, vertices, adaptive, 2_500)
    theirs = points_of_scipy(function, vertices, adaptive, 2_500)
    assert len(ours) > dim + 2
    np.testing.assert_array_equal(ours, theirs)  # the same number of them, too: the same stop


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dim", [65, 100])
def test_above_it_the_first_1000_evaluations_are_scipys_to_rounding(dim, function, adaptive):
    """A decision that differed would move the next point by about the simplex's size, not by its rounding."""
    vertices = first_vertices(dim)
    ours = points_of_ours(function, vertices, adaptive, dim + 1_000)
    theirs = points_of_scipy(function, vertices, adaptive, dim + 1_000)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    assert np.ptp(ours[-100:], axis=0).max() > 1e-8


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("function", [valley, stairs, cliff, plain])
@pytest.mark.parametrize("dim", [1, 2, 5, 12])
def test_the_running_sum_makes_the_same_decisions_where_there_are_few_parameters(monkeypatch, dim, function, adaptive):
    """Hundreds of refreshed sums, shrinks and equal values; stops well above the rounding of the values."""
    monkeypatch.setattr(simplex_module, "EXACT_UP_TO", 0)
    vertices = first_vertices(dim)
    ours = points_of_ours(function, vertices, adaptive, 600, 1e-4, 1e-6)
    theirs = points_of_scipy(function, vertices, adaptive, 600, 1e-4, 1e-6)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_it_stops_where_scipy_stops_whichever_tolerance_is_last():
    for x_tolerance, f_tolerance in [(1e-2, 1e-9), (1e-9, 1e-2), (0.0, 0.0), (1e-3, 1e-3)]:
        arguments = (quartic, first_vertices(4), False, 4_000, x_tolerance, f_tolerance)
        np.testing.assert_array_equal(points_of_ours(*arguments), points_of_scipy(*arguments))
    at_once = (plain, first_vertices(4), False, 4_000, 1e-3, 0.0)
    assert 50 < len(points_of_ours(*at_once)) == len(points_of_scipy(*at_once)) < 4_000
    lengths = [len(points_of_ours(quartic, first_vertices(4), False, 4_000, t, t)) for t in (1e-2, 1e-4, 1e-8)]
    assert lengths == sorted(set(lengths))


@pytest.mark.parametrize("kind", [SmallSimplex, LargeSimplex])
def test_a_simplex_stays_in_order_and_its_mean_is_that_of_all_but_the_worst(kind):
    rng = np.random.default_rng(4)
    vertices = rng.standard_normal((8, 7))
    values = rng.integers(0, 9, 8).astype(float).tolist()
    simplex = kind(list(values), vertices)
    known = dict(zip(map(bytes, vertices), values, strict=True))
    for _ in range(200):
        assert simplex.values == sorted(simplex.values)
        assert simplex._has_equal or len(set(simplex.values)) == 8
        rows = [simplex._vertex(place) for place in range(8)]
        assert [known[row.tobytes()] for row in rows] == simplex.values
        assert (simplex.best == rows[0]).all() and (simplex.worst == rows[-1]).all()
        mean = np.mean(rows[:-1], axis=0)
        np.testing.assert_allclose(simplex.reflection(), 2 * mean - rows[-1], atol=1e-13)
        np.testing.assert_allclose(simplex.line(0.3, 0.7)(), 0.3 * mean + 0.7 * rows[-1], atol=1e-13)
        width = max(np.abs(row - rows[0]).max() for row in rows)
        assert simplex.is_narrow(width) and not simplex.is_narrow(0.99 * width)
        point, value = rng.standard_normal(7), float(rng.integers(0, 9)) + rng.choice([0.0, rng.random()])
        known[point.tobytes()] = value
        simplex.replace_worst(point, value)


@pytest.mark.parametrize("dim", [3, 70])
def test_what_the_function_keeps_of_its_argument_does_not_change_later(dim):
    kept, copies = [], []

    def keep(x):
        kept.append(x)
        copies.append(x.copy())
        if len(kept) == 6 * dim + 100:
            raise Enough
        return stairs(x)

    vertices = first_vertices(dim)
    before = vertices.copy()
    with pytest.raises(Enough):
        search(keep, vertices, False, 1e-8, 1e-12)
    np.testing.assert_array_equal(kept, copies)
    np.testing.assert_array_equal(vertices, before)


def test_the_kind_of_simplex_depends_on_the_number_of_parameters():
    assert isinstance(new_simplex(plain, first_vertices(64)), SmallSimplex)
    assert isinstance(new_simplex(plain, first_vertices(65)), LargeSimplex)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_recorded_run_is_that_of_nelder_mead(adaptive):
    data = oc.load_dataset("iris", seed=0)
    objective = oc.mlp_objective(data, hidden=(3,), penalty=oc.L2(0.1))
    ours = oc.minimize(objective, FastNelderMead(adaptive=adaptive), budget=1_000, seed=2)
    theirs = oc.minimize(objective, NelderMead(adaptive=adaptive), budget=1_000, seed=2)
    assert ours.best_value == theirs.best_value and ours.status == theirs.status
    assert ours.n_values == theirs.n_values
    np.testing.assert_array_equal(ours.best_theta, theirs.best_theta)
    done = oc.minimize(oc.function_objective(sphere, dim=3), FastNelderMead(adaptive=adaptive), budget=3_000)
    assert done.status == "FINISHED" and done.best_value == pytest.approx(1.0, abs=1e-12)


def test_it_has_the_options_of_nelder_mead_and_refuses_the_same():
    assert get_optimizer("fast_nelder_mead", initial_step=0.1) == FastNelderMead(initial_step=0.1)
    for wrong in ({"adaptive": 1}, {"initial_step": 0.0}, {"x_tolerance": -1.0}, {"f_tolerance": np.nan}):
        with pytest.raises(InvalidInputError):
            FastNelderMead(**wrong)
