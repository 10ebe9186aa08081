"""What identifies a run: plain data, whose digest is the run's key in a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..objective.objective import Objective
from ..recorder import Budget, Draws, Monitor
from .arms import Arm
from .describe import digest
from .measure import Measurement

# A stream a purpose: adding a purpose never shifts another. "split" is the bare seed, given to objective factories.
PURPOSES = {"start": 1, "noise": 2, "optimizer": 3, "global": 4}


def check_seed(seed: object) -> int:
    """Return the seed as an int; InvalidInputError unless it is an integer >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidInputError(f"seed must be an integer >= 0, got {seed!r}")
    return int(seed)


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose of a run: "start", "noise", "optimizer" or "global"."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSES[purpose],)))


@dataclass(frozen=True)
class RunSpec:
    """One run of a study: everything that decides its result.

    objective: at its nominal lambda. lam: as written (NaN without a penalty). start: a point (d,), or None to draw it
    from the seed, the same for every optimizer. start_key: the key of the run whose answer is the start, else "".
    """

    objective: Objective
    objective_label: str
    arm: Arm
    arm_label: str
    lam: float
    seed: int
    budget: Budget
    draws: Draws | None = None
    start: NDArray[np.float64] | None = None
    start_key: str = ""
    monitors: Mapping[str, Monitor | Measurement] = field(default_factory=dict)
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    kernel: str = "numpy"

    def description(self, digest_of: Callable[[Any], str] = digest, given: Objective | None = None) -> dict[str, Any]:
        """Return the described fields.

        ``given``: the objective before lambda was set, since lambda is a field of its own; ``digest_of`` may remember
        the digests of objects that many runs share.
        """
        further = {"measurements": digest_of(self.measurements)} if self.measurements else {}
        return {
            "objective": digest_of(self.objective if given is None else given),
            "labels": [self.objective_label, self.arm_label],
            "arm": digest_of(self.arm),
            "lam": self.lam,
            "seed": self.seed,
            "budget": digest_of(self.budget),
            "draws": digest_of(self.draws),
            "start": self.start_key or digest_of(self.start),
            "monitors": digest_of(self.monitors),
            "kernel": self.kernel,
            **further,
        }

    def key(self, digest_of: Callable[[Any], str] = digest, given: Objective | None = None) -> str:
        """Return the run's key, 64 hexadecimal digits; DescriptionError where something has no identity."""
        return digest(self.description(digest_of, given))
