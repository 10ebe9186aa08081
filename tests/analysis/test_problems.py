"""The problem table against hand-made runs."""

import math

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.curves import BEST_VALUE, INCUMBENT, NOWHERE, build_curves
from optcompare.analysis.problems import (
    PROBLEM_COLUMNS,
    Candidate,
    accuracy,
    optimizers_to_read,
    problem_table,
    with_problems,
)

FACTS = {
    "is_convex": True, "is_smooth": True, "is_noisy": False, "has_gradient": True, "is_generated": False,
    "is_constrained": False, "is_by_seed": False,
}  # fmt: skip
LBFGS = "Lbfgs()"
DESCRIPTION = {
    "problems": {"p": FACTS}, "lambdas": [1.0], "formulas": {"p": ""},
    "arms": {"pso": "InError", "lbfgs": "InError", "decay": "InUpdate"},
    "optimizers": {"pso": "Pso()", "lbfgs": LBFGS, "decay": "GradientDescent()"},
}  # fmt: skip
MAKER = {"arms": {}, "optimizers": {"lbfgs": LBFGS, "constant_predictor": "ConstantPredictor()"}}


def a_run(optimizer="pso", seed=0, error=1.0, **changes):
    return {
        "key": f"{optimizer}{seed}", "objective": "p", "dataset": "d", "lam": 1.0, "optimizer": optimizer, "seed": seed,
        "status": "FINISHED", "best_value": error, "regularized_error": error + 0.5, "dim": 3, "n_samples": 10,
        **changes,
    }  # fmt: skip


def constant(error=2.0, **changes):
    return a_run("constant_predictor", 1000, error - 0.5, **{"value_seconds": 1.0, "value_and_gradient_seconds": 2.5,
                                                             **changes})  # fmt: skip


def table(runs, references=(), description=DESCRIPTION, curves=None):
    mine = with_problems(pd.DataFrame(list(runs)), description)
    theirs = pd.DataFrame(list(references), columns=None if references else mine.columns)
    return problem_table(mine, with_problems(theirs, description, MAKER), description, curves)


def test_labels_name_the_lambda_and_the_split_only_where_they_vary():
    runs = pd.DataFrame([a_run(lam=0.01, seed=2)])
    by_seed = {**DESCRIPTION, "problems": {"p": {**FACTS, "is_by_seed": True}}}
    cases = [
        (DESCRIPTION, None, "p", -1),
        (DESCRIPTION, [0.01], "p", -1),
        (DESCRIPTION, [0.01, 1.0], "p, lambda 0.01", -1),
        (by_seed, [0.01, 1.0], "p, lambda 0.01, split 2", 2),
        (by_seed, None, "p, split 2", 2),
    ]
    for description, lambdas, label, split in cases:
        found = with_problems(runs, {**description, "lambdas": lambdas})
        assert (found["problem"].item(), found["split"].item()) == (label, split)


def test_lambdas_that_look_alike_are_told_apart():
    runs = pd.DataFrame([a_run(lam=0.01), a_run(lam=0.010000001)])
    found = with_problems(runs, {**DESCRIPTION, "lambdas": [0.01, 0.010000001]})
    assert found["problem"].tolist() == ["p, lambda 0.01", "p, lambda 0.010000001"]


def test_an_old_store_splits_by_seed_only_where_the_best_errors_of_seeds_differ():
    old = {key: value for key, value in DESCRIPTION.items() if key != "problems"}
    near = pd.DataFrame([a_run(seed=0, error=1.0), a_run(seed=1, error=1.005), a_run("decay", 1, 9.0)])
    far = near.assign(regularized_error=[1.0, 1.2, 9.0])
    assert set(with_problems(near, old)["split"]) == {-1}
    assert set(with_problems(far, old)["split"]) == {0, 1}
    assert set(with_problems(far, DESCRIPTION)["split"]) == {-1}


def test_where_an_error_is_read():
    runs = pd.DataFrame([a_run("pso"), a_run("decay"), a_run("unknown")])
    assert with_problems(runs, DESCRIPTION)["error_from"].tolist() == [BEST_VALUE, INCUMBENT, BEST_VALUE]
    constrained = {**DESCRIPTION, "problems": {"p": {**FACTS, "is_constrained": True}}}
    assert with_problems(runs, constrained)["error_from"].tolist() == [BEST_VALUE, NOWHERE, BEST_VALUE]


