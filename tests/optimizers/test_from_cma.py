from __future__ import annotations

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError, RunStopped
from optcompare.optimizers.from_cma import CmaEs
from optcompare.recorder import Recorder


def bowl(theta):
    return float(np.linspace(1.0, 10.0, theta.size) @ (theta - 0.3) ** 2)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("options", [{}, {"covariance": "diagonal"}, {"answer": "mean"}, {"population": 20}])
def test_the_minimum_is_found_and_the_run_finishes(run_counted, dim, options):
    run = run_counted(CmaEs(**options), dim=dim, start=np.zeros(dim), budget=6000)
    assert run.stopped == "FINISHED"
    assert np.abs(run.answer - 0.3).max() < 1e-5


def test_one_dimension_is_reliable(run_counted):
    for seed in range(20):
        run = run_counted(CmaEs(), dim=1, start=[5.0 if seed % 2 else -0.1], budget=3000, seed=seed)
        assert run.answer == pytest.approx([0.3], abs=1e-5)


@pytest.mark.parametrize("budget", [0, 1, 4, 101])
def test_the_budget_is_exact_counted_from_outside(run_counted, budget):
    run = run_counted(CmaEs(), budget=budget)
    assert len(run.points) == budget == run.recorder.n_values
    assert run.stopped == "BudgetExhausted"


def test_the_first_point_is_the_start_and_the_first_samples_have_the_initial_step(run_counted):
    start = np.random.default_rng(3).normal(size=40) / 3
    run = run_counted(CmaEs(initial_step=0.25, population=100), dim=40, start=start, budget=101)
    assert run.points[0].tobytes() == start.tobytes()
    assert (np.array(run.points[1:]) - start).std() == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("dim", [3, 10])
def test_same_seed_same_bits(run_counted, dim):
    runs = [run_counted(CmaEs(), dim=dim, seed=seed, budget=800) for seed in (1, 1, 2)]
    assert runs[0].bits == runs[1].bits != runs[2].bits


def test_a_run_inside_a_run_changes_neither(run_counted):
    alone, other = run_counted(CmaEs(), seed=1, budget=200), run_counted(CmaEs(), seed=2, dim=4, budget=150)
    inner = []

    def interrupted(theta):
        if len(inner) < 3:
            inner.append(None)  # the inner run must not start a third level
            inner[-1] = run_counted(CmaEs(), seed=2, dim=4, budget=150)
        return bowl(theta)

    outer = run_counted(CmaEs(), interrupted, seed=1, budget=200)
    assert outer.bits == alone.bits
    assert [run.bits for run in inner] == [other.bits] * 3


@pytest.mark.parametrize("dim", [3, 300])  # from 300 on, cma adapts its step by another rule, with a check that draws
def test_nothing_global_is_touched(run_counted, untouched, dim):
    run_counted(CmaEs(), dim=dim, budget=200)


def test_a_signals_file_in_the_working_directory_is_not_read(run_counted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = run_counted(CmaEs(), budget=300).bits
    (tmp_path / "cma_signals.in").write_text("{'timeout': 0}")
    assert run_counted(CmaEs(), budget=300).bits == expected


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1.0])
def test_an_error_without_shape_ends_without_a_warning(run_counted, dim, value):
    run = run_counted(CmaEs(), lambda theta: value, dim=dim, budget=2000)
    assert run.stopped == "FINISHED"
    assert len(run.points) < 2000


def test_an_infinite_region_around_the_start_is_left(run_counted):
    def walled(theta):
        return float("nan") if theta[0] < 0.05 else float(((theta - 0.5) ** 2).sum())

    run = run_counted(CmaEs(), walled, start=[0.0, 0.0], dim=2, budget=3000)
    assert walled(run.answer) < 1e-9


def test_the_mean_is_recommended_every_generation():
    recorder = Recorder(oc.function_objective(bowl, dim=3), 8 * 7 + 1)
    with pytest.raises(RunStopped):
        CmaEs(answer="mean").minimize(recorder, np.ones(3), np.random.default_rng(0))
    assert recorder.recommended is not None
    assert bowl(recorder.recommended) < bowl(np.ones(3))
    assert not np.array_equal(recorder.recommended, recorder.best_theta)


def test_on_a_noisy_error_the_mean_of_a_large_population_is_the_better_answer(run_counted):
    is_better = []
    for seed in range(7):
        gaps = {}
        for answer in ("best", "mean"):
            noise = np.random.default_rng(100 + seed)
            optimizer = CmaEs(answer=answer, population=40)
            run = run_counted(
                optimizer, lambda theta, noise=noise: bowl(theta) + noise.normal(), dim=10, budget=2000, seed=seed
            )
            gaps[answer] = bowl(run.answer)
        is_better.append(gaps["mean"] < gaps["best"])
    assert sum(is_better) >= 5


def test_it_does_not_see_an_increasing_transform_of_the_error(run_counted):
    plain = run_counted(CmaEs(f_tolerance=0.0), budget=500)
    scaled = run_counted(CmaEs(f_tolerance=0.0), lambda theta: 512.0 * bowl(theta), budget=500)
    assert plain.bits == scaled.bits


def test_it_reads_lambda_back():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 4))
    y = (X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=60) > 0).astype(int)
    data = oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0, seed=0)
    objective = oc.linear_objective(data, penalty=oc.L2(2.0))
    recorder = Recorder(objective, 5000)
    assert CmaEs().minimize(recorder, objective.start(rng), rng) is None
    assert oc.implied_lambda(objective, recorder.best_theta).value == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"initial_step": 0.0},
        {"initial_step": float("nan")},
        {"population": 1},
        {"population": 4.5},
        {"covariance": "sparse"},
        {"answer": "median"},
        {"x_tolerance": -1.0},
        {"f_tolerance": float("inf")},
    ],
)
def test_a_bad_option_is_refused_by_name(options):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        CmaEs(**options)


def test_the_smallest_population_works(run_counted):
    for dim in (1, 4):
        assert len(run_counted(CmaEs(population=2), dim=dim, budget=100).points) <= 100


@pytest.mark.parametrize(
    "options",
    [
        {"initial_step": 0.4},
        {"population": 9},
        {"covariance": "diagonal"},
        {"x_tolerance": 1e-2},
        {"f_tolerance": 1e-2},
    ],
)
def test_every_option_reaches_cma(run_counted, options):
    assert run_counted(CmaEs(**options), budget=1500).bits != run_counted(CmaEs(), budget=1500).bits


@pytest.mark.parametrize("seed", [0, 1])
def test_a_ball_that_does_not_bind_is_no_trap(seed):
    data = oc.load_dataset("diabetes", seed=seed)
    free = oc.minimize(oc.linear_objective(data), "lbfgs", budget=3000)
    radius = 2.0 * free.measurements["norm"]
    run = oc.minimize(oc.linear_objective(data, penalty=oc.MaxNorm(radius)), CmaEs(), budget=6000, seed=seed)
    assert run.measurements["norm"] < 0.9 * radius
    assert run.best_value < free.best_value + 1e-3
