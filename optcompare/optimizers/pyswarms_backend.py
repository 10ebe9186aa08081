"""pyswarms' public backend as ask-evaluate-tell, without its side effects.

``pyswarms.single.*.optimize`` calls the objective itself, forgets personal bests when it is called again and keeps
every position it has ever seen. Its loop is made of public parts, and the same parts are put together here.
"""

from __future__ import annotations

import logging.config
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import Diverged
from .legacy_random import LegacyRandom

Array = NDArray[np.float64]

# Squared distances between particles must stay finite: beyond, pyswarms' ring fails with an IndexError.
LARGEST_POSITION = 1e150

_LOGGING = threading.Lock()


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Make ``logging.config.dictConfig`` do nothing for this thread inside the block.

    pyswarms' Reporter (made at import, and with every topology and handler) would otherwise replace the root
    logger's handlers and open ``report.log`` in the current directory. Other threads' calls go through.
    """
    with _LOGGING:
        configure = logging.config.dictConfig
        thread = threading.get_ident()

        def configure_other_threads(config: Any) -> None:
            if threading.get_ident() != thread:
                configure(config)

        logging.config.dictConfig = configure_other_threads
        try:
            yield
        finally:
            logging.config.dictConfig = configure


class Swarm(Protocol):
    """What is asked for positions, (n, d), told their costs, (n,), and moved; see ``BackendSwarm``."""

    @property
    def position(self) -> Array:
        """Where the particles are: evaluate these, then ``tell``."""

    def is_collapsed(self, tolerance: float) -> bool:
        """Tell whether the swarm has come to rest in one point."""

    def tell(self, costs: Array) -> None:
        """Take the costs of ``position``."""

    def move(self, decay: Array | None = None) -> None:
        """Move every particle."""


class BackendSwarm:
    """A swarm that is asked for positions and told their costs.

    One generation, for x (n, d) positions, v velocities, p personal bests, g the best of each neighbourhood::

        v <- clamp(w v + c1 U1 (p - x) + c2 U2 (g - x))        U1, U2 uniform on [0, 1], one per coordinate
        x <- boundary(x + v - decay x)

    ``options`` holds c1, c2, w, p (norm) and k (particles in a neighbourhood, itself included). Velocities begin
    uniform in [-initial_velocity, initial_velocity]. ``bounds`` is (lower (d,), upper (d,)) or None.

    Source: pyswarms 1.3.0, ``GlobalBestPSO.optimize`` and ``LocalBestPSO.optimize``: with decay None and a
    finite cost in the first generation, the same positions bit for bit (tested).
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
        with quiet_logging():
            from pyswarms.backend import compute_pbest, create_swarm
            from pyswarms.backend.handlers import BoundaryHandler, VelocityHandler
            from pyswarms.backend.topology import Ring, Star

            # VonNeumann is a static ring in space with k given by a recursion that overflows above d = 990.
            self._topology = Star() if topology == "star" else Ring(static=topology == "von_neumann")
            self._boundary = BoundaryHandler(strategy=boundary)
            self._velocity = VelocityHandler(strategy="unmodified")
        check_size(positions)
        self._personal_bests = compute_pbest
        self.random = random
        self._bounds = bounds
        self._clamp = None if velocity_clamp is None else (-velocity_clamp, velocity_clamp)
        n_particles, dim = positions.shape
        with random.swapped_in():
            self.swarm = create_swarm(
                n_particles, dim, options=options, init_pos=positions, clamp=(-initial_velocity, initial_velocity)
            )
        self.swarm.pbest_cost = np.full(n_particles, np.inf)
        # The star has no best yet while every cost is +inf, and fails; the first particle stands in.
        self.swarm.best_pos = positions[0].copy()
        self._boundary.memory = self.swarm.position

    @property
    def position(self) -> Array:
        """Where the particles are, (n, d): evaluate these, then ``tell``."""
        position: Array = self.swarm.position
        return position

    @property
    def velocity(self) -> Array:
        """Their last move before boundaries and decay, (n, d)."""
        velocity: Array = self.swarm.velocity
        return velocity

    def is_collapsed(self, tolerance: float) -> bool:
        """Tell whether every velocity and the swarm's range in every coordinate are below ``tolerance``."""
        is_slow = np.abs(self.velocity).max() < tolerance
        return bool(is_slow and np.ptp(self.position, axis=0).max() < tolerance)

    def tell(self, costs: Array) -> None:
        """Take the costs (n,) of ``position`` and update the personal and the neighbourhoods' bests."""
        swarm = self.swarm
        swarm.current_cost = costs
        swarm.pbest_pos, swarm.pbest_cost = self._personal_bests(swarm)
        swarm.best_pos, swarm.best_cost = self._topology.compute_gbest(
            swarm, p=swarm.options["p"], k=swarm.options["k"]
        )

    def move(self, decay: Array | None = None) -> None:
        """Move every particle; ``decay`` (d,) is the fraction of each coordinate's old position to subtract.

        Raises Diverged when a position leaves the range in which distances can be computed.
        """
        swarm = self.swarm
        with np.errstate(over="ignore", invalid="ignore"):
            with self.random.swapped_in():
                swarm.velocity = self._topology.compute_velocity(swarm, self._clamp, self._velocity, self._bounds)
            velocity = swarm.velocity  # what is remembered: decay is no part of it
            if decay is not None:
                swarm.velocity = velocity - decay * swarm.position
            swarm.position = self._topology.compute_position(swarm, self._bounds, self._boundary)
            swarm.velocity = velocity
        check_size(swarm.position)


def check_size(positions: Array) -> None:
    """Raise Diverged where a coordinate is too large for distances, or NaN."""
    largest = max(positions.max(), -positions.min())
    if not largest <= LARGEST_POSITION:  # NaN is not
        raise Diverged(
            f"the swarm flew apart: a coordinate of size {largest:.3g}; lower inertia, cognitive, social or"
            " initial_spread, or give velocity_clamp, or lower and upper"
        )
