"""pyswarms' swarm without pyswarms: the same draws, the same arithmetic, the same bits, fewer copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import Vector
from .boundaries import BOUNDARIES
from .from_pyswarms import Pso
from .legacy_random import LegacyRandom
from .pyswarms_backend import check_size
from .swarm_arithmetic import Factors, compiled_functions, new_arithmetic

Array = NDArray[np.float64]

_SMALL = 1e290  # a sum of squares below it has no term above LARGEST_POSITION^2


class FastPso(Pso):
    """Particle swarm: the trajectory of ``pso`` (pyswarms) bit for bit, without its copies.

    The options, and what they do, are those of ``pso``, topologies and boundaries included; with the same seed both
    evaluate the same populations, in which every coordinate has the same bits (tested). pyswarms need not be
    installed. ``topology="ring"`` is ``pso_ring``'s. Where the objective's kernel is compiled, so is the swarm's step.
    """

    requires = ("scipy",)

    def load_compiled(self) -> None:
        """Load the compiled step where runs will use it."""
        compiled_functions()

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
    of the swarm's own: no global state, and no lock. See ``swarm_arithmetic.py`` for who does the arithmetic.

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
        self._topology = topology
        self._n_joined, self._norm = int(options["k"]), options["p"]
        self._bounds = bounds
        self._boundary = BOUNDARIES[boundary]
        self._clamp = velocity_clamp
        span = initial_velocity - -initial_velocity
        self.velocity = span * np.random.Generator(random.bits).random(positions.shape) + -initial_velocity
        factors = Factors(options["c1"], options["c2"], options["w"])
        # the first positions are also the first personal bests: the next move makes a new array of positions
        self._arithmetic = new_arithmetic(positions, random.bits, self.velocity, factors)
        self._leaders = positions[:1].copy()  # (1, d) of the star, (n, d) of the others
        self._least_cost = np.inf
        self._neighbours: NDArray[np.intp] | None = None

    def is_collapsed(self, tolerance: float) -> bool:
        """Tell whether every velocity and the swarm's range in every coordinate are below ``tolerance``."""
        if abs(self.velocity.item(0)) >= tolerance:  # nearly always
            return False
        is_slow = np.abs(self.velocity).max() < tolerance
        return bool(is_slow and np.ptp(self.position, axis=0).max() < tolerance)

    def tell(self, costs: Array) -> None:
        """Take the costs (n,) of ``position`` and update the personal and the neighbourhoods' bests."""
        swarm = self._arithmetic
        best = swarm.remember(costs, self.position)
        if self._topology != "star":
            self._leaders = swarm.best_positions[self._best_neighbours()]
        elif (least := swarm.best_costs.item(best)) < self._least_cost:
            self._least_cost, self._leaders = least, swarm.best_positions[best : best + 1].copy()

    def _best_neighbours(self) -> NDArray[np.intp]:
        """Return, for each particle, the best of those that are nearest: now (ring) or at first (von Neumann)."""
        from scipy.spatial import cKDTree

        if self._n_joined == 1:
            return np.arange(len(self.position))
        if self._neighbours is None or self._topology == "ring":
            _, self._neighbours = cKDTree(self.position).query(self.position, p=self._norm, k=self._n_joined)
        assert self._neighbours is not None
        best = self._arithmetic.best_costs[self._neighbours].argmin(axis=1)
        return self._neighbours[np.arange(len(best)), best]

    def move(self, decay: Array | None = None) -> None:
        """Move every particle; ``decay`` (d,) is the fraction of each coordinate's old position to subtract.

        Raises Diverged when a position leaves the range in which distances can be computed.
        """
        before, after = self.position, np.empty(self.position.shape)
        self.position = after
        with np.errstate(over="ignore", invalid="ignore"):
            self._arithmetic.accelerate(before, self._leaders, after)
            velocity = self.velocity
            if self._clamp is not None:
                np.copyto(velocity, -self._clamp, where=velocity <= -self._clamp)
                np.copyto(velocity, self._clamp, where=velocity >= self._clamp)
            if self._clamp is not None or decay is not None:
                np.add(before, velocity if decay is None else velocity - decay * before, out=after)
            if self._bounds is not None:
                self._boundary(after, before, *self._bounds)
            is_small = np.vdot(after, after) <= _SMALL
        if not is_small:
            check_size(after)
