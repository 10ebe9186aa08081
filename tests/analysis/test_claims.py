"""Claims hold, fail or stay undecided for the stated reasons, and cannot be vacuous."""

import math

import numpy as np
import pandas as pd
import pytest

import optcompare as oc
from optcompare.analysis.claims import holm, judge_claims, sign_test
from optcompare.errors import InvalidInputError


def frame(values, control=5.0, n_failed=0):
    rows = [{"seed": seed, "arm": "a", "x": x, "status": "FINISHED"} for seed, x in enumerate(values)]
    rows += [{"seed": seed, "arm": "b", "x": control, "status": "FINISHED"} for seed in range(len(values))]
    table = pd.DataFrame(rows)
    table.loc[: n_failed - 1, "status"] = "CRASHED" if n_failed else table["status"]
    return table


def arm(name):
    return lambda table: table[table["arm"] == name]


def claim(low=0.9, high=1.1, **options):
    return oc.Claim("x is one", lambda rows: rows["x"].median(), low, high, rows=arm("a"), control=arm("b"), **options)


def verdict(values, *, options=None, is_final=True, **changes):
    table = judge_claims([claim(**(options or {}))], frame(values, **changes), range(len(values)), is_final=is_final)
    return table.iloc[0]["verdict"], table.iloc[0]["reason"]


ONES = [1.0] * 10


def test_holds_only_inside_with_a_control_outside():
    assert verdict(ONES) == ("holds", "")
    assert verdict(ONES, control=1.05)[0] == "undecided"
    assert "discriminate" in verdict(ONES, control=1.05)[1]


def test_fails_outside():
    assert verdict([2.0] * 10)[0] == "fails"
    assert verdict([-2.0] * 10)[0] == "fails"


def test_undecided_for_stated_reasons():
    assert "edge" in verdict([1.0] * 5 + [2.0] * 5)[1]
    assert "10 %" in verdict(ONES, n_failed=2)[1] or "failed" in verdict(ONES, n_failed=2)[1]
    assert "finite" in verdict([math.nan, *ONES[1:]])[1]
    assert "too few" in verdict(ONES[:5])[1]
    assert "shortened" in verdict(ONES, is_final=False)[1]
    assert verdict([2.0] * 10, is_final=False)[0] == "undecided"


def test_one_failed_run_in_ten_is_allowed():
    assert verdict(ONES, n_failed=1)[0] == "holds"


def test_a_missing_seed_is_not_ignored():
    table = frame(ONES)
    table = table[~((table["seed"] == 3) & (table["arm"] == "a"))]
    assert judge_claims([claim()], table, range(10)).iloc[0]["verdict"] == "undecided"


def test_the_interval_drops_one_outlier_in_ten_but_not_two():
    assert verdict([9.0, *ONES[1:]])[0] == "holds"  # second to ninth
    assert verdict([9.0, 9.0, *ONES[2:]])[0] == "undecided"
    assert verdict([9.0, *ONES[1:6]])[0] == "undecided"  # six seeds: smallest to largest


def test_no_rows():
    table = judge_claims([claim()], frame(ONES)[lambda t: t["arm"] == "b"], range(10))
    assert table.iloc[0]["verdict"] == "undecided" and table.iloc[0]["reason"] == "no rows"


def test_orderings_are_holm_corrected():
    positive = {"low": 0.0, "high": math.inf, "ordering": True}
    assert verdict(np.linspace(1, 2, 10), options=positive, control=-1.0)[0] == "holds"
    many = [claim(**positive) for _ in range(30)]
    table = judge_claims(many, frame(np.linspace(1, 2, 10), control=-1.0), range(10))
    assert (table["verdict"] == "undecided").all()  # 30 * 2/1024 > 0.05
    assert "Holm" in table["reason"].iloc[0]


def test_sign_test_and_holm_by_hand():
    assert sign_test(np.ones(10)) == pytest.approx(2 / 1024)
    assert sign_test(np.array([1, -1, 0])) == 1.0
    assert sign_test(np.zeros(4)) == 1.0
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


@pytest.mark.parametrize("band", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (-math.inf, math.inf)])
def test_predictions_that_cannot_fail_are_refused(band):
    with pytest.raises(InvalidInputError, match="x is one"):
        claim(*band)


def test_a_control_is_required():
    with pytest.raises(TypeError):
        oc.Claim("x", lambda rows: 1.0, 0, 1, rows=arm("a"))
    with pytest.raises(InvalidInputError, match="control"):
        oc.Claim("x", lambda rows: 1.0, 0, 1, rows=arm("a"), control=None)
