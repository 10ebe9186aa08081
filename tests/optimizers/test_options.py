from __future__ import annotations

import numpy as np
import pytest

from optcompare.errors import InvalidInputError, UnknownNameError
from optcompare.optimizers import options

NOT_NUMBERS = [float("nan"), "1", None, True, 1j, [1.0]]


@pytest.mark.parametrize("check", [options.finite, options.positive, options.nonnegative])
@pytest.mark.parametrize("value", [*NOT_NUMBERS, float("inf"), float("-inf")])
def test_what_is_no_finite_number_is_refused_by_name(check, value):
    with pytest.raises(InvalidInputError, match=r"rate must be .*got"):
        check("rate", value)


def test_the_sign_is_checked():
    options.positive("rate", 1e-300)
    options.nonnegative("rate", 0)
    options.finite("rate", np.float32(-1))
    for check, value in ((options.positive, 0.0), (options.positive, -1), (options.nonnegative, -1e-300)):
        with pytest.raises(InvalidInputError):
            check("rate", value)


@pytest.mark.parametrize(
    ("ends", "inside", "outside"),
    [("[]", (0, 0.5, 1), (-0.1, 1.1)), ("[)", (0,), (1,)), ("(]", (1,), (0,)), ("()", (0.5,), (0, 1))],
)
def test_an_interval_has_the_ends_it_says(ends, inside, outside):
    for value in inside:
        options.between("p", value, 0.0, 1.0, ends)
    for value in (*outside, *NOT_NUMBERS):
        with pytest.raises(InvalidInputError, match=r"p must be in .0, 1."):
            options.between("p", value, 0.0, 1.0, ends)


def test_whole_numbers():
    options.whole("population", np.int64(5), at_least=5)
    for value in (4, 5.0, True, "5", None, float("nan")):
        with pytest.raises(InvalidInputError, match="population must be a whole number >= 5"):
            options.whole("population", value, at_least=5)


def test_words_and_flags():
    options.one_of("answer", "mean", ("best", "mean"))
    options.flag("adaptive", np.bool_(False))
    with pytest.raises(UnknownNameError, match="Did you mean 'mean'"):
        options.one_of("answer", "maen", ("best", "mean"))
    for value in (1, "yes", None):
        with pytest.raises(InvalidInputError, match="adaptive must be True or False"):
            options.flag("adaptive", value)


@pytest.mark.parametrize(
    ("lower", "upper"), [(1, -1), (1, 1), (float("nan"), 1), (0, float("nan")), (0, float("inf")), ("0", 1)]
)
def test_reversed_equal_or_missing_limits_are_refused(lower, upper):
    with pytest.raises(InvalidInputError, match=r"lower|upper"):
        options.ordered(lower, upper)


def test_a_box_holds_its_start():
    lower, upper = options.box_of(np.array([-1.0, 2.0]), -1.0, 2.0)
    assert lower.tolist() == [-1.0, -1.0] and upper.tolist() == [2.0, 2.0]
    with pytest.raises(InvalidInputError, match=r"outside the box \[-1, 2\] in 1 of 2 .*coordinate 1 is 2.5"):
        options.box_of(np.array([0.0, 2.5]), -1.0, 2.0)
    with pytest.raises(InvalidInputError, match="outside"):
        options.box_of(np.array([np.nan]), -1.0, 2.0)
