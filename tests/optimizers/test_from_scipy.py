from __future__ import annotations

import warnings

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.optimizers.fast_de import FastDe
from optcompare.optimizers.fast_nelder_mead import FastNelderMead
from optcompare.optimizers.from_scipy import (
    Cobyla,
    Cobyqa,
    DifferentialEvolution,
    DualAnnealing,
    Lbfgs,
    NelderMead,
    Powell,
)
from optcompare.recorder import Budget, Recorder

LOCAL = [NelderMead, FastNelderMead, Powell, Cobyla, Cobyqa]
IN_A_BOX = [DifferentialEvolution, FastDe, DualAnnealing]
DIRECT = [*LOCAL, *IN_A_BOX]


def infinite(theta):
    return float("inf")


@pytest.mark.parametrize("cls", [Lbfgs, *DIRECT])
@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_the_minimum_is_found(run_counted, cls, dim, start):
    run = run_counted(cls(), dim=dim, budget=6000, start=np.full(dim, start))
    assert np.abs(run.answer - 0.3).max() < 1e-4
    assert run.stopped == ("BudgetExhausted" if cls is DualAnnealing else run.stopped)


@pytest.mark.parametrize("cls", [Lbfgs, *LOCAL])
def test_local_methods_finish_by_their_own_rule_with_a_precise_answer(run_counted, cls):
    run = run_counted(cls(), lambda theta: 5.0 + float(np.cosh(theta - 0.3).sum()), budget=6000,
                      gradient=lambda theta: np.sinh(theta - 0.3))  # fmt: skip
    assert run.stopped == "FINISHED"
    assert np.abs(run.answer - 0.3).max() < 1e-6


@pytest.mark.parametrize("cls", DIRECT)
@pytest.mark.parametrize("budget", [0, 1, 2, 7, 41])
def test_the_budget_is_exact_counted_from_outside(run_counted, cls, budget):
    run = run_counted(cls(), budget=budget, dim=4)
    assert len(run.points) == budget == run.recorder.n_values
    assert run.stopped == "BudgetExhausted"


def test_lbfgs_pays_for_its_gradients(run_counted):
    run = run_counted(Lbfgs(), budget=Budget(evaluations=10, gradient_price=2.0), dim=30)
    assert (len(run.points), run.recorder.n_gradients, run.recorder.cost) == (3, 3, 9)


@pytest.mark.parametrize("cls", [Lbfgs, *DIRECT])
def test_the_first_point_is_the_start_to_the_last_bit(run_counted, cls):
    start = np.random.default_rng(3).normal(size=5) / 3
    run = run_counted(cls(), dim=5, start=start, budget=50)
    assert run.points[0].tobytes() == start.tobytes()


@pytest.mark.parametrize("cls", [Lbfgs, *DIRECT])
def test_same_seed_same_bits_and_the_start_is_not_written_to(run_counted, cls):
    start = np.array([0.5, -0.25, 1.0])
    start.flags.writeable = False
    runs = [run_counted(cls(), start=start, seed=seed, budget=300) for seed in (1, 1, 2)]
    assert runs[0].bits == runs[1].bits
    assert (runs[0].bits != runs[2].bits) == (cls in IN_A_BOX)


@pytest.mark.parametrize("cls", [Lbfgs, *DIRECT])
def test_nothing_global_is_touched(run_counted, untouched, cls):
    run_counted(cls(), budget=200)


@pytest.mark.parametrize("cls", DIRECT)
@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("function", [infinite, lambda theta: float("nan"), lambda theta: 1.0])
def test_an_error_without_shape_ends_without_a_warning(run_counted, cls, dim, function):
    run = run_counted(cls(), function, dim=dim, budget=1500)
    assert len(run.points) <= 1500
    if cls is not DualAnnealing:  # the only one without a rule of its own
        assert run.stopped == "FINISHED"


@pytest.mark.parametrize("cls", DIRECT)
def test_an_infinite_region_around_the_start_is_left(run_counted, cls):
    def walled(theta):
        return float("nan") if theta[0] < 0.05 else float(((theta - 0.5) ** 2).sum())

    run = run_counted(cls(), walled, start=[0.0, 0.0], dim=2, budget=3000)
    assert run.recorder.n_nonfinite > 0
    assert walled(run.answer) < 1e-6


