from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import optcompare
from optcompare.errors import BudgetExhausted, Diverged, InvalidInputError
from optcompare.objective.builders import function_objective
from optcompare.optimizers.from_pyswarms import BOUNDARIES, Pso, PsoRing
from optcompare.optimizers.legacy_random import LegacyRandom
from optcompare.optimizers.pyswarms_backend import quiet_logging
from optcompare.recorder import Recorder

BOX = {"lower": -1.0, "upper": 1.5}


def bumpy(thetas):
    """Many local minima, the best one near 0.9, and a corner of the space without an error."""
    errors = ((thetas - 0.9) ** 2 + 0.3 * np.cos(9 * thetas)).sum(axis=1)
    return np.where(thetas[:, 0] < -0.9, np.inf, errors)


def watched(errors, dim, is_weight=None):
    """An objective with ``errors`` (m, d) -> (m,), and the list of the populations that it is shown."""
    seen = []

    def keep(thetas):
        seen.append(np.array(thetas))
        return errors(thetas)

    return function_objective(lambda t: float(errors(t[None])[0]), dim=dim, vectorized=keep, is_weight=is_weight), seen


def run(optimizer, errors, dim, budget, seed=3, start=None):
    """The populations that were evaluated, and the recorder, of a run that ends with its budget (or before)."""
    objective, seen = watched(errors, dim)
    recorder = Recorder(objective, budget)
    start = np.full(dim, 0.25) if start is None else start
    with suppress(BudgetExhausted):
        assert optimizer.minimize(recorder, start, np.random.default_rng(seed)) is None
    return seen, recorder


def pyswarms_run(optimizer, errors, dim, generations, seed=3):
    """The populations that pyswarms' own loop evaluates, from the same positions, velocities and random state."""
    swarm = optimizer.new_swarm(np.full(dim, 0.25), np.random.default_rng(seed))
    with quiet_logging():
        from pyswarms.backend.topology import VonNeumann
        from pyswarms.single import GeneralOptimizerPSO, GlobalBestPSO, LocalBestPSO

        options = {"c1": optimizer.cognitive, "c2": optimizer.social, "w": optimizer.inertia, "p": optimizer.norm}
        more = {"topology": VonNeumann()} if optimizer.topology == "von_neumann" else {}
        cls = {"star": GlobalBestPSO, "ring": LocalBestPSO, "von_neumann": GeneralOptimizerPSO}[optimizer.topology]
        clamp = optimizer.velocity_clamp
        theirs = cls(
            optimizer.particles,
            dim,
            options | {"k": optimizer.neighbours, "r": 1},
            bounds=None if optimizer.lower is None else (np.full(dim, BOX["lower"]), np.full(dim, BOX["upper"])),
            bh_strategy=optimizer.boundary,
            velocity_clamp=None if clamp is None else (-clamp, clamp),
            init_pos=swarm.position.copy(),
            **more,
        )
    theirs.swarm.velocity = swarm.velocity.copy()
    seen = []

    def keep(thetas):
        seen.append(thetas.copy())
        return errors(thetas)

    with swarm.random.swapped_in():
        theirs.optimize(keep, generations, verbose=False)
    return seen


SETTINGS = [
    (1, Pso(particles=2, initial_velocity=0.5)),
    (2, Pso(particles=5)),
    (7, Pso()),
    (31, Pso(particles=12, cognitive=2.0, social=0.5, inertia=0.4)),
    (3, Pso(particles=8, velocity_clamp=0.05, initial_velocity=2.0)),
    (3, Pso(particles=8, inertia=0.95, initial_spread=0.1)),
    (1, PsoRing(particles=4, neighbours=4)),
    (2, PsoRing(particles=6, neighbours=1, initial_velocity=1.0)),
    (7, PsoRing()),
    (7, PsoRing(neighbours=3)),
    (12, PsoRing(norm=1, neighbours=5, velocity_clamp=0.3, initial_velocity=0.2)),
    (1, Pso(topology="von_neumann", particles=3)),
    (4, Pso(topology="von_neumann", particles=11, norm=1)),
    *[(3, Pso(particles=9, boundary=boundary, initial_velocity=4.0, **BOX)) for boundary in BOUNDARIES],
    *[(1, Pso(particles=5, boundary=boundary, inertia=0.9, **BOX)) for boundary in BOUNDARIES],
    *[
        (4, PsoRing(particles=9, boundary=boundary, initial_velocity=4.0, velocity_clamp=2.0, **BOX))
        for boundary in BOUNDARIES
    ],
    (2, Pso(topology="von_neumann", particles=9, boundary="shrink", **BOX)),
]


