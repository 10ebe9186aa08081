"""The step that optimizers with an estimated gradient share: an iterate that moves, decays and is recommended.

theta <- P(theta - rate * direction - decay_t * theta), decay on weights only, P the objective's projection. Its users
are ``evolution.py`` and ``spsa.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import Diverged
from .base import Vector
from .options import PerRate, between

if TYPE_CHECKING:
    from ..recorder import Recorder


def check_decay(decay: float | PerRate) -> None:
    """Refuse a fixed decay outside [0, 1); a PerRate has checked itself."""
    if not isinstance(decay, PerRate):
        between("decay", decay, 0.0, 1.0, ends="[)")


def started(objective: Recorder, start: Vector) -> Vector:
    """Return the start (d,), projected, evaluated and recommended before anything is drawn."""
    theta = np.array(objective.project(start), dtype=np.float64)
    objective.value(theta)
    objective.recommend(theta)
    return theta


def moved(objective: Recorder, theta: Vector, direction: Vector, rate: float, decay: float | PerRate) -> Vector:
    """Return theta (d,) after one step, and recommend it. decay_t is ``decay``, or rate * wd for PerRate(wd).

    Raises Diverged where the step leaves the finite numbers; the last finite iterate stays recommended.
    """
    fraction = rate * decay.weight_decay if isinstance(decay, PerRate) else decay
    with np.errstate(over="ignore", invalid="ignore"):
        after = theta - rate * direction
        if fraction:
            after -= fraction * objective.is_weight * theta
    if not np.isfinite(after).all():
        raise Diverged("a step of the iterate was not finite: give a smaller learning_rate")
    after = np.array(objective.project(after), dtype=np.float64)
    objective.recommend(after)
    return after
