"""Evolution strategy with an estimated gradient (OpenAI's), and what an l2 coefficient means to it.

Of m = 2 pairs mirrored points theta +- sigma eps, eps standard normal, with shaped errors u_i:

    g = 1/m sum_i u_i eps_i        (divided by sigma where divide_by_sigma)
    theta <- theta - rate_t * M(g + l2 * theta) - decay_t * theta        (l2 and decay on weights)

What the estimate tends to, for many pairs:

    raw   E[f eps] = sigma grad f_sigma(theta), f_sigma the error averaged over N(0, sigma^2 I), whose gradient is
          grad f on a quadratic. At rest sigma grad f + l2 w = 0: lambda = n l2/sigma; with divide_by_sigma n l2.
    rank  u = F(f) - 1/2, F the distribution of f over the population, p its density:
          E[u eps] = sigma E[p(f) grad f]. Where f is normal over the population (sigma small, or many coordinates)
          that is sigma grad f/(2 sqrt(pi) std f), so lambda = n l2 2 sqrt(pi) std(f)/sigma; with divide_by_sigma
          sigma times that. Elsewhere there is no closed form: on quadratics of one to five coordinates with steps
          about as large as the distance to the minimum it is off by 2 to 20 %, its direction by up to 12 degrees.
          sigma -> 0: std f = sigma |grad f|, the estimate is grad f/|grad f| / (2 sqrt(pi)), and what is minimised
          is f over the ball |w| <= 1/(2 sqrt(pi) l2), with divide_by_sigma 1/(2 sqrt(pi) l2 sigma); the error's
          scale no longer matters. Mirroring makes the estimate and the ball larger by ball_correction(m): a point
          is ranked against its own mirror image too, and there E[z 1{z > -z}] = 1/sqrt(2 pi), which is sqrt(2)
          times E[z Phi(z)] = 1/(2 sqrt(pi)).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .base import Optimizer, Vector
from .iterate import check_decay, moved, started
from .options import PerRate, between, flag, nonnegative, one_of, positive, whole
from .rules import Momentum
from .schedules import Schedule, check_schedule, factor_at

if TYPE_CHECKING:
    from ..recorder import Recorder

SHAPINGS = ("rank", "raw")
MOMENTUM_FORMS = ("averaged", "heavy_ball", "nesterov", "bias_corrected")


class EvolutionStrategy(Optimizer):
    """Evolution strategy on a gradient estimated from mirrored Gaussian steps (OpenAI's; Salimans et al. 2017).

    The answer is the iterate theta, never a lucky perturbation. It runs until the budget ends, at m = 2 pairs
    evaluations a step (one more for the start).

    Options
        pairs: mirrored pairs a step. sigma: standard deviation of the perturbations (units of theta).
        shaping: "rank" (centred ranks in [-1/2, 1/2], equal errors sharing their mean rank) or "raw" (the errors).
        divide_by_sigma: g = 1/(m sigma) sum u_i eps_i, the paper's algorithm 1; its code leaves sigma out.
        learning_rate: in units of theta for ranks, which are blind to the error's scale (a noise-free step is about
            0.28 of it); with "raw" and divide_by_sigma that of gradient descent.
        schedule: "constant", or a callable step -> factor, see ``gradient_descent``.
        momentum, momentum_form: M, "averaged" (as in the original code), "heavy_ball", "nesterov", "bias_corrected".
        l2: coefficient of theta in the estimated gradient, before the momentum. Weights only; with l2_biases of the
            biases too, as in the original code.
        decay: a fixed fraction of the original weight a step, in [0, 1), or PerRate(wd) for decay_t = rate_t wd.

    An error of +inf has the worst rank; with "raw" it counts as the worst finite error of its generation. A generation
    without any finite error moves nothing but decay, l2 and momentum.

    Source: Salimans, Ho, Chen, Sidor & Sutskever 2017, "Evolution strategies as a scalable alternative to
    reinforcement learning", arXiv:1703.03864, algorithm 1 and section 2.1.
    """

    pairs: int = 10
    sigma: float = 0.05
    shaping: str = "rank"
    divide_by_sigma: bool = False
    learning_rate: float = 0.3
    schedule: Schedule | str = "constant"
    momentum: float = 0.9
    momentum_form: str = "averaged"
    l2: float = 0.0
    l2_biases: bool = False
    decay: float | PerRate = 0.0

    def __post_init__(self) -> None:
        """Refuse options that cannot work."""
        whole("pairs", self.pairs, at_least=1)
        positive("sigma", self.sigma)
        one_of("shaping", self.shaping, SHAPINGS)
        flag("divide_by_sigma", self.divide_by_sigma)
        positive("learning_rate", self.learning_rate)
        check_schedule(self.schedule)
        between("momentum", self.momentum, 0.0, 1.0, ends="[)")
        one_of("momentum_form", self.momentum_form, MOMENTUM_FORMS)
        nonnegative("l2", self.l2)
        flag("l2_biases", self.l2_biases)
        check_decay(self.decay)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector:
        """Step until the budget ends, recommending every iterate."""
        theta = started(objective, start)
        momentum = Momentum(self.momentum_form, self.momentum, theta.size)
        l2 = self.l2 * (np.ones(theta.size) if self.l2_biases else objective.is_weight)
        step = 0
        while True:
            gradient = self.estimate(objective, theta, rng)
            rate = self.learning_rate * factor_at(self.schedule, step)
            theta = moved(objective, theta, momentum.push(gradient + l2 * theta), rate, self.decay)
            step += 1

    def estimate(self, objective: Recorder, theta: Vector, rng: np.random.Generator) -> Vector:
        """Return g at theta (d,), shape (d,), from one population of 2 * pairs points; the l2 term is not in it."""
        steps = rng.standard_normal((self.pairs, theta.size))
        moves = self.sigma * steps
        population = np.concatenate([theta + moves, theta - moves])
        errors = objective.values(population)
        shaped = centred_ranks(errors) if self.shaping == "rank" else worst_for_infinite(errors)
        # divided before they are subtracted: the difference of the two largest floats would overflow
        differences = shaped[: self.pairs] / len(errors) - shaped[self.pairs :] / len(errors)
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = differences @ steps
            return gradient / self.sigma if self.divide_by_sigma else gradient


def centred_ranks(errors: Vector) -> Vector:
    """Return rank/(m - 1) - 1/2 of each error, shape (m,): the best -1/2, the worst 1/2, equal ones their mean.

    Equal errors (several +inf, a flat region) so weigh alike, whatever their order; all equal: all 0. m >= 2.
    """
    order = errors.argsort()
    in_order = errors[order]
    if (in_order[1:] > in_order[:-1]).all():  # the usual case, and the cheaper one
        ranks = np.empty(errors.size)
        ranks[order] = np.arange(errors.size)
        return ranks / (errors.size - 1) - 0.5
    _, place, counts = np.unique(errors, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts + 1) / 2
    return mean_rank[place] / (errors.size - 1) - 0.5


def worst_for_infinite(errors: Vector) -> Vector:
    """Return the errors with the worst finite one in place of every +inf; all 0 where none is finite."""
    is_finite = np.isfinite(errors)
    if not is_finite.any():
        return np.zeros(errors.size)
    return np.where(is_finite, errors, errors[is_finite].max())


def ball_correction(m: int) -> float:
    """Return (m - 2 + sqrt(2))/(m - 1): what ranking m mirrored points (m/2 pairs) multiplies the rank estimate by.

    Exact where f is linear over the population; 1.41 for one pair, 1.02 for ten, 1 for many.
    """
    return (m - 2 + math.sqrt(2.0)) / (m - 1)
