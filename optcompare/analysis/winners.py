"""Who wins at which price of a gradient and in which dimension, where the data sets allow to say so.

At price g (passes of one backward pass on top of its value) a run costs n_values + g n_gradients. With a common budget
of b (d + 1) passes at every price, a target that was reached later than that was not reached, and

    ERT(g) = sum over runs of min(cost, budget) / number of runs that reached the target.

Optimizers are ranked by ERT on each problem (infinite ties as worst), ranks are averaged over the problems of a data
set, then over data sets: the least mean rank wins. It wins significantly where it wins again in 95 % of the resamples
of the data sets AND the exact sign-flip test over data sets tells it from the runner-up (p <= 0.05, so 6 data sets or
more). The resamples alone would name a winner among two that are alike in 13 % of the cases with 10 data sets, and in
23 % with 5; both together did in 1.3 % and 0 % (simulated; 0.5 % with six optimizers that are alike).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DataError, InvalidInputError, unknown_name
from .claims import SIGNIFICANCE
from .clusters import LEVEL, N_BOOTSTRAP, check_level, cluster_counts
from .ranks import ScoreMatrix, mean_ranks, sign_flip_p
from .runtimes import DEFAULT_PRICE, PRICE_NAMES, problem_fact
from .summaries import numbers

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("passes", "dimension")
BINS = (10, 30, 100)  # d up to 10, 11 to 30, 31 to 100, above
NEEDED = ("problem", "dataset", "dim", "optimizer", "tau", "is_reached", "n_values", "n_gradients")
WINNER_COLUMNS = (
    "tau", "unit", "gradient_price", "dimension", "dim_low", "dim_high", "winner", "runner_up", "share", "p",
    "is_significant", "mean_rank", "solved", "n_problems", "n_datasets",
)  # fmt: skip
BREAK_EVEN_COLUMNS = (
    "tau", "problem", "dataset", "dim", "price", "price_per_dimension", "is_bound", "direct", "direct_ert", "gradient",
    "gradient_ert",
)  # fmt: skip
ROUNDING = 1e-9


class _Cells(NamedTuple):
    """Hits at one target, sorted into (problem, optimizer)."""

    problem: np.ndarray  # (rows,) codes
    optimizer: np.ndarray
    problems: tuple[str, ...]
    optimizers: tuple[str, ...]
    dataset: np.ndarray  # (problems,) codes of data sets
    datasets: tuple[str, ...]
    dim: np.ndarray  # (problems,)
    is_reached: np.ndarray  # (rows,)
    n_values: np.ndarray
    n_gradients: np.ndarray

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Return the sums of the rows' weights, (problems, optimizers)."""
        shape = len(self.problems), len(self.optimizers)
        cell = self.problem * shape[1] + self.optimizer
        return np.bincount(cell, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)

    def ert(self, price: np.ndarray, budget: np.ndarray) -> np.ndarray:
        """Return ERT (problems, optimizers) at a price and a budget a problem: inf never reached, NaN not run."""
        cost = self.n_values + price[self.problem] * self.n_gradients
        most = budget[self.problem]
        reached = self.sums((self.is_reached & (cost <= most * (1 + ROUNDING))).astype(np.float64))
        charged, n_runs = self.sums(np.minimum(cost, most)), self.sums(np.ones(len(cost)))
        found = np.divide(charged, reached, out=np.full(charged.shape, np.inf), where=reached > 0)
        return np.where(n_runs > 0, found, np.nan)


