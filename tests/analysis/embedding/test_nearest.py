"""Nearest points: scikit-learn's, in any blocks; a point is never its own."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors  # type: ignore[import-untyped]

from analysis.embedding import nearest as module
from analysis.embedding.nearest import nearest

X = np.random.default_rng(0).normal(size=(150, 6))
NEW = np.random.default_rng(1).normal(size=(40, 6))


@pytest.mark.parametrize("block", [7, 512])
def test_neighbors_are_scikit_learns(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.blocks, "__defaults__", (block,))
    model = NearestNeighbors(n_neighbors=9).fit(X)
    for found, (distances, indices) in (
        (nearest(X, 9), model.kneighbors()),
        (nearest(NEW, 9, X), model.kneighbors(NEW)),
    ):
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.squared, distances**2, atol=1e-12)


def test_duplicates_are_neighbors_but_a_point_is_not_its_own() -> None:
    found = nearest(np.repeat(X[:5], 3, axis=0), 2)
    assert (found.indices // 3 == np.arange(15)[:, None] // 3).all()
    assert (found.indices != np.arange(15)[:, None]).all()


@pytest.mark.parametrize("k", [0, 150])
def test_too_many_neighbors_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"{k} nearest of 149 other points; ask for 1 to 149"):
        nearest(X, k)
