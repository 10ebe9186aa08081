"""Inline SVG is small, and draws what the figure draws."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from optcompare.report.packing import Fitted, Space, pack
from optcompare.report.svg import _short_path, inline_svg, svg_text


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("M 1.0 2.0 L 3.0 2.0 L 3.0 5.5 L 4.0 6.0", "M1 2H3V5.5L4 6"),
        ("M 1 2 L 3 2 L 7 2", "M1 2H7"),  # on along the axis: no point in between
        ("M 1 2 L 7 2 L 3 2", "M1 2H7H3"),  # back again: the far point stays
        ("M 1 2 L 1 2 L 1 5", "M1 2V5"),
        ("M 0 0 L 1 0 L 1 1 L 0 1 z M 5 5 L 6 5 z", "M0 0H1V1H0zM5 5H6z"),
        ("M 0 0 C 1 1 2 2 3 3", "M 0 0 C 1 1 2 2 3 3"),
        ("", ""),
    ],
)
def test_paths_are_written_short(path, short):
    assert _short_path(path) == short


def figure(n=200):
    drawn = Figure(figsize=(4, 3))
    ax = drawn.subplots()
    x = np.arange(n)
    ax.step(x, np.sqrt(x), gid="series-0")
    ax.plot(x[::5], x[::5] / n, "o", color="#064cc1", gid="series-1-faint")
    return drawn


def test_inline_is_much_smaller_and_keeps_its_series():
    document = svg_text(figure())
    inline = inline_svg(document, "f", "a figure")
    assert len(inline) < 0.62 * len(document)
    assert '<g class="series-0">' in inline and '<g class="series-1 faint">' in inline
    assert inline.count("<use ") == document.count("<use ")
    marks = inline[inline.index("series-1 faint") :]
    assert marks[: marks.index("</svg>")].count("var(--series-0)") <= 3  # said once, not by every marker


def test_space_keeps_the_first_as_they_are_then_packs_then_leaves_out():
    space = Space(plain=100, packed=60)
    assert space.fit("a" * 60, is_seen_first=True) == Fitted(plain="a" * 60)
    assert space.fit("b" * 30, is_seen_first=False) == Fitted(packed=pack("b" * 30))  # half of the space is kept
    assert space.fit("c" * 40, is_seen_first=True).plain == "c" * 40
    assert space.fit("d" * 500, is_seen_first=True).packed == pack("d" * 500)
    noise = "".join(chr(33 + int(k)) for k in np.random.default_rng(0).integers(0, 90, 200))
    assert space.fit(noise, is_seen_first=True) == Fitted()
