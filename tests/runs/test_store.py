"""The store: what goes in comes out, nothing acknowledged is lost, and trouble is told clearly."""

import contextlib
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcompare.errors import InvalidInputError, StoreError, UnknownNameError
from optcompare.runs.store import Store, merge

COLUMNS = ["n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm"]


def record(key="k1", **changes):
    made = {
        "study": "s",
        "key": key,
        "objective": "o",
        "dataset": "iris",
        "lam": 0.1,
        "optimizer": "pso",
        "seed": 0,
        "status": "BUDGET",
        "best_value": 1.5,
        "n_values": 10.0,
        "theta": np.arange(3.0),
        "best_theta": np.arange(3.0) / 7,
        "trace": np.arange(14.0).reshape(2, 7),
        "trace_columns": json.dumps(COLUMNS),
    }
    return made | changes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs of ünïcode ? # % 100.db"


@pytest.fixture
def store(path):
    with Store(path) as opened:
        yield opened


# -- round trips --------------------------------------------------------------------------------------------------


def test_a_run_comes_back_bit_for_bit(store, path):
    store.add_run(record())
    with Store(path, read_only=True) as reader:
        run = reader.run("s", "k1")
    assert run["theta"].tobytes() == np.arange(3.0).tobytes()
    assert run["best_theta"].tobytes() == (np.arange(3.0) / 7).tobytes()
    assert np.array_equal(run["trace"], np.arange(14.0).reshape(2, 7))
    assert json.loads(run["trace_columns"]) == COLUMNS
    assert (run["lam"], run["seed"], run["status"], run["optimizer"]) == (0.1, 0, "BUDGET", "pso")


@given(st.floats(), st.floats(width=32), st.integers(-(2**63), 2**63 - 1), st.text(), st.lists(st.floats(), max_size=4))
@settings(max_examples=60)
def test_any_number_and_text_comes_back(x, y, n, text, vector):
    with Store() as store:
        store.add_run(record(best_value=x, loss=np.float32(y), seed=n, message=text, theta=vector))
        run = store.run("s", "k1")
    assert run["best_value"] == x or (math.isnan(x) and math.isnan(run["best_value"]))
    assert run["loss"] == y or (math.isnan(y) and math.isnan(run["loss"]))
    assert run["seed"] == n
    assert run["message"] == text or "\\ud" in run["message"]
    np.testing.assert_array_equal(run["theta"], vector)


def test_missing_fields_are_nan_none_and_na(store):
    minimal = {"study": "s", "key": "k", "objective": "o", "optimizer": "x", "seed": np.int64(3), "status": "CRASHED"}
    store.add_run(minimal)
    run = store.run("s", "k")
    assert math.isnan(run["loss"]) and run["theta"] is None and run["message"] is None and run["dim"] is None
    frame = store.runs("s")
    assert frame["loss"].dtype == float and frame["loss"].isna().all()
    assert frame["seed"].dtype == "int64" and frame["dim"].dtype == "Int64" and frame["dim"].isna().all()
    assert store.traces("s").empty


def test_numpy_scalars_flags_and_structures_are_taken(store):
    store.add_run(
        record(
            best_value=np.float64("-inf"),
            dim=np.int32(4),
            n_samples=np.uint8(9),
            is_identified=np.bool_(True),
            versions={"numpy": "2", "n": np.float64("nan")},
            theta=np.arange(4, dtype=">f4")[::2],
            seed=np.int64(2),
        )
    )
    run = store.run("s", "k1")
    assert run["best_value"] == -math.inf and run["dim"] == 4 and run["is_identified"] is True
    assert json.loads(run["versions"]) == {"numpy": "2", "n": "nan"}
    assert run["theta"].tolist() == [0.0, 2.0]
    assert store.runs()["is_identified"].tolist() == [True]
    store.add_run(record("k2", is_identified=1.0, dim=math.nan))
    assert store.run("s", "k2")["is_identified"] is True


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"losss": 1.0}, "Did you mean 'loss'"),
        ({"seed": None}, "seed is missing"),
        ({"seed": 2**70}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"loss": "high"}, "loss"),
        ({"theta": ["a"]}, "theta"),
        ({"extras": {"a": object()}}, "JSON"),
    ],
)
def test_what_is_no_record_is_refused(store, change, word):
    with pytest.raises(InvalidInputError, match=word):
        store.add_run(record(**change))
    assert store.keys("s") == set()


