"""fast_pso evaluates the populations of pso, bit for bit."""

import functools
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optcompare as oc
from optcompare.errors import BudgetExhausted, Diverged, InvalidInputError
from optcompare.optimizers import boundaries, swarm_arithmetic
from optcompare.optimizers.base import get_optimizer
from optcompare.optimizers.fast_pso import FastPso
from optcompare.optimizers.from_pyswarms import BOUNDARIES, Pso
from optcompare.optimizers.swarm_arithmetic import _BLOCK, CompiledArithmetic, NumpyArithmetic
from optcompare.recorder import Recorder

BOX = {"lower": -1.0, "upper": 1.5}


@pytest.fixture(params=["numpy", "compiled"], autouse=True)
def arithmetic(request, monkeypatch):
    """Every test is made with both kinds of arithmetic."""
    is_numpy = request.param == "numpy"
    if is_numpy:
        monkeypatch.setattr(swarm_arithmetic, "compiled_functions", lambda: None)
    else:
        pytest.importorskip("numba")
    swarm = FastPso().new_swarm(np.zeros(2), np.random.default_rng(0))
    assert isinstance(swarm._arithmetic, NumpyArithmetic if is_numpy else CompiledArithmetic)


def bumpy(thetas):
    """Many local minima, equal errors (rounded), and a corner of the space without an error."""
    errors = np.round(((thetas - 0.9) ** 2 + 0.3 * np.cos(9 * thetas)).sum(axis=1), 2)
    return np.where(thetas[:, 0] < -0.9, np.inf, errors)


def populations(optimizer, errors, dim, budget, *, seed=3, penalty=None, is_weight=None):
    """The populations that a run evaluates, and how it ended."""
    seen = []

    def keep(thetas):
        seen.append(np.array(thetas))
        return errors(thetas)

    objective = oc.function_objective(
        lambda t: float(errors(t[None])[0]), dim=dim, vectorized=keep, penalty=penalty, is_weight=is_weight
    )
    end = "FINISHED"
    try:
        optimizer.minimize(Recorder(objective, budget), np.full(dim, 0.25), np.random.default_rng(seed))
    except (BudgetExhausted, Diverged) as signal:
        end = f"{type(signal).__name__}: {signal}"
    return seen, end


def assert_same_run(options, errors, dim, budget, **more):
    ours, end = populations(FastPso(**options), errors, dim, budget, **more)
    theirs, their_end = populations(Pso(**options), errors, dim, budget, **more)
    assert len(ours) == len(theirs) and end == their_end
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.tobytes() == other.tobytes()
    return ours, end


SETTINGS = [
    (1, {"particles": 2, "initial_velocity": 0.5}),
    (7, {}),
    (31, {"particles": 12, "cognitive": 2.0, "social": 0.5, "inertia": 0.4}),
    (3, {"particles": 8, "velocity_clamp": 0.05, "initial_velocity": 2.0}),
    (4, {"particles": 8, "decay": 0.1, "inertia": 0.9}),
    (2, {"topology": "ring", "particles": 6, "neighbours": 1, "initial_velocity": 1.0}),
    (7, {"topology": "ring"}),
    (12, {"topology": "ring", "norm": 1, "neighbours": 5, "velocity_clamp": 0.3, "initial_velocity": 0.2}),
    (1, {"topology": "von_neumann", "particles": 3}),
    (4, {"topology": "von_neumann", "particles": 11, "norm": 1}),
    *[(3, {"particles": 9, "boundary": boundary, "initial_velocity": 4.0, **BOX}) for boundary in BOUNDARIES],
    *[(1, {"particles": 5, "boundary": boundary, "inertia": 0.9, "decay": 0.3, **BOX}) for boundary in BOUNDARIES],
    *[
        (4, {"topology": "ring", "boundary": boundary, "initial_velocity": 4.0, "velocity_clamp": 2.0, **BOX})
        for boundary in BOUNDARIES
    ],
]


@pytest.mark.parametrize(("dim", "options"), SETTINGS)
def test_every_population_has_the_bits_of_pso(dim, options):
    seen, _ = assert_same_run(options, bumpy, dim, 60 * options.get("particles", 30))
    assert len(seen) == 60 and np.ptp(seen, axis=0).max() > 0.1


@pytest.mark.parametrize("topology", ["star", "ring"])
def test_a_swarm_that_is_moved_in_several_blocks(topology):
    options = {
        "topology": topology,
        "particles": 25,
        "neighbours": 1,  # everybody follows itself: leaders differ
        "decay": 0.01,
        "initial_velocity": 0.5,
        "velocity_clamp": 0.7,
    }
    assert 2 * _BLOCK < 25 * 700
    assert_same_run(options | BOX, bumpy, 700, 200)
    assert_same_run({"particles": 3, "topology": topology, "neighbours": 2}, bumpy, _BLOCK + 1, 12)


