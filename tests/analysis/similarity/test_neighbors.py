"""Mutual neighbors: scikit-learn's neighbors, ties by index, chance, draws that keep the neighbors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from sklearn.neighbors import NearestNeighbors  # type: ignore[import-untyped]

from analysis.similarity import neighbors
from analysis.similarity.neighbors import mutual_neighbors
from analysis.similarity.noise import Scores

seeds = st.integers(0, 2**32 - 1)
GROUPS = np.arange(60) // 15


def layers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(60, 5))
    return x, x[:, :3] + generator.normal(size=(60, 3))


def distances(x: np.ndarray) -> np.ndarray:
    return cdist(x, x, "sqeuclidean")


def compared(x: np.ndarray, y: np.ndarray, k: int = 10, weights: np.ndarray | None = None) -> Scores:
    return mutual_neighbors(distances(x), distances(y), GROUPS, np.ones((1, 4)) if weights is None else weights, k)


def shared(x: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """Of every image, with k neighbors asked of scikit-learn, which leaves out the image itself."""
    found = [NearestNeighbors(n_neighbors=k).fit(values).kneighbors(return_distance=False) for values in (x, y)]
    return np.array([len(set(a) & set(b)) / k for a, b in zip(*found, strict=True)])


@pytest.mark.parametrize("k", [1, 10, 59])
@pytest.mark.parametrize("block", [7, 256])
def test_scikit_learn_agrees(k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "BLOCK", block)
    x, y = layers()
    found = compared(x, y, k, np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]]))
    expected = shared(x, y, k)
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    assert found.value == pytest.approx(expected.mean(), abs=1e-12)
    assert found.draws[1] == pytest.approx(np.repeat(expected, np.repeat([2, 0, 1, 1], 15)).mean(), abs=1e-12)
    assert np.isnan(found.draws[2])


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.01, 100))
def test_rotation_scale_and_shift_do_not_show(seed: int, scale: float) -> None:
    x, y = layers(seed)
    turned = scale * x @ ortho_group.rvs(5, random_state=seed) + scale
    # Rounding may exchange one neighbor of one image.
    assert compared(turned, y).value == pytest.approx(compared(x, y).value, abs=1 / 600)
    assert compared(x, turned).value == pytest.approx(1, abs=1 / 600)
    assert compared(y, x).value == compared(x, y).value


def test_another_invertible_map_shows() -> None:
    x, _ = layers()
    assert compared(x, x * [10, 1, 1, 1, 1]).value < 0.8


@settings(max_examples=20, deadline=None)
@given(seed=seeds, k=st.integers(1, 11))
def test_ties_go_to_the_lowest_index(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    apart = [np.triu(generator.integers(1, 4, (12, 12)), 1).astype(float) for _ in range(2)]
    apart = [upper + upper.T for upper in apart]
    found = mutual_neighbors(apart[0], apart[1], np.zeros(12, np.int64), np.ones((1, 1)), k)
    orders = [np.argsort(matrix + np.diag(np.full(12, np.inf)), axis=1, kind="stable")[:, :k] for matrix in apart]
    expected = np.mean([len(set(a) & set(b)) / k for a, b in zip(*orders, strict=True)])
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_chance_is_k_of_the_others() -> None:
    generator = np.random.default_rng(0)
    found = [compared(generator.normal(size=(60, 5)), generator.normal(size=(60, 5))).value for _ in range(20)]
    assert np.mean(found) == pytest.approx(10 / 59, abs=4 * np.std(found) / np.sqrt(20))


def test_nan_where_a_layer_tells_nothing_apart() -> None:
    x, y = layers()
    assert np.isnan(compared(np.zeros_like(x), y).value)
    assert np.isnan(compared(np.zeros_like(x), np.zeros_like(y)).draws).all()


@pytest.mark.parametrize("k", [0, 60])
def test_k_must_leave_neighbors(k: int) -> None:
    x, y = layers()
    with pytest.raises(ValueError, match=rf"k is {k}, expected 1 to 59 neighbors of 60 images"):
        compared(x, y, k)
