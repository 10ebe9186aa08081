"""Ctrl-C once and twice, a killed driver, and going on: nothing lost, the same bits."""

import os
import signal
import threading
from pathlib import Path

import pytest

from optcompare.cli import main
from optcompare.results import load_results
from optcompare.runs import stopping
from optcompare.runs.executors import SerialExecutor, pickled
from optcompare.runs.lock import driver_at_work
from optcompare.runs.stopping import stop_on_interrupt
from optcompare.runs.store import Store

needs_proc = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")

STUDY = """
import os, time
import optcompare as oc

def bowl(theta):
    return float(((theta - 2.0) ** 2).sum())

def slow(objective, start, rng):
    if "ASLEEP" in os.environ:
        open(os.environ["ASLEEP"], "w").close()
    time.sleep(float(os.environ.get("SLEEP", "0")))
    objective.value(start + rng.standard_normal(2))

study = oc.Study(
    name="slow", question="?", objectives={"bowl": oc.function_objective(bowl, dim=2, penalty=oc.L2(1.0))},
    lambdas=[0.5], optimizers={"slow": slow, "nelder_mead": "nelder_mead"}, seeds=range(8), budget=20,
)
study.run(os.environ["STORE"], jobs=int(os.environ["JOBS"]), executor=os.environ.get("CLUSTER"), progress=False)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the hash of the study that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "script.py").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE", str(folder / "runs.db"))
        patch.setenv("JOBS", "1")
        assert main(["run", str(folder / "script.py")]) == 0
    with Store(folder / "runs.db", read_only=True) as store:
        assert store.counts("slow") == {"FINISHED": 8, "BUDGET": 8}
        return store.data_hash("slow")


def go_on(script, undisturbed):
    """Start again, and compare with the study that nothing disturbed."""
    status, said = script.run(STUDY, STORE="runs.db", JOBS="2")
    assert status == 0, said
    with Store(script.folder / "runs.db", read_only=True) as store:
        assert store.data_hash("slow") == undisturbed


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_once_stores_what_is_under_way_and_says_how_to_go_on(script, patiently, undisturbed, jobs):
    driver = script.start(STUDY, STORE="runs.db", JOBS=jobs, SLEEP="0.3")
    patiently(lambda: script.n_stored() >= 2)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 130, said
    n_stored = script.n_stored()
    assert 2 <= n_stored < 16
    assert f"stopped: {n_stored} of 16 runs of 'slow' are stored in 'runs.db'" in said
    assert "stopping: runs under way have 5 s to end and are stored" in said
    assert "run the same command again" in said and "Traceback" not in said
    go_on(script, undisturbed)


@needs_proc
def test_ctrl_c_twice_stops_now(script, patiently):
    driver = script.start(STUDY, STORE="runs.db", JOBS="2", SLEEP="600")
    patiently(lambda: script.n_stored() >= 1 or len(script.processes("runs.child")) >= 2)
    driver.send_signal(signal.SIGINT)
    for line in driver.stderr:
        if "Ctrl-C again stops now" in line:
            break
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 130 and "run the same command again" in said
    patiently(lambda: not script.processes(), 20)


@needs_proc
def test_a_driver_killed_at_any_moment_leaves_no_process_and_is_taken_up(script, patiently, undisturbed):
    asleep = script.folder / "asleep"
    for sleep, is_time in ("0.3", lambda: script.n_stored() >= 3), ("600", asleep.exists):
        asleep.unlink(missing_ok=True)
        driver = script.start(STUDY, STORE="runs.db", JOBS="2", SLEEP=sleep, ASLEEP="asleep")
        patiently(is_time)
        acknowledged = script.n_stored()
        driver.kill()
        driver.communicate()
        patiently(lambda: not script.processes(), 20)  # promised within 5 s; in the second round broken is for ever
        assert script.n_stored() >= acknowledged
    go_on(script, undisturbed)


def test_a_second_driver_is_told_and_status_shows_the_first(script, patiently, monkeypatch, capsys):
    driver = script.start(STUDY, STORE="runs.db", JOBS="1", SLEEP="600")
    store = str(script.folder / "runs.db")
    patiently(lambda: (driver_at_work(script.folder / "runs.db") or {}).get("n_total") == 16)
    monkeypatch.setenv("STORE", store)
    monkeypatch.setenv("JOBS", "1")
    assert main(["run", str(script.folder / "script.py")]) == 1
    assert f"another driver (process {driver.pid} on" in capsys.readouterr().err
    assert main(["status", store]) == 0
    said = capsys.readouterr().out
    assert "slow: 0 of 16 runs stored, 16 missing" in said
    assert f"process {driver.pid} on" in said and "1 running, 16 to go, time left not known yet" in said
    assert driver.poll() is None
    driver.kill()
    driver.communicate()
    assert main(["status", store]) == 0
    assert "no driver is at work: run the study again to go on" in capsys.readouterr().out


# -- the handler itself -------------------------------------------------------------------------------------------


@pytest.fixture
def default_handler(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_handler")
def test_the_first_signal_is_a_wish_and_the_second_an_order():
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("default_handler")
def test_patience_with_runs_under_way_ends(monkeypatch):
    monkeypatch.setattr(stopping, "GRACE", 0.1)
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt():
        signal.raise_signal(signal.SIGINT)
        threading.Event().wait(60)


@pytest.mark.usefixtures("default_handler")
def test_a_run_that_swallows_the_order_leaves_no_record():
    def work(task):
        signal.raise_signal(signal.SIGINT)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return {"wrong": True}

    done = []
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as stop:
        SerialExecutor().run(pickled(work), [(1,), (2,)], lambda *pair: done.append(pair), stop=stop)
    assert done == []


def test_other_threads_and_other_handlers_are_left_alone():
    seen = []

    def drive():
        with stop_on_interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert seen == [before]
    mine = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_interrupt():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, mine)


# -- on a cluster -------------------------------------------------------------------------------------------------


@needs_proc
def test_a_cluster_gives_the_same_bits_and_survives_its_driver(script, patiently, undisturbed):
    distributed = pytest.importorskip("distributed")
    os.environ["MARK"] = script.mark  # the dask workers' children are looked for as well
    try:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster:
            address = cluster.scheduler_address
            driver = script.start(STUDY, STORE="runs.db", JOBS="1", SLEEP="600", CLUSTER=address)
            patiently(lambda: len(script.processes("runs.child")) == 2)
            driver.kill()
            driver.communicate()
            patiently(lambda: not script.processes("runs.child"), 20)
            status, said = script.run(STUDY, STORE="runs.db", JOBS="1", CLUSTER=address)
            assert status == 0, said
    finally:
        del os.environ["MARK"]
    with Store(script.folder / "runs.db", read_only=True) as store:
        assert store.data_hash("slow") == undisturbed
    assert len(load_results(script.folder / "runs.db").traces()) > 16
