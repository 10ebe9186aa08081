"""Runs counted from outside: the user's function notes every point it is called with."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import RunStopped
from optcompare.optimizers.base import Optimizer
from optcompare.recorder import Budget, Recorder


def bowl(theta: np.ndarray) -> float:
    """Strictly convex, its minimum 0 at (0.3, 0.3, ...), axes scaled 1 to 10."""
    scales = np.linspace(1.0, 10.0, theta.size)
    return float(scales @ (theta - 0.3) ** 2)


def bowl_gradient(theta: np.ndarray) -> np.ndarray:
    return 2.0 * np.linspace(1.0, 10.0, theta.size) * (theta - 0.3)


@dataclass
class CountedRun:
    """One run: the points evaluated in order, how it ended, and its answer."""

    points: list[np.ndarray] = field(default_factory=list)
    stopped: str = "FINISHED"
    answer: np.ndarray | None = None
    recorder: Any = None

    @property
    def bits(self) -> bytes:
        return np.array(self.points).tobytes()


def run_counted(
    optimizer: Optimizer,
    function: Callable[[np.ndarray], float] = bowl,
    *,
    start: Any = None,
    dim: int = 3,
    budget: Budget | float = 400,
    seed: int = 0,
    gradient: Callable[[np.ndarray], np.ndarray] | None = bowl_gradient,
) -> CountedRun:
    run = CountedRun()

    def counted(theta: np.ndarray) -> float:
        run.points.append(np.array(theta))
        return function(theta)

    objective = oc.function_objective(counted, dim=dim, gradient=gradient)
    run.recorder = Recorder(objective, budget)
    start = np.full(dim, 1.0) if start is None else np.asarray(start, dtype=float)
    try:
        answer = optimizer.minimize(run.recorder, start, np.random.default_rng(seed))
    except RunStopped as signal:
        run.stopped, answer = type(signal).__name__, run.recorder.recommended
    run.answer = run.recorder.best_theta if answer is None else answer
    return run


@pytest.fixture(name="run_counted")
def _run_counted() -> Callable[..., CountedRun]:
    return run_counted


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; afterwards, nothing global may have changed."""
    monkeypatch.chdir(tmp_path)
    np.random.seed(12345)
    root = logging.getLogger()
    before = (list(root.handlers), root.level, list(warnings.filters), np.geterr())
    yield tmp_path
    assert (list(root.handlers), root.level, list(warnings.filters), np.geterr()) == before
    state = np.random.get_state()
    assert np.array_equal(state[1], np.random.RandomState(12345).get_state()[1])
    assert state[2] == np.random.RandomState(12345).get_state()[2]
    assert Path.cwd() == tmp_path
    assert os.listdir(tmp_path) == []
