"""The bare arm: lambda reaches neither the error nor the update, and two lambdas are no matter of warning."""

import warnings

import numpy as np
import pytest

import optcompare as oc
from optcompare.optimizers.options import PerRate

GD = oc.optimizers.GradientDescent


def test_only_the_optimizers_own_decay_acts_and_measurements_refer_to_the_nominal_lambda():
    data = oc.load_dataset("diabetes", seed=0)
    optimizer = GD(learning_rate=0.1, decay=PerRate(0.02), update_tolerance=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = [
            oc.minimize(oc.linear_objective(data, penalty=oc.L2(lam)), oc.Bare(optimizer), budget=60_000)
            for lam in (1.0, 100.0)
        ]
    np.testing.assert_array_equal(answers[0].theta, answers[1].theta)
    np.testing.assert_allclose(answers[0].measurements["implied_lambda"], 0.02 * data.n_samples, rtol=1e-5)
    penalties = [answer.measurements["penalty_value"] for answer in answers]
    # c lambda/2 |w|^2 of the same w: a few roundings on each side
    assert penalties[1] == pytest.approx(100 * penalties[0], rel=1e-15) and penalties[0] > 0


def test_its_label_tells_it_from_the_others():
    study = oc.Study(
        name="s", question="?", objectives={"bowl": oc.function_objective(lambda theta: float(theta @ theta), dim=2)},
        optimizers=["pso", oc.Bare("pso")], budget=10,
    )  # fmt: skip
    assert list(study.optimizers) == ["pso", "pso bare"]
