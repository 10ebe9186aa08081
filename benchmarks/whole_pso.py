"""Goal 8: a whole run of a particle swarm, against pyswarms' GlobalBestPSO on the tutorial's loop.

Ours is ``oc.minimize(objective, "fast_pso")``, all that a run does included: counting, trace, final measurements. The
swarm has the same size, the same options and the same first positions, and makes the same number of evaluations.
"""

import contextlib
import logging
import os
import sys
import tempfile

import numpy as np
from measure import Goal, main, times_faster
from peers import problem, tutorial_loop

import optcompare as oc

GOAL = Goal(
    8,
    "whole PSO run, against pyswarms and the tutorial's loop",
    {"xor": 15, "iris": 10, "cancer": 4, "digits": 2},
    peers=("pyswarms",),
)
N_GENERATIONS = {"xor": 1000, "iris": 1000, "cancer": 100, "digits": 20}  # 1000 in the tutorial


def pyswarms_single():
    """Import pyswarms, which writes a log file into the working directory, somewhere else."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        import pyswarms

        logging.getLogger().handlers.clear()
        logging.disable(logging.INFO)
    return pyswarms.single


def measured(effort):
    single = pyswarms_single()
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        m, n_generations = given.n_candidates, 3 if effort.is_smoke else N_GENERATIONS[name]
        objective, loop, start = given.objective(), tutorial_loop(given), given.candidates(1)[0]
        swarm = oc.optimizers.FastPso(particles=m, tolerance=0.0)
        options = {"c1": swarm.cognitive, "c2": swarm.social, "w": swarm.inertia}
        positions = swarm.first_positions(start, np.random.default_rng(0))

        def ours(objective=objective, swarm=swarm, budget=m * n_generations, start=start):
            run = oc.minimize(objective, swarm, budget=budget, start=start)
            assert run.n_values == budget, run

        def theirs(m=m, loop=loop, options=options, positions=positions, n_generations=n_generations):
            optimizer = single.GlobalBestPSO(m, positions.shape[1], options, init_pos=positions)
            optimizer.optimize(loop, n_generations, verbose=False)

        with contextlib.redirect_stderr(open(os.devnull, "w")):
            yield name, times_faster(ours, theirs, effort, n_calls=1)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
