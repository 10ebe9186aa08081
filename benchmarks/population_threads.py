"""Goal 3: a population on two threads, wall clock, against the tutorial's loop; needs two idle cores.

For comparison: one thread over two, of our own kernel.
"""

import sys
import time
from functools import partial

from measure import Goal, main, times_faster
from peers import check_same, problem, tutorial_loop

GOAL = Goal(3, "population, 2 threads, wall clock, against the tutorial's loop", {"cancer": 8, "digits": 4.5, "big": 6})


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, thetas, loop = given.objective(), given.candidates(), tutorial_loop(given)
        check_same(objective.values(thetas, threads=2), loop(thetas))

        two, one = partial(objective.values, thetas, threads=2), partial(objective.values, thetas)
        yield name, times_faster(two, partial(loop, thetas), effort, time.perf_counter)
        yield f"{name}, against 1 thread", times_faster(two, one, effort, time.perf_counter)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
