"""Winners by price and dimension equal cases computed by hand; what the data sets cannot support is not significant."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optcompare.analysis.runtimes import ert_table, runtimes
from optcompare.analysis.winners import break_even_prices, winners_table
from optcompare.errors import DataError, InvalidInputError, UnknownNameError


def rng():
    return np.random.default_rng(0)


def hits(*rows):
    """Rows: problem, dataset, dim, optimizer, n_values, n_gradients, is_reached; seeds are counted."""
    columns = ("problem", "dataset", "dim", "optimizer", "n_values", "n_gradients", "is_reached")
    table = pd.DataFrame(rows, columns=list(columns))
    seed = table.groupby(["problem", "optimizer"]).cumcount()
    return table.assign(tau=0.1, seed=seed, status="BUDGET", seconds=1.0, budget=1000.0)


def problems_of(table, price=1.5):
    return table[["problem"]].drop_duplicates().assign(gradient_price=price)


def two_kinds(n=6, dim=9, direct=100, values=20):
    """n data sets, one problem each: "direct" needs 100 values, "grad" 20 values with a gradient each."""
    rows = []
    for index in range(n):
        rows.append((f"p{index}", f"d{index}", dim, "direct", direct, 0, True))
        rows.append((f"p{index}", f"d{index}", dim, "grad", values, values, True))
    return hits(*rows)


def test_the_winner_changes_with_the_price():
    """20 (1 + g) against 100: grad wins below g = 4, direct above; both ways in every data set."""
    table = two_kinds()
    found = winners_table(table, problems_of(table), [0, 3.9, 4.1, "dimension", "measured"], 0.1, rng())
    assert found["winner"].tolist() == ["grad", "grad", "direct", "direct", "grad"]
    assert found["runner_up"].tolist() == ["direct", "direct", "grad", "grad", "direct"]
    assert found["unit"].tolist() == ["passes"] * 3 + ["dimension", "measured"]
    assert found["gradient_price"].tolist() == [0.0, 3.9, 4.1, 1.0, 1.5]
    assert found["share"].tolist() == [1.0] * 5
    assert found["p"].tolist() == [2.0**-5] * 5
    assert found["is_significant"].all()
    assert set(found["dimension"]) == {"9"} and set(found["n_datasets"]) == {6}


def test_five_data_sets_are_never_significant_and_ties_share():
    table = two_kinds(n=5)
    found = winners_table(table, problems_of(table), [0], 0.1, rng()).iloc[0]
    assert (found["winner"], found["share"], found["p"], found["is_significant"]) == ("grad", 1.0, 0.0625, False)
    tied = winners_table(two_kinds(), problems_of(two_kinds()), [4], 0.1, rng()).iloc[0]
    assert (tied["share"], tied["p"], tied["is_significant"]) == (0.5, 1.0, False)


def test_one_data_set_with_many_problems_does_not_decide():
    """grad wins on five data sets, direct on a sixth with ten problems: one of six, not ten of fifteen."""
    rows = [(f"p{i}", f"d{i}", 9, *run, True) for i in range(5) for run in (("direct", 100, 0), ("grad", 20, 20))]
    rows += [(f"q{i}", "many", 9, *run, True) for i in range(10) for run in (("direct", 10, 0), ("grad", 20, 20))]
    table = hits(*rows)
    found = winners_table(table, problems_of(table), [1], 0.1, rng()).iloc[0]
    assert (found["winner"], found["n_datasets"], found["n_problems"]) == ("grad", 6, 15)
    assert found["mean_rank"] == pytest.approx((5 * 1 + 2) / 6)
    assert not found["is_significant"]


def test_fractions_of_d_plus_1_and_prices_nobody_pays():
    table = two_kinds(dim=9)
    found = winners_table(table, problems_of(table), [0.3, 0.5, 1.0], 0.1, rng(), unit="dimension")
    assert found["winner"].tolist() == ["grad", "direct", "direct"]  # 3 and 5 passes
    beyond = winners_table(table, problems_of(table), [10, 11, 1000], 0.1, rng())
    assert beyond["gradient_price"].tolist() == [10.0]


def test_dimension_bins():
    table = pd.concat([two_kinds(dim=dim).replace({"problem": {f"p{i}": f"{dim} {i}" for i in range(6)}})
                       for dim in (4, 10, 11, 300)])  # fmt: skip
    found = winners_table(table, problems_of(table), [0], 0.1, rng())
    assert found["dimension"].tolist() == ["4 to 10", "11", "300"]
    assert found["n_problems"].tolist() == [12, 6, 6]
    assert found["n_datasets"].tolist() == [6, 6, 6]


def test_a_common_budget_at_every_price():
    """2 (d + 1) = 20 passes: grad's 20 (1 + g) fits at g = 0 alone, direct's 100 never."""
    table = two_kinds(dim=9)
    found = winners_table(table, problems_of(table), [0, 1], 0.1, rng(), budget_per_dimension=2)
    assert found["winner"].tolist() == ["grad", ""]
    assert found["solved"].tolist() == [1.0, 0.0]
    assert not found["is_significant"].iloc[1] and np.isnan(found["share"].iloc[1])


def test_a_run_that_goes_beyond_the_budget_is_charged_the_budget():
    """b (d + 1) = 50: a reaches at 30 and at 4000, of which 50 are charged: 80 in all, b 40 + 50 = 90."""
    rows = [("p", "d", 9, "a", 30, 0, True), ("p", "d", 9, "a", 4000, 0, True),
            ("p", "d", 9, "b", 40, 0, True), ("p", "d", 9, "b", 50, 0, False)]  # fmt: skip
    table = hits(*rows)
    assert winners_table(table, problems_of(table), [0], 0.1, rng())["winner"].tolist() == ["b"]  # 4030/2, 90
    found = winners_table(table, problems_of(table), [0], 0.1, rng(), budget_per_dimension=5)
    assert found["winner"].tolist() == ["a"]


def test_the_share_of_resamples_by_hand():
    """a wins data set u and ties on v: of u u, u v, v u, v v the first three are a's and half of the last, 7/8."""
    table = hits(("p", "u", 9, "a", 1, 0, True), ("p", "u", 9, "b", 2, 0, True),
                 ("q", "v", 9, "a", 1, 0, True), ("q", "v", 9, "b", 1, 0, True))  # fmt: skip
    found = winners_table(table, problems_of(table), [0], 0.1, rng(), n_bootstrap=4000).iloc[0]
    assert found["share"] == pytest.approx(0.875, abs=0.01)


