"""What happens to particles that leave the box: pyswarms' five working strategies, bit for bit.

Each function moves what is outside back in, in place: positions x (m, d) after the move, where the particles were
before it (m, d), and the box as lower and upper (d,).

Source: pyswarms 1.3.0, ``pyswarms.backend.handlers.BoundaryHandler``; Helwig 2010, "Particle Swarms for Constrained
Optimization" (PhD thesis, Erlangen-Nuremberg).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Boundary = Callable[[Array, Array, Array, Array], None]


def nearest(positions: Array, before: Array, lower: Array, upper: Array) -> None:
    """Put every coordinate that is outside on the border."""
    np.copyto(positions, lower, where=positions < lower)
    np.copyto(positions, upper, where=positions > upper)


def reflective(positions: Array, before: Array, lower: Array, upper: Array) -> None:
    """Mirror every coordinate that is outside at the border, until it is inside."""
    while True:
        below, above = np.nonzero(positions < lower), np.nonzero(positions > upper)
        if not below[0].size and not above[0].size:
            return
        positions[below] = 2 * lower[below[1]] - positions[below]
        positions[above] = 2 * upper[above[1]] - positions[above]


def periodic(positions: Array, before: Array, lower: Array, upper: Array) -> None:
    """Let every coordinate that is outside enter again from the other side."""
    below, above = np.nonzero(positions < lower), np.nonzero(positions > upper)
    width = np.abs(upper - lower)
    positions[below] = upper[below[1]] - np.mod(lower[below[1]] - positions[below], width[below[1]])
    positions[above] = lower[above[1]] + np.mod(positions[above] - upper[above[1]], width[above[1]])


def intermediate(positions: Array, before: Array, lower: Array, upper: Array) -> None:
    """Put every coordinate that is outside half-way between where it was and the border."""
    below, above = np.nonzero(positions < lower), np.nonzero(positions > upper)
    positions[below] = 0.5 * (before[below] + lower[below[1]])
    positions[above] = 0.5 * (before[above] + upper[above[1]])


def shrink(positions: Array, before: Array, lower: Array, upper: Array) -> None:
    """Shorten the move of a particle that is outside, so that it ends where it crosses the border."""
    below, above = np.nonzero(positions < lower), np.nonzero(positions > upper)
    outside = np.union1d(below[0], above[0])
    if not outside.size:
        return
    moves = positions - before
    share = np.ones(positions.shape)
    share[below] = (lower[below[1]] - before[below]) / moves[below]
    share[above] = (upper[above[1]] - before[above]) / moves[above]
    positions[outside] = before[outside] + share[outside].min(axis=1)[:, np.newaxis] * moves[outside]


BOUNDARIES: dict[str, Boundary] = {
    function.__name__: function for function in (nearest, reflective, periodic, intermediate, shrink)
}
