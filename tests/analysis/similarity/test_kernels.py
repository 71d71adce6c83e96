"""RBF CKA: whole kernel matrices agree, rotations do not show, wide kernels are linear CKA, draws keep the kernels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from analysis.similarity import kernels
from analysis.similarity.cka import cka
from analysis.similarity.kernels import rbf_cka
from analysis.similarity.noise import Scores
from tests.analysis.similarity.joints import joint

seeds = st.integers(0, 2**32 - 1)
GROUPS = np.arange(60) // 15


def layers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(60, 5))
    return x, x[:, :3] + generator.normal(size=(60, 3))


def distances(x: np.ndarray) -> np.ndarray:
    return cdist(x, x, "sqeuclidean")


def compared(x: np.ndarray, y: np.ndarray, bandwidth: float = 1.0, weights: np.ndarray | None = None) -> Scores:
    weights = np.ones((1, 4)) if weights is None else weights
    return rbf_cka(distances(x), distances(y), GROUPS, weights, bandwidth)


def of_kernels(x: np.ndarray, y: np.ndarray, bandwidth: float, rows: np.ndarray) -> float:
    """Whole kernel matrices of rows of the samples, centered on both sides."""
    centered = []
    for values in (x, y):
        apart = distances(values)
        median = np.median(np.sqrt(apart[np.triu_indices(60, 1)]))
        kernel = np.exp(-apart / (2 * (bandwidth * median) ** 2))[np.ix_(rows, rows)]
        centering = np.eye(len(rows)) - 1 / len(rows)
        centered.append(centering @ kernel @ centering)
    return float(np.vdot(*centered) / np.linalg.norm(centered[0]) / np.linalg.norm(centered[1]))


@pytest.mark.parametrize("bandwidth", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("block", [7, 256])
def test_whole_kernels_agree(bandwidth: float, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", block)
    x, y = layers()
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 0]])
    found = compared(x, y, bandwidth, weights)
    rows = np.repeat(np.arange(60), np.repeat([2, 0, 1, 1], 15))
    assert found.draws[0] == pytest.approx(found.value, abs=1e-12)
    assert found.value == pytest.approx(of_kernels(x, y, bandwidth, np.arange(60)), abs=1e-12)
    assert found.draws[1] == pytest.approx(of_kernels(x, y, bandwidth, rows), abs=1e-12)
    assert np.isnan(found.draws[2])


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.01, 100))
def test_rotation_scale_and_shift_do_not_show(seed: int, scale: float) -> None:
    x, y = layers(seed)
    turned = scale * x @ ortho_group.rvs(5, random_state=seed) + scale
    assert compared(turned, y).value == pytest.approx(compared(x, y).value, abs=1e-9)
    assert compared(x, turned).value == pytest.approx(1, abs=1e-9)
    assert compared(y, x).value == pytest.approx(compared(x, y).value, abs=1e-12)


def test_wide_kernels_are_linear() -> None:
    x, y = layers()
    linear = cka(joint(x, y), np.ones((1, 4))).value
    # What is left of the exponential's second term falls with the square of the bandwidth.
    assert compared(x, y, bandwidth=1e3).value == pytest.approx(linear, abs=1e-5)
    assert abs(compared(x, y).value - linear) > 1e-3


def test_another_invertible_map_shows() -> None:
    x, _ = layers()
    assert compared(x, x * [10, 1, 1, 1, 1]).value < 0.8


def test_float32_distances_do() -> None:
    x, y = layers()
    apart = [distances(values).astype(np.float32) for values in (x, y)]
    found = rbf_cka(apart[0], apart[1], GROUPS, np.ones((1, 4)))
    assert found.value == pytest.approx(compared(x, y).value, abs=1e-6)


def test_nan_where_undefined() -> None:
    x, y = layers()
    assert np.isnan(compared(np.zeros_like(x), y).value)
    none, one = np.zeros((0, 0)), np.zeros((1, 1))
    assert np.isnan(rbf_cka(none, none, GROUPS[:0], np.ones((1, 4))).value)
    assert np.isnan(rbf_cka(one, one, GROUPS[:1], np.ones((1, 4))).value)


def test_a_bandwidth_must_be_positive() -> None:
    x, y = layers()
    with pytest.raises(ValueError, match=r"bandwidth is 0.0, expected a positive multiple"):
        compared(x, y, bandwidth=0.0)
