import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.objective.conventions import (
    canonical_to_error_convention,
    error_convention_to_canonical,
    error_conventions,
)

FORMS = {
    "lambda/2n": lambda losses, lam, squares: losses.mean() + lam / (2 * len(losses)) * squares,
    "lambda/2": lambda losses, lam, squares: losses.mean() + lam / 2 * squares,
    "lambda": lambda losses, lam, squares: losses.mean() + lam * squares,
    "sum+lambda/2": lambda losses, lam, squares: losses.sum() + lam / 2 * squares,
    "sum+lambda": lambda losses, lam, squares: losses.sum() + lam * squares,
}


def test_the_five_forms_are_all_here():
    assert set(error_conventions()) == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_a_multiple_of_the_canonical_objective(name):
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(5):
        losses, squares = rng.exponential(size=12), rng.exponential()
        lam = error_convention_to_canonical(0.7, name, 12)
        ratios.append(FORMS[name](losses, 0.7, squares) / FORMS["lambda/2n"](losses, lam, squares))
    assert np.allclose(ratios, ratios[0], rtol=1e-13)


@given(st.floats(0, 1e12), st.sampled_from(sorted(FORMS)), st.integers(1, 10**9))
def test_round_trip(lam, name, n):
    back = error_convention_to_canonical(canonical_to_error_convention(lam, name, n), name, n)
    assert math.isclose(back, lam, rel_tol=1e-14, abs_tol=1e-300)


def test_canonical_is_another_name():
    assert error_convention_to_canonical(3.0, "canonical", 7) == 3.0


@pytest.mark.parametrize("lam", [-1.0, math.nan, math.inf, True, np.bool_(True), "1", None, 1j])
@pytest.mark.parametrize("convert", [error_convention_to_canonical, canonical_to_error_convention])
def test_bad_lambda(convert, lam):
    with pytest.raises(InvalidInputError, match="lam"):
        convert(lam, "lambda", 5)


@pytest.mark.parametrize("n", [0, -3, 2.0, True, None, "4"])
def test_bad_n_samples(n):
    with pytest.raises(InvalidInputError, match="n_samples must be a whole number >= 1"):
        error_convention_to_canonical(1.0, "lambda", n)


def test_numbers_of_numpy_are_numbers():
    assert error_convention_to_canonical(np.float32(0.5), "lambda", np.int64(10)) == 10.0


def test_unknown_name_and_overflow():
    with pytest.raises(UnknownNameError, match="lambda/2n"):
        error_convention_to_canonical(1.0, "lambda/n", 5)
    with pytest.raises(InvalidInputError, match="too large"):
        error_convention_to_canonical(1e308, "lambda", 5)
