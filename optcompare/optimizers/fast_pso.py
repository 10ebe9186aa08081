"""pyswarms' swarm without pyswarms: the same draws, the same arithmetic, the same bits, fewer copies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import add, multiply, subtract
from numpy.typing import NDArray

from .base import Vector
from .boundaries import BOUNDARIES
from .from_pyswarms import Pso
from .legacy_random import LegacyRandom
from .pyswarms_backend import check_size

Array = NDArray[np.float64]

_SMALL = 1e290  # a sum of squares below it has no term above LARGEST_POSITION^2
_BLOCK = 8192  # coordinates that are moved at a time: six arrays of as many stay in a core's cache


class FastPso(Pso):
    """Particle swarm: the trajectory of ``pso`` (pyswarms) bit for bit, without its copies.

    The options, and what they do, are those of ``pso``, topologies and boundaries included; with the same seed both
    evaluate the same populations, in which every coordinate has the same bits (tested). pyswarms needs not be
    installed. ``topology="ring"`` is ``pso_ring``'s.
    """

    requires = ("scipy",)

    def new_swarm(self, start: Vector, rng: np.random.Generator) -> FastSwarm:
        """Return the swarm before its first evaluation: particle 0 at the start (d,), the others around it."""
        return FastSwarm(self.first_positions(start, rng), LegacyRandom(rng), **self.swarm_options(start))


class FastSwarm:
    """A swarm that is asked for positions and told their costs; see ``BackendSwarm``, whose bits it has.

    One generation, for x (n, d) positions, v velocities, p personal bests, g the best of each neighbourhood, every
    operation rounded in the order that is written::

        v <- clamp(((w v) + (c1 U1) (p - x)) + (c2 U2) (g - x))
        x <- boundary(x + (v - decay x))

    U1 and U2 are the next 2 n d uniforms of the same Mersenne Twister that pyswarms is given, drawn by a generator
    of the swarm's own: no global state, and no lock.

    Source: pyswarms 1.3.0, ``backend.operators``, ``backend.topology.star`` and ``.ring``.
    """

    def __init__(
        self,
        positions: Array,
        random: LegacyRandom,
        *,
        options: dict[str, float],
        topology: str,
        bounds: tuple[Array, Array] | None,
        boundary: str,
        initial_velocity: float,
        velocity_clamp: float | None,
    ) -> None:
        check_size(positions)
        self.position = positions
        self._uniform = np.random.Generator(random.bits).random
        self._topology = topology
        self._n_joined, self._norm = int(options["k"]), options["p"]
        self._cognitive, self._social = np.array(options["c1"]), np.array(options["c2"])
        self._inertia = np.array(options["w"])  # as arrays: a float costs each product 0.2 microseconds
        self._bounds = bounds
        self._boundary = BOUNDARIES[boundary]
        self._clamp = velocity_clamp
        span = initial_velocity - -initial_velocity
        self.velocity = span * self._uniform(positions.shape) + -initial_velocity
        self._best_positions = positions  # the next move makes a new array of positions
        self._best_costs = np.full(len(positions), np.inf)
        self._leaders = positions[0].copy()  # (d,) of the star, (n, d) of the others
        self._least_cost = np.inf
        self._neighbours: NDArray[np.intp] | None = None
        self._pull = np.empty(positions.shape)
        n_rows = max(1, _BLOCK // positions.shape[1])
        self._blocks = [self._block(slice(first, first + n_rows)) for first in range(0, len(positions), n_rows)]

    def _block(self, rows: slice) -> _Block:
        pull = self._pull[rows]
        return _Block(rows, self.velocity[rows], self._best_positions[rows], pull, np.empty(pull.shape))

    def is_collapsed(self, tolerance: float) -> bool:
        """Tell whether every velocity and the swarm's range in every coordinate are below ``tolerance``."""
        if abs(self.velocity.item(0)) >= tolerance:  # nearly always
            return False
        is_slow = np.abs(self.velocity).max() < tolerance
        return bool(is_slow and np.ptp(self.position, axis=0).max() < tolerance)

    def tell(self, costs: Array) -> None:
        """Take the costs (n,) of ``position`` and update the personal and the neighbourhoods' bests."""
        improved = (costs < self._best_costs).nonzero()[0]
        if improved.size:
            self._best_costs[improved] = costs[improved]
            self._best_positions[improved] = self.position[improved]
        if self._topology == "star":
            best = self._best_costs.argmin()
            least = self._best_costs.item(best)
            if least < self._least_cost:
                self._least_cost, self._leaders = least, self._best_positions[best].copy()
        else:
            self._leaders = self._best_positions[self._best_neighbours()]

    def _best_neighbours(self) -> NDArray[np.intp]:
        """Return, for each particle, the best of those that are nearest: now (ring) or at first (von Neumann)."""
        from scipy.spatial import cKDTree

        if self._n_joined == 1:
            return np.arange(len(self.position))
        if self._neighbours is None or self._topology == "ring":
            _, self._neighbours = cKDTree(self.position).query(self.position, p=self._norm, k=self._n_joined)
        assert self._neighbours is not None
        best = self._best_costs[self._neighbours].argmin(axis=1)
        return self._neighbours[np.arange(len(best)), best]

    def move(self, decay: Array | None = None) -> None:
        """Move every particle; ``decay`` (d,) is the fraction of each coordinate's old position to subtract.

        Raises Diverged when a position leaves the range in which distances can be computed.
        """
        before, self.position = self.position, np.empty(self.position.shape)
        self._uniform(out=self._pull)  # U1 of all comes before U2 in the stream
        with np.errstate(over="ignore", invalid="ignore"):
            for block in self._blocks:
                self._move_block(block, before[block.rows], decay)
            is_small = np.vdot(self.position, self.position) <= _SMALL
        if not is_small:
            check_size(self.position)

    def _move_block(self, block: _Block, before: Array, decay: Array | None) -> None:
        velocity, pull, way = block.velocity, block.pull, block.way
        leaders = self._leaders if self._leaders.ndim == 1 else self._leaders[block.rows]
        multiply(velocity, self._inertia, velocity)
        multiply(pull, self._cognitive, pull)
        subtract(block.best_positions, before, way)
        multiply(pull, way, pull)
        add(velocity, pull, velocity)
        self._uniform(out=pull)
        multiply(pull, self._social, pull)
        subtract(leaders, before, way)
        multiply(pull, way, pull)
        add(velocity, pull, velocity)
        if self._clamp is not None:
            np.copyto(velocity, -self._clamp, where=velocity <= -self._clamp)
            np.copyto(velocity, self._clamp, where=velocity >= self._clamp)
        position = self.position[block.rows]
        add(before, velocity if decay is None else velocity - decay * before, position)
        if self._bounds is not None:
            self._boundary(position, before, *self._bounds)


class _Block(NamedTuple):
    """Rows of the swarm that are moved at a time, and their part of each array."""

    rows: slice
    velocity: Array
    best_positions: Array
    pull: Array
    way: Array
