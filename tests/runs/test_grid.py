"""A grid of runs as a worker sees it: the kernel in a run's key is the kernel that serves."""

import functools
import pickle
import socket

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import MissingLibraryError
from optcompare.objective import kernels
from optcompare.runs import grid as grid_module
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


@pytest.mark.parametrize("kernel", ["auto", "numpy"])
def test_what_is_compiled_is_loaded_before_the_runs(kernel, monkeypatch):
    pytest.importorskip("numba")
    loaded = []
    monkeypatch.setattr(grid_module, "load_kernels", lambda: loaded.append("kernels"))
    monkeypatch.setattr(oc.optimizers.RandomSearch, "load_compiled", lambda self: loaded.append("optimizer"))
    grid = grid_of(kernel)
    grid.key(LABELS)
    pickle.loads(pickled(grid.work)).__self__.prepare()
    assert loaded == (["optimizer"] if kernel == "numpy" else ["kernels", "optimizer"])


def test_preparing_without_numba_is_left_to_the_runs(monkeypatch):
    grid = grid_of("numpy")
    grid.kernels["by seed", 5] = "numba"

    def missing():
        raise MissingLibraryError("no numba")

    monkeypatch.setattr(grid_module, "load_kernels", missing)
    grid.prepare()
