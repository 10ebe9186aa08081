"""One run: a RunSpec in, a Run out, whatever happens in between."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import socket
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import (
    BudgetExhausted,
    Diverged,
    InvalidInputError,
    MissingLibraryError,
    RunStopped,
    TargetReached,
)
from ..objective.layout import Vector
from ..objective.objective import Objective
from ..recorder import Budget, Draws, Monitor, Recorder, Trace, as_budget
from .arms import Arm, InError, as_arm
from .measure import (
    Measurement,
    bound_monitors,
    count_at_bounds,
    final_measurements,
    further_measurements,
    isolated,
    kernel_libraries,
    versions,
)
from .spec import RunSpec, check_seed, stream
from .status import Status as Status


@dataclass(frozen=True)
class Run:
    """What one run gave.

    theta: the answer: what the optimizer returned, else its last recommendation, else the best point it was shown (the
    start where it was shown nothing). best_theta, best_value: the best point shown and its recomputed noise-free
    value, bit for bit ``objective.value(best_theta)``; None and NaN where there is none. Counts in passes;
    ``measurements``: see ``final_measurements``, taken at theta; ``extras``: the study's own, and on a noisy objective
    ``best_shown``, the value that best_theta had when it was shown: what a lucky draw flatters.
    """

    status: Status
    message: str
    theta: Vector
    best_theta: Vector | None
    best_value: float
    n_values: float
    n_gradients: float
    cost: float
    seconds: float
    n_nonfinite: int
    n_at_bounds: int
    trace: Trace
    measurements: Mapping[str, float]
    versions: Mapping[str, str]
    extras: Mapping[str, float | None] = field(default_factory=dict)
    traceback: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return (
            f"<run {self.status}: {self.message or self.status.sentence} best value {self.best_value:.6g}, "
            f"{self.n_values:g} values + {self.n_gradients:g} gradients, {self.seconds:.2f} s>"
        )


def minimize(
    objective: Objective,
    optimizer: object,
    *,
    budget: Budget | float,
    seed: int = 0,
    start: ArrayLike | None = None,
    draws: Draws | None = None,
    monitors: Mapping[str, Monitor | Measurement] | None = None,
) -> Run:
    """Minimize an objective once and return the :class:`Run`.

    ``optimizer``: a name (``optcompare list``), an Optimizer, an arm (InError, InUpdate), or a function f(objective,
    start, rng) returning theta or None. ``budget``: a number of passes or a Budget. ``start``: a point (d,), default
    drawn from the seed. ``draws``: how an objective's noise is drawn: Redraw("call"), Redraw("row") or Frozen(copies).
    ``monitors``: label -> function of theta, or of (objective, theta), measured along the trace.

    The same arguments give the same bits. An exception of the objective or the optimizer ends the run with status
    FAILED; InvalidInputError is raised.
    """
    if not isinstance(objective, Objective):
        raise InvalidInputError(
            f"objective must come from linear_objective, mlp_objective or function_objective, got {objective!r}"
        )
    arm = as_arm(optimizer)
    point = None if start is None else _checked_start(start, objective)
    spec = RunSpec(
        objective=objective,
        objective_label=objective.name,
        arm=arm,
        arm_label=arm.label,
        lam=objective.lam,
        seed=check_seed(seed),
        budget=as_budget(budget),
        draws=draws,
        start=point,
        monitors=dict(monitors or {}),
        kernel=objective.kernel,
    )
    if reason := lacks_gradient(arm, objective):
        raise InvalidInputError(reason)
    run = run_one(spec)
    if isinstance(run.error, InvalidInputError):
        raise run.error
    return run


def lacks_gradient(arm: Arm, objective: Objective) -> str:
    """Return why the arm cannot run on the objective for want of a gradient, or ""."""
    if objective.has_gradient or not arm.optimizer.needs_gradient:
        return ""
    return (
        f"{arm.optimizer.name} needs a gradient and {objective.name} has none: use an optimizer that needs none "
        "(optcompare list), or give the objective a gradient (function_objective(gradient=...), another loss, or no "
        "feature that disturbs the value)"
    )


def _checked_start(start: ArrayLike, objective: Objective) -> Vector:
    point = np.array(start, dtype=np.float64)
    if point.shape != (objective.dim,) or not np.isfinite(point).all():
        raise InvalidInputError(f"start must be {objective.dim} finite numbers, got shape {point.shape}: {start!r}")
    return point


def run_one(spec: RunSpec) -> Run:
    """Execute a spec; only KeyboardInterrupt gets out."""
    rng_start = stream(spec.seed, "start")
    start = spec.objective.start(rng_start) if spec.start is None else np.array(spec.start)
    spec = dataclasses.replace(spec, objective=spec.objective.started_at(start))
    minimized, optimizer = spec.arm.bind(spec.objective)
    start = minimized.project(start)
    with contextlib.suppress(MissingLibraryError):  # the run itself will say so
        minimized.prepare()
    optimizer.load_compiled()
    _warn_of_two_lambdas(spec)
    with isolated(stream(spec.seed, "global")):
        monitors = bound_monitors(spec.monitors, spec.objective)
        recorder = Recorder(minimized, spec.budget, spec.draws, stream(spec.seed, "noise"), monitors)
        status, message, details, error, answer = Status.FINISHED, "", "", None, None
        if reason := lacks_gradient(spec.arm, minimized):
            outcome = (Status.SKIPPED, reason, "", None)
            return _concluded(spec, minimized, recorder, start, None, recorder.seconds, outcome)
        try:
            answer = _as_answer(
                optimizer.minimize(recorder, np.array(start), stream(spec.seed, "optimizer")), minimized
            )
            if recorder.stopped is not None:  # an optimizer that swallowed the signal
                raise recorder.stopped
        except RunStopped as signal:
            status, message = _status_of(signal), str(signal)
        except MissingLibraryError as missing:
            status, message = Status.SKIPPED, str(missing)
        except (Exception, SystemExit) as raised:  # the one broad except: a failure is data
            error = recorder.error or raised
            status, message = Status.FAILED, f"{type(error).__name__}: {error}"
            details = "".join(traceback.format_exception(error))
        seconds = recorder.seconds
        return _concluded(spec, minimized, recorder, start, answer, seconds, (status, message, details, error))


def _concluded(
    spec: RunSpec,
    minimized: Objective,
    recorder: Recorder,
    start: Vector,
    answer: Vector | None,
    seconds: float,
    outcome: tuple[Status, str, str, BaseException | None],
) -> Run:
    """Take the final measurements; an objective that raises here as well leaves them NaN."""
    status, message, details, error = outcome
    theta = next(point for point in (answer, recorder.recommended, recorder.best_theta, start) if point is not None)
    theta = np.array(minimized.project(theta))
    best_value, measurements, extras = math.nan, {}, {}
    n_at_bounds = 0
    try:
        recorder.finish()
        if recorder.best_theta is not None:
            best_value = minimized.value(recorder.best_theta)
        measurements = final_measurements(spec.objective, theta)
        if status is Status.SKIPPED:  # the start is nobody's answer
            measurements, extras = dict.fromkeys(measurements, math.nan), dict.fromkeys(spec.measurements)
        else:
            extras = further_measurements(spec.measurements, spec.objective, theta)
        n_at_bounds = count_at_bounds(spec.arm.optimizer, start, theta)
        if minimized.is_noisy:
            extras["best_shown"] = recorder.best_shown if math.isfinite(recorder.best_shown) else None
    except Exception as raised:
        if status is not Status.FAILED:
            error, details = raised, "".join(traceback.format_exception(raised))
            status, message = Status.FAILED, f"while measuring the answer: {type(raised).__name__}: {raised}"
    return Run(
        status=status,
        message=message,
        theta=theta,
        best_theta=recorder.best_theta,
        best_value=best_value,
        n_values=recorder.n_values,
        n_gradients=recorder.n_gradients,
        cost=recorder.cost,
        seconds=seconds,
        n_nonfinite=recorder.n_nonfinite,
        n_at_bounds=n_at_bounds,
        trace=recorder.trace,
        measurements=measurements,
        versions=versions((*spec.arm.optimizer.requires, *kernel_libraries(spec.kernel))),
        extras=extras,
        traceback=details,
        error=error,
    )


def _as_answer(returned: Any, objective: Objective) -> Vector | None:
    """Check what an optimizer returned: None or a vector (d,). Raises Diverged where a number is not finite."""
    if returned is None:
        return None
    answer = np.array(returned, dtype=np.float64)
    if answer.shape != (objective.dim,):
        raise InvalidInputError(
            f"an optimizer returns theta of shape ({objective.dim},) or None, got shape {answer.shape}"
        )
    if not np.isfinite(answer).all():
        raise Diverged("the optimizer returned an answer that is not finite")
    return answer


def _status_of(signal: RunStopped) -> Status:
    if isinstance(signal, TargetReached):
        return Status.TARGET
    if isinstance(signal, Diverged):
        return Status.DIVERGED
    assert isinstance(signal, BudgetExhausted)
    return Status.BUDGET


def _warn_of_two_lambdas(spec: RunSpec) -> None:
    """Warn of decay in the update on top of a penalty in the error."""
    decay = getattr(spec.arm.optimizer, "decay", 0.0)
    if isinstance(spec.arm, InError) and decay != 0 and spec.objective.lam_canonical > 0:
        warnings.warn(
            f"{spec.arm_label} has decay={decay!r} and the error has a penalty (lambda = {spec.objective.lam:g}): "
            "the two add up. Use objective.without_penalty() for decay alone.",
            stacklevel=4,
        )


def to_record(spec: RunSpec, run: Run, study: str, key: str) -> dict[str, Any]:
    """Return the stored form of a run: one flat dict, see ``store.py``."""
    objective = spec.objective
    return {
        "study": study,
        "key": key,
        "objective": spec.objective_label,
        "dataset": objective.dataset_name,
        "lam": spec.lam,
        "lam_canonical": objective.lam_canonical,
        "optimizer": spec.arm_label,
        "seed": spec.seed,
        "status": str(run.status),
        "message": run.message,
        "traceback": run.traceback,
        "best_value": run.best_value,
        **run.measurements,
        "n_values": run.n_values,
        "n_gradients": run.n_gradients,
        "cost": run.cost,
        "gradient_price": spec.budget.gradient_price,
        "budget": spec.budget.passes(objective.dim),
        "seconds": run.seconds,
        "dim": objective.dim,
        "n_samples": objective.n_samples,
        "n_nonfinite": run.n_nonfinite,
        "n_at_bounds": run.n_at_bounds,
        "host": socket.gethostname(),
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": json.dumps(dict(run.versions), sort_keys=True),
        "extras": json.dumps(dict(run.extras), sort_keys=True),
        "theta": run.theta,
        "best_theta": run.best_theta,
        "trace": run.trace.to_array(),
        "trace_columns": json.dumps(list(run.trace.columns)),
    }
