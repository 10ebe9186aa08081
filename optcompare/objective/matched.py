"""Matched lambdas: where on the reference path theta*(lambda) an answer belongs, by its norm and by its loss.

Regret of theta under lambda: R(lambda) = J_lambda(theta) - J*_lambda >= 0. On a convex model

    dR/dlambda = (c/2) (|w|^2 - |w*(lambda)|^2),

so R falls, then rises, and its minimiser is the lambda at which the path has the norm |w|: the norm-matched lambda. The
loss-matched lambda, where the path has the training loss L(theta), is never smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .curvature import at_canonical_lambda, is_convex, minimise
from .data_objective import DataObjective
from .layout import Vector
from .meter import implied_lambda
from .objective import Array, Objective
from .penalties import L2
from .reference_path import check_solvable

CHEAP = 200  # parameters of a convex model whose path costs milliseconds a point: its profile is finer
XTOL = 1e-10  # of log lambda


@dataclass(frozen=True, eq=False)
class MatchedLambda:
    """Canonical lambdas at which the reference path agrees with theta in one scalar, and the regret of theta.

    norm_matched, loss_matched: 0.0 means below the path's smallest lambda (or none), inf above its largest; ``notes``
    say which. ratio: loss_matched/norm_matched >= 1 on convex models; it measures how far theta is off the path.
    gap: J - J* at the objective's own lambda, NaN where it has no L2 lambda > 0. lambdas, regrets (m,): the profile
    of R, in units of the error. smallest_regret: R at the norm-matched lambda, or at the range's end nearest to it.
    interval: {lambda: R(lambda) <= regret_level}, with 0.0 or inf for an end beyond the range, (NaN, NaN) where it is
    empty. path_is_unique, why: whether there is one path to match on.
    """

    norm_matched: float
    loss_matched: float
    norm: float
    loss: float
    gap: float
    smallest_regret: float
    regret_level: float
    interval: tuple[float, float]
    path_is_unique: bool
    why: str
    notes: tuple[str, ...]
    lambdas: Array = field(repr=False)
    regrets: Array = field(repr=False)

    @property
    def ratio(self) -> float:
        """loss_matched / norm_matched; NaN where both are 0 or both infinite."""
        if self.norm_matched == 0.0:
            return math.inf if self.loss_matched > 0.0 else math.nan
        return self.loss_matched / self.norm_matched if math.isfinite(self.norm_matched) else math.nan

    def __repr__(self) -> str:
        low, high = self.interval
        inside = "empty" if math.isnan(low) else f"{low:.4g} to {high:.4g}"
        lines = [
            f"norm-matched lambda {self.norm_matched:.6g}, loss-matched {self.loss_matched:.6g}, "
            f"ratio {self.ratio:.4g}",
            f"  |w| {self.norm:.4g}, loss {self.loss:.6g}, gap J - J* at its own lambda {self.gap:.3g}",
            f"  regret at the norm-matched lambda {self.smallest_regret:.3g}; "
            f"lambdas with regret <= {self.regret_level:.3g}: {inside}",
            f"  {self.why}",
            *(f"  {note}" for note in self.notes),
        ]
        return "\n".join(lines)


class _Path:
    """theta*(lambda), solved when asked for, from the nearest lambda already solved."""

    def __init__(self, objective: Objective, lam: float, start: Vector) -> None:
        self.objective = objective
        self.solved: dict[float, Vector] = {}
        self.solved[math.log(lam)] = minimise(at_canonical_lambda(objective, lam), start)

    def theta(self, log_lam: float) -> Vector:
        if log_lam not in self.solved:
            start = self.solved[min(self.solved, key=lambda known: abs(known - log_lam))]
            self.solved[log_lam] = minimise(at_canonical_lambda(self.objective, math.exp(log_lam)), start)
        return self.solved[log_lam]

    def norm(self, log_lam: float) -> float:
        return self.objective.norm(self.theta(log_lam))

    def loss(self, log_lam: float) -> float:
        return self.objective.loss(self.theta(log_lam))

    def regret(self, log_lam: float, norm: float, loss: float) -> float:
        """J_lambda - J*_lambda of an answer with this norm and loss."""
        half = 0.5 * self.objective.penalty_scale * math.exp(log_lam)
        star = self.norm(log_lam)
        return (loss - self.loss(log_lam)) + half * (norm - star) * (norm + star)


def matched_lambda(
    objective: Objective,
    theta: ArrayLike,
    *,
    regret_level: float | None = None,
    lambdas: tuple[float, float] = (1e-6, 1e6),
) -> MatchedLambda:
    """Place theta (d,) on the path of minimisers of the objective's loss under L2, solving for the path.

    ``lambdas``: canonical range of the path. ``regret_level``: the eps of the interval {R <= eps}, in units of the
    error; None is twice the smallest regret, and at least 1e-6 of the loss. Roots are found on log lambda, on exact
    minimisers with warm starts. On MLPs and functions the path is one local branch, and the answer says so.

    Raises InvalidInputError for a loss without a smooth gradient, a theta that is not finite, a bad range or level.
    """
    check_solvable(objective)
    point = objective._point(theta)
    low, high = _range(lambdas)
    if not np.isfinite(point).all():
        raise InvalidInputError("theta must be finite to be matched, got NaN or inf in it")
    if regret_level is not None and not 0.0 <= regret_level < math.inf:
        raise InvalidInputError(f"regret_level must be finite and >= 0, or None, got {regret_level!r}")
    norm, loss, unique = objective.norm(point), objective.loss(point), is_convex(objective)
    first = high if unique else _nearby(objective, point, low, high)
    path = _Path(objective, first, np.zeros(objective.dim) if unique else point)
    grid = _grid(math.log(low), math.log(high), math.log(first), 4 if unique and objective.dim <= CHEAP else 2)
    for log_lam in sorted(grid, key=lambda log_lam: abs(log_lam - math.log(first))):
        path.theta(log_lam)
    notes: list[str] = []
    entry = math.log(first)
    by_norm = math.inf if norm == 0.0 else _match(path.norm, norm, grid, entry, -1.0, "norm", notes)
    by_loss = _match(path.loss, loss, grid, entry, 1.0, "loss", notes)

    def regret(log_lam: float) -> float:
        return path.regret(log_lam, norm, loss)

    at_best = min(max(by_norm, low), high)
    smallest = regret(math.log(at_best))
    level = max(2.0 * smallest, 1e-6 * abs(loss)) if regret_level is None else float(regret_level)
    return MatchedLambda(
        by_norm, by_loss, norm, loss, _gap(objective, point, path, low, high), smallest, level,
        _interval(regret, level, math.log(at_best), grid), unique, _why(objective), tuple(notes),
        np.exp(grid), np.array([regret(log_lam) for log_lam in grid]),
    )  # fmt: skip


def _range(lambdas: tuple[float, float]) -> tuple[float, float]:
    if len(lambdas) != 2 or not 0.0 < lambdas[0] < lambdas[1] < math.inf:
        raise InvalidInputError(f"lambdas must be (low, high) with 0 < low < high, got {lambdas!r}")
    return float(lambdas[0]), float(lambdas[1])


def _nearby(objective: Objective, point: Vector, low: float, high: float) -> float:
    """Return where a local branch is entered: at the lambda that theta looks like, else at the objective's own."""
    reading = implied_lambda(objective, point)
    guess = reading.value if reading.identified else objective.lam_canonical or 1.0
    return min(max(guess, low), high)


