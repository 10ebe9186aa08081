"""Stored runs as COCO data folders, in the format "bbob-new2" that cocopp (2.9) and iohinspector (0.0.8) read.

One folder an optimizer; a function of COCO is an objective at a lambda, an instance is a seed. COCO compares distances
to a best value on one scale of targets, 1e2 .. 1e-8; ours are relative, so what is written is

    max(tau, 1e-9),    tau = (f - f_ref)/(f_0 - f_ref),

in place of f - f_opt: "1e-3" is the same target here and there. Fopt = f_ref - 1e-9 (f_0 - f_ref) lies a hair below the
best known value, so that every distance is above 0.

Column 1 counts values, column 2 gradients (where COCO counts constraints): cocopp charges them by
``cocopp.genericsettings.weight_evaluations_constraints = (1, price)``. A run's last line says what it is charged where
it misses a target: of a failed run the full budget, as in ``analysis.runtimes``. Passes are rounded up to whole ones.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
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
HAIR = 1e-9  # of f_0 - f_ref: below COCO's last target, 1e-8
NOT_SEEN = 1e6  # distance at evaluation 1 where nothing was measured there: above every target
POINTS_A_DECADE = 20  # rows of a .tdat file
DAT_HEADER = (
    "%% f evaluations | g evaluations | best noise-free fitness - Fopt (%.12e) + sum g_i+ | measured fitness | "
    "best measured fitness or single-digit g-values | x1 | x2..."
)
README = """COCO data (format bbob-new2), one folder an optimizer (optimizers.csv). problems.csv says which problem and
seed is which function and instance, and with which best known value.

The distance column is tau = (f - f_ref)/(f_0 - f_ref), not below 1e-9: 1 is the best constant predictor, 0 the best
known value. Targets below a problem's accuracy (problems.csv) are more than its best known value supports: leave them
out. Column 1 counts values, column 2 gradients, in passes over the training data, rounded up. A run that failed ends at
its full budget.

Read one optimizer's data, here with a gradient that costs 2 values; (1, 0): nothing; (0, 1): gradients alone:

    import cocopp
    cocopp.genericsettings.weight_evaluations_constraints = (1, 2)
    data = cocopp.load("FOLDER/OPTIMIZER")
    print(data[0].funcId, data[0].detERT([1e-2]), data[0].detSuccesses([1e-2]))

COCO's own page knows the names of its own functions only ("separable" and so on: pay no heed); first tell it what is
here:

    import csv, os
    rows = [row for row in csv.DictReader(open("FOLDER/problems.csv")) if row["function"]]
    dims, last = sorted({int(row["dim"]) for row in rows}), max(int(row["function"]) for row in rows)
    cocopp.testbedsettings.GECCOBBOBTestbed.settings.update(
        reference_algorithm_filename="", reference_algorithm_displayname=None, dimensions_to_display=dims,
        goto_dimension=dims[0], rldDimsOfInterest=tuple(dims[:2]), tabDimsOfInterest=tuple(dims[:2]),
        short_names={int(row["function"]): row["problem"] for row in rows}, functions_with_legend=(1, last),
        last_function_number=last, plots_on_main_html_page=[f"pprldmany_{dim:02d}D_noiselessall.svg" for dim in dims])
    cocopp.main("-o PAGE " + " ".join(entry.path for entry in os.scandir("FOLDER") if entry.is_dir()))
