"""Checks of an optimizer as a thing that is stored and sent: identity, travel."""

from __future__ import annotations

from typing import Any

from ..errors import DescriptionError, OptcompareError
from ..optimizers.base import Optimizer
from ..runs.describe import digest
from ..runs.executors import ProcessExecutor, pickled
from .trial import Broken, bowl, run_of

TRAVEL_LIMIT = 60.0  # seconds


def identity(optimizer: Optimizer, is_quick: bool) -> str:
    """A study can tell it from others: it is described by its options and its code."""
    try:
        return f"described by its options and code as {digest(optimizer)[:12]}"
    except DescriptionError as error:
        raise Broken(
            f"a store cannot tell its runs from others: {error}",
            "use only functions that stand in files, and options that are numbers, texts, arrays or functions",
        ) from None


def fingerprint(optimizer: Optimizer) -> str:
    """Return a digest of one run's bits."""
    run = run_of(optimizer, bowl(), 60, seed=5)
    return digest([str(run.status), run.message, run.theta, run.best_value, run.n_values, run.n_gradients])


class _Fingerprint:
    """Work for another process."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def __call__(self, task: tuple[Any, ...]) -> Any:
        return fingerprint(self.optimizer)


def travel(optimizer: Optimizer, is_quick: bool) -> str:
    """It can be sent to another process, and gives the same bits there."""
    advice = "keep no open file, lock, thread or generator in an option, a default or a module variable"
    try:
        work = pickled(_Fingerprint(optimizer))
    except Exception as error:
        raise Broken(f"it cannot be pickled: {type(error).__name__}: {error}", advice) from None
    found: list[Any] = []
    try:
        ProcessExecutor(1).run(work, [("travel",)], lambda task, made: found.append(made), run_timeout=TRAVEL_LIMIT)
    except OptcompareError as error:
        raise Broken(f"another process could not load it: {error}", advice) from None
    if not isinstance(found[0], str):
        raise Broken(f"in another process: {found[0].message}", advice)
    if found[0] != fingerprint(optimizer):
        raise Broken(
            "another process gave other bits for the same seed",
            "nothing may depend on the process: no hash(), no order of a set of texts, no id(), no module variable",
        )
    return f"{len(work)} bytes; another process gives the same bits"
