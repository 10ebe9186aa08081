"""Kill the driver again and again, with runs that raise, hang, crash and eat memory: nothing may be lost or changed.

    python benchmarks/torture.py [--kills 50] [--seed 0] [--without-transaction]

A study is run once undisturbed. Then it is run into a second store by a driver that is killed with SIGKILL at random
moments and started again, ``--kills`` times, and is at last let finish. A driver writes the key of every run into a
pipe when the store has acknowledged it. After every kill, from outside:

- all acknowledged runs are in the store, and SQLite finds the file whole;
- no process of the driver's is left after 5 seconds.

At the end every run is there exactly once, and rows and traces equal the undisturbed study's (their hashes do).
A kill counts only where the driver had acknowledged a run since its start and was not done. Half of them come at a
random moment, half at the instant at which the log is seen to grow. Where they hit is read from what the dead driver
left: frames of the log without a commit behind them (a transaction cut in two), or a run in the store that was never
acknowledged (the commit was being flushed to the disk).

``--without-transaction`` stores a run in two statements, each for itself, instead of one transaction. Then a kill
leaves half a run behind which counts as done, and the script must end with status 1.
"""

import argparse
import contextlib
import ctypes
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import optcompare as oc
from optcompare.runs.rows import REQUIRED, RUN_COLUMNS, to_row
from optcompare.runs.store import Store

SEEDS_A_KILL = 20
LIMITS = {"run_timeout": 3.0, "memory_limit": 0.5}
WAL_HEADER, FRAME_HEADER = 32, 24


# -- the study ----------------------------------------------------------------------------------------------------


def bowl(theta):
    return float(((theta - 2.0) ** 2).sum())


def walk(objective, start, rng):
    while True:
        objective.value(start + rng.standard_normal(len(start)))


def raises(objective, start, rng):
    for _ in range(rng.integers(20)):
        objective.value(start + rng.standard_normal(len(start)))
    raise RuntimeError("torture")


def hangs(objective, start, rng):
    if rng.random() < 0.01:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ctypes.PyDLL(None).pause()
    walk(objective, start, rng)


def segfaults(objective, start, rng):
    if rng.random() < 0.03:
        ctypes.string_at(0)
    walk(objective, start, rng)


def eats(objective, start, rng):
    hoard = []
    while rng.random() < 0.5 or hoard:
        hoard.append(np.empty(4_000_000))
    walk(objective, start, rng)


def torture_study(n_seeds):
    objective = oc.function_objective(bowl, dim=1000, gradient=lambda theta: 2 * (theta - 2), penalty=oc.L2(1.0))
    arms = [walk, raises, hangs, segfaults, eats]
    return oc.Study(
        name="torture", question="Is anything lost?", objectives={"bowl": objective}, lambdas=[1.0],
        optimizers={arm.__name__: arm for arm in arms}, seeds=range(n_seeds), budget=60,
    )  # fmt: skip


# -- the driver that is killed ------------------------------------------------------------------------------------


def in_pieces(store, record):
    """Store a run as a program without transactions would: the labels, then the numbers."""
    labels = [name for name in RUN_COLUMNS if name in REQUIRED]
    places = ", ".join("?" * len(labels))
    row = dict(zip(RUN_COLUMNS, to_row(record, RUN_COLUMNS)))
    store.execute(
        f"INSERT OR REPLACE INTO runs ({', '.join(labels)}) VALUES ({places})", [row[name] for name in labels]
    )
    rest = [name for name in RUN_COLUMNS if name not in labels]
    changes = ", ".join(f"{name} = ?" for name in rest)
    values = [*(row[name] for name in rest), row["study"], row["key"]]
    store.execute(f"UPDATE runs SET {changes} WHERE study = ? AND key = ?", values)


def drive(store, n_seeds, is_in_pieces):
    """Run the study; print the key of every run that the store has acknowledged."""
    add_run = in_pieces if is_in_pieces else Store.add_run

    def acknowledged(opened, record):
        add_run(opened, record)
        os.write(1, f"{record['key']}\n".encode())

    Store.add_run = acknowledged
    torture_study(n_seeds).run(store, jobs=2, progress=False, **LIMITS)


# -- the torturer, who looks from outside -------------------------------------------------------------------------


