"""The project's look: one colour and one marker per optimizer, quiet axes, nothing global.

The eight colours keep their distance in normal sight and under protanopia, deuteranopia and tritanopia (CIE76 distance
of at least 20 between any two, simulated after Machado et al. 2009), and a contrast of at least 3 to their paper; each
has a twin for dark paper. A marker comes with every colour, so that a reader without colours is served as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import unknown_name
from .text import label as shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, INK, MUTED, GRID, SHADE, BAND = "#ffffff", "#222222", "#5f6670", "#e3e6ea", "#f3f4f6", "#d5e3f7"
DARK_INK = "#e8e8e8"
COLOURS = ("#064cc1", "#e26d05", "#1c7852", "#c37ca6", "#3995e1", "#9d3a00", "#742f7c", INK)
DARK_COLOURS = ("#3d6bf1", "#efc90c", "#56de86", "#ba7794", "#a9c7ff", "#cb612c", "#8265b3", DARK_INK)
# the page's colour variables on light and dark paper; inline figures refer to them
LIGHT = {"paper": PAPER, "ink": INK, "muted": MUTED, "grid": GRID, "shade": SHADE, "band": BAND}
LIGHT |= {f"series-{index}": colour for index, colour in enumerate(COLOURS)}
DARK = {
    "paper": "#15181c",
    "ink": DARK_INK,
    "muted": "#a3abb6",
    "grid": "#333a43",
    "shade": "#20252c",
    "band": "#25405f",
}
DARK |= {f"series-{index}": colour for index, colour in enumerate(DARK_COLOURS)}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
# How each marker looks inside a box of 12 x 12: the switches of the page draw it so.
MARKER_SHAPES = {
    "o": "M6 1.6a4.4 4.4 0 1 0 .01 0z", "s": "M2 2h8v8h-8z", "^": "M6 1.2L11 10.4H1z", "v": "M6 10.8L1 1.6H11z",
    "D": "M6 .6L11.4 6L6 11.4L.6 6z", "<": "M1.2 6L10.4 1V11z", ">": "M10.8 6L1.6 1V11z",
    "P": "M4 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z",
    "X": "M3.2 .8L6 3.6L8.8 .8L11.2 3.2L8.4 6L11.2 8.8L8.8 11.2L6 8.4L3.2 11.2L.8 8.8L3.6 6L.8 3.2z",
}  # fmt: skip
DASHES = ("solid", (0, (4, 1.5)))
MOST_SERIES = 16  # more lines than this are one grey band: nobody tells them apart
MOST_ARMS = 60  # where some are emphasised, the rest are faint lines of their own, up to this many
FAINT = 0.4
# "cma_es tuned" and "cma_es default" (or "cma_es" alone) are one optimizer in two forms: one colour, one marker
_FORM = re.compile(r"^(?P<family>.*\w)[\s,:(\[/-]+(?P<form>default|tuned)[)\]]?$")
FONT = "DejaVu Sans"  # comes with matplotlib, so that figures are the same everywhere
SIZE = 9.5


_DRAWING_SETTINGS = (
    "axes", "errorbar", "figure", "font", "grid", "hatch", "image", "legend", "lines", "markers", "mathtext", "patch",
    "path", "pdf", "ps", "savefig", "scatter", "svg", "text", "xtick", "ytick",
)  # fmt: skip


@dataclass(frozen=True)
class SeriesStyle:
    """How one optimizer is drawn; ``gid`` marks its parts of a figure, so that a page can switch it off.

    colour_index: place of its colour in COLOURS. is_hollow: its markers are (the default form of a tuned optimizer).
    is_faint: a thin pale line, since others are emphasised.
    """

    index: int
    label: str
    colour: str
    dark_colour: str
    marker: str
    dash: Any
    colour_index: int = 0
    is_hollow: bool = False
    is_faint: bool = False

    @property
    def css_class(self) -> str:
        """The class of its rows and lines."""
        return f"series-{self.index}"

    @property
    def gid(self) -> str:
        """The group id of its artists."""
        return f"{self.css_class}-faint" if self.is_faint else self.css_class


class OptimizerStyles:
    """One colour and marker per optimizer label, in the order given, the same in every figure that shares it.

    "x tuned" and "x default" (or "x") share colour and marker; the default form is hollow and dashed. The first
    MOST_SERIES labels have a style of their own; ``others`` are the rest, which figures sum up. With ``emphasis``
    (labels) the first MOST_ARMS have one, and those not emphasised are drawn faint.
    """

    def __init__(self, labels: Iterable[object], emphasis: Iterable[object] | None = None) -> None:
        self.labels = tuple(dict.fromkeys(str(given) for given in labels))
        most = MOST_SERIES if emphasis is None else MOST_ARMS
        self.drawn = self.labels[:most]
        self.others = self.labels[most:]
        self.emphasis = frozenset(self.drawn if emphasis is None else map(str, emphasis))
        split = forms(self.labels)
        families = {name: place for place, name in enumerate(dict.fromkeys(family for family, _ in split.values()))}
        self._styles = {
            name: _style(index, name, families[split[name][0]], split[name][1], name not in self.emphasis)
            for index, name in enumerate(self.drawn)
        }

    def __getitem__(self, name: str) -> SeriesStyle:
        if name not in self._styles:
            raise unknown_name("drawn optimizer", name, self.drawn)
        return self._styles[name]

    def __iter__(self) -> Iterator[SeriesStyle]:
        return iter(self._styles.values())

    def __len__(self) -> int:
        return len(self.drawn)

    def css_class(self, name: object) -> str:
        """Return the class that marks an optimizer's rows and lines; "series-others" beyond the drawn ones."""
        found = self._styles.get(str(name))
        return "series-others" if found is None else found.css_class


