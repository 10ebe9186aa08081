"""Laws of feature modes that hold for any point, sample and order of features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import optcompare as oc

BOWL = oc.function_objective(lambda theta: float(1.5 + theta @ theta), dim=3, penalty=oc.L2(0.5))

features = st.lists(
    st.one_of(
        st.builds(oc.ValueNoise, st.floats(0, 2), st.sampled_from(["multiplicative", "additive"])),
        st.builds(oc.TruncatedDigits, st.integers(1, 17)),
        st.builds(oc.RandomNan, st.floats(0, 0.9)),
        st.builds(oc.PerturbedStart, st.floats(0, 2)),
    ),
    min_size=1,
    max_size=4,
)
points = st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=5).map(np.array)


@given(features, points)
def test_value_without_a_sample_is_the_objective_to_the_last_bit(given_features, thetas):
    objective = oc.with_features(BOWL, *given_features)
    assert [objective.value(theta) for theta in thetas] == [BOWL.value(theta) for theta in thetas]
    np.testing.assert_array_equal(objective.values(thetas), BOWL.values(thetas))
    assert objective.loss(thetas[0]) == BOWL.loss(thetas[0])


@given(features, points, st.integers(0, 100))
def test_a_stack_is_shown_as_its_rows_are(given_features, thetas, seed):
    objective = oc.with_features(BOWL, *given_features)
    if not objective.is_noisy:
        return
    sample = next(objective.samples(np.random.default_rng(seed)))
    rows = [objective.value(theta, sample) for theta in thetas]
    np.testing.assert_array_equal(objective.values(thetas, sample), rows)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 17))
def test_truncation_is_idempotent_and_never_grows_a_value(value, digits):
    cut = oc.TruncatedDigits(digits)
    once = cut.shown(value, bytes(16))
    assert abs(once) <= abs(value) * (1 + 1e-15)
    assert cut.shown(once, bytes(16)) == once
    if abs(value) > 1e-300:
        assert abs(value - once) <= 10.0 ** (1 - digits) * abs(value)


@given(features, st.integers(0, 50))
def test_runs_with_features_repeat_bit_for_bit(given_features, seed):
    objective = oc.with_features(BOWL, *given_features)
    one, two = (oc.minimize(objective, "pso", budget=60, seed=seed) for _ in range(2))
    np.testing.assert_array_equal(one.theta, two.theta)
    assert one.n_values == two.n_values <= 60