@pytest.mark.parametrize("topology", ["star", "ring", "von_neumann"])
def test_also_where_the_first_generations_have_no_error_where_a_ball_constrains_and_where_biases_do_not_decay(topology):
    options = {"topology": topology, "initial_velocity": 1.0, "decay": 0.2}
    for penalty in (None, oc.MaxNorm(0.8)):
        n_bad = {"left": 4}  # two generations of both runs

        def late(thetas, n_bad=n_bad):
            n_bad["left"] -= 1
            return np.full(len(thetas), np.inf) if n_bad["left"] % 60 >= 58 else bumpy(thetas)

        n_bad["left"] = 60
        is_weight = np.array([True, False, True])
        assert_same_run(options, late, 3, 1_800, penalty=penalty, is_weight=is_weight)


def test_also_the_end_of_the_run():
    _, end = assert_same_run({"tolerance": 1e-3}, lambda t: ((t - 2) ** 2).sum(axis=1), 2, 30_000)
    assert end == "FINISHED"
    _, end = assert_same_run({"inertia": 3.0}, lambda t: np.abs(t).max(axis=1), 2, 100_000)
    assert end.startswith("Diverged: the swarm flew apart")
    _, end = assert_same_run({}, bumpy, 2, 100)
    assert end.startswith("BudgetExhausted")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), dim=st.integers(1, 5), name=st.sampled_from(sorted(boundaries.BOUNDARIES)))
def test_every_boundary_is_that_of_pyswarms_and_leaves_nobody_outside(seed, dim, name):
    from optcompare.optimizers.pyswarms_backend import quiet_logging

    with quiet_logging():
        from pyswarms.backend.handlers import BoundaryHandler

        handler = BoundaryHandler(strategy=name)
    rng = np.random.default_rng(seed)
    lower, upper = np.full(dim, -1.0), rng.uniform(0.5, 2.0, dim)
    before = rng.uniform(lower, upper, (6, dim))
    after = before + rng.choice([0.0, 0.3, 4.0], (6, 1)) * rng.standard_normal((6, dim))
    handler.memory = before.copy()
    theirs = handler(after.copy(), (lower, upper))
    ours = after.copy()
    boundaries.BOUNDARIES[name](ours, before, lower, upper)
    assert ours.tobytes() == theirs.tobytes()
    assert (ours >= lower - 1e-12).all() and (ours <= upper + 1e-12).all()


def test_the_boundaries_are_those_of_pso():
    assert tuple(boundaries.BOUNDARIES) == BOUNDARIES


def test_the_costs_it_is_told_are_copied_and_its_positions_are_new_arrays():
    swarm = FastPso(particles=5).new_swarm(np.zeros(2), np.random.default_rng(0))
    again = FastPso(particles=5).new_swarm(np.zeros(2), np.random.default_rng(0))
    costs, shown = np.empty(5), []
    for _ in range(20):
        shown.append((swarm.position, swarm.position.copy()))
        costs[:] = bumpy(swarm.position)
        swarm.tell(costs)
        costs[:] = -1.0
        swarm.move()
        again.tell(bumpy(again.position))
        again.move()
        np.testing.assert_array_equal(swarm.position, again.position)
    for kept, copy in shown[1:]:
        np.testing.assert_array_equal(kept, copy)


def test_a_swarm_has_collapsed_once_every_particle_is_slow_and_all_are_together():
    swarm = FastPso(particles=4, initial_spread=0.0).new_swarm(np.ones(3), np.random.default_rng(0))
    assert swarm.is_collapsed(1e-9)
    for particle in (0, 3):
        swarm.velocity[particle, 1] = -1.0
        assert not swarm.is_collapsed(0.5) and swarm.is_collapsed(1.5)
        swarm.velocity[particle, 1] = 0.0
    swarm.position[2, 2] += 1.0
    assert not swarm.is_collapsed(0.5) and swarm.is_collapsed(1.5)


def test_it_has_the_options_of_pso_and_refuses_the_same():
    assert get_optimizer("fast_pso", particles=7, topology="ring", neighbours=3).particles == 7
    for wrong in ({"particles": 1}, {"topology": "pyramid"}, {"boundary": "random"}, {"lower": 0.0}, {"decay": 1.0}):
        with pytest.raises(InvalidInputError):
            FastPso(**wrong)
    with pytest.raises(InvalidInputError, match="2d"):
        FastPso(topology="von_neumann", particles=5).new_swarm(np.zeros(3), np.random.default_rng(0))


def test_pyswarms_is_not_imported():
    script = (
        "import sys, optcompare as oc\n"
        "run = oc.minimize(oc.function_objective(lambda t: float(t @ t), dim=3), 'fast_pso', budget=300)\n"
        "assert run.n_values == 300 and 'pyswarms' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_the_compiled_step_is_loaded_off_the_clock(arithmetic, monkeypatch):
    if swarm_arithmetic.compiled_functions() is None:
        pytest.skip("nothing is loaded")
    functions = swarm_arithmetic.compiled_functions()
    loads = []

    @functools.cache
    def slowly():
        time.sleep(0.5)
        loads.append(1)
        return functions

    monkeypatch.setattr(swarm_arithmetic, "_loaded_functions", slowly)
    run = oc.minimize(oc.function_objective(lambda t: float(t @ t), dim=3), "fast_pso", budget=100)
    assert loads == [1] and run.seconds < 0.4
