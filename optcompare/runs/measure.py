"""What surrounds a run: pinned BLAS, a private global random state, versions, final measurements."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import math
import platform
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..objective.layout import Vector
from ..objective.meter import implied_lambda
from ..objective.objective import Objective
from ..optimizers.base import Optimizer
from ..recorder import Monitor

Measurement = Callable[[Objective, Vector], float]


@functools.cache
def _blas() -> Any:
    """Return the controller of every BLAS in this process; scipy's is another than numpy's."""
    import scipy.linalg  # noqa: F401 - loads scipy's own OpenBLAS before it is looked for
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def isolated(rng: np.random.Generator) -> Iterator[None]:
    """Run with one BLAS thread, quiet overflow, and global random states seeded from ``rng`` and put back after."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - kept for the caller
    seed = int(rng.integers(2**32))
    np.random.seed(seed)  # noqa: NPY002 - a user's function may draw from it
    random.seed(seed)
    try:
        with _blas().limit(limits=1, user_api="blas"), np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


@functools.cache
def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of Python and of the named distributions."""
    found = {"python": platform.python_version()}
    for name in ("optcompare", "numpy", "scipy", *distributions):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def kernel_libraries(kernel: str) -> tuple[str, ...]:
    """Return the distributions that a kernel's bits depend on, besides numpy and scipy."""
    return ("numba", "llvmlite") if kernel == "numba" else ()


def bound_monitors(monitors: Mapping[str, Monitor | Measurement], objective: Objective) -> dict[str, Monitor]:
    """Return the monitors as functions of theta; those of (objective, theta) are given the objective."""
    return {name: _bound(monitor, objective) for name, monitor in monitors.items()}


def _bound(monitor: Any, objective: Objective) -> Monitor:
    try:
        parameters = inspect.signature(monitor).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return monitor
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.kind in places and one.default is one.empty]
    return functools.partial(monitor, objective) if len(needed) == 2 else monitor


def further_measurements(
    measurements: Mapping[str, Measurement], objective: Objective, theta: Vector
) -> dict[str, float | None]:
    """Take a study's own measurements of an answer; what is not finite is None, which reads as NaN from a store."""
    taken = {name: float(measure(objective, theta)) for name, measure in measurements.items()}
    return {name: value if math.isfinite(value) else None for name, value in taken.items()}


def final_measurements(objective: Objective, theta: Vector) -> dict[str, float]:
    """Measure an answer against the objective at its nominal lambda, noise-free and off the purse.

    Keys: loss, penalty_value, regularized_error (their sum), norm, implied_lambda, angle, is_identified, bias_gradient,
    validation_loss, test_loss, test_error. Test figures hold no penalty.
    """
    loss, penalty = objective.loss(theta), objective.penalty_value(theta)
    reading = implied_lambda(objective, theta)
    return {
        "loss": loss,
        "penalty_value": penalty,
        "regularized_error": loss + penalty,
        "norm": objective.norm(theta),
        "implied_lambda": reading.value,
        "angle": reading.angle,
        "is_identified": float(reading.identified),
        "bias_gradient": reading.bias_gradient,
        "validation_loss": objective.validation_loss(theta),
        "test_loss": objective.test_loss(theta),
        "test_error": objective.test_error(theta),
    }


def count_at_bounds(optimizer: Optimizer, start: Vector, theta: Vector) -> int:
    """Return how many coordinates of the answer press against the optimizer's box (within 1e-3 of its width)."""
    box = optimizer.box(start)
    if box is None:
        return 0
    lower, upper = box
    margin = 1e-3 * (upper - lower)
    return int(((theta <= lower + margin) | (theta >= upper - margin)).sum())