def test_both_the_resamples_and_the_test_must_agree():
    """a wins 8 of 9 data sets: p = 20/512, and 5 of 9 draws are the lost one in 0.07 % of the resamples."""
    rows = [(f"p{i}", f"d{i}", 9, name, cost if i else -cost + 9, 0, True) for i in range(9)
            for name, cost in (("a", 1), ("b", 2))]  # fmt: skip
    table = hits(*rows)
    given = (table, problems_of(table), [0], 0.1)
    found = winners_table(*given, rng(), n_bootstrap=20_000).iloc[0]
    assert found["p"] == pytest.approx(20 / 512)
    assert 0.998 < found["share"] < 1.0 and found["is_significant"]
    assert not winners_table(*given, rng(), n_bootstrap=20_000, level=0.9999).iloc[0]["is_significant"]


def test_groups_compete_by_their_best_member():
    table = two_kinds()
    slow = table[table["optimizer"] == "grad"].assign(optimizer="slow", n_values=900.0)
    table = pd.concat([table, slow])
    groups = {"grad": "gradient", "slow": "gradient", "direct": "direct"}
    found = winners_table(table, problems_of(table), [0, 9], 0.1, rng(), groups=groups)
    assert found["winner"].tolist() == ["gradient", "direct"]
    assert winners_table(table, problems_of(table), [0], 0.1, rng(), groups={"slow": "a", "direct": "b"})[
        "winner"
    ].tolist() == ["b"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 30))
def test_without_a_budget_the_erts_are_those_of_ert_table(seed, price):
    """The winner on a single problem is the least ERT of the table that everybody else reads."""
    random = np.random.default_rng(seed)
    rows = [
        ("p", "d", 40, name, int(random.integers(1, 99)), int(random.integers(0, 9)) * is_gradient, bool(reached))
        for name, is_gradient in (("a", 0), ("b", 1), ("c", 1)) for reached in random.integers(0, 2, 3)
    ]  # fmt: skip
    table = hits(*rows)
    erts = ert_table(runtimes(table, problems_of(table), gradient_price=price)).set_index("optimizer")["ert"]
    found = winners_table(table, problems_of(table), [price], 0.1, rng(), n_bootstrap=40).iloc[0]
    if np.isfinite(erts).any():
        assert erts[found["winner"]] == pytest.approx(erts.min())
    else:
        assert found["winner"] == ""