@pytest.mark.parametrize(("dim", "optimizer"), SETTINGS)
def test_every_position_equals_pyswarms_own_loop(dim, optimizer):
    generations = 60
    ours, _ = run(optimizer, bumpy, dim, generations * optimizer.particles)
    theirs = pyswarms_run(optimizer, bumpy, dim, generations)
    assert len(ours) == len(theirs) == generations
    np.testing.assert_array_equal(ours, theirs)
    assert np.ptp(ours, axis=0).max() > 0.1


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_particles_stay_in_the_box(boundary):
    for decay in (0.0, 0.7):
        optimizer = Pso(particles=9, boundary=boundary, decay=decay, initial_velocity=3.0, lower=0.1, upper=0.5)
        seen, _ = run(optimizer, bumpy, 3, 900)
        assert np.min(seen) >= 0.1 - 1e-15 and np.max(seen) <= 0.5 + 1e-15
        assert any((population != np.clip(population, 0.11, 0.49)).any() for population in seen)


def test_the_swarm_begins_at_the_start_and_around_it():
    start = np.array([3.0, -4.0, 5.0])
    seen, _ = run(Pso(particles=4000, initial_spread=0.5), bumpy, 3, 4000, start=start)
    np.testing.assert_array_equal(seen[0][0], start)
    np.testing.assert_allclose(seen[0].mean(axis=0), start, atol=0.05)
    np.testing.assert_allclose(seen[0].std(axis=0), 0.5, atol=0.05)
    swarm = Pso(particles=4000, initial_velocity=2.0).new_swarm(start, np.random.default_rng(0))
    assert -2 <= swarm.velocity.min() < -1.95 and 1.95 < swarm.velocity.max() <= 2


def test_in_a_box_the_swarm_begins_inside_and_a_start_outside_is_refused():
    optimizer = Pso(initial_spread=50.0, **BOX)
    seen, _ = run(optimizer, bumpy, 2, 30)
    assert np.min(seen) == -1.0 and np.max(seen) == 1.5
    lower, upper = optimizer.box(np.zeros(2))
    np.testing.assert_array_equal([lower, upper], [[-1, -1], [1.5, 1.5]])
    assert Pso().box(np.zeros(2)) is None
    with pytest.raises(InvalidInputError, match="outside the box"):
        run(optimizer, bumpy, 2, 30, start=np.array([0.0, 2.0]))


def test_decay_subtracts_a_fraction_of_the_old_weights_and_spares_biases_velocities_and_memory():
    is_weight = np.array([True, False, True])
    start = np.array([4.0, 5.0, -6.0])
    before, plain, decayed = (Pso(particles=6).new_swarm(start, np.random.default_rng(1)) for _ in range(3))
    for swarm in (plain, decayed):
        swarm.tell(bumpy(swarm.position))
    plain.move()
    decayed.move(np.where(is_weight, 0.25, 0.0))
    np.testing.assert_allclose(decayed.position, plain.position - 0.25 * is_weight * before.position, rtol=1e-14)
    np.testing.assert_array_equal(decayed.velocity, plain.velocity)
    np.testing.assert_array_equal(decayed.swarm.pbest_pos, before.position)

    objective, seen = watched(bumpy, 3, is_weight)
    with pytest.raises(BudgetExhausted):
        Pso(particles=6, decay=0.25).minimize(Recorder(objective, 12), start, np.random.default_rng(1))
    np.testing.assert_array_equal(seen[1], decayed.position)


def test_it_finds_the_minimum_and_finishes_when_the_swarm_has_collapsed():
    def sphere(thetas):
        return ((thetas - 2.0) ** 2).sum(axis=1)

    for optimizer in (Pso(), PsoRing(), Pso(topology="von_neumann")):
        seen, recorder = run(optimizer, sphere, 4, 100_000)
        assert recorder.stopped is None and recorder.cost < 30_000
        np.testing.assert_allclose(recorder.best_theta, 2.0, atol=1e-10)
        assert np.ptp(seen[-1], axis=0).max() < 1e-12 <= np.ptp(seen[-40], axis=0).max()
    _, coarse = run(Pso(tolerance=1e-2), sphere, 4, 100_000)
    assert coarse.stopped is None and coarse.cost < 10_000
    _, never = run(Pso(tolerance=0.0, initial_spread=0.0), sphere, 4, 5_000)
    assert isinstance(never.stopped, BudgetExhausted)


