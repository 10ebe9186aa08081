"""The identity of things: what a run was made of, as plain JSON, the same tomorrow and in another process.

``digest(x) = sha256(canonical JSON of describe(x))``. Nothing here depends on comments, places in a file, addresses,
PYTHONHASHSEED, or on whether a script was imported or run. What has no such identity is refused by name.

Descriptions: None, true, integers, strings and lists stand for themselves; everything else is an object with a tag:
``{"float": "0x1.8p+0"}``, ``{"dict": [[key, value], ...]}``, ``{"array": {"dtype", "shape", "sha256"}}``. Functions and
the user's classes become ``{"definitions": [...]}``, the first being the one described, and refer to each other as
``{"definition": index}``, so that recursion of any kind is finite.
"""

from __future__ import annotations

import builtins
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import json
import pathlib
import random
import types
import typing
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import DescriptionError
from .library import class_members, closure_values, found_by_name, is_library
from .source import global_names, source_text

RANDOM = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, np.random.SeedSequence, random.Random)
WRITTEN_OUT = (decimal.Decimal, fractions.Fraction, datetime.date, datetime.timedelta, pathlib.PurePath, np.dtype)
METHODS_OF_C = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)


def describe(x: object) -> Any:
    """Return a JSON-able structure that identifies ``x``.

    Numbers (numpy's count as Python's), strings, bytes, arrays (dtype, shape, sha256 of little-endian C-order bytes),
    dataclasses (class and fields), containers (dicts and sets whatever their order), modules and library code by name,
    the user's functions by source, defaults, and the globals and closure values they use, the user's classes by their
    members. An ``identity_name`` that is not None is an object's whole identity; ``describe_fields() -> dict`` stands
    for an object's fields. Anything else raises DescriptionError, which says where and what.
    """
    try:
        return _Describer().value(x)
    except RecursionError:
        raise DescriptionError(f"a {type(x).__name__} is nested too deeply to describe: pass name='...'") from None


def digest(x: object) -> str:
    """Return the sha256 of the canonical JSON of ``describe(x)``, 64 hexadecimal digits."""
    return hashlib.sha256(_canonical(describe(x)).encode("ascii")).hexdigest()


