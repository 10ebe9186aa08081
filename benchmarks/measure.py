"""Ratios that hold on a noisy machine: what every benchmark of this folder shares.

Ours and the peer run in the same process, in turn, each block long enough for the clock; what counts is the median over
the pairs of theirs/ours (or of ours - theirs), with the quartiles beside it. CPU time of this process, except where a
goal says wall. A script states a goal, yields what it measured, and ends with ``sys.exit(main(...))``::

    python benchmarks/population_loop.py [--smoke] [--json FILE]

--smoke: everything once, on little work, to see that it runs; its numbers mean nothing.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """A row of the goals' table.

    wanted: case -> number. unit: "x" (a ratio), "us", "MB" or "s". is_least: the number is to be reached at least, else
    at most. peers: the distributions that are compared with.
    """

    number: int
    work: str
    wanted: dict[str, float]
    unit: str = "x"
    is_least: bool = True
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effort:
    """How often, and how long a block is in seconds."""

    repeats: int = 7
    seconds: float = 0.1
    is_smoke: bool = False


@dataclass(frozen=True)
class Measured:
    """What was measured: the median and quartiles over the pairs, and a text that says from what."""

    value: float
    low: float = math.nan
    high: float = math.nan
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a result."""

    number: int
    work: str
    case: str
    wanted: float
    unit: str
    is_least: bool
    verdict: str
    measured: Measured = field(default_factory=lambda: Measured(math.nan))


def verdict(goal, wanted, value):
    """Return "met", or "short by" how much of what is wanted; nan has no goal: "for comparison"."""
    if math.isnan(wanted):
        return "for comparison"
    if (value >= wanted) if goal.is_least else (value <= wanted):
        return "met"
    gap = (wanted - value) / wanted if goal.is_least else (value - wanted) / wanted
    return f"short by {plain(100 * gap, 2)} %"


def plain(value, digits=3):
    """Return a number of so many digits, never with an exponent where it is large."""
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


# -- measuring ----------------------------------------------------------------------------------------------------


def seconds_a_call(call, n_calls, clock):
    """Return the mean time of ``n_calls`` calls."""
    before = clock()
    for _ in range(n_calls):
        call()
    return (clock() - before) / n_calls


def calls_a_block(call, effort, clock=time.process_time):
    """Return how many calls fill a block, after a call that warms up."""
    call()
    if effort.is_smoke:
        return 1
    n_calls = 1
    while (spent := n_calls * seconds_a_call(call, n_calls, clock)) < 0.2 * effort.seconds:
        n_calls = max(2 * n_calls, math.ceil(0.25 * n_calls * effort.seconds / max(spent, 1e-9)))
    return max(1, math.ceil(n_calls * effort.seconds / spent))


def in_turn(ours, theirs, effort, clock=time.process_time, n_calls=None):
    """Return the times a call of ours and of theirs, pair by pair; who comes first alternates."""
    blocks = [n_calls or calls_a_block(call, effort, clock) for call in (ours, theirs)]
    pairs = []
    for repeat in range(effort.repeats):
        pair = [0.0, 0.0]
        for which in (0, 1) if repeat % 2 == 0 else (1, 0):
            pair[which] = seconds_a_call((ours, theirs)[which], blocks[which], clock)
        pairs.append((pair[0], max(pair[1], 1e-12)))
    return pairs


def summary(numbers, detail=""):
    """Return the median and quartiles of some numbers."""
    numbers = list(numbers)
    low, _, high = statistics.quantiles(numbers, n=4) if len(numbers) > 1 else (numbers[0],) * 3
    return Measured(statistics.median(numbers), low, high, detail)


def times_faster(ours, theirs, effort, clock=time.process_time, n_calls=None):
    """Return theirs/ours."""
    pairs = in_turn(ours, theirs, effort, clock, n_calls)
    detail = " against ".join(as_time(statistics.median(side)) for side in zip(*pairs))
    return summary((theirs / max(ours, 1e-12) for ours, theirs in pairs), detail)


def times_slower(ours, theirs, effort, clock=time.process_time, n_calls=None):
    """Return ours/theirs."""
    pairs = in_turn(ours, theirs, effort, clock, n_calls)
    detail = " against ".join(as_time(statistics.median(side)) for side in zip(*pairs))
    return summary((ours / theirs for ours, theirs in pairs), detail)


