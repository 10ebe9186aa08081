"""``optcompare check``: what a contributor gets to read, whatever the file."""

import subprocess
import sys

import pytest

from optcompare.cli import main
from optcompare.contract import CHECKS, check_source
from optcompare.contract.source import Source
from optcompare.errors import InvalidInputError, UnknownNameError

CLASS = '''
import optcompare as oc

class {name}({base}):
    """Evaluate the start and nothing else."""

    def minimize(self, objective, start, rng):
        objective.value(start)
'''
GREEDY = '''
def greedy(objective, start, rng):
    """Accept a Gaussian step when it is better."""
    theta, best = start, objective.value(start)
    while True:
        candidate = theta + 0.1 * rng.standard_normal(objective.dim)
        if (value := objective.value(candidate)) < best:
            theta, best = candidate, value
'''
HANGS = """
def hangs(objective, start, rng):
    objective.value(start)
    while True:
        pass
"""
EXITS = """
import os
def exits(objective, start, rng):
    os._exit(3)
"""
HANGS_LATER = """
import math, time
def hangs_later(objective, start, rng):
    \"\"\"Evaluate the start, and wait for ever where it is infinite.\"\"\"
    while math.isinf(objective.value(start)):
        time.sleep(600)
"""


@pytest.fixture(autouse=True)
def path_and_modules_stay(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("checked_", "beside_it")):
            del sys.modules[name]


def written(tmp_path, text, name="mine.py"):
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


def check(path, capsys, *options):
    status = main(["check", path, "--quick", *options])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_good_file_passes_everything(tmp_path, capsys):
    status, out, err = check(written(tmp_path, GREEDY), capsys)
    assert status == 0, out + err
    assert out.startswith("greedy in ") and f"{len(CHECKS)} of {len(CHECKS)} checks passed" in out and err == ""
    lines = [line for line in out.splitlines() if line.startswith("pass")]
    assert [line.split()[1] for line in lines] == list(CHECKS)


@pytest.mark.parametrize(("text", "words"), [(HANGS, "not done after 3 s, killed"), (EXITS, "exited with status 3")])
def test_one_that_hangs_or_exits_is_killed_and_told(text, words, tmp_path, capsys):
    status, out, _ = check(written(tmp_path, text), capsys, "--limit", "3")
    assert status == 1 and words in out and "to do: " in out
    assert f"0 of {len(CHECKS)} checks passed; {len(CHECKS) - 1} not tried before this one passes" in out


def test_one_that_hangs_later_fails_that_check_alone(tmp_path):
    source = Source(written(tmp_path, HANGS_LATER))
    findings = check_source(source, limit=5, checks=["ends", "nan", "summary"])
    assert [finding.is_kept for finding in findings] == [True, False, True]
    assert "not done after 5 s, killed" in findings[1].measured


def test_a_file_that_hangs_when_loaded_is_told(tmp_path, capsys):
    path = written(tmp_path, "import time\ntime.sleep(600)\n" + GREEDY)
    status, out, err = check(path, capsys, "--limit", "2")
    assert status == 1 and out == "" and "did not end" in err and "__main__" in err


def test_errors_are_a_line_and_exit_status_1(tmp_path):
    path = written(tmp_path, "def f(objective, start, rng)\n    pass\n")
    command = [sys.executable, "-m", "optcompare.cli", "check", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr == "optcompare: mine.py, line 1: expected ':': 'def f(objective, start, rng)'\n"


WRONG = {
    "nothing in it": ("x = 1\n", "no optimizer in it. Write a function f"),
    "a missing library": ("import not_there_at_all\n" + GREEDY, "imports 'not_there_at_all', which is not installed"),
    "an error": ("import math\nmath.sqrt(-1)\n", r"ValueError: .* \(mine.py, line 2, in <module>\)"),
    "an exit": ("raise SystemExit(2)\n", "cannot be loaded: SystemExit: 2"),
    "two classes": (CLASS.format(name="A", base="oc.Optimizer") + CLASS.format(name="B", base="oc.Optimizer"),
                    "2 optimizers: say which, with --name A or --name B"),
    "two functions": (GREEDY + GREEDY.replace("def greedy", "def second"), "--name greedy or --name second"),
    "no base class": (CLASS.format(name="A", base="object"), "is no oc.Optimizer: write `class A"),
    "no minimize": ("import optcompare as oc\nclass A(oc.Optimizer):\n    step = 1\n", "A has no method minimize"),
    "two parameters": ("def f(objective, start):\n    pass\n", r"f\(objective, start\) would have to take"),
    "an __init__": (
        CLASS.format(name="A", base="oc.Optimizer") + "    def __init__(self):\n        self.step = 1\n",
        "A\\(\\) fails: FrozenInstanceError.*mine.py, line 10, in __init__.*`step: float = 0.1`",
    ),
    "an option without a default": (
        CLASS.format(name="A", base="oc.Optimizer") + "    step: float\n", "missing 1 required keyword-only.*default"
    ),
    "a list as a default": (
        CLASS.format(name="A", base="oc.Optimizer") + "    steps: list = []\n", "mutable default .* default_factory"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_file_without_an_optimizer_says_what_it_lacks(case, tmp_path):
    text, words = WRONG[case]
    with pytest.raises(InvalidInputError, match=words):
        Source(written(tmp_path, text)).load()


def test_one_of_several_is_named(tmp_path):
    text = CLASS.format(name="A", base="oc.Optimizer") + CLASS.format(name="B", base="A") + GREEDY + "\nb = B()\n"
    path = written(tmp_path, text)
    assert type(Source(path, "A").load()).__name__ == "A"
    assert type(Source(path, "b").load()).__name__ == "B"
    assert Source(path, "greedy").load().function.__name__ == "greedy"
    with pytest.raises(UnknownNameError, match=r"no 'greedi'. Did you mean 'greedy'"):
        Source(path, "greedi").load()
    with pytest.raises(InvalidInputError, match=r"Dataset is no oc.Optimizer"):
        Source(written(tmp_path, "from optcompare import Dataset\n", "other.py"), "Dataset").load()


def test_what_is_not_there_is_told_with_what_is_near(tmp_path):
    written(tmp_path, GREEDY, "greedy.py")
    with pytest.raises(InvalidInputError, match=r"no file at .*gredy.py'. Did you mean 'greedy.py'"):
        Source(str(tmp_path / "gredy.py")).check_exists()
    with pytest.raises(UnknownNameError, match=r"Did you mean 'nelder_mead'.*optcompare check FILE.py"):
        Source("nelder_meed").check_exists()
    with pytest.raises(InvalidInputError, match=r"is no Python file"):
        Source(written(tmp_path, "x", "notes.txt")).check_exists()
    with pytest.raises(InvalidInputError, match="--name picks one"):
        Source("pso", "A").check_exists()


def test_a_file_imports_what_lies_beside_it_and_may_be_called_like_a_library(tmp_path):
    written(tmp_path, "STEP = 0.5\n", "beside_it.py")
    path = written(tmp_path, "from beside_it import STEP\nimport random\nrandom.seed\n" + GREEDY, "random.py")
    assert Source(path).load().function.__name__ == "greedy"
    (finding,) = check_source(Source(path), checks=["travel"])
    assert finding.is_kept, finding
