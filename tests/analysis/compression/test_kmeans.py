"""Exact Lloyd iterations: scikit-learn's fixed point, a falling error, no cluster without values."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans  # type: ignore[import-untyped]

from analysis.compression.kmeans import SortedValues, Start, kmeans, midpoints, nearest_codes, squared_error

STARTS: tuple[Start, ...] = ("linear", "density", "random")


def weights(seed: int, count: int = 3000, dtype: type = np.float64) -> np.ndarray:
    """What pruning leaves: two lobes and a few far values."""
    drawn = np.random.default_rng(seed).laplace(size=4 * count)
    return drawn[np.abs(drawn) > 0.7][:count].astype(dtype)


def theirs(values: np.ndarray, start: np.ndarray, iterations: int) -> KMeans:
    model = KMeans(len(start), init=start[:, None].astype(values.dtype), n_init=1, max_iter=iterations, tol=0)
    return model.fit(values[:, None])


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("codes", [4, 16, 32])
def test_the_fixed_point_is_that_of_scikit_learn(start: Start, codes: int) -> None:
    values = weights(codes)
    ordered = SortedValues(values)
    first = ordered.start(codes, start, np.random.default_rng(3))
    found, model = ordered.lloyd(first), theirs(values, first, 10_000)
    order = np.argsort(model.cluster_centers_[:, 0])
    np.testing.assert_allclose(found.centroids, model.cluster_centers_[order, 0], rtol=1e-12)
    np.testing.assert_array_equal(nearest_codes(values, found.centroids), np.argsort(order)[model.labels_])
    assert found.iterations == model.n_iter_ - 1  # it goes on once more to see that nothing moves
    np.testing.assert_array_equal(found.counts, np.bincount(model.labels_)[order])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20), st.sampled_from(STARTS))
def test_the_error_is_never_above_that_of_scikit_learn(seed: int, codes: int, start: Start) -> None:
    values = weights(seed, 500, np.float32)
    ordered = SortedValues(values)
    first = ordered.start(codes, start, np.random.default_rng(seed))
    found, model = ordered.lloyd(first), theirs(values, first, 10)
    own = squared_error(values, found.centroids, nearest_codes(values, found.centroids))
    other = squared_error(values, model.cluster_centers_[:, 0].astype(np.float64), model.labels_.astype(np.uint8))
    assert own <= other * (1 + 1e-6)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-10, 10)), st.integers(1, 9), st.integers(0, 99))
def test_the_error_never_rises(values: np.ndarray, codes: int, seed: int) -> None:
    ordered = SortedValues(values)
    first = ordered.start(codes, "random", np.random.default_rng(seed))
    last = ordered.lloyd(first)
    errors = []
    for iterations in range(last.iterations + 1):
        at = ordered.lloyd(first, iterations)
        errors.append(squared_error(values, at.centroids, nearest_codes(values, at.centroids)))
    assert (np.diff(errors) <= 1e-12 * (1 + errors[0])).all()


@settings(max_examples=60, deadline=None)
@example(np.array([-1, -5, -3, 0, 1], np.float32), 5, "linear")  # the farthest value is alone in its cluster
@given(arrays(np.float32, st.integers(1, 40), elements=st.integers(-6, 6)), st.integers(1, 16), st.sampled_from(STARTS))
def test_every_code_is_used_by_someone(values: np.ndarray, codes: int, start: Start) -> None:
    found = kmeans(values, codes, start, np.random.default_rng(0))
    assert len(found.centroids) == min(codes, len(np.unique(values)))
    assert (np.diff(found.centroids) > 0).all()
    counts = np.bincount(nearest_codes(values, found.centroids), minlength=len(found.centroids))
    np.testing.assert_array_equal(counts, found.counts)


def test_an_empty_cluster_takes_the_farthest_value() -> None:
    values, start = np.array([0.0, 0.13, 0.2, 0.41, 9.0, 9.1, 12.0]), np.array([-50.0, 0.1, 9.0, 50.0])
    found = SortedValues(values).lloyd(start)
    np.testing.assert_allclose(found.centroids, [0.11, 0.41, 9.05, 12.0])
    np.testing.assert_allclose(np.sort(theirs(values, start, 99).cluster_centers_[:, 0]), found.centroids)


def test_starts_are_even_in_range_in_rank_or_drawn_by_the_caller() -> None:
    ordered = SortedValues(np.array([3.0, 0.0, 1.0, 8.0, 2.0, 7.0]))
    np.testing.assert_array_equal(ordered.start(3, "linear"), [0, 4, 8])
    np.testing.assert_array_equal(ordered.start(3, "density"), [1, 3, 8])
    drawn = [ordered.start(3, "random", np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.isin(drawn[0], ordered.values).all()
    with pytest.raises(ValueError, match=r"needs a generator; pass numpy.random.default_rng"):
        ordered.start(3, "random")


@given(arrays(np.float32, 50, elements=st.floats(-1, 1, width=32)), st.integers(2, 120))
def test_codes_are_those_of_the_nearest_centroid(values: np.ndarray, codes: int) -> None:
    centroids = np.linspace(-1, 1, codes) ** 3
    distances = np.abs(values.astype(np.float64)[:, None] - centroids)
    chosen = nearest_codes(values.reshape(5, 10), centroids)
    assert chosen.shape == (5, 10)
    np.testing.assert_allclose(distances[np.arange(50), chosen.reshape(-1)], distances.min(1), atol=1e-15)


def test_midpoints_round_down_so_that_a_value_halfway_goes_to_the_lower() -> None:
    third = np.float32(1) / np.float32(3)
    above = np.nextafter(third, np.float32(1))
    cut = midpoints(np.array([third, above], np.float64), np.dtype(np.float32))
    assert cut[0] == third
    np.testing.assert_array_equal(nearest_codes(np.array([third, above]), np.array([third, above], np.float64)), [0, 1])
    np.testing.assert_array_equal(nearest_codes(np.array([0.5]), np.array([0.0, 1.0])), [0])


def test_sums_of_runs_are_those_of_the_values() -> None:
    values = weights(1, 5000, np.float32)
    ordered = SortedValues(values)
    cuts = np.array([0, 1, 255, 256, 257, 511, 512, 4999, 5000])
    expected = [np.sort(values)[:cut].sum(dtype=np.float64) for cut in cuts]
    np.testing.assert_allclose(ordered._sums_below(cuts), expected, rtol=1e-13)


def test_half_precision_counts_as_single() -> None:
    values = weights(2, 300).astype(np.float16)
    np.testing.assert_array_equal(kmeans(values, 4).centroids, kmeans(values.astype(np.float32), 4).centroids)


@pytest.mark.parametrize("values", [np.zeros(0), np.array([1.0, np.nan]), np.array([np.inf, 0.0])])
def test_values_that_have_no_mean_are_refused(values: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=rf"k-means on {len(values)} values; expected at least one, all of them finite"
    ):
        kmeans(values, 2)


def test_a_code_has_8_bits_at_most() -> None:
    with pytest.raises(ValueError, match="257 centroids; a code has 8 bits at most"):
        nearest_codes(np.zeros(3), np.arange(257.0))
