"""Matchings: permutations are recovered, brute force agrees, constant units stay alone, ties go to the lowest index."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.similarity.matching import (
    ALONE,
    agreement,
    bipartite_matching,
    bottleneck_matching,
    paired_share,
    semi_matching,
)

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))


def random_rho(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def injections(rho: np.ndarray) -> list[list[float]]:
    """The correlations of every way to pair the smaller side."""
    small = rho if rho.shape[0] <= rho.shape[1] else rho.T
    return [[small[i, j] for i, j in enumerate(order)] for order in permutations(range(small.shape[1]), small.shape[0])]


@settings(max_examples=50, deadline=None)
@given(seed=seeds, shape=sizes)
def test_brute_force_agrees(seed: int, shape: tuple[int, int]) -> None:
    rho = random_rho(seed, shape)
    ways = injections(rho)
    pairs = bipartite_matching(rho)
    assert len(pairs.x) == min(shape) == len(set(pairs.y.tolist()))
    assert rho[pairs].sum() == pytest.approx(max(map(sum, ways)), abs=1e-12)
    weakest, strong = bottleneck_matching(rho)
    assert weakest == max(map(min, ways)) == rho[strong].min()
    for threshold in (-0.5, 0.0, 0.3):
        best = max(sum(value >= threshold for value in way) for way in ways)
        assert paired_share(rho, np.array([threshold]))[0] == best / min(shape)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, size=st.integers(2, 30))
def test_a_permutation_is_recovered(seed: int, size: int) -> None:
    order = np.random.default_rng(seed).permutation(size)
    rho = np.eye(size)[order] * 0.9 + 0.05
    pairs = bipartite_matching(rho)
    np.testing.assert_array_equal(pairs.partners(size), order)
    np.testing.assert_array_equal(semi_matching(rho), order)
    assert agreement(rho, pairs) == 1
    np.testing.assert_array_equal(paired_share(rho, np.array([0.0, 0.9, 0.96])), [1, 1, 0])


@settings(max_examples=30, deadline=None)
@given(seed=seeds, shape=sizes)
def test_semi_matching_bounds_bipartite_matching(seed: int, shape: tuple[int, int]) -> None:
    rho = random_rho(seed, shape)
    pairs = bipartite_matching(rho)
    assert (rho[pairs] <= rho[pairs.x, semi_matching(rho)[pairs.x]]).all()


def test_constant_units_stay_alone() -> None:
    rho = random_rho(0, (4, 5))
    rho[1], rho[:, 2] = np.nan, np.nan
    pairs = bipartite_matching(rho)
    assert 1 not in pairs.x
    assert 2 not in pairs.y
    assert len(pairs.x) == 3
    assert pairs.partners(4)[1] == ALONE == semi_matching(rho)[1]
    assert 1 not in bottleneck_matching(rho)[1].x
    assert paired_share(rho, np.array([-1.0]))[0] == 3 / 4


def test_nothing_alive() -> None:
    rho = np.full((2, 3), np.nan)
    assert len(bipartite_matching(rho).x) == 0
    assert np.isnan(bottleneck_matching(rho)[0])
    assert np.isnan(agreement(rho, bipartite_matching(rho)))


def test_ties_go_to_the_lowest_index() -> None:
    np.testing.assert_array_equal(semi_matching(np.full((3, 4), 0.5)), [0, 0, 0])
