"""Checks of what a run depends on and leaves behind: start, seed, random, memory, nested, options, surroundings."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import io
import logging
import os
import random as python_random
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

from ..errors import DescriptionError, OptcompareError
from ..objective.builders import mlp_objective
from ..objective.datasets import load_dataset
from ..objective.layout import Vector
from ..objective.noise import Minibatch
from ..objective.penalties import L2
from ..optimizers.base import Optimizer, get_optimizer
from ..runs.describe import describe
from ..runs.run import Run
from .trial import Broken, bowl, expect_ended, is_same_run, run_of, trial


def seed(optimizer: Optimizer, is_quick: bool) -> str:
    """The same seed gives the same bits; another seed another run, where there is any randomness."""
    noisy = mlp_objective(load_dataset("iris", seed=0), hidden=(3,), penalty=L2(0.1), noise=Minibatch(20))
    once, again, other = (run_of(optimizer, noisy, 40, seed=number) for number in (5, 5, 6))
    expect_ended(once, "40 passes with minibatches")
    _expect_same(once, again, "the same seed gave two runs on minibatches")
    if not (other.theta != once.theta).any():
        raise Broken(
            "two seeds, two starts, the same answer to the last bit",
            "begin at the `start` that minimize is given, and draw from `rng`",
        )
    one, two = _asked(optimizer, 11), _asked(optimizer, 12)
    if not _is_same_list(one.asked, _asked(optimizer, 11).asked):
        raise Broken(
            "the same rng and start gave two runs that ask for different points",
            "draw from `rng` alone: no generator of your own, no clock, no order of a set, nothing kept from before",
        )
    if not _is_same_list(one.asked, two.asked):
        return "the same seed twice: the same bits; two seeds from one start: different runs"
    if one.own_generators and not one.is_drawn_from:
        raise Broken(
            f"two seeds from one start gave the same run, and it made a generator of its own ({one.own_generators[0]})",
            "draw from the `rng` that minimize is given, or seed yours by it: default_rng(rng.integers(2**63))",
        )
    drawn = "it draws from rng without an effect" if one.is_drawn_from else "deterministic: it draws nothing from rng"
    return f"the same seed twice: the same bits; {drawn}"


@dataclasses.dataclass
class _Asked:
    """The points that one call asked for, whether rng was drawn from, the generators that it made besides."""

    asked: list[Vector]
    is_drawn_from: bool
    own_generators: list[str]


def _asked(optimizer: Optimizer, number: int) -> _Asked:
    calls: list[Vector] = []
    rng, made = np.random.default_rng(number), []
    before, build = str(rng.bit_generator.state), np.random.default_rng

    def noted(*arguments: Any) -> np.random.Generator:
        made.append(f"default_rng({', '.join(map(repr, arguments))})")
        return build(*arguments)

    objective = bowl(calls=calls, function=lambda theta: float((theta**4).sum()))
    trial(optimizer, objective, 60, rng=rng, within=mock.patch.object(np.random, "default_rng", noted))
    return _Asked(calls, str(rng.bit_generator.state) != before, made)


def _is_same_list(one: list[Vector], other: list[Vector]) -> bool:
    return len(one) == len(other) and all(np.array_equal(*pair, equal_nan=True) for pair in zip(one, other))


def _expect_same(one: Run, other: Run, what: str) -> None:
    if difference := is_same_run(one, other):
        raise Broken(
            f"{what}: {difference}",
            "draw from `rng` alone, and keep nothing outside minimize: no module variable, no class attribute, "
            "no cache that changes an answer",
        )


def random(optimizer: Optimizer, is_quick: bool) -> str:
    """The global generators of numpy and of Python are neither drawn from nor seeded."""
    before = _global_states()
    try:
        run_of(optimizer, bowl(), 5)  # imports
        for number in (1, 2):
            np.random.seed(number)  # noqa: NPY002 - to see whether anybody looks
            python_random.seed(number)
            expected = _global_states()
            trial(optimizer, bowl(), 100)
            if _global_states()[0] != expected[0] or _global_states()[1] != expected[1]:
                which = "numpy's" if _global_states()[0] != expected[0] else "Python's"
                raise Broken(
                    f"{which} global random generator was drawn from or seeded",
                    "draw from `rng` (rng.standard_normal(d), rng.integers(k), rng.permutation(d)), never from "
                    "np.random.* or random.*, and seed nothing; hand rng on to libraries that take one",
                )
    finally:
        np.random.set_state(before[2])  # noqa: NPY002
        python_random.setstate(before[1])
    return "the global generators of numpy and Python stay untouched over 100 passes"


def _global_states() -> tuple[Any, Any, Any]:
    state = np.random.get_state()  # noqa: NPY002
    return (str(state[1].tolist()), python_random.getstate(), state)  # type: ignore[index,union-attr]


def memory(optimizer: Optimizer, is_quick: bool) -> str:
    """Nothing is kept from one run to the next, within one object or outside it."""
    first = run_of(optimizer, bowl(), 80, seed=5)
    run_of(optimizer, bowl(2), 40, seed=7)
    run_of(optimizer, bowl(), 40, seed=8)
    _expect_same(first, run_of(optimizer, bowl(), 80, seed=5), "the same run again, after two others, is another one")
    _expect_same(first, run_of(copy.copy(optimizer), bowl(), 80, seed=5), "a copy of the optimizer made another run")
    return "the same run before and after two others, in 2 and 4 dimensions: the same bits"


def nested(optimizer: Optimizer, is_quick: bool) -> str:
    """A run inside another one's objective changes neither."""
    depth: list[int] = []

    def interleaving(theta: Vector) -> float:
        if len(depth) < 3:
            depth.append(1)
            if type(optimizer).is_reentrant:
                run_of(optimizer, bowl(), 12, seed=9)
            run_of(get_optimizer("pso"), bowl(), 12, seed=9)
        return float((theta**4).sum())

    plain = run_of(optimizer, bowl(function=lambda theta: float((theta**4).sum())), 60, seed=5)
    _expect_same(plain, run_of(optimizer, bowl(function=interleaving), 60, seed=5), "with other runs inside it")
    inside = "itself and pso" if type(optimizer).is_reentrant else "pso"
    return f"the same bits with runs of {inside} inside its objective"


