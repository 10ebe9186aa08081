"""A comparison's numbers as tables of the page: steps of curves, ERT with successes, ranks, pairs, problems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.summaries import numbers
from .style import OptimizerStyles
from .tables import Cell, Row, Table, cut, number_cell, text_cell
from .text import MISSING, label, number

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 200
MOST_ARMS = 80
ERT_DIGITS = 3


def step_table(
    table: pd.DataFrame, x: str, caption: str, styles: OptimizerStyles, *, unit: str = "", n_places: int = 7
) -> Table:
    """Return the shares of step functions at log-spaced places: optimizers down, best last share first, places across.

    table: optimizer, ``x`` ascending, share and maybe low, high. The value at a place is that of the last row before.
    """
    spots = numbers(table[x])
    usable = spots[np.isfinite(spots) & (spots > 0)]
    if not len(usable):
        return Table(caption, ["optimizer"], [])
    places = [float(f"{place:.2g}") for place in np.geomspace(usable.min(), usable.max(), n_places)]
    places[-1] = max(places[-1], float(usable.max()))
    found = []
    for name, part in table.groupby(table["optimizer"].astype(str), sort=False):
        at = np.searchsorted(numbers(part[x]), np.array(places) * (1 + 1e-9), side="right") - 1
        share = numbers(part["share"])
        edges = [numbers(part[edge]) if edge in part else np.full(len(part), math.nan) for edge in ("low", "high")]
        cells = [
            number_cell(_rounded(share[row]), _rounded(edges[0][row]), _rounded(edges[1][row]))
            if row >= 0 else Cell("0", sort=0.0, is_number=True)
            for row in at
        ]  # fmt: skip
        found.append((-share[-1], Row([text_cell(name), *cells], styles.css_class(name))))
    rows = [row for _, row in sorted(found, key=lambda pair: pair[0])]
    columns = ["optimizer", *(f"{number(place, 3)}{unit}" for place in places)]
    return Table(caption, columns, rows[:MOST_ARMS], cut(len(rows), MOST_ARMS))


def _rounded(value: float) -> float:
    return round(float(value), 3) if math.isfinite(value) else math.nan


def ert_cell(record: Mapping[Any, Any] | None) -> Cell:
    """Return ERT with "13/15" below; where no run reached the target, the budget that was spent in vain."""
    if record is None:
        return Cell(MISSING)
    ert, reached, n_runs = float(record["ert"]), int(record["n_reached"]), int(record["n_runs"])
    detail = f"{reached}/{n_runs}"
    if math.isinf(ert):
        detail += f" in {cost_text(float(record['budget']))}"
    return Cell(cost_text(ert), detail, ert, is_number=True)


def cost_text(cost: float) -> str:
    """Return a cost with three digits, from 100 to a million as a whole number."""
    return number(round(cost)) if 100 <= cost < 1e6 else number(cost, ERT_DIGITS)


def ert_over_targets(ert: pd.DataFrame, caption: str, styles: OptimizerStyles, order: Sequence[str]) -> Table:
    """Return one problem's ERT: optimizers down, targets across."""
    taus = np.unique(numbers(ert["tau"]))[::-1].tolist()
    known = {(str(record["optimizer"]), float(record["tau"])): record for record in ert.to_dict("records")}
    present = set(ert["optimizer"].astype(str))
    names = [name for name in order if name in present]
    rows = [
        Row([text_cell(name), *(ert_cell(known.get((name, tau))) for tau in taus)], styles.css_class(name))
        for name in names[:MOST_ARMS]
    ]
    return Table(caption, ["optimizer", *(f"tau {number(tau)}" for tau in taus)], rows, cut(len(names), MOST_ARMS))


def dimension_table(table: pd.DataFrame, caption: str, styles: OptimizerStyles, order: Sequence[str]) -> Table:
    """Return medians of ERT by size: optimizers down, bins of d + 1 across, problems solved below."""
    dims = np.unique(numbers(table["dim"]))
    bins = sorted({f"{dim:.2g}" for dim in dims}, key=float)
    known = {(str(r["optimizer"]), f"{r['dim']:.2g}"): r for r in table.to_dict("records")}
    rows = []
    for name in order:
        cells = []
        for place in bins:
            record = known.get((name, place))
            if record is None:
                cells.append(Cell(MISSING))
                continue
            detail = f"{record['n_solved']}/{record['n_problems']} solved"
            cells.append(Cell(cost_text(float(record["ert"])), detail, float(record["ert"]), is_number=True))
        rows.append(Row([text_cell(name), *cells], styles.css_class(name)))
    columns = ["optimizer", *(f"d + 1 about {place}" for place in bins)]
    return Table(caption, columns, rows[:MOST_ARMS], cut(len(rows), MOST_ARMS))


def means_table(table: pd.DataFrame, caption: str, what: str, styles: OptimizerStyles) -> Table:
    """Return value with interval and the number of data sets, a row an optimizer."""
    rows = [
        Row(
            [text_cell(r["optimizer"]), number_cell(r["value"], r["low"], r["high"]), number_cell(r["n_datasets"])],
            styles.css_class(r["optimizer"]),
        )
        for r in table.head(MOST_ARMS).to_dict("records")
    ]
    return Table(caption, ["optimizer", what, "data sets"], rows, cut(len(table), MOST_ARMS))


