"""Transfer of lambda from one arm to another: by formula where one exists, by a measured curve where not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, NoEquivalentLambdaError, unknown_name
from ..objective.conventions import check_lambda
from ..objective.objective import Objective
from ..objective.reference_path import match_on_path
from ..recorder import Budget, as_budget
from .arm_lambda import has_own_decay, lambda_formula
from .arms import Arm, Bare, as_arm
from .run import Run, minimize
from .spec import check_seed

Array = NDArray[np.float64]
SCALARS = ("norm", "loss")
WAYS = ("auto", "formula", "measured")
DECADES = 2.0  # the measured curve reaches this far to either side of the source's lambda ...
PER_DECADE = 2  # ... at so many lambdas a decade


@dataclass(frozen=True)
class Transfer:
    """The target's lambda for a source's lambda.

    lam: for the target, as written in the objective's penalty; lam_canonical the same, canonical. source_lam: as given.
    how: "formula", "measured" or "same arm". match: the scalar that was matched, "" by formula. reason: what it rests
    on.
    minimises: "" where both arms minimise the error plus an L2 penalty; else what the arm that does not minimises, or
    why that is not known, and then ``lam`` matches one scalar and no more. interval: least and largest lambda over the
    seeds. wanted: the source's scalar, a median over seeds. cost: passes spent on finding lam, in n_runs runs.
    lambdas (m,), scalars (m,): the measured curve of the target, medians over seeds (NaN where a run failed).
    """

    lam: float
    lam_canonical: float
    source_lam: float
    source: str
    target: str
    how: str
    match: str
    reason: str
    minimises: str = ""
    interval: tuple[float, float] = (math.nan, math.nan)
    wanted: float = math.nan
    cost: float = 0.0
    n_runs: int = 0
    lambdas: tuple[float, ...] = field(default=(), repr=False)
    scalars: tuple[float, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        spent = f"{self.cost:.4g} passes in {self.n_runs} runs" if self.n_runs else "nothing was run"
        lines = [f"lambda {self.source_lam:.6g} of {self.source!r} is lambda {self.lam:.6g} for {self.target!r}"]
        if self.how == "measured":
            low, high = self.interval
            lines.append(f"  measured: the same {self.match} {self.wanted:.6g}; over seeds {low:.4g} to {high:.4g}")
        lines += [f"  {self.how}: {self.reason}", f"  calibration: {spent}"]
        if self.minimises:
            lines.append(f"  only the {self.match} is matched: {self.minimises}")
        return "\n".join(lines)


def transfer_lambda(
    lam: float,
    source: object,
    target: object,
    objective: Objective,
    budget: Budget | float,
    *,
    seeds: Iterable[int] = range(3),
    match: str = "norm",
    how: str = "auto",
    lambdas: Sequence[float] | None = None,
) -> Transfer:
    """Return the lambda under which ``target`` gives what ``lam`` gives under ``source``, on this objective.

    source, target: a name, an Optimizer, an arm (oc.InError, oc.InUpdate) or a function; a bare optimizer means
    InError. lam, lambdas: as written in the objective's penalty. how: "formula" is free and holds where both converge
    within their budget (on minibatches: in the mean, at a small rate); "measured" runs the source at ``lam`` and the
    target at ``lambdas`` (None: two decades to either side, two a decade), on every seed at ``budget``, and finds by
    interpolation in log-log where the target's |w| (match="norm") or training loss ("loss") is the source's; "auto"
    takes the formula where there is one. The answer is the median over seeds, and its cost counts every run made.

    Raises NoEquivalentLambdaError where how="formula" has none (the text says what is minimised instead), for the 0-1
    loss of a linear model, for oc.Bare, and where no lambda of the curve reaches the scalar; InvalidInputError for an
    objective without a penalty and other wrong input.
    """
    arms = as_arm(source), as_arm(target)
    if match not in SCALARS:
        raise unknown_name("scalar to match", match, SCALARS)
    if how not in WAYS:
        raise unknown_name("way to transfer", how, WAYS)
    strength, run_seeds = check_lambda(lam), _checked_seeds(seeds)
    _check_has_lambda(objective, arms, strength)
    found = None if how == "measured" else _by_formula(strength, arms, objective, how)
    return found or _measured(strength, arms, objective, as_budget(budget), run_seeds, match, lambdas)


def _checked_seeds(seeds: Iterable[int]) -> list[int]:
    checked = [check_seed(seed) for seed in seeds]
    if not checked:
        raise InvalidInputError("seeds is empty: give at least one")
    return checked


def _check_has_lambda(objective: Objective, arms: Sequence[Arm], lam: float) -> None:
    """Refuse what has no lambda at all, before anything runs."""
    if not isinstance(objective, Objective):
        raise InvalidInputError(f"objective must be an Objective (oc.linear_objective ...), got {objective!r:.100}")
    at_lam = objective.with_lambda(lam)  # raises where there is no penalty, or a constraint
    loss = getattr(objective, "loss_function", None)
    if getattr(loss, "name", "") == "zero_one" and not objective.model.hidden:  # type: ignore[attr-defined]
        raise NoEquivalentLambdaError(
            "no lambda means anything on the 0-1 loss of a linear model: scaling (w, b) leaves the error as it is and "
            "takes the penalty away, so that w -> 0 for every lambda > 0. Use loss='ramp', which has a margin"
        )
    for arm in arms:
        if isinstance(arm, Bare):
            raise NoEquivalentLambdaError(
                f"{arm.label!r} is given no lambda at all, neither in the error nor in the update: there is none to "
                "carry over. For the L2 lambda that one of its answers looks like, use oc.matched_lambda"
            )
        if arm.optimizer.needs_gradient and not objective.has_gradient:
            raise InvalidInputError(
                f"{arm.label!r} needs a gradient and {objective.name} has none: choose a direct-error optimizer"
            )
        arm.bind(at_lam)  # raises where decay cannot stand for the penalty


def _by_formula(lam: float, arms: tuple[Arm, Arm], objective: Objective, how: str) -> Transfer | None:
    """Return the formula's answer; None where there is none and it may be measured."""
    labels = arms[0].label, arms[1].label
    canonical = objective.with_lambda(lam).lam_canonical
    if arms[0] == arms[1] or (lam == 0.0 and not any(has_own_decay(arm) for arm in arms)):
        why = "source and target are the same arm" if lam else "lambda = 0 is no penalty and no decay, in any arm"
        return Transfer(lam, canonical, lam, *labels, "same arm" if lam else "formula", "", why, interval=(lam, lam))
    try:
        formulas = [lambda_formula(arm, objective) for arm in arms]
    except NoEquivalentLambdaError:
        if how == "formula":
            raise
        return None
    effective = formulas[0].to_effective(canonical)
    nominal = formulas[1].to_nominal(effective)
    if not math.isfinite(nominal):
        raise NoEquivalentLambdaError(
            f"no decay below 1 a step gives {labels[1]!r} the L2 lambda {effective:g}: give it a smaller learning_rate"
        )
    written = lam * (nominal / canonical)
    texts = dict.fromkeys(formula.text for formula in formulas)
    reason = f"L2 lambda {effective:.6g} (canonical) in both; " + "; ".join(texts)
    return Transfer(written, nominal, lam, *labels, "formula", "", reason, interval=(written, written))


