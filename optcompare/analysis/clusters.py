"""Intervals over data sets: the cluster bootstrap, and a simulation of what it covers.

The data set is the statistical unit: problems made of one data set (models, lambdas, splits) resemble each other, so a
resample draws k of the k data sets with replacement, each with all of its problems. The percentile interval of B
resamples is

    [s_(floor(B (1 - c)/2) + 1), s_(B - floor(B (1 - c)/2))],        c = 0.95,

order statistics, so that infinite statistics need no arithmetic. With few data sets it is too short: the coverage that
:func:`bootstrap_coverage` measures for their number belongs next to every such interval. Nominal 95 % covered 83 % with
5 data sets, 90 % with 10, 93 % with 20. Taking 24 problems of 5 data sets for independent gave 31 % false positives
where two problems of a data set correlate by 0.5, 34 % at 0.58, 41 % at 0.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DataError, InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
N_BOOTSTRAP = 2000
N_SIMULATIONS = 4000
CHUNK = 500  # simulations at a time: 500 x 2000 means are 8 MB
COPIED = ("problem",)  # labels inside a data set that a second copy of it must not share with the first


class ClusterInterval(NamedTuple):
    """A statistic of all rows and its percentile interval over resampled data sets."""

    value: float
    low: float
    high: float
    n_clusters: int


class Coverage(NamedTuple):
    """What the intervals covered in a simulation: ``clusters`` resampled, or ``problems`` as if independent."""

    n_clusters: int
    n_problems: int
    nominal: float
    clusters: float
    problems: float
    n_simulations: int

    @property
    def standard_error(self) -> float:
        """The binomial standard error of ``clusters``, from the number of simulations."""
        return math.sqrt(max(self.clusters * (1.0 - self.clusters), 1e-12) / self.n_simulations)

    def sentence(self) -> str:
        """Say what an interval over so many data sets is worth."""
        return (
            f"Intervals resample the {self.n_clusters} data sets. In a simulation of {self.n_clusters} data sets with "
            f"{self.n_problems} problems a nominal {self.nominal:.0%} interval covered {self.clusters:.0%}; one that "
            f"takes the problems for independent covered {self.problems:.0%}."
        )


def cluster_counts(n_clusters: int, n_bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each cluster is drawn in each resample: integers (n_bootstrap, n_clusters), rows sum to k."""
    if n_clusters < 1 or n_bootstrap < 1:
        raise InvalidInputError(
            f"a bootstrap needs a cluster and a resample at least, got {n_clusters} clusters, {n_bootstrap} resamples"
        )
    return rng.multinomial(n_clusters, np.full(n_clusters, 1.0 / n_clusters), size=n_bootstrap)


