"""Goal 4: the numpy kernel, which serves where numba is not installed, is never slower than the tutorial's loop."""

import sys
from functools import partial

from measure import Goal, main, times_faster
from peers import SHAPES, check_same, problem, tutorial_loop

GOAL = Goal(4, "population, numpy kernel, against the tutorial's loop", dict.fromkeys(SHAPES, 1.0))


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, thetas, loop = given.objective(kernel="numpy"), given.candidates(), tutorial_loop(given)
        check_same(objective.values(thetas), loop(thetas))
        yield name, times_faster(partial(objective.values, thetas), partial(loop, thetas), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
