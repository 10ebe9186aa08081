"""What convert_lambda asks for, refuses and prints; that its numbers are right is in test_conversions.py."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcompare.errors import InvalidInputError, NoEquivalentLambdaError, UnknownNameError
from optcompare.objective.convention_table import CONVENTIONS, convention_names, convention_table
from optcompare.objective.convert import (
    convert_lambda,
    explain_conversion,
    lambda_command_text,
    lambda_table_text,
)
from optcompare.objective.decay_rules import DECAY_RULES, decay_rule_names

FACTS = {"n_samples": 398, "loss": "half_squared_error", "learning_rate": 1e-3, "rule": "gradient_descent"}
FACTS |= {"l1_ratio": 0.3, "solver": "sgd", "batch_size": 32}
WITH_LAMBDA = [row.name for row in CONVENTIONS.values() if row.has_equivalent]
WITHOUT_LAMBDA = [row.name for row in CONVENTIONS.values() if not row.has_equivalent]


def facts_for(*names, **changes):
    loss = "cross_entropy" if "sklearn.LogisticRegression" in names else "half_squared_error"
    return {**FACTS, "loss": loss, **changes}


@given(
    lam=st.one_of(st.just(0.0), st.floats(1e-12, 1e3)),
    name=st.sampled_from(WITH_LAMBDA),
    n=st.integers(64, 10**6),
    batch=st.integers(1, 64),
    k=st.integers(1, 12),
    loss=st.sampled_from(["half_squared_error", "squared_error", "mse"]),
)
def test_round_trip(lam, name, n, batch, k, loss):
    if name == "sklearn.LogisticRegression":
        loss = "cross_entropy"
    facts = facts_for(n_samples=n, n_outputs=k, loss=loss, learning_rate=1e-6, batch_size=batch)
    there = convert_lambda(lam, "canonical", name, **facts)
    assert math.isclose(convert_lambda(there, name, **facts), lam, rel_tol=1e-12)
    if name not in ("sklearn.Ridge", "sklearn.ElasticNet.l2", "sklearn.LogisticRegression", "decay"):
        through = convert_lambda(there, name, "lambda/2", **facts)
        assert math.isclose(through, convert_lambda(lam, "canonical", "lambda/2", **facts), rel_tol=1e-12)


@given(
    delta=st.one_of(st.just(0.0), st.floats(1e-12, 0.9)),
    momentum=st.floats(0, 0.999),
    rate=st.floats(1e-6, 10),
    rule=st.sampled_from(decay_rule_names()),
)
def test_decay_round_trip(delta, momentum, rate, rule):
    momentum = momentum if DECAY_RULES[rule].has_momentum else 0.0
    facts = {"n_samples": 100, "learning_rate": rate, "rule": rule, "momentum": momentum}
    lam = convert_lambda(delta, "decay", **facts)
    assert math.isclose(convert_lambda(lam, "canonical", "decay", **facts), delta, rel_tol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_decay_rows(momentum):
    def lam(rule, mu=momentum):
        return convert_lambda(0.01, "decay", n_samples=200, learning_rate=0.5, rule=rule, momentum=mu)

    assert lam("gradient_descent", 0.0) == pytest.approx(4.0)
    assert lam("adjusted_weight", 0.0) == pytest.approx(4.0 / 0.99)
    assert lam("heavy_ball") == lam("nesterov") == pytest.approx(4.0 * (1 - momentum))
    assert lam("sutskever") == pytest.approx(4.0 * (1 - momentum) / (1 + 0.01 * momentum))
    assert lam("averaged") == pytest.approx(4.0)


def test_losses_scale_the_forms_as_they_do():
    def lam(name, loss):
        return convert_lambda(0.5, name, n_samples=10, loss=loss, n_outputs=4)

    assert lam("torch.SGD", "cross_entropy") == 5.0
    assert lam("torch.SGD", "mse") == 10.0  # n k l/2
    assert lam("keras.l2", "cross_entropy") == 10.0
    assert lam("keras.l2", "mse") == 20.0  # k n l
    assert lam("sum+lambda", "squared_error") == 0.5
    assert lam("sum+lambda", "half_squared_error") == 1.0


def test_no_penalty_is_c_infinite():
    assert convert_lambda(math.inf, "sklearn.LogisticRegression") == 0.0
    assert convert_lambda(0.0, "canonical", "sklearn.LogisticRegression") == math.inf
    for c in (0.0, -1.0, math.nan, True):
        with pytest.raises(InvalidInputError, match="C"):
            convert_lambda(c, "sklearn.LogisticRegression")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("torch.SGD", "n_samples"),
        ("torch.SGD", "loss"),
        ("torch.Adam", "loss"),
        ("keras.l2", "loss"),
        ("lambda/2", "n_samples"),
        ("sum+lambda", "loss"),
        ("sklearn.SGD", "n_samples"),
        ("sklearn.MLP", "solver"),
        ("sklearn.MLP", "batch_size"),
        ("sklearn.MLP", "n_samples"),
        ("sklearn.ElasticNet.l2", "l1_ratio"),
        ("sklearn.ElasticNet.l2", "n_samples"),
        ("decay", "learning_rate"),
        ("decay", "rule"),
        ("decay", "n_samples"),
    ],
)
def test_a_missing_fact_is_asked_for(name, missing):
    facts = facts_for(name, **{missing: None})
    with pytest.raises(InvalidInputError, match=f"needs {missing}.*Give {missing}="):
        convert_lambda(0.1, name, **facts)
    with pytest.raises(InvalidInputError, match=f"needs {missing}"):
        convert_lambda(0.1, "canonical", name, **facts)


def test_a_fact_that_does_not_matter_is_not_asked_for():
    assert convert_lambda(0.1, "torch.SGD", "keras.l2", n_samples=7) == pytest.approx(0.05)
    assert convert_lambda(0.1, "sum+lambda", "sum+lambda/2") == pytest.approx(0.2)
    assert convert_lambda(0.1, "sklearn.MLP", solver="lbfgs") == 0.1
    assert convert_lambda(0.1, "lambda/2n") == 0.1


@pytest.mark.parametrize("name", WITHOUT_LAMBDA)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_no_equivalent_as_source_or_target(name, value):
    for source, target in ((name, "canonical"), ("canonical", name), (name, name)):
        with pytest.raises(NoEquivalentLambdaError, match=r"max\|w\| <= 1/wd"):
            convert_lambda(value, source, target, **FACTS)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("adamw", "Xie & Li"),
        ("adam", r"sum\[-wd\|w\|"),
        ("rmsprop", r"max\|w\|"),
        ("sign", r"max\|w\| <= eta/delta"),
        ("normalised", r"\|w\|_2 <= eta/delta"),
        ("clipped", "tau eta/delta"),
        ("adagrad", "w -> 0"),
        ("newton", r"eta/\(eta \+ delta\)"),
    ],
)
def test_rules_without_a_lambda_say_what_they_minimise(rule, words):
    for source, target in (("decay", "canonical"), ("canonical", "decay")):
        with pytest.raises(NoEquivalentLambdaError, match=words):
            convert_lambda(0.01, source, target, **{**FACTS, "rule": rule})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 10.0}, "n_samples"),
        ({"n_outputs": 0}, "n_outputs"),
        ({"n_outputs": None}, "n_outputs"),
        ({"batch_size": 399}, "at most n_samples"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"momentum": math.nan}, "momentum"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.inf}, "learning_rate"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"biases": 1}, "biases"),
        ({"loss": "logloss"}, "loss"),
        ({"solver": "newton"}, "solver"),
        ({"rule": "heavy_bal"}, "heavy_ball"),
        ({"momentum": 0.9}, "has no momentum"),
    ],
)
def test_bad_facts(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        convert_lambda(0.01, "decay", **{**FACTS, **changes})


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, True, "0.1", None])
@pytest.mark.parametrize("name", [n for n in WITH_LAMBDA if n != "sklearn.LogisticRegression"])
def test_bad_values(name, value):
    with pytest.raises(InvalidInputError, match=re.escape(name)):
        convert_lambda(value, name, **facts_for(name))


def test_out_of_range():
    with pytest.raises(InvalidInputError, match="decay must be in"):
        convert_lambda(1.0, "decay", **FACTS)
    with pytest.raises(InvalidInputError, match="lower the learning rate"):
        convert_lambda(1e9, "canonical", "decay", **FACTS)
    with pytest.raises(InvalidInputError, match="lower the learning rate"):
        convert_lambda(1e6, "canonical", "decay", **{**FACTS, "rule": "sutskever", "momentum": 0.9})
    with pytest.raises(InvalidInputError, match="too large"):
        convert_lambda(1e308, "torch.SGD", **FACTS)
    with pytest.raises(InvalidInputError, match="too small"):
        convert_lambda(1e-310, "canonical", "sklearn.LogisticRegression")
    with pytest.raises(InvalidInputError, match="no L2 part"):
        convert_lambda(1.0, "canonical", "sklearn.ElasticNet.l2", **{**FACTS, "l1_ratio": 1.0})


def test_names():
    for source, target in (("torch.sdg", "canonical"), ("canonical", "torch.sdg")):
        with pytest.raises(UnknownNameError, match=r"torch\.SGD"):
            convert_lambda(0.1, source, target, **FACTS)


def test_a_side_keeps_its_loss():
    with pytest.raises(InvalidInputError, match="Ridge fits"):
        convert_lambda(0.1, "torch.SGD", "sklearn.Ridge", n_samples=9, loss="cross_entropy")
    with pytest.raises(InvalidInputError, match="different losses"):
        convert_lambda(0.1, "sklearn.Ridge", "sklearn.LogisticRegression")


def test_mlp_regressor_with_several_outputs_is_no_reference():
    with pytest.raises(NoEquivalentLambdaError, match="minimises neither"):
        convert_lambda(0.1, "sklearn.MLP", solver="lbfgs", n_outputs=2, loss="half_squared_error")
    assert convert_lambda(0.1, "sklearn.MLP", solver="lbfgs", n_outputs=3, loss="cross_entropy") == 0.1


def test_penalised_biases_are_the_same_number_and_are_said():
    free = explain_conversion(0.1, "torch.SGD", n_samples=10, loss="cross_entropy")
    penalised = explain_conversion(0.1, "torch.SGD", n_samples=10, loss="cross_entropy", biases=True)
    assert free.number == penalised.number == 1.0
    assert "weight_decay=0" in " ".join(free.notes)
    assert "sum (w^2 + b^2)" in penalised.source_formula and "sum (w^2 + b^2)" in penalised.target_formula
    assert "minimiser other than with free biases" in " ".join(penalised.notes)
    liblinear = explain_conversion(2.0, "sklearn.LogisticRegression", biases=True)
    assert "liblinear" in " ".join(liblinear.notes)
    with pytest.raises(NoEquivalentLambdaError, match="intercepts"):
        convert_lambda(0.1, "sklearn.MLP", solver="lbfgs", biases=True)


def test_command_text():
    explained = explain_conversion(0.01, "torch.SGD", "sklearn.LogisticRegression", n_samples=398, loss="cross_entropy")
    text = lambda_command_text(explained)
    assert explained.number == pytest.approx(1 / 3.98)
    assert "C = 0.2512562814" in text and "canonical lambda = 3.98" in text
    row = next(line for line in text.splitlines() if "C sum over items of cross-entropy" in line)
    assert "mean over items of cross-entropy" in row.split("|")[0]
    assert "n_samples = 398" in text and "loss = cross_entropy" in text
    assert "batch_size" not in text


def test_command_text_of_a_decay():
    facts = {**FACTS, "loss": "mse", "n_outputs": 3, "rule": "sutskever", "momentum": 0.5}
    text = lambda_command_text(explain_conversion(0.001, "decay", "torch.Adam", **facts))
    assert "v <- mu v - eta g(w + mu v)" in text and "mean over outputs" in text
    assert "momentum = 0.5" in text and "n_outputs = 3" in text and "lookahead" in text


def test_the_table_has_every_name():
    rows = convention_table()
    assert [row["name"] for row in rows] == list(convention_names())
    text = lambda_table_text()
    for row in rows:
        assert all(row[key] for key in ("symbol", "formula", "canonical", "where"))
        assert f"{row['name']} ({row['symbol']})" in text and row["formula"] in text
        assert "{" not in row["formula"]
