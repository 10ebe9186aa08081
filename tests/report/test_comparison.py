"""A comparison's report: sections, every cost axis, numbers beside figures, and no word more than the tests allow."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.ranks import pairwise_table
from optcompare.errors import InvalidInputError
from optcompare.report.comparison import compare, dataset_means, implied_ratios, medians_over_datasets, pairs_of_forms
from optcompare.report.comparison_text import comparison_sentences, conclusion, problem_sentence
from optcompare.report.cost_axes import cost_axes
from optcompare.report.page import write_report

SECTIONS = ["summary", "lambda", "cost", "runtimes", "profiles", "ranks", "problems", "results", "failures",
            "environment"]  # fmt: skip
AXES = ["passes", "evaluations", "measured", "dimension", "seconds", "simplices"]


@pytest.fixture(scope="module")
def made(synthetic):
    return synthetic.comparison()


@pytest.fixture(scope="module")
def compared(made):
    return compare(made[2], made[1], cost_axes(2.0, made[1]))


@pytest.fixture(scope="module")
def written(comparison_page):
    return comparison_page, *((comparison_page / name).read_text("utf-8") for name in ("index.html", "report.md"))


def test_sections_stand_in_their_order(written):
    _, html, twin = written
    assert re.findall(r'<section id="([a-z]+)"', html) == SECTIONS
    titles = re.findall(r"^## (.*)$", twin, flags=re.MULTILINE)
    assert titles == ["Summary", "What lambda does", "Convergence over cost", "Cost to targets", "Profiles", "Ranks",
                      "Problems", "Final results", "Failures", "Environment"]  # fmt: skip


def test_ids_are_unique_and_every_reference_has_its_target(written):
    _, html, _ = written
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', html)) <= set(ids)


def test_every_cost_axis_has_its_figures_and_numbers(written):
    folder, html, _ = written
    assert re.findall(r'type="radio" name="cost" id="cost-([a-z]+)"', html) == AXES
    for key in ("convergence-{}-1", "ecdf-{}", "ert-dimension-{}", "areas-{}", "performance-1e03-{}", "mean-ranks-{}"):
        for axis in AXES:
            assert (folder / "figures" / f"{key.format(axis)}.svg").is_file(), (key, axis)
    for axis in AXES:
        assert html.count(f'class="panel wide cost cost-{axis}"') >= 6
        assert f"body:has(#cost-{axis}:checked) .cost-{axis}" in html
    # of the default axis in every format
    assert {path.suffix for path in (folder / "figures").glob("ecdf-passes.*")} == {".svg", ".png", ".pdf"}


def test_every_figure_of_the_comparison_has_its_numbers(written):
    _, html, _ = written
    figures = re.findall(r"<figure id=\"([^\"]*)\">(.*?)</figure>", html, flags=re.DOTALL)
    assert len(figures) >= 12
    for key, body in figures:
        assert "<details><summary>The numbers of this figure" in body and "<table" in body, key


def test_prices_change_runtimes_of_gradient_methods_alone(compared):
    found = {tables.axis.key: tables.ert.set_index(["problem", "optimizer", "tau"])["ert"] for tables in compared.axes}
    cell = ("data3, model 0", "lbfgs", 1e-3)
    n = found["evaluations"][cell]
    dim = 24
    assert found["passes"][cell] == pytest.approx(3 * n)
    assert found["dimension"][cell] == pytest.approx((1 + dim + 1) * n)
    assert found["measured"][cell] == pytest.approx((1 + 1.1) * n)
    assert found["simplices"][cell] == pytest.approx(3 * n / (dim + 1))
    direct = ("data3, model 0", "pso", 1e-3)
    assert found["passes"][direct] == found["dimension"][direct] == found["evaluations"][direct]


def test_the_best_one_is_first_and_failed_runs_are_charged(compared):
    assert compared.order[0] == "lbfgs" and compared.order[-1] == "random_search"
    last = compared.default.ert[compared.default.ert["optimizer"] == "random_search"]
    assert np.isinf(last["ert"]).all() and (last["n_runs"] == 3).all()
    assert compared.default.ranks["optimizer"].iloc[0] == "lbfgs"


def test_with_five_data_sets_nothing_is_concluded(synthetic, tmp_path, few):
    made = synthetic.comparison(n_datasets=5)
    compared = compare(made[2], made[1], cost_axes(2.0, made[1]))
    assert conclusion(compared).startswith("With 5 data sets nothing can be concluded about optimizers in general")
    text = " ".join(comparison_sentences(compared))
    assert "no p below 0.0625" in text
    assert "significantly" not in text and "told apart" not in text and "Friedman" not in text
    page = write_report(synthetic.content(made), tmp_path).read_text(encoding="utf-8")
    assert "With 5 data sets nothing can be concluded" in page


def test_too_many_pairs_for_the_data_sets_is_said(compared):
    # 21 pairs need 21 * 2^(1 - n) <= 0.05: 10 data sets; here are 8
    assert not compared.pairs["is_possible"].any()
    assert "no difference can be significant" in conclusion(compared)
    assert "would take 10 data sets. Against lbfgs alone" in " ".join(comparison_sentences(compared))


def test_with_enough_data_sets_the_differences_are_named(synthetic):
    made = synthetic.comparison(n_datasets=12, n_seeds=2)
    compared = compare(made[2], made[1], cost_axes(2.0, made[1])[:1])
    assert conclusion(compared).endswith("Not significantly worse than any other: lbfgs.")
    text = " ".join(comparison_sentences(compared))
    assert "Tuned against default (3 pairs" in text
    assert re.search(r"significantly worse lbfgs tuned, adam tuned, pso tuned", text)


def test_the_simulated_coverage_stands_beside_the_intervals(compared, written):
    sentence = compared.coverage.sentence()
    assert compared.coverage.n_clusters == 8 and sentence in comparison_sentences(compared)
    assert 0.8 < compared.coverage.clusters < 0.95
    assert sentence.split(".")[0] in written[1]


def test_forms_are_compared_with_each_other_alone(compared):
    pairs = compared.form_pairs
    assert set(zip(pairs["a"], pairs["b"])) == {(f"{name} tuned", name) for name in ("lbfgs", "adam", "pso")}
    assert (pairs["losses"] == 8).all() and (pairs["p_holm"] >= pairs["p"]).all()
    assert pairs["p_holm"].max() == pytest.approx(3 * 2.0**-7)
    scores = compared.default.areas.rename(columns={"area": "score"})
    assert len(pairs_of_forms(scores, ["lbfgs", "pso"])) == 0


def test_means_weigh_data_sets_not_problems():
    table = pd.DataFrame(
        {
            "optimizer": ["a"] * 4,
            "dataset": ["x", "x", "x", "y"],
            "problem": ["1", "2", "3", "4"],
            "area": [0.0, 0.0, 0.0, 1.0],
        }
    )
    (row,) = dataset_means(table, "area", np.random.default_rng(0)).to_dict("records")
    assert row["value"] == 0.5 and row["n_datasets"] == 2 and row["low"] == 0.0 and row["high"] == 1.0


def test_medians_survive_infinities():
    table = pd.DataFrame({"optimizer": "a", "dataset": list("xyz"), "gap": [1.0, np.inf, np.inf]})
    (row,) = medians_over_datasets(table, "gap", ["optimizer"], np.random.default_rng(0)).to_dict("records")
    assert row["median"] == np.inf and row["low"] == 1.0 and row["n_datasets"] == 3
    assert not len(medians_over_datasets(table.iloc[:0], "gap", ["optimizer"], np.random.default_rng(0)))


def test_implied_ratios_nearest_to_one_come_first(made):
    ratios = implied_ratios(made[0], made[1])
    assert ratios["optimizer"].iloc[0] == "lbfgs"
    assert ratios.loc[ratios["optimizer"] == "pso", "value"].to_numpy() == pytest.approx(1.4)


def test_a_problem_says_what_is_known_of_it(made):
    sentences = [problem_sentence(record) for record in made[1].to_dict("records")]
    assert "f_ref = 0.25 found by lbfgs seed 1000 (reference); targets down to tau = 1e-09" in sentences[0]
    assert "generated data" in sentences[1] and "generated" not in sentences[0]
    assert "best known, no gap claimed" in sentences[2] and "no gap" not in sentences[0]


def test_details_hold_ert_with_successes_and_the_reference(written):
    _, html, twin = written
    assert html.count('<details class="problem"') == 8
    assert "reference version abc123" in html and "found by lbfgs seed 1000 (reference)" in html
    part = twin[twin.index("### data0, model 0") :]
    assert re.search(r"\| lbfgs \| [\d.]+ \(3/3\)", part)
    assert re.search(r"\| random\\_search \| ∞ \(0/3 in 400\)", part)


def test_many_arms_are_emphasised_faint_and_all_named(synthetic, tmp_path, few):
    names = [f"{name}{form}" for name in "abcdefghijklmnopqrst" for form in ("", " tuned")]
    made = synthetic.comparison(n_datasets=6, optimizers=names, n_seeds=1)
    page = write_report(synthetic.content(made), tmp_path)
    html = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 3_000_000
    assert html.count('type="checkbox" id="on-') == 40
    assert len(re.findall(r'autocomplete="off" checked data-best', html)) == 10
    (ecdf,) = re.findall(r'<svg role="img" aria-label="Share of problem-target.*?</svg>', html, flags=re.DOTALL)
    for index in range(40):
        assert re.search(rf'<g class="series-{index}( faint)?">', ecdf), index
    assert ecdf.count(' faint">') > 25
    assert set(names) <= set(re.findall(r">([^<>]+)</text>", ecdf))


def test_what_is_not_seen_first_is_packed_in_a_small_page(synthetic, made, tmp_path, monkeypatch, few):
    import base64
    import zlib

    monkeypatch.setattr("optcompare.report.page.FIGURE_BYTES", 50_000)
    monkeypatch.setattr("optcompare.report.page.TABLE_BYTES", 20_000)
    html = write_report(synthetic.content(made), tmp_path).read_text(encoding="utf-8")
    packed = re.findall(r'<div class="([^"]*)" data-packed="([^"]*)"', html)
    assert len(packed) > 10
    texts = [zlib.decompress(base64.b64decode(text)).decode() for _, text in packed]
    assert any(text.startswith('<svg role="img"') for text in texts) and any("<table" in text for text in texts)


def test_drawing_again_gives_the_same_bytes(synthetic, made, tmp_path, few_figures):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        write_report(synthetic.content(made), folder)
    names = [str(path.relative_to(first)) for path in first.rglob("*") if path.is_file()]
    assert {"index.html", "report.md", "report.tex", "figures/ecdf-passes.pdf"} <= set(names)
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_without_a_target_it_is_an_ordinary_report(synthetic, made, tmp_path, few):
    frame, problems, curves = made
    html = write_report(synthetic.content((frame, problems.assign(accuracy=np.inf), curves)), tmp_path).read_text(
        "utf-8"
    )
    assert '<section id="ranks"' not in html and '<section id="results"' in html


def changed(made, **columns):
    frame, problems, curves = made
    runs = curves.runs.assign(**{name: value for name, value in columns.items() if name in curves.runs})
    return frame.assign(**columns), problems, replace(curves, runs=runs)


@pytest.mark.parametrize(
    "case", ["one optimizer", "one data set", "clock alone", "unknown price", "no lambda", "all failed", "ties"]
)
def test_every_comparison_gives_a_page(case, synthetic, tmp_path, few):
    made = synthetic.comparison(
        n_datasets=1 if case == "one data set" else 7,
        optimizers=("lbfgs",) if case == "one optimizer" else ("lbfgs", "pso", "pso tuned"),
        n_seeds=1,
    )
    if case == "clock alone":
        made = changed(made, budget=np.inf)
    elif case == "unknown price":
        made = (made[0], made[1].assign(gradient_price=np.nan), made[2])
    elif case == "no lambda":
        made = (made[0].assign(lam=np.nan, lam_canonical=np.nan, implied_lambda=np.nan), *made[1:])
    elif case == "all failed":
        made = changed(made, status="CRASHED")
    elif case == "ties":
        made = (*made[:2], replace(made[2], error=np.full_like(made[2].error, 0.25)))
    html = write_report(synthetic.content(made), tmp_path).read_text(encoding="utf-8")
    assert "nan" not in re.sub(r'data-packed="[^"]*"|dominant', "", html)
    expected = {"one optimizer": "There is one optimizer", "one data set": "With 1 data set nothing can be concluded",
                "all failed": "Every run failed"}  # fmt: skip
    assert expected.get(case, "3 optimizers") in html


def test_many_data_sets_of_odd_sizes_are_compared_by_their_ranks(synthetic, monkeypatch):
    def with_few_sums(scores, **more):
        if more.get("test") != "wilcoxon":
            raise InvalidInputError("too many sums")
        return pairwise_table(scores, **more)

    for module in ("comparison", "comparison_text"):
        monkeypatch.setattr(f"optcompare.report.{module}.pairwise_table", with_few_sums)
    made = synthetic.comparison(n_datasets=7, n_seeds=1)
    compared = compare(made[2], made[1], cost_axes(2.0, made[1])[:1])
    assert len(compared.pairs) == 21 and len(compared.form_pairs) == 3
    assert (
        any("signed-rank" in text for text in comparison_sentences(compared)) or not compared.pairs["is_possible"].any()
    )
