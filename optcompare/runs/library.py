"""Which code is a library's, and what a library's code is called; what of a class Python wrote itself."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

# Made by Python for every class, or by @dataclass and ABCMeta: they say nothing that the rest does not.
_NOT_BEHAVIOUR = (
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__match_args__"),
    *("__slots__", "__parameters__", "__orig_bases__", "__dataclass_fields__", "__dataclass_params__", "_abc_impl"),
    *("__abstractmethods__", "__firstlineno__", "__static_attributes__", "__annotate_func__", "__annotations_cache__"),
    "__slotnames__",  # copyreg leaves it on a class whose instance was pickled
)
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)


def is_library(module: str | None, filename: str | None = None) -> bool:
    """Whether a module (or a file of it) belongs to Python, to an installed package or to optcompare itself."""
    if module is None or module == "__main__":
        return False
    if filename is None or filename.startswith("<"):
        filename = getattr(sys.modules.get(module), "__file__", None)
    if filename is None:
        return module.partition(".")[0] in sys.stdlib_module_names
    return _is_in_library(filename)


@functools.cache
def _is_in_library(filename: str) -> bool:
    path = os.path.abspath(filename)
    return path.startswith(_library_folders()) or not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))


@functools.cache
def _library_folders() -> tuple[str, ...]:
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return tuple(os.path.join(os.path.abspath(folder), "") for folder in (*installed, own))


def closure_values(x: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the closure's variables; one that is not set yet reads as its own name."""
    for name, cell in zip(x.__code__.co_freevars, x.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:
            yield name, {"undefined": name}


def class_members(x: type) -> dict[str, Any]:
    """Return what a class defines, without what Python or @dataclass added."""
    return {
        name: member
        for name, member in vars(x).items()
        if name not in _NOT_BEHAVIOUR and not isinstance(member, _SLOTS) and not _is_generated(member)
    }


def _is_generated(member: object) -> bool:
    """Whether a class member was written by @dataclass and the like, from text of their own."""
    code = getattr(getattr(member, "__wrapped__", member), "__code__", None)
    return isinstance(code, types.CodeType) and code.co_filename == "<string>"


def found_by_name(module: str, qualname: str) -> Any:
    """Return what the name leads to in a loaded module, or None."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found