def winners_table(
    hits: pd.DataFrame,
    problems: pd.DataFrame,
    prices: Sequence[float | str],
    tau: float,
    rng: np.random.Generator,
    *,
    unit: str = "passes",
    bins: Sequence[float] = BINS,
    budget_per_dimension: float | None = None,
    groups: Mapping[str, str] | None = None,
    level: float = LEVEL,
    n_bootstrap: int = N_BOOTSTRAP,
) -> pd.DataFrame:
    """Return one row a price and dimension bin: who wins to target ``tau``, and whether the data sets support it.

    hits, problems: of ``hits(curves, problems)`` and ``results.problems()``. prices: numbers >= 0 in ``unit`` ("passes"
    or "dimension", multiples of d + 1), "dimension" (d + 1, what forward differences cost), "measured" (each problem's
    own). bins: upper ends of the dimension bins but the last. A price in passes that exceeds d + 1 of a bin's smallest
    problem has no row there: nobody pays it, differences are cheaper. budget_per_dimension: the common budget
    b (d + 1); None: whatever was spent. groups: optimizer -> group, and the groups compete, each with the least ERT of
    its members on each problem; optimizers without a group are left out.

    Columns: tau, unit ("passes", "dimension", "measured"), gradient_price (in that unit; of "measured" the median),
    dimension (label of the bin), dim_low, dim_high, winner and runner_up ("" where nobody reached the target), share
    (of the resamples in which the winner wins, ties shared), p (sign flips against the runner-up), is_significant,
    mean_rank, solved (share of the problems on which the winner reached the target), n_problems, n_datasets. Only
    problems that every optimizer was run on count.
    """
    import pandas as pd

    check_level(level)
    if unit not in UNITS:
        raise unknown_name("unit of prices", unit, UNITS)
    cells = _cells(hits, tau)
    budget = _budget(cells, budget_per_dimension)
    measured = _measured(cells, problems)
    rows = []
    for price in prices:
        each, its_unit = _price_of(price, unit, cells, measured)
        names, ert = _grouped(cells.optimizers, cells.ert(each, budget), groups)
        for low, high, where in _binned(cells.dim, bins):
            if its_unit == "passes" and float(each[0]) > low + 1:
                continue
            shown = _shown_price(price, its_unit, each[where])
            matrix = ScoreMatrix(ert[where], cells.dataset[where], cells.datasets, names)
            cell = _winner(matrix, rng, level, n_bootstrap)
            rows.append([tau, its_unit, shown, f"{low} to {high}" if high > low else f"{low}", low, high, *cell])
    return pd.DataFrame(rows, columns=list(WINNER_COLUMNS))


