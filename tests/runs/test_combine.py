"""Several studies as one: the same runs once, the best of all as reference, labels that mean two things told apart."""

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError, StoreError
from optcompare.results import load_comparison, load_results
from optcompare.runs.combine import Source, _is_same_objective, _Part, combine, short_names
from optcompare.runs.store import Store


def bowl(theta):
    return float(((theta - 2.0) ** 2 * np.array([1.0, 4.0])).sum())


def other_bowl(theta):
    return float(((theta + 1.0) ** 2).sum())


def valley(theta):
    return float((theta[0] - 1.0) ** 2 + 20.0 * (theta[1] - theta[0] ** 2) ** 2)


NELDER_MEAD, RANDOM = oc.optimizers.NelderMead, oc.optimizers.RandomSearch


def study(name="mine", functions=None, optimizers=None, budget=60, seeds=2):
    functions = functions or {"bowl": bowl}
    return oc.Study(
        name=name,
        question=f"What of {name}?",
        objectives={label: oc.function_objective(f, dim=2) for label, f in functions.items()},
        optimizers=optimizers or {"nelder_mead": "nelder_mead", "random_search": "random_search"},
        seeds=range(seeds),
        budget=budget,
        reference_starts=1,
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Return paths of: a; b with more seeds, one other optimizer and one problem more; c with other options."""
    folder = tmp_path_factory.mktemp("stores")
    plans = {
        "a": study(),
        "b": study(
            functions={"bowl": bowl, "valley": valley},
            optimizers={"nelder_mead": "nelder_mead", "cma_es": "cma_es"},
            seeds=3,
        ),
        "c": study("third", optimizers={"nelder_mead": NELDER_MEAD(adaptive=False), "random_search": "random_search"}),
        "d": study("third", functions={"bowl": other_bowl}),
        "e": study(budget=90),
    }
    for name, plan in plans.items():
        plan.run(store=folder / f"{name}.db", jobs=1, progress=False)
    return {name: folder / f"{name}.db" for name in plans}


def test_equal_runs_are_there_once(stores):
    both = load_comparison([stores["a"], stores["b"]])
    frame = both.to_frame()
    assert not frame.duplicated(["objective", "optimizer", "seed"]).any()
    assert len(frame) == 4 + 12 - 2  # nelder_mead on the bowl from two seeds is in both
    assert set(frame["optimizer"]) == {"nelder_mead", "random_search", "cma_es"}
    assert set(frame["key"]) == set(both.description["keys"])
    assert [row["copied"] for row in both.description["sources"]] == [4, 10]
    assert both.description["origins"]["nelder_mead"] == ["a", "b"]
    assert both.description["seeds"] == [0, 1, 2]
    alone = load_results(stores["b"]).to_frame().set_index("key")["best_value"]
    assert (frame.set_index("key")["best_value"].reindex(alone.index) == alone).all()


def test_the_reference_is_the_best_of_all(stores):
    one = load_comparison([stores["a"]]).problems().set_index("problem")
    two = load_comparison([stores["b"]]).problems().set_index("problem")
    both = load_comparison([stores["a"], stores["b"]]).problems().set_index("problem")
    assert list(both.index) == ["bowl", "valley"]
    assert both.at["bowl", "f_ref"] == min(one.at["bowl", "f_ref"], two.at["bowl", "f_ref"])
    assert both.at["valley", "f_ref"] == two.at["valley", "f_ref"]
    assert both.at["bowl", "f_0"] == one.at["bowl", "f_0"] == bowl(np.zeros(2))


def test_an_optimizer_with_other_options_or_another_budget_is_another_one(stores):
    frame = load_comparison([stores["a"], stores["c"]]).to_frame()
    assert set(frame["optimizer"]) == {"nelder_mead (a)", "nelder_mead (c)", "random_search"}
    assert len(frame) == 6  # random_search is the same in both
    frame = load_comparison([stores["a"], stores["e"]]).to_frame()
    assert set(frame["optimizer"]) == {f"{name} ({at})" for name in ("nelder_mead", "random_search") for at in "ae"}
    assert len(frame) == 8
    budgets = load_comparison([stores["a"], stores["e"]]).description["budgets"]
    assert [budgets[name]["evaluations"] for name in "ae"] == [60, 90]


def test_an_objective_with_another_formula_is_another_one(stores):
    results = load_comparison([stores["a"], stores["d"]])
    assert set(results.problems()["problem"]) == {"bowl (a)", "bowl (d)"}
    facts = results.problems().set_index("problem")
    assert facts.at["bowl (d)", "f_0"] == other_bowl(np.zeros(2))
    assert set(results.description["formulas"]) == {"bowl (a)", "bowl (d)"}


def test_of_a_failed_run_and_another_the_other_is_taken(stores):
    with Store(":memory:") as broken, Store(stores["a"], read_only=True) as whole:
        row = whole.studies()[0]
        name = next(row["name"] for row in whole.studies() if not row["name"].endswith("-reference"))
        description = next(row["description"] for row in whole.studies() if row["name"] == name)
        broken.add_study(name, "?", description)
        for key in description["keys"]:
            broken.add_run({**whole.run(name, key), "status": "FAILED", "best_value": np.nan})
        taken, combined = combine([Source(broken, name, "broken"), Source(whole, name, "whole")])
        assert row is not None and "FAILED" not in set(taken.runs(combined)["status"])
        taken, combined = combine([Source(whole, name, "whole"), Source(broken, name, "broken")])
        assert "FAILED" not in set(taken.runs(combined)["status"])


def test_the_stores_stay_as_they_are(stores):
    before = {name: path.read_bytes() for name, path in stores.items()}
    load_comparison([stores["a"], stores["b"], stores["c"]])
    assert {name: path.read_bytes() for name, path in stores.items()} == before


def test_mistakes_are_told(stores):
    with pytest.raises(StoreError, match="given twice"):
        load_comparison([stores["a"], stores["a"]])
    with pytest.raises(StoreError, match=r"no study 'nobody' .*: name some of"):
        load_comparison([stores["a"], stores["b"]], ["nobody"])
    with pytest.raises(InvalidInputError, match="different studies"):
        combine([])
    assert load_comparison([stores["a"], stores["c"]], ["third"]).study == "third"


def test_short_names_differ():
    class At:
        def __init__(self, path):
            self.path = path

    assert short_names([At("x/a.db"), At("x/b.db")], ["s", "s"]) == ["a", "b"]
    assert short_names([At("x/runs.db"), At("y/runs.db")], ["s", "s"]) == ["x/runs", "y/runs"]
    assert short_names([At("x/runs.db"), At("x/runs.db")], ["s", "t"]) == ["s", "t"]


def test_without_references_formula_data_set_and_size_decide():
    def part(formula, size, errors=()):
        references = {("f", None, "lbfgs-reference", seed): (f"{seed}", error) for seed, error in enumerate(errors)}
        return _Part(None, {"formulas": {"f": formula}}, "", "", {}, {"f": size}, references)

    same = part("J", ("iris", 4, 100))
    assert _is_same_objective(same, part("J", ("iris", 4, 100)), "f")
    assert not _is_same_objective(same, part("K", ("iris", 4, 100)), "f")
    assert not _is_same_objective(same, part("J", ("iris", 5, 100)), "f")
    assert not _is_same_objective(same, part("J", ("wine", 4, 100)), "f")


def test_references_that_agree_nearly_are_of_one_objective():
    def part(prefix, error):
        references = {("f", None, "lbfgs-reference", 0): (f"{prefix}0", error)}
        return _Part(None, {"formulas": {"f": "J"}}, "", "", {}, {}, references)

    assert _is_same_objective(part("old", 0.25), part("new", 0.25 * (1 + 1e-9)), "f")
    assert not _is_same_objective(part("old", 0.25), part("new", 0.26), "f")
