"""The report: one self-contained HTML page and its twins, from stored tables. Nothing is solved here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .figures import FigureGroup
from .latex import latex
from .packing import Fitted, Space
from .sections import page_context
from .style import report_settings
from .svg import inline_svg, pdf_bytes, png_bytes, svg_text
from .tables import Table
from .text import label, markdown, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..analysis.curves import Curves

# of 3 MB: figures and tables as they are, and packed; problems' details count as tables
FIGURE_BYTES, PACKED_FIGURE_BYTES = 800_000, 700_000
TABLE_BYTES, PACKED_TABLE_BYTES = 400_000, 800_000
ORDINARY_TABLE_BYTES = 1_000_000  # of a report that is no comparison: its tables are few, and read without a script


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
    extra_figures: (title, caption, Figure, table). budget: a sentence. versions: package -> version. problems, curves:
    of a study with references, which make it a comparison; its traces may be left out. description: the study's, for
    its optimizers' options and its sources.
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
    problems: pd.DataFrame | None = None
    curves: Curves | None = None
    description: Mapping[str, Any] = field(default_factory=dict)


def write_report(content: ReportContent, folder: str | Path) -> Path:
    """Write index.html, report.md, report.tex and figures/ (SVG, PNG, PDF) into the folder; return the page's path.

    The same content gives the same bytes. The page needs no network and stays below 3 MB: what does not fit as it is
    is packed and unpacked by the page's script when it is looked at; figures that still do not fit are files only, and
    the page says so. The folder is made where it is missing; its other files are left alone.
    """
    target = Path(folder)
    (target / "figures").mkdir(parents=True, exist_ok=True)
    with report_settings():
        context = page_context(content)
        context["pieces"] = _write_figures(context["groups"], target / "figures", context["default_classes"])
    script = (Path(__file__).parent / "templates" / "page.js").read_text(encoding="utf-8")
    context["script"] = script
    context["script_hash"] = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = _environment(context)
    for name in ("report.md", "report.tex"):
        text = environment.get_template(f"{name}.j2").render(context)
        (target / name).write_text(text, encoding="utf-8")
    page = environment.get_template("page.html.j2").render(context)
    (target / "index.html").write_text(page, encoding="utf-8")
    return target / "index.html"


def _write_figures(groups: Sequence[FigureGroup], folder: Path, default_classes: Sequence[str]) -> dict[str, Fitted]:
    """Write every panel's files; return by stem how the page holds it, what is seen first before the rest."""
    pieces: dict[str, Fitted] = {}
    space = Space(FIGURE_BYTES, PACKED_FIGURE_BYTES)
    panels = [panel for group in groups for panel in group.panels]
    for panel in sorted(panels, key=lambda panel: (not panel.has_png, panel.css_class not in default_classes)):
        document = svg_text(panel.figure)
        (folder / f"{panel.stem}.svg").write_text(document, encoding="utf-8")
        if panel.has_png:
            (folder / f"{panel.stem}.png").write_bytes(png_bytes(panel.figure))
            (folder / f"{panel.stem}.pdf").write_bytes(pdf_bytes(panel.figure))
        inline = inline_svg(document, panel.stem, panel.name)
        fitted = Fitted(plain=inline) if panel.is_detail else space.fit(inline, is_seen_first=panel.has_png)
        pieces[panel.stem] = fitted
    return pieces


def _environment(context: Mapping[str, Any]) -> Any:
    """Return the templates' environment; ``context`` has comparison, default_classes and pieces."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    default_classes, pieces = context["default_classes"], context["pieces"]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    space = Space(TABLE_BYTES if context["comparison"] else ORDINARY_TABLE_BYTES, PACKED_TABLE_BYTES)

    def macro(name: str, *given: Any) -> str:
        return str(getattr(environment.get_template("macros.html.j2").module, name)(*given))

    def fitted_tables(tables: Sequence[tuple[str, Table]], is_tool: bool = False) -> list[tuple[Fitted, str]]:
        """Return tables as the page holds them, each with what to say in its place; other cost axes' are one piece."""
        shown = [pair for pair in tables if pair[0] in default_classes]
        others = [pair for pair in tables if pair[0] not in default_classes]
        parts = [(space.fit(macro("classed_table", *pair, is_tool), is_seen_first=True), pair[1].caption)
                 for pair in shown]  # fmt: skip
        if others:
            html = "".join(macro("classed_table", *pair, is_tool) for pair in others)
            parts.append((space.fit(html, is_seen_first=False), "The numbers on other cost axes"))
        return parts

    def fitted_problem(group: FigureGroup) -> Fitted:
        """Return all of a problem's details as one piece."""
        return space.fit(macro("problem_body", group, pieces), is_seen_first=False)

    environment.globals |= {"fitted_tables": fitted_tables, "fitted_problem": fitted_problem}
    environment.filters |= {
        "md": lambda given: Markup(markdown(given)),
        "tex": lambda given: Markup(latex(given)),
        "raw": Markup,  # of what this package made and escaped itself
        "label": label,
        "number": number,
    }
    return environment