def options(optimizer: Optimizer, is_quick: bool) -> str:
    """Options are declared and the same after a run; wrong ones are refused. They are frozen by Optimizer itself."""
    cls = type(optimizer)
    bare = _undeclared(cls)
    if bare:
        (name, value), kind = bare[0], type(bare[0][1]).__name__
        raise Broken(
            f"{name} = {value!r} in {cls.__name__} is no option, as it has no type: {cls.__name__}({name}=...) fails",
            f"write `{name}: {kind} = {value!r}`, or `{name}: ClassVar[{kind}] = {value!r}` where it is fixed",
        )
    before = _made_of(optimizer)
    run_of(optimizer, bowl(), 60)
    after = _made_of(optimizer)
    if before != after:
        raise Broken(
            f"after a run `{_difference(before, after) or 'self'}` is not what it was",
            "keep what changes in local variables of minimize: options, class attributes and module variables stay",
        )
    names = [field.name for field in dataclasses.fields(optimizer)]  # type: ignore[arg-type]
    try:
        cls(no_such_option=1)  # type: ignore[call-arg]
    except (TypeError, OptcompareError):
        return f"{len(names)} options, the same after a run; an unknown one is refused"
    raise Broken(f"{cls.__name__}(no_such_option=1) is taken", "do not write __init__: declare options as fields")


def _undeclared(cls: type[Optimizer]) -> list[tuple[str, Any]]:
    """Return class attributes that look like options and have no annotation."""
    known = {*Optimizer.__dict__, *(field.name for field in dataclasses.fields(cls))}  # type: ignore[arg-type]
    annotated = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
    found = [(name, value) for name, value in vars(cls).items() if name not in known | annotated]
    return [(name, value) for name, value in found if name[0] != "_" and isinstance(value, bool | int | float | str)]


def _made_of(optimizer: Optimizer) -> Any:
    """Return the description of an optimizer, code and what it uses included; its fields where there is none."""
    try:
        return describe(optimizer), sorted(vars(optimizer))
    except DescriptionError:
        return {name: repr(value) for name, value in vars(optimizer).items()}


_NAMED = ("fields", "members", "globals", "closure")  # parts of a description whose keys are names in the code


def _difference(before: Any, after: Any, name: str = "", *, is_named: bool = False) -> str:
    """Return the innermost name under which two descriptions differ, or ""."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        pairs = [(key, before[key], after[key]) for key in before]
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple) and len(before) == len(after):
        pairs = [("", one, other) for one, other in zip(before, after)]
    else:
        return name
    for key, one, other in pairs:
        if one != other:
            return _difference(one, other, key if is_named else name, is_named=key in _NAMED)
    return name


def start(optimizer: Optimizer, is_quick: bool) -> str:
    """The start is evaluated among the first points and not written into."""
    point = np.array([0.3, -0.2, 0.1, 0.4])
    calls: list[Vector] = []
    made = trial(optimizer, bowl(calls=calls), 100, start=point)
    if not np.array_equal(made.start, point):
        raise Broken(
            f"the start {point} was {made.start} after the run",
            "work on a copy: theta = start.copy(), and `theta = theta - step` in place of `theta -= step`",
        )
    places = [place for place, call in enumerate(calls[:60]) if np.array_equal(call, point)]
    if not places:
        raise Broken(
            f"the start is none of the first {min(60, len(calls))} points that were evaluated",
            "evaluate it first, objective.value(start), or as a member of the first population: all optimizers are "
            "compared from the same point",
        )
    return f"evaluation {places[0] + 1} is the start, bit for bit; the array stays as it was"


def surroundings(optimizer: Optimizer, is_quick: bool) -> str:
    """Loggers, warning filters, folder, environment, numpy's error state and threads stay; nothing is printed."""
    printed = io.StringIO()
    with _empty_folder(), contextlib.redirect_stdout(io.StringIO()):
        run_of(optimizer, bowl(), 5)  # imports, which may add warning filters of their own
    with _empty_folder() as folder, contextlib.redirect_stdout(printed):
        before = _surroundings(folder)
        trial(optimizer, bowl(), 100)
        after = _surroundings(folder)
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise Broken(
            f"a run left a change behind: {', '.join(changed)}",
            "put back what you change, in a `with` or `finally`; write no files; join the threads that you start",
        )
    if printed.getvalue():
        n_lines = printed.getvalue().count("\n")
        raise Broken(
            f"it printed {n_lines} lines in 100 passes, the first: {printed.getvalue().splitlines()[0][:60]!r}",
            "print nothing: a study makes thousands of runs; silence a library by its own option (disp=False)",
        )
    return "loggers, warning filters, folder, environment, error state and threads as before; nothing printed"


def _surroundings(folder: str) -> dict[str, Any]:
    return {
        "the root logger's handlers": logging.getLogger().handlers[:],
        "the warning filters": warnings.filters[:],
        "the working folder": os.getcwd(),
        "files in the working folder": sorted(os.listdir(folder)),
        "environment variables": dict(os.environ),
        "numpy's error state": np.geterr(),
        "running threads": threading.active_count(),
    }


@contextlib.contextmanager
def _empty_folder() -> Iterator[str]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield os.getcwd()
        finally:
            os.chdir(before)
