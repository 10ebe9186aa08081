"""Simultaneous perturbation stochastic approximation: a gradient estimated from two values, whatever the dimension.

With D uniform on {-1, 1}^d (so that 1/D_i = D_i), k = 1, 2, ...:

    g = [f(theta + c_k D) - f(theta - c_k D)]/(2 c_k) D
    theta <- theta - a_k g - decay_t * theta        (decay on weights only)
    a_k = a/(A + k)^alpha,  c_k = c/k^gamma

E[g] = grad f + O(c_k^2), and grad f itself on a quadratic. At rest grad f + (decay_t/a_k) w = 0: with decay_t = a_k wd
lambda = n wd; with a fixed decay lambda = n decay/a_k grows as a_k falls, and w -> 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .base import Optimizer, Vector
from .iterate import check_decay, moved, started
from .options import PerRate, nonnegative, positive

if TYPE_CHECKING:
    from ..recorder import Recorder


class Spsa(Optimizer):
    """Simultaneous perturbation stochastic approximation: two values a step in any dimension (Spall 1992).

    Both values of a step meet the same draw of the objective's noise. The answer is the iterate. It runs until the
    budget ends.

    Options
        learning_rate: a. stability: A, which holds the first steps back; Spall: a tenth of the number of steps.
        rate_power: alpha, 0.602 by Spall, 1 in the limit theory.
        perturbation: c, units of theta; Spall: the standard deviation of the values' noise. perturbation_power: gamma.
        decay: a fixed fraction of the original weight a step, in [0, 1), or PerRate(wd) for decay_t = a_k wd.

    A pair with an error of +inf tells no slope: g = 0 in that step.

    Source: Spall 1992, "Multivariate stochastic approximation using a simultaneous perturbation gradient
    approximation", IEEE TAC 37(3), eqs. 2.1-2.2; gains: Spall 1998, "Implementation of the simultaneous perturbation
    algorithm for stochastic optimization", IEEE TAES 34(3), section III.
    """

    learning_rate: float = 1.0
    stability: float = 100.0
    rate_power: float = 0.602
    perturbation: float = 0.01
    perturbation_power: float = 0.101
    decay: float | PerRate = 0.0

    def __post_init__(self) -> None:
        """Refuse options that cannot work."""
        positive("learning_rate", self.learning_rate)
        nonnegative("stability", self.stability)
        nonnegative("rate_power", self.rate_power)
        positive("perturbation", self.perturbation)
        nonnegative("perturbation_power", self.perturbation_power)
        check_decay(self.decay)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector:
        """Step until the budget ends, recommending every iterate."""
        theta = started(objective, start)
        k = 0
        while True:
            k += 1
            gradient = slope(objective, theta, self.perturbation / k**self.perturbation_power, rng)
            rate = self.learning_rate / (self.stability + k) ** self.rate_power
            theta = moved(objective, theta, gradient, rate, self.decay)


def slope(objective: Recorder, theta: Vector, c: float, rng: np.random.Generator) -> Vector:
    """Return g at theta (d,), shape (d,), from two values at the distance c per coordinate."""
    direction = 2.0 * rng.integers(0, 2, size=theta.size) - 1.0
    step = c * direction
    pair = np.empty((2, theta.size))
    np.add(theta, step, out=pair[0])
    np.subtract(theta, step, out=pair[1])
    with objective.same_sample():
        above, below = objective.values(pair).tolist()
    if math.isinf(above) or math.isinf(below):
        return np.zeros(theta.size)
    return (above / (2.0 * c) - below / (2.0 * c)) * direction
