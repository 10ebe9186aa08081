"""The problems of the price of a gradient, and what its claims measure."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

import optcompare as oc

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="module")
def modules():
    """Return the modules price_of_a_gradient and price_problems; studies import each other by name."""
    sys.path.insert(0, str(STUDIES))
    try:
        with threadpool_limits(1):
            import price_of_a_gradient
            import price_problems

            yield price_of_a_gradient, price_problems
    finally:
        sys.path.remove(str(STUDIES))
        for name in ("price_of_a_gradient", "price_problems"):
            sys.modules.pop(name, None)


def test_every_data_set_is_in_every_dimension_bin_once(modules):
    study, parts = modules
    built = parts.problems()
    bins = {label: int(np.searchsorted(study.BINS, objective.dim)) for label, objective in built.items()}
    cells = {(objective.data.name, bins[label]) for label, objective in built.items()}
    assert len(built) == len(cells) == 60
    assert {objective.data.name for objective in built.values()} == set(parts.DATASETS)
    kinds = pd.DataFrame([(bins[label], "network" in label) for label in built], columns=["bin", "is_network"])
    assert (kinds.groupby("bin")["is_network"].mean() == 0.5).all()
    assert all(abs(objective.dim - int(label.split()[-1])) <= 2 for label, objective in built.items())
    assert [name for name in parts.DATASETS if parts.dataset(name).is_generated] == ["friedman"]
    assert max(objective.n_samples for objective in built.values()) <= parts.ROWS


def test_components_are_orthogonal_and_features_are_as_drawn(modules):
    _, parts = modules
    X = parts.components("wine", 4).X
    gram = X.T @ X
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-9 * gram.max()
    assert (np.diff(np.diag(gram)) < 0).all()
    again = parts.features.__wrapped__("wine", 20).X
    assert (again == parts.features("wine", 20).X).all() and again.shape[1] == 20


def test_an_optimizer_beyond_its_dimension_fails_at_once(modules):
    study, parts = modules
    small, large = parts.linear("iris", 4, 1.0), parts.linear("iris", 30, 1.0)
    arm = study.DIRECT["cobyqa"]
    assert oc.minimize(small, arm, budget=60, seed=0).status == "BUDGET"
    failed = oc.minimize(large, arm, budget=60, seed=0)
    assert (failed.status, failed.n_values) == ("FAILED", 0)
    assert "not run above d = 25" in failed.message


def prices_table(growth):
    """Break-even price (d + 1)^growth at every dimension, two data sets; what backprop costs is 1."""
    rows = [
        {"tau": 0.01, "dim": dim, "seed": 0, "at": at, "price": (dim + 1.0) ** growth, "at_price": price,
         "price_per_dimension": (dim + 1.0) ** (growth - 1), "gradient_wins": (dim + 1.0) ** growth > price}
        for dim in (4, 10, 20, 70, 300) for at, price in (("free", 0.0), ("measured", 1.0), ("d + 1", dim + 1.0))
        for _ in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_what_the_claims_measure(modules):
    study, _ = modules
    steep, flat = prices_table(1.3), prices_table(0.5)
    assert study.growth(study.at_prices()(steep)) == pytest.approx(1.3)
    assert study.growth(study.measured_prices(steep)) == pytest.approx(0.0, abs=1e-9)
    assert study.won(study.at_prices()(steep)) == 1.0
    assert study.won(study.at_prices()(flat)) == 0.0
    assert study.won(study.at_prices(at="free")(flat)) == 1.0
    assert study.per_dimension(study.at_prices(high=7)(flat)) == pytest.approx(5**-0.5)
