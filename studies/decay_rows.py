"""The rows of the table of fixed points as arms, and what is measured of their answers; see decay_in_the_update.py."""

import math
from dataclasses import dataclass

import numpy as np

import optcompare as oc
from optcompare.objective import conditions
from optcompare.optimizers.evolution import ball_correction
from optcompare.optimizers.options import PerRate
from optcompare.runs.arms import Arm

O = oc.optimizers  # noqa: E741
LAM, ETA, MU = 10.0, 0.1, 0.9  # LAM is the lambda of the rows that have it in the error
RADIUS, BATCH, BATCH_WD, BARRIER_EPS = 0.25, 32, 0.3, 0.01  # box and ball: |w| <= 1/wd = RADIUS
RANK_L2, RANK_SIGMA, BALL_L2, NEWTON = 0.1, 0.02, 0.8, 0.1  # NEWTON = delta/eta
PAIRS = 30  # of the evolution strategies: 60 passes a step
ES_BALL = ball_correction(2 * PAIRS) / (2 * math.sqrt(math.pi) * BALL_L2)
CONVERGED = 1e-9  # an update this small, relative to the answer, ends a run


class InBatches(Arm):
    """The error without its penalty, on batches."""

    def bind(self, objective):
        """Return the bare loss on batches and the optimizer."""
        return oc.linear_objective(objective.data, noise=oc.Minibatch(BATCH)), self.optimizer


class Newton(oc.Optimizer):
    """w <- w - eta H^-1 g - delta w, H by differences of the gradient."""

    needs_gradient = True
    learning_rate: float = 0.5
    decay: float = 0.5 * NEWTON

    def minimize(self, objective, start, rng):
        """Step 40 times."""
        theta = np.array(start)
        for _ in range(40):
            g = objective.gradient(theta)
            H = np.array([(objective.gradient(theta + 1e-5 * unit) - g) / 1e-5 for unit in np.eye(theta.size)])
            step = np.linalg.lstsq(0.5 * (H + H.T), g, rcond=1e-10)[0]
            theta = theta - self.learning_rate * step - self.decay * objective.is_weight * theta
            objective.recommend(theta)
        return theta


def gd(**options):
    return oc.Bare(O.GradientDescent(**{"learning_rate": ETA, "update_tolerance": CONVERGED, **options}))


def in_error(optimizer, **options):
    return oc.InError(optimizer(update_tolerance=CONVERGED, **options))


def annealed(optimizer, steps=6000, arm=oc.Bare, **options):
    return arm(optimizer(schedule=O.Cosine(steps), update_tolerance=1e-12, **options))


def es(**options):
    return oc.Bare(O.EvolutionStrategy(pairs=PAIRS, schedule=O.Cosine(1000), **options))


def falls(t):
    return 1.0 if t < 2000 else 0.1


def until(steps):
    return lambda t: float(t < steps)


@dataclass(frozen=True)
class Row:
    """An arm whose lambda is factor * naive: naive(n) is delta n/eta, or what the row names."""

    arm: Arm
    rule: str
    naive: float  # delta/eta; 0 for the lambda in the error
    factor: float = 1.0
    tolerance: float = 0.01
    control: str = "heavy ball"