def test_a_multiple_of_the_error_changes_nothing():
    optimizer = Pso(tolerance=1e-6)
    few, _ = run(optimizer, bumpy, 3, 60_000)
    many, _ = run(optimizer, lambda thetas: 512 * bumpy(thetas), 3, 60_000)
    assert len(few) < 1000
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("topology", ["star", "ring", "von_neumann"])
def test_a_first_generation_without_any_finite_error(topology, dim):
    optimizer = Pso(topology=topology, initial_velocity=1.0)
    n_bad = 2

    def late(thetas):
        nonlocal n_bad
        n_bad -= 1
        return np.full(len(thetas), np.nan) if n_bad >= 0 else bumpy(thetas)

    seen, recorder = run(optimizer, late, dim, 3000)
    assert len(seen) == 100 and bumpy(recorder.best_theta[None])[0] < bumpy(np.full((1, dim), 0.25))[0]
    seen, recorder = run(optimizer, lambda thetas: np.full(len(thetas), np.inf), dim, 3000)
    assert recorder.best_theta is None and np.isfinite(seen).all()


@pytest.mark.parametrize("budget", [0, 1, 29, 31, 100])
def test_the_budget_is_exact_below_and_between_multiples_of_the_swarm(budget):
    for optimizer in (Pso(), PsoRing()):
        seen, recorder = run(optimizer, bumpy, 2, budget)
        assert sum(map(len, seen)) == recorder.cost == budget
        assert isinstance(recorder.stopped, BudgetExhausted)


@pytest.mark.parametrize("topology", ["star", "ring", "von_neumann"])
def test_a_swarm_that_flies_apart_has_diverged(topology):
    with pytest.raises(Diverged, match="inertia"):
        run(Pso(topology=topology, inertia=3.0), lambda thetas: np.abs(thetas).max(axis=1), 2, 100_000)
    with pytest.raises(Diverged, match="initial_spread"):
        run(Pso(topology=topology, initial_spread=1e200), bumpy, 2, 100)


def test_same_seed_same_bits_nested_in_threads_and_beside_other_users_of_the_global_generator():
    alone, _ = run(Pso(), bumpy, 4, 900)
    ring_alone, _ = run(PsoRing(), bumpy, 4, 900)

    np.random.seed(5)
    expected_draws = np.random.uniform(size=30).tolist()
    np.random.seed(5)
    draws = []

    def nesting(thetas):
        draws.append(np.random.uniform())
        inner, _ = run(PsoRing(), bumpy, 4, 900)
        np.testing.assert_array_equal(inner, ring_alone)
        return bumpy(thetas)

    outer, _ = run(Pso(), nesting, 4, 900)
    np.testing.assert_array_equal(outer, alone)
    assert draws == expected_draws

    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(lambda optimizer: run(optimizer, bumpy, 4, 900)[0], [Pso(), PsoRing()] * 4))
    for star, ring in zip(both[::2], both[1::2], strict=True):
        np.testing.assert_array_equal(star, alone)
        np.testing.assert_array_equal(ring, ring_alone)
    other, _ = run(Pso(), bumpy, 4, 900, seed=4)
    assert not np.array_equal(other, alone)


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_the_callers_generator_comes_back_also_after_an_error(bits):
    callers = np.random.get_bit_generator()
    mine = bits(1)
    np.random.set_bit_generator(mine)
    try:
        np.random.standard_normal()  # leaves the second of a pair of Gaussians behind
        before = np.random.get_state(legacy=False)
        random = LegacyRandom(np.random.default_rng(0))
        with pytest.raises(KeyboardInterrupt), random.swapped_in():
            first = np.random.uniform()
            raise KeyboardInterrupt
        assert np.random.get_bit_generator() is mine
        after = np.random.get_state(legacy=False)
        np.testing.assert_equal(after, before)
        assert before["has_gauss"] == 1
        with random.swapped_in():
            assert np.random.uniform() != first  # the stream goes on where it was
    finally:
        np.random.set_bit_generator(callers)