def percentile_interval(samples: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the percentile interval along axis 0: order statistics; NaN counts as the largest."""
    check_level(level)
    ordered = np.sort(np.asarray(samples, dtype=np.float64), axis=0)
    tail = math.floor(len(ordered) * (1.0 - level) / 2 + 1e-9)
    return ordered[tail], ordered[len(ordered) - 1 - tail]


def check_level(level: float) -> float:
    """Return a confidence level, or raise InvalidInputError."""
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"level must lie between 0 and 1, got {level!r}")
    return level


def cluster_bootstrap(
    table: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], float],
    rng: np.random.Generator,
    *,
    cluster: str = "dataset",
    n_bootstrap: int = N_BOOTSTRAP,
    level: float = LEVEL,
) -> ClusterInterval:
    """Return ``statistic(table)`` and its percentile interval over resamples of the clusters.

    statistic: a function of a table with the same columns. In a resample the second copy of a data set is another one:
    its labels in ``cluster`` and "problem" end in " (2)", so that means over data sets count it twice. One cluster
    gives an interval of no width: ``n_clusters`` says so. NaN statistics count as the largest.

    Raises DataError where the column is missing, holds NaN or the table has no rows. Source: Davison & Hinkley 1997,
    Bootstrap Methods and their Application, section 3.8; Field & Welsh 2007, JRSS B 69, 369-390.
    """
    import pandas as pd

    if cluster not in table.columns:
        raise DataError(f"the table has no column {cluster!r} to resample by; it has {list(table.columns)}")
    if not len(table) or table[cluster].isna().any():
        raise DataError(f"every row needs a {cluster}, and there must be rows: got {len(table)}")
    codes, known = pd.factorize(table[cluster])
    members = [np.flatnonzero(codes == code) for code in range(len(known))]
    samples = np.empty(n_bootstrap)
    for index, counts in enumerate(cluster_counts(len(members), n_bootstrap, rng)):
        samples[index] = statistic(_resample(table, members, counts, cluster))
    low, high = percentile_interval(samples, level)
    return ClusterInterval(float(statistic(table)), float(low), float(high), len(members))


def _resample(table: pd.DataFrame, members: Sequence[np.ndarray], counts: np.ndarray, cluster: str) -> pd.DataFrame:
    """Return the rows of each cluster as often as ``counts`` says, second and further copies under other names."""
    drawn = [(which, number) for which, count in enumerate(counts.tolist()) for number in range(count)]
    rows = np.concatenate([members[which] for which, _ in drawn])
    sizes = [len(members[which]) for which, _ in drawn]
    suffixes = np.array([f" ({number + 1})" if number else "" for _, number in drawn], dtype=object).repeat(sizes)
    found = table.take(rows).reset_index(drop=True)
    names = [name for name in (cluster, *COPIED) if name in found.columns]
    return found.assign(**{name: found[name].astype(str).to_numpy(dtype=object) + suffixes for name in names})


def bootstrap_coverage(
    n_clusters: int,
    n_problems_per_cluster: int | Sequence[int] = 4,
    *,
    rng: np.random.Generator,
    between: float = 1.0,
    within: float = 1.0,
    level: float = LEVEL,
    n_simulations: int = N_SIMULATIONS,
    n_bootstrap: int = N_BOOTSTRAP,
) -> Coverage:
    """Return what both percentile intervals cover of mu in the random-effects model

        x_ij = mu + between a_i + within e_ij,        a_i, e_ij ~ N(0, 1) independent, i a data set, j a problem.

    The statistic is the mean over data sets of the mean over their problems (over all problems for ``problems``).
    n_problems_per_cluster: one number or one a cluster. Two problems of a data set correlate by between^2/(between^2 +
    within^2), 1/2 by default. All simulations share one set of resamples, so that the intervals' own Monte Carlo error
    is that of ``n_bootstrap`` draws. 1 - coverage is the rate of false positives of "the interval leaves zero out".
    """
    sizes = np.broadcast_to(np.asarray(n_problems_per_cluster, dtype=np.int64), (n_clusters,))
    if n_clusters < 1 or (sizes < 1).any():
        raise InvalidInputError(f"give a cluster and a problem in each at least, got {n_clusters} and {sizes.tolist()}")
    n_problems = int(sizes.sum())
    of_clusters = cluster_counts(n_clusters, n_bootstrap, rng) / n_clusters
    of_problems = cluster_counts(n_problems, n_bootstrap, rng) / n_problems
    owner = np.repeat(np.arange(n_clusters), sizes)
    averages = np.zeros((n_problems, n_clusters))
    averages[np.arange(n_problems), owner] = 1.0 / sizes[owner]
    covered = np.zeros(2)
    for start in range(0, n_simulations, CHUNK):
        n = min(CHUNK, n_simulations - start)
        x = between * rng.standard_normal((n, n_clusters))[:, owner] + within * rng.standard_normal((n, n_problems))
        for which, means in enumerate((x @ averages @ of_clusters.T, x @ of_problems.T)):
            low, high = percentile_interval(means.T, level)
            covered[which] += ((low <= 0.0) & (high >= 0.0)).sum()  # mu = 0
    clusters, problems = (covered / n_simulations).tolist()
    return Coverage(n_clusters, n_problems, level, clusters, problems, n_simulations)
