"""Particle swarms, by pyswarms: global best (``Pso``) and local best (``PsoRing``).

Every particle i remembers the best place p_i it has been to and knows the best place g_i of its neighbourhood::

    v_i <- w v_i + c1 U1 (p_i - x_i) + c2 U2 (g_i - x_i),    x_i <- x_i + v_i        U1, U2 uniform on [0, 1]

Only comparisons of errors enter, so that an increasing transform of the error changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from .base import Optimizer, Vector
from .legacy_random import LegacyRandom
from .options import between, box_of, nonnegative, one_of, ordered, positive, whole
from .pyswarms_backend import BackendSwarm, Swarm

if TYPE_CHECKING:
    from ..recorder import Recorder

TOPOLOGIES = ("star", "ring", "von_neumann")
BOUNDARIES = ("nearest", "reflective", "periodic", "intermediate", "shrink")
_BROKEN = {
    "topology": {
        "pyramid": "its neighbourhoods differ in size, and stacking them fails",
        "random": "its neighbourhoods differ in size, and stacking them fails",
    },
    "boundary": {"random": "it moves all particles that leave, in all coordinates, to one and the same place"},
    "velocity_strategy": {
        "adjust": "its first velocity is 0, and no particle ever moves",
        "invert": "it looks at positions that are never outside and does nothing",
        "zero": "it looks at positions that are never outside, does nothing and ignores the clamp",
    },
}
# The largest move, in widths of the box, that the reflective boundary is given: it folds one width at a time.
_MOST_FOLDS = 1000.0


class Pso(Optimizer):
    """Particle swarm around the global best (star), by pyswarms (Kennedy & Eberhart 1995).

    The answer is the best point seen; the swarm runs until the budget ends or it has collapsed.

    Options
        particles: size of the swarm, at least 2. The first sits at the start.
        cognitive, social, inertia: c1, c2, w above. Defaults: the constriction 0.729844, times 2.05 twice.
        topology: "star" (all particles know the best), "ring" (the ``neighbours`` nearest in space, found
            anew every generation, the particle included) or "von_neumann" (the 2d + 1 nearest of the
            first generation: needs particles >= 2d + 1).
        neighbours, norm: of the ring: how many, and nearest in which p-norm, 1 or 2 (also of von_neumann).
        initial_spread: standard deviation of the other particles' Gaussian distance from the start, per coordinate.
        initial_velocity: v begins uniform in [-initial_velocity, initial_velocity].
        velocity_clamp: largest absolute velocity per coordinate, or None.
        velocity_strategy: "unmodified"; what pyswarms does to velocities at the border otherwise is broken.
        lower, upper: the box [lower, upper]^d, both or None. The start must lie inside.
        boundary: what happens to a particle that leaves the box: "nearest", "reflective", "periodic",
            "intermediate" or "shrink".
        decay: fraction of a weight's old position that is subtracted in each move, in [0, 1); never of a bias.
            Remembered best points do not decay.
        tolerance: FINISHED once the swarm's range in every coordinate and every velocity are below it; 0: never.
            An error whose minimum is not 0 is flat to rounding over a range of 1e-8 to 1e-6, where a swarm does not
            collapse: to stop there, give more.

    On a constraint (max-norm) every particle is put where it is evaluated: outside, a whole ray has one error, and a
    swarm out there would not find its way back in.

    Source: pyswarms 1.3.0; defaults: Clerc & Kennedy 2002, "The particle swarm: explosion, stability, and
    convergence", IEEE TEC 6(1), with phi = 4.1; zero initial velocity: Engelbrecht 2012, "Particle swarm
    optimization: velocity initialization", CEC.
    """

    requires = ("pyswarms",)

    particles: int = 30
    cognitive: float = 1.496180
    social: float = 1.496180
    inertia: float = 0.729844
    topology: str = "star"
    neighbours: int = 8
    norm: int = 2
    initial_spread: float = 1.0
    initial_velocity: float = 0.0
    velocity_clamp: float | None = None
    velocity_strategy: str = "unmodified"
    lower: float | None = None
    upper: float | None = None
    boundary: str = "nearest"
    decay: float = 0.0
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        """Refuse options that cannot work."""
        whole("particles", self.particles, at_least=2)
        whole("neighbours", self.neighbours, at_least=1)
        for option in ("cognitive", "social", "inertia", "initial_spread", "initial_velocity", "tolerance"):
            nonnegative(option, getattr(self, option))
        between("decay", self.decay, 0, 1, ends="[)")
        if self.velocity_clamp is not None:
            positive("velocity_clamp", self.velocity_clamp)
        whole("norm", self.norm, at_least=1)
        between("norm", self.norm, 1, 2)
        _refuse_broken("topology", self.topology, TOPOLOGIES)
        _refuse_broken("boundary", self.boundary, BOUNDARIES)
        _refuse_broken("velocity_strategy", self.velocity_strategy, ("unmodified",))
        if self.topology == "ring" and self.neighbours > self.particles:
            raise InvalidInputError(
                f"neighbours must be at most the number of particles, {self.particles}, got {self.neighbours}"
            )
        if self.topology == "ring" and self.neighbours == 1 and self.initial_velocity == 0:
            raise InvalidInputError(
                "with neighbours=1 (itself) and initial_velocity=0 no particle ever moves: take neighbours >= 2"
            )
        if (self.lower is None) != (self.upper is None):
            raise InvalidInputError(
                f"give both lower and upper or none, got lower={self.lower!r}, upper={self.upper!r}"
            )
        if self.lower is not None and self.upper is not None:
            ordered(self.lower, self.upper)
            if self.boundary == "reflective":
                self._refuse_endless_folding(self.lower, self.upper)

    def _refuse_endless_folding(self, lower: float, upper: float) -> None:
        """Refuse moves of very many box widths: pyswarms reflects in a loop, one width a pass."""
        width = upper - lower
        if self.velocity_clamp is not None:
            largest = self.velocity_clamp
        elif self.inertia < 1:  # |v| <= w |v| + (c1 + c2) width
            largest = max(self.initial_velocity, (self.cognitive + self.social) * width / (1 - self.inertia))
        else:
            largest = np.inf
        largest += self.decay * max(abs(lower), abs(upper))
        if largest > _MOST_FOLDS * width:
            raise InvalidInputError(
                f"boundary='reflective' folds a particle back one box width at a time, and these options allow moves of"
                f" {largest / width:.3g} widths (at most {_MOST_FOLDS:g}): give a velocity_clamp, lower inertia or"
                " initial_velocity, or take boundary='nearest'"
            )

    def box(self, start: Vector) -> tuple[Vector, Vector] | None:
        """Return (lower, upper), each (d,), or None; InvalidInputError where the start lies outside."""
        return None if self.lower is None or self.upper is None else box_of(start, self.lower, self.upper)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Move the swarm until it has collapsed; the answer is the best point seen."""
        swarm = self.new_swarm(start, rng)
        decay = np.where(objective.is_weight, self.decay, 0.0) if self.decay else None
        while True:
            if objective.is_constrained:
                swarm.position[...] = objective.project(swarm.position)
            swarm.tell(objective.values(swarm.position))
            if swarm.is_collapsed(self.tolerance):
                return
            swarm.move(decay)

    def new_swarm(self, start: Vector, rng: np.random.Generator) -> Swarm:
        """Return the swarm before its first evaluation: particle 0 at the start (d,), the others around it."""
        return BackendSwarm(self.first_positions(start, rng), LegacyRandom(rng), **self.swarm_options(start))

    def first_positions(self, start: Vector, rng: np.random.Generator) -> Vector:
        """Draw the first positions, (particles, d)."""
        if self.topology == "von_neumann" and self.particles < 2 * start.size + 1:
            raise InvalidInputError(
                f"topology 'von_neumann' joins 2d + 1 = {2 * start.size + 1} particles and got particles="
                f"{self.particles}: take that many, or topology 'ring' with any number of neighbours, or 'star'"
            )
        bounds = self.box(start)
        positions = start + self.initial_spread * rng.standard_normal((int(self.particles), start.size))
        positions[0] = start
        if bounds is not None:
            np.clip(positions, *bounds, out=positions)
        return positions

    def swarm_options(self, start: Vector) -> dict[str, Any]:
        """Return what a swarm is made with, beside positions and random numbers."""
        n_joined = 2 * start.size + 1 if self.topology == "von_neumann" else self.neighbours
        return {
            "options": {"c1": self.cognitive, "c2": self.social, "w": self.inertia, "p": self.norm, "k": n_joined},
            "topology": self.topology,
            "bounds": self.box(start),
            "boundary": self.boundary,
            "initial_velocity": self.initial_velocity,
            "velocity_clamp": self.velocity_clamp,
        }


class PsoRing(Pso):
    """Particle swarm around local bests (nearest neighbours in space), by pyswarms (Eberhart & Kennedy 1995).

    ``Pso`` with ``topology="ring"``: slower to agree, harder to trap. In pyswarms a "ring" joins each particle to
    those that are nearest in space now, not to fixed numbers; with 3 of 30 the swarm falls apart into cliques that
    learn nothing from each other and stand still far from the minimum (logistic regression, d = 31); with 8 not.
    """

    topology: str = "ring"


def _refuse_broken(option: str, given: str, working: tuple[str, ...]) -> None:
    """Refuse a name that pyswarms has and that does not work (saying why), and one that it does not have."""
    if isinstance(given, str) and given in _BROKEN[option]:
        raise InvalidInputError(
            f"{option} {given!r} of pyswarms 1.3.0 is broken: {_BROKEN[option][given]}. Allowed: {', '.join(working)}"
        )
    one_of(option, given, working)