def _measured(
    lam: float, arms: tuple[Arm, Arm], objective: Objective, budget: Budget, seeds: Sequence[int], match: str,
    lambdas: Sequence[float] | None,
) -> Transfer:  # fmt: skip
    """Run source and target, and read the target's curve at the source's scalar."""
    grid = _grid(lam, lambdas)
    wanted, scalars = np.full(len(seeds), np.nan), np.full((len(seeds), len(grid)), np.nan)
    cost, failures = 0.0, ""
    for row, seed in enumerate(seeds):
        runs = [minimize(objective.with_lambda(lam), arms[0], budget=budget, seed=seed)]
        if runs[0].status.is_failure:
            raise InvalidInputError(
                f"{arms[0].label!r} at lambda = {lam:g} ended as {runs[0].status} (seed {seed}): {runs[0].message} "
                "There is nothing to match"
            )
        runs += [minimize(objective.with_lambda(float(step)), arms[1], budget=budget, seed=seed) for step in grid]
        wanted[row], *scalars[row] = [_scalar(run, match) for run in runs]
        cost += sum(run.cost for run in runs)
        failures = next((run.message for run in runs if run.status.is_failure), failures)
    matched = np.array([_match(grid, curve, match, one) for curve, one in zip(scalars, wanted)])
    middle = _log_median(matched)
    if not (math.isfinite(middle) and middle > 0.0):
        raise NoEquivalentLambdaError(_unreachable(arms, match, wanted, grid, scalars, budget, failures))
    return Transfer(
        middle, objective.with_lambda(middle).lam_canonical, lam, arms[0].label, arms[1].label, "measured", match,
        f"{len(grid)} lambdas x {len(seeds)} seeds of the target at {_budget_text(budget)}",
        _why_no_formula(arms, objective), (float(np.nanmin(matched)), float(np.nanmax(matched))),
        float(np.median(wanted)), cost, len(seeds) * (1 + len(grid)), tuple(grid.tolist()), _medians(scalars),
    )  # fmt: skip


