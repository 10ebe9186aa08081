"""The command line as a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

from optcompare.cli import main

SCRIPT = """
import optcompare as oc

def mine(theta):
    return float(((theta - 2.0) ** 2).sum())

def sour(objective, start, rng):
    raise RuntimeError("sour")

study = oc.Study(
    name="tiny", question="Does a script run?",
    objectives={"bowl": oc.function_objective(mine, dim=2, penalty=oc.L2(1.0))},
    lambdas=[0.5, 2.0], optimizers={"nelder_mead": "nelder_mead", "sour": sour}, seeds=range(2), budget=60,
)
study.main(quick={"seeds": [0]}, smoke={"seeds": [0], "budget": 5})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.py").write_text(SCRIPT)
    return folder


def optcompare(folder, *arguments):
    command = [sys.executable, "-m", "optcompare.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_run_report_status_show(folder):
    done = optcompare(folder, "run", "tiny.py", "--quick", "--jobs", "2", "--out", "here", "--store", "a b.db")
    assert done.returncode == 0, done.stderr
    assert (folder / "here" / "index.html").exists() and "report:" in done.stdout

    status = optcompare(folder, "status", "a b.db", "--failures")
    assert "tiny-quick: 4 of 4 runs stored, 0 missing" in status.stdout
    assert "FAILED    2" in status.stdout and "RuntimeError: sour" in status.stdout

    report = optcompare(folder, "report", "a b.db", "--out", "again")
    assert report.returncode == 0, report.stderr
    assert (folder / "again" / "report.md").exists()

    from optcompare.results import load_results

    key = load_results(folder / "a b.db").to_frame()["key"].iloc[0]
    show = optcompare(folder, "show", key[:12], "--store", "a b.db")
    assert "nelder_mead" in show.stdout and "theta" in show.stdout, show.stderr


def test_a_script_is_the_same_as_the_command(folder):
    done = subprocess.run(
        [sys.executable, "tiny.py", "--smoke", "--out", "there"],
        cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (folder / "there" / "runs.db").exists()


def test_list_names_everything(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in ("nelder_mead", "breast_cancer", "logistic", "L2", "sklearn.LogisticRegression"):
        assert name in text
    assert main(["list", "optimizers"]) == 0
    assert "breast_cancer" not in capsys.readouterr().out


def test_lambda(capsys):
    arguments = ["lambda", "0.01", "--from", "torch.SGD", "--to", "sklearn.LogisticRegression", "--n", "398"]
    assert main([*arguments, "--loss", "cross_entropy"]) == 0
    assert "0.2512562814" in capsys.readouterr().out  # C = 1/(398 * 0.01)
    assert main(["lambda", "--table"]) == 0
    assert "torch.AdamW" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lambda", "0.01", "--from", "torch.SDG", "--n", "5"], "Did you mean 'torch.SGD'"),
        (["lambda", "0.01", "--from", "torch.SGD"], "n_samples"),
        (["lambda"], "--from"),
        (["lambda", "0.01", "--from", "torch.AdamW", "--n", "5"], "max"),
        (["status", "nothing.db"], "no store at 'nothing.db'"),
        (["run", "nothing.py"], "no study script at 'nothing.py'"),
    ],
)
def test_errors_are_one_clear_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert list(Path(tmp_path).iterdir()) == []
