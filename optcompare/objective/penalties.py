"""Every penalty and constraint: what is added to the loss, and what theta is projected onto.

Canonical forms, c = 1/n for an objective that averages its losses over n items, 1 for one that sums them, sums over
the weights (biases only when asked):

    L2                 c lambda/2 sum w^2
    AnchoredL2         c lambda/2 sum (w - a)^2
    L1                 c lambda sum |w|
    ElasticNet         c (lambda1 sum |w| + lambda2/2 sum w^2)
    WeightElimination  c lambda sum (w/w0)^2 / (1 + (w/w0)^2)
    MaxNorm            |w|_2 <= r, of all weights or of each neuron's incoming weights
"""

from __future__ import annotations

from ..errors import InvalidInputError
from .constraints import MaxNorm
from .elimination import WeightElimination
from .l2 import L2, AnchoredL2
from .penalty import Frame, NoPenalty, Penalty
from .sparse import L1, ElasticNet

__all__ = [
    "L1", "L2", "PENALTIES", "AnchoredL2", "ElasticNet", "Frame", "MaxNorm", "NoPenalty", "Penalty",
    "WeightElimination", "as_penalty",
]  # fmt: skip


def as_penalty(given: Penalty | None) -> Penalty:
    """Return the penalty; None is no penalty."""
    if given is None:
        return NoPenalty()
    if isinstance(given, Penalty):
        return given
    raise InvalidInputError(f"penalty must be an oc.L2(...) or another penalty, or None, got {given!r}")


PENALTIES: tuple[type[Penalty], ...] = (L2, L1, ElasticNet, AnchoredL2, WeightElimination, MaxNorm)