def break_even_prices(
    hits: pd.DataFrame, tau: float, *, budget_per_dimension: float | None = None, direct: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return one row a problem: the price of a gradient at which the best direct optimizer is as good as any other.

    A direct optimizer (None: whoever never called a gradient) has one ERT at every price, D; a gradient optimizer that
    made V values and G gradients over all runs, R of them successful, has (V + g G)/R. The price is

        g* = max over gradient optimizers of (D R - V)/G,        0 where that is negative:

    dearer gradients make the best direct optimizer the winner. Columns: tau, problem, dataset, dim, price,
    price_per_dimension = price/(d + 1), is_bound (no direct optimizer reached the target: D is the budget b (d + 1),
    inf without one, and the price is at least this), direct and gradient (who: of the gradient optimizers the one with
    the largest price), direct_ert = D, gradient_ert (at price 0, of the best there). NaN where nobody reached it, 0
    where no gradient optimizer did.
    """
    import pandas as pd

    cells = _cells(hits, tau)
    names = np.array(cells.optimizers)
    made = cells.sums(cells.n_gradients)
    is_direct = np.isin(names, list(direct)) if direct is not None else made.sum(axis=0) == 0
    if is_direct.all() or not is_direct.any():
        raise DataError("a price of a gradient needs optimizers with gradients and without: the hits hold one kind")
    reached = cells.sums(cells.is_reached.astype(np.float64))
    values = cells.sums(cells.n_values)
    erts = np.divide(values, reached, out=np.full(values.shape, np.inf), where=reached > 0)  # at price 0
    budget = _budget(cells, budget_per_dimension)
    rows: list[list[Any]] = []
    for index, label in enumerate(cells.problems):
        own = np.flatnonzero(is_direct)[int(erts[index, is_direct].argmin())]
        other = np.flatnonzero(~is_direct & (reached[index] > 0) & (made[index] > 0))
        least, size = float(erts[index, own]), float(cells.dim[index]) + 1.0
        is_bound = bool(math.isinf(least) and len(other))
        value = min(least, float(budget[index])) if is_bound else least
        price, who, best = (0.0 if math.isfinite(least) else math.nan), "", math.inf
        if len(other):
            limits = (value * reached[index, other] - values[index, other]) / made[index, other]
            who, best = str(names[other[int(limits.argmax())]]), float(erts[index, other].min())
            price = max(0.0, float(limits.max()))
        direct_name = str(names[own]) if math.isfinite(least) else ""
        rows.append([tau, label, cells.datasets[cells.dataset[index]], int(cells.dim[index]), price, price / size,
                     is_bound, direct_name, least, who, best])  # fmt: skip
    return pd.DataFrame(rows, columns=list(BREAK_EVEN_COLUMNS))


def _cells(hits: pd.DataFrame, tau: float) -> _Cells:
    import pandas as pd

    if missing := [name for name in NEEDED if name not in hits.columns]:
        raise DataError(f"the hits lack {missing}; winners need {list(NEEDED)}")
    taus = numbers(hits["tau"])
    rows = hits[np.isclose(taus, tau, rtol=1e-9, atol=0.0)]
    if not len(rows):
        raise InvalidInputError(f"tau must be one of {np.unique(taus)[::-1].tolist()}, got {tau!r}")
    problem, problems = pd.factorize(rows["problem"])
    optimizer, optimizers = pd.factorize(rows["optimizer"])
    firsts = rows.drop_duplicates("problem")
    dataset, datasets = pd.factorize(firsts["dataset"])
    counts = (numbers(rows[name]) for name in ("n_values", "n_gradients"))
    return _Cells(
        problem, optimizer, tuple(map(str, problems)), tuple(map(str, optimizers)), dataset, tuple(map(str, datasets)),
        numbers(firsts["dim"]), rows["is_reached"].to_numpy(dtype=bool), *counts,
    )  # fmt: skip


def _budget(cells: _Cells, per_dimension: float | None) -> np.ndarray:
    if per_dimension is None:
        return np.full(len(cells.problems), np.inf)
    if not per_dimension > 0:
        raise InvalidInputError(f"budget_per_dimension must be > 0, got {per_dimension!r}")
    return per_dimension * (cells.dim + 1.0)


def _measured(cells: _Cells, problems: pd.DataFrame) -> np.ndarray:
    import pandas as pd

    found = problem_fact(pd.DataFrame({"problem": list(cells.problems)}), problems, "gradient_price")
    return np.nan_to_num(found, nan=DEFAULT_PRICE)


def _price_of(price: float | str, unit: str, cells: _Cells, measured: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the price on each problem, in passes, and the unit it was given in."""
    if isinstance(price, str):
        if price not in PRICE_NAMES:
            raise unknown_name("gradient price", price, PRICE_NAMES)
        return (measured, price) if price == "measured" else (cells.dim + 1.0, price)
    if not (math.isfinite(price) and price >= 0):
        raise InvalidInputError(f"prices must be numbers >= 0, 'measured' or 'dimension', got {price!r}")
    return (price * (cells.dim + 1.0) if unit == "dimension" else np.full(len(cells.dim), float(price))), unit


def _shown_price(price: float | str, unit: str, each: np.ndarray) -> float:
    if unit == "measured":
        return float(np.median(each))
    return 1.0 if isinstance(price, str) else float(price)


def _binned(dims: np.ndarray, bins: Sequence[float]) -> list[tuple[int, int, np.ndarray]]:
    """Return (least d, largest d, problems) of every bin that has a problem."""
    which = np.searchsorted(np.asarray(bins, dtype=np.float64), dims, side="left")
    found = [np.flatnonzero(which == index) for index in range(len(bins) + 1)]
    return [(int(dims[part].min()), int(dims[part].max()), part) for part in found if len(part)]


def _grouped(
    names: tuple[str, ...], ert: np.ndarray, groups: Mapping[str, str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    if groups is None:
        return names, ert
    if unknown := [name for name in groups if name not in names]:
        raise unknown_name("optimizer in groups", unknown[0], names)
    labels = tuple(dict.fromkeys(groups.values()))
    members = [[names.index(name) for name, group in groups.items() if group == label] for label in labels]
    filled = np.where(np.isnan(ert), np.inf, ert)  # a group is as good as those of its members that were run
    return labels, np.stack([filled[:, part].min(axis=1) for part in members], axis=1)


def _winner(matrix: ScoreMatrix, rng: np.random.Generator, level: float, n_bootstrap: int) -> list[Any]:
    """Return winner, runner_up, share, p, is_significant, mean_rank, solved, n_problems, n_datasets of one cell."""
    complete = ~np.isnan(matrix.scores).any(axis=1)
    ranks = mean_ranks(matrix)
    n_problems, n = int(complete.sum()), len(ranks)
    reached = np.isfinite(matrix.scores[complete])
    if not reached.any() or ranks.shape[1] < 2:
        return ["", "", math.nan, math.nan, False, math.nan, 0.0, n_problems, n]
    means = ranks.mean(axis=0)
    order = np.argsort(means, kind="stable")
    first, second = int(order[0]), int(order[1])
    resampled = cluster_counts(n, n_bootstrap, rng) @ ranks
    is_best = resampled <= resampled.min(axis=1, keepdims=True) + ROUNDING
    share = float((is_best[:, first] / is_best.sum(axis=1)).mean())
    p = sign_flip_p(ranks[:, second] - ranks[:, first])
    is_significant = share >= level and p <= SIGNIFICANCE
    names = matrix.optimizers
    return [names[first], names[second], share, p, is_significant, float(means[first]),
            float(reached[:, first].mean()), n_problems, n]  # fmt: skip
