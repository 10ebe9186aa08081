"""The exchange curve: for each arm and nominal lambda, the reference's lambda with the same norm or the same loss.

    exchange(lambda) = median over seeds of lambda', where s(theta_reference(lambda')) = s(theta_arm(lambda)),

s = |w| ("norm") or the training loss ("loss"). The reference's lambda is read off the stored runs of the reference arm
on the same objective and seed, its path, by PCHIP in log-log. Nothing is solved and nothing is extrapolated: a scalar
beyond the path's ends is marked, 0 for below its smallest lambda and inf for above its largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DataError, InvalidInputError, unknown_name
from ..objective.reference_path import match_on_path
from .summaries import GROUP, grouped, interval_coverage, interval_rank, is_failed, numbers, with_columns

if TYPE_CHECKING:
    import pandas as pd

MATCHES = ("norm", "loss")
PER_DECADE = 20  # points of a path that is fine enough to interpolate
ROUNDING = 1e-6  # a path that turns by less than this is monotone but for rounding
INSIDE, BELOW, ABOVE = "inside", "below the path", "above the path"
CURVE_COLUMNS = (
    *GROUP, "reference", "matched_on", "n_runs", "n_failed", "n", "n_below", "n_above", "exchanged", "low", "high",
    "coverage", "side", "ratio", "points_per_decade", "is_coarse", "n_not_monotone",
)  # fmt: skip


class Tables(Protocol):
    """What an exchange needs of a study's Results."""

    def to_frame(self) -> pd.DataFrame:
        """One row a run."""

    def path_frame(self) -> pd.DataFrame:
        """One row a run of the reference path."""


@dataclass(frozen=True)
class StoredPath:
    """A reference path as stored runs have it: lambdas (m,) ascending, norms (m,), losses (m,)."""

    lambdas: np.ndarray
    norms: np.ndarray
    losses: np.ndarray

    @property
    def points_per_decade(self) -> float:
        """1 over the widest gap between neighbours, in decades."""
        return float(1.0 / np.diff(np.log10(self.lambdas)).max())

    @property
    def is_coarse(self) -> bool:
        """Whether it has fewer than 20 lambdas a decade somewhere."""
        return self.points_per_decade < PER_DECADE * (1 - 1e-9)

    def is_monotone(self, match: str) -> bool:
        """Whether the norm only falls (the loss only rises) with lambda: elsewhere a scalar names several lambdas."""
        logs = np.log(self.norms if match == "norm" else self.losses)
        steps = np.diff(logs) if match == "loss" else -np.diff(logs)
        return bool((steps >= -ROUNDING).all())

    def match(self, match: str, scalars: np.ndarray) -> np.ndarray:
        """Return the lambdas with these norms or losses: 0 below the path, inf above it, NaN for NaN."""
        given: dict[str, Any] = {match: np.where(np.isfinite(scalars), scalars, np.nan)}
        return match_on_path((self.lambdas, self.norms, self.losses), **given)


def stored_paths(runs: pd.DataFrame, reference: str) -> dict[tuple[str, str], StoredPath]:
    """Return (objective, seed) -> path of every pair with two or more usable runs of the reference arm at lambda > 0.

    runs: one row a run. Failed runs, and norms or losses that are not above 0, are left out.
    """
    table = with_columns(runs, ["objective", "optimizer", "seed", "lam_canonical", "norm", "loss", "status"])
    table = table[(table["optimizer"] == reference).to_numpy() & ~is_failed(table)]
    columns = np.stack([numbers(table[name]) for name in ("lam_canonical", "norm", "loss")])
    paths = {}
    for key, where in grouped(table, ("objective", "seed")):
        part = columns[:, where]
        part = part[:, (np.isfinite(part) & (part > 0)).all(axis=0)]
        _, first = np.unique(part[0], return_index=True)
        if len(first) > 1:
            paths[key] = StoredPath(*part[:, first])
    return paths


def matched_lambdas(table: pd.DataFrame, paths: dict[tuple[str, str], StoredPath], match: str) -> np.ndarray:
    """Return the matched lambda of every row: 0 below its path, inf above it, NaN without a path or a number.

    table: runs or traces, with objective, seed and the column ``match``, "norm" or "loss".
    """
    if match not in MATCHES:
        raise unknown_name("scalar to match", match, MATCHES)
    rows = with_columns(table, ["objective", "seed", match])
    scalars, found = numbers(rows[match]), np.full(len(rows), np.nan)
    for key, where in grouped(rows, ("objective", "seed")):
        if key in paths:
            found[where] = paths[key].match(match, scalars[where])
    return found