def test_a_retried_run_replaces_the_failed_one(store):
    store.add_run(record(status="FAILED", message="no"))
    store.add_run(record(status="TARGET"))
    assert store.keys("s") == {"k1"} == store.keys("s", ["TARGET"])
    assert store.keys("s", ["FAILED"]) == set() == store.keys("other")
    assert store.counts("s") == {"TARGET": 1}
    assert store.run("s", "k1")["message"] is None


def test_keys_are_found_by_their_beginning(store):
    for key in ("abc1", "abd2", "a", "x%_"):
        store.add_run(record(key))
    assert store.run("s", "abc")["key"] == "abc1"
    assert store.run(None, "abd")["key"] == "abd2"
    assert store.run("s", "a")["key"] == "a"
    for text in ("%", "_", "zzz", "", "' OR 1=1 --"):
        with pytest.raises(UnknownNameError):
            store.run("s", text)
    with pytest.raises(UnknownNameError, match="several keys"):
        store.run("s", "ab")
    with pytest.raises(UnknownNameError):
        store.run("other", "abc1")


def test_tables_do_not_depend_on_the_order_of_writing():
    records = [record(f"{o}{s}", optimizer=o, seed=s, trace=np.full((2, 7), s)) for o in "ab" for s in range(12)]
    frames = []
    for order in (records, records[::-1]):
        with Store() as store:
            for one in order:
                store.add_run(one)
            frames.append((store.runs("s"), store.traces("s"), store.data_hash("s")))
    pd.testing.assert_frame_equal(frames[0][0], frames[1][0])
    pd.testing.assert_frame_equal(frames[0][1], frames[1][1])
    assert frames[0][2] == frames[1][2]
    assert frames[0][0]["seed"].tolist()[:12] == list(range(12))


def test_traces_are_long_and_keep_monitors(store):
    store.add_run(record(trace=np.arange(16.0).reshape(2, 8), trace_columns=[*COLUMNS, "sparsity"]))
    store.add_run(record("k2", seed=1))
    store.add_run(record("k3", seed=2, trace=None, trace_columns=None))
    frame = store.traces("s")
    assert list(frame) == ["key", "objective", "dataset", "lam", "optimizer", "seed", *COLUMNS, "sparsity"]
    assert frame["seed"].tolist() == [0, 0, 1, 1]
    assert frame["sparsity"].isna().tolist() == [False, False, True, True]
    assert frame["norm"].tolist() == [6.0, 14.0, 6.0, 13.0]
    assert next(iter(store.traces())) == "study"
    assert frame["lam"].dtype == float and frame["seed"].dtype == "int64"


def test_traces_are_read_one_by_one(store):
    store.add_run(record(trace=np.arange(16.0).reshape(2, 8), trace_columns=[*COLUMNS, "sparsity"]))
    store.add_run(record("k2", optimizer="lbfgs"))
    store.add_run(record("k3", trace=None, trace_columns=None))
    store.add_run(record("k4", study="other"))
    found = {key: (names, array) for key, names, array in store.iterate_traces("s")}
    assert set(found) == {"k1", "k2"} and found["k1"][0] == [*COLUMNS, "sparsity"] and found["k2"][0] == COLUMNS
    np.testing.assert_array_equal(found["k2"][1], np.arange(14.0).reshape(2, 7))
    assert [key for key, *_ in store.iterate_traces("s", ["lbfgs", "pso"])] == ["k1", "k2"]
    assert [key for key, *_ in store.iterate_traces("s", ["lbfgs"])] == ["k2"]