def _grid(low: float, high: float, first: float, per_decade: int) -> list[float]:
    n_steps = max(1, math.ceil((high - low) / math.log(10.0) * per_decade))
    return sorted({*np.linspace(low, high, n_steps + 1).tolist(), first})


def _match(
    scalar: Callable[[float], float], wanted: float, grid: list[float], first: float, sign: float, name: str,
    notes: list[str],
) -> float:  # fmt: skip
    """Return the lambda with scalar = wanted; sign +1 where it rises with lambda, -1 where it falls."""
    from scipy.optimize import brentq

    def excess(log_lam: float) -> float:
        return sign * (scalar(log_lam) - wanted)

    signs = [excess(log_lam) for log_lam in grid]
    rises = [place for place in range(1, len(grid)) if signs[place - 1] < 0.0 <= signs[place]]
    if rises:  # one on a convex model; on a local branch with several, the one nearest to where it was entered
        right = min(rises, key=lambda place: abs(grid[place] - first))
        return math.exp(brentq(excess, grid[right - 1], grid[right], xtol=XTOL))
    if signs[0] == 0.0:
        return math.exp(grid[0])
    is_below = signs[0] > 0.0
    end, side = (grid[0], "smaller") if is_below else (grid[-1], "larger")
    beyond = "below" if is_below == (sign > 0.0) else "above"
    notes.append(
        f"the {name} {wanted:.6g} is {beyond} the path's {scalar(end):.6g} at lambda = {math.exp(end):.3g}: "
        f"its lambda is {side}, or there is none"
    )
    return 0.0 if is_below else math.inf


def _interval(regret: Callable[[float], float], level: float, best: float, grid: list[float]) -> tuple[float, float]:
    """Return the ends of {lambda: R(lambda) <= level} around the norm-matched lambda; 0.0 and inf beyond the range."""
    from scipy.optimize import brentq

    def excess(log_lam: float) -> float:
        return regret(log_lam) - level

    if excess(best) > 0.0:
        return math.nan, math.nan
    ends = []
    for beyond, outward in ((0.0, [x for x in reversed(grid) if x < best]), (math.inf, [x for x in grid if x > best])):
        inside, end = best, beyond
        for log_lam in outward:
            if excess(log_lam) > 0.0:
                end = math.exp(brentq(excess, min(inside, log_lam), max(inside, log_lam), xtol=XTOL))
                break
            inside = log_lam
        ends.append(end)
    return ends[0], ends[1]


def _gap(objective: Objective, point: Vector, path: _Path, low: float, high: float) -> float:
    lam = objective.lam_canonical
    if not isinstance(objective.penalty, L2) or not lam > 0.0:
        return math.nan
    if low <= lam <= high:
        return path.regret(math.log(lam), objective.norm(point), objective.loss(point))
    best = minimise(objective, path.theta(math.log(min(max(lam, low), high))))
    return objective.value(point) - objective.value(best)


def _why(objective: Objective) -> str:
    if is_convex(objective):
        return "the path is unique: a linear model with a convex loss"
    if isinstance(objective, DataObjective) and objective.model.hidden:
        return (
            "the path is NOT unique: an MLP's loss is not convex. It is the one local branch that L-BFGS follows from "
            "theta; other branches match at other lambdas"
        )
    return "the path is not known to be unique: it is the branch that L-BFGS follows from theta"
