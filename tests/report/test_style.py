"""Colours measured for colour blindness and contrast; labels; scales; numbers as text."""

import itertools
import math

import matplotlib
import numpy as np
import pytest

from optcompare.errors import UnknownNameError
from optcompare.report.labels import short_name, spread
from optcompare.report.scales import Scale
from optcompare.report.style import (
    DARK,
    LIGHT,
    MARKER_SHAPES,
    MARKERS,
    MOST_SERIES,
    OptimizerStyles,
    better_forms,
    report_settings,
)
from optcompare.report.text import interval, label, markdown, number, tick

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB, row by row
MATRICES = {
    "normal": "1 0 0  0 1 0  0 0 1",
    "protanopia": "0.152286 1.052583 -0.204868  0.114503 0.786281 0.099216  -0.003882 -0.048116 1.051998",
    "deuteranopia": "0.367322 0.860646 -0.227968  0.280085 0.672501 0.047413  -0.011820 0.042940 0.968881",
    "tritanopia": "1.255528 -0.076749 -0.178779  -0.078411 0.930809 0.147602  0.004733 0.691367 0.303900",
}
SIGHT = {name: np.array(text.split(), dtype=float).reshape(3, 3) for name, text in MATRICES.items()}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def linear(colour):
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    t = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first, second):
    low, high = sorted(float(linear(colour) @ TO_XYZ[1]) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_every_sight_and_stand_out_from_the_paper(theme, sight):
    colours = [theme[f"series-{index}"] for index in range(8)]
    seen = [lab(SIGHT[sight] @ linear(colour)) for colour in colours]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 20
    assert min(contrast(colour, theme["paper"]) for colour in colours) >= 3
    assert contrast(theme["muted"], theme["paper"]) >= 4.5


def test_one_colour_and_marker_per_label():
    styles = OptimizerStyles(["b", "a", "b", 3])
    assert styles.labels == ("b", "a", "3")
    many = OptimizerStyles(range(1000))
    assert len(many) == MOST_SERIES and len(many.others) == 1000 - MOST_SERIES
    assert len({(style.colour, style.marker) for style in many}) == MOST_SERIES
    assert many["0"] == OptimizerStyles(["0"])["0"]
    assert many.css_class("999") == "series-others"
    assert set(MARKERS) == set(MARKER_SHAPES)
    with pytest.raises(UnknownNameError, match="Allowed"):
        styles["c"]


def test_two_forms_of_an_optimizer_share_colour_and_marker():
    styles = OptimizerStyles(["pso", "adam", "pso tuned", "cma (default)", "cma (tuned)", "only tuned"])
    look = {style.label: (style.colour, style.marker) for style in styles}
    assert look["pso"] == look["pso tuned"] and look["cma (default)"] == look["cma (tuned)"]
    assert len(set(look.values())) == 4
    assert [style.label for style in styles if style.is_hollow] == ["pso", "cma (default)"]
    assert styles["pso"].dash != styles["pso tuned"].dash
    assert len({style.css_class for style in styles}) == 6
    assert better_forms(["pso tuned", "adam", "pso"]) == ["pso tuned", "adam"]


def test_forty_arms_have_forty_looks_and_those_not_emphasised_are_faint():
    labels = [f"o{index}{form}" for index in range(20) for form in ("", " tuned")]
    styles = OptimizerStyles(labels, emphasis=["o3 tuned"])
    assert len(styles) == 40 and not styles.others
    assert len({(style.colour, style.marker, style.is_hollow) for style in styles}) == 40
    assert [style.label for style in styles if not style.is_faint] == ["o3 tuned"]
    assert styles["o3"].gid == "series-6-faint" and styles["o3"].css_class == "series-6"
    assert len(OptimizerStyles(range(100), emphasis=[]).others) == 40


def test_settings_are_put_back_and_backend_is_never_set():
    before = {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
    with matplotlib.rc_context({"font.size": 30.0, "text.usetex": True}):
        with report_settings():
            assert matplotlib.rcParams["font.size"] < 20 and not matplotlib.rcParams["text.usetex"]
        assert matplotlib.rcParams["font.size"] == 30.0
    assert {name: matplotlib.rcParams[name] for name in before} == before


def test_not_positive_values_lie_in_a_strip():
    scale = Scale.of([1e-3, 10.0, -2.0, 0.0, math.nan, math.inf], kind="log")
    places = scale.place([1e-3, 10.0, -2.0, 0.0, math.nan, math.inf])
    assert scale.is_log and scale.strip_label == "≤ 0"
    assert places[2] == places[3] == scale.floor
    assert scale.low < scale.floor < scale.edge < 1e-3 < 10.0 < scale.high
    assert math.isnan(places[4]) and math.isinf(places[5])
    assert Scale.of([0.0, 1.0], kind="log").strip_label == "0"
    assert math.isnan(Scale.of([1.0, 2.0], kind="log").floor)


def test_a_logarithm_only_where_it_serves():
    assert not Scale.of([0.02, 0.06]).is_log
    assert Scale.of([0.02, 60.0]).is_log
    assert not Scale.of([-1.0, 60.0, 0.001]).is_log
    assert not Scale.of([0.0, -1.0], kind="log").is_log


@pytest.mark.parametrize(
    "values", [[], [0.0], [1.0], [1e-320, 1e308], [5e-324], [-1e308, 1e308], [math.nan], [3.0, 3.0], [0.0, 1e-320]]
)
def test_scales_survive_anything(values):
    for kind in ("log", "auto"):
        scale = Scale.of(values, kind=kind)
        assert math.isfinite(scale.low) and math.isfinite(scale.high) and scale.low < scale.high
        places = scale.place(np.array(values))
        assert np.isfinite(places[np.isfinite(values)]).all()
        assert all(scale.low <= place <= scale.high for place in scale.ticks()[0])


def test_infinite_values_lie_in_a_strip_on_top():
    scale = Scale.of([1.0, 1000.0, math.inf], kind="log", never="never")
    places = scale.place([1000.0, math.inf, math.nan, -math.inf])
    assert places[0] == 1000.0 < scale.top < places[1] == scale.ceiling < scale.high
    assert math.isnan(places[2]) and places[3] == -math.inf
    assert scale.ticks()[1][-1] == "never" and scale.ticks()[0][-1] == scale.ceiling
    assert math.isnan(Scale.of([1.0, 2.0], kind="log", never="never").ceiling)
    for values in ([math.inf], [0.0, math.inf], [5e-324, 1e308, math.inf], [3.0, 3.0, math.inf]):
        for kind in ("log", "auto"):
            scale = Scale.of(values, kind=kind, never="never")
            assert scale.low < scale.top < scale.ceiling < scale.high < math.inf


def test_ticks_are_few_and_round():
    assert Scale.of([0.001, 30], kind="log").ticks()[1] == ["0.001", "0.01", "0.1", "1", "10"]
    assert Scale.of([1.1, 40], kind="log").ticks()[1] == ["1", "2", "5", "10", "20"]
    assert len(Scale.of([1e-30, 1e30], kind="log").ticks()[0]) <= 8
    assert 3 <= len(Scale.of([2.0, 2.5], kind="log").ticks()[0]) <= 8


def test_labels_are_moved_apart_and_stay_ordered():
    heights = spread([0.5, 0.5, 0.51, 0.9], 0.1)
    assert all(b - a > 0.0999 for a, b in itertools.pairwise(heights))
    assert heights[3] == pytest.approx(0.9)
    assert sum(heights[:3]) == pytest.approx(1.51)
    assert max(spread([1.0] * 5, 0.1)) <= 1.02
    assert spread([], 0.1) == []
    assert spread([0.0, 0.0, 0.0], 0.1, low=-0.03) == pytest.approx([-0.03, 0.07, 0.17])
    crowded = spread([0.0] * 10, 0.1, low=0.5)
    assert crowded[-1] == pytest.approx(1.02) and all(b - a > 0.0999 for a, b in itertools.pairwise(crowded))


def test_a_label_is_shortened_before_its_last_word():
    assert short_name("differential_evolution tuned", 17) == "differenti… tuned"
    assert short_name("pso tuned", 17) == "pso tuned"
    assert short_name("a_label_without_any_space", 10) == "a_label_w…"
    assert len(short_name("two words_that_are_rather_long", 17)) == 17


def test_numbers_and_ticks_as_text():
    assert [number(value) for value in (1.0, 0.123456, 2e-9, math.inf, -math.inf, math.nan, None, "x")] == [
        "1", "0.1235", "2e-09", "∞", "-∞", "–", "–", "–",
    ]  # fmt: skip
    assert interval(0.99952, 1.00041) == "0.99952 to 1.0004"
    assert interval(2, math.inf) == "at least 2"
    assert interval(-math.inf, 2) == "at most 2"
    assert interval(math.nan, 2) == "–"
    assert interval(1e-300, 1e300) == "1e-300 to 1e+300"
    assert [tick(value) for value in (0, 0.001, 1000, 1e5, 2e-7, -1e6)] == [
        "0",
        "0.001",
        "1000",
        "10⁵",
        "2·10⁻⁷",
        "-10⁶",
    ]


def test_labels_are_one_line_of_bounded_length():
    assert label("a\n b\x00\u202e") == "a b\ufffd\ufffd"
    assert len(label("x" * 300)) == 80


def test_markdown_shows_text_as_it_is():
    assert markdown("a|b_c*d$e`f [x](y) <b>&\n#") == r"a\|b\_c\*d\$e\`f \[x\](y) &lt;b&gt;&amp; #"
    assert markdown("# head") == r"\# head"
    assert markdown("- item") == r"\- item"
    assert markdown("1. item") == r"1\. item"
    assert [markdown(text) for text in ("1.5", "-2", "---")] == ["1.5", "-2", r"\---"]
