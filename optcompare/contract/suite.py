"""The whole contract: its checks by name, one of them on an optimizer, all of them in processes that can be killed."""

from __future__ import annotations

import contextlib
import functools
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import InvalidInputError, OptcompareError
from ..optimizers.base import Optimizer
from ..runs.executors import ProcessExecutor, RunFailure, pickled
from ..runs.stopping import Stop
from ..runs.worker import check_limits
from . import problems, repeating, spending, travelling
from .source import Source, title
from .trial import Broken, Finding, place_of

Check = Callable[[Optimizer, bool], str]
LIMIT = 60.0  # seconds a check may take
LOAD = "load"  # the first task: to find the optimizer

# In the order of a first attempt: an optimizer that does not end is told so before anything else.
CHECKS: Mapping[str, Check] = {
    "ends": spending.ends,
    "budget": spending.budget,
    "purse": spending.purse,
    "best": spending.best,
    "answer": spending.answer,
    "start": repeating.start,
    "seed": repeating.seed,
    "random": repeating.random,
    "memory": repeating.memory,
    "nested": repeating.nested,
    "options": repeating.options,
    "surroundings": repeating.surroundings,
    "dimensions": problems.dimensions,
    "nan": problems.nan,
    "errors": problems.errors,
    "constraint": problems.constraint,
    "noise": problems.noise,
    "gradient": problems.gradient,
    "identity": travelling.identity,
    "travel": travelling.travel,
    "summary": problems.summary,
}


def run_check(name: str, optimizer: Optimizer, *, is_quick: bool = False) -> Finding:
    """Run one check in this process: an optimizer that hangs or crashes takes the process along."""
    try:
        return Finding(name, True, CHECKS[name](optimizer, is_quick))
    except Broken as broken:
        return Finding(name, False, _in_a_line(broken.measured), broken.advice)
    except OptcompareError as error:
        return Finding(name, False, _in_a_line(str(error)), "see what it asks for")


def _in_a_line(text: str) -> str:
    """Return the text without line breaks, and not for ever."""
    return textwrap.shorten(text, 400, placeholder=" ...")


def check_source(
    source: Source,
    *,
    is_quick: bool = False,
    limit: float = LIMIT,
    checks: Sequence[str] = tuple(CHECKS),
    show: Callable[[str | Finding], None] = lambda found: None,
) -> list[Finding]:
    """Return what every check found; the user's code runs in other processes alone.

    limit: seconds a check may take. checks: their names. show: is given the optimizer's title, then every finding as
    soon as it is there. Where the first check shows that it does not end or cannot run, nothing more is tried. Raises
    InvalidInputError where there is no optimizer to check.
    """
    source.check_exists()
    check_limits(limit)
    findings: list[Finding] = []
    work = pickled(functools.partial(_at_work, source, is_quick))

    def on_done(task: tuple[Any, ...], made: Any) -> None:
        if task[0] == LOAD:
            show(_loaded(source, made))
            return
        if stop.is_set:  # it was under way when the first check failed
            return
        findings.append(_as_finding(task[0], made, limit))
        show(findings[-1])
        if len(findings) == 1 and not findings[0].is_kept:
            stop.n_asked += 1

    stop = Stop()
    tasks = [(name,) for name in (LOAD, *checks)]
    ProcessExecutor(1).run(work, tasks, on_done, run_timeout=limit, stop=stop)
    return findings


def _loaded(source: Source, made: Any) -> str:
    """Return the title, or raise what kept the file from being loaded."""
    if isinstance(made, OptcompareError):
        raise made
    if isinstance(made, RunFailure):
        how = "did not end" if made.status == "TIMEOUT" else "ended the process"
        raise InvalidInputError(
            f"loading {source.given!r} {how}: {made.message}. Put what is to run, not to be imported, under "
            '`if __name__ == "__main__":`'
        )
    return str(made)


_load = functools.cache(Source.load)


def _at_work(source: Source, is_quick: bool, task: tuple[str]) -> Any:
    """In the other process: load the optimizer, or run one check of it, with nothing printed."""
    (name,) = task
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            if name == LOAD:
                return title(_load(source), source)
            return run_check(name, _load(source), is_quick=is_quick)
        except OptcompareError as error:
            return type(error)(str(error))
        except (Exception, SystemExit) as error:
            return Finding(
                name, False, f"{type(error).__name__}: {error}{place_of(error)}", "find out why at that line"
            )


def _as_finding(name: str, made: Any, limit: float) -> Finding:
    if isinstance(made, Finding):
        return made
    if not isinstance(made, RunFailure):
        return Finding(name, False, str(made), "see what it asks for")
    if made.status == "TIMEOUT":
        return Finding(
            name,
            False,
            f"not done after {limit:g} s, killed",
            "every loop of minimize must call objective.value, values or gradient, which ends the run when the budget "
            "is spent, or come to an end; where each step is merely slow, give --limit SECONDS",
        )
    return Finding(name, False, made.message, "it ends the whole process: no os._exit; look at native code it calls")


def finding_text(finding: Finding) -> str:
    """Return a finding as text: a line, and a second one that says what to do where the contract is not kept."""
    verdict = "pass" if finding.is_kept else "FAIL"
    line = f"{verdict}  {finding.check:<12}  {finding.measured}"
    return line if finding.is_kept else f"{line}\n      {'':<12}  to do: {finding.advice}"
