"""Affinities: every point has the entropy asked for, P is symmetric, sums to 1, and leaves out no point."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.arrays import to_numpy
from analysis.embedding.affinities import conditional_probabilities, joint_probabilities, neighbor_probabilities
from analysis.embedding.nearest import nearest

# Points of very different density, one of them far from all.
X = np.random.default_rng(0).normal(size=(240, 8)) * np.repeat([0.01, 1, 100], 80)[:, None]
X[-1] = 1e4


def entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(1)


@given(st.floats(1.5, 60), st.integers(0, 2**31), st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_every_entropy_is_that_of_the_perplexity(perplexity: float, seed: int, scale: float) -> None:
    x = np.random.default_rng(seed).standard_t(2, size=(90, 4)) * 10**scale
    p = conditional_probabilities(nearest(x, 80).squared, perplexity)
    np.testing.assert_allclose(entropies(p), np.log(perplexity), atol=1e-6)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-12)


def test_dense_rows_have_it_on_every_array_library(xp: ModuleType) -> None:
    squared = ((X[:, None] - X[None]) ** 2).sum(2)
    np.fill_diagonal(squared, np.inf)
    p = to_numpy(conditional_probabilities(xp.asarray(squared), 30.0))
    np.testing.assert_allclose(entropies(p), np.log(30), atol=1e-5)
    assert (np.diag(p) == 0).all()


def test_no_point_is_left_out(xp: ModuleType) -> None:
    joint = to_numpy(joint_probabilities(xp.asarray(X), 30.0))
    sparse = neighbor_probabilities(X, 30.0).toarray()
    for p in (joint, sparse):
        assert p.sum() == pytest.approx(1)
        np.testing.assert_array_equal(p, p.T)
        assert p.sum(1).min() >= (1 - 1e-9) / (2 * len(X))
        assert (np.diag(p) == 0).all()


def test_with_all_neighbors_the_sparse_one_is_the_dense_one() -> None:
    np.testing.assert_allclose(neighbor_probabilities(X, 79.7).toarray(), joint_probabilities(X, 79.7), atol=1e-10)


def test_it_is_scikit_learns() -> None:
    from sklearn.manifold._t_sne import _joint_probabilities  # type: ignore[import-untyped]

    x = X[80:160]
    squared = ((x[:, None] - x[None]) ** 2).sum(2).astype(np.float32)
    expected = _joint_probabilities(squared, 20, 0)
    found = joint_probabilities(x, 20.0)
    np.testing.assert_allclose(found[np.triu_indices(80, 1)], expected / expected.sum() / 2, rtol=2e-3, atol=1e-9)


def test_ties_share_what_no_width_parts() -> None:
    p = conditional_probabilities(np.array([[0.0] * 8 + [1.0] * 4]), 3.0)
    np.testing.assert_allclose(p, [[1 / 8] * 8 + [0] * 4], atol=1e-9)


@pytest.mark.parametrize("perplexity", [0.2, 1.0, 12.0])
@pytest.mark.parametrize("way", [joint_probabilities, neighbor_probabilities])
def test_impossible_perplexities_are_refused(way: Callable[[np.ndarray, float], object], perplexity: float) -> None:
    with pytest.raises(ValueError, match=rf"perplexity is {perplexity}, expected above 1 and below the \d+ candidates"):
        way(X[:13], perplexity)


def test_a_point_is_no_candidate_of_its_own() -> None:
    p = joint_probabilities(X[:13], 11.9)
    assert p.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match=r"below the 12 candidates of a point; choose one between, or give more"):
        joint_probabilities(X[:13], 12.0)
