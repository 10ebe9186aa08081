"""The arithmetic of a swarm's step, by numpy or compiled: the same bits, so that the choice is no part of a run.

    v <- ((w v) + (c1 U1) (p - x)) + (c2 U2) (g - x)        every operation rounded, in this order

Compiled code (``compiled_swarm.py``) is taken where numba is loaded anyway, which is where the objective's kernel is
compiled: most of numpy's time goes into the uniform numbers, 4 to 7 ns each, which take 0.7 ns there. Importing numba
for the swarm alone would cost more than it saves.
"""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy import add, multiply, subtract
from numpy.typing import NDArray

from ..objective.kernels import said_if_slow

Array = NDArray[np.float64]

_BLOCK = 8192  # coordinates that are moved at a time: six arrays of as many stay in a core's cache


class Arithmetic(Protocol):
    """What a swarm remembers, and how it moves: ``velocity`` and ``best_positions`` (n, d), ``best_costs`` (n,)."""

    velocity: Array
    best_positions: Array
    best_costs: Array

    def remember(self, costs: Array, position: Array) -> int:
        """Update the personal bests from the costs (n,) of ``position``; return the number of the best of them."""

    def accelerate(self, before: Array, leaders: Array, after: Array) -> None:
        """Update the velocity and write before + velocity into ``after``; leaders g: (n, d), or (1, d) for all."""


def new_arithmetic(positions: Array, bits: np.random.MT19937, velocity: Array, factors: Factors) -> Arithmetic:
    """Return the arithmetic of a swarm at ``positions``, which draws from ``bits``."""
    functions = compiled_functions()
    if functions is None:
        return NumpyArithmetic(positions, bits, velocity, factors)
    return CompiledArithmetic(positions, bits, velocity, factors, functions)


def compiled_functions() -> ModuleType | None:
    """Return the compiled functions; None where numba is not loaded, does not work or has no place for its cache."""
    return _loaded_functions() if "numba" in sys.modules else None


@functools.cache
def _loaded_functions() -> ModuleType | None:
    with said_if_slow("fast_pso's step"):
        try:
            from . import compiled_swarm
        except (ImportError, RuntimeError):
            return None
    return compiled_swarm


class Factors(NamedTuple):
    """c1, c2 and w."""

    cognitive: float
    social: float
    inertia: float


class _Block(NamedTuple):
    """Rows of the swarm that are moved at a time, and their part of each array."""

    rows: slice
    velocity: Array
    best_positions: Array
    pull: Array
    way: Array


class NumpyArithmetic:
    """In blocks of rows that stay in a core's cache, in place."""

    def __init__(self, positions: Array, bits: np.random.MT19937, velocity: Array, factors: Factors) -> None:
        self.velocity = velocity
        self.best_positions = positions
        self.best_costs = np.full(len(positions), np.inf)
        self._uniform = np.random.Generator(bits).random
        self._factors = [np.array(factor) for factor in factors]  # as arrays: a float costs 0.2 microseconds more
        self._pull = np.empty(positions.shape)
        n_rows = max(1, _BLOCK // positions.shape[1])
        self._blocks = [self._block(slice(first, first + n_rows)) for first in range(0, len(positions), n_rows)]

    def _block(self, rows: slice) -> _Block:
        pull = self._pull[rows]
        return _Block(rows, self.velocity[rows], self.best_positions[rows], pull, np.empty(pull.shape))

    def remember(self, costs: Array, position: Array) -> int:
        """See Arithmetic."""
        improved = (costs < self.best_costs).nonzero()[0]
        if improved.size:
            self.best_costs[improved] = costs[improved]
            self.best_positions[improved] = position[improved]
        return int(self.best_costs.argmin())

    def accelerate(self, before: Array, leaders: Array, after: Array) -> None:
        """See Arithmetic."""
        cognitive, social, inertia = self._factors
        self._uniform(out=self._pull)  # U1 of all comes before U2 in the stream
        for rows, velocity, best_positions, pull, way in self._blocks:
            x = before[rows]
            multiply(velocity, inertia, velocity)
            multiply(pull, cognitive, pull)
            subtract(best_positions, x, way)
            multiply(pull, way, pull)
            add(velocity, pull, velocity)
            self._uniform(out=pull)
            multiply(pull, social, pull)
            subtract(leaders if len(leaders) == 1 else leaders[rows], x, way)
            multiply(pull, way, pull)
            add(velocity, pull, velocity)
            add(x, velocity, after[rows])


class CompiledArithmetic:
    """In one call, with the state of the Mersenne Twister taken over from ``bits``."""

    def __init__(
        self, positions: Array, bits: np.random.MT19937, velocity: Array, factors: Factors, functions: ModuleType
    ) -> None:
        self.velocity = velocity
        self.best_positions = positions
        self.best_costs = np.full(len(positions), np.inf)
        self._functions = functions
        self._factors = factors
        state: Any = bits.state["state"]
        self._key, self._place = np.array(state["key"], dtype=np.uint32), int(state["pos"])
        self._words = np.empty(functions.ROOM, dtype=np.uint32)
        self._first_draws = np.empty(positions.size)
        self._second_draws = np.empty(max(positions.shape[1], functions.ROOM // 2))

    def remember(self, costs: Array, position: Array) -> int:
        """See Arithmetic."""
        costs = np.ascontiguousarray(costs, dtype=np.float64)
        best: int = self._functions.remember(costs, self.best_costs, position, self.best_positions)
        return best

    def accelerate(self, before: Array, leaders: Array, after: Array) -> None:
        """See Arithmetic."""
        self._place = self._functions.move(
            self._key, self._place, self._words, self._first_draws, self._second_draws,
            before, self.best_positions, leaders, self.velocity, after, *self._factors,
        )  # fmt: skip
