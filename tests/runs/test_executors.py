"""Executors: a bad run is one row, the others stand, and nothing outlives the driver."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import numpy as np
import pytest

from optcompare.errors import InvalidInputError, OptcompareError
from optcompare.runs.executors import DaskExecutor, Executor, ProcessExecutor, RunFailure, SerialExecutor, pickled

OFFSET = 100  # a global of this module, which no worker can import


def behave(task):
    """Do what the task's name says."""
    import ctypes

    name, number = task
    if name == "exit 0":
        os._exit(0)
    if name == "exit 3":
        os._exit(3)
    if name == "sys.exit":
        sys.exit(2)
    if name == "segfault":
        ctypes.string_at(0)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "raise":
        raise RuntimeError("out of the work")
    if name == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    if name == "native":  # holds the interpreter's lock and never returns
        ctypes.PyDLL(None).pause()
    if name == "orphans":  # dies, and leaves a process that keeps its socket open
        if os.fork():
            os._exit(5)
        time.sleep(60)
    return {"number": number + OFFSET, "pid": os.getpid()}


def collect(executor, tasks, work=behave, **options):
    done = {}

    def on_done(task, outcome):
        assert task not in done
        done[task] = outcome

    executor.run(pickled(work), tasks, on_done, **options)
    return done


GOOD = [("good", number) for number in range(12)]
CRASHES = {
    "exit 0": "exited with status 0",
    "exit 3": "exited with status 3",
    "sys.exit": "exited with status 2",
    "segfault": "SIGSEGV",
    "killed": "SIGKILL",
    "raise": "exited with status 1",
    "orphans": "exited with status 5",
}


def check_only_the_bad_are_lost(done):
    for task, outcome in done.items():
        if task[0] == "good":
            assert outcome["number"] == task[1] + OFFSET
            assert outcome["pid"] != os.getpid()
        elif task[0] in CRASHES:
            assert isinstance(outcome, RunFailure) and outcome.status == "CRASHED" and outcome.seconds >= 0
            assert CRASHES[task[0]] in outcome.message
        else:
            assert isinstance(outcome, RunFailure) and outcome.status == "TIMEOUT"
            assert outcome.seconds >= 1.0
            assert "limit of 1 s" in outcome.message


def is_running(pid):
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def processes_with(mark):
    """Return the processes that inherited the environment variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes() and is_running(folder.name):
                found.append(int(folder.name))
    return found


def await_none(find, seconds=5.0):
    """Wait until find() is empty, for as long as a driver's processes may outlive it."""
    end = time.monotonic() + seconds
    while (left := find()) and time.monotonic() < end:
        time.sleep(0.05)
    return left


# -- processes ----------------------------------------------------------------------------------------------------


class Prepared:
    """A second to get ready, then quick."""

    def prepare(self):
        time.sleep(1.0)
        self.is_ready = True

    def work(self, task):
        return {"is_ready": self.is_ready}


def test_what_a_worker_loads_first_is_not_on_the_task_s_clock():
    done = collect(ProcessExecutor(1), [("one", 1)], Prepared().work, run_timeout=0.8)
    assert done == {("one", 1): {"is_ready": True}}


def test_only_the_bad_runs_are_lost():
    bad = [(name, 0) for name in (*CRASHES, "stubborn", "native")]
    tasks = [task for pair in zip(GOOD, bad) for task in pair] + GOOD[len(bad) :]
    done = collect(ProcessExecutor(3), tasks, run_timeout=1.0)
    assert set(done) == set(tasks)
    check_only_the_bad_are_lost(done)
    assert not await_none(children)


