"""The report: one self-contained HTML page and its Markdown twin, from stored tables. Nothing is solved here."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analysis.summaries import failure_table, numbers, status_table, with_columns
from .claims_plot import CLAIM_COLUMNS
from .figures import FigureGroup, claims_group, convergence_group, extra_group, lambda_groups
from .sentences import claim_sentence, claims_sentence, run_sentence, short_coverage, verdict_of
from .style import DARK, LIGHT, MARKER_SHAPES, OptimizerStyles, report_settings
from .svg import inline_svg, png_bytes, svg_text
from .tables import Table, final_results, plain_table
from .text import interval, label, markdown, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# of 3 MB; the rest is for tables
MOST_FIGURE_BYTES = 1_700_000
MOST_CLAIMS = 100
MOST_FAILURES = 200
MOST_FORMULAS = 40


class ExtraFigure(NamedTuple):
    """A study's own figure, with its numbers: every figure has a table."""

    title: str
    caption: str
    figure: Figure
    table: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """All that a report shows: plain tables and strings.

    formulas: (objective label, formula). frame: one row a run. traces: long. claims: the claims table.
    extra_figures: (title, caption, Figure, table). budget: a sentence. versions: package -> version.
    """

    title: str
    question: str
    formulas: Sequence[tuple[str, str]]
    frame: pd.DataFrame
    traces: pd.DataFrame
    claims: pd.DataFrame
    extra_figures: Sequence[ExtraFigure | tuple[str, str, Figure, pd.DataFrame]] = ()
    budget: str = ""
    seeds: Sequence[int] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    notes: str = ""


def write_report(content: ReportContent, folder: str | Path) -> Path:
    """Write index.html, report.md and figures/ into the folder and return the page's path.

    The same content gives the same bytes. The page needs no network and stays below 3 MB: figures that no longer fit
    are files only, and the page says so. The folder is made where it is missing; its other files are left alone.
    """
    target = Path(folder)
    (target / "figures").mkdir(parents=True, exist_ok=True)
    with report_settings():
        context = _context(content)
        groups: list[FigureGroup] = context["groups"]
        inlined = _write_figures(groups, target / "figures")
    context["svg"] = inlined
    environment = _environment()
    page = environment.get_template("page.html.j2").render(context)
    text = environment.get_template("report.md.j2").render(context)
    (target / "report.md").write_text(text, encoding="utf-8")
    (target / "index.html").write_text(page, encoding="utf-8")
    return target / "index.html"


def _write_figures(groups: Sequence[FigureGroup], folder: Path) -> dict[str, str]:
    """Write every panel's files; return the inline SVG by stem, of as many as fit the page."""
    from markupsafe import Markup

    inlined: dict[str, str] = {}
    used = 0
    for group in groups:
        for panel in group.panels:
            document = svg_text(panel.figure)
            (folder / f"{panel.stem}.svg").write_text(document, encoding="utf-8")
            if panel.has_png:
                (folder / f"{panel.stem}.png").write_bytes(png_bytes(panel.figure))
            inline = inline_svg(document, panel.stem, panel.name)
            if used + len(inline.encode()) <= MOST_FIGURE_BYTES:
                used += len(inline.encode())
                inlined[panel.stem] = Markup(inline)  # matplotlib escaped its text, inline_svg the name
    return inlined


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": _markdown_filter, "label": label, "number": number}
    return environment


def _markdown_filter(given: object) -> Any:
    from markupsafe import Markup

    return Markup(markdown(given))


def _context(content: ReportContent) -> dict[str, Any]:
    """Return everything the two templates show."""
    frame = with_columns(content.frame, ["objective", "lam", "lam_canonical", "optimizer", "seed", "status", "message"])
    traces, claims = content.traces, with_columns(content.claims, CLAIM_COLUMNS)
    labels = [*frame["optimizer"], *traces.get("optimizer", [])]
    styles = OptimizerStyles(labels)
    price = _gradient_price(frame)
    forest = claims_group(claims)
    over_lambda = list(lambda_groups(frame, styles))
    convergence = convergence_group(traces, frame, styles, price)
    extras = [extra_group(index, *extra) for index, extra in enumerate(content.extra_figures, 1)]
    script = (Path(__file__).parent / "templates" / "page.js").read_text(encoding="utf-8")
    return {
        "content": content,
        "styles": styles,
        "shapes": MARKER_SHAPES,
        "palette": {"light": LIGHT, "dark": DARK},
        "run_sentence": run_sentence(frame),
        "claims_sentence": claims_sentence(claims),
        "claims": _claim_rows(claims),
        "n_claims_left_out": max(0, len(claims) - MOST_CLAIMS),
        "formulas": [(label(name), label(formula, 600)) for name, formula in content.formulas[:MOST_FORMULAS]],
        "n_formulas_left_out": max(0, len(content.formulas) - MOST_FORMULAS),
        "forest": forest,
        "lambda_groups": over_lambda,
        "convergence": convergence,
        "extras": extras,
        "groups": [group for group in (forest, *over_lambda, convergence, *extras) if group is not None],
        "final": final_results(frame, styles),
        "failures": _failures(frame),
        "statuses": plain_table(status_table(frame), "Runs by status", 200),
        "gradient_price": number(price),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }


def _gradient_price(frame: pd.DataFrame) -> float:
    """Return the gradient price that the runs were charged; 2, the default budget's, where it is not one number."""
    if "gradient_price" not in frame:
        return 2.0
    known = {price for price in numbers(frame["gradient_price"]).tolist() if math.isfinite(price) and price >= 0}
    return known.pop() if len(known) == 1 else 2.0


def _claim_rows(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the claims as text."""
    return [
        {
            "rank": rank,
            "statement": label(record["statement"], 400),
            "predicted": interval(record["low"], record["high"]),
            "measured": number(record["measured"]),
            "interval": interval(record["interval_low"], record["interval_high"]),
            "coverage": short_coverage(record),
            "control": interval(record["control_low"], record["control_high"]),
            "verdict": verdict_of(record),
            "reason": label(record["reason"], 300) if isinstance(record["reason"], str) else "",
            "sentence": claim_sentence(record),
        }
        for rank, record in enumerate(claims.head(MOST_CLAIMS).to_dict("records"), 1)
    ]


def _failures(frame: pd.DataFrame) -> Table:
    table = failure_table(frame)
    table["message"] = [label(message, 300) for message in table["message"]]
    return plain_table(table.rename(columns={"n_runs": "runs"}), "Failed runs, by cause", MOST_FAILURES)
