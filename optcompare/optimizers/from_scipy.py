"""Optimizers of scipy.optimize, without limits of their own: a tolerance or the Recorder's budget ends a run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import InvalidInputError
from .base import Optimizer, Vector
from .options import CEILING, between, box_of, flag, nonnegative, ordered, positive, whole

if TYPE_CHECKING:
    from ..recorder import Recorder

NO_LIMIT = 2**31 - 1
POLISH_FROM = 1e-5  # largest |gradient| at which an answer of lbfgs counts as near its minimum


def _search(objective: Recorder, start: Vector, method: str, options: dict[str, Any]) -> None:
    """Run a derivative-free method of scipy.optimize.minimize; its answer is the best point it evaluated."""
    from scipy.optimize import minimize

    solve: Any = minimize  # its stubs know options only one by one
    solve(bounded_value(objective), start, method=method, options=options)


def bounded_value(objective: Recorder) -> Callable[[Vector], float]:
    """Return the objective's value, clipped to +-CEILING."""
    value_of = objective.value

    def bounded(theta: Vector) -> float:
        value = value_of(theta)
        return value if -CEILING <= value <= CEILING else max(-CEILING, min(value, CEILING))

    return bounded


class Lbfgs(Optimizer):
    """L-BFGS-B, limited-memory quasi-Newton, by scipy (Zhu, Byrd, Lu & Nocedal 1997).

    gradient_tolerance: stop at max |gradient| <= it (error per parameter); the only other stop is an error that no
    longer falls in the last bit. memory: pairs of steps kept. line_search_steps: evaluations per line search.
    polish: solve gradient = 0 from there on (Newton-Krylov), since the error's last bit stops the line search at a
    gradient of about 1e-9, which can be 1 % of a lambda of 1e-3. Sees no constraint: with one (max-norm) it is refused.
    """

    needs_gradient = True
    requires = ("scipy",)
    gradient_tolerance: float = 1e-10
    memory: int = 10
    line_search_steps: int = 50
    polish: bool = True

    def __post_init__(self) -> None:
        flag("polish", self.polish)
        nonnegative("gradient_tolerance", self.gradient_tolerance)
        whole("memory", self.memory, at_least=1)
        whole("line_search_steps", self.line_search_steps, at_least=1)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector:
        """Return the last iterate: its gradient is smaller than that of the best of equal values."""
        from scipy.optimize import minimize

        if objective.is_constrained:
            raise InvalidInputError(
                "lbfgs cannot keep to a constraint (max-norm); use gradient_descent, which projects after each step"
            )
        options = {"ftol": 0.0, "gtol": self.gradient_tolerance, "maxcor": self.memory}
        solve: Any = minimize
        options |= {"maxls": self.line_search_steps, "maxiter": NO_LIMIT, "maxfun": NO_LIMIT}
        result = solve(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        theta = np.asarray(result.x, dtype=np.float64)
        return _polished(objective, theta) if self.polish and not objective.is_noisy else theta


def _polished(objective: Recorder, theta: Vector) -> Vector:
    """Return a point near theta (d,) with a smaller gradient and no larger error, or theta itself."""
    from scipy.optimize import NoConvergence, newton_krylov

    objective.recommend(theta)  # the answer, should the purse run out
    value, gradient = objective.value_and_gradient(theta)
    size = float(np.abs(gradient).max())
    if not 0.0 < size < POLISH_FROM:
        return theta
    solve: Any = newton_krylov
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = solve(objective.gradient, theta, f_tol=1e-3 * size, maxiter=5, inner_maxiter=50, rdiff=1e-7)
    except NoConvergence as last:
        found = last.args[0]
    except ValueError:  # no direction reduces the gradient
        return theta
    found = np.asarray(found, dtype=np.float64)
    if not np.isfinite(found).all():
        return theta
    new_value, new_gradient = objective.value_and_gradient(found)
    is_better = np.abs(new_gradient).max() < size and new_value <= value + 1e-12 * abs(value)
    return found if is_better else theta


class NelderMead(Optimizer):
    """Nelder-Mead simplex with dimension-adapted coefficients (Gao & Han 2012), by scipy.

    The first simplex is the start and start + initial_step e_i. Stops when all vertices are within x_tolerance
    (units of theta, largest coordinate) and f_tolerance (units of the error) of the best one. adaptive=False: the
    coefficients of 1965, worse above d of about 10.
    """

    requires = ("scipy",)
    adaptive: bool = True
    initial_step: float = 0.5
    x_tolerance: float = 1e-8
    f_tolerance: float = 1e-12

    def __post_init__(self) -> None:
        flag("adaptive", self.adaptive)
        positive("initial_step", self.initial_step)
        nonnegative("x_tolerance", self.x_tolerance)
        nonnegative("f_tolerance", self.f_tolerance)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen, which is the best vertex."""
        simplex = np.vstack([start, start + self.initial_step * np.eye(start.size)])
        stops = {"xatol": self.x_tolerance, "fatol": self.f_tolerance, "maxiter": np.inf, "maxfev": np.inf}
        _search(objective, start, "Nelder-Mead", {"initial_simplex": simplex, "adaptive": self.adaptive, **stops})


class Powell(Optimizer):
    """Powell's direction-set method: Brent line searches along d directions (Powell 1964), by scipy.

    initial_step: second point of the first line searches (units of theta). x_tolerance: of a line search, relative
    to its step. f_tolerance: stop when a round of d searches lowers the error by less than this fraction of it.
    """

    requires = ("scipy",)
    initial_step: float = 1.0
    x_tolerance: float = 1e-6
    f_tolerance: float = 1e-12

    def __post_init__(self) -> None:
        positive("initial_step", self.initial_step)
        positive("x_tolerance", self.x_tolerance)
        nonnegative("f_tolerance", self.f_tolerance)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen."""
        directions = self.initial_step * np.eye(start.size)
        stops = {"xtol": self.x_tolerance, "ftol": self.f_tolerance, "maxiter": np.inf, "maxfev": np.inf}
        with np.errstate(over="ignore", invalid="ignore"):  # its bracket grows for long where the error only falls
            _search(objective, start, "Powell", {"direc": directions, **stops})


class _ShrinkingRegion(Optimizer):
    requires = ("scipy",)
    initial_step: float = 0.5
    final_step: float = 1e-8

    def __post_init__(self) -> None:
        positive("final_step", self.final_step)
        ordered(self.final_step, self.initial_step, ("final_step", "initial_step"))


class Cobyla(_ShrinkingRegion):
    """COBYLA: linear models in a shrinking trust region (Powell 1994), by scipy (PRIMA); milliseconds a step.

    initial_step, final_step: radius of the trust region at first and at the end (units of theta).
    """

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen."""
        radii = {"rhobeg": self.initial_step, "tol": self.final_step}
        _search(objective, start, "COBYLA", {**radii, "maxiter": NO_LIMIT})


class Cobyqa(_ShrinkingRegion):
    """COBYQA: quadratic models in a trust region (Ragonneau & Zhang 2023), by scipy; milliseconds a step.

    initial_step, final_step: radius of the trust region at first and at the end (units of theta). The first model
    takes 2 d + 1 evaluations.
    """

    is_reentrant = False  # scipy holds a lock that one thread cannot take twice

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen."""
        radii = {"initial_tr_radius": self.initial_step, "final_tr_radius": self.final_step}
        _search(objective, start, "COBYQA", {**radii, "maxfev": NO_LIMIT, "maxiter": NO_LIMIT})


class _InBox(Optimizer):
    requires: ClassVar[tuple[str, ...]] = ("scipy",)
    lower: float = -10.0
    upper: float = 10.0

    def __post_init__(self) -> None:
        ordered(self.lower, self.upper)

    def box(self, start: Vector) -> tuple[Vector, Vector]:
        """Return the box as (lower, upper), each (d,); InvalidInputError where the start is outside."""
        return box_of(start, self.lower, self.upper)


class DifferentialEvolution(_InBox):
    """Differential evolution in a box, one call a generation (Storn & Price 1997, best/1/bin), by scipy.

    lower, upper: the box, the same in every coordinate (units of theta); the start must lie inside.
    population: members, at least 5; None: 15 d, at most 60. spread: the first members are the start and normal draws
    of this standard deviation around it, clipped to the box; None: uniform draws in the box. mutation_low,
    mutation_high: interval of the factor, drawn once a generation. recombination: chance per coordinate.
    f_tolerance: stop when the members' errors have a standard deviation below this fraction of their mean.
    """

    population: int | None = None
    spread: float | None = None
    mutation_low: float = 0.5
    mutation_high: float = 1.0
    recombination: float = 0.7
    f_tolerance: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.population is not None:
            whole("population", self.population, at_least=5)
        if self.spread is not None:
            positive("spread", self.spread)
        between("mutation_high", self.mutation_high, 0.0, 2.0, "[)")
        between("mutation_low", self.mutation_low, 0.0, self.mutation_high)
        between("recombination", self.recombination, 0.0, 1.0)
        nonnegative("f_tolerance", self.f_tolerance)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen, which is the best member."""
        from scipy.optimize import Bounds, differential_evolution

        waiting = [start]

        def values(columns: Vector) -> Vector:
            members = columns.T.copy()  # scipy hands over (d, m)
            if waiting:  # its scaling to [0, 1] and back has cost the start its last bits
                members[0] = waiting.pop()
            return np.clip(objective.values(members), -CEILING, CEILING)

        solve: Any = differential_evolution  # its stubs know a function of one point only
        solve(
            values, Bounds(*self.box(start)), init=self.first_members(start, rng), rng=rng, maxiter=NO_LIMIT,
            mutation=(self.mutation_low, self.mutation_high), recombination=self.recombination,
            tol=self.f_tolerance, polish=False, vectorized=True, updating="deferred",
        )  # fmt: skip

    def first_members(self, start: Vector, rng: np.random.Generator) -> Vector:
        """Return the start and draws, (population, d), perhaps outside the box."""
        members = self.population or min(15 * start.size, 60)
        shape = (members - 1, start.size)
        if self.spread is None:
            return np.vstack([start, rng.uniform(self.lower, self.upper, shape)])
        return np.vstack([start, start + self.spread * rng.standard_normal(shape)])  # scipy clips it to the box


class DualAnnealing(_InBox):
    """Generalised simulated annealing with local L-BFGS-B searches in a box (Xiang et al. 1997), by scipy.

    lower, upper: the box, the same in every coordinate (units of theta); the start must lie inside. It never stops by
    itself. temperature: at first (units of the error, up to 5e4). restart_ratio: anneal again, from a random
    point, below this fraction of it. visit, accept: tails of the jumps (1 to 3) and of the acceptance (-1e4 to -5).
    local_search: from every new best point, by finite differences at d + 1 passes a gradient.
    """

    temperature: float = 5230.0
    restart_ratio: float = 2e-5
    visit: float = 2.62
    accept: float = -5.0
    local_search: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        between("temperature", self.temperature, 0.01, 5e4, "(]")
        between("restart_ratio", self.restart_ratio, 0.0, 1.0, "()")
        between("visit", self.visit, 1.0, 3.0, "()")
        between("accept", self.accept, -1e4, -5.0, "(]")
        flag("local_search", self.local_search)

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> None:
        """Answer with the best point seen."""
        from scipy.optimize import Bounds, dual_annealing

        dual_annealing(
            bounded_value(objective), Bounds(*self.box(start)), x0=start, rng=rng, maxiter=NO_LIMIT, maxfun=np.inf,
            initial_temp=self.temperature, restart_temp_ratio=self.restart_ratio,
            visit=self.visit, accept=self.accept, no_local_search=not self.local_search,
        )  # fmt: skip
