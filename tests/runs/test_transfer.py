"""Transfer of lambda: formulas against trained fixed points, measured curves against known answers, clear refusals."""

import math

import numpy as np
import pytest

import optcompare as oc
from optcompare.errors import InvalidInputError, NoEquivalentLambdaError, UnknownNameError

O = oc.optimizers  # noqa: E741
ETA = 0.2


@pytest.fixture(scope="module")
def ridge():
    return oc.linear_objective(oc.load_dataset("diabetes", seed=0), penalty=oc.L2(30.0))


def gd(**options):
    return oc.InUpdate(O.GradientDescent(learning_rate=ETA, **options))


FORMULA_ARMS = {
    "gradient descent": gd(),
    "gradient descent, estimated rate": oc.InUpdate(O.GradientDescent()),
    "adjusted weight": gd(decay_of="adjusted"),
    "heavy ball": gd(momentum=0.9),
    "heavy ball, adjusted weight": gd(momentum=0.9, decay_of="adjusted"),
    "nesterov": gd(momentum=0.8, momentum_form="nesterov"),
    "sutskever": gd(momentum=0.8, momentum_form="sutskever"),
    "averaged": gd(momentum=0.9, momentum_form="averaged"),
    "bias corrected": gd(momentum=0.9, momentum_form="bias_corrected"),
    "nesterov in the error": oc.InError(O.Nesterov()),
}


@pytest.mark.parametrize("label", FORMULA_ARMS)
def test_the_formula_gives_the_target_the_source_s_minimiser(ridge, label):
    """By training: lbfgs at lambda, and the target at the lambda that the formula says."""
    lam = 120.0
    found = oc.transfer_lambda(lam, "lbfgs", FORMULA_ARMS[label], ridge, 1)
    assert found.how == "formula" and found.cost == 0.0 and found.n_runs == 0 and not found.minimises
    wanted = oc.minimize(ridge.with_lambda(lam), "lbfgs", budget=1000).theta
    reached = oc.minimize(ridge.with_lambda(found.lam), FORMULA_ARMS[label], budget=1800).theta
    np.testing.assert_allclose(reached, wanted, atol=1e-5)
    back = oc.transfer_lambda(found.lam, FORMULA_ARMS[label], "lbfgs", ridge, 1)
    assert back.lam == pytest.approx(lam, rel=1e-12)


def test_formulas_are_exact(ridge):
    heavy_ball, n = gd(momentum=0.9), ridge.n_samples
    assert oc.transfer_lambda(3.0, "lbfgs", "pso", ridge, 1).lam == 3.0
    assert oc.transfer_lambda(3.0, "lbfgs", gd(), ridge, 1).lam == 3.0
    assert oc.transfer_lambda(3.0, "lbfgs", heavy_ball, ridge, 1).lam == pytest.approx(30.0, rel=1e-14)
    assert oc.transfer_lambda(3.0, gd(momentum=0.5), heavy_ball, ridge, 1).lam == pytest.approx(15.0, rel=1e-14)
    delta = ETA * 3.0 / n
    adjusted = oc.transfer_lambda(3.0, "lbfgs", gd(decay_of="adjusted"), ridge, 1).lam
    assert adjusted == pytest.approx(delta / (1 + delta) * n / ETA, rel=1e-14)


def test_going_through_a_third_arm_changes_nothing(ridge):
    for third in FORMULA_ARMS.values():
        for last in FORMULA_ARMS.values():
            there = oc.transfer_lambda(2.0, "lbfgs", third, ridge, 1).lam
            around = oc.transfer_lambda(there, third, last, ridge, 1).lam
            assert around == pytest.approx(oc.transfer_lambda(2.0, "lbfgs", last, ridge, 1).lam, rel=1e-12)


def test_lambda_is_as_written_in_the_objective(ridge):
    n = ridge.n_samples
    written = oc.linear_objective(ridge.data, penalty=oc.L2(1.0, convention="lambda/2"), reduction="sum")
    found = oc.transfer_lambda(0.1, "lbfgs", gd(momentum=0.9), written, 1)
    assert found.lam == pytest.approx(1.0) and found.lam_canonical == pytest.approx(n)