def _grid(lam: float, lambdas: Sequence[float] | None) -> Array:
    if lambdas is None:
        if lam == 0.0:
            raise InvalidInputError("a curve around lambda = 0 has no scale: give lambdas=[...] for the target")
        return lam * 10.0 ** np.linspace(-DECADES, DECADES, int(2 * DECADES * PER_DECADE) + 1)
    grid = np.unique([check_lambda(step) for step in lambdas])
    if len(grid) < 2 or grid[0] <= 0.0:
        raise InvalidInputError(f"lambdas must be two or more different numbers > 0, got {list(lambdas)!r:.200}")
    return grid


def _scalar(run: Run, match: str) -> float:
    return math.nan if run.status.is_failure else run.measurements[match]


def _match(grid: Array, curve: Array, match: str, wanted: float) -> float:
    usable = np.isfinite(curve) & (curve > 0.0)
    if usable.sum() < 2:
        return math.nan
    path = grid[usable], curve[usable], curve[usable]
    return float(match_on_path(path, norm=wanted) if match == "norm" else match_on_path(path, loss=wanted))


def _log_median(matched: Array) -> float:
    """Return the median of log lambda, as a lambda; 0 and inf (out of the curve's reach) are ordered with the rest."""
    known = np.sort(matched[~np.isnan(matched)])
    if not len(known) or 2 * len(known) <= len(matched):
        return math.nan
    low, high = float(known[(len(known) - 1) // 2]), float(known[len(known) // 2])
    return low if low == high else math.sqrt(low) * math.sqrt(high)


def _medians(scalars: Array) -> tuple[float, ...]:
    return tuple(float(np.median(column)) for column in scalars.T)


def _why_no_formula(arms: Sequence[Arm], objective: Objective) -> str:
    """Return what the arms minimise instead of an L2 penalty; "" where both have a formula."""
    for arm in arms:
        try:
            lambda_formula(arm, objective)
        except NoEquivalentLambdaError as error:
            return str(error)
    return ""


def _unreachable(
    arms: Sequence[Arm], match: str, wanted: Array, grid: Array, scalars: Array, budget: Budget, failures: str
) -> str:
    found = np.array(_medians(scalars))
    seen = found[np.isfinite(found)]
    reach = f"reaches {seen.min():.4g} to {seen.max():.4g}" if len(seen) else "left no answer that could be measured"
    return (
        f"no lambda from {grid[0]:.3g} to {grid[-1]:.3g} gives {arms[1].label!r} the {match} {np.median(wanted):.4g} "
        f"of {arms[0].label!r}: at {_budget_text(budget)} it {reach}. Give other lambdas=[...] or a larger budget; or "
        f"there is none{f'. Some runs failed: {failures}' if failures else ''}"
    )


def _budget_text(budget: Budget) -> str:
    if budget.evaluations is not None:
        return f"{budget.evaluations:g} passes"
    if budget.per_dimension is not None:
        return f"{budget.per_dimension:g} (d + 1) passes"
    return f"{budget.seconds:g} s"
