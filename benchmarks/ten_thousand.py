"""Ten thousand short runs in one study: what the harness itself costs a run, and whether the driver's memory grows.

    python benchmarks/ten_thousand.py [--runs 10000] [--jobs 2]

Every run does nothing (its optimizer returns half the start), so all of the time is the harness's: identity, start,
final measurements, travel between processes, the transaction. Exit status 1 where the driver's memory grew by more
than 20 MB between the first and the last tenth of the runs.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import optcompare as oc
from optcompare.results import Results
from optcompare.runs.driver import Progress
from optcompare.runs.store import Store

MOST_GROWTH = 20.0


def bowl(theta):
    return float(((theta - 2.0) ** 2).sum())


def nothing(objective, start, rng):
    return start / 2


def resident():
    """Return this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Watch(Progress):
    """Notes the driver's memory, and when the first and the last run were stored."""

    def __init__(self, total):
        super().__init__("watched", total, is_shown=False)
        self.every = max(1, total // 10)
        self.memory = []
        self.begun = self.ended = self.storing = 0.0

    def timed(self, add_run):
        """Return add_run with a clock."""

        def timed(store, record):
            before = time.perf_counter()
            add_run(store, record)
            self.storing += time.perf_counter() - before

        return timed

    def advance(self, *, is_failure):
        super().advance(is_failure=is_failure)
        self.begun = self.begun or time.perf_counter()
        self.ended = time.perf_counter()
        if self.n_done % self.every == 0:
            self.memory.append(resident())


def measured(n_runs, jobs, folder):
    """Run the study and return the line of the table, and the driver's memory at each tenth."""
    study = oc.Study(
        name="short", question="What does a run cost that does nothing?",
        objectives={"bowl": oc.function_objective(bowl, dim=10, gradient=lambda t: 2 * (t - 2), penalty=oc.L2(1.0))},
        lambdas=[1.0], optimizers={"nothing": nothing}, seeds=range(n_runs), budget=10,
    )  # fmt: skip
    grid = study.grid()
    before = time.perf_counter()
    n_keys = len({grid.key(task) for task in grid.tasks()})
    keys = (time.perf_counter() - before) / n_keys
    watch = Watch(n_runs)
    path = folder / f"{jobs}.db"
    before = time.perf_counter()
    plain, Store.add_run = Store.add_run, watch.timed(Store.add_run)
    study.run(path, jobs=jobs, progress=watch)
    Store.add_run = plain
    total = time.perf_counter() - before
    before = time.perf_counter()
    study.run(path, jobs=jobs, progress=False)
    again = time.perf_counter() - before
    with Store(path, read_only=True) as store:
        n_stored = len(Results(store, "short").to_frame())
    assert n_stored == n_keys == n_runs, (n_stored, n_keys, n_runs)
    each = (watch.ended - watch.begun) / (n_runs - 1)
    print(
        f"jobs {jobs}: {1e3 * each:.2f} ms a run, {1e3 * watch.storing / n_runs:.2f} of it the transaction, and "
        f"{1e3 * keys:.2f} ms for its key; {total:.1f} s for {n_runs} runs, {again:.1f} s to see that none is missing; "
        f"{path.stat().st_size / n_runs / 1e3:.1f} kB a run in the store"
    )
    return watch.memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores (load {load:.1f}), Python {platform.python_version()}")
    is_flat = True
    with tempfile.TemporaryDirectory() as folder:
        for jobs in dict.fromkeys([1, options.jobs]):
            memory = measured(options.runs, jobs, Path(folder))
            growth = memory[-1] - memory[0]
            is_flat &= growth <= MOST_GROWTH
            print(f"  driver's memory at each tenth: {', '.join(f'{one:.0f}' for one in memory)} MB ({growth:+.1f})")
    print("flat" if is_flat else f"the driver's memory grew by more than {MOST_GROWTH:g} MB")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