def test_the_same_arm_keeps_its_lambda_without_any_formula(ridge):
    adam = oc.InUpdate(O.Adam(learning_rate=0.1))
    found = oc.transfer_lambda(7.0, adam, oc.InUpdate(O.Adam(learning_rate=0.1)), ridge, 1)
    assert (found.lam, found.how, found.cost) == (7.0, "same arm", 0.0)
    assert oc.transfer_lambda(0.0, "lbfgs", adam, ridge, 1).lam == 0.0
    with pytest.raises(NoEquivalentLambdaError, match="decay of its own"):
        oc.transfer_lambda(0.0, "lbfgs", O.AdamW(), ridge, 1, how="formula")


@pytest.mark.parametrize("match", ["norm", "loss"])
def test_the_measured_curve_recovers_the_formula(ridge, match):
    """Heavy ball without telling the formula: ten times lambda, to the interpolation's accuracy."""
    found = oc.transfer_lambda(
        50.0,
        "lbfgs",
        gd(momentum=0.9),
        ridge,
        1500,
        seeds=[0, 1],
        match=match,
        how="measured",
        lambdas=[150, 300, 600, 1200],
    )
    assert found.how == "measured" and found.match == match
    assert found.lam == pytest.approx(500.0, rel=0.02)
    assert found.interval[0] <= found.lam <= found.interval[1]
    reference = oc.minimize(ridge.with_lambda(50.0), "lbfgs", budget=1500).measurements[match]
    assert found.wanted == pytest.approx(reference, rel=1e-6)
    assert np.all(np.diff(found.scalars) * (-1 if match == "norm" else 1) > 0) and found.lambdas == (
        150,
        300,
        600,
        1200,
    )


def test_every_run_is_charged(ridge):
    source = oc.minimize(ridge.with_lambda(50.0), "lbfgs", budget=300, seed=4)
    target = [oc.minimize(ridge.with_lambda(lam), gd(momentum=0.9), budget=300, seed=4) for lam in (100, 1000)]
    found = oc.transfer_lambda(
        50.0, "lbfgs", gd(momentum=0.9), ridge, 300, seeds=[4], how="measured", lambdas=[100, 1000]
    )
    assert found.cost == source.cost + sum(run.cost for run in target) > 600
    assert found.n_runs == 3
    default = oc.transfer_lambda(50.0, "lbfgs", gd(), ridge, 60, seeds=[4, 5], how="measured")
    assert default.n_runs == 20 and default.lambdas[0] == pytest.approx(0.5) and default.lambdas[-1] == 5000


def test_a_target_without_l2_is_matched_in_the_scalar_alone_and_says_so(ridge):
    adam = oc.InUpdate(O.Adam(learning_rate=0.03))
    found = oc.transfer_lambda(100.0, "lbfgs", adam, ridge, 1200, seeds=[0], lambdas=[100, 1000, 10000, 30000])
    assert found.how == "measured" and "max|w| <= 1/wd" in found.minimises
    reached = oc.minimize(ridge.with_lambda(found.lam), adam, budget=1200).measurements["norm"]
    assert reached == pytest.approx(found.wanted, rel=0.05)
    assert "only the norm is matched" in repr(found) and "passes in 5 runs" in repr(found)
    with pytest.raises(NoEquivalentLambdaError, match=r"max\|w\| <= 1/wd"):
        oc.transfer_lambda(100.0, "lbfgs", adam, ridge, 10, how="formula")


def test_no_formula_is_claimed_where_there_is_none(ridge):
    assert "eta/delta" in refusal(ridge, oc.InUpdate(O.NormalisedGradient()))
    assert "its learning rate" in refusal(ridge, oc.InUpdate(O.GradientDescent(decay_of="adjusted")))
    assert "decay of its own" in refusal(ridge, O.GradientDescent(decay=0.01))
    assert "no closed form is known" in refusal(ridge, oc.InUpdate(Wandering(learning_rate=0.1)))
    assert "no closed form is known" in refusal(ridge, oc.InUpdate("spsa"))
    no_decay_below_1 = oc.InUpdate(O.GradientDescent(learning_rate=1.0, momentum=0.9, momentum_form="sutskever"))
    with pytest.raises(NoEquivalentLambdaError, match="no decay below 1"):
        oc.transfer_lambda(1000.0, "lbfgs", no_decay_below_1, ridge, 10)


class Wandering(O.GradientDescent):
    """A rule of its own under a familiar name."""

    def updates(self, objective, start, rng):
        yield from super().updates(objective, start + 1.0, rng)


def refusal(objective, arm):
    with pytest.raises(NoEquivalentLambdaError) as caught:
        oc.transfer_lambda(1.0, "lbfgs", arm, objective, 10, how="formula")
    return str(caught.value)


