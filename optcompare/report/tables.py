"""Tables as a page and its Markdown twin show them: text, what to sort by, and which optimizer a row belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..analysis.summaries import final_table, numbers
from .style import OptimizerStyles
from .text import MISSING, interval, label, number

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1000
FINAL_LABELS = {
    "regularized_error": "error at nominal lambda",
    "loss": "training loss",
    "test_error": "test error",
    "norm": "norm",
    "implied_lambda": "implied lambda",
    "cost": "cost (passes)",
    "seconds": "seconds",
}


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, a smaller second text, what it sorts by, and whether it is a number or a warning."""

    text: str
    detail: str = ""
    sort: float | None = None
    is_number: bool = False
    is_warning: bool = False

    @property
    def sort_key(self) -> str:
        """What the page sorts by, where the text does not say it: a number that is not the text's own."""
        if self.sort is None or math.isnan(self.sort):
            return ""
        if math.isinf(self.sort):
            return "Infinity" if self.sort > 0 else "-Infinity"
        return "" if self.text == number(self.sort) else f"{self.sort:.6g}"


@dataclass(frozen=True)
class Row:
    """Cells and the class that hides the row with its optimizer."""

    cells: Sequence[Cell]
    css_class: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption; ``note`` says what was left out."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row] = field(default_factory=tuple)
    note: str = ""


def text_cell(value: object, most: int = 80) -> Cell:
    """Return a cell of text; missing: "–"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell(MISSING)
    return Cell(label(value, most) or MISSING)


def number_cell(value: object, low: object = math.nan, high: object = math.nan) -> Cell:
    """Return a cell of a number with its interval below."""
    text = number(value)
    around = interval(low, high)
    detail = "" if around in (MISSING, text) else around
    sort = float(value) if text != MISSING else None  # type: ignore[arg-type]
    return Cell(text, detail, sort, is_number=True)


def plain_table(frame: pd.DataFrame, caption: str, most: int = MOST_ROWS) -> Table:
    """Return any DataFrame as a table, numbers as numbers."""
    import pandas as pd

    is_numeric = [pd.api.types.is_numeric_dtype(frame.iloc[:, place]) for place in range(frame.shape[1])]
    rows = [
        Row([
            number_cell(value) if numeric and not isinstance(value, bool) else text_cell(value, 300)
            for value, numeric in zip(values, is_numeric, strict=True)
        ])
        for values in frame.head(most).itertuples(index=False, name=None)
    ]  # fmt: skip
    return Table(caption, [label(str(name).replace("_", " ")) for name in frame.columns], rows, cut(len(frame), most))


def cut(total: int, most: int) -> str:
    """Return the note on rows that are not shown, or ""."""
    return f"The first {most} of {total} rows; the store holds all of them." if total > most else ""


def final_results(frame: pd.DataFrame, styles: OptimizerStyles, most: int = MOST_ROWS) -> Table:
    """Return the final results: a row per objective, lambda and optimizer, medians with intervals, failures counted."""
    table = final_table(frame)
    rows = []
    for record in table.head(most).to_dict("records"):
        failed = int(record["n_failed"])
        cells = [
            text_cell(record["optimizer"]),
            text_cell(record["objective"]),
            number_cell(record["lam_canonical"]),
            number_cell(record["n_runs"]),
            Cell(str(failed), sort=failed, is_number=True, is_warning=failed > 0),
        ]
        for column in FINAL_LABELS:
            cell = number_cell(record[column], record[f"{column}_low"], record[f"{column}_high"])
            if column == "implied_lambda" and cell.text != MISSING:
                known = f"{int(record['n_identified'])} of {int(record['n_runs'])} identified"
                cell = Cell(cell.text, f"{cell.detail}; {known}" if cell.detail else known, cell.sort, is_number=True)
            cells.append(cell)
        rows.append(Row(cells, styles.css_class(record["optimizer"])))
    columns = ["optimizer", "objective", "lambda", "runs", "failed", *FINAL_LABELS.values()]
    return Table("Final results: medians over seeds", columns, rows, cut(len(table), most))


def spread_table(
    part: pd.DataFrame,
    along: str,
    caption: str,
    styles: OptimizerStyles,
    *,
    places: Sequence[float] = (),
    most_columns: int = 8,
    extra: Callable[[Mapping[Any, Any]], str] = lambda record: "",
) -> Table:
    """Return a figure's numbers: optimizers down, lambdas or costs across, median with interval in the cells.

    places: the columns; the values of ``along`` where it is empty, thinned to ``most_columns``. An optimizer that ended
    before a cost shows what it ended with. ``extra`` adds words to a cell.
    """
    shown = sorted({value for value in places or numbers(part[along]).tolist() if not math.isnan(value)})
    if len(shown) > most_columns:
        step = (len(shown) - 1) / (most_columns - 1)
        shown = [shown[round(index * step)] for index in range(most_columns)]
    known: dict[str, dict[float, Mapping[Any, Any]]] = {}
    for record in part.to_dict("records"):
        known.setdefault(str(record["optimizer"]), {})[float(record[along])] = record
    rows = []
    for optimizer, records in list(known.items())[:60]:
        last = max(records)
        cells = [text_cell(optimizer)]
        for place in shown:
            is_over = along == "cost" and place > last
            record = records.get(last if is_over else place)
            if record is None:
                cells.append(Cell(MISSING))
                continue
            cell = number_cell(record["median"], record["low"], record["high"])
            more = (cell.detail, extra(record), f"ended at {number(last)}" if is_over else "")
            cells.append(Cell(cell.text, "; ".join(filter(None, more)), cell.sort, is_number=True))
        rows.append(Row(cells, styles.css_class(optimizer)))
    return Table(caption, ["optimizer", *(number(place) for place in shown)], rows, cut(len(known), 60))
