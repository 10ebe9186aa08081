"""A study script imports what lies beside it, however it is started, and its workers know it too."""

import sys

from optcompare.cli import main

HELPER = """
FACTOR = 0.5

def half(objective, start, rng):
    objective.value(start)
    return FACTOR * start
"""
SCRIPT = """
import optcompare as oc
from helper_beside_the_script import half

def bowl(theta):
    return float(theta @ theta)

study = oc.Study(
    name="helped", question="?", objectives={"bowl": oc.function_objective(bowl, dim=2)}, optimizers={"half": half},
    seeds=range(2), budget=5,
)
if __name__ == "__main__":
    study.main()
"""


def test_a_module_beside_the_script_is_found_here_and_by_the_workers(tmp_path, monkeypatch):
    (tmp_path / "helper_beside_the_script.py").write_text(HELPER)
    script = tmp_path / "helped.py"
    script.write_text(SCRIPT)
    monkeypatch.delitem(sys.modules, "helper_beside_the_script", raising=False)
    path, elsewhere = list(sys.path), tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    main(["run", str(script), "--jobs", "2", "--out", str(tmp_path / "out")])
    report = (tmp_path / "out" / "report.md").read_text()
    assert "FINISHED" in report and "FAILED" not in report
    assert sys.path == path