def test_an_unreachable_scalar_is_refused_with_what_is_reached(ridge):
    with pytest.raises(
        NoEquivalentLambdaError, match=r"no lambda from 1 to 3 gives 'gradient_descent decay' the norm 0\.\d+"
    ):
        oc.transfer_lambda(300.0, "lbfgs", gd(momentum=0.9), ridge, 600, seeds=[0], how="measured", lambdas=[1, 3])


def test_failing_runs_of_the_target_are_left_out_of_its_curve(ridge):
    """A decay of 8 times the weight a step diverges; the curve is read between the others."""
    too_large = 40 * ridge.n_samples
    found = oc.transfer_lambda(
        40.0, "lbfgs", gd(), ridge, 2500, seeds=[0], how="measured", lambdas=[10, 40, 90, too_large]
    )
    assert found.lam == pytest.approx(40.0, rel=1e-3) and math.isnan(found.scalars[-1])
    with pytest.raises(NoEquivalentLambdaError, match="runs failed"):
        oc.transfer_lambda(
            40.0, "lbfgs", gd(), ridge, 2500, seeds=[0], how="measured", lambdas=[too_large, 2 * too_large]
        )
    with pytest.raises(InvalidInputError, match="ended as DIVERGED"):
        oc.transfer_lambda(too_large, gd(), "lbfgs", ridge, 2500, seeds=[0], how="measured")


def test_what_has_no_lambda_is_refused_before_anything_runs(ridge):
    cancer = oc.load_dataset("breast_cancer", seed=0)
    zero_one = oc.linear_objective(cancer, loss="zero_one", penalty=oc.L2(1.0))
    with pytest.raises(NoEquivalentLambdaError, match="w -> 0 for every lambda"):
        oc.transfer_lambda(1.0, "pso", "cma_es", zero_one, 10)
    hidden = oc.mlp_objective(cancer, hidden=(2,), loss="zero_one", penalty=oc.L2(1.0))
    assert oc.transfer_lambda(1.0, "pso", "cma_es", hidden, 10).lam == 1.0
    with pytest.raises(InvalidInputError, match="needs a gradient"):
        oc.transfer_lambda(1.0, "pso", "lbfgs", hidden, 10)
    for pair in (("lbfgs", oc.Bare(O.AdamW())), (oc.Bare("pso"), "lbfgs")):
        with pytest.raises(NoEquivalentLambdaError, match="is given no lambda at all"):
            oc.transfer_lambda(1.0, *pair, ridge, 10)
    with pytest.raises(InvalidInputError, match="no penalty"):
        oc.transfer_lambda(1.0, "pso", "lbfgs", ridge.without_penalty(), 10)
    with pytest.raises(InvalidInputError, match="MaxNorm"):
        oc.transfer_lambda(1.0, "pso", "lbfgs", oc.linear_objective(cancer, penalty=oc.MaxNorm(1.0)), 10)
    with pytest.raises(InvalidInputError, match="InUpdate takes lambda as decay"):
        oc.transfer_lambda(1.0, "lbfgs", gd(), oc.linear_objective(cancer, penalty=oc.L1(1.0)), 10)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"lam": -1.0}, InvalidInputError, "finite and >= 0"),
        ({"lam": math.nan}, InvalidInputError, "finite and >= 0"),
        ({"objective": "diabetes"}, InvalidInputError, "must be an Objective"),
        ({"target": "lbfg"}, UnknownNameError, "Did you mean 'lbfgs'"),
        ({"match": "norms"}, UnknownNameError, "Did you mean 'norm'"),
        ({"how": "guess"}, UnknownNameError, "Allowed: auto, formula, measured"),
        ({"seeds": []}, InvalidInputError, "seeds is empty"),
        ({"seeds": [-1]}, InvalidInputError, "seed must be"),
        ({"lambdas": [1.0], "how": "measured"}, InvalidInputError, "two or more different"),
        ({"lambdas": [0.0, 1.0], "how": "measured"}, InvalidInputError, "numbers > 0"),
        ({"lam": 0.0, "how": "measured"}, InvalidInputError, "has no scale"),
    ],
)
def test_wrong_input_is_refused(ridge, changes, error, text):
    given = {"lam": 1.0, "source": "lbfgs", "target": gd(), "objective": ridge, "budget": 10, **changes}
    with pytest.raises(error, match=text):
        oc.transfer_lambda(**given)
