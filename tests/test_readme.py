"""The README's Python blocks run, in order, as one script; its first bash block holds the two set-up commands."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "\n".join(blocks("python"))
    (tmp_path / "readme.py").write_text(source)  # so that functions and classes have a source
    namespace = {"__name__": "readme"}
    exec(compile(source, str(tmp_path / "readme.py"), "exec"), namespace)
    assert (tmp_path / "out" / "mine" / "index.html").exists()


def test_the_first_bash_block_is_two_commands():
    lines = blocks("bash")[0].strip().splitlines()
    assert len(lines) == 2
    assert "optcompare run studies/lambda_meaning.py" in lines[0] and "pytest" in lines[1]


def test_linked_files_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text())
    assert links and all((README.parent / link).exists() for link in links), links
