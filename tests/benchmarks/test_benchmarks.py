"""The benchmarks run (in their smoke form), and what they make of the numbers; nothing here asserts a time."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
import measure  # noqa: E402 - a file of the benchmarks' folder

sys.path.remove(str(FOLDER))
MAIN = runpy.run_path(str(FOLDER / "__main__.py"), run_name="benchmarks.__main__")
SCRIPTS = MAIN["SCRIPTS"]


def run_script(name, monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", [name, *options])
    monkeypatch.syspath_prepend(str(FOLDER))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert not ended.value.code


@pytest.mark.filterwarnings("ignore")  # of other people's libraries
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_runs(name, monkeypatch, tmp_path, capsys):
    path = tmp_path / "result.json"
    run_script(name, monkeypatch, "--smoke", "--json", str(path))
    result = json.loads(path.read_text())
    numbers = {row["number"] for row in result["rows"]}
    assert numbers == {SCRIPTS.index(name) + 1}
    for row in result["rows"]:
        is_there = np.isfinite(row["measured"]["value"])
        assert row["verdict"] == "smoke" if is_there else "not installed" in row["verdict"]
    printed = capsys.readouterr().out
    assert result["machine"].partition(" (")[0] in printed and "| verdict |" in printed


def test_growth_draws(monkeypatch, tmp_path, capsys):
    path = tmp_path / "growth.png"
    run_script("growth", monkeypatch, "--smoke", "--out", str(path))
    assert path.stat().st_size > 10_000 and "slope" in capsys.readouterr().out
    growth = runpy.run_path(str(FOLDER / "growth.py"), run_name="growth")
    sizes = np.array([1, 2, 4, 8, 16])
    assert growth["slope"](sizes, 3.0 * sizes**1.5) == pytest.approx(1.5)


def test_ratios_and_differences_of_known_clocks(monkeypatch):
    now = [0.0]

    def spend(seconds):
        now[0] += seconds

    effort = measure.Effort(repeats=7, seconds=1.0)
    ours, theirs, clock = (lambda: spend(0.25)), (lambda: spend(0.75)), (lambda: now[0])
    faster = measure.times_faster(ours, theirs, effort, clock)
    assert faster.value == faster.low == faster.high == pytest.approx(3.0)
    assert measure.times_slower(ours, theirs, effort, clock).value == pytest.approx(1 / 3)
    assert faster.detail == "250 ms against 750 ms"
    assert measure.calls_a_block(ours, effort, clock) == 4
    monkeypatch.setattr(measure.in_turn, "__defaults__", (clock, None))
    assert measure.microseconds_more(theirs, ours, effort).value == pytest.approx(5e5)


def test_verdicts_say_by_how_much():
    goal = measure.Goal(1, "work", {"a": 4.0, "b": 4.0})
    most = measure.Goal(1, "work", {"a": 4.0}, is_least=False)
    assert measure.verdict(goal, 4.0, 4.0) == "met" == measure.verdict(most, 4.0, 4.0)
    assert measure.verdict(goal, 4.0, 3.0) == "short by 25 %"
    assert measure.verdict(most, 4.0, 5.0) == "short by 25 %"
    assert measure.verdict(goal, float("nan"), 1.0) == "for comparison"


def test_a_missing_peer_is_a_row_and_any_other_missing_module_an_error():
    goal = measure.Goal(2, "work", {"a": 4.0, "b": 2.0}, peers=("nowhere_library",))

    def measured(effort):
        yield "a", measure.Measured(5.0)
        import nowhere_library  # noqa: F401

    rows = measure.rows_of(goal, measured, measure.Effort())
    assert [row.verdict for row in rows] == ["met", "nowhere_library is not installed"]
    assert "| 2 | work | b | ≥ 2 | - |  | nowhere_library is not installed |" in measure.table(rows)
    assert measure.compact(rows).endswith("nowhere_library is not installed (b) |")
    with pytest.raises(ModuleNotFoundError):
        measure.rows_of(measure.Goal(2, "work", {"a": 4.0}), measured, measure.Effort())


def test_names_and_numbers_choose_and_older_results_stay(tmp_path):
    chosen, merged = MAIN["chosen"], MAIN["merged"]
    assert chosen([]) == list(SCRIPTS) and len(SCRIPTS) == 13
    assert chosen(["13", "population_loop"]) == ["population_loop", "import_time"]
    with pytest.raises(SystemExit, match="no benchmark '14'"):
        chosen(["14"])

    path = tmp_path / "results.json"
    path.write_text(json.dumps({"memory": 1, "harness": 2}))
    assert list(merged({"harness": 3}, path).items()) == [("memory", 1), ("harness", 3)]
