"""Goal 9: what Nelder-Mead itself costs an evaluation, ``fast_nelder_mead`` against scipy's.

Both make the same moves (standard coefficients, the same first simplex) on the same function and stop at the same
number of evaluations. What a call of the function costs is measured and taken off: for ours, which is run as in any run
of optcompare, through its Recorder; that has a benchmark of its own (10), but rows of the trace stay in.
"""

import contextlib
import sys
import time
from functools import partial

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


def seconds_of_ours(start, n_evaluations):
    """Return CPU seconds and evaluations of a run of fast_nelder_mead."""
    recorder = oc.Recorder(oc.function_objective(bowl, dim=start.size), n_evaluations)
    before = time.process_time()
    with contextlib.suppress(BudgetExhausted):
        oc.optimizers.FastNelderMead(adaptive=False).minimize(recorder, start, np.random.default_rng(0))
    return time.process_time() - before, recorder.n_values


def seconds_of_scipys(start, n_evaluations):
    """Return CPU seconds and evaluations of a run of scipy's."""
    ours = oc.optimizers.FastNelderMead()
    options = {
        "maxfev": n_evaluations, "maxiter": n_evaluations, "xatol": ours.x_tolerance, "fatol": ours.f_tolerance,
        "initial_simplex": np.vstack([start, start + ours.initial_step * np.eye(start.size)]),
    }  # fmt: skip
    before = time.process_time()
    result = minimize(bowl, start, method="Nelder-Mead", options=options)
    return time.process_time() - before, result.nfev


def overheads(dim, n_steps):
    """Return (ours, theirs): seconds an evaluation without the function, after the first simplex of d + 1."""
    start = np.linspace(1.0, 2.0, dim)
    recorder = oc.Recorder(oc.function_objective(bowl, dim=dim), 1e9)
    recorder.value(0.0 * start)
    found = []
    for run, function in ((seconds_of_ours, recorder.value), (seconds_of_scipys, bowl)):
        free = seconds_a_call(partial(function, start), 20_000, time.process_time)
        (short, n_short), (long, n_long) = run(start, dim + 1), run(start, dim + 1 + n_steps)
        found.append((long - short) / (n_long - n_short) - free)
    return tuple(found)


def measured(effort):
    for case in GOAL.wanted:
        dim = int(case.split()[-1])
        n_steps = 200 if effort.is_smoke else (5000 if dim <= 100 else 1000)
        pairs = [overheads(dim, n_steps) for _ in range(effort.repeats)]
        ours, theirs = (1e6 * float(np.median(side)) for side in zip(*pairs))
        ratios = (theirs / ours for ours, theirs in pairs)
        yield case, summary(ratios, f"{ours:.2f} us against {theirs:.1f} us, {n_steps} evaluations")


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