@pytest.mark.parametrize("cls", DIRECT)
def test_an_error_that_falls_for_ever_ends_without_a_warning(run_counted, cls):
    run = run_counted(cls(), lambda theta: float(theta.sum()), dim=2, budget=1000)
    assert run.answer.sum() < 0


def test_lbfgs_ends_as_diverged_where_the_gradient_is_not_finite(run_counted):
    run = run_counted(Lbfgs(), gradient=lambda theta: np.full(3, np.nan))
    assert run.stopped == "Diverged"


def test_lbfgs_refuses_a_constraint_and_says_what_to_use():
    objective = oc.function_objective(lambda theta: 0.0, dim=2, gradient=lambda theta: theta)
    recorder = Recorder(objective, 100)
    recorder.is_constrained = True
    with pytest.raises(InvalidInputError, match="use gradient_descent"):
        Lbfgs().minimize(recorder, np.zeros(2), np.random.default_rng(0))


@pytest.mark.parametrize("cls", DIRECT)
def test_an_exception_of_the_user_is_kept_by_the_recorder(cls):
    def fails(theta):
        raise ValueError("the user's own")

    recorder = Recorder(oc.function_objective(fails, dim=2), 100)
    with pytest.raises((ValueError, RuntimeError)):
        cls().minimize(recorder, np.zeros(2), np.random.default_rng(0))
    assert str(recorder.error) == "the user's own"


def test_nelder_mead_reads_lambda_back():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 4))
    y = (X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60) > 0).astype(int)
    data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0, seed=0)
    objective = oc.linear_objective(data, penalty=oc.L2(2.0))
    for optimizer, tolerance in ((Lbfgs(), 1e-6), (NelderMead(), 1e-4), (Powell(), 1e-3), (Cobyqa(), 1e-3)):
        recorder = Recorder(objective, 5000)
        answer = optimizer.minimize(recorder, objective.start(rng), rng)
        reading = oc.implied_lambda(objective, recorder.best_theta if answer is None else answer)
        assert reading.value == pytest.approx(2.0, rel=tolerance)


def test_nelder_mead_does_not_see_an_increasing_transform_of_the_error(run_counted):
    plain = run_counted(NelderMead(x_tolerance=0, f_tolerance=0), budget=250)
    scaled = run_counted(NelderMead(x_tolerance=0, f_tolerance=0), lambda t: 512.0 * bowl(t), budget=250)
    assert plain.bits == scaled.bits


def bowl(theta):
    return float(np.linspace(1.0, 10.0, theta.size) @ (theta - 0.3) ** 2)


def test_nelder_meads_first_simplex_is_the_initial_step(run_counted):
    points = np.array(run_counted(NelderMead(initial_step=0.25), start=np.zeros(3), budget=4).points)
    assert points.tolist() == [[0, 0, 0], [0.25, 0, 0], [0, 0.25, 0], [0, 0, 0.25]]


def test_adaptive_coefficients_are_used(run_counted):
    assert run_counted(NelderMead()).bits != run_counted(NelderMead(adaptive=False)).bits


# boxes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", IN_A_BOX)
def test_the_box_is_kept_and_reported(run_counted, cls):
    optimizer = cls(lower=-1.0, upper=0.2)
    run = run_counted(optimizer, start=np.zeros(3), budget=2000)
    points = np.array(run.points)
    assert points.min() >= -1.0 and points.max() <= 0.2
    assert np.abs(run.answer - 0.2).max() < 1e-3  # the minimum lies outside: the answer presses against the box
    lower, upper = optimizer.box(np.zeros(3))
    assert lower.tolist() == [-1.0] * 3 and upper.tolist() == [0.2] * 3