def test_import_and_runs_leave_logging_files_random_state_and_filters_alone(tmp_path):
    script = """
        import logging, logging.config, os, sys, threading, warnings
        import numpy as np
        import scipy.spatial  # adds two filters of its own

        root = logging.getLogger()
        root.addHandler(logging.NullHandler())
        root.setLevel(logging.ERROR)
        np.random.seed(3)
        np.random.standard_normal()

        def surroundings():
            state = np.random.get_state(legacy=False)
            return (
                list(root.handlers), root.level, root.filters, sorted(os.listdir()), os.getcwd(), dict(os.environ),
                logging.config.dictConfig, np.random.get_bit_generator(), state["state"]["key"].tolist(),
                state["state"]["pos"], state["has_gauss"], state["gauss"], list(warnings.filters),
            )

        before = surroundings()
        from optcompare.objective.builders import function_objective
        from optcompare.optimizers.from_pyswarms import Pso, PsoRing
        from optcompare.errors import BudgetExhausted
        from optcompare.recorder import Recorder
        assert "pyswarms" not in sys.modules
        objective = function_objective(lambda t: float((t ** 2).sum()), dim=3)
        for optimizer in (Pso(), PsoRing(lower=-1.0, upper=1.0, boundary="shrink"), Pso(topology="von_neumann")):
            try:
                optimizer.minimize(Recorder(objective, 95), np.zeros(3), np.random.default_rng(0))
            except BudgetExhausted:
                pass
            else:
                raise AssertionError("the budget did not end the run")
            assert "pyswarms" in sys.modules
            for part, (old, new) in enumerate(zip(before, surroundings(), strict=True)):
                assert old == new, part
        print("untouched")
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(optcompare.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("untouched\n", "")


def test_other_threads_may_configure_logging_meanwhile():
    import logging.config

    with quiet_logging():
        logging.config.dictConfig({"version": "nonsense"})
        with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="version"):
            pool.submit(logging.config.dictConfig, {"version": "nonsense"}).result()
    with pytest.raises(ValueError, match="version"):
        logging.config.dictConfig({"version": "nonsense"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"particles": 1}, "particles"),
        ({"particles": 10.0}, "particles"),
        ({"cognitive": -1.0}, "cognitive"),
        ({"social": np.nan}, "social"),
        ({"inertia": np.inf}, "inertia"),
        ({"topology": "pyramid"}, "broken.*Allowed: star, ring, von_neumann"),
        ({"topology": "random"}, "broken.*Allowed: star, ring, von_neumann"),
        ({"topology": "rign"}, "Did you mean 'ring'"),
        ({"topology": "ring", "neighbours": 31}, "at most the number of particles, 30, got 31"),
        ({"neighbours": 0}, "neighbours"),
        ({"topology": "ring", "neighbours": 1}, "no particle ever moves: take neighbours >= 2"),
        ({"norm": 3}, "norm"),
        ({"boundary": "random"}, "broken.*Allowed: nearest"),
        ({"boundary": "mirror"}, "unknown boundary"),
        ({"velocity_strategy": "adjust"}, "no particle ever moves.*Allowed: unmodified"),
        ({"velocity_strategy": "zero"}, "broken.*Allowed: unmodified"),
        ({"velocity_strategy": "invert"}, "broken.*Allowed: unmodified"),
        ({"velocity_clamp": 0.0}, "velocity_clamp"),
        ({"initial_spread": -0.1}, "initial_spread"),
        ({"initial_velocity": -0.1}, "initial_velocity"),
        ({"lower": 1.0, "upper": 1.0}, "lower must be below upper"),
        ({"lower": 0.0}, "both lower and upper"),
        ({"lower": np.nan, "upper": 1.0}, "lower"),
        ({"decay": 1.0}, r"decay must be in \[0, 1\)"),
        ({"tolerance": -1e-9}, "tolerance"),
        ({"boundary": "reflective", "inertia": 1.0, **BOX}, "inf widths"),
        ({"boundary": "reflective", "initial_velocity": 1e9, **BOX}, "4e.08 widths"),
        ({"boundary": "reflective", "velocity_clamp": 1e9, **BOX}, "4e.08 widths"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        Pso(**options)


def test_von_neumann_needs_a_swarm_as_large_as_its_neighbourhoods():
    optimizer = Pso(topology="von_neumann", particles=30)
    run(optimizer, bumpy, 14, 60)
    with pytest.raises(InvalidInputError, match=r"2d \+ 1 = 31 particles and got particles=30"):
        run(optimizer, bumpy, 15, 60)


def test_names_and_defaults():
    assert (Pso.name, PsoRing.name) == ("pso", "pso_ring")
    assert (Pso().topology, PsoRing().topology) == ("star", "ring")
    assert not Pso.needs_gradient and Pso.requires == ("pyswarms",)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_ball_that_does_not_bind_is_no_trap(seed):
    data = optcompare.load_dataset("diabetes", seed=seed)
    free = optcompare.minimize(optcompare.linear_objective(data), "lbfgs", budget=3000)
    radius = 2.0 * free.measurements["norm"]
    run = optcompare.minimize(
        optcompare.linear_objective(data, penalty=optcompare.MaxNorm(radius)), Pso(), budget=6000, seed=seed
    )
    assert run.measurements["norm"] < 0.9 * radius
    assert run.best_value < free.best_value + 1e-3
