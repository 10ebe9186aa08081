"""Goal 2: a population on one thread, against torch's batched products (baddbmm), one thread too."""

import sys
from functools import partial

from measure import Goal, main, times_faster
from peers import check_same, problem, torch_bmm

GOAL = Goal(
    2,
    "population, 1 thread, against torch bmm",
    {"iris": 2.8, "cancer": 1.8, "digits": 1.8, "big": 1.9},
    peers=("torch",),
)


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, thetas, theirs = given.objective(), given.candidates(), torch_bmm(given)
        check_same(objective.values(thetas), theirs(thetas))
        yield name, times_faster(partial(objective.values, thetas), partial(theirs, thetas), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