"""


def export_coco(curves: Curves, problems: pd.DataFrame, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the curves of a study as COCO data into a new or empty folder; return the .info files' paths.

    problems: as ``results.problems()``. A problem without a scale (f_0 - f_ref is not above 0, or not known) is left
    out; it has no function in problems.csv. Raises StoreError where the folder holds something or cannot be written,
    and InvalidInputError where nothing is left to write.
    """
    import pandas as pd

    target = Path(folder)
    table = _numbered(curves, problems)
    if not table["function"].gt(0).any():
        raise InvalidInputError(
            "no problem of the study has a scale (f_0 above f_ref): give Study(reference_starts=...) some, and run it"
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StoreError(
                f"the folder {os.fspath(folder)!r} is not empty: give a new one, so that no data are mixed"
            )
        names = _algorithm_names(table["optimizer"])
        written = []
        for (optimizer, function), rows in table[table["function"] > 0].groupby(["optimizer", "function"], sort=False):
            written.append(_write_function(target / names[optimizer], names[optimizer], int(function), rows, curves))
        write_table(_problem_index(table, problems), target / "problems.csv")
        optimizers = pd.DataFrame({"folder": names.values(), "optimizer": names.keys()})
        write_table(optimizers, target / "optimizers.csv")
        _put(target / "README.txt", README)
    except OSError as error:
        raise StoreError(f"cannot write into {os.fspath(folder)!r}: {error.strerror}") from error
    return written


def _numbered(curves: Curves, problems: pd.DataFrame) -> pd.DataFrame:
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


def _algorithm_names(labels: pd.Series[Any]) -> dict[str, str]:
    """Return a name for each label that is a folder's name and harmless in a line of key = 'value' pairs."""
    return {label: folder_name(str(label)) for label in labels.unique()}


def _write_function(folder: Path, algorithm: str, function: int, rows: pd.DataFrame, curves: Curves) -> Path:
    """Write .info, .dat and .tdat of one optimizer on one function."""
    dim = int(rows["dim"].iloc[0])
    data = folder / f"data_f{function}"
    data.mkdir(parents=True, exist_ok=True)
    stem = f"bbobexp_f{function}_DIM{dim}"
    every, marks, runs = [], [], []
    for run in rows.sort_values("instance").itertuples():
        lines = _lines(run, curves)
        header = DAT_HEADER % (run.f_ref - HAIR * run.scale)
        every.append("\n".join([header, *_texts(lines)]))
        marks.append("\n".join([header, *_texts(lines[_marks(lines[:, 0])])]))
        runs.append(f"{run.instance}:{int(lines[-1, 0])}|{lines[-1, 2]:.9e}")
    _put(data / f"{stem}.dat", "\n".join(every) + "\n")
    _put(data / f"{stem}.tdat", "\n".join(marks) + "\n")
    head = (
        f"suite = 'bbob', funcId = {function}, DIM = {dim}, Precision = 1.000e-08, algId = '{algorithm}', "
        "coco_version = '2.8.2', logger = 'bbob', data_format = 'bbob-new2'"
    )
    info = folder / f"bbobexp_f{function}.info"
    _put(info, f"{head}\n% written by optcompare; see problems.csv\n{data.name}/{stem}.dat, {', '.join(runs)}\n")
    return info


def _lines(run: Any, curves: Curves) -> Array:
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


def _marks(n_values: Array) -> NDArray[np.int64]:
    """Return the lines that a .tdat keeps: the first, one at each of 20 marks a decade, the last."""
    decades = math.ceil(math.log10(max(10.0, n_values[-1])))
    wanted = np.logspace(0.0, decades, decades * POINTS_A_DECADE + 1)
    places = np.searchsorted(n_values, wanted, side="right") - 1
    return np.unique(np.concatenate([[0], places, [len(n_values) - 1]]))


def _texts(lines: Array) -> Iterator[str]:
    for values, gradients, distance, error in lines.tolist():
        yield f"{values:.0f} {gradients:.0f} {distance:+.16e} {error:+.9e} {error:+.9e}"


def _problem_index(table: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Return one row a function and instance: which problem and seed it is, and with which best known value."""
    import pandas as pd

    keys = ["function", "instance", "problem", "seed"]
    index = table[keys].drop_duplicates(ignore_index=True)
    names = ["objective", "dataset", "lam", "dim", "f_0", "f_ref", "finder", "accuracy", "is_gap", "version"]
    index = index.merge(problems[["problem", *names]], on="problem", how="left").sort_values(keys, ignore_index=True)
    numbered = index["function"].where(index["function"] > 0)
    return index.assign(function=pd.array(numbered, dtype="Int64"))


def _put(path: Path, text: str) -> None:
    """Write the file beside its place, then put it there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