@pytest.mark.parametrize("cls", IN_A_BOX)
@pytest.mark.parametrize("limits", [(1.0, -1.0), (1.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_bad_box_is_refused(cls, limits):
    with pytest.raises(InvalidInputError, match=r"lower|upper"):
        cls(lower=limits[0], upper=limits[1])


@pytest.mark.parametrize("cls", IN_A_BOX)
def test_a_start_outside_the_box_is_refused_before_any_evaluation(run_counted, cls):
    optimizer = cls(lower=-1.0, upper=1.0)
    with pytest.raises(InvalidInputError, match=r"outside the box \[-1, 1\].*coordinate 2 is 3"):
        optimizer.box(np.array([0.0, 1.0, 3.0]))
    recorder = Recorder(oc.function_objective(bowl, dim=3), 10)
    with pytest.raises(InvalidInputError, match="outside the box"):
        optimizer.minimize(recorder, np.array([0.0, 1.0, 3.0]), np.random.default_rng(0))
    assert recorder.n_values == 0


def test_differential_evolution_evaluates_a_generation_in_one_call():
    sizes = []

    def vectorized(thetas):
        sizes.append(thetas.shape)
        return ((thetas - np.array([0.1, 0.2, 0.3])) ** 2).sum(axis=1)

    objective = oc.function_objective(
        lambda t: float(((t - np.array([0.1, 0.2, 0.3])) ** 2).sum()), dim=3, vectorized=vectorized
    )
    recorder = Recorder(objective, 1207)
    with pytest.raises(oc.errors.BudgetExhausted):
        DifferentialEvolution(population=12).minimize(recorder, np.zeros(3), np.random.default_rng(0))
    assert sizes == [(12, 3)] * 100 + [(7, 3)]
    assert recorder.best_theta == pytest.approx([0.1, 0.2, 0.3], abs=1e-3)  # columns and rows were not mixed up


def test_the_spread_gathers_the_first_members_around_the_start(run_counted):
    options = {"population": 200, "lower": -5.0, "upper": 5.0}
    near = run_counted(DifferentialEvolution(spread=0.1, **options), start=np.full(3, 4.9), budget=200)
    wide = run_counted(DifferentialEvolution(**options), start=np.full(3, 4.9), budget=200)
    near_points, wide_points = np.array(near.points), np.array(wide.points)
    assert np.abs(near_points - 4.9).max() < 0.6 and near_points.max() <= 5.0
    assert wide_points.std() == pytest.approx(10 / np.sqrt(12), rel=0.1)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Lbfgs, {"memory": 0}),
        (Lbfgs, {"gradient_tolerance": -1.0}),
        (Lbfgs, {"line_search_steps": 2.5}),
        (NelderMead, {"initial_step": 0.0}),
        (NelderMead, {"x_tolerance": float("nan")}),
        (NelderMead, {"adaptive": "no"}),
        (Powell, {"initial_step": -1}),
        (Powell, {"x_tolerance": 0.0}),
        (Cobyla, {"final_step": 1.0}),
        (Cobyqa, {"initial_step": float("inf")}),
        (Cobyqa, {"final_step": 0.0}),
        (DifferentialEvolution, {"population": 4}),
        (DifferentialEvolution, {"mutation_low": 0.9, "mutation_high": 0.5}),
        (DifferentialEvolution, {"mutation_high": 2.0}),
        (DifferentialEvolution, {"recombination": 1.5}),
        (DifferentialEvolution, {"spread": 0}),
        (DualAnnealing, {"visit": 3.0}),
        (DualAnnealing, {"accept": 0.0}),
        (DualAnnealing, {"temperature": 0.0}),
        (DualAnnealing, {"restart_ratio": 1.0}),
        (DualAnnealing, {"local_search": 1}),
    ],
)
def test_a_bad_option_is_refused_by_name(cls, options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        cls(**options)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Lbfgs, {"gradient_tolerance": 1.0}),
        (Lbfgs, {"memory": 1}),
        (NelderMead, {"adaptive": False}),
        (NelderMead, {"initial_step": 0.4}),
        (NelderMead, {"x_tolerance": 1e-2, "f_tolerance": 1e-2}),
        (Powell, {"initial_step": 0.4}),
        (Powell, {"x_tolerance": 1e-2}),
        (Powell, {"f_tolerance": 1e-1}),
        (Cobyla, {"initial_step": 0.4}),
        (Cobyla, {"final_step": 1e-2}),
        (Cobyqa, {"initial_step": 0.4}),
        (Cobyqa, {"final_step": 1e-2}),
        (DifferentialEvolution, {"lower": -9.0}),
        (DifferentialEvolution, {"population": 7}),
        (DifferentialEvolution, {"spread": 1.0}),
        (DifferentialEvolution, {"mutation_low": 0.4}),
        (DifferentialEvolution, {"mutation_high": 0.9}),
        (DifferentialEvolution, {"recombination": 0.9}),
        (DifferentialEvolution, {"f_tolerance": 0.5}),
        (DualAnnealing, {"upper": 9.0}),
        (DualAnnealing, {"temperature": 100.0}),
        (DualAnnealing, {"restart_ratio": 0.5}),
        (DualAnnealing, {"visit": 2.0}),
        (DualAnnealing, {"accept": -50.0}),
        (DualAnnealing, {"local_search": False}),
    ],
)
def test_every_option_reaches_scipy(run_counted, cls, options):
    def tilted(theta):
        return 5.0 + float(np.linspace(1.0, 10.0, theta.size) @ np.cosh(theta - 0.3)) + theta[0] * theta[-1]

    def slope(theta):
        gradient = np.linspace(1.0, 10.0, theta.size) * np.sinh(theta - 0.3)
        gradient[0] += theta[-1]
        gradient[-1] += theta[0]
        return gradient

    runs = [run_counted(optimizer, tilted, gradient=slope, budget=1500) for optimizer in (cls(**options), cls())]
    assert runs[0].bits != runs[1].bits


