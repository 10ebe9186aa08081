"""LaTeX: no text becomes a command, and the document compiles where there is a LaTeX."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcompare.report.latex import latex
from optcompare.report.page import write_report

LATEX = shutil.which("pdflatex")
COMMANDS = {"textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "textquotedbl",
            "textasciigrave", "textquotesingle", "ldots", "infty", "times", "cdot", "le", "ge", "lambda", "tau",
            "varepsilon"}  # fmt: skip


def test_special_characters_are_escaped():
    assert latex(r"50 % of $x_1$ & #2 {a} \input{/etc/passwd}") == (
        r"50 \% of \$x\_1\$ \& \#2 \{a\} \textbackslash{}input\{/etc/passwd\}"
    )
    assert latex("a^b~c <d> |e|") == (
        r"a\textasciicircum{}b\textasciitilde{}c \textless{}d\textgreater{} \textbar{}e\textbar{}"
    )
    assert latex("∞ – × λ …") == r"$\infty$ -- $\times$ $\lambda$ \ldots{}"
    assert latex("naïve Müller 数\n\x00") == "naive Muller ? ?"
    assert latex("[1]") == "{[}1{]}"  # after a row's end it would be a length


@given(st.text(max_size=60))
def test_any_text_is_ascii_with_known_commands_alone(text):
    found = latex(text)
    assert found.isascii() and "\n" not in found
    assert set(re.findall(r"\\([a-zA-Z]+)", found)) <= COMMANDS
    plain = re.sub(r"\\[a-zA-Z]+\{\}|\$\\?[\^a-zA-Z]+2?\$|\\[{}$&#%_]|\{[\[\]-]\}", "", found)
    assert not re.search(r"[\\{}$&#%_^~]", plain)


@pytest.fixture(scope="module")
def document(comparison_page):
    return (comparison_page / "report.tex").read_text(encoding="utf-8")


def test_the_document_holds_final_results_ranks_and_ert(document):
    captions = re.findall(r"\\caption\{(.*?)\}\\\\", document)
    assert captions[0].startswith("Final results")
    assert any(caption.startswith("Mean ranks, cost in passes") for caption in captions)
    assert sum(": ERT, cost in passes" in caption for caption in captions) == 8
    assert r"\usepackage{array,booktabs,longtable,textcomp}" in document
    for rule in ("toprule", "midrule", "bottomrule"):
        assert document.count(rf"\{rule}") == len(captions)
    assert r"random\_search & $\infty$ (0/3 in 400)" in document


def test_every_row_has_as_many_cells_as_its_table(document):
    tables = re.findall(r"\\begin\{longtable\}\{([^\n]*)\}\n(.*?)\\end\{longtable\}", document, flags=re.DOTALL)
    assert len(tables) > 10
    for columns, body in tables:
        plain = re.sub(r">\{[^}]*\}|p\{[^}]*\}", lambda found: "p" * found[0].startswith("p"), columns)
        rows = [line for line in body.splitlines() if line.endswith(r" \\") and "caption" not in line]
        assert len(rows) > 1 and set(plain.strip()) <= {"l", "p"}
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(plain.strip())}


@pytest.mark.skipif(LATEX is None, reason="no pdflatex on PATH")
def test_the_document_compiles(synthetic, tmp_path, few):
    frame, problems, curves = synthetic.comparison(n_datasets=2, n_seeds=2)
    frame = frame.assign(optimizer=frame["optimizer"].replace({"pso": r"\evil{$%&_#^~}[x]"}))
    write_report(synthetic.content((frame, problems, curves)), tmp_path)
    done = subprocess.run(
        [LATEX, "-interaction=nonstopmode", "-halt-on-error", "report.tex"], cwd=tmp_path, capture_output=True,
        text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
