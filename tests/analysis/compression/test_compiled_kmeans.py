"""Machine code and NumPy agree, whatever the values."""

import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.compression import kmeans
from analysis.compression.kmeans import BLOCK, SortedValues, Start, midpoints, nearest_codes

compiled = pytest.importorskip("analysis.compression.compiled_kmeans", reason="needs numba")
LARGEST = np.finfo(np.float32).max


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", ["linear", "density", "random"])
@pytest.mark.parametrize("iterations", [0, 1, 3, 10_000])
def test_the_same_fixed_point(dtype: type, start: Start, iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = SortedValues(np.random.default_rng(1).laplace(size=20 * BLOCK + 7).astype(dtype))
    first = ordered.start(32, start, np.random.default_rng(2))  # far ends of the linear one are empty at first
    expected = ordered.lloyd(first, iterations)
    monkeypatch.setattr(kmeans, "WORTH", 0)
    found = ordered.lloyd(first, iterations)
    assert found.iterations == expected.iterations
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=st.integers(-9, 9)), st.integers(1, 9), st.integers(0, 9))
def test_the_same_where_values_repeat_and_clusters_run_empty(values: np.ndarray, codes: int, most: int) -> None:
    ordered = SortedValues(values)
    first = ordered.start(codes, "linear")
    expected = ordered.lloyd(first, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kmeans, "WORTH", 0)
        found = ordered.lloyd(first, most)
    assert found.iterations == expected.iterations
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-12, atol=1e-12)


def test_it_stops_before_an_empty_cluster_and_before_nothing_moves() -> None:
    ordered = SortedValues(np.arange(100.0))
    before = ordered._before
    for centroids, cuts in (([-9.0, 0.0, 50.0], [0, 0, 26, 100]), ([24.5, 74.5], [0, 50, 100])):
        at, where = np.array(centroids), np.array(cuts)
        assert compiled.settle(ordered.values, before, BLOCK, at, where, 50) == 0
        assert (at.tolist(), where.tolist()) == (centroids, cuts)


@settings(max_examples=100, deadline=None)
@example(np.array([-LARGEST, 0, LARGEST], np.float32), np.array([-LARGEST, LARGEST]))  # a range that overflows
@example(np.array([0, 1e-45, 3e-45], np.float32), np.array([0, 1e-45, 3e-45]))  # and its inverse
@example(np.array([1, 2, 3], np.float32), np.array([1.0, 2.0]))  # one cut
@example(np.array([np.inf, -np.inf], np.float32), np.array([0.0, 1.0, 4.0]))
@given(
    arrays(np.float32, 50, elements=st.floats(width=32, allow_nan=False)),
    arrays(np.float64, st.integers(2, 256), elements=st.floats(-1e30, 1e30), unique=True),
)
def test_the_same_codes(values: np.ndarray, centroids: np.ndarray) -> None:
    cuts = midpoints(np.sort(centroids), values.dtype)
    both = np.concatenate([values, cuts, np.nextafter(cuts, np.float32(np.inf))])
    np.testing.assert_array_equal(compiled.codes_between(both, cuts), np.searchsorted(cuts, both))


def test_large_layers_are_coded_by_machine_code() -> None:
    values = np.random.default_rng(0).standard_normal((1025, 1024)).astype(np.float32)
    centroids = np.array([-1.0, 0.0, 0.5, 2.0])
    codes = nearest_codes(values, centroids)
    assert "analysis.compression.compiled_kmeans" in sys.modules
    np.testing.assert_array_equal(codes, np.abs(values[..., None] - centroids).argmin(-1))
