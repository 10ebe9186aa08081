"""The compiled kernels of a data objective: which objectives they serve, and how they are called.

Without numba (the extra ``fast``) nothing here is used and numpy does the work. ``mlp_objective(..., kernel=...)`` and
``linear_objective`` choose: "auto" (compiled where numba is installed and the loss is one of this library's), "numpy"
(the readable reference) or "numba". The two agree to 1e-10; ``objective.kernel`` says which one serves and is part
of a run's identity. Compiled functions are kept on disk by numba: beside the package, else in the user's cache folder,
or in ``NUMBA_CACHE_DIR``.
"""

from __future__ import annotations

import functools
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, MissingLibraryError, unknown_name
from .datasets import Dataset
from .kernel_table import is_by_blas
from .layout import Vector
from .losses import HalfSquaredError, Logistic, Loss, Ramp, Softmax, ZeroOne
from .models import MLP
from .noise import Sample

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

KERNELS = ("auto", "numpy", "numba")
COMPILED_LOSSES = (HalfSquaredError, Logistic, Softmax, Ramp, ZeroOne)  # exactly these: a subclass may be anything
SECONDS_UNTIL_SAID = 2.0
TILE_NUMBERS = 32_768  # of the widest layer in a tile of items: 256 kB
GROUP_NUMBERS = 4096  # of the widest layer in a group of candidates: 32 kB
STRIDE = 32  # columns that a loop of vector instructions takes at a time
SPARE = 256  # numbers of room for flat loops that run to the end of a vector
ONE_THREAD_ANYHOW = 262_144  # multiplications up to which OpenBLAS itself does not think of a second thread
NO_ROWS: Integers = np.empty(0, np.int64)


@functools.cache
def compiled_functions() -> ModuleType | None:
    """Return the module of compiled functions; None where numba is missing or does not work here."""
    try:
        from . import compiled
    except ImportError:
        return None
    return compiled


def needed_functions() -> ModuleType:
    """Return the module of compiled functions; MissingLibraryError where there is none."""
    functions = compiled_functions()
    if functions is None:
        raise MissingLibraryError(
            "this objective's kernel is 'numba', which is not installed here: pip install 'optcompare[fast]', "
            "or build the objective with kernel='numpy'"
        )
    return functions


def chosen_kernel(given: str, model: MLP, loss: Loss) -> str:
    """Return "numba" or "numpy", whichever is to serve a model and a loss.

    Raises UnknownNameError; for "numba" MissingLibraryError without numba, InvalidInputError for a loss of the user's.
    """
    if given not in KERNELS:
        raise unknown_name("kernel", given, KERNELS)
    is_served = type(model) is MLP and type(loss) in COMPILED_LOSSES
    if given == "numba" and not is_served:
        raise InvalidInputError(
            f"kernel='numba' has no compiled form of {type(loss).__name__} on {type(model).__name__}: "
            "use kernel='auto' or 'numpy'"
        )
    if given == "numba" and compiled_functions() is None:
        raise MissingLibraryError("kernel='numba' needs numba: pip install 'optcompare[fast]', or use kernel='auto'")
    return "numba" if given != "numpy" and is_served and compiled_functions() is not None else "numpy"


class _Workspace(threading.local):
    """Room that a thread's kernels work in, kept from call to call."""

    room: Vector = np.empty(0)

    def of(self, n: int) -> Vector:
        """Return at least n numbers, aligned, with anything in them."""
        if len(self.room) < n:
            self.room = np.zeros(n)
        return self.room


_WORKSPACE = _Workspace()


@functools.cache
def _ready(name: str) -> tuple[Callable[..., Any], int]:
    """Return a compiled function and the address of BLAS's dgemm, compiling where the cache on disk has nothing."""
    functions = needed_functions()
    from numba.extending import get_cython_function_address

    with said_if_slow(f"the {name.replace('_', ' ')} kernel"):
        function = _compiled(functions, name)
    return function, get_cython_function_address("scipy.linalg.cython_blas", "dgemm")


