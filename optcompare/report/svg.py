"""Figures as SVG: files of their own, and inline in a page that themes them and switches their series."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from .style import LIGHT, report_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# the look's colours -> the page's variables, which have a dark twin
VARIABLES = {colour: f"--{name}" for name, colour in reversed(LIGHT.items())}
_SERIES = re.compile(r'<g id="(series-(?:\d+|others))(-faint)?(?:_\d+)?"')
_GROUP_ID = re.compile(r'<g id="(?!series-)[^"]*"')
_EMPTY = re.compile(r"<g/>\s*|<g>\s*</g>\s*")
_MARKS = re.compile(
    r'<g( clip-path="[^"]*")?>\s*((?:<use [^>]* style="([^"]*)"/>\s*)(?:<use [^>]* style="\3"/>\s*)*)</g>'
)
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")
_NEEDLESS = re.compile(r"; stroke-line(?:cap|join): \w+|stroke-dashoffset: 0; ?")  # the page's style sheet says so
_PATH = re.compile(r' d="([^"]*)"')
_SHORT_FONT = re.compile(r"font: (?:(bold|\d+) )?([\d.]+)px [^;\"]*")
_PLACE = re.compile(r' (?:d|x|y|transform)="[^"]*"')


def svg_text(figure: Figure) -> str:
    """Return the figure as an SVG document: the same figure gives the same bytes."""
    buffer = io.StringIO()
    with report_settings():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """Return the figure as a PNG without a date: the same figure and matplotlib give the same bytes."""
    buffer = io.BytesIO()
    with report_settings():
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def pdf_bytes(figure: Figure) -> bytes:
    """Return the figure as a PDF without dates: the same figure and matplotlib give the same bytes."""
    buffer = io.BytesIO()
    with report_settings():
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return buffer.getvalue()


def inline_svg(document: str, prefix: str, name: str) -> str:
    """Return an SVG document of :func:`svg_text` as an <svg> element for a page.

    Its ids start with ``prefix``, parts with a gid "series-..." get that as their class, colours are the page's
    variables, text takes the page's font, paths are written short, and it scales with its place. ``name`` is what a
    screen reader says.
    """
    text = document[document.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = _smaller(_classed(text))
    # only inside tags: what the figure's text says stays as it is
    text = re.sub(r"<[^>]*>", lambda found: _themed(found.group(0), prefix), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    box = re.search(r'viewBox="([^"]*)"', text)
    opening = f'<svg role="img" aria-label="{_attribute(name)}" viewBox="{box[1] if box else "0 0 1 1"}">'
    return re.sub(r"^<svg[^>]*>", lambda _: opening, text).strip()


def _themed(tag: str, prefix: str) -> str:
    digits = 2 if tag.startswith("<path id=") else 1  # markers are small and drawn often, everything else is a place
    long_number = re.compile(rf"(\d\.\d{{{digits}}})\d+")
    tag = _PLACE.sub(lambda found: " " + long_number.sub(r"\1", " ".join(found[0].split())), tag)
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = tag.replace("url(#", f"url(#{prefix}-")
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', tag)
    tag = _COLOUR.sub(lambda found: _variable(found.group(0)), tag)
    tag = _NEEDLESS.sub("", _FAMILY.sub("", tag))
    tag = _PATH.sub(lambda found: f' d="{_short_path(found[1])}"', tag)
    return _SHORT_FONT.sub(lambda found: f"font-size: {found[2]}px" + ("; font-weight: 700" if found[1] else ""), tag)


def _short_path(path: str) -> str:
    """Return a path of straight lines written short: H and V along an axis, no points in between; others as given."""
    words = iter(path.split())
    parts: list[str] = []
    x = y = way = ""
    run = (0.0, 0.0)  # where a run along an axis began, and where it has got to
    for command in words:
        if command == "z":
            parts.append("z")
            x = y = way = ""
            continue
        if command not in ("M", "L"):
            return path
        to_x, to_y = next(words).removesuffix(".0"), next(words).removesuffix(".0")
        if command == "L" and (to_x, to_y) == (x, y):
            continue
        here = "M" if command == "M" else "H" if to_y == y else "V" if to_x == x else "L"
        if here in ("H", "V"):
            start, end = (float(x), float(to_x)) if here == "H" else (float(y), float(to_y))
            text = f"{here}{to_x if here == 'H' else to_y}"
            if here == way and (run[1] - run[0]) * (end - run[1]) > 0:
                parts[-1], run = text, (run[0], end)
            else:
                parts.append(text)
                run = start, end
        else:
            parts.append(f"{here}{to_x} {to_y}")
        x, y, way = to_x, to_y, here
    return "".join(parts)


def _smaller(text: str) -> str:
    """Leave out ids that nothing refers to and groups that hold nothing; say a row of markers' style once."""
    text = _GROUP_ID.sub("<g", text)
    for _ in range(2):  # a tick without mark and label is an empty group in a group
        text = _EMPTY.sub("", text)
    return _MARKS.sub(
        lambda found: f'<g{found[1] or ""} style="{found[3]}">' + found[2].replace(f' style="{found[3]}"', "") + "</g>",
        text,
    )


def _classed(text: str) -> str:
    """Give every group of a series its class in place of its id."""

    def renamed(found: re.Match[str]) -> str:
        name = found.group(1)
        faint = " faint" if found.group(2) else ""
        return f'<g class="{name}{faint}"'

    return _SERIES.sub(renamed, text)


def _variable(colour: str) -> str:
    name = VARIABLES.get(colour)
    return colour if name is None else f"var({name})"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