def microseconds_more(ours, theirs, effort):
    """Return ours - theirs in microseconds."""
    pairs = in_turn(ours, theirs, effort)
    detail = " against ".join(as_time(statistics.median(side)) for side in zip(*pairs))
    return summary((1e6 * (ours - theirs) for ours, theirs in pairs), detail)


def as_time(seconds):
    """Return seconds as a short text."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{1e6 * seconds:.3g} us"


# -- telling ------------------------------------------------------------------------------------------------------


def machine():
    """Return one line on the machine."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = found[0] if found else name
    limited = os.environ.get("BENCHMARKS_LIMITED_TO")
    name += f" limited to {limited}" if limited else ""
    return f"{name}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}"


def version(name):
    """Return a distribution's version."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def versions(goal):
    """Return the versions of what takes part."""
    return {name: version(name) for name in ("optcompare", "numpy", "scipy", "numba", *goal.peers)}


def number(value, unit):
    """Return a number with its unit."""
    if math.isnan(value):
        return "-"
    text = f"{value:.3f}" if unit == "x" and 0.8 < value < 1.2 else plain(value)
    return text if unit == "x" else f"{text} {unit}"


def table(rows):
    """Return the rows as Markdown."""
    lines = ["| # | work | case | goal | measured (quartiles) | from | verdict |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        sign, found = ("≥" if row.is_least else "≤"), row.measured
        spread = "" if math.isnan(found.low) else f" ({number(found.low, 'x')} to {number(found.high, 'x')})"
        wanted = "" if math.isnan(row.wanted) else f"{sign} {row.wanted:g}{'' if row.unit == 'x' else ' ' + row.unit}"
        cells = [row.number, row.work, row.case, wanted, number(found.value, row.unit) + spread, found.detail]
        lines.append("| " + " | ".join(map(str, [*cells, row.verdict])) + " |")
    return "\n".join(lines)


def compact(rows):
    """Return one line a goal, without what is only for comparison: for the README."""
    lines = ["| # | work | goal | measured | verdict |", "|---|---|---|---|---|"]
    for place in dict.fromkeys(row.number for row in rows):
        cases = [row for row in rows if row.number == place and not math.isnan(row.wanted)]
        sign = "≥" if cases[0].is_least else "≤"
        unit = "" if cases[0].unit == "x" else f" {cases[0].unit}"
        every = [f"{row.wanted:g}" for row in cases]
        wanted = every[0] if len(set(every)) == 1 else " / ".join(every)
        found = " / ".join(number(row.measured.value, "x") for row in cases)
        short = [f"{row.verdict} ({row.case})" for row in cases if row.verdict != "met"]
        said = "; ".join(short) if short else "met"
        names = ", ".join(row.case for row in cases)
        work = f"{cases[0].work}: {names}" if len(cases) > 1 else cases[0].work
        lines.append(f"| {place} | {work} | {sign} {wanted}{unit} | {found}{unit} | {said} |")
    return "\n".join(lines)


def rows_of(goal, measure, effort):
    """Return a goal's rows; a peer that is missing makes every case "not installed"."""
    facts = {"number": goal.number, "work": goal.work, "unit": goal.unit, "is_least": goal.is_least}
    rows = []
    try:
        for case, measured in measure(effort):
            wanted = goal.wanted.get(case, math.nan)
            found = "smoke" if effort.is_smoke else verdict(goal, wanted, measured.value)
            rows.append(Row(**facts, case=case, wanted=wanted, measured=measured, verdict=found))
    except ModuleNotFoundError as missing:
        if missing.name not in goal.peers:
            raise
        done = {row.case for row in rows}
        left = {case: wanted for case, wanted in goal.wanted.items() if case not in done}
        text = f"{missing.name} is not installed"
        rows += [Row(**facts, case=case, wanted=wanted, verdict=text) for case, wanted in left.items()]
    return rows


def main(goal, measure, description):
    """Measure as the command line says, print the table, and write JSON where asked; return the exit status, 0."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="everything once, on little work")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of blocks (default: 7)")
    parser.add_argument("--json", type=Path, help="write the result there")
    options = parser.parse_args()
    effort = Effort(1, 0.0, True) if options.smoke else Effort(options.repeats)
    with threadpool_limits(1, user_api="blas"):
        rows = rows_of(goal, measure, effort)
    print(machine())
    print(", ".join(f"{name} {found}" for name, found in versions(goal).items()))
    print(table(rows))
    if options.json:
        result = {"machine": machine(), "versions": versions(goal), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.flush()
    return 0