def load_kernels() -> None:
    """Load the functions, or compile them; MissingLibraryError without numba."""
    for name in ("population", "value_and_gradient"):
        _ready(name)


def _compiled(functions: ModuleType, name: str) -> Callable[..., Any]:
    """Load a function from numba's cache or compile it; a cache that cannot be used is done without."""
    function, signature = getattr(functions, name), functions.SIGNATURES[name]
    try:
        function.enable_caching()
        function.compile(signature)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):  # no place to write, a full disk, a broken file
        from numba import njit

        function = njit(**functions.OPTIONS)(function.py_func)
        function.compile(signature)
    function.disable_compile()
    return function


@contextmanager
def said_if_slow(what: str) -> Iterator[None]:
    """Say on standard error what is being compiled, or loaded, where it takes longer than SECONDS_UNTIL_SAID."""
    text = (
        f"optcompare: preparing {what} (numba): compiled once and kept on disk, where there is a place for it; "
        "kernel='numpy' does without"
    )
    timer = threading.Timer(SECONDS_UNTIL_SAID, lambda: print(text, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class CompiledLoss:
    """The loss of a model on a data set by the compiled kernels: what DataObjective's numpy code computes.

    ``scale`` is 1 for a mean over the items, n for a sum. Work goes by tiles of at most ``tile`` items, so that memory
    does not grow with items or candidates; a candidate's value is the same bits in any company, on any thread.
    """

    def __init__(self, data: Dataset, model: MLP, loss: Loss, scale: float) -> None:
        functions = needed_functions()
        sizes = model.sizes
        units = [n_out for _, n_out in sizes]
        self._X, self._scale = data.X, scale
        self._largest = max(n_in * n_out for n_in, n_out in sizes)
        self._n_scores, self._widest, self._n_hidden = units[-1], max(units), sum(units[:-1])
        self._widths = [n_in for n_in, _ in sizes]
        self.tile = max(STRIDE, min(128, TILE_NUMBERS // max(self._widths + units)) // STRIDE * STRIDE)
        codes = [getattr(functions, model.activation.upper()), getattr(functions, loss.name.upper())]
        plan = [*codes, len(sizes), *self._widths, units[-1], *(is_by_blas(*size) for size in sizes)]
        self._plan = np.array(plan, dtype=np.int64)
        is_regression = loss.task == "regression"
        self._labels = NO_ROWS if is_regression else np.ascontiguousarray(data.y, np.int64)
        self._targets = np.ascontiguousarray(data.y, np.float64) if is_regression else np.empty(0)
        self._targets = self._targets.reshape(-1, self._n_scores)

    def prepare(self) -> None:
        """Load the functions, or compile them."""
        load_kernels()

    def values(self, thetas: Array, sample: Sample | None, threads: int = 1) -> Array:
        """Return the loss of each row of thetas (m, d), shape (m,)."""
        population, blas = _ready("population")
        thetas = _laid_out(thetas)
        items, masks, n_items = self._items(sample)
        n_tile, n = self._tiling(n_items)
        out = np.empty(len(thetas))

        def evaluate(first: int, last: int) -> None:
            n_group = max(1, min(last - first, GROUP_NUMBERS // (self._widest * n)))
            size = 2 * n_group * (self._widest + 1) * n + (1 + self._widths[0] + self._n_scores + self._n_hidden) * n
            work = _WORKSPACE.of(size + SPARE)
            population(thetas, *items, self._plan, blas, n_items, n_tile, n, n_group, self._scale / n_items, first,
                       last, work, out)  # fmt: skip

        if threads == 1 and self._largest * n <= ONE_THREAD_ANYHOW:
            evaluate(0, len(thetas))
        else:
            with _one_blas_thread():
                _shared(evaluate, len(thetas), threads)
        del masks  # kept until here: the kernels know them by their addresses
        return out

    def value(self, theta: Vector, sample: Sample | None) -> float:
        """Return the loss of theta (d,): the bits of a row of ``values``."""
        return float(self.values(theta.reshape(1, -1), sample)[0])

    def value_and_gradient(self, theta: Vector, sample: Sample | None) -> tuple[float, Vector]:
        """Return the loss of theta (d,), the bits of ``value``, and its gradient (d,)."""
        function, blas = _ready("value_and_gradient")
        items, masks, n_items = self._items(sample)
        n_tile, n = self._tiling(n_items)
        n_units = sum(self._widths) + self._n_scores
        work = _WORKSPACE.of((n_units + 3 + self._widest + self._n_scores + self._n_hidden) * n + SPARE)
        gradient = np.empty(theta.size)
        with nullcontext() if self._largest * n <= ONE_THREAD_ANYHOW else _one_blas_thread():
            value = function(
                _laid_out(theta), *items, self._plan, blas, n_items, n_tile, n, self._scale / n_items,
                work, gradient,
            )  # fmt: skip
        del masks
        return value, gradient

    def _tiling(self, n_items: int) -> tuple[int, int]:
        """Return items a tile and columns a tile: whole vectors, few columns left over, the same for any population."""
        if n_items <= STRIDE:
            return n_items, 4 if n_items <= 4 else -(-n_items // 8) * 8
        if n_items <= self.tile * 3 // 2:
            return n_items, -(-n_items // STRIDE) * STRIDE
        n = min(range(self.tile, self.tile // 2 - 1, -STRIDE), key=lambda size: -(-n_items // size) * size)
        return n, n

    def _items(self, sample: Sample | None) -> tuple[tuple[Any, ...], list[Array | None], int]:
        """Return a kernel's arguments from X to masks, the arrays behind the masks' addresses, and how many items."""
        if sample is None:
            return (self._X, NO_ROWS, False, self._labels, self._targets, NO_ROWS), [], len(self._X)
        rows = NO_ROWS if sample.rows is None else np.ascontiguousarray(sample.rows, np.int64)
        X = self._X if sample.X is None else _laid_out(np.asarray(sample.X, np.float64))
        n_known, n_features = self._X.shape
        n_items = int(n_known) if sample.rows is None else len(rows)
        by_rows = sample.X is None and sample.rows is not None
        if n_items == 0 or (len(rows) and not (rows.min() >= 0 and rows.max() < n_known)):
            raise InvalidInputError(f"a sample's rows must be one or more of 0..{n_known - 1}, got {sample.rows!r}")
        if sample.X is not None and X.shape != (n_items, n_features):
            raise InvalidInputError(f"a sample's X must have shape ({n_items}, {n_features}), got {X.shape}")
        masks = [None if mask is None else _laid_out(np.asarray(mask, np.float64)) for mask in sample.masks or ()]
        for mask, width in zip(masks, self._widths, strict=bool(masks)):
            if mask is not None and mask.shape != (n_items, width):
                raise InvalidInputError(f"a sample's mask must have shape ({n_items}, {width}), got {mask.shape}")
        addresses = np.array([0 if mask is None else mask.ctypes.data for mask in masks], dtype=np.int64)
        return (X, rows, by_rows, self._labels, self._targets, addresses), masks, n_items


def _laid_out(array: Array) -> Array:
    """Return the array as the kernels read it: in C order, aligned."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else array.copy()


def _shared(evaluate: Callable[[int, int], None], n: int, threads: int) -> None:
    """Evaluate rows 0..n by several threads; this one takes its share. The kernels let go of the interpreter's lock.

    What a thread raises is raised here, once all have ended: rows that were not evaluated hold anything.
    """
    if not isinstance(threads, int) or threads < 1:
        raise InvalidInputError(f"threads must be a whole number >= 1, got {threads!r}")
    edges = [n * part // threads for part in range(threads + 1)]
    errors: list[BaseException] = []

    def guarded(first: int, last: int) -> None:
        try:
            evaluate(first, last)
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=guarded, args=edges[at : at + 2]) for at in range(1, threads)]
    for thread in others:
        thread.start()
    guarded(edges[0], edges[1])
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread: small products by several are slower, and threads here are the caller's choice."""
    if all(library.num_threads == 1 for library in _blas().lib_controllers if library.user_api == "blas"):
        return nullcontext()
    return _blas().limit(limits=1, user_api="blas")


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
