"""What a trace measured, as it stood at given costs."""

import numpy as np
import pandas as pd
import pytest

from optcompare.analysis.monitored import monitored_table
from optcompare.errors import InvalidInputError, UnknownNameError

NAN = float("nan")


def trace(seed, heights, optimizer="gd"):
    passes = np.arange(1.0, len(heights) + 1)
    cells = {"objective": "o", "lam": 1.0, "optimizer": optimizer, "seed": seed, "n_values": passes}
    return pd.DataFrame({**cells, "n_gradients": passes, "seconds": passes, "seen": heights})


def test_the_latest_measurement_counts_and_it_may_rise():
    table = monitored_table(trace(0, [5.0, NAN, 2.0, 4.0]), "seen", [3, 6, 9, 12, 99])
    assert table["median"].tolist() == [5.0, 5.0, 2.0, 4.0, 4.0]
    assert table["cost"].tolist() == [3, 6, 9, 12, 99]


def test_medians_and_quartiles_are_order_statistics_over_seeds():
    table = monitored_table(pd.concat([trace(seed, [10.0 * seed]) for seed in range(8)]), "seen", [3.0])
    assert table[["low", "median", "high"]].iloc[0].tolist() == [10.0, 35.0, 50.0]
    assert table["n_runs"].iloc[0] == 8


def test_before_the_first_measurement_a_run_does_not_count():
    table = monitored_table(pd.concat([trace(0, [NAN, 7.0]), trace(1, [1.0, 1.0])]), "seen", [1.0, 3.0, 6.0])
    assert table["n_runs"].tolist() == [1, 2]  # no run has a value at 1
    assert table["median"].tolist() == [1.0, 4.0]


def test_evenly_spaced_places_other_costs_and_wrong_names():
    traces = pd.concat([trace(0, [1.0, 2.0]), trace(0, [3.0, 4.0], "pso")])
    table = monitored_table(traces, "seen", 3, cost="evaluations")
    assert set(table["optimizer"]) == {"gd", "pso"} and sorted(set(table["cost"])) == [1.0, 2.0]
    assert monitored_table(traces.iloc[:0], "seen").empty
    with pytest.raises(UnknownNameError):
        monitored_table(traces, "unseen")
    with pytest.raises(InvalidInputError, match="at least 2"):
        monitored_table(traces, "seen", 1)
