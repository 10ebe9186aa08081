"""Transfer of a tuned lambda: what a lambda that was tuned under one arm is worth under another.

Lambda is tuned by the validation loss, over the grid of lambdas that the study ran; the answer is judged by the test
loss, against the lambda tuned at the target itself. For each pair of arms, objective and seed:

    unchanged   the source's lambda as it is
    converted   times the closed-form factor of the pair, where there is one
    measured    through a curve of matched norms, learnt on the OTHER objectives of that seed
    direct      tuned at the target

Every lambda is taken to the nearest one of the grid, so that the table only reads stored runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .exchange import median_lambda, stored_paths
from .summaries import is_failed, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("unchanged", "converted", "measured")
TRANSFER_COLUMNS = (
    "objective", "seed", "source", "target", "method", "tuned_at_source", "lam", "is_at_edge", "tuned_at_target",
    "test_loss", "direct_test_loss", "regret", "tuning_cost", "own_cost", "calibration_cost", "saved", "status",
)  # fmt: skip
Factors = Mapping[tuple[str, str], float]


class _Grid:
    """One objective and seed: every arm's runs over the grid's lambdas (lambdas ascending), as arrays (m,)."""

    def __init__(self, part: pd.DataFrame) -> None:
        self.arms: dict[str, dict[str, np.ndarray]] = {}
        for arm, rows in part.groupby("optimizer", sort=False):
            ordered = rows.sort_values("lam_canonical")
            columns = ("lam_canonical", "validation_loss", "test_loss", "cost", "norm", "null_test_loss")
            table = {name: numbers(ordered[name]) for name in columns}
            usable = ~is_failed(ordered)
            table["tuning"] = np.where(usable & np.isfinite(table["validation_loss"]), table["validation_loss"], np.inf)
            table["test_loss"] = np.where(usable, table["test_loss"], np.nan)
            self.arms[str(arm)] = table

    def tuned(self, arm: str) -> int:
        """Return the position of the least validation loss; -1 where no run can be used."""
        tuning = self.arms[arm]["tuning"]
        return int(tuning.argmin()) if np.isfinite(tuning).any() else -1


def transfer_table(frame: pd.DataFrame, factors: Factors) -> pd.DataFrame:
    """Return one row per objective, seed, source, target (another arm) and method.

    frame: one row a run; every objective with the same lambdas, and the columns validation_loss, test_loss and
    null_test_loss, the test loss of the best constant scores. factors: (source, target) -> lambda_target/lambda_source
    by formula; a pair that is missing has none, and its row is NaN.

    regret = (test_loss - direct_test_loss)/null_test_loss: 0.01 is 1 % of what there is to explain. tuned_at_source,
    lam, tuned_at_target: canonical lambdas. is_at_edge: whether lam wanted to lie beyond the grid. Costs in passes:
    tuning_cost of the direct way; own_cost, the one run at ``lam``; calibration_cost, the runs behind a measured curve,
    to be spread over its uses. saved = 1 - own_cost/tuning_cost. A run at ``lam`` that failed has regret inf and status
    FAILED; so has every row, with NaN, of a pair one of whose arms could not be tuned at all.
    """
    import pandas as pd

    needed = ["objective", "seed", "optimizer", "lam_canonical", "validation_loss", "test_loss", "null_test_loss"]
    if missing := [name for name in needed if name not in frame.columns]:
        raise DataError(f"the table of runs lacks {missing}, which a transfer needs")
    table = with_columns(frame, ["cost", "norm", "status"])
    rows: list[list[Any]] = []
    for seed, of_seed in table.groupby("seed"):
        grids = {str(name): _Grid(part) for name, part in of_seed.groupby("objective", sort=False)}
        paths = {arm: stored_paths(of_seed, arm) for arm in dict.fromkeys(of_seed["optimizer"])}
        for objective, grid in grids.items():
            for source in grid.arms:
                for target in grid.arms:
                    if source != target:
                        curve = _curve(grids, paths[target], objective, int(seed), source)
                        cost = _calibration_cost(grids, objective, (source, target))
                        factor = factors.get((source, target), math.nan)
                        rows += [
                            [objective, seed, *row] for row in _pair(grid, source, target, factor, curve, cost)
                        ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TRANSFER_COLUMNS))


def _pair(
    grid: _Grid, source: str, target: str, factor: float, curve: np.ndarray, calibration_cost: float
) -> list[list[Any]]:
    """Return a row a method, from "source" on."""
    here, there = grid.arms[source], grid.arms[target]
    tuned, direct = grid.tuned(source), grid.tuned(target)
    if tuned < 0 or direct < 0:
        blank = [math.nan] * (len(TRANSFER_COLUMNS) - 6)
        return [[source, target, method, *blank, "FAILED"] for method in METHODS]
    lam = float(here["lam_canonical"][tuned])
    wanted = {"unchanged": lam, "converted": lam * factor, "measured": float(curve[tuned])}
    tuning_cost = float(np.nansum(there["cost"]))
    best, null = float(there["test_loss"][direct]), float(there["null_test_loss"][direct])
    rows: list[list[Any]] = []
    for method in METHODS:
        at, is_at_edge = _nearest(there["lam_canonical"], wanted[method])
        known = at >= 0
        loss = float(there["test_loss"][at]) if known else math.nan
        is_failed_run = known and math.isnan(loss)
        own = float(there["cost"][at]) if known else math.nan
        rows.append(
            [
                source, target, method, lam, float(there["lam_canonical"][at]) if known else math.nan, is_at_edge,
                float(there["lam_canonical"][direct]), loss, best,
                math.inf if is_failed_run else (loss - best) / null, tuning_cost, own,
                calibration_cost if method == "measured" else 0.0, 1.0 - own / tuning_cost,
                "FAILED" if is_failed_run else "FINISHED",
            ]
        )  # fmt: skip
    return rows


def _nearest(lambdas: np.ndarray, wanted: float) -> tuple[int, bool]:
    """Return the nearest lambda's position on a log scale, and whether ``wanted`` lies off the grid; -1 for NaN."""
    if math.isnan(wanted):
        return -1, False
    if wanted <= 0.0:
        return 0, True
    if math.isinf(wanted):
        return len(lambdas) - 1, True
    distance = np.abs(np.log(lambdas) - math.log(wanted))
    reach = 0.5 * float(np.diff(np.log(lambdas)).max()) if len(lambdas) > 1 else 0.0
    return int(distance.argmin()), bool(distance.min() > reach + 1e-9)


