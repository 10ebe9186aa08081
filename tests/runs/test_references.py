"""References: which runs they are, what they minimize, and what they measure."""

import dataclasses
import math
import pickle

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError
from optcompare.results import load_results, load_studies
from optcompare.runs.grid import objective_facts
from optcompare.runs.references import FIRST_SEED, reference_grid, value_and_gradient_seconds, value_seconds


def data(seed=0, n=30):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    return oc.Dataset.from_arrays(X, (X @ [1.0, 2.0] > 0.3).astype(int), task="classification", test_size=0.0)


def a_study(objectives, **changes):
    settings = {"name": "mine", "question": "?", "objectives": objectives, "lambdas": [0.1, 1.0],
                "optimizers": ["nelder_mead", "random_search"], "seeds": range(2), "budget": 40,
                "reference_starts": 2}  # fmt: skip
    return oc.Study(**{**settings, **changes})


def tasks_of(objectives, n_starts=3, **changes):
    return list(reference_grid(a_study(objectives, **changes).grid(), "r", n_starts).tasks())


def linear(**options):
    return oc.linear_objective(data(), **{"penalty": oc.L2(1.0), **options})


def test_a_fixed_objective_has_that_many_starts_and_one_constant():
    tasks = tasks_of({"a": linear()}, lambdas=[1.0])
    starts = [("a", 0, "lbfgs", FIRST_SEED + start) for start in range(3)]
    assert sorted(tasks) == sorted([("a", 0, "constant_predictor", FIRST_SEED), *starts])
    assert len(tasks_of({"a": linear()})) == 8


def test_a_function_of_the_seed_has_both_once_for_every_seed_of_the_study():
    tasks = tasks_of(
        {"a": lambda seed: oc.linear_objective(data(seed), penalty=oc.L2(1.0))}, lambdas=None, seeds=[4, 7]
    )
    assert sorted(tasks) == [("a", 0, name, seed) for name in ("constant_predictor", "lbfgs") for seed in (4, 7)]


def test_without_a_gradient_or_with_a_constraint_there_is_only_the_constant():
    for objective in (linear(loss="zero_one"), linear(penalty=oc.MaxNorm(1.0))):
        assert {arm for _, _, arm, _ in tasks_of({"a": objective}, lambdas=None)} == {"constant_predictor"}
    mixed = tasks_of({"z": linear(loss="zero_one"), "a": linear()})
    assert {label for label, _, arm, _ in mixed if arm == "lbfgs"} == {"a"}


def test_an_objective_that_every_run_anchors_for_itself_has_none():
    anchored = linear(penalty=oc.AnchoredL2(1.0, anchor="start"))
    grid = a_study({"a": anchored}, lambdas=None).grid()
    assert reference_grid(grid, "r", 2) is None
    kept = reference_grid(a_study({"a": anchored, "b": linear()}).grid(), "r", 2)
    assert list(kept.objectives) == ["b"]


def test_noise_and_features_are_left_out():
    noisy = linear(noise=oc.Minibatch(5))
    cases = [noisy, oc.with_features(linear(), oc.ValueNoise(0.1)), lambda seed: linear(noise=oc.Minibatch(5))]
    for source in cases:
        grid = reference_grid(a_study({"a": source}).grid(), "r", 2)
        objective = pickle.loads(pickle.dumps(grid.objectives["a"])) if source is noisy else grid.objective("a", 0)
        assert not objective.is_noisy and objective.has_gradient
        theta = np.array([0.3, -0.2, 0.1])
        assert objective.value(theta) == linear().value(theta)