class Torture:
    """One store, its drivers, and what they acknowledged."""

    def __init__(self, store, n_seeds, is_in_pieces):
        self.store, self.mark = store, f"{os.getpid()}-{store.name}"
        self.command = [sys.executable, __file__, "--drive", str(store), "--seeds", str(n_seeds)]
        self.command += ["--without-transaction"] if is_in_pieces else []
        self.acknowledged = set()
        self.problems = []
        self.unsaid = set()
        self.n_stored = self.n_cut = self.n_before_saying = 0

    def start(self):
        log = (self.store.parent / "drivers.log").open("ab")
        with log:
            return subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, "TORTURE": self.mark}
            )

    def to_the_end(self):
        """Let a driver finish."""
        driver = self.start()
        out, _ = driver.communicate()
        self.acknowledged.update(out.decode().split())
        if driver.returncode:
            self.problems.append(f"a driver ended with status {driver.returncode}: see drivers.log")

    def kill_once(self, delay, is_in_a_write):
        """Start a driver, kill it ``delay`` seconds after its first acknowledged run; False where it was done.

        is_in_a_write: wait further until the log grows, and kill as soon as that is seen.
        """
        driver = self.start()
        first = driver.stdout.readline()
        time.sleep(delay)
        if is_in_a_write:
            await_write(Path(f"{self.store}-wal"), driver)
        is_at_work = driver.poll() is None
        driver.kill()
        rest = driver.stdout.read()
        driver.wait()
        driver.stdout.close()
        keys = {line.decode().strip() for line in [first, *rest.splitlines(keepends=True)] if line.endswith(b"\n")}
        self.acknowledged |= keys
        self.look()
        return is_at_work and bool(keys)

    def look(self):
        """Look at what a killed driver has left: the log, the store, processes."""
        self.n_cut += is_cut(Path(f"{self.store}-wal"))
        with contextlib.closing(sqlite3.connect(self.store)) as connection:
            stored = {key for (key,) in connection.execute("SELECT key FROM runs")}
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        self.n_stored = len(stored)
        unsaid = stored - self.acknowledged
        self.n_before_saying += len(unsaid) > len(self.unsaid)
        self.unsaid = unsaid
        if lost := self.acknowledged - stored:
            self.problems.append(f"{len(lost)} acknowledged runs are lost")
        if whole != "ok":
            self.problems.append(f"SQLite finds the store damaged: {whole}")
        end = time.monotonic() + 5.0
        while left := self.processes():
            if time.monotonic() > end:
                self.problems.append(f"processes {left} outlived their driver by 5 s")
                return
            time.sleep(0.05)

    def processes(self):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if f"TORTURE={self.mark}".encode() in (folder / "environ").read_bytes() and state not in "ZX":
                    found.append(int(folder.name))
        return found


def await_write(log, driver):
    """Wait until the log is written to, or the driver is done."""

    def seen():
        with contextlib.suppress(FileNotFoundError):
            state = log.stat()
            return state.st_size, state.st_mtime_ns

    before = seen()
    while seen() == before and driver.poll() is None:
        pass


def is_cut(log):
    """Whether SQLite's log ends in frames (or a part of one) of a transaction that was never committed.

    A frame belongs to the log if it has the header's salts; its second number is not 0 in the last of a transaction.
    """
    data = log.read_bytes() if log.exists() else b""
    if len(data) < WAL_HEADER:
        return False
    size = FRAME_HEADER + int.from_bytes(data[8:12], "big")
    is_open = False
    for begin in range(WAL_HEADER, len(data), size):
        head = data[begin : begin + FRAME_HEADER]
        if len(head) < FRAME_HEADER or head[8:16] != data[16:24]:
            return is_open or 0 < len(head) < FRAME_HEADER
        is_open = head[4:8] == bytes(4) or begin + size > len(data)
    return is_open


def hashes(path, n_runs):
    """Return the hash of the rows and that of the traces without their clock; what is wrong with the number of runs."""
    with Store(path, read_only=True) as store:
        counts = store.counts("torture")
        traces = store.traces("torture").drop(columns="seconds").fillna(-1.0)
        found = store.data_hash("torture"), hashlib.sha256(traces.to_csv(index=False).encode()).hexdigest()
        names = [row["name"] for row in store.studies()]
        n_rows = len(store.runs())
    wrong = [] if n_rows == n_runs and names == ["torture"] else [f"{n_rows} runs of {n_runs} in studies {names}"]
    return found, counts, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="how often the driver is killed (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the kills' moments")
    parser.add_argument("--seeds", type=int, help=f"of the study (default: {SEEDS_A_KILL} a kill)")
    parser.add_argument("--without-transaction", action="store_true", help="store runs in two statements: must fail")
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    options = parser.parse_args()
    n_seeds = options.seeds or SEEDS_A_KILL * options.kills
    if options.drive:
        drive(options.drive, n_seeds, options.without_transaction)
        return 0
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        return torture(Path(folder), n_seeds, options)


def torture(folder, n_seeds, options):
    n_runs = 5 * n_seeds
    begun = time.monotonic()
    calm = Torture(folder / "calm.db", n_seeds, False)
    calm.to_the_end()
    wanted, counts, problems = hashes(calm.store, n_runs)
    print(f"undisturbed: {n_runs} runs in {time.monotonic() - begun:.0f} s: {counts}", flush=True)

    begun = time.monotonic()
    chance = random.Random(options.seed)
    tortured = Torture(folder / "tortured.db", n_seeds, options.without_transaction)
    n_kills = 0
    while n_kills < options.kills and tortured.n_stored < n_runs:
        n_kills += tortured.kill_once(chance.uniform(0.0, 0.3), chance.random() < 0.5)
        if n_kills % 10 == 0:
            print(f"  {n_kills} kills, {len(tortured.acknowledged)} runs acknowledged", flush=True)
    tortured.to_the_end()
    found, _, wrong = hashes(tortured.store, n_runs)
    problems += [*calm.problems, *tortured.problems, *wrong]
    if n_kills < options.kills:
        problems.append(f"the study was done after {n_kills} kills: give more --seeds")
    for what, one, other in zip(("rows", "traces"), found, wanted):
        if one != other:
            problems.append(f"the {what} are not those of the undisturbed study")
    print(
        f"{n_kills} kills in {time.monotonic() - begun:.0f} s: {tortured.n_cut} cut a transaction in two, "
        f"{tortured.n_before_saying} came between a run's commit and its acknowledgement"
    )
    for problem, times in sorted({one: problems.count(one) for one in problems}.items()):
        print(f"WRONG: {problem}{f' ({times} times)' if times > 1 else ''}")
    print("something is wrong" if problems else "nothing lost, nothing twice, the same bits")
    if problems and (folder / "drivers.log").exists():
        print((folder / "drivers.log").read_text(errors="replace")[-2000:])
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