def test_lbfgs_stops_by_its_gradient_not_by_the_errors_last_digits(run_counted):
    gradients = []

    def slope(theta):
        gradients.append(np.linspace(1.0, 1000.0, theta.size) * np.sinh(theta - 0.3))
        return gradients[-1]

    run = run_counted(
        Lbfgs(), lambda theta: float(np.linspace(1.0, 1000.0, theta.size) @ np.sinh((theta - 0.3) / 2) ** 2 * 2.0),
        gradient=slope, dim=20, budget=3000,
    )  # fmt: skip
    assert run.stopped == "FINISHED"
    assert np.abs(slope(run.answer)).max() <= 1e-10


def test_no_limit_of_scipys_own_ends_a_run(run_counted):
    noise = np.random.default_rng(0)  # never within the tolerance; scipy's own limit would be 400 iterations
    run = run_counted(NelderMead(), lambda theta: noise.normal(), dim=2, budget=4000)
    assert (run.stopped, len(run.points)) == ("BudgetExhausted", 4000)


def test_importing_the_file_imports_no_scipy_optimize():
    import subprocess
    import sys

    code = "import sys, optcompare.optimizers.from_scipy; sys.exit('scipy.optimize' in sys.modules)"
    with warnings.catch_warnings():
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["diabetes", "iris", "breast_cancer", "linnerud"])
@pytest.mark.parametrize("lam", [1e-4, 1e-2, 3.0])
def test_lbfgs_is_polished_until_the_meter_reads_lambda_back(name, lam):
    import optcompare as oc

    objective = oc.linear_objective(oc.load_dataset(name, seed=11), penalty=oc.L2(lam))
    run = oc.minimize(objective, "lbfgs", budget=20_000, seed=1)
    reading = oc.implied_lambda(objective, run.theta)
    assert run.status == "FINISHED" and reading.identified
    assert reading.value == pytest.approx(lam, rel=1e-7)


def test_without_the_polish_rounding_of_the_error_is_seen():
    import optcompare as oc

    objective = oc.linear_objective(oc.load_dataset("diabetes", seed=11), penalty=oc.L2(1e-4))
    run = oc.minimize(objective, oc.optimizers.Lbfgs(polish=False), budget=20_000, seed=1)
    assert abs(oc.implied_lambda(objective, run.theta).value / 1e-4 - 1) > 1e-5