def children():
    """Return the pids of worker processes of this very process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"optcompare.runs.child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_workers_killed_from_outside_lose_their_own_run_alone():
    done = {}

    def on_done(task, outcome):
        assert task not in done
        done[task] = outcome
        if isinstance(outcome, dict) and task[1] % 3 == 0:
            os.kill(outcome["pid"], signal.SIGKILL)  # whatever it is doing by now

    ProcessExecutor(2).run(pickled(behave), GOOD, on_done)
    assert set(done) == set(GOOD)
    for outcome in done.values():
        assert isinstance(outcome, dict) or (outcome.status == "CRASHED" and "SIGKILL" in outcome.message)
    assert sum(isinstance(outcome, dict) for outcome in done.values()) >= 8


def test_the_work_is_unpickled_once_a_worker_and_tasks_are_few_at_a_time():
    class Work:
        def __init__(self):
            self.n_loaded = 0
            self.data = np.arange(100_000.0)  # more than a socket's buffer

        def __setstate__(self, state):
            self.__dict__.update(state)
            self.n_loaded += 1

        def __call__(self, task):
            self.n_loaded += 10
            return {"n": self.n_loaded, "sum": self.data.sum()}

    done = collect(ProcessExecutor(1), [(number,) for number in range(300)], Work())
    assert [outcome["n"] for outcome in done.values()] == [1 + 10 * (number + 1) for number in range(300)]
    assert done[(0,)]["sum"] == 4999950000.0


def test_large_tasks_and_answers_pass():
    def work(task):
        return {"theta": np.full(300_000, task[0], dtype=float), "n": len(task[1])}

    done = collect(ProcessExecutor(2), [(number, "x" * 400_000) for number in range(4)], work)
    assert all((outcome["theta"] == task[0]).all() and outcome["n"] == 400_000 for task, outcome in done.items())


def test_blas_has_one_thread_in_workers():
    def work(task):
        from threadpoolctl import threadpool_info

        return {"threads": [one["num_threads"] for one in threadpool_info()]}

    threads = collect(ProcessExecutor(1), [(0,)], work)[(0,)]["threads"]
    assert len(threads) >= 2 and set(threads) == {1}


def test_serial_and_processes_agree_bit_for_bit():
    def work(task):
        rng = np.random.default_rng(task[0])
        matrix = rng.standard_normal((60, 60))
        return {"value": np.linalg.svd(matrix @ matrix.T)[1].tobytes()}

    tasks = [(number,) for number in range(6)]
    assert collect(SerialExecutor(), tasks, work) == collect(ProcessExecutor(2), tasks, work)


def test_serial_with_a_limit_kills_too():
    done = collect(SerialExecutor(), [("good", 1), ("native", 0), ("good", 2)], run_timeout=1.0)
    check_only_the_bad_are_lost(done)
    assert list(done) == [("good", 1), ("native", 0), ("good", 2)]


@pytest.mark.parametrize("executor", [SerialExecutor(), ProcessExecutor(2)])
def test_an_exception_of_the_driver_stops_everything(executor):
    def on_done(task, outcome):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executor.run(pickled(behave), GOOD, on_done)
    assert not await_none(children)


def test_no_tasks_need_no_workers():
    for executor in (SerialExecutor(), ProcessExecutor(2), DaskExecutor("tcp://127.0.0.1:1")):
        assert isinstance(executor, Executor)
        assert collect(executor, []) == {}


def test_workers_that_cannot_start_are_told(capfd):
    class Unloadable:
        def __reduce__(self):
            return (pickle.loads, (b"no pickle",))

    with pytest.raises(OptcompareError, match=r"cannot start.*status 1"):
        ProcessExecutor(2).run(pickle.dumps(Unloadable()), GOOD, lambda task, outcome: None)
    assert "UnpicklingError" in capfd.readouterr().err


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_jobs_are_checked(jobs):
    with pytest.raises(InvalidInputError, match="jobs must be"):
        ProcessExecutor(jobs)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1", True])
def test_time_limits_are_checked(seconds):
    with pytest.raises(InvalidInputError, match="run_timeout must be"):
        ProcessExecutor(1).run(pickled(behave), GOOD, lambda *_: None, run_timeout=seconds)
    with pytest.raises(InvalidInputError, match="run_timeout must be"):
        SerialExecutor().run(pickled(behave), GOOD, lambda *_: None, run_timeout=seconds)


# -- travel -------------------------------------------------------------------------------------------------------


def test_helper_modules_travel_as_values(tmp_path, monkeypatch):
    path = tmp_path / "helper_of_a_study.py"
    path.write_text("scale = 3\ndef scaled(x): return scale * x\n")
    module = types.ModuleType("helper_of_a_study")
    module.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "helper_of_a_study", module)
    scaled = module.scaled
    data = pickled(lambda task: {"y": scaled(task[0]), "sum": np.sum([1, 2])})
    module.scale = 4
    monkeypatch.delitem(sys.modules, "helper_of_a_study")
    assert pickle.loads(data)((2,)) == {"y": 6, "sum": 3}

    module.scaled = contextlib.suppress
    monkeypatch.setitem(sys.modules, "helper_of_a_study", module)
    module.lock = sys.stdin
    assert pickle.loads(pickled(lambda task: {"y": task}))(1) == {"y": 1}


SCRIPT = """
import ctypes, os, sys, time
from optcompare.runs.executors import DaskExecutor, ProcessExecutor, pickled
print("imported", __name__, flush=True)
def work(task):
    print("pid", os.getpid(), flush=True)
    if task[0] == "native":
        ctypes.PyDLL(None).pause()
    if task[0] == "child":
        import subprocess
        subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])
    if task[0] == "sleep":
        time.sleep(60)
    return {"task": task}
