"""The two-by-two picture."""

import pandas as pd
import pytest

from optcompare.errors import InvalidInputError
from optcompare.report.plots_two_by_two import plot_two_by_two, save_two_by_two
from optcompare.report.style import figure_of

CELLS = {
    ("error", "gradient"): ("lbfgs",),
    ("update", "gradient"): ("gd decay", "heavy ball"),
    ("error", "direct"): ("pso",),
    ("update", "direct"): ("swarm",),
}
FACTORS = {"lbfgs": 1.0, "gd decay": 1.0, "heavy ball": 0.1, "pso": 0.9, "swarm": -0.2}
TABLE = pd.DataFrame(
    [
        ["cancer", lam, name, lam * factor, lam * factor - 0.01, lam * factor + 0.01, 6, 6 if factor > 0 else 0]
        for name, factor in FACTORS.items()
        for lam in (1.0, 10.0, 100.0)
    ],
    columns=["objective", "lam_canonical", "optimizer", "median", "low", "high", "n", "n_identified"],
)


def test_every_cell_draws_its_own_arms_on_the_same_axes():
    panels = figure_of(plot_two_by_two(TABLE, CELLS)).axes
    assert len(panels) == 4
    assert len({(panel.get_xlim(), panel.get_ylim()) for panel in panels}) == 1
    named = [{text.get_text() for text in panel.texts} & set(FACTORS) for panel in panels]
    assert named == [set(labels) for labels in CELLS.values()]
    assert [panel.get_title(loc="left") for panel in panels[:2]] == ["penalty in the error", "decay in the update"]


def test_what_is_not_identified_is_hollow():
    last = figure_of(plot_two_by_two(TABLE, CELLS)).axes[3]
    faces = {line.get_markerfacecolor() for line in last.lines if line.get_marker() == "o"}
    assert faces == {"#ffffff"}


def test_saved_twice_it_has_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_two_by_two(TABLE, CELLS, str(tmp_path / name))
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_cell_or_an_arm_too_few_is_refused():
    with pytest.raises(InvalidInputError, match="four"):
        plot_two_by_two(TABLE, {("error", "gradient"): ("lbfgs",)})
    with pytest.raises(InvalidInputError, match="spsa"):
        plot_two_by_two(TABLE, {**CELLS, ("update", "direct"): ("spsa",)})
