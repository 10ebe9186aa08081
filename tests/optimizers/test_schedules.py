from __future__ import annotations

import math

import pytest

from optcompare.errors import InvalidInputError
from optcompare.optimizers.schedules import Cosine, InverseTime, StepDecay, factor_at


def test_step_decay_falls_by_its_factor():
    assert [StepDecay(2, 0.5)(t) for t in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_inverse_time_halves():
    schedule = InverseTime(10)
    assert (schedule(0), schedule(10), schedule(30)) == (1.0, 0.5, 0.25)
    assert InverseTime(1, power=0.5)(3) == 0.5


def test_cosine_goes_from_one_to_its_floor_and_stays():
    schedule = Cosine(100, floor=0.2)
    assert schedule(0) == 1.0
    assert schedule(50) == pytest.approx(0.6)
    assert schedule(100) == schedule(10_000) == pytest.approx(0.2)


def test_a_constant_and_a_function_are_schedules():
    assert factor_at("constant", 7) == 1.0
    assert factor_at(lambda step: 1 / (1 + step), 3) == 0.25


@pytest.mark.parametrize(
    "build",
    [
        lambda: StepDecay(0), lambda: StepDecay(1.5), lambda: StepDecay(10, 0.0), lambda: StepDecay(10, 2.0),
        lambda: InverseTime(0), lambda: InverseTime(math.nan), lambda: InverseTime(1, power=-1.0),
        lambda: Cosine(0), lambda: Cosine(10, floor=-0.1), lambda: Cosine(10, floor=math.inf),
    ],
)  # fmt: skip
def test_wrong_schedules_are_refused(build):
    with pytest.raises(InvalidInputError):
        build()