HB, NAG = {"momentum": MU}, {"momentum": MU, "momentum_form": "nesterov"}
SUTSKEVER, AVERAGED = {"momentum": MU, "momentum_form": "sutskever"}, {"momentum": MU, "momentum_form": "averaged"}
EPS1 = {"learning_rate": 0.3, "epsilon": 1.0, "scale_decay": 0.99, "update_tolerance": CONVERGED}
ROWS = {
    "gd, in the error": Row(in_error(O.GradientDescent, learning_rate=ETA), "lambda", 0, 1, 1e-4),
    "heavy ball, in the error": Row(in_error(O.HeavyBall, learning_rate=0.03), "lambda", 0, 1, 1e-4),
    "adam, in the error": Row(
        in_error(O.Adam, learning_rate=0.05, scale_decay=0.99, schedule=O.Cosine(8000)), "lambda", 0, 1, 1e-4
    ),
    "lbfgs, in the error": Row(oc.InError("lbfgs"), "lambda", 0, 1, 1e-4),
    "gd": Row(gd(decay=0.002), "delta n/eta", 0.02, 1, 1e-4),
    "adjusted weight": Row(
        gd(decay=0.05, decay_of="adjusted"), "delta n/(eta (1 - delta))", 0.5, 1 / 0.95, control="gd"
    ),
    "heavy ball": Row(gd(decay=0.01, **HB), "delta (1 - mu) n/eta", 0.1, 1 - MU, control="gd"),
    "torch nesterov": Row(gd(decay=0.06, **NAG), "delta (1 - mu) n/eta", 0.6, 1 - MU, control="gd"),
    "sutskever, lookahead": Row(
        gd(decay=0.06, **SUTSKEVER), "delta (1 - mu) n/(eta (1 + mu delta))", 0.6, (1 - MU) / (1 + MU * 0.06),
        control="torch nesterov",
    ),
    "averaged": Row(gd(decay=0.005, **AVERAGED), "delta n/eta", 0.05),
    "rate / 10, fixed delta": Row(
        gd(decay=0.003, schedule=falls), "10 delta n/eta", 0.03, 10, control="rate / 10, per rate"
    ),
    "rate / 10, per rate": Row(
        gd(decay=PerRate(0.03), schedule=falls), "wd n, unchanged", 0.03, control="rate / 10, fixed delta"
    ),
    "adamw, eps = 1": Row(
        oc.Bare(O.AdamW(decay=PerRate(0.005), **EPS1)), "n eps wd (small w)", 0.005, control="adamw, eps -> 0"
    ),
    "gd, wd = lambda/B": Row(
        annealed(O.GradientDescent, 8000, InBatches, learning_rate=ETA, decay=PerRate(LAM / BATCH)),
        "lambda n/B (n of the batch)", LAM / BATCH, 1, 0.05,
    ),
    "es raw": Row(es(sigma=0.02, shaping="raw", learning_rate=15, l2=0.001), "n l2/sigma", 0.05, 1, 0.1),
    "es raw / sigma": Row(
        es(sigma=0.02, shaping="raw", divide_by_sigma=True, learning_rate=0.3, l2=0.05), "n l2", 0.05, 1, 0.1
    ),
    "spsa, decay": Row(oc.Bare(O.Spsa(decay=PerRate(0.1))), "n wd", 0.1, 1, 0.1),
}  # fmt: skip
FAST = {"learning_rate": 0.02, "decay": PerRate(1 / RADIUS)}
SCALED = {**FAST, "scale_decay": 0.99}
ADAGRAD = {"learning_rate": ETA, "decay": PerRate(1.0), "update_tolerance": 1e-12}
NO_LAMBDA = {
    "adamw, eps -> 0": annealed(O.AdamW, epsilon=1e-12, **SCALED),
    "rmsprop": annealed(O.RMSprop, 15_000, epsilon=1e-12, **SCALED),
    "sign descent": annealed(O.SignDescent, **FAST),
    "normalised": annealed(O.NormalisedGradient, **FAST),
    "clipped": gd(transform="clip", clip_norm=0.1, decay=0.1 * ETA / RADIUS),
    "es rank, sigma -> 0": es(sigma=1e-4, learning_rate=0.1, l2=BALL_L2),
    "es rank": es(sigma=RANK_SIGMA, learning_rate=0.3, l2=RANK_L2),
    "adamw, eps = 0.01": annealed(O.AdamW, epsilon=BARRIER_EPS, **SCALED),
    "adamw in batches": annealed(O.AdamW, 10_000, InBatches, learning_rate=0.02, decay=PerRate(BATCH_WD)),
    "newton": oc.Bare(Newton()),
    "adagrad": oc.Bare(O.Adagrad(schedule=until(8000), **ADAGRAD)),
    "adagrad, early": oc.Bare(O.Adagrad(schedule=until(2000), **ADAGRAD)),
}


# measurements of an answer, besides lambda and angle


def es_ball_residual(objective, theta):
    return conditions.ball_residual(objective, theta, ES_BALL)


def ball_residual(objective, theta):
    return conditions.ball_residual(objective, theta, RADIUS)


def box_residual(objective, theta):
    """The gap over the box, or the excess over the box where that is larger."""
    excess = np.abs(theta[objective.is_weight]).max() / RADIUS - 1
    return max(abs(conditions.box_gap(objective, theta, RADIUS)), excess)


def barrier_residual(objective, theta):
    return conditions.barrier_residual(objective, theta, RADIUS, BARRIER_EPS)


def newton_residual(objective, theta):
    return conditions.newton_residual(objective, theta, NEWTON)


def named_l2_residual(objective, theta):
    """Of the L2 lambda that the decay names, n wd, at the wd of the box and ball rows."""
    return conditions.l2_residual(objective, theta, objective.n_samples / RADIUS)


def coordinate_residual(objective, theta):
    g = objective.loss_gradient(theta)[objective.is_weight]
    forces = conditions.coordinate_forces(objective, theta, BATCH_WD, BATCH)
    return np.linalg.norm(g + forces) / np.linalg.norm(g)


def coordinate_factor(objective, theta):
    """The factor that fits lambda_i = factor n wd sqrt(v_i) best over the coordinates."""
    forces = conditions.coordinate_forces(objective, theta, BATCH_WD, BATCH)
    return -(objective.loss_gradient(theta)[objective.is_weight] @ forces) / (forces @ forces)


def rank_lambda(objective, theta):
    """n l2 2 sqrt(pi) std(f)/sigma, the spread over 2000 points."""
    steps = np.random.default_rng(0).standard_normal((2000, theta.size))
    spread = objective.without_penalty().values(theta + RANK_SIGMA * steps).std()
    return objective.n_samples * RANK_L2 * 2 * math.sqrt(math.pi) * spread / RANK_SIGMA


MEASUREMENTS = [
    box_residual, ball_residual, es_ball_residual, barrier_residual, newton_residual, named_l2_residual,
    coordinate_residual, coordinate_factor, rank_lambda,
]  # fmt: skip