def reference_runs(results: Tables, reference: str) -> pd.DataFrame:
    """Return the runs of the reference arm, those of the study's path included."""
    import pandas as pd

    frame, path = results.to_frame(), results.path_frame()
    known = list(dict.fromkeys([*frame["optimizer"], *path["optimizer"]]))
    if reference not in known:
        raise unknown_name("reference arm", reference, [str(name) for name in known])
    parts = [part[part["optimizer"] == reference] for part in (path, frame)]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else frame.iloc[:0]


def exchange_curve(results: Tables, reference: str = "lbfgs", *, match: str = "norm") -> pd.DataFrame:
    """Return for each objective, nominal lambda and arm the reference's lambda with the same scalar.

    results: a study's Results. The path is the reference arm's runs of the study and of its ``Study(path=...)``.
    match: "norm" or "loss". Columns: objective, lam_canonical, optimizer, reference, matched_on, n_runs, n_failed,
    n (readings), n_below, n_above (of them beyond the path), exchanged (median over seeds), low, high (its exact
    order-statistic interval, of that coverage), side ("inside", "below the path", "above the path"), ratio =
    exchanged/lam_canonical, points_per_decade and is_coarse (fewer than 20 a decade: interpolated over wide gaps),
    n_not_monotone (seeds whose path turns, so that a scalar names several lambdas, as on an MLP).

    Beyond the path exchanged, low and high are 0 or inf. A failed run gives no reading. Raises DataError where the
    reference has no two usable runs of any objective and seed.
    """
    import pandas as pd

    if match not in MATCHES:
        raise unknown_name("scalar to match", match, MATCHES)
    paths = stored_paths(reference_runs(results, reference), reference)
    frame = results.to_frame()
    if not paths and len(frame):
        raise DataError(
            f"the reference arm {reference!r} has no path: no objective and seed has two of its runs at lambda > 0 "
            "that did not fail; give the study path=np.geomspace(low, high, n), 20 a decade"
        )
    failed = is_failed(frame)
    readings = np.where(failed, np.nan, matched_lambdas(frame, paths, match))
    seeds = with_columns(frame, ["seed"])["seed"].astype(str).to_numpy()
    rows = []
    for key, where in grouped(with_columns(frame, GROUP), GROUP):
        summary = _summary(readings[where])
        used = [paths[key[0], seed] for seed in seeds[where] if (key[0], seed) in paths]
        points = min((path.points_per_decade for path in used), default=math.nan)
        rows.append(
            [
                *key, reference, match, len(where), int(failed[where].sum()), *summary, _ratio(summary[3], key[1]),
                points, any(path.is_coarse for path in used), sum(not path.is_monotone(match) for path in used),
            ]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def side_of(lam: float) -> str:
    """Say where a matched lambda lies: inside, below or above the path; "" for NaN."""
    if math.isnan(lam):
        return ""
    return BELOW if lam == 0.0 else ABOVE if math.isinf(lam) else INSIDE


def median_lambda(readings: np.ndarray) -> tuple[float, float, float, float]:
    """Return median, low, high and coverage of matched lambdas; NaN is left out, 0 and inf are beyond the path.

    The middle of two readings is geometric. Where one of the two lies beyond the path, so does the median.
    """
    if (readings < 0).any():
        raise InvalidInputError("matched lambdas must be >= 0")
    ordered = np.sort(readings[~np.isnan(readings)])
    n = len(ordered)
    if not n:
        return math.nan, math.nan, math.nan, 0.0
    lower, upper = float(ordered[(n - 1) // 2]), float(ordered[n // 2])
    rank = interval_rank(n)
    if lower == 0.0 or math.isinf(upper):
        middle = lower if lower == 0.0 else upper
    else:
        middle = math.sqrt(lower) * math.sqrt(upper)
    return middle, float(ordered[rank - 1]), float(ordered[-rank]), interval_coverage(n, rank)


def _summary(readings: np.ndarray) -> tuple[int, int, int, float, float, float, float, str]:
    """Return n, n_below, n_above, exchanged, low, high, coverage, side."""
    middle, low, high, coverage = median_lambda(readings)
    n = int((~np.isnan(readings)).sum())
    return n, int((readings == 0).sum()), int(np.isinf(readings).sum()), middle, low, high, coverage, side_of(middle)


def _ratio(exchanged: float, lam: float) -> float:
    return exchanged / lam if lam > 0 else math.nan
