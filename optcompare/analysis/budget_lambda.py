"""Budget as lambda: which lambda of the reference a run looks like while it is under way.

At every cost t the incumbent's norm and loss are read off the reference arm's stored path of the same objective and
seed: norm-matched and loss-matched lambda. For gradient descent from 0 on a squared error, in the eigenbasis of the
Hessian (curvature s > 0, rate eta < 1/s, k steps, x = eta k s),

    1 - (1 - eta s)^k >= 1 - e^-x >= x/(1 + x),     the last one being ridge at lambda = n/(eta k),

so that both matched lambdas are at most n/(eta k); at small x they are close to it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .convergence import trace_cost
from .exchange import matched_lambdas, median_lambda, reference_runs, side_of, stored_paths
from .summaries import grouped, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

RUN = ("objective", "lam", "optimizer", "seed")
MATCHED = ("norm_matched", "loss_matched")
CURVE_COLUMNS = (
    "objective", "lam_canonical", "optimizer", "matched_on", "cost", "n", "n_below", "n_above", "median", "low", "high",
    "side",
)  # fmt: skip


class Tables(Protocol):
    """What this needs of a study's Results."""

    def to_frame(self) -> pd.DataFrame:
        """One row a run."""

    def path_frame(self) -> pd.DataFrame:
        """One row a run of the reference path."""

    def traces(self) -> pd.DataFrame:
        """The traces, long."""


def matched_over_cost(results: Tables, reference: str = "lbfgs", *, per_decade: int = 8) -> pd.DataFrame:
    """Return the matched lambdas of every run at log-spaced costs, ``per_decade`` of them to a decade.

    One row per run and cost (10^(j/per_decade) passes, while the run lasts): objective, lam_canonical, optimizer, seed,
    status, cost, n_gradients, norm, loss (of the incumbent by then), norm_matched, loss_matched (0 below the path, inf
    above it), log_ratio = log10(loss_matched/norm_matched) with readings beyond the path put at its end, n_samples.
    The reference arm itself is left out.
    """
    runs = results.to_frame()
    facts = runs.drop_duplicates(list(RUN))[[*RUN, "lam_canonical", "status", "gradient_price", "n_samples"]]
    traces = results.traces().merge(facts, on=list(RUN))
    traces = traces[(traces["optimizer"] != reference) & np.isfinite(numbers(with_columns(traces, ["norm"])["norm"]))]
    spent = trace_cost(traces, "evaluations") + numbers(traces["gradient_price"]) * numbers(traces["n_gradients"])
    places, costs = [], []
    for _, where in grouped(traces, RUN):
        order = where[np.argsort(spent[where], kind="stable")]
        grid = _grid(spent[order], per_decade)
        places.append(order[np.searchsorted(spent[order], grid * (1 + 1e-12), side="right") - 1])
        costs.append(grid)
    rows = traces.iloc[np.concatenate(places)].reset_index(drop=True) if places else traces.iloc[:0]
    paths = stored_paths(reference_runs(results, reference), reference)
    matched = {f"{match}_matched": matched_lambdas(rows, paths, match) for match in ("norm", "loss")}
    cost = np.concatenate(costs) if costs else np.array([])
    table = rows.assign(cost=cost, **matched)
    ends = [paths.get((str(row.objective), str(row.seed))) for row in rows[["objective", "seed"]].itertuples()]
    low = np.array([path.lambdas[0] if path else math.nan for path in ends], dtype=float)
    high = np.array([path.lambdas[-1] if path else math.nan for path in ends], dtype=float)
    log_ratio = np.log10(np.clip(matched["loss_matched"], low, high) / np.clip(matched["norm_matched"], low, high))
    columns = ["objective", "lam_canonical", "optimizer", "seed", "status", "cost", "n_gradients", "norm", "loss",
               *MATCHED, "log_ratio", "n_samples"]  # fmt: skip
    result: pd.DataFrame = table.assign(log_ratio=log_ratio)[columns]
    return result


def _grid(spent: np.ndarray, per_decade: int) -> np.ndarray:
    first = math.ceil(per_decade * math.log10(max(spent[0], 1e-9)) - 1e-9)
    last = math.floor(per_decade * math.log10(max(spent[-1], 1e-9)) + 1e-9)
    return 10.0 ** (np.arange(first, last + 1) / per_decade)


def budget_as_lambda(matched: pd.DataFrame) -> pd.DataFrame:
    """Return medians over seeds of :func:`matched_over_cost`, with exact order-statistic intervals.

    Columns: objective, lam_canonical, optimizer, matched_on ("norm", "loss"), cost, n, n_below, n_above (readings
    beyond the path), median, low, high (0 or inf there), side.
    """
    import pandas as pd

    rows = []
    by = ("objective", "lam_canonical", "optimizer", "cost")
    for key, where in grouped(matched, by):
        for column in MATCHED:
            readings = numbers(matched[column])[where]
            middle, low, high, _ = median_lambda(readings)
            n = int((~np.isnan(readings)).sum())
            n_below, n_above = int((readings == 0).sum()), int(np.isinf(readings).sum())
            match = column.partition("_")[0]
            rows.append([*key[:3], match, float(key[3]), n, n_below, n_above, middle, low, high, side_of(middle)])
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return table.sort_values(["objective", "optimizer", "matched_on", "cost"], kind="stable", ignore_index=True)
