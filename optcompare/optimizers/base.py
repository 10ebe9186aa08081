"""What an optimizer is, and how it gets its name.

An optimizer is a frozen, keyword-only dataclass of options with one method::

    minimize(objective, start, rng) -> theta or None

``objective`` is a :class:`~optcompare.recorder.Recorder`: it offers ``value``, ``values``, ``gradient``,
``value_and_gradient``, ``value_and_loss_gradient``, ``project``, ``prox``, ``recommend``, ``same_sample``,
``dim``, ``is_weight`` and ``n_samples``, and ends the run by raising when the purse is empty. Returning
None means "my answer is the best point I have seen".
"""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from ..recorder import Recorder

Vector = NDArray[np.float64]
EntryPoint = Callable[["Recorder", Vector, np.random.Generator], "Vector | None"]


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Optimizer(ABC):
    """Minimizes a recorded objective; subclasses are frozen keyword-only dataclasses of options.

    Class attributes: ``name`` (default: the class name in snake_case), ``needs_gradient``, ``requires``
    (distributions whose versions are stored with every run), ``is_reentrant`` (False where a library's lock keeps it
    from running inside a run of itself).
    """

    name: ClassVar[str] = ""
    needs_gradient: ClassVar[bool] = False
    is_reentrant: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True)(cls)
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @abstractmethod
    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector | None:
        """Return the answer, shape (d,), or None for the best point seen."""

    def box(self, start: Vector) -> tuple[Vector, Vector] | None:
        """Return (lower, upper), each (d,), where the optimizer searches a box; None where it does not."""
        return None

    def load_compiled(self) -> None:  # noqa: B027 - nothing, for most
        """Load what is compiled of the optimizer, the objective being prepared, so that no run's clock pays for it."""

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's docstring."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]


class FunctionOptimizer(Optimizer):
    """A user's function ``f(objective, start, rng) -> theta or None``."""

    function: EntryPoint

    def minimize(self, objective: Recorder, start: Vector, rng: np.random.Generator) -> Vector | None:
        """Call the function."""
        return self.function(objective, start, rng)


@functools.cache
def _built_in() -> dict[str, type[Optimizer]]:
    """Return the optimizers that this package defines, by name, in order of definition."""
    from . import load_all

    load_all()
    found: dict[str, type[Optimizer]] = {}
    waiting = list(Optimizer.__subclasses__())
    while waiting:
        cls = waiting.pop(0)
        waiting.extend(cls.__subclasses__())
        is_ours = cls.__module__.startswith(__package__) and cls is not FunctionOptimizer
        if is_ours and not getattr(cls.minimize, "__isabstractmethod__", False):
            found.setdefault(cls.name, cls)
    return dict(sorted(found.items()))


def optimizer_names() -> list[str]:
    """Return the names of the built-in optimizers."""
    return list(_built_in())


def optimizer_class(name: str) -> type[Optimizer]:
    """Return the class of that name: built in, or from an installed ``optcompare.optimizers`` entry point.

    Raises UnknownNameError with a suggestion.
    """
    built_in = _built_in()
    if name in built_in:
        return built_in[name]
    from importlib.metadata import entry_points

    for entry in entry_points(group="optcompare.optimizers"):
        if entry.name == name:
            loaded = entry.load()
            if not (isinstance(loaded, type) and issubclass(loaded, Optimizer)):
                raise InvalidInputError(f"entry point {name!r} is {loaded!r}, not an Optimizer subclass")
            return loaded
    raise unknown_name("optimizer", name, built_in)


def get_optimizer(name: str, **options: Any) -> Optimizer:
    """Build the optimizer of that name with those options, e.g. ``get_optimizer("pso", particles=20)``."""
    cls = optimizer_class(name)
    allowed = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for option in options:
        if option not in allowed:
            raise unknown_name(f"option of {name}", option, allowed)
    return cls(**options)


def as_optimizer(given: object) -> Optimizer:
    """Turn a name, an Optimizer (class) or a function f(objective, start, rng) into an Optimizer."""
    if isinstance(given, Optimizer):
        return given
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given()
    if isinstance(given, str):
        return get_optimizer(given)
    if callable(given):
        return FunctionOptimizer(function=given)
    raise UnknownNameError(
        f"an optimizer is a name, an Optimizer or a function f(objective, start, rng), got {given!r}"
    )