def ranks_table(table: pd.DataFrame, caption: str, styles: OptimizerStyles) -> Table:
    """Return mean ranks, best first, and who is within the critical difference of the best."""
    rows = [
        Row(
            [
                text_cell(r["optimizer"]),
                Cell(number(r["mean_rank"], 3), sort=float(r["mean_rank"]), is_number=True),
                Cell("yes" if r["is_among_best"] else "no"),
            ],
            styles.css_class(r["optimizer"]),
        )
        for r in table.head(MOST_ARMS).to_dict("records")
    ]
    columns = ["optimizer", "mean rank", "within the critical difference of the best"]
    return Table(caption, columns, rows, cut(len(table), MOST_ARMS))


def pairs_table(table: pd.DataFrame, caption: str, most: int = MOST_PAIRS) -> Table:
    """Return pairs with wins, losses, ties and p, those that differ most clearly first."""
    ordered = table.assign(_size=-np.abs(numbers(table["advantage"]))).sort_values(["p_holm", "p", "_size"])
    rows = []
    for r in ordered.head(most).to_dict("records"):
        first, second = (r["a"], r["b"]) if r["advantage"] >= 0 else (r["b"], r["a"])
        wins, losses = (r["wins"], r["losses"]) if r["advantage"] >= 0 else (r["losses"], r["wins"])
        rows.append(
            Row(
                [
                    text_cell(first), text_cell(second), *(number_cell(count) for count in (wins, losses, r["ties"])),
                    Cell(number(abs(r["advantage"]), 3), sort=abs(float(r["advantage"])), is_number=True),
                    *(Cell(number(r[p], 2), sort=float(r[p]), is_number=True) for p in ("p", "p_holm")),
                    Cell("yes" if r["is_significant"] else "no" if r["is_possible"] else "not possible"),
                ]
            )
        )  # fmt: skip
    columns = ["better", "worse", "data sets won", "lost", "tied", "advantage", "p", "p (Holm)", "significant"]
    note = f"The {most} clearest of {len(table)} pairs; the store holds all of them." if len(table) > most else ""
    return Table(caption, columns, rows, note)


def problems_table(problems: pd.DataFrame) -> Table:
    """Return every problem's facts, f_0, f_ref and who found it."""
    version = str(problems["version"].iloc[0]) if len(problems) else ""
    rows = []
    for r in problems.to_dict("records"):
        kind = [
            "convex" if r["is_convex"] else "not convex", "smooth" if r["is_smooth"] else "not smooth",
            *(["noisy"] if r["is_noisy"] else []), *([] if r["has_gradient"] else ["no gradient"]),
        ]  # fmt: skip
        accuracy = float(r["accuracy"])
        dataset = text_cell(r["dataset"], 40)
        rows.append(
            Row(
                [
                    text_cell(r["problem"], 60),
                    Cell(dataset.text, "generated" if r["is_generated"] else ""),
                    number_cell(r["dim"]), number_cell(r["n_samples"]), number_cell(r["lam"]), Cell(", ".join(kind)),
                    Cell(number(r["f_0"], 6), sort=float(r["f_0"]), is_number=True),
                    Cell(number(r["f_ref"], 8), "" if r["is_gap"] else "best known", float(r["f_ref"]), is_number=True),
                    text_cell(r["finder"], 60),
                    Cell("none" if math.isinf(accuracy) else number(accuracy, 2), sort=accuracy, is_number=True),
                    number_cell(round(float(r["gradient_price"]), 2)),
                ]
            )
        )  # fmt: skip
    columns = ["problem", "data set", "d", "n", "lambda", "kind", "f_0", "f_ref", "found by", "accuracy (tau)",
               "gradient price"]  # fmt: skip
    caption = f"Problems: scale and best known value (reference version {version})" if version else "Problems"
    return Table(caption, columns, rows)


def optimizers_table(description: Mapping[str, Any], styles: OptimizerStyles) -> Table:
    """Return what every label means: the optimizer with its options, how lambda reaches it, and where it comes from."""
    origins = description.get("origins", {})
    rows = [
        Row(
            [
                text_cell(name), text_cell(options, 300), text_cell(description.get("arms", {}).get(name, MISSING)),
                *([text_cell(", ".join(origins.get(name, [])), 120)] if origins else []),
            ],
            styles.css_class(name),
        )
        for name, options in description.get("optimizers", {}).items()
    ]  # fmt: skip
    columns = ["optimizer", "options", "lambda", *(["from"] if origins else [])]
    return Table("Optimizers and their options", columns, rows)


def sources_table(sources: Sequence[Mapping[str, Any]]) -> Table:
    """Return which store holds what."""
    names = {
        "source": "name", "store": "store", "study": "study", "runs": "runs", "copied": "of these not in one above",
        "objectives": "objectives", "optimizers": "optimizers", "since": "first entered",
    }  # fmt: skip
    rows = [
        Row([number_cell(row[key]) if isinstance(row[key], int) else text_cell(row[key], 120) for key in names])
        for row in sources
    ]
    return Table("Where the runs come from", [label(name) for name in names.values()], rows)
