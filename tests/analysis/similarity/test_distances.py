"""Squared distances: SciPy's, in every array library, whatever the block; exact where they are known exactly."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from analysis.similarity.distances import squared_distances


def representation(images: int = 23, features: int = 40) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(images, features)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(images=st.integers(0, 23), block=st.integers(1, 30))
def test_scipy_agrees_in_any_block(images: int, block: int) -> None:
    x = representation(images)
    found = squared_distances(lambda start, stop: x[start:stop], images, block)
    np.testing.assert_allclose(found, cdist(x, x, "sqeuclidean"), rtol=1e-5)
    np.testing.assert_array_equal(found, found.T)
    assert not found.diagonal().any()


def test_every_array_library_agrees(xp: ModuleType) -> None:
    x = representation().reshape(23, 10, 2, 2)
    found = squared_distances(lambda start, stop: xp.asarray(x[start:stop]), 23, block=8)
    flat = x.reshape(23, 40)
    np.testing.assert_allclose(found, cdist(flat, flat, "sqeuclidean"), rtol=1e-5)


@pytest.mark.parametrize("block", [3, 64])
def test_images_that_are_the_same_are_not_apart(block: int) -> None:
    x = np.repeat(representation(4, 20_000), 5, axis=0)
    found = squared_distances(lambda start, stop: x[start:stop], 20, block)
    same = np.kron(np.eye(4), np.ones((5, 5))) > 0
    assert found.min() >= 0
    # Of squared norms of 20,000, added up in float32.
    assert found[same].max() < 1e-6 * 20_000
    assert found[~same].min() > 30_000


def test_a_large_mean_costs_few_digits() -> None:
    x = representation(features=200)
    found = squared_distances(lambda start, stop: x[start:stop] + np.float32(1000), 23, block=8)
    # float32 holds 1000 +- 1 to 6e-5, and a distance is a sum of 200 such differences.
    np.testing.assert_allclose(found, cdist(x, x, "sqeuclidean"), rtol=1e-3)


def test_half_precision_is_read_as_it_is() -> None:
    x = (100 * representation(features=300)).astype(np.float16)
    found = squared_distances(lambda start, stop: x[start:stop], 23)
    # Squared norms of 3e6 are beyond float16.
    np.testing.assert_allclose(found, cdist(x.astype(float), x.astype(float), "sqeuclidean"), rtol=1e-5)


def test_each_block_is_read_once_for_every_one_before_it() -> None:
    x, read = representation(20), []

    def blocks(start: int, stop: int) -> np.ndarray:
        read.append((start, stop))
        return x[start:stop]

    squared_distances(blocks, 20, block=5)
    assert len(read) == 4 * 5 / 2
    assert max(stop - start for start, stop in read) == 5
