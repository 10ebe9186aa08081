"""fast_de is scipy's deferred differential evolution in distribution, not in its random numbers."""

import numpy as np
import pytest

from optcompare.errors import InvalidInputError
from optcompare.optimizers.base import get_optimizer
from optcompare.optimizers.fast_de import FastDe, cross, mutants
from optcompare.optimizers.from_scipy import DifferentialEvolution


class Counted:
    """All that the optimizer needs of a Recorder; keeps every population and its values, and ends at ``limit``."""

    is_constrained = False

    def __init__(self, function, limit=10**9):
        self.function, self.limit, self.populations, self.values_seen = function, limit, [], []

    def values(self, thetas):
        if sum(map(len, self.populations)) >= self.limit:
            raise KeyboardInterrupt
        self.populations.append(np.array(thetas))
        self.values_seen.append(self.function(thetas))
        return self.values_seen[-1]


def run(optimizer, function, dim=3, limit=10**9, seed=0):
    counted = Counted(function, limit)
    try:
        assert optimizer.minimize(counted, np.full(dim, 0.25), np.random.default_rng(seed)) is None
        counted.is_finished = True
    except KeyboardInterrupt:
        counted.is_finished = False
    return counted


def bumpy(thetas):
    return ((thetas - 0.9) ** 2 + 0.3 * np.cos(9 * thetas)).sum(axis=1)


def test_a_mutant_is_the_best_member_and_the_difference_of_two_others_all_pairs_alike():
    rng = np.random.default_rng(1)
    members = 2.0 ** np.arange(6)[:, None]  # differences of two tell which two
    pairs = {f - s: (i, j) for i, f in enumerate(members[:, 0]) for j, s in enumerate(members[:, 0]) if i != j}
    assert len(pairs) == 30
    counts = np.zeros((6, 6, 6))
    for _ in range(6_000):
        for i, mutant in enumerate(mutants(members, 2, 0.5, rng)[:, 0]):
            counts[i][pairs[(mutant - members[2, 0]) / 0.5]] += 1
    for i in range(6):
        assert not counts[i, i].any() and not counts[i, :, i].any()
        drawn = counts[i][counts[i] > 0]
        assert drawn.size == 20  # ordered pairs of the five others: 300 of each, with a deviation of 17
        assert ((drawn - 300) ** 2 / 300).sum() < 45  # chi-square, 19 degrees of freedom: 1 in 1,000


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_a_trial_has_at_least_one_coordinate_of_the_mutant_and_each_with_its_chance(chance):
    rng = np.random.default_rng(2)
    trials, members = np.ones((20_000, 4)), np.zeros((20_000, 4))
    cross(trials, members, chance, rng)
    assert (trials.sum(axis=1) >= 1).all() and not members.any()
    np.testing.assert_allclose(trials.mean(axis=0), chance + (1 - chance) / 4, atol=0.012)
    assert chance > 0 or (trials.sum(axis=1) == 1).all()


def test_a_generation_has_the_distribution_of_scipys():
    """Mean, spread and share of new coordinates of the second generation, over 300 runs of each."""
    populations = []
    for cls in (FastDe, DifferentialEvolution):
        optimizer = cls(lower=-1.0, upper=1.5, population=8, recombination=0.6, mutation_low=0.3, mutation_high=1.4)
        # from the second generation of equal errors on, every trial is accepted: all steps are seen
        seen = [run(optimizer, lambda t: np.zeros(len(t)) + (t[0, 0] == 0.25), limit=24, seed=seed).populations
                for seed in range(300)]  # fmt: skip
        populations.append(np.array([np.sort(second, axis=0) for _, second, *_ in seen]))
    ours, theirs = populations
    assert ours.shape == theirs.shape == (300, 8, 3)
    np.testing.assert_allclose(ours.mean(axis=(0, 2)), theirs.mean(axis=(0, 2)), atol=0.06)
    np.testing.assert_allclose(ours.std(axis=(0, 2)), theirs.std(axis=(0, 2)), atol=0.05)


def test_it_needs_as_many_evaluations_as_scipy_for_the_same_result():
    def evaluations(cls, seed):
        counted = run(cls(lower=-3.0, upper=3.0, population=20), bumpy, limit=6_000, seed=seed)
        least = np.minimum.accumulate(np.concatenate(counted.values_seen))
        return int(np.argmax(least < -0.6))  # near the global minimum, -0.69; the second best is above -0.5

    ours, theirs = (sorted(evaluations(cls, seed) for seed in range(15)) for cls in (FastDe, DifferentialEvolution))
    assert min(ours) > 60 and 0.75 < np.median(ours) / np.median(theirs) < 1.33