names = [name for name in sys.argv[1:] if "://" not in name]
executor = ProcessExecutor(2) if names == sys.argv[1:] else DaskExecutor(sys.argv[1])
executor.run(pickled(work), [(name,) for name in names], lambda task, outcome: print(task, outcome, flush=True))
print("end", flush=True)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "study ü.py"
    path.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    return path


def test_a_script_without_a_guard_runs_once(script):
    command = [sys.executable, "-W", "error", str(script), "a", "b", "c"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=script.parent)
    assert result.stdout.count("imported") == 1
    assert result.stdout.count("'task':") == 3
    assert result.stdout.endswith("end\n")
    assert result.stderr == ""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_driver(script, kill):
    mark = f"{os.getpid()}-{kill}"
    command = [sys.executable, str(script), "native", "child"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "MARK": mark},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs are started ignoring it
    ) as driver:  # fmt: skip
        for line in driver.stdout:
            if line.startswith(b"pid") and len(processes_with(mark)) >= 3:
                break
        while len(processes_with(mark)) < 4:  # driver, two workers, the child of one
            time.sleep(0.02)
        driver.send_signal(kill)
        driver.wait(timeout=10)
        assert await_none(lambda: processes_with(mark)) == []
        if kill == signal.SIGINT:
            assert driver.returncode in (-signal.SIGINT, 130)


# -- dask ---------------------------------------------------------------------------------------------------------


def test_a_missing_scheduler_is_told(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("optcompare.runs.on_dask.PATIENCE", 0.5)
    with pytest.raises(OptcompareError, match=r"no dask scheduler answers at tcp://127.0.0.1:1"):
        collect(DaskExecutor("tcp://127.0.0.1:1"), GOOD)
    with pytest.raises(InvalidInputError, match="tcp://host:port"):
        DaskExecutor("processes")


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"optcompare\[cluster\]"):
        collect(DaskExecutor("tcp://127.0.0.1:1"), GOOD)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_real_cluster_loses_only_the_bad_runs(script):
    distributed = pytest.importorskip("distributed")
    mark = f"{os.getpid()}-dask"
    os.environ["MARK"] = mark
    try:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster:
            executor = DaskExecutor(cluster.scheduler_address)
            bad = [(name, 0) for name in ("segfault", "exit 0", "native", "stubborn")]
            tasks = [task for pair in zip(GOOD, bad) for task in pair] + GOOD[len(bad) :]
            done = collect(executor, tasks, run_timeout=1.0)
            assert set(done) == set(tasks)
            check_only_the_bad_are_lost(done)
            assert len({outcome["pid"] for task, outcome in done.items() if task[0] == "good"}) <= 2 + len(bad)

            def interrupt(task, outcome):
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                executor.run(pickled(behave), [("good", 0), *[("native", n) for n in range(3)]], interrupt)
            assert not await_none(lambda: workers_with(mark))
            command = [sys.executable, str(script), cluster.scheduler_address, "good", "native", "sleep"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as driver:  # of three tasks one ends, two stay
                while b"'task'" not in driver.stdout.readline():
                    pass
                assert workers_with(mark)
                driver.kill()
            assert not await_none(lambda: workers_with(mark))
    finally:
        del os.environ["MARK"]


def workers_with(mark):
    """Return the worker processes among those that inherited the environment variable."""
    found = []
    for pid in processes_with(mark):
        with contextlib.suppress(OSError):
            if b"optcompare.runs.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found
