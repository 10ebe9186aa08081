"""Goal 13: ``import optcompare``, CPU seconds in a fresh process; for comparison numpy, which is part of it, alone."""

import subprocess
import sys

from measure import Goal, main, summary

GOAL = Goal(13, "import optcompare", {"optcompare": 0.2}, unit="s", is_least=False)
CODE = """
import time
wall, cpu = time.perf_counter(), time.process_time()
import {module}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def seconds_to_import(module):
    """Return CPU and wall-clock seconds."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)], check=True, capture_output=True, text=True
    )
    return tuple(map(float, done.stdout.split()))


def measured(effort):
    seconds_to_import("optcompare")  # warms the disk's cache
    rounds = [(seconds_to_import("optcompare"), seconds_to_import("numpy")) for _ in range(effort.repeats)]
    for case, times in zip(("optcompare", "numpy alone"), zip(*rounds)):
        cpu, wall = zip(*times)
        yield case, summary(cpu, f"CPU; wall clock {sorted(wall)[len(wall) // 2]:.3f} s")


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
