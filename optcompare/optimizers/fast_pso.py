"""pyswarms' swarm without pyswarms: the same draws, the same arithmetic, the same bits, fewer copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import Vector
from .boundaries import BOUNDARIES
from .from_pyswarms import Pso
from .legacy_random import LegacyRandom
from .pyswarms_backend import check_size

Array = NDArray[np.float64]

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
        self._cognitive, self._social, self._inertia = options["c1"], options["c2"], options["w"]
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
        self._way = np.empty(positions.shape)
        n_rows = max(1, _BLOCK // positions.shape[1])
        self._blocks = [slice(first, first + n_rows) for first in range(0, len(positions), n_rows)]

    def is_collapsed(self, tolerance: float) -> bool:
        """Tell whether every velocity and the swarm's range in every coordinate are below ``tolerance``."""
        is_slow = np.abs(self.velocity[0]).max() < tolerance and np.abs(self.velocity).max() < tolerance
        return bool(is_slow and np.ptp(self.position, axis=0).max() < tolerance)

    def tell(self, costs: Array) -> None:
        """Take the costs (n,) of ``position`` and update the personal and the neighbourhoods' bests."""
        improved = np.flatnonzero(costs < self._best_costs)
        if improved.size:
            self._best_costs[improved] = costs[improved]
            self._best_positions[improved] = self.position[improved]
        if self._topology == "star":
            best = self._best_costs.argmin()
            if self._best_costs[best] < self._least_cost:
                self._least_cost = self._best_costs[best]
                self._leaders = self._best_positions[best].copy()
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
            for rows in self._blocks:
                self._move_block(rows, before[rows], decay)
        check_size(self.position)

    def _move_block(self, rows: slice, before: Array, decay: Array | None) -> None:
        velocity, pull, way, position = self.velocity[rows], self._pull[rows], self._way[rows], self.position[rows]
        leaders = self._leaders if self._leaders.ndim == 1 else self._leaders[rows]
        velocity *= self._inertia
        pull *= self._cognitive
        np.subtract(self._best_positions[rows], before, out=way)
        pull *= way
        velocity += pull
        self._uniform(out=pull)
        pull *= self._social
        np.subtract(leaders, before, out=way)
        pull *= way
        velocity += pull
        if self._clamp is not None:
            np.copyto(velocity, -self._clamp, where=velocity <= -self._clamp)
            np.copyto(velocity, self._clamp, where=velocity >= self._clamp)
        if decay is None:
            np.add(before, velocity, out=position)
        else:
            np.add(before, velocity - decay * before, out=position)
        if self._bounds is not None:
            self._boundary(position, before, *self._bounds)
