"""From what a user names to an Optimizer: a file with a class or a function in it, or the name of a registered one."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..errors import InvalidInputError, OptcompareError, UnknownNameError
from ..optimizers.base import Optimizer, as_optimizer, get_optimizer
from .trial import place_of, title_of

PARAMETERS = "(objective, start, rng)"
EXAMPLE = '''import optcompare as oc

class Mine(oc.Optimizer):
    """What it does, in a line."""

    step: float = 0.1

    def minimize(self, objective, start, rng):
        objective.value(start)
        ...'''
_MODULE = "checked_"  # before a file's own name: a file called random.py shall not stand in for Python's


@dataclass(frozen=True)
class Source:
    """What to check: the path of a file, or the name of a registered optimizer; ``name``: which thing in the file."""

    given: str
    name: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a path."""
        return self.given.endswith(".py") or "/" in self.given or Path(self.given).is_file()

    def check_exists(self) -> None:
        """Raise InvalidInputError where there is no such file, or no such name, before anything is started."""
        path = Path(self.given)
        if not self.is_file:
            if self.name:
                raise InvalidInputError(f"--name picks one of several in a file, and {self.given!r} is no file")
            try:
                get_optimizer(self.given)
            except UnknownNameError as error:
                raise UnknownNameError(
                    f"{error}. For one of your own give its file: optcompare check FILE.py"
                ) from None
        elif not path.is_file():
            near = difflib.get_close_matches(path.name, [one.name for one in path.parent.glob("*.py")], n=1)
            raise InvalidInputError(f"no file at {self.given!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        elif path.suffix != ".py":
            raise InvalidInputError(f"{self.given!r} is no Python file: give a file that ends with .py")

    def load(self) -> Optimizer:
        """Return the optimizer; a file's code is run. Raises InvalidInputError that says what is wrong, and where."""
        if not self.is_file:
            return get_optimizer(self.given)
        path = Path(self.given).absolute()
        return _built(_chosen(_loaded(path), path, self.name), path)


def _loaded(path: Path) -> ModuleType:
    """Run the file as a module."""
    name = _MODULE + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may import what lies beside it; last, so that none is taken for Python's
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise InvalidInputError(f"{path.name}, line {error.lineno}: {error.msg}: {line!r}") from None
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"{path.name} imports {error.name!r}, which is not installed here{place_of(error)}: install it with "
            f"{sys.executable} -m pip install, or import it inside minimize"
        ) from None
    except (Exception, SystemExit) as error:
        raise InvalidInputError(
            f"{path.name} cannot be loaded: {type(error).__name__}: {error}{place_of(error)}. Put what is to run, not "
            'to be imported, under `if __name__ == "__main__":`'
        ) from None
    return module


def _chosen(module: ModuleType, path: Path, name: str) -> Any:
    """Return the class, function or object that is meant."""
    own = {key: thing for key, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__}
    classes = {key: thing for key, thing in own.items() if isinstance(thing, type) and issubclass(thing, Optimizer)}
    complete = {key: thing for key, thing in classes.items() if not inspect.isabstract(thing)}
    functions = {key: thing for key, thing in own.items() if _takes_three(thing) and not key.startswith("_")}
    if name:
        if not hasattr(module, name):
            known = [*complete, *functions]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UnknownNameError(f"{path.name} has no {name!r}.{hint} It has {', '.join(known) or 'no optimizer'}")
        return getattr(module, name)
    candidates = complete or functions
    if len(candidates) > 1:
        raise InvalidInputError(
            f"{path.name} has {len(candidates)} optimizers: say which, with --name {' or --name '.join(candidates)}"
        )
    if not candidates:
        raise InvalidInputError(f"{path.name} has no optimizer in it. {_nearest(own, classes)}")
    return next(iter(candidates.values()))


def _takes_three(thing: Any) -> bool:
    if not isinstance(thing, FunctionType):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(thing).parameters.values()
    return sum(one.kind in places and one.default is one.empty for one in parameters) == 3


def _nearest(own: dict[str, Any], classes: dict[str, Any]) -> str:
    """Say what comes nearest to an optimizer, and what it lacks."""
    for key in classes:
        return f"The class {key} has no method minimize(self, objective, start, rng)"
    for key, thing in own.items():
        if isinstance(thing, type) and callable(getattr(thing, "minimize", None)):
            return f"The class {key} has a method minimize but is no oc.Optimizer: write `class {key}(oc.Optimizer):`"
    for key, thing in own.items():
        if isinstance(thing, FunctionType) and not key.startswith("_"):
            return (
                f"The function {key}{inspect.signature(thing)} would have to take {PARAMETERS}; or write a class:"
                f"\n\n{EXAMPLE}\n"
            )
    return f"Write a function f{PARAMETERS} or a class:\n\n{EXAMPLE}\n"


def _built(thing: Any, path: Path) -> Optimizer:
    """Return the optimizer with its default options."""
    if isinstance(thing, type) and not (issubclass(thing, Optimizer) and not inspect.isabstract(thing)):
        raise InvalidInputError(f"{path.name}: {thing.__name__} is no oc.Optimizer with a method minimize")
    if isinstance(thing, FunctionType) and not _takes_three(thing):
        raise InvalidInputError(
            f"{path.name}: {thing.__name__}{inspect.signature(thing)} would have to take {PARAMETERS}"
        )
    try:
        return as_optimizer(thing)
    except OptcompareError as error:
        raise InvalidInputError(f"{path.name}: {error}") from None
    except Exception as error:
        raise InvalidInputError(
            f"{path.name}: {thing.__name__}() fails: {type(error).__name__}: {error}{place_of(error)}. Options are "
            "fields with a type and a default, `step: float = 0.1`; there is no __init__ (checks go into __post_init__)"
        ) from None


def title(optimizer: Optimizer, source: Source) -> str:
    """Return what is being checked, as text."""
    return f"{title_of(optimizer)} in {source.given}" if source.is_file else source.given
