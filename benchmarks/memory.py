"""Goal 5: the peak memory of one call on a population, n = 150,000 items, m = 20 candidates, h = 16 hidden units.

What Python's allocators hand out (tracemalloc) and what the process's resident memory grows by (Linux: VmHWM, for
memory that compiled code takes by itself); the larger of the two counts. The code is warmed up on 2,000 items in
another thread, so that the room that kernels keep for a thread is counted too.
"""

import gc
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
from measure import Goal, Measured, main
from peers import Problem, check_same, tutorial_loop

import optcompare as oc

GOAL = Goal(5, "peak memory of one call, n = 150,000, m = 20, h = 16", {"ours": 4}, unit="MB", is_least=False)
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(field):
    """Return a line of the process's status in MB."""
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field)) / 1024


def traced(call):
    """Return the peak of what Python's allocators hand out during a call, in MB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak


def grown(call):
    """Return by how much the resident memory grows at most during a call, in MB; NaN where that cannot be asked."""
    try:
        REFERENCES.write_text("5")  # the peak starts anew
    except OSError:
        call()
        return float("nan")
    before = resident("VmRSS:")
    call()
    return resident("VmHWM:") - before


def of_items(n_items):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_items, 8)), rng.integers(2, size=n_items)
    return Problem("random", oc.Dataset.from_arrays(X, y, task="classification", test_size=0.0), 16, 2, 20)


def measured(effort):
    small, large = of_items(2000), of_items(20_000 if effort.is_smoke else 150_000)
    thetas = large.candidates()
    warm, objective, loop = small.objective(), large.objective(), tutorial_loop(large)
    warmed = []
    other = threading.Thread(target=lambda: warmed.append(warm.values(thetas)))
    other.start()
    other.join()
    check_same(warmed[0], tutorial_loop(small)(thetas))
    for case, call in (("ours", lambda: objective.values(thetas)), ("tutorial's loop", lambda: loop(thetas))):
        gc.collect()
        by_python, by_system = traced(call), grown(call)
        detail = f"resident memory + {by_system:.2f} MB, allocated by Python {by_python:.2f} MB"
        yield case, Measured(max(by_system, by_python) if by_system == by_system else by_python, detail=detail)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
