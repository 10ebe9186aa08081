"""Goal 7: value and gradient, against what scikit-learn's MLPClassifier minimizes with lbfgs."""

import sys
from functools import partial

from measure import Goal, main, times_faster
from peers import SHAPES, check_same, problem, sklearn_loss_gradient, sklearn_order

GOAL = Goal(7, "value and gradient, against MLPClassifier's own", dict.fromkeys(SHAPES, 2.2), peers=("scikit-learn",))


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, theta, theirs = given.objective(), given.candidates(1)[0], sklearn_loss_gradient(given)
        packed = sklearn_order(given, theta)
        value, gradient = objective.value_and_gradient(theta)
        check_same(value, theirs(packed)[0])
        check_same(sklearn_order(given, gradient), theirs(packed)[1])
        yield name, times_faster(partial(objective.value_and_gradient, theta), partial(theirs, packed), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