def test_break_even_by_hand():
    """(D R - V)/G with D = 100: one run of 20 and 20: 4; two runs, one lost: (100 - 60)/40 = 1."""
    table = hits(
        ("p", "d", 9, "direct", 100, 0, True),
        ("p", "d", 9, "worse", 400, 0, True),
        ("p", "d", 9, "grad", 20, 20, True),
        ("q", "d", 19, "direct", 100, 0, True),
        ("q", "d", 19, "worse", 400, 0, True),
        ("q", "d", 19, "grad", 20, 20, True),
        ("q", "d", 19, "grad", 40, 20, False),
    )
    found = break_even_prices(table, 0.1)
    assert found["price"].tolist() == [4.0, 1.0]
    assert found["price_per_dimension"].tolist() == [0.4, 0.05]
    assert found["direct"].tolist() == ["direct"] * 2 and found["gradient"].tolist() == ["grad"] * 2
    assert found["gradient_ert"].tolist() == [20.0, 60.0]
    assert not found["is_bound"].any()


def test_break_even_where_one_kind_never_reaches_the_target():
    table = hits(
        ("p", "d", 9, "direct", 1000, 0, False), ("p", "d", 9, "grad", 20, 20, True),
        ("q", "d", 9, "direct", 50, 0, True), ("q", "d", 9, "grad", 20, 20, False),
        ("r", "d", 9, "direct", 50, 0, False), ("r", "d", 9, "grad", 20, 20, False),
        ("s", "d", 9, "direct", 5, 0, True), ("s", "d", 9, "grad", 20, 20, True),
    )  # fmt: skip
    bounded = break_even_prices(table, 0.1, budget_per_dimension=100).set_index("problem")
    assert (bounded.loc["p", "price"], bounded.loc["p", "is_bound"]) == ((1000 - 20) / 20, True)
    assert (bounded.loc["q", "price"], bounded.loc["q", "direct"]) == (0.0, "direct")
    assert np.isnan(bounded.loc["r", "price"]) and not bounded.loc["r", "is_bound"]
    assert bounded.loc["s", "price"] == 0.0  # direct wins even where gradients are free
    assert break_even_prices(table, 0.1).set_index("problem").loc["p", "price"] == np.inf


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_at_the_break_even_price_the_winner_changes(seed):
    random = np.random.default_rng(seed)
    rows = [("p", "d", 10**4, name, int(random.integers(1, 99)), int(random.integers(1, 9)) * is_gradient, True)
            for name, is_gradient in (("a", 0), ("b", 1), ("c", 1)) for _ in range(2)]  # fmt: skip
    table = hits(*rows)
    price = break_even_prices(table, 0.1)["price"].iloc[0]

    def winner(at):
        return winners_table(table, problems_of(table), [at], 0.1, rng(), n_bootstrap=40)["winner"].iloc[0]

    assert winner(price * 1.001 + 1e-3) == "a"
    if price > 0:
        assert winner(price * 0.999) in ("b", "c")


def test_two_alike_seldom_have_a_significant_winner():
    """Ten data sets, two optimizers alike: fewer than 5 % of the cells name a winner."""
    random, n_named = np.random.default_rng(1), 0
    for _ in range(60):
        values = random.integers(1, 100, (10, 2, 2)) + random.integers(0, 100, (10, 1, 2))
        table = hits(*[(f"p{i} {j}", f"d{i}", 9, name, int(values[i, j, k]), 0, True)
                       for i in range(10) for j in range(2) for k, name in enumerate("ab")])  # fmt: skip
        n_named += winners_table(table, problems_of(table), [0], 0.1, random, n_bootstrap=200)["is_significant"].sum()
    assert n_named <= 3


def test_not_run_leaves_the_problem_out():
    table = two_kinds()
    short = table.drop(index=1)  # grad on p0
    found = winners_table(short, problems_of(table), [0], 0.1, rng()).iloc[0]
    assert (found["n_problems"], found["n_datasets"]) == (5, 5)


def test_what_is_refused():
    table = two_kinds()
    facts = problems_of(table)
    with pytest.raises(InvalidInputError, match="tau must be one of"):
        winners_table(table, facts, [0], 0.5, rng())
    with pytest.raises(InvalidInputError, match="prices must be"):
        winners_table(table, facts, [-1], 0.1, rng())
    with pytest.raises(UnknownNameError):
        winners_table(table, facts, ["cheap"], 0.1, rng())
    with pytest.raises(UnknownNameError):
        winners_table(table, facts, [0], 0.1, rng(), unit="seconds")
    with pytest.raises(UnknownNameError):
        winners_table(table, facts, [0], 0.1, rng(), groups={"nobody": "a"})
    with pytest.raises(InvalidInputError, match="budget_per_dimension"):
        winners_table(table, facts, [0], 0.1, rng(), budget_per_dimension=0)
    with pytest.raises(DataError, match="one kind"):
        break_even_prices(table[table["optimizer"] == "grad"], 0.1)
    with pytest.raises(DataError, match="lack"):
        break_even_prices(table.drop(columns="n_gradients"), 0.1)
