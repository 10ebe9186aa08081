"""Goal 10: what recording costs: a call through the Recorder minus the same call of the bare objective.

The Recorder counts, checks the budget (and the clock, where there is one), checks for NaN, compares with the best and
keeps the trace. For comparison: what scipy.optimize's own wrapper around a function costs.
"""

import sys

import numpy as np
from measure import Goal, main, microseconds_more

import optcompare as oc

GOAL = Goal(10, "recording overhead", {"a call": 0.5, "a batch": 1.5}, unit="us", is_least=False)
DIM, N_ROWS = 10, 30
UNLIMITED = 10**12


def measured(effort):
    start = np.ones(DIM)
    zeros = np.zeros(N_ROWS)
    population = np.tile(start, (N_ROWS, 1))
    objective = oc.function_objective(
        lambda theta: 1.0, dim=DIM, gradient=lambda theta: start, vectorized=lambda thetas: zeros, penalty=oc.L2(1.0)
    )
    plain = oc.Recorder(objective, UNLIMITED)
    timed = oc.Recorder(objective, oc.Budget(evaluations=UNLIMITED, seconds=1e6))
    for recorder in (plain, timed):  # the first calls find something, and write rows
        recorder.values(0.0 * population)
        recorder.value(0.0 * start)
    yield "a call", microseconds_more(lambda: plain.value(start), lambda: objective.value(start), effort)
    yield "a batch", microseconds_more(lambda: plain.values(population), lambda: objective.values(population), effort)
    pair = (lambda: timed.value(start), lambda: objective.value(start))
    yield "a call, clock running", microseconds_more(*pair, effort)
    pair = (lambda: timed.values(population), lambda: objective.values(population))
    yield "a batch, clock running", microseconds_more(*pair, effort)
    pair = (lambda: plain.value_and_gradient(start), lambda: objective.value_and_gradient(start))
    yield "a gradient call", microseconds_more(*pair, effort)
    yield from scipys(objective, start, effort)


def scipys(objective, start, effort):
    """Yield the cost of the wrapper that scipy's simplex puts around a function, where this scipy has it."""
    try:
        from scipy.optimize._optimize import _wrap_scalar_function_maxfun_validation as wrap
    except ImportError:
        return
    _, wrapped = wrap(objective.value, (), UNLIMITED)
    yield "scipy's own wrapper", microseconds_more(lambda: wrapped(start), lambda: objective.value(start), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