def forms(labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return label -> (family, "default" or "tuned"); a label without a partner is its own family, form ""."""
    found = {name: _FORM.match(name) for name in labels}
    split = {name: (match["family"], match["form"]) for name, match in found.items() if match}
    members: dict[str, set[str]] = {}
    for family, form in split.values():
        members.setdefault(family, set()).add(form)
    for name in labels:
        if name not in split and members.get(name) == {"tuned"}:
            split[name] = (name, "default")
            members[name].add("default")
    return {name: split[name] if name in split and len(members[split[name][0]]) == 2 else (name, "") for name in labels}


def better_forms(order: Sequence[str]) -> list[str]:
    """Return labels, the best first, without those of an optimizer that is there before in its other form."""
    found: dict[str, str] = {}
    for name, (family, _) in forms(order).items():
        found.setdefault(family, name)
    return list(found.values())


def _style(index: int, name: str, family: int, form: str, is_faint: bool) -> SeriesStyle:
    colour = family % len(COLOURS)
    # 9 markers and 8 colours have no common factor: no pair repeats before 72
    dash = DASHES[form == "default"] if form else DASHES[family // len(COLOURS) % len(DASHES)]
    return SeriesStyle(
        index, name, COLOURS[colour], DARK_COLOURS[colour], MARKERS[family % len(MARKERS)], dash,
        colour, form == "default", is_faint,
    )  # fmt: skip


@contextmanager
def report_settings() -> Iterator[None]:
    """Draw and save under matplotlib's own defaults, whatever the caller's settings are, and put those back."""
    from matplotlib import rc_context, rcParamsDefault

    look: Any = {name: value for name, value in rcParamsDefault.items() if name.partition(".")[0] in _DRAWING_SETTINGS}
    ours: Any = {"svg.hashsalt": "optcompare", "svg.fonttype": "none", "text.parse_math": False, "font.size": SIZE}
    with rc_context({**look, **ours}):
        yield


def new_panels(count: int, *, width: float = 4.6, height: float = 3.4, margins: Sequence[float] = ()) -> list[Axes]:
    """Return ``count`` axes on one new Figure, at most three to a row, each ``width`` x ``height`` inches.

    margins: left, right, bottom, top around each axes, in inches. No pyplot: nothing is registered, nothing to close.
    """
    from matplotlib.figure import Figure

    left, right, bottom, top = margins or (0.72, 1.42, 0.55, 0.42)
    columns = min(3, max(1, count))
    rows = -(-max(1, count) // columns)
    figure = Figure(figsize=(columns * width, rows * height), facecolor=PAPER)
    panels = []
    for index in range(count):
        row, column = divmod(index, columns)
        x, y = column * width + left, (rows - 1 - row) * height + bottom
        size = (width - left - right) / (columns * width), (height - bottom - top) / (rows * height)
        panels.append(figure.add_axes((x / (columns * width), y / (rows * height), *size)))
    return panels


def dress(ax: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "") -> Axes:
    """Give axes the project's look; labels are text, never mathtext."""
    ax.set_facecolor("none")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
        ax.spines[side].set_linewidth(0.8)
    ax.grid(True, color=GRID, linewidth=0.7, linestyle="solid")
    ax.set_axisbelow(True)
    ax.tick_params(which="major", colors=MUTED, labelcolor=INK, labelsize=SIZE - 0.5, length=3, width=0.8)
    ax.tick_params(which="minor", length=0)
    plain: Any = {"color": INK, "parse_math": False, "fontfamily": FONT}
    if title:
        ax.set_title(shown(title, 48), loc="left", fontsize=SIZE + 1, fontweight="bold", pad=8, **plain)
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=SIZE, **plain)
    if ylabel:
        ax.set_ylabel(ylabel, fontsize=SIZE, **plain)
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_fontfamily(FONT)
    return ax


def add_line(ax: Axes, x: Any, y: Any, *, gid: str, transform: Any = None, **look: Any) -> None:
    """Draw a line or markers on axes whose limits are set: at half the price of ``plot``, which looks after limits."""
    from matplotlib.lines import Line2D

    line = Line2D(x, y, **look)
    line.set_gid(gid)
    if transform is not None:
        line.set_transform(transform)
    ax.add_artist(line)


def figure_of(ax: Axes) -> Figure:
    """Return the Figure that holds the axes."""
    figure: Any = ax.get_figure(root=True)
    return figure