@pytest.mark.parametrize("height", [1e-9, 0.5])  # of the steps of the error: with high ones many are equal
def test_a_trial_that_is_not_worse_replaces_its_member_and_no_other_does(height):
    optimizer = FastDe(lower=-3.0, upper=3.0, population=10, recombination=0.6)
    kept = []
    for seed in range(6):
        counted = run(optimizer, lambda t: height * np.round(bumpy(t) / height), limit=500, seed=seed)
        members, errors = counted.populations[0], counted.values_seen[0]
        for trials, reached in zip(counted.populations[1:], counted.values_seen[1:], strict=True):
            kept.append((trials == members).mean())
            is_taken = reached <= errors
            members, errors = np.where(is_taken[:, None], trials, members), np.where(is_taken, reached, errors)
    # the members followed here are those of the run: a trial has (1 - 0.6)(1 - 1/3) of its member's coordinates
    assert len(kept) > 60
    np.testing.assert_allclose([np.mean(kept[::2]), np.mean(kept[1::2])], 0.267, atol=0.04)


@pytest.mark.parametrize("spread", [None, 5.0])
def test_it_begins_at_the_start_and_all_points_are_in_the_box(spread):
    optimizer = FastDe(lower=-0.5, upper=0.75, spread=spread, population=12, mutation_low=1.5, mutation_high=1.9)
    points = np.vstack(run(optimizer, bumpy, limit=1_200).populations)
    np.testing.assert_array_equal(points[0], 0.25)
    assert points.min() >= -0.5 and points.max() <= 0.75
    inside = points[(points > -0.5) & (points < 0.75)]
    assert len(inside) > (0.97 if spread is None else 0.9) * points.size  # drawn anew, not clipped to the border


def test_the_factor_is_drawn_once_a_generation_from_its_interval():
    optimizer = FastDe(population=6, recombination=1.0, mutation_low=0.2, mutation_high=0.4, spread=1.0)
    factors = []
    for seed in range(100):
        counted = run(optimizer, bumpy, limit=12, dim=2, seed=seed)
        members, best = counted.populations[0], counted.values_seen[0].argmin()
        differences = (members[:, None] - members[None])[:, :, 0]
        steps = counted.populations[1][:, 0] - members[best, 0]
        ratios = [{round(step / x, 9) for x in differences[differences != 0]} for step in steps]
        factors += [ratio for ratio in set.intersection(*ratios) if ratio > 0]  # explains all six; a pair has no sign
    assert len(factors) == 100 and 0.2 <= min(factors) < 0.21 and 0.39 < max(factors) <= 0.4


def test_it_stops_when_the_errors_agree_and_not_before():
    def sphere(thetas):
        return 1.0 + ((thetas - 0.5) ** 2).sum(axis=1)

    for tolerance in (1e-2, 1e-6, 1e-10):
        counted = run(FastDe(f_tolerance=tolerance, population=15), sphere, limit=50_000)
        assert counted.is_finished
        members, errors = counted.populations[0], counted.values_seen[0].copy()
        spreads = []
        for reached in counted.values_seen[1:]:
            errors = np.where(reached <= errors, reached, errors)
            spreads.append(errors.std() / errors.mean())
        assert spreads[-1] <= tolerance and min(spreads[:-1]) > tolerance and len(members) == 15
    flat = run(FastDe(population=5), lambda t: np.ones(len(t)))
    assert flat.is_finished and len(flat.populations) == 2


def test_infinite_errors_are_left_and_end_a_run_that_has_no_others():
    def half(thetas):
        return np.where(thetas[:, 0] > 0.5, np.inf, bumpy(thetas))

    counted = run(FastDe(lower=-3.0, upper=3.0), half, limit=3_000)
    assert np.isfinite(counted.values_seen[-1]).mean() > 0.8
    assert run(FastDe(), lambda t: np.full(len(t), np.inf)).is_finished


def test_it_has_the_options_of_differential_evolution_and_refuses_the_same():
    assert get_optimizer("fast_de", population=7, spread=1.0).population == 7
    for wrong in ({"population": 4}, {"spread": 0.0}, {"mutation_high": 2.0}, {"mutation_low": 1.5}, {"lower": 11.0},
                  {"recombination": 1.1}, {"f_tolerance": -1.0}):  # fmt: skip
        with pytest.raises(InvalidInputError):
            FastDe(**wrong)
    with pytest.raises(InvalidInputError, match="outside the box"):
        run(FastDe(upper=0.0), bumpy)
