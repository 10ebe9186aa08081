"""Goal 1: a population on one thread, against the loop that a pyswarms tutorial teaches.

f(thetas (m, d)) -> (m,), float64: ``objective.values`` as a user calls it, with the kernel that is chosen by default.
"""

import sys
from functools import partial

from measure import Goal, main, times_faster
from peers import check_same, problem, tutorial_loop

GOAL = Goal(
    1, "population, 1 thread, against the tutorial's loop", {"xor": 60, "iris": 15, "cancer": 6, "digits": 3, "big": 3}
)


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, thetas, loop = given.objective(), given.candidates(), tutorial_loop(given)
        check_same(objective.values(thetas), loop(thetas))
        yield name, times_faster(partial(objective.values, thetas), partial(loop, thetas), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
