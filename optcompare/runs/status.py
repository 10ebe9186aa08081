"""How a run ended."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a run ended; each has a sentence for reports."""

    FINISHED = "FINISHED"
    TARGET = "TARGET"
    BUDGET = "BUDGET"
    DIVERGED = "DIVERGED"
    TIMEOUT = "TIMEOUT"
    CRASHED = "CRASHED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"

    @property
    def sentence(self) -> str:
        """What the status means, as a sentence."""
        return _SENTENCES[self]

    @property
    def is_failure(self) -> bool:
        """Whether the run counts as unsolved, whatever its values."""
        return self not in (Status.FINISHED, Status.TARGET, Status.BUDGET)


_SENTENCES = {
    Status.FINISHED: "The optimizer stopped by its own rule.",
    Status.TARGET: "The target was reached.",
    Status.BUDGET: "The budget was spent.",
    Status.DIVERGED: "A gradient or an answer was no longer finite.",
    Status.TIMEOUT: "The run was killed at its time limit.",
    Status.CRASHED: "The process of the run died.",
    Status.FAILED: "The optimizer or the objective raised an error.",
    Status.SKIPPED: "The run could not be made: a gradient or a library that it needs is missing.",
}