def test_studies_and_verdicts(store):
    store.add_study("s", "why?", {"lambdas": [0.1, math.inf], "n": np.int64(2)})
    created = store.studies()[0]["created_at"]
    store.add_study("s", "how?", {"lambdas": []})
    assert store.studies() == [{"name": "s", "question": "how?", "description": {"lambdas": []}, "created_at": created}]
    store.add_run(record())
    claim = {"statement": "c", "low": -math.inf, "high": 1, "measured": math.nan, "verdict": "holds", "n_seeds": 10}
    store.set_verdicts("s", [claim, claim | {"statement": "b"}])
    store.set_verdicts("s", [claim | {"statement": "z"}, claim])
    table = store.verdicts("s")
    assert table["statement"].tolist() == ["z", "c"]
    assert table["low"][0] == -math.inf and math.isnan(table["measured"][0]) and table["n_seeds"][0] == 10
    assert table["data_hash"][0] == store.data_hash("s")
    store.add_run(record("k2"))
    assert store.data_hash("s") != table["data_hash"][0]
    assert store.verdicts("other").empty


def test_the_data_hash_ignores_time_and_place(store):
    store.add_run(record(seconds=1.0, host="a"))
    before = store.data_hash("s")
    store.add_run(record(seconds=2.0, host="b", versions="{}"))
    assert store.data_hash("s") == before
    store.add_run(record(theta=np.nextafter(np.arange(3.0), 9)))
    assert store.data_hash("s") != before


# -- merging ------------------------------------------------------------------------------------------------------


def test_merge_adds_what_is_missing_and_prefers_runs_that_did_not_fail(tmp_path):
    a, b = tmp_path / "a.db", tmp_path / "b.db"
    with Store(a) as source, Store(b) as target:
        source.add_study("s", "q", {})
        source.add_study("only", "q", {})
        source.set_verdicts("only", [{"statement": "c", "verdict": "holds"}])
        target.add_study("s", "target's", {})
        for key, old, new in [("1", "FAILED", "BUDGET"), ("2", "BUDGET", "FAILED"), ("3", "BUDGET", "TARGET")]:
            target.add_run(record(key, status=old))
            source.add_run(record(key, status=new))
        source.add_run(record("4", theta=np.ones(2)))
    assert merge(a, b) == 2
    assert merge(a, b) == 0
    with Store(b, read_only=True) as merged:
        assert merged.counts("s") == {"BUDGET": 4}
        assert merged.run("s", "4")["theta"].tolist() == [1.0, 1.0]
        assert [row["question"] for row in merged.studies()] == ["target's", "q"]
        assert len(merged.verdicts("only")) == 1
    with pytest.raises(StoreError, match="same store"):
        merge(a, a)
    with pytest.raises(StoreError, match="no store"):
        merge(tmp_path / "none.db", b)


# -- files that are not stores ------------------------------------------------------------------------------------


def test_a_missing_folder_is_made_and_zero_bytes_are_a_fresh_store(tmp_path):
    deep = tmp_path / "a" / "b" / "runs.db"
    with Store(deep) as store:
        store.add_run(record())
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(StoreError, match="empty"):
        Store(empty, read_only=True)
    with Store(empty) as store:
        store.add_run(record())
        assert store.keys("s") == {"k1"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "empty.db"]


def other_program(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE things (x)")
        connection.commit()


def newer(path):
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
        connection.commit()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: path.write_text("objective,lam\n" * 100), "not an optcompare store"),
        (lambda path: path.write_text("x"), "not an optcompare store"),
        (lambda path: path.write_bytes(os.urandom(5000)), "not an optcompare store"),
        (lambda path: path.mkdir(), "is a folder"),
        (other_program, "another program"),
        (newer, "newer optcompare"),
    ],
)
def test_what_is_not_a_store_is_told_and_left_alone(path, make, word, read_only):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=word) as caught:
        Store(path, read_only=read_only)
    assert str(path) in str(caught.value)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "a\0b", "n" * 300])
