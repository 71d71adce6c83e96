"""The bootstrap covers the truth about as often as it says."""

import numpy as np

from analysis.comoments import Accumulator, Pair
from analysis.similarity.correlation import correlation, paired_correlation
from analysis.similarity.noise import group_weights, interval


def test_empty_groups_are_never_drawn() -> None:
    weights = group_weights(np.array([3.0, 0, 5, 1]), 200, np.random.default_rng(0))
    assert (weights[:, 1] == 0).all()
    assert (weights.sum(1) == 3).all()


def test_paired_correlations_are_the_entries_of_the_matrix() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 2, 4))
    accumulator = Accumulator(dict.fromkeys([Pair("a", "b")], 5), {"a": np.zeros(4), "b": np.zeros(4)})
    accumulator.add({"a": x, "b": x + generator.normal(size=x.shape)}, np.sort(generator.integers(0, 5, 50)))
    comoments = accumulator.comoments()[Pair("a", "b")]
    i, j = np.array([0, 2, 3]), np.array([1, 2, 0])
    found = paired_correlation(comoments, i, j, np.ones((1, 5)))[0]
    np.testing.assert_allclose(found, correlation(comoments)[i, j], atol=1e-12)


def test_the_interval_covers_the_truth() -> None:
    truth, covered, trials = 0.6, 0, 200
    for seed in range(trials):
        generator = np.random.default_rng(seed)
        x = generator.normal(size=(320, 1, 1))
        y = truth * x + np.sqrt(1 - truth**2) * generator.normal(size=x.shape)
        accumulator = Accumulator(dict.fromkeys([Pair("a", "b")], 16), {"a": np.zeros(1), "b": np.zeros(1)})
        accumulator.add({"a": x, "b": y}, np.repeat(np.arange(16), 20))
        comoments = accumulator.comoments()[Pair("a", "b")]
        unit = np.zeros(1, np.int64)
        draws = paired_correlation(comoments, unit, unit, group_weights(comoments.n, 500, generator))
        low, high = interval(draws[:, 0])
        covered += low <= truth <= high
    # Sixteen groups make a percentile interval a little narrow: 95 % nominal, about 92 % here.
    assert 0.86 < covered / trials <= 0.99