def test_f_ref_is_the_least_error_and_its_finder_is_named():
    runs = [a_run("pso", 0, 0.7), a_run("pso", 1, 0.4), a_run("decay", 0, error=0.05, regularized_error=0.9)]
    found = table(runs, [constant(), a_run("lbfgs", 1001, 0.5)])
    assert list(found.columns) == list(PROBLEM_COLUMNS)
    row = found.iloc[0]  # the decay's best value is bare, and does not count
    assert (row["f_ref"], row["finder"], row["f_0"]) == (0.4, "pso seed 1", 2.0)
    assert row["accuracy"] == pytest.approx(0.1 / 1.6)
    assert row["gradient_price"] == pytest.approx(1.5)
    assert row[["dataset", "dim", "n_samples", "split"]].tolist() == ["d", 3, 10, -1]
    better = table(runs, [constant(), a_run("lbfgs", 1001, 0.3)]).iloc[0]
    assert (better["f_ref"], better["finder"]) == (0.3, "lbfgs seed 1001 (reference)")


def test_the_version_follows_the_numbers_and_not_their_order():
    runs = [a_run("pso", 0, 0.7), a_run("pso", 1, 0.4, objective="q")]
    both = {**DESCRIPTION, "problems": {"p": FACTS, "q": FACTS}, "formulas": {"p": "", "q": ""}}
    references = [constant(), constant(objective="q")]
    one, other = (table(order, references, both)["version"].unique().item() for order in (runs, runs[::-1]))
    assert one == other and len(one) == 12
    moved = table([runs[0], {**runs[1], "best_value": 0.4 + 1e-15}], references, both)
    assert moved["version"].unique().item() != one
    assert table(runs, [constant(3.0), references[1]], both)["version"].unique().item() != one


def test_problems_come_by_objective_lambda_and_split():
    lambdas = {
        **DESCRIPTION,
        "lambdas": [0.1, 10.0],
        "problems": {"b": FACTS, "a": FACTS},
        "formulas": {"b": 0, "a": 0},
    }
    runs = [a_run(objective=name, lam=lam, seed=seed) for name in "ab" for lam in (10.0, 0.1) for seed in (0, 1)]
    labels = ["a, lambda 0.1", "a, lambda 10", "b, lambda 0.1", "b, lambda 10"]
    assert table(runs, [constant()], lambdas)["problem"].tolist() == labels


def candidate(error, search="pso", seed=0, is_certain=False):
    return Candidate(error, "", (search, seed), is_certain)


def test_accuracy_is_the_distance_to_the_next_independent_finder():
    same = [candidate(1.0), candidate(1.0), candidate(1.2, seed=1), candidate(1.5, "other")]
    assert accuracy(same, 3.0, is_certain=False) == pytest.approx(0.1)  # the twin from the same seed does not count
    assert accuracy(same[:2], 3.0, is_certain=True) == math.inf  # one search alone supports nothing
    assert accuracy([], 3.0, is_certain=False) == math.inf
    rounding = accuracy([candidate(1.0), candidate(1.0, seed=1)], 3.0, is_certain=False)
    assert rounding == pytest.approx(16 * np.finfo(float).eps * 3.0 / 2.0)


def test_accuracy_is_infinite_where_there_is_nothing_to_learn():
    pair = [candidate(1.0), candidate(1.0, seed=1)]
    for f_0 in (1.0, 0.9, 1.0 + 1e-15, math.nan):
        assert accuracy(pair, f_0, is_certain=False) == math.inf


def test_one_lbfgs_that_ended_by_its_own_rule_supports_a_convex_problem():
    ended = [candidate(1.0, "lbfgs", 0, True), candidate(1.2, "pso", 0)]
    assert accuracy(ended, 3.0, is_certain=True) == 1e-8
    assert accuracy(ended, 3.0, is_certain=False) == pytest.approx(0.1)
    # beaten by far it is no certificate, and two of them are compared instead
    assert accuracy([candidate(0.5, "pso", 0), *ended], 3.0, is_certain=True) == pytest.approx(0.5 / 2.5)
    two = [ended[0], candidate(1.02, "lbfgs", 1, True)]
    assert accuracy(two, 3.0, is_certain=True) == pytest.approx(0.01)


