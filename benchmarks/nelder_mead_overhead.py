"""Goal 9: what Nelder-Mead itself costs an evaluation, ``fast_nelder_mead`` against scipy's.

Both make the same moves (standard coefficients, the same first simplex) on the same function and stop at the same
number of evaluations; what the function costs is measured and taken off both. Ours pays for its Recorder as well.
"""

import contextlib
import sys
import time

import numpy as np
from measure import Goal, main, seconds_a_call, summary
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import BudgetExhausted

GOAL = Goal(
    9,
    "Nelder-Mead's overhead an evaluation, against scipy's",
    {"d = 10": 4, "d = 67": 6, "d = 100": 7, "d = 1000": 500},
)


def bowl(theta):
    return float(theta.dot(theta))


def overheads(dim, n_evaluations):
    """Return (ours, theirs): seconds an evaluation without the function, in one pair of runs."""
    optimizer = oc.optimizers.FastNelderMead(adaptive=False)
    start = np.linspace(1.0, 2.0, dim)
    objective = oc.function_objective(bowl, dim=dim)
    free = seconds_a_call(lambda: bowl(start), 20_000, time.process_time)
    before = time.process_time()
    recorder = oc.Recorder(objective, n_evaluations)
    with contextlib.suppress(BudgetExhausted):
        optimizer.minimize(recorder, start, np.random.default_rng(0))
    middle = time.process_time()
    options = {
        "maxfev": n_evaluations, "maxiter": n_evaluations,
        "xatol": optimizer.x_tolerance, "fatol": optimizer.f_tolerance,
        "initial_simplex": np.vstack([start, start + optimizer.initial_step * np.eye(dim)]),
    }  # fmt: skip
    result = minimize(bowl, start, method="Nelder-Mead", options=options)
    after = time.process_time()
    counts = recorder.n_values, result.nfev
    return tuple(spent / n - free for spent, n in zip((middle - before, after - middle), counts))


def measured(effort):
    for case in GOAL.wanted:
        dim = int(case.split()[-1])
        n_evaluations = 40 * dim if effort.is_smoke else max(10_000 if dim <= 100 else 4000, 2 * dim)
        if effort.is_smoke:
            n_evaluations = min(n_evaluations, dim + 200)
        pairs = [overheads(dim, n_evaluations) for _ in range(effort.repeats)]
        ours, theirs = (1e6 * float(np.median(side)) for side in zip(*pairs))
        ratios = (theirs / ours for ours, theirs in pairs)
        yield case, summary(ratios, f"{ours:.2f} us against {theirs:.1f} us, {n_evaluations} evaluations")


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