def test_impossible_paths_are_told(tmp_path, name):
    for read_only in (False, True):
        with pytest.raises(StoreError):
            Store(name and str(tmp_path / name), read_only=read_only)


def test_a_truncated_store_is_told_at_whatever_byte_it_ends(tmp_path):
    whole = tmp_path / "whole.db"
    with Store(whole) as store:
        for number in range(40):
            store.add_run(record(f"k{number}", theta=np.zeros(300), traceback="x" * 3000))
    data = whole.read_bytes()
    cut = tmp_path / "cut.db"
    for size in [1, 50, 99, 100, 4096, 8192, len(data) // 2, len(data) - 4096, len(data) - 1]:
        cut.write_bytes(data[:size])
        for read_only in (False, True):
            with pytest.raises(StoreError, match="truncated"), Store(cut, read_only=read_only) as store:
                store.runs()
        assert cut.stat().st_size == size


def test_a_damaged_store_is_told(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        for number in range(40):
            store.add_run(record(f"k{number}", traceback="x" * 3000))
    data = bytearray(path.read_bytes())
    data[4096 * 5 :] = os.urandom(len(data) - 4096 * 5)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), Store(path) as store:
        store.runs()


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE runs SET theta = x'00'", lambda store: store.run("s", "k1")),
        ("UPDATE runs SET trace = x'0000000000000000'", lambda store: store.traces("s")),
        ("UPDATE runs SET trace = x'0000000000000000'", lambda store: list(store.iterate_traces("s"))),
        ("UPDATE runs SET trace_columns = '__import__(\"os\").abort()'", lambda store: store.traces("s")),
        ("UPDATE runs SET loss = 'high'", lambda store: store.runs("s")),
        ("INSERT INTO studies VALUES ('x', '', 'not json', '')", lambda store: store.studies()),
    ],
)
def test_contents_that_make_no_sense_are_told(path, statement, read):
    with Store(path) as store:
        store.add_run(record())
        store.execute(statement)
        with pytest.raises(StoreError, match="unreadable"):
            read(store)


# -- disks and permissions ----------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_that_was_acknowledged(path):
    with Store(path) as store:
        store.execute("PRAGMA max_page_count = 60")  # SQLite's own way to the error of a full disk
        acknowledged = set()
        with pytest.raises(StoreError, match="disk is full"):
            for number in range(1000):
                store.add_run(record(f"k{number}", traceback="x" * 3000))
                acknowledged.add(f"k{number}")
        assert acknowledged and store.keys("s") == acknowledged
        store.execute("PRAGMA max_page_count = 1000")
        store.add_run(record("after"))
    with Store(path, read_only=True) as store:
        assert store.keys("s") == acknowledged | {"after"}


@pytest.fixture
def as_a_user():
    """Return a folder of a user without special rights, and be that user (root ignores permissions)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="changes its user as Linux does")
def test_read_only_files_and_folders(as_a_user):
    path = as_a_user / "runs.db"
    with Store(path) as store:
        store.add_run(record())
    as_a_user.chmod(0o555)
    with Store(path, read_only=True) as store:
        assert store.keys("s") == {"k1"}
    assert [file.name for file in as_a_user.iterdir()] == ["runs.db"]
    as_a_user.chmod(0o755)
    path.chmod(0o444)
    with pytest.raises(StoreError, match="change its permissions"), Store(path) as store:
        store.add_run(record("k2"))
    as_a_user.chmod(0o555)
    with Store(path, read_only=True) as store:
        assert store.keys("s") == {"k1"}
    path.chmod(0o644)
    with pytest.raises(StoreError, match=r"permissions|cannot be opened"), Store(path) as store:
        store.add_run(record("k2"))
    with Store(path, read_only=True) as store:
        assert len(store.runs()) == 1
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(as_a_user / "new.db")
    with pytest.raises(StoreError, match="Permission denied"):
        Store(as_a_user / "new" / "new.db")
    path.chmod(0o000)
    for read_only in (False, True):
        with pytest.raises(StoreError, match="cannot be opened"):
            Store(path, read_only=read_only)


def test_a_reader_cannot_write(store, path):
    store.add_run(record())
    before = path.read_bytes()
    with Store(path, read_only=True) as reader, pytest.raises(StoreError, match="cannot be written"):
        reader.add_run(record("k2"))
    assert path.read_bytes() == before


# -- several processes --------------------------------------------------------------------------------------------

WRITER = """
import sys, numpy as np
from optcompare.runs.store import Store
with Store(sys.argv[1]) as store, store.driving():
    first = int(sys.argv[2])
    for number in range(first, first + 100000):
        store.add_run({"study": "s", "key": f"k{number}", "objective": "o", "optimizer": "x", "seed": number,
                       "status": "BUDGET", "theta": np.full(2000, float(number)), "best_theta": np.full(3, number)})
        print(number, flush=True)
