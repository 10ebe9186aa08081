"""The optimizers: one class each, registered by being defined here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import FunctionOptimizer as FunctionOptimizer
    from .base import Optimizer as Optimizer

_FILES = (
    "base",
    "gradient",
    "from_scipy",
    "from_pyswarms",
    "from_cma",
    "sampling",
    "evolution",
    "spsa",
    "constant",
    "fast_nelder_mead",
    "fast_pso",
    "fast_de",
)


def load_all() -> None:
    """Import every file of optimizers, so that all of them are defined."""
    for file in _FILES:
        importlib.import_module(f"{__name__}.{file}")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        for file in _FILES:
            module = importlib.import_module(f"{__name__}.{file}")
            if not name.startswith("_") and name in vars(module):
                return vars(module)[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
