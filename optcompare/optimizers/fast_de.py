"""Differential evolution with the whole population in a few calls of numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .base import Vector
from .from_scipy import DifferentialEvolution
from .options import CEILING

if TYPE_CHECKING:
    from ..recorder import Recorder

Array = NDArray[np.float64]


class FastDe(DifferentialEvolution):
    """Differential evolution in a box, vectorised over the population (Storn & Price 1997, best/1/bin).

    Options, first population, rule and stop are those of ``differential_evolution`` (scipy), and so is the
    distribution of every generation; the random numbers are others, so that runs differ seed by seed. One generation,
    for members x_i with errors f_i, the best of them x_b, and F uniform between mutation_low and mutation_high::

        mutant     m_i = x_b + F (x_r - x_s)      r, s other members than i, different, uniform
        trial      t_ij = m_ij with chance ``recombination`` and for one uniform j, else x_ij
        outside    t_ij uniform in the box where it left the box
        selection  x_i <- t_i if f(t_i) <= f_i, all i at once

    All members are replaced after the generation: scipy's updating="deferred", which is also what
    ``differential_evolution`` uses. scipy's own default, "immediate", lets a member see those before it in the same
    generation and cannot be vectorised. What scipy does with a loop over members (shuffling all their numbers to
    choose two, deciding each selection) costs it 40 to 60 microseconds a member.

    Source: Storn & Price 1997, "Differential evolution", J. Global Optimization 11, eq. 3-5 with x_b for the base
    ("DE/best/1/bin"); bounds and stop: ``scipy.optimize.differential_evolution`` of scipy 1.17.
    """

    requires = ()

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen, which is the best member."""
        members = np.clip(self.first_members(start, rng), *self.box(start))
        errors = np.clip(objective.values(members), -CEILING, CEILING)
        while True:
            factor = rng.uniform(self.mutation_low, self.mutation_high)
            trials = mutants(members, int(errors.argmin()), factor, rng)
            cross(trials, members, self.recombination, rng)
            self._draw_anew_outside(trials, rng)
            reached = np.clip(objective.values(trials), -CEILING, CEILING)
            accepted = np.flatnonzero(reached <= errors)
            members[accepted] = trials[accepted]
            errors[accepted] = reached[accepted]
            if errors.std() <= self.f_tolerance * abs(errors.mean()):
                return

    def _draw_anew_outside(self, trials: Array, rng: np.random.Generator) -> None:
        outside = np.flatnonzero((trials < self.lower) | (trials > self.upper))
        trials.reshape(-1)[outside] = rng.uniform(self.lower, self.upper, outside.size)


def mutants(members: Array, best: int, factor: float, rng: np.random.Generator) -> Array:
    """Return x_best + factor (x_r - x_s), (m, d), with r and s uniform among the pairs without i itself.

    r is drawn from m - 1 numbers and s from m - 2, and both are moved up past those that they must not be.
    """
    itself = np.arange(len(members))
    r = rng.integers(len(members) - 1, size=len(members))
    r += r >= itself
    s = rng.integers(len(members) - 2, size=len(members))
    s += s >= np.minimum(itself, r)
    s += s >= np.maximum(itself, r)
    result = members[r]
    result -= members[s]
    result *= factor
    result += members[best]
    return result


def cross(trials: Array, members: Array, chance: float, rng: np.random.Generator) -> None:
    """Put members' coordinates back into trials (m, d), but each with ``chance`` not, and one of each row never."""
    n_members, dim = members.shape
    is_back = rng.random(members.shape) >= chance
    is_back[np.arange(n_members), rng.integers(dim, size=n_members)] = False
    np.copyto(trials, members, where=is_back)
