"""Stored runs as lines of counts and distances: what the exports to COCO and IOHprofiler share.

A function is an objective at a lambda, an instance is a seed. Other programs compare distances to a best value on one
scale of targets, 1e2 .. 1e-8; ours are relative, so what is written is

    max(tau, 1e-9),    tau = (f - f_ref)/(f_0 - f_ref).

A run's last line says what it is charged where it misses a target: of a failed run the full budget, as in
``analysis.runtimes``. Passes are rounded up to whole ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import Curves
from ..analysis.runtimes import charged_counts, problem_fact
from ..errors import InvalidInputError, StoreError
from .export import write_table
from .text import folder_name

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
# The optimizer's folder and name, the function's number, its runs (see numbered_runs), the curves -> the file's path
WriteFunction = Callable[[Path, str, int, "pd.DataFrame", Curves], Path]
HAIR = 1e-9  # of f_0 - f_ref: below the last target of COCO, 1e-8
NOT_SEEN = 1e6  # distance at evaluation 1 where nothing was measured there: above every target


def write_folder(
    curves: Curves,
    problems: pd.DataFrame,
    folder: str | os.PathLike[str],
    write_function: WriteFunction,
    readme: str,
) -> list[Path]:
    """Write every optimizer's runs on every function into a new or empty folder; return what write_function returned.

    problems: as ``results.problems()``. A problem without a scale (f_0 - f_ref is not above 0, or not known) is left
    out; it has no function in problems.csv. Raises StoreError where the folder holds something or cannot be written,
    and InvalidInputError where nothing is left to write.
    """
    import pandas as pd

    target = Path(folder)
    table = numbered_runs(curves, problems)
    kept = table[table["function"] > 0]
    if kept.empty:
        raise InvalidInputError(
            "no problem of the study has a scale (f_0 above f_ref): give Study(reference_starts=...) some, and run it"
        )
    # harmless as a folder's name and in a line of key = 'value' pairs
    names = {label: folder_name(str(label)) for label in table["optimizer"].unique()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StoreError(
                f"the folder {os.fspath(folder)!r} is not empty: give a new one, so that no data are mixed"
            )
        written = []
        for (optimizer, function), rows in kept.groupby(["optimizer", "function"], sort=False):
            name = names[optimizer]
            written.append(write_function(target / name, name, int(function), rows.sort_values("instance"), curves))
        write_table(_problem_index(table, problems), target / "problems.csv")
        optimizers = pd.DataFrame({"folder": names.values(), "optimizer": names.keys()})
        write_table(optimizers, target / "optimizers.csv")
        put(target / "README.txt", readme)
    except OSError as error:
        raise StoreError(f"cannot write into {os.fspath(folder)!r}: {error.strerror}") from error
    return written


def numbered_runs(curves: Curves, problems: pd.DataFrame) -> pd.DataFrame:
    """Return one row a run: labels, scale, charged counts, its place in curves, function (0: left out), instance."""
    import pandas as pd

    runs = curves.runs.reset_index(drop=True)
    scale = problem_fact(runs, problems, "f_0") - problem_fact(runs, problems, "f_ref")
    charged = charged_counts(runs)
    table = runs[["problem", "objective", "lam", "dataset", "optimizer", "seed", "dim"]].assign(
        place=np.arange(len(runs)),
        f_ref=problem_fact(runs, problems, "f_ref"),
        scale=scale,
        n_values=np.maximum(1.0, np.ceil(charged["n_values"])),
        n_gradients=np.ceil(charged["n_gradients"]),
        family=[_family(problem, seed) for problem, seed in zip(runs["problem"], runs["seed"])],
    )
    has_scale = np.isfinite(scale) & (scale > 0)
    order = table["family"].where(pd.Series(has_scale)).dropna().unique()
    functions = {family: number for number, family in enumerate(order, 1)}
    seeds = {seed: number for number, seed in enumerate(sorted(runs["seed"].unique()), 1)}
    return table.assign(
        function=np.where(has_scale, table["family"].map(functions).fillna(0), 0).astype(np.int64),
        instance=table["seed"].map(seeds),
    )


def _family(problem: str, seed: int) -> str:
    """Return a problem's label without its split: splits are instances of one function."""
    return problem.removesuffix(f", split {seed}")


def run_lines(run: Any, curves: Curves) -> Array:
    """Return the lines of one run, (rows, 4): values, gradients, distance, error; values rise strictly from 1."""
    first, end = curves.first[run.place], curves.first[run.place + 1]
    error = curves.error[first:end]
    counts = np.ceil(np.column_stack([curves.n_values[first:end], curves.n_gradients[first:end]]))
    distance = np.maximum((error - run.f_ref) / run.scale, HAIR)
    lines = np.column_stack([np.maximum(counts, [1.0, 0.0]), distance, error])
    is_last_at_its_count = np.append(np.diff(lines[:, 0]) > 0, True)[: len(lines)]
    lines = lines[is_last_at_its_count & np.isfinite(lines).all(axis=1)]
    lines = lines[np.diff(lines[:, 2], prepend=np.inf) < 0]  # all that lie within the hair are one
    worst = max(NOT_SEEN, 10.0 * float(lines[0, 2])) if len(lines) else NOT_SEEN
    if not len(lines) or lines[0, 0] > 1:
        lines = np.vstack([[1.0, 0.0, worst, run.f_ref + worst * run.scale], lines])
    if run.n_values > lines[-1, 0]:
        lines = np.vstack([lines, [run.n_values, max(run.n_gradients, lines[-1, 1]), *lines[-1, 2:]]])
    return lines


def _problem_index(table: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Return one row a function and instance: which problem and seed it is, and with which best known value."""
    import pandas as pd

    keys = ["function", "instance", "problem", "seed"]
    index = table[keys].drop_duplicates(ignore_index=True)
    names = ["objective", "dataset", "lam", "dim", "f_0", "f_ref", "finder", "accuracy", "is_gap", "version"]
    index = index.merge(problems[["problem", *names]], on="problem", how="left").sort_values(keys, ignore_index=True)
    numbered = index["function"].where(index["function"] > 0)
    return index.assign(function=pd.array(numbered, dtype="Int64"))


def put(path: Path, text: str) -> None:
    """Write the file beside its place, then put it there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