def test_without_references_f_0_is_the_median_first_error():
    names = ["n_values", "n_gradients", "seconds", "best_value", "loss", "norm"]
    runs = [a_run("pso", seed, 0.5 + 0.1 * seed) for seed in range(4)]
    frame = with_problems(pd.DataFrame(runs), DESCRIPTION)
    traces = [(f"pso{seed}", names, np.array([[1, 0, 0, first, 0, 0.0]])) for seed, first in enumerate([9, 5, 6])]
    curves = build_curves(frame, traces)
    assert optimizers_to_read(frame, frame.iloc[:0]) == ["pso"]
    row = table(runs, curves=curves).iloc[0]
    assert (row["f_0"], row["f_ref"], row["finder"]) == (6.0, 0.5, "pso seed 0")
    assert math.isnan(row["gradient_price"])
    with_constant = with_problems(pd.DataFrame([constant()]), DESCRIPTION, MAKER)
    assert optimizers_to_read(frame, with_constant) == []
    bare = with_problems(pd.DataFrame([*runs, a_run("decay")]), DESCRIPTION)
    assert optimizers_to_read(bare, with_constant) == ["decay"]


def test_the_trace_of_a_bare_arm_counts_for_f_ref():
    runs = [a_run("pso", 0, 0.9, loss=0.0, norm=1.0), a_run("decay", 0, 0.4, loss=0.4, norm=1.0)]
    names = ["n_values", "n_gradients", "seconds", "best_value", "loss", "norm"]
    frame = with_problems(pd.DataFrame(runs), DESCRIPTION)
    frame["loss"] = frame["regularized_error"] - 0.25  # a = 0.25
    curves = build_curves(frame, [("decay0", names, np.array([[1, 1, 0, 0.1, 0.3, 1.0]]))])
    row = table(runs, [constant()], curves=curves).iloc[0]
    assert (row["f_ref"], row["finder"]) == (pytest.approx(0.55), "decay seed 0")


def test_ramp_and_zero_one_claim_no_gap():
    for is_smooth, is_convex, is_gap in ((True, True, True), (True, False, True), (False, True, True), (False,) * 3):
        facts = {**FACTS, "is_smooth": is_smooth, "is_convex": is_convex}
        row = table([a_run()], [constant()], {**DESCRIPTION, "problems": {"p": facts}}).iloc[0]
        assert row["is_gap"] == is_gap
    old = {key: value for key, value in DESCRIPTION.items() if key != "problems"}
    formulas = {
        "J = (1/n) sum_i [clip((1 - s z)/2, 0, 1), s = +-1] + x": (False, False, True),
        "J = (1/n) sum_i [[class(z) != y]] + x": (False, False, False),
        "J = (1/n) sum_i [ln(1 + exp(-s z)), s = +-1] under Minibatch(20)": (True, True, True),
        "J = (1/n) sum_i [ln(1 + exp(-s z)), s = +-1], z = W2'relu(W1'x + b1) + b2": (False, False, True),
    }
    for formula, flags in formulas.items():
        row = table([a_run()], [constant()], {**old, "formulas": {"p": formula}}).iloc[0]
        assert (row["is_gap"], row["is_smooth"], row["has_gradient"]) == flags
        assert row["is_noisy"] == ("under" in formula)


def test_failed_and_missing_numbers_find_nothing():
    nan = {"best_value": math.nan, "regularized_error": math.nan}
    row = table([a_run("pso", 0, 0.5), a_run("pso", 1, status="CRASHED", **nan)], [constant()]).iloc[0]
    assert row["f_ref"] == 0.5 and row["accuracy"] == pytest.approx(1.0 / 1.5)  # the constant predictor is the next
    none = table([a_run("pso", 1, status="CRASHED", **nan)], [constant(regularized_error=math.nan)]).iloc[0]
    assert math.isnan(none["f_0"]) and none["accuracy"] == math.inf
