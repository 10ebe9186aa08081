"""Goal 9: what Nelder-Mead itself costs an evaluation, ``fast_nelder_mead``'s search against scipy's.

Both make the same moves (standard coefficients, the same first simplex) on the same bare function, 1,000 evaluations
after the first simplex (10,000 of ours at d = 1000); what the function costs is measured and taken off. For
comparison: ours as in any run, through a Recorder that guards the function, counts, checks, and writes the trace.
"""

import contextlib
import itertools
import sys
import time
from functools import partial

import numpy as np
from measure import Goal, main, seconds_a_call, summary
from scipy.optimize import minimize

import optcompare as oc
from optcompare.errors import BudgetExhausted
from optcompare.optimizers.fast_nelder_mead import search

GOAL = Goal(
    9,
    "Nelder-Mead's overhead an evaluation, against scipy's",
    {"d = 10": 4, "d = 67": 6, "d = 100": 7, "d = 1000": 500},
)


OPTIONS = oc.optimizers.FastNelderMead(adaptive=False, x_tolerance=0.0, f_tolerance=0.0)
UNLIMITED = 10**9


def first_simplex(start):
    return np.vstack([start, start + OPTIONS.initial_step * np.eye(start.size)])


class Enough(Exception):
    """The function has been called as often as it was to be."""


def counted(n_evaluations):
    """Return the function, which raises after so many calls, as scipy's own wrapper does."""
    calls = itertools.count(1)

    def function(theta):
        if next(calls) > n_evaluations:
            raise Enough
        return float(theta.dot(theta))

    return function


def seconds_of_ours(start, n_evaluations):
    """Return CPU seconds of fast_nelder_mead's search on the bare function, and the evaluations."""
    before = time.process_time()
    with contextlib.suppress(Enough):
        search(counted(n_evaluations), first_simplex(start), False, OPTIONS.x_tolerance, OPTIONS.f_tolerance)
        raise SystemExit("the search ended by itself: lower its tolerances")
    return time.process_time() - before, n_evaluations


def seconds_of_a_run(start, n_evaluations):
    """Return CPU seconds of the same through a Recorder, as in any run, and the evaluations."""
    recorder = oc.Recorder(oc.function_objective(counted(UNLIMITED), dim=start.size), n_evaluations)
    before = time.process_time()
    with contextlib.suppress(BudgetExhausted):
        OPTIONS.minimize(recorder, start, np.random.default_rng(0))
    return time.process_time() - before, recorder.n_values


def seconds_of_scipys(start, n_evaluations):
    """Return CPU seconds of scipy's on the bare function, and the evaluations."""
    options = {
        "maxfev": n_evaluations, "maxiter": n_evaluations, "initial_simplex": first_simplex(start),
        "xatol": OPTIONS.x_tolerance, "fatol": OPTIONS.f_tolerance,
    }  # fmt: skip
    before = time.process_time()
    result = minimize(counted(UNLIMITED), start, method="Nelder-Mead", options=options)
    return time.process_time() - before, result.nfev


def overhead(run, start, n_steps):
    """Return microseconds an evaluation without the function, after the first simplex of d + 1."""
    free = seconds_a_call(partial(counted(UNLIMITED), start), 20_000, time.process_time)
    (short, n_short), (long, n_long) = run(start, start.size + 1), run(start, start.size + 1 + n_steps)
    return 1e6 * ((long - short) / (n_long - n_short) - free)


def measured(effort):
    for case in GOAL.wanted:
        dim = int(case.split()[-1])
        start = np.linspace(1.0, 2.0, dim)
        n_steps = 200 if effort.is_smoke else 1000
        n_times = 1 if effort.is_smoke or dim > 100 else 5  # runs that are added up
        found = {}
        for run in (seconds_of_ours, seconds_of_scipys, seconds_of_a_run):
            found[run] = []
        for _ in range(effort.repeats):
            for run, numbers in found.items():
                n = n_steps if run is seconds_of_scipys or dim <= 100 else 10 * n_steps  # ours: too short to time
                numbers.append(np.mean([overhead(run, start, n) for _ in range(n_times)]))
        ours, theirs, in_a_run = found.values()
        for name, side in ((case, ours), (f"{case}, through the Recorder", in_a_run)):
            detail = f"{np.median(side):.2f} us against {np.median(theirs):.1f} us"
            yield name, summary((there / here for here, there in zip(side, theirs)), detail)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