"""


@contextlib.contextmanager
def writer(path, first=0):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_driver_loses_no_acknowledged_run(path):
    chance = random.Random(0)
    acknowledged: set[int] = set()
    for attempt in range(6):
        with writer(path, 100_000 * attempt) as process:
            acknowledged.add(int(process.stdout.readline()))
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            lines = process.stdout.read().splitlines(keepends=True)
            acknowledged.update(int(line) for line in lines if line.endswith(b"\n"))
        with Store(path, read_only=True) as store:  # before anything else has opened, and so repaired, the file
            assert {f"k{number}" for number in acknowledged} <= store.keys("s")
        with Store(path) as store, store.driving():
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            for key in chance.sample(sorted(store.keys("s")), 5):
                run = store.run("s", key)
                assert (run["theta"] == run["seed"]).all() and len(run["theta"]) == 2000
    assert len(acknowledged) > 20


def test_read_while_written(path):
    with writer(path) as process:
        process.stdout.readline()
        counts = []
        for _ in range(20):
            with Store(path, read_only=True) as reader:
                frame = reader.runs("s")
                counts.append(len(frame))
                assert frame["seed"].tolist() == list(range(len(frame)))
            if len(counts) > 2 and counts[-1] > counts[0]:
                break
            time.sleep(0.01)
        with Store(path, read_only=True) as reader:  # a reader that stays does not hold the writer up
            reader.runs("s")
            before = int(process.stdout.readline())
            for _ in range(20):
                now = int(process.stdout.readline())
        assert now > before
        assert process.poll() is None
    assert counts[-1] > counts[0]


def test_a_second_driver_is_told_and_harms_nothing(path):
    with writer(path) as process:
        process.stdout.readline()
        with Store(path) as second:
            with pytest.raises(StoreError, match=f"another driver.*{process.pid}"), second.driving():
                pass
            Store(path.with_name("x.db")).close()
            with pytest.raises(StoreError, match="another driver"):
                merge(path.with_name("x.db"), path)
        assert process.poll() is None
        assert int(process.stdout.readline()) > 0
    with Store(path) as store, store.driving():  # the dead driver's lock is gone
        store.add_run(record("mine"))


def test_two_drivers_in_one_process_and_no_litter(path, tmp_path):
    with Store(path) as one, Store(path) as two:
        with one.driving():
            with pytest.raises(StoreError, match="another driver"), two.driving():
                pass
            with pytest.raises(StoreError, match="another driver"), one.driving():
                pass
        with two.driving():
            pass
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_memory_needs_no_lock():
    with Store() as one, one.driving(), Store(":memory:") as two, two.driving():
        one.add_run(record())
        assert two.keys("s") == set()


def test_an_interrupted_transaction_is_undone(store):
    store.add_run(record())
    with pytest.raises(KeyboardInterrupt), store.transaction():
        store.execute("DELETE FROM runs")
        raise KeyboardInterrupt
    assert store.keys("s") == {"k1"}
    store.add_run(record("k2"))
