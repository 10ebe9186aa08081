"""Stored runs as COCO data folders, in the format "bbob-new2" that cocopp (2.9) and iohinspector (0.0.8) read.

One folder an optimizer. In place of f - f_opt stands tau, see ``exported_runs``: "1e-3" is the same target here and
there. Fopt = f_ref - 1e-9 (f_0 - f_ref) lies a hair below the best known value, so that every distance is above 0.

Column 1 counts values, column 2 gradients (where COCO counts constraints): cocopp charges them by
``cocopp.genericsettings.weight_evaluations_constraints = (1, price)``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..analysis.curves import Curves
from .exported_runs import HAIR, Array, put, run_lines, write_folder

if TYPE_CHECKING:
    import pandas as pd

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

    problems: as ``results.problems()``. Raises what ``exported_runs.write_folder`` raises.
    """
    return write_folder(curves, problems, folder, _write_function, README)


def _write_function(folder: Path, algorithm: str, function: int, rows: pd.DataFrame, curves: Curves) -> Path:
    """Write .info, .dat and .tdat of one optimizer on one function."""
    dim = int(rows["dim"].iloc[0])
    data = folder / f"data_f{function}"
    data.mkdir(parents=True, exist_ok=True)
    stem = f"bbobexp_f{function}_DIM{dim}"
    every, marks, runs = [], [], []
    for run in rows.itertuples():
        lines = run_lines(run, curves)
        header = DAT_HEADER % (run.f_ref - HAIR * run.scale)
        every.append("\n".join([header, *_texts(lines)]))
        marks.append("\n".join([header, *_texts(lines[_marks(lines[:, 0])])]))
        runs.append(f"{run.instance}:{int(lines[-1, 0])}|{lines[-1, 2]:.9e}")
    put(data / f"{stem}.dat", "\n".join(every) + "\n")
    put(data / f"{stem}.tdat", "\n".join(marks) + "\n")
    head = (
        f"suite = 'bbob', funcId = {function}, DIM = {dim}, Precision = 1.000e-08, algId = '{algorithm}', "
        "coco_version = '2.8.2', logger = 'bbob', data_format = 'bbob-new2'"
    )
    info = folder / f"bbobexp_f{function}.info"
    put(info, f"{head}\n% written by optcompare; see problems.csv\n{data.name}/{stem}.dat, {', '.join(runs)}\n")
    return info


def _marks(n_values: Array) -> NDArray[np.int64]:
    """Return the lines that a .tdat keeps: the first, one at each of 20 marks a decade, the last."""
    decades = math.ceil(math.log10(max(10.0, n_values[-1])))
    wanted = np.logspace(0.0, decades, decades * POINTS_A_DECADE + 1)
    places = np.searchsorted(n_values, wanted, side="right") - 1
    return np.unique(np.concatenate([[0], places, [len(n_values) - 1]]))


def _texts(lines: Array) -> Iterator[str]:
    for values, gradients, distance, error in lines.tolist():
        yield f"{values:.0f} {gradients:.0f} {distance:+.16e} {error:+.9e} {error:+.9e}"
