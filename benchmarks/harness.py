"""Goal 11: a study of scipy's Nelder-Mead, against a plain loop that calls scipy itself on the same function.

The study has identity, a store on disk, traces and final measurements; the loop has none of them. Both minimize
``objective.value`` at three lambdas from two starts, 8,000 evaluations each, as many as in the main study. What the
harness costs an evaluation is a fixed time, so the ratio depends on what an evaluation and scipy's own step cost: a
linear model and a network are shown. For comparison, where they are installed: optimagic and nevergrad in the plain
loop, on the linear model.
"""

import contextlib
import itertools
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from measure import Goal, main, times_slower
from peers import problem
from scipy.optimize import minimize

import optcompare as oc
from optcompare.runs.spec import stream

LINEAR, NETWORK = "cancer, linear, d = 31", "iris, 4-8-3, d = 67"
GOAL = Goal(11, "a study, against a plain loop that calls scipy", {LINEAR: 1.02, NETWORK: 1.02}, is_least=False)
LAMBDAS, SEEDS = (0.1, 1.0, 10.0), (0, 1)


def starts(objective):
    """Yield the objective at each lambda, and each start, as the study has them."""
    for lam, seed in itertools.product(LAMBDAS, SEEDS):
        yield objective.with_lambda(lam), objective.start(stream(seed, "start"))


def through_the_study(objective, budget):
    study = oc.Study(
        name="harness", question="What does the harness cost?", objectives={"the same": objective}, lambdas=LAMBDAS,
        optimizers=["nelder_mead"], seeds=SEEDS, budget=budget,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        return study.run(Path(folder) / "runs.db", jobs=1, progress=False)


def plain_loop(objective, budget):
    optimizer, results = oc.optimizers.NelderMead(), []
    for one, start in starts(objective):
        options = {
            "initial_simplex": np.vstack([start, start + optimizer.initial_step * np.eye(start.size)]),
            "adaptive": optimizer.adaptive, "xatol": optimizer.x_tolerance, "fatol": optimizer.f_tolerance,
            "maxfev": budget, "maxiter": budget,
        }  # fmt: skip
        results.append(minimize(one.value, start, method="Nelder-Mead", options=options))
    return results


def through_optimagic(objective, budget):
    import optimagic

    options = {"stopping_maxfun": budget, "stopping_maxiter": budget, "adaptive": True}
    for one, start in starts(objective):
        optimagic.minimize(one.value, start, algorithm="scipy_neldermead", algo_options=options)


def through_nevergrad(objective, budget):
    import nevergrad

    for one, start in starts(objective):
        optimizer = nevergrad.optimizers.registry["NelderMead"](nevergrad.p.Array(init=start), budget=budget)
        optimizer.minimize(one.value)


def measured(effort):
    budget = 200 if effort.is_smoke else 8000
    cancer = oc.linear_objective(oc.load_dataset("breast_cancer", test_size=0.0), penalty=oc.L2(1.0), kernel="auto")
    for case in GOAL.wanted:
        objective = cancer if case == LINEAR else problem(case.partition(",")[0]).objective()
        frame, results = through_the_study(objective, budget).to_frame(), plain_loop(objective, budget)
        assert sorted(frame["n_values"]) == sorted(result.nfev for result in results)
        found = sorted(result.fun for result in results)  # without the points of an unfinished step: scipy drops them
        assert effort.is_smoke or np.allclose(sorted(frame["best_value"]), found, rtol=0.05)
        loop = partial(plain_loop, objective, budget)
        yield case, times_slower(partial(through_the_study, objective, budget), loop, effort, n_calls=1)
    budget //= 8
    loop = partial(plain_loop, cancer, budget)
    for case, theirs in (("optimagic", through_optimagic), ("nevergrad", through_nevergrad)):
        with contextlib.suppress(ModuleNotFoundError):
            yield case, times_slower(partial(theirs, cancer, budget), loop, effort, n_calls=1)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