def _curve(
    grids: Mapping[str, _Grid], paths: Mapping[tuple[str, str], Any], held_out: str, seed: int, source: str
) -> np.ndarray:
    """Return the target's lambda at every lambda of the source: the median over the other objectives, by norm."""
    readings = []
    for name, grid in grids.items():
        if name != held_out and (name, str(seed)) in paths and source in grid.arms:
            readings.append(paths[name, str(seed)].match("norm", grid.arms[source]["norm"]))
    if not readings:
        return np.full(len(grids[held_out].arms[source]["norm"]), np.nan)
    return np.array([median_lambda(column)[0] for column in np.stack(readings).T])


def _calibration_cost(grids: Mapping[str, _Grid], held_out: str, arms: tuple[str, str]) -> float:
    """Return the passes of both arms' runs on the other objectives."""
    others = [grid for name, grid in grids.items() if name != held_out]
    return float(sum(np.nansum(grid.arms[arm]["cost"]) for grid in others for arm in arms if arm in grid.arms))


def transfer_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per source, target and method, over the rows of :func:`transfer_table`.

    regret: median over seeds of the mean over objectives, with its exact interval low, high; NaN where there is no
    transfer. n_seeds; share_at_edge; saved: mean share of the direct tuning's passes; uses_to_pay: after how many uses
    a measured curve has paid for its calibration.
    """
    import pandas as pd

    from .summaries import median_interval

    rows = []
    for (source, target, method), part in table.groupby(["source", "target", "method"], sort=False):
        by_seed = part.groupby("seed")["regret"].agg(lambda values: values.mean(skipna=False))
        middle, low, high = median_interval(by_seed) if by_seed.notna().all() else (math.nan,) * 3
        gain = float((part["tuning_cost"] - part["own_cost"]).mean())
        uses = float(part["calibration_cost"].mean()) / gain if gain > 0 else math.nan
        rows.append(
            [source, target, method, middle, low, high, len(by_seed), float(part["is_at_edge"].mean()),
             float(part["saved"].mean()), uses]
        )  # fmt: skip
    columns = [
        "source",
        "target",
        "method",
        "regret",
        "low",
        "high",
        "n_seeds",
        "share_at_edge",
        "saved",
        "uses_to_pay",
    ]
    return pd.DataFrame(rows, columns=columns)
