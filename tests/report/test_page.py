"""The page and its twin: self-contained, escaped, the same bytes, and there for any input."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from optcompare.report.page import ExtraFigure, ReportContent, write_report
from optcompare.report.sentences import claim_sentence, claims_sentence

HOSTILE = '<img src="http://evil/x.png" onerror="alert(1)">'
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """Collects ids, tags with attributes, visible text, and checks that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.text, self.open = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def content(frame, traces=None, claims=None, **changes):
    names = list(dict.fromkeys(frame["objective"])) if "objective" in frame else []
    fields = {
        "title": "lambda_meaning",
        "question": "What does lambda mean?",
        "formulas": [(name, "J = mean loss + lambda/(2n) sum w^2") for name in names],
        "frame": frame,
        "traces": pd.DataFrame() if traces is None else traces,
        "claims": pd.DataFrame() if claims is None else claims,
        "budget": "2000 passes a run",
        "seeds": range(6),
        "versions": {"numpy": "2.4.6"},
        "machine": "Linux",
    }
    return ReportContent(**{**fields, **changes})


def extra_figure():
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2], [3, 4])
    return ExtraFigure("Pareto plane", "Norm against loss.", figure, pd.DataFrame({"norm": [1.5], "note": ["<b>"]}))


@pytest.fixture(scope="module")
def full(synthetic):
    frame = synthetic.frame(("cancer",), lambdas=(0.01, 1.0, 10.0), n_seeds=3)
    return content(frame, synthetic.traces(frame, n_rows=12), synthetic.claims(), extra_figures=[extra_figure()])


@pytest.fixture(scope="module")
def written(full, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    page = write_report(full, folder)
    return folder, page.read_text(encoding="utf-8"), (folder / "report.md").read_text(encoding="utf-8")


def test_the_page_asks_for_nothing(written):
    _, html, _ = written
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            target = attributes.get(name)
            assert target is None or target.startswith("#") or target == "data:,", (tag, name, target)
    assert not re.search(r"@import|url\((?!#)", html)
    assert "http://" not in html.replace("http-equiv", "") and "https://" not in html
    assert len(html.encode()) < 3_000_000


def test_ids_are_unique_and_every_reference_has_its_target(written):
    _, html, _ = written
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    targets = re.findall(r'(?:href="|url\()#([^")]+)', html)
    assert targets and set(targets) <= set(page.ids)


def test_every_figure_has_a_name_and_its_numbers(written):
    _, html, _ = written
    figures = re.findall(r"<figure id=\"([^\"]*)\">(.*?)</figure>", html, flags=re.DOTALL)
    assert [key for key, _ in figures] == [
        "claims", "implied-lambda", "norm", "loss", "test-error", "convergence", "extra-1",
    ]  # fmt: skip
    for key, body in figures:
        svgs = re.findall(r"<svg[^>]*>", body)
        assert svgs and all('role="img"' in svg and re.search('aria-label="[^"]{10}', svg) for svg in svgs)
        assert "<figcaption>" in body
        assert key == "claims" or ("<details>" in body and "<table" in body)


def test_series_are_marked_in_figures_and_tables(written):
    _, html, _ = written
    for index in range(8):
        assert f'id="on-{index}"' in html
        assert f"body:has(#on-{index}:not(:checked)) .series-{index}" in html
        assert len(re.findall(f'<g class="series-{index}"', html)) >= 10
        assert len(re.findall(f'<tr class="series-{index}"', html)) >= 3


def test_inline_figures_follow_the_theme(written):
    _, html, _ = written
    svgs = "".join(re.findall(r'<svg role="img".*?</svg>', html, flags=re.DOTALL))
    assert "var(--series-1)" in svgs and "var(--ink)" in svgs and "--series-1:#e26d05" in html
    assert "prefers-color-scheme:dark" in html and "fill:currentColor" in html


def test_drawing_again_gives_the_same_bytes(full, written, tmp_path):
    folder, _, _ = written
    write_report(full, tmp_path)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert len(names) > 20
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_twin_refers_to_files_that_exist(written):
    folder, _, text = written
    targets = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(targets) >= 12
    assert all((folder / target).is_file() for target in targets)
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) >= 8
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table[:200]


