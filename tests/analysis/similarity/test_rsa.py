"""RSA: SciPy's Spearman agrees, rotations do not show, draws keep ranks and pair no image with its copy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group, pearsonr, rankdata, spearmanr

from analysis.similarity.noise import Scores
from analysis.similarity.rsa import rsa

seeds = st.integers(0, 2**32 - 1)
GROUPS = np.arange(60) // 15
ABOVE = np.triu_indices(60, 1)


def layers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(60, 5))
    return x, x[:, :3] + generator.normal(size=(60, 3))


def distances(x: np.ndarray) -> np.ndarray:
    return cdist(x, x, "sqeuclidean")


def compared(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Scores:
    return rsa(distances(x), distances(y), GROUPS, np.ones((1, 4)) if weights is None else weights)


@pytest.mark.parametrize("decimals", [8, 0])
def test_scipy_agrees_with_and_without_ties(decimals: int) -> None:
    x, y = (values.round(decimals) for values in layers())
    expected = spearmanr(np.sqrt(distances(x))[ABOVE], np.sqrt(distances(y))[ABOVE]).statistic
    assert compared(x, y).value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.01, 100))
def test_rotation_scale_and_shift_do_not_show(seed: int, scale: float) -> None:
    x, y = layers(seed)
    turned = scale * x @ ortho_group.rvs(5, random_state=seed) + scale
    # Rounding may exchange two ranks of 1,770 that are next to each other.
    assert compared(turned, y).value == pytest.approx(compared(x, y).value, abs=1e-6)
    assert compared(x, turned).value == pytest.approx(1, abs=1e-6)
    assert compared(y, x).value == pytest.approx(compared(x, y).value, abs=1e-12)


def test_an_increasing_map_of_the_distances_does_not_show() -> None:
    x, y = (distances(values) for values in layers())
    assert rsa(x**3, np.sqrt(y), GROUPS, np.ones((1, 4))).value == rsa(x, y, GROUPS, np.ones((1, 4))).value


def test_another_invertible_map_shows() -> None:
    x, _ = layers()
    assert compared(x, x * [10, 1, 1, 1, 1]).value < 0.8


def test_draws_are_pearsons_r_of_kept_ranks() -> None:
    x, y = layers()
    found = compared(x, y, np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]]))
    rows = np.repeat(np.arange(60), np.repeat([2, 0, 1, 1], 15))
    ranks = np.zeros((2, 60, 60))
    for rank, values in zip(ranks, (x, y), strict=True):
        rank[ABOVE] = rankdata(distances(values)[ABOVE])
        rank += rank.T
    first, second = np.triu_indices(len(rows), 1)
    apart = rows[first] != rows[second]
    pairs = rows[first[apart]], rows[second[apart]]
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    assert found.draws[1] == pytest.approx(pearsonr(ranks[0][pairs], ranks[1][pairs]).statistic, abs=1e-12)
    assert np.isnan(found.draws[2])


def test_chance_is_zero() -> None:
    x, y = layers()
    order = np.random.default_rng(0).permutation(60)
    assert abs(compared(x, y[order]).value) < 0.1 < compared(x, y).value


def test_groups_need_no_order() -> None:
    x, y = layers()
    order = np.random.default_rng(0).permutation(60)
    weights = np.array([[3.0, 0, 1, 0], [0, 0, 4, 0]])
    found = rsa(distances(x[order]), distances(y[order]), GROUPS[order], weights)
    np.testing.assert_allclose(found.draws, compared(x, y, weights).draws, atol=1e-12)


def test_nan_where_undefined() -> None:
    x, y = layers()
    assert np.isnan(compared(np.zeros_like(x), y).value)
    for images in (0, 1, 2):
        apart = distances(x[:images])
        assert np.isnan(rsa(apart, apart, GROUPS[:images], np.ones((1, 4))).value)
