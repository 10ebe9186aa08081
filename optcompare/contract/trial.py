"""What the checks share: the objectives that an optimizer is tried on, one call of it, and how a breach is told."""

from __future__ import annotations

import math
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..objective.builders import function_objective
from ..objective.layout import Vector
from ..objective.objective import Objective
from ..objective.penalties import L2, Penalty
from ..optimizers.base import FunctionOptimizer, Optimizer
from ..recorder import Draws, Recorder, as_budget
from ..runs.arms import InError
from ..runs.run import Run, run_one
from ..runs.spec import RunSpec

ENDED = ("BUDGET", "FINISHED")
MOST_LATE_CALLS = 100  # after the purse is empty, before an optimizer that goes on is stopped by force
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Finding:
    """What one check found: whether the contract is kept, what was measured, and what to do where it is not."""

    check: str
    is_kept: bool
    measured: str
    advice: str = ""


class Broken(Exception):
    """The contract is not kept: what was measured, and what to do about it."""

    def __init__(self, measured: str, advice: str) -> None:
        super().__init__(measured)
        self.measured = measured
        self.advice = advice


def bowl(
    dim: int = 4,
    *,
    calls: list[Vector] | None = None,
    function: Callable[[Vector], float] | None = None,
    penalty: Penalty | None = None,
    is_weight: Any = None,
    has_gradient: bool = True,
) -> Objective:
    """Return sum_j (theta_j - 1)^2 + L2(0.1), or ``function`` in place of the sum; ``calls`` collects what is asked."""
    asked: list[Vector] = [] if calls is None else calls

    def f(theta: Vector) -> float:
        asked.append(np.array(theta))
        return float(((theta - 1) ** 2).sum()) if function is None else function(theta)

    gradient = (lambda theta: 2 * (theta - 1)) if has_gradient else None
    kept = L2(0.1) if penalty is None else penalty
    return function_objective(f, dim=dim, gradient=gradient, penalty=kept, is_weight=is_weight, name="bowl")


def run_of(
    optimizer: Optimizer,
    objective: Objective,
    budget: Any,
    *,
    seed: int = 0,
    start: Vector | None = None,
    draws: Draws | None = None,
) -> Run:
    """Return one run as a study makes it."""
    arm = InError(optimizer)
    spec = RunSpec(
        objective=objective,
        objective_label=objective.name,
        arm=arm,
        arm_label=arm.label,
        lam=objective.lam,
        seed=seed,
        budget=as_budget(budget),
        draws=draws,
        start=start,
    )
    with _without_the_warning_of_two_lambdas():
        return run_one(spec)


@contextmanager
def _without_the_warning_of_two_lambdas() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*the two add up", category=UserWarning)
        yield


class _GoesOn(BaseException):
    """Ends an optimizer that does not stop asking."""


class _WatchedRecorder(Recorder):
    """A Recorder that counts the calls made after it has ended the run."""

    n_late = 0

    def value(self, theta: Any) -> float:
        self._watch()
        return super().value(theta)

    def values(self, thetas: Any) -> Any:
        self._watch()
        return super().values(thetas)

    def value_and_gradient(self, theta: Any) -> Any:
        self._watch()
        return super().value_and_gradient(theta)

    def value_and_loss_gradient(self, theta: Any) -> Any:
        self._watch()
        return super().value_and_loss_gradient(theta)

    def _watch(self) -> None:
        self.n_late += self.stopped is not None
        if self.n_late > MOST_LATE_CALLS:
            raise _GoesOn


@dataclass(frozen=True)
class Trial:
    """One bare call of ``minimize``, without what a run does around it: the answer as it was returned, or the error."""

    recorder: _WatchedRecorder
    answer: Any
    error: BaseException | None
    start: Vector

    @property
    def is_ended_by_purse(self) -> bool:
        """Whether the recorder ended it."""
        return self.recorder.stopped is not None


