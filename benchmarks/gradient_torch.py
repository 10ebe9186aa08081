"""Goal 6: value and gradient, against torch's autograd on the same small network, one thread.

The peer of the goal is torch.nn between flat vectors, as it is given to a solver. The cases "leanest" are for
comparison: theta itself as the one leaf, in torch's functional form.
"""

import sys
from functools import partial

from measure import Goal, main, times_faster
from peers import check_same, problem, torch_autograd, torch_flat, torch_order

GOAL = Goal(
    6,
    "value and gradient, against torch autograd",
    {"xor": 15, "iris": 5, "cancer": 3.3, "digits": 2.2, "big": 2},
    peers=("torch",),
)


def measured(effort):
    for name in GOAL.wanted:
        given = problem(name, effort.is_smoke)
        objective, theta = given.objective(), given.candidates(1)[0]
        net, flat, swapped = torch_autograd(given), torch_flat(given), torch_order(given, given.candidates(1)[0])
        value, gradient = objective.value_and_gradient(theta)
        for theirs, expected in ((net(swapped), torch_order(given, gradient)), (flat(theta), gradient)):
            check_same(value, theirs[0])
            check_same(expected, theirs[1])

        ours = partial(objective.value_and_gradient, theta)
        yield name, times_faster(ours, partial(net, swapped), effort)
        yield f"{name}, leanest", times_faster(ours, partial(flat, theta), effort)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