def test_hostile_text_is_only_ever_text(synthetic, tmp_path):
    frame = synthetic.frame(("cancer",), lambdas=(10.0,), n_seeds=2)
    names = {"lbfgs": HOSTILE, "pso": "$x_1$ | ](http://evil)", "cma_es": "</script><script>alert(1)</script>"}
    frame = frame.assign(optimizer=frame["optimizer"].replace(names), message=HOSTILE + " | pipe", objective=HOSTILE)
    claims = synthetic.claims().assign(statement=HOSTILE, reason=HOSTILE)
    extra = extra_figure()._replace(title=HOSTILE, caption=HOSTILE)
    hostile = content(
        frame, synthetic.traces(frame, n_rows=4), claims, title=HOSTILE, question=HOSTILE, notes=HOSTILE,
        budget=HOSTILE, machine=HOSTILE, versions={HOSTILE: HOSTILE}, extra_figures=[extra],
    )  # fmt: skip
    html = write_report(hostile, tmp_path).read_text(encoding="utf-8")
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "".join(page.text).count(HOSTILE) > 10
    twin = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<img" not in twin
    assert not re.search(r"(?<!\\)\]\(http", twin)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "index.html", "report.md", "report.tex"]
    assert all(re.fullmatch(r"[a-z0-9-]+\.(svg|png|pdf)", path.name) for path in (tmp_path / "figures").iterdir())


@pytest.mark.parametrize("case", ["none", "one", "all failed", "one optimizer", "ties", "zeros", "no lambda"])
def test_every_input_gives_a_page(case, synthetic, tmp_path):
    frame = synthetic.frame(("cancer",), lambdas=(0.0, 1.0), optimizers=("lbfgs", "pso"), n_seeds=2)
    traces = synthetic.traces(frame, n_rows=6)
    numeric = ["loss", "norm", "implied_lambda", "test_error", "regularized_error", "best_value"]
    if case == "none":
        frame, traces = pd.DataFrame(), pd.DataFrame()
    elif case == "one":
        frame = frame.head(1)
        traces = synthetic.traces(frame, n_rows=1)
    elif case == "all failed":
        frame = frame[["objective", "optimizer", "seed", "lam"]].assign(status="CRASHED", message=None)
        traces = pd.DataFrame()
    elif case == "one optimizer":
        frame = frame[frame["optimizer"] == "pso"]
    elif case == "ties":
        frame[numeric] = 1.0
        traces[["best_value", "loss", "norm"]] = 1.0
    elif case == "zeros":
        frame[numeric] = -frame[numeric].round(0)
        traces[["best_value", "loss"]] = -traces[["best_value", "loss"]].round(0)
    else:
        frame[["lam", "lam_canonical"]] = None
        traces["lam"] = np.nan
    html = write_report(content(frame, traces), tmp_path).read_text(encoding="utf-8")
    text = " ".join("".join(Page(html).text).split())
    expected = {"none": "There are no runs yet", "all failed": "Every run failed (8 CRASHED)", "one": "1 run: "}
    assert expected.get(case, f"{len(frame)} runs: 1 objective") in text
    assert "makes no claims" in text


def test_a_thousand_labels_stay_a_page(synthetic, tmp_path):
    labels = [f"optimizer number {index}" for index in range(1000)]
    frame = synthetic.frame(("a",), (0.1, 1.0), labels, n_seeds=1)
    html = write_report(content(frame, synthetic.traces(frame.head(40), n_rows=3)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert len(html.encode()) < 3_000_000
    assert "984 others" in html
    assert "The first 1000 of 2000 rows" in html


def test_figures_that_do_not_fit_are_files(synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr("optcompare.report.page.FIGURE_BYTES", 40_000)
    monkeypatch.setattr("optcompare.report.page.PACKED_FIGURE_BYTES", 0)
    few = content(synthetic.frame(("cancer",), (1.0,), n_seeds=1))
    html = write_report(few, tmp_path).read_text(encoding="utf-8")
    named = re.findall(r"See figures/([a-z0-9-]+\.svg)", html)
    assert named and all((tmp_path / "figures" / name).is_file() for name in named)


def test_sentences_are_as_strong_as_the_verdicts(synthetic):
    claims = synthetic.claims()
    assert claims_sentence(claims) == "Of 6 claims, fixed before the runs, 3 hold, 1 fails and 2 are undecided."
    assert claims_sentence(claims.assign(verdict="undecided")) == "None of the 6 claims is decided."
    assert claims_sentence(claims.assign(verdict="surely")) == "None of the 6 claims is decided."
    sentences = [claim_sentence(record) for record in claims.to_dict("records")]
    assert sentences[0] == (
        "Holds: lbfgs reads lambda back: implied/nominal is 1. Predicted 0.99 to 1.01, measured 1 (97.9 % interval of "
        "the median over 10 seeds: 0.9995 to 1.0004). "
        "The control shows 0.09 to 0.11, which lies outside the prediction."
    )
    assert sentences[3].startswith("Fails: ") and "outside the prediction." in sentences[3]
    assert sentences[4].startswith("Undecided: ") and "which lies outside" not in sentences[4]
    assert "not measured" in sentences[5] and "nan" not in sentences[5]