def test_a_study_with_references_end_to_end(tmp_path):
    objectives = {
        "linear": linear(),
        "by seed": lambda seed: oc.linear_objective(data(seed), penalty=oc.L2(1.0)),
        "zero one": linear(loss="zero_one"),
    }
    study = a_study(objectives, optimizers=["nelder_mead", "lbfgs"], lambdas=[1.0])
    store = tmp_path / "runs.db"
    results = study.run(store=store, jobs=1, progress=False)
    references = results.reference_frame()
    assert len(references) == 3 + 4 + 1 and (references["status"] == "FINISHED").all()
    assert set(results.to_frame()["optimizer"]) == {"nelder_mead", "lbfgs"} and len(results.to_frame()) == 12
    has_gradient = references["objective"] != "zero one"
    assert (references["value_seconds"] > 0).all()
    assert (references["value_and_gradient_seconds"] > 0).tolist() == has_gradient.tolist()

    table = results.problems().set_index("problem")
    assert list(table.index) == ["by seed, split 0", "by seed, split 1", "linear", "zero one"]
    shares = [np.bincount(data(seed).y) / 30 for seed in (0, 1, 0, 0)]
    entropies = [-(share * np.log(share)).sum() for share in shares]
    assert table["f_0"].tolist() == pytest.approx([*entropies[:3], shares[3].min()], rel=1e-12)
    assert table["is_gap"].tolist() == [True, True, True, False]
    assert table["is_convex"].tolist() == [True, True, True, False]
    assert table["accuracy"].iloc[2] < 1e-12 and table["accuracy"].iloc[:2].tolist() == [1e-8, 1e-8]
    assert (table["gradient_price"].iloc[:3] > 0).all() and math.isnan(table["gradient_price"].iloc[3])
    best = oc.minimize(linear(), "lbfgs", budget=5000, seed=9).best_value
    assert table.loc["linear", "f_ref"] == pytest.approx(best, rel=1e-13)
    assert table["version"].nunique() == 1

    again = study.run(store=store, jobs=1, progress=False)
    assert again.problems().equals(results.problems())
    assert load_results(store).study == "mine" and load_results(store, "mine-reference").study == "mine-reference"
    assert [one.study for one in load_studies(store)] == ["mine-reference", "mine"]
    plain = dataclasses.replace(study, reference_starts=0).run(jobs=1, progress=False)
    assert plain.reference_frame().empty and len(plain.problems()) == 4


def test_references_do_not_change_what_a_run_is():
    one, other = (a_study({"a": linear()}, reference_starts=starts).grid() for starts in (0, 5))
    assert [one.key(task) for task in one.tasks()] == [other.key(task) for task in other.tasks()]


@pytest.mark.parametrize("starts", [-1, 1.5, True, "3", None])
def test_their_number_is_checked(starts):
    with pytest.raises(InvalidInputError, match="reference_starts"):
        a_study({"a": linear()}, reference_starts=starts)


def test_a_value_and_a_gradient_are_timed_in_turns():
    calls = []

    class Timed:
        has_gradient = True

        def value(self, theta):
            calls.append("v")

        def value_and_gradient(self, theta):
            calls.append("g")
            for _ in range(20_000):
                pass

    timed, theta = Timed(), np.zeros(2)
    value, both = value_seconds(timed, theta), value_and_gradient_seconds(timed, theta)
    assert both > 5 * value > 0
    assert len(calls) % 2 == 0 and calls == ["v", "g"] * (len(calls) // 2)  # the second figure is of the same rounds
    assert 10 <= len(calls) <= 102
    Timed.has_gradient = False
    assert math.isnan(value_and_gradient_seconds(Timed(), theta))


def test_the_facts_of_an_objective():
    facts = objective_facts(linear(noise=oc.Minibatch(5)), lambda seed: None)
    assert facts == {
        "dataset": "arrays", "dim": 3, "n_samples": 30, "is_convex": True, "is_smooth": True, "is_noisy": True,
        "has_gradient": True, "is_constrained": False, "is_generated": False, "is_by_seed": True,
    }  # fmt: skip
    cases = {
        "is_convex": [
            linear(loss="ramp"),
            linear(penalty=oc.WeightElimination(1.0)),
            oc.mlp_objective(data(), hidden=(2,)),
        ],
        "is_smooth": [
            linear(loss="ramp"),
            linear(penalty=oc.L1(1.0)),
            linear(loss="zero_one"),
            oc.mlp_objective(data(), hidden=(2,), activation="relu"),
            oc.with_features(oc.mlp_objective(data(), hidden=(2,), activation="relu"), oc.ValueNoise(0.1)),
        ],
        "has_gradient": [linear(loss="zero_one"), oc.with_features(linear(), oc.ValueNoise(0.1))],
    }
    for fact, objectives in cases.items():
        assert [objective_facts(objective, objective)[fact] for objective in objectives] == [False] * len(objectives)
    for activation in ("tanh", "sigmoid", "identity"):
        network = oc.mlp_objective(data(), hidden=(2,), activation=activation)
        assert objective_facts(network, network)["is_smooth"]
    assert objective_facts(linear(penalty=oc.MaxNorm(1.0)), linear())["is_constrained"]
    assert objective_facts(oc.with_features(linear(), oc.ValueNoise(0.1)), linear())["is_smooth"]
