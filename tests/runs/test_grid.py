"""A grid of runs as a worker sees it: the kernel in a run's key is the kernel that serves."""

import functools
import pickle
import socket

import numpy as np
import pytest

import optcompare as oc
from optcompare.objective import kernels
from optcompare.runs.executors import pickled

LABELS = ("by seed", 0, "random_search", 5)


def grid_of(kernel="auto"):
    rng = np.random.default_rng(0)
    data = oc.Dataset.from_arrays(rng.standard_normal((20, 3)), np.arange(20) % 2, task="classification", test_size=0.0)
    return oc.Study(
        name="kernels",
        question="?",
        objectives={"by seed": lambda seed: oc.linear_objective(data, kernel=kernel)},
        optimizers=["random_search"],
        seeds=(5,),
        budget=20,
    ).grid()


def test_a_worker_without_numba_stores_nothing_under_a_key_that_says_numba(monkeypatch):
    pytest.importorskip("numba")
    grid = grid_of()
    key = grid.key(LABELS)
    assert grid.kernels == {("by seed", 5): "numba"}
    work = pickle.loads(pickled(grid.work))
    assert work((*LABELS, key))["status"] == "BUDGET"
    monkeypatch.setattr(kernels, "compiled_functions", functools.cache(lambda: None))  # as on another machine
    record = pickle.loads(pickled(grid.work))((*LABELS, key))
    assert (record["status"], record["key"], record["dim"]) == ("SKIPPED", key, 4)
    assert f"kernel is 'numba' where the study was started and 'numpy' on {socket.gethostname()}" in record["message"]
    assert "optcompare[fast]" in record["message"] and "best_value" not in record


def test_numpy_is_numpy_everywhere(monkeypatch):
    grid = grid_of("numpy")
    key = grid.key(LABELS)
    work = pickle.loads(pickled(grid.work))
    monkeypatch.setattr(kernels, "compiled_functions", functools.cache(lambda: None))
    assert work((*LABELS, key))["status"] == "BUDGET"