def trial(
    optimizer: Optimizer,
    objective: Objective,
    budget: Any,
    *,
    rng: np.random.Generator | None = None,
    start: Vector | None = None,
    within: AbstractContextManager[object] | None = None,
) -> Trial:
    """Call ``minimize`` once on a recorder; the start defaults to a fixed draw, rng to a fixed seed."""
    recorder = _WatchedRecorder(objective, as_budget(budget))
    given = np.array(objective.start(np.random.default_rng(2)) if start is None else start)
    stream = np.random.default_rng(3) if rng is None else rng
    answer, error = None, None
    with np.errstate(all="ignore"), within or nullcontext():
        try:
            answer = optimizer.minimize(recorder, given, stream)
        except (Exception, SystemExit, _GoesOn) as raised:
            error = raised
    return Trial(recorder, answer, error, given)


INFINITIES = (
    "a value may be inf (NaN is shown as inf): inf - inf and 0 * inf are NaN; test np.isfinite(value) before you "
    "compute with it, and return None for the best point seen, which is always finite"
)


def expect_ended(run: Run, where: str, allowed: tuple[str, ...] = ENDED, advice: str = "") -> None:
    """Raise Broken unless the run ended by its own rule or by the purse, with a finite answer."""
    if str(run.status) not in allowed:
        raise Broken(f"{where}: {run.status}, {run.message}{place_of(run.error)}", advice or _advice_on(run))
    if not np.isfinite(run.theta).all():
        raise Broken(f"{where}: the answer is not finite ({run.theta[:3]} ...)", INFINITIES)


def _advice_on(run: Run) -> str:
    error = run.error
    if isinstance(error, SystemExit):
        return "do not end the program: return the answer, or None for the best point seen"
    if str(run.status) == "SKIPPED":
        return "install what it needs, or give it what it says, and check again"
    if str(run.status) == "DIVERGED":
        return "a step left the finite numbers on a plain bowl: take smaller steps by default"
    return "find out why at that line; every error that leaves minimize makes a FAILED row in a study"


def place_of(error: BaseException | None) -> str:
    """Return " (file, line N, in function)" of the innermost line that is not optcompare's own, or ""."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    for frame in reversed(frames):
        path = Path(frame.filename)
        if _PACKAGE not in path.parents and "site-packages" not in path.parts and frame.filename[0] != "<":
            return f" ({path.name}, line {frame.lineno}, in {frame.name})"
    return ""


def is_same_run(one: Run, other: Run) -> str:
    """Return "" where two runs have the same bits, clocks apart, or what differs first."""
    if (one.status, one.n_values, one.n_gradients) != (other.status, other.n_values, other.n_gradients):
        counts = [
            f"{run.status} after {run.n_values:g} values and {run.n_gradients:g} gradients" for run in (one, other)
        ]
        return " and ".join(counts)
    if not _is_same(one.theta, other.theta):
        return f"the answers {_short(one.theta)} and {_short(other.theta)}"
    if not _is_same(one.best_theta, other.best_theta) or not _is_same(one.best_value, other.best_value):
        return f"the best values {one.best_value:.17g} and {other.best_value:.17g}"
    clock = one.trace.columns.index("seconds")
    traces = [np.delete(run.trace.to_array(), clock, axis=1) for run in (one, other)]
    return "" if _is_same(*traces) else "the same answers, but other points on the way"


def _is_same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other, equal_nan=True))


def _short(theta: Vector) -> str:
    return np.array2string(theta[:3], precision=6) + (" ..." if len(theta) > 3 else "")


def title_of(optimizer: Optimizer) -> str:
    """Return what to call it: the class's or the function's name."""
    if isinstance(optimizer, FunctionOptimizer):
        return str(getattr(optimizer.function, "__name__", "the function"))
    return type(optimizer).__name__


def gap(value: float, other: float) -> bool:
    """Whether ``value`` is worse than ``other`` by more than rounding."""
    return math.isfinite(other) and not value <= other + 1e-9 * (1.0 + abs(other))
