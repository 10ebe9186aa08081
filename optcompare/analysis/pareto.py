"""The plane of |w|^2 and training loss: the front that regularisation traces, and where answers lie above it.

The front is the reference arm's stored path. By stationarity, dL = -c lambda w dw along it, so that its slope is

    dL/d(|w|^2) = -c lambda/2 = -lambda/(2n),

and on a convex model it is convex and nothing lies below it. The vertical drop from an answer to the front ends at its
norm-matched lambda, the horizontal one at its loss-matched lambda; the latter is never smaller.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .exchange import StoredPath, matched_lambdas
from .summaries import grouped, is_failed, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

LARGEST_STEP = 1.3  # of lambda: wider, and a chord's slope is no slope
SLOPE_COLUMNS = ("objective", "optimizer", "seed", "lam_canonical", "slope", "predicted", "ratio", "status")
FEET = ("norm_matched", "loss_matched", "log_ratio", "front_loss", "front_norm", "drop")


def front_slopes(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the slope dL/d(|w|^2) between neighbouring lambdas of each objective, arm and seed, beside -lambda/(2n).

    runs: one row a run. Columns: objective, optimizer, seed, lam_canonical (the pair's geometric mean), slope (of the
    chord; on a convex front it lies between the slopes at its ends), predicted = -lambda/(2n), ratio, status (of the
    worse run). Neighbours further apart than a factor of LARGEST_STEP give no row.
    """
    import pandas as pd

    table = with_columns(runs, ["objective", "optimizer", "seed", "lam_canonical", "n_samples", "norm", "loss"])
    table = table[numbers(table["lam_canonical"]) > 0].sort_values("lam_canonical", kind="stable")
    failed, rows = is_failed(table), []
    for (objective, optimizer, _), where in grouped(table, ("objective", "optimizer", "seed")):
        part = table.iloc[where]
        lam, norm, loss = (numbers(part[name]) for name in ("lam_canonical", "norm", "loss"))
        n, seed = float(part["n_samples"].iloc[0]), part["seed"].iloc[0]
        for left in range(len(part) - 1):
            right = left + 1
            if not 1.0 < lam[right] / lam[left] <= LARGEST_STEP:
                continue
            rise, run = loss[right] - loss[left], (norm[right] - norm[left]) * (norm[right] + norm[left])
            slope = rise / run if run else math.nan
            middle = math.sqrt(lam[left] * lam[right])
            worse = part["status"].iloc[left if failed[where[left]] else right]
            predicted = -middle / (2.0 * n)
            rows.append([objective, optimizer, seed, middle, slope, predicted, slope / predicted, worse])
    return pd.DataFrame(rows, columns=list(SLOPE_COLUMNS))


def on_the_plane(points: pd.DataFrame, paths: dict[tuple[str, str], StoredPath]) -> pd.DataFrame:
    """Return points (runs or rows of traces) with their feet on the front of the same objective and seed.

    Columns added: norm_matched, loss_matched: canonical lambdas, 0 and inf beyond the front's ends. log_ratio =
    ln(loss_matched/norm_matched), 0 where both lie beyond the same end. front_loss: the front's loss at this norm;
    front_norm: the front's norm at this loss, both at its end where the point is beyond it. drop = loss/front_loss - 1.
    NaN where there is no front or no number.
    """
    norm_matched, loss_matched = (matched_lambdas(points, paths, match) for match in ("norm", "loss"))
    feet = np.full((2, len(points)), np.nan)
    for key, where in grouped(with_columns(points, ["objective", "seed"]), ("objective", "seed")):
        if key in paths:
            feet[0, where] = _along(paths[key], paths[key].losses, norm_matched[where])
            feet[1, where] = _along(paths[key], paths[key].norms, loss_matched[where])
    drop = numbers(with_columns(points, ["loss"])["loss"]) / feet[0] - 1.0
    columns = norm_matched, loss_matched, _log_ratio(norm_matched, loss_matched), *feet, drop
    return points.assign(**dict(zip(FEET, columns)))


def _along(path: StoredPath, scalars: np.ndarray, lambdas: np.ndarray) -> np.ndarray:
    """Return a scalar of the path at these lambdas, by PCHIP in log-log, its end's value beyond it."""
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(np.log(path.lambdas), np.log(scalars))
    inside = np.clip(lambdas, path.lambdas[0], path.lambdas[-1])
    return np.asarray(np.exp(curve(np.log(inside))))


def _log_ratio(norm_matched: np.ndarray, loss_matched: np.ndarray) -> np.ndarray:
    """Return ln(loss_matched/norm_matched); 0 where the two are equal, also both 0 or both infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(loss_matched) - np.log(norm_matched)
    return np.where(norm_matched == loss_matched, 0.0, ratio)