def _canonical(described: Any) -> str:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class _Describer:
    """One call of describe: where it is (for messages), what it is inside of, and the definitions found so far."""

    def __init__(self) -> None:
        self._where: list[str] = []
        self._inside: list[int] = []  # ids of the containers being described
        self._definitions: list[Any] | None = None
        self._seen: dict[int, tuple[int, object]] = {}  # id -> (index, the object: kept so that its id stays its own)

    def value(self, x: Any) -> Any:
        """Describe anything."""
        kinds = (self._scalar, self._named, self._container, self._code, self._library_object, self._fields)
        for describe_kind in kinds:
            described = describe_kind(x)
            if described is not NotImplemented:
                return described
        raise self._refusal(f"an object of class {type(x).__module__}.{type(x).__qualname__}")

    def _refusal(self, what: str) -> DescriptionError:
        where = f"{', '.join(self._where)}: " if self._where else ""
        return DescriptionError(
            f"{where}{what} cannot be described, so that a run with it has no identity: pass name='...' "
            "where the study takes one, and change the name whenever the thing changes"
        )

    @contextmanager
    def _at(self, place: str) -> Iterator[None]:
        self._where.append(place)
        yield  # not in a finally: an error keeps its place
        self._where.pop()

    # -- plain values ---------------------------------------------------------------------------------------------

    def _scalar(self, x: Any) -> Any:
        if x is None or isinstance(x, bool | np.bool_):
            return None if x is None else bool(x)
        if isinstance(x, enum.Enum):
            return {"enum": type(x).__qualname__, "member": x.name, "value": self.value(x.value)}
        if isinstance(x, str):
            return str.__str__(x)
        if isinstance(x, int | np.integer) and not isinstance(x, np.timedelta64):
            return int(x) if abs(int(x)) < 2**63 else {"int": hex(x)}
        if isinstance(x, float | np.floating):
            return {"float": float(x).hex()} if float(x) == x or x != x else {"longdouble": str(x)}
        if isinstance(x, complex):  # numpy's complex128 is one
            return {"complex": [x.real.hex(), x.imag.hex()]}
        if isinstance(x, bytes | bytearray):
            return {type(x).__name__.rstrip("_"): [len(x), hashlib.sha256(x).hexdigest()]}
        if isinstance(x, np.generic):
            return {"scalar": self._array(np.asarray(x))}
        if isinstance(x, WRITTEN_OUT):
            return {type(x).__name__: x.str if isinstance(x, np.dtype) and x.names is None else str(x)}
        if x is Ellipsis or x is NotImplemented:
            return {"constant": repr(x)}
        if isinstance(x, slice | range):
            return {type(x).__name__: [self.value(x.start), self.value(x.stop), self.value(x.step)]}
        return NotImplemented

    def _array(self, x: np.ndarray[Any, Any]) -> dict[str, Any]:
        if type(x) not in (np.ndarray, np.memmap):
            raise self._refusal(f"an array of class {type(x).__qualname__}")
        if x.dtype.hasobject:
            raise self._refusal("an array of dtype object (its elements are Python objects; give it a numeric dtype)")
        little = x.dtype.newbyteorder("<")
        data = np.asarray(x.astype(little, copy=False), order="C").tobytes()
        name = little.str if little.names is None else str(little.descr)
        return {"dtype": name, "shape": list(x.shape), "sha256": hashlib.sha256(data).hexdigest()}

    def _named(self, x: Any) -> Any:
        """Describe an object that carries its identity as a name."""
        if isinstance(x, type | types.ModuleType | np.ndarray):
            return NotImplemented
        name = getattr(x, "identity_name", None)
        if name is None:
            return NotImplemented
        if not isinstance(name, str) or not name:
            raise self._refusal(f"identity_name must be a text that is not empty, got {name!r}; a {type(x).__name__}")
        return {"name": name}

    # -- containers -----------------------------------------------------------------------------------------------

    def _container(self, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return {"array": self._array(x)}
        kind = type(x)
        if kind not in (list, tuple, deque, set, frozenset, dict, OrderedDict, defaultdict, types.MappingProxyType):
            if not (isinstance(x, tuple) and hasattr(x, "_fields")):
                return NotImplemented
            with self._entered(x) as above:
                return above or {"namedtuple": kind.__qualname__, "fields": self._members(zip(x._fields, x), "field")}
        with self._entered(x) as above:
            if above is not None:
                return above
            if isinstance(x, Mapping):
                entries = {"dict": self._entries(x)}
                return entries | ({"factory": self.value(x.default_factory)} if isinstance(x, defaultdict) else {})
            if isinstance(x, set | frozenset):
                return {kind.__name__: sorted((self._apart(item) for item in x), key=_canonical)}
            items = []
            for position, item in enumerate(x):
                with self._at(f"[{position}]"):
                    items.append(self.value(item))
            return items if kind is list else {kind.__name__: items}

    @contextmanager
    def _entered(self, x: object) -> Iterator[dict[str, int] | None]:
        """Remember being inside ``x``; where that is so already, give how many containers up it is."""
        if id(x) in self._inside:
            yield {"above": len(self._inside) - self._inside.index(id(x))}
            return
        self._inside.append(id(x))
        yield None
        self._inside.pop()

    def _entries(self, x: Mapping[Any, Any]) -> list[list[Any]]:
        """Describe keys and values in the order of the described keys, so that no order of insertion shows."""
        keyed = sorted(((self._apart(key), key) for key in x), key=lambda pair: _canonical(pair[0]))
        entries = []
        for described, key in keyed:
            with self._at(f"[{key!r:.60}]"):
                entries.append([described, self.value(x[key])])
        return entries

    def _apart(self, x: object) -> Any:
        """Describe without sharing definitions: what the order of a set or of keys is taken from."""
        definitions, seen = self._definitions, self._seen
        self._definitions, self._seen = None, {}
        described = self.value(x)
        self._definitions, self._seen = definitions, seen
        return described

    def _members(self, pairs: Iterable[tuple[str, Any]], kind: str) -> dict[str, Any]:
        members = {}
        for name, member in sorted(pairs, key=lambda pair: pair[0]):
            with self._at(f"{kind} {name!r}"):
                members[name] = self.value(member)
        return members

    # -- code -----------------------------------------------------------------------------------------------------

    def _code(self, x: Any) -> Any:
        if isinstance(x, types.ModuleType):
            return {"module": x.__name__}
        if isinstance(x, type):
            is_by_name = "<" not in x.__qualname__ and is_library(x.__module__)
            return {"type": f"{x.__module__}:{x.__qualname__}"} if is_by_name else self._defined(x, self._class)
        if isinstance(x, types.FunctionType):
            module, qualname = x.__globals__.get("__name__"), x.__code__.co_qualname
            is_by_name = "<" not in qualname and is_library(module, x.__code__.co_filename)
            return {"library": f"{module}:{qualname}"} if is_by_name else self._defined(x, self._function)
        if isinstance(x, functools.partial):
            parts = {"function": self.value(x.func), "arguments": self.value(x.args)}
            return {"partial": {**parts, "keywords": self.value(x.keywords)}}
        if isinstance(x, types.MethodType):
            return {"method": self.value(x.__func__), "of": self.value(x.__self__)}
        if isinstance(x, functools._lru_cache_wrapper):
            return {"cached": self.value(x.__wrapped__)}
        if isinstance(x, staticmethod | classmethod):
            return {type(x).__name__: self.value(x.__func__)}
        if isinstance(x, property):
            return {"property": [self.value(x.fget), self.value(x.fset), self.value(x.fdel)]}
        if isinstance(x, functools.cached_property):
            return {"cached_property": self.value(x.func)}
        if isinstance(getattr(x, "py_func", None), types.FunctionType) and is_library(type(x).__module__):
            return {"compiled": type(x).__qualname__, "function": self.value(x.py_func)}
        return NotImplemented

    def _defined(self, x: Any, build: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Describe code that may lead back to itself: the first time in full, then by its index."""
        if self._definitions is None:
            self._definitions, self._seen = [], {}
            self._defined(x, build)
            definitions, self._definitions = self._definitions, None
            return {"definitions": definitions}
        if id(x) not in self._seen:
            index = len(self._definitions)
            self._seen[id(x)] = (index, x)
            self._definitions.append(None)
            with self._at(f"in {x.__qualname__}"):
                self._definitions[index] = build(x)
        return {"definition": self._seen[id(x)][0]}

    def _function(self, x: types.FunctionType) -> dict[str, Any]:
        try:
            described: dict[str, Any] = {"function": source_text(x)}
        except DescriptionError as error:
            raise DescriptionError(f"{', '.join(self._where)}: {error}") from None
        found = {name: x.__globals__[name] for name in global_names(x.__code__) if name in x.__globals__}
        missing = {name for name in global_names(x.__code__) if name not in found and not hasattr(builtins, name)}
        used = {name: what for name, what in found.items() if not (name.startswith("__") and name.endswith("__"))}
        described["globals"] = self._members(used.items(), "global") | {name: {"undefined": name} for name in missing}
        described["closure"] = self._members(closure_values(x), "closure variable")
        described["defaults"] = [self.value(default) for default in x.__defaults__ or ()]
        described["keyword_defaults"] = self._members((x.__kwdefaults__ or {}).items(), "default of")
        return described

    def _class(self, x: type) -> dict[str, Any]:
        members = class_members(x)
        if issubclass(x, enum.Enum):
            members = {name: member.value for name, member in x.__members__.items()}
        bases = [self.value(base) for base in x.__bases__ if base is not object]
        return {"class": x.__qualname__, "bases": bases, "members": self._members(members.items(), "member")}

    def _library_object(self, x: Any) -> Any:
        """Describe functions of C, ufuncs, numpy's dispatched functions and types as written in annotations."""
        if isinstance(x, RANDOM):
            raise self._refusal(f"a random number generator ({type(x).__qualname__}: its state changes with every use)")
        if isinstance(x, METHODS_OF_C):
            return {"method": x.__name__, "of": self.value(x.__objclass__)}
        owner = getattr(x, "__self__", None)
        is_bound = isinstance(x, types.BuiltinFunctionType | types.MethodWrapperType)
        if is_bound and owner is not None and not isinstance(owner, types.ModuleType):
            return {"method": x.__name__, "of": self.value(owner)}
        if isinstance(x, types.UnionType | types.GenericAlias) or typing.get_origin(x) is not None:
            arguments = [self.value(argument) for argument in typing.get_args(x)]
            return {"annotation": self.value(typing.get_origin(x)), "arguments": arguments}
        if isinstance(x, np.ufunc):
            homes = [name for name in ("numpy", "scipy.special") if found_by_name(name, x.__name__) is x]
            return {"library": f"{homes[0]}:{x.__name__}"} if homes else NotImplemented
        module = getattr(x, "__module__", None) or getattr(owner, "__name__", None)
        qualname = getattr(x, "__qualname__", None) or getattr(x, "_name", None)
        if isinstance(module, str) and isinstance(qualname, str) and is_library(module):
            return {"library": f"{module}:{qualname}"} if found_by_name(module, qualname) is x else NotImplemented
        return NotImplemented

    def _fields(self, x: Any) -> Any:
        """Describe a dataclass, or an object that says what its fields are."""
        if callable(getattr(x, "describe_fields", None)):
            tag, fields = "object", x.describe_fields()
            if not isinstance(fields, dict):
                raise self._refusal(f"describe_fields() must return a dict, got {fields!r}; a {type(x).__name__}")
        elif dataclasses.is_dataclass(x):
            tag, fields = "dataclass", {field.name: getattr(x, field.name) for field in dataclasses.fields(x)}
        else:
            return NotImplemented
        kind = type(x)
        with self._entered(x) as above:
            if above is not None:
                return above
            described = {tag: kind.__qualname__, "fields": self._members(fields.items(), f"{kind.__name__}, field")}
            return described if is_library(kind.__module__) else described | {"code": self.value(kind)}
