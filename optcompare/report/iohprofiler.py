"""Stored runs as IOHprofiler data, which IOHanalyzer and iohinspector (0.0.8) read.

One folder an optimizer; one JSON file and one data file a function. In place of f - f_opt stands tau, see
``exported_runs``; the columns ``gradients`` and ``error`` stand beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.curves import Curves
from .exported_runs import Array, put, run_lines, write_folder
from .text import folder_name

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("evaluations", "raw_y", "gradients", "error")
README = """IOHprofiler data, one folder an optimizer (optimizers.csv). problems.csv says which problem and seed is
which function and instance, and with which best known value.

raw_y is tau = (f - f_ref)/(f_0 - f_ref), not below 1e-9: 1 is the best constant predictor, 0 the best known value.
Targets below a problem's accuracy (problems.csv) are more than its best known value supports: leave them out.
evaluations counts values, gradients counts gradients, in passes over the training data, rounded up. A run that failed
ends at its full budget.

    import iohinspector
    manager = iohinspector.DataManager()
    manager.add_folder("FOLDER")
    data = manager.load(monotonic=True, include_meta_data=True)     # monotonic=False: with each run's last line
    data = data.with_columns(cost=data["evaluations"] + 2 * data["gradients"])
"""


def export_iohprofiler(curves: Curves, problems: pd.DataFrame, folder: str | os.PathLike[str]) -> list[Path]:
    """Write the curves of a study as IOHprofiler data into a new or empty folder; return the JSON files' paths.

    problems: as ``results.problems()``. Raises what ``exported_runs.write_folder`` raises.
    """
    return write_folder(curves, problems, folder, _write_function, README)


def _write_function(folder: Path, algorithm: str, function: int, rows: pd.DataFrame, curves: Curves) -> Path:
    """Write the JSON and the data file of one optimizer on one function."""
    problem, dim = folder_name(str(rows["family"].iloc[0])), int(rows["dim"].iloc[0])
    data = folder / f"data_f{function}"
    data.mkdir(parents=True, exist_ok=True)
    path = data / f"IOHprofiler_f{function}_DIM{dim}.dat"
    texts, runs = [" ".join(COLUMNS)], []
    for run in rows.itertuples():
        lines = run_lines(run, curves)
        texts.extend(_texts(lines))
        best = {"evals": int(lines[lines[:, 2].argmin(), 0]), "y": float(lines[-1, 2]), "x": []}
        runs.append({"instance": int(run.instance), "evals": int(lines[-1, 0]), "best": best})
    put(path, "\n".join(texts) + "\n")
    content = {
        "version": "0.3.5",
        "suite": "optcompare",
        "function_id": function,
        "function_name": problem,
        "maximization": False,
        "algorithm": {"name": algorithm, "info": "written by optcompare"},
        "attributes": list(COLUMNS),
        "scenarios": [{"dimension": dim, "path": f"{data.name}/{path.name}", "runs": runs}],
    }
    index = folder / f"IOHprofiler_f{function}.json"
    put(index, json.dumps(content, indent=1, allow_nan=False))
    return index


def _texts(lines: Array) -> Iterator[str]:
    for values, gradients, distance, error in lines.tolist():
        yield f"{values:.0f} {distance:.17g} {gradients:.0f} {error:.10g}"
