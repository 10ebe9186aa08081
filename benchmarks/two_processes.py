"""Goal 12: a study on two processes against the same study in one, wall clock; needs two idle cores.

Runs are short (about a tenth of a second) and many; starting the workers counts. Beside the ratio stands what CPU
accounting says: twice the serial run's CPU time over all CPU time that driver and workers took, which is the ratio that
two cores without any other work would give if nothing ever waited.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from measure import Goal, main, summary

import optcompare as oc

GOAL = Goal(12, "a study on 2 processes against serial, wall clock", {"2 processes": 1.9})
N_SEEDS = 100


def cpu_seconds():
    """Return CPU seconds of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds(study, jobs):
    """Return wall-clock and CPU seconds of the whole study."""
    with tempfile.TemporaryDirectory() as folder:
        before, cpu = time.perf_counter(), cpu_seconds()
        study.run(Path(folder) / "runs.db", jobs=jobs, progress=False)
        return time.perf_counter() - before, cpu_seconds() - cpu


def measured(effort):
    study = oc.Study(
        name="two", question="Do two processes halve the time?",
        objectives={"cancer": oc.linear_objective(oc.load_dataset("breast_cancer"), penalty=oc.L2(1.0))},
        lambdas=[0.1, 1.0], optimizers=["nelder_mead", "powell"], budget=200 if effort.is_smoke else 3000,
        seeds=range(2 if effort.is_smoke else N_SEEDS),
    )  # fmt: skip
    pairs = [(seconds(study, 1), seconds(study, 2)) for _ in range(effort.repeats)]
    walls = [[wall for wall, _ in pair] for pair in pairs]
    cpu = summary(2 * serial[1] / two[1] for serial, two in pairs).value
    one, two = (sorted(side)[len(side) // 2] for side in zip(*walls))
    detail = f"{two:.1f} s against {one:.1f} s; by CPU accounting {cpu:.2f}"
    yield "2 processes", summary((serial / both for serial, both in walls), detail)


if __name__ == "__main__":
    sys.exit(main(GOAL, measured, __doc__))
