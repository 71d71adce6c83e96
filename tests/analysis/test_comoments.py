"""Comoments: any split gives one pass's answer in every library; pivots rescue float32; constants are flagged."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.comoments import Accumulator, Comoments, Pair
from analysis.similarity.correlation import correlation

BETWEEN, PERMUTED = Pair("a", "b"), Pair("a", "b", permuted=True)
GROUPS = 4


def sample(images: int = 40, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two correlated sets of 5 and 3 units at 6 positions, and the images' groups in order."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(images, 6, 5))
    y = x[:, :, :3] + generator.normal(size=(images, 6, 3))
    return {"a": x, "b": y}, np.sort(generator.integers(0, GROUPS, images))


def streamed(
    samples: dict[str, np.ndarray],
    groups: np.ndarray,
    cuts: list[int],
    pairs: tuple[Pair, ...] = (BETWEEN,),
    pivot: float = 0.0,
) -> dict[Pair, Comoments]:
    pivots = {name: np.full(x.shape[2], pivot) for name, x in samples.items()}
    accumulator = Accumulator(dict.fromkeys(pairs, GROUPS), pivots)
    for start, stop in zip([0, *cuts], [*cuts, len(groups)], strict=True):
        batch = {name: x[start:stop] for name, x in samples.items()}
        accumulator.add(batch, groups[start:stop])
    return accumulator.comoments()


def reference(samples: dict[str, np.ndarray]) -> np.ndarray:
    x, y = (samples[name].reshape(-1, samples[name].shape[2]) for name in ("a", "b"))
    return np.corrcoef(x.T, y.T)[:5, 5:]


def test_correlation_is_numpys() -> None:
    samples, groups = sample()
    found = correlation(streamed(samples, groups, [])[BETWEEN])
    np.testing.assert_allclose(found, reference(samples), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 39), max_size=6, unique=True).map(sorted), pivot=st.sampled_from([0.0, 0.25]))
def test_any_split_gives_one_pass(cuts: list[int], pivot: float) -> None:
    samples, groups = sample()
    found = streamed(samples, groups, cuts, pivot=pivot)[BETWEEN]
    np.testing.assert_allclose(correlation(found), reference(samples), atol=1e-12)
    np.testing.assert_allclose(found.mean_x(), samples["a"].mean((0, 1)), atol=1e-12)
    np.testing.assert_allclose(found.variance_y(), samples["b"].var((0, 1)), rtol=1e-12)


def test_merging_two_halves_is_one_pass() -> None:
    samples, groups = sample()
    halves = [
        streamed({k: v[part] for k, v in samples.items()}, groups[part], [])[BETWEEN]
        for part in (slice(0, 17), slice(17, 40))
    ]
    merged = halves[0].merge(halves[1])
    np.testing.assert_allclose(correlation(merged), reference(samples), atol=1e-12)
    np.testing.assert_array_equal(merged.total().n, [240.0])


def test_one_group_is_the_sum_of_all() -> None:
    samples, groups = sample()
    accumulator = Accumulator({BETWEEN: 1}, {"a": np.zeros(5), "b": np.zeros(3)})
    accumulator.add(samples, groups)
    found, whole = accumulator.comoments()[BETWEEN], streamed(samples, groups, [])[BETWEEN].total()
    np.testing.assert_allclose(found.cross, whole.cross, rtol=1e-12)
    np.testing.assert_array_equal(found.n, whole.n)


def test_merging_about_other_pivots_is_refused() -> None:
    samples, groups = sample()
    one = streamed(samples, groups, [])[BETWEEN]
    other = streamed(samples, groups, [], pivot=1.0)[BETWEEN]
    with pytest.raises(ValueError, match="different pivots"):
        one.merge(other)


def test_permuted_pair_keeps_sums_and_loses_correlation() -> None:
    samples, groups = sample(images=4000)
    found = streamed(samples, groups, [1000, 2500], pairs=(BETWEEN, PERMUTED))
    between, permuted = found[BETWEEN], found[PERMUTED]
    np.testing.assert_allclose(permuted.sum_y.sum(0), between.sum_y.sum(0), atol=1e-9)
    assert np.abs(np.diag(correlation(between)[:3])).min() > 0.65
    assert np.abs(correlation(permuted)).max() < 0.05


def test_a_permuted_pair_takes_every_image_but_its_own() -> None:
    # One unit that holds the image's number: products tell which images met.
    images = np.arange(1.0, 8.0).reshape(7, 1, 1)
    accumulator = Accumulator(dict.fromkeys([PERMUTED], GROUPS), {"a": np.zeros(1), "b": np.zeros(1)})
    accumulator.add({"a": 10.0**images, "b": images}, np.array([0, 0, 0, 1, 2, 2, 2]))
    found = accumulator.comoments()[PERMUTED]
    np.testing.assert_array_equal(found.cross[:, 0, 0], [10 * 2 + 100 * 3 + 1000 * 1, 0, 6e5 + 7e6 + 5e7, 0])
    np.testing.assert_array_equal(found.n, [3, 0, 3, 0])


def test_every_array_library_agrees(xp: ModuleType) -> None:
    samples, groups = sample()
    arrays = {name: xp.asarray(x) for name, x in samples.items()}
    accumulator = Accumulator(dict.fromkeys([BETWEEN, PERMUTED], GROUPS), {"a": np.zeros(5), "b": np.zeros(3)})
    accumulator.add(arrays, groups)
    for pair, expected in streamed(samples, groups, [], pairs=(BETWEEN, PERMUTED)).items():
        found = accumulator.comoments()[pair]
        np.testing.assert_allclose(found.cross, expected.cross, rtol=1e-12)
        np.testing.assert_allclose(found.square_x, expected.square_x, rtol=1e-12)
        np.testing.assert_array_equal(found.n, expected.n)


@pytest.mark.parametrize(("pivot", "holds"), [(1000.0, True), (0.0, False)])
def test_pivot_rescues_float32_at_a_large_mean(pivot: float, holds: bool) -> None:
    samples, groups = sample(images=2000)
    shifted = {name: (x + 1000).astype(np.float32) for name, x in samples.items()}
    found = correlation(streamed(shifted, groups, [], pivot=pivot)[BETWEEN])
    error = np.abs(found - reference(samples)).max()
    # float32 holds 1000 +- 1 to 6e-5; about pivot 0 the variance is a 1e-6 part of the mean square and is lost.
    assert (error < 1e-3) == holds
    assert np.isnan(found).all() != holds


def test_float32_maps_match_float64(xp: ModuleType) -> None:
    samples, groups = sample(images=3000)
    rectified = {name: np.maximum(x, 0).astype(np.float32) for name, x in samples.items()}
    accumulator = Accumulator(dict.fromkeys([BETWEEN], GROUPS), {"a": np.zeros(5), "b": np.zeros(3)})
    accumulator.add({name: xp.asarray(x) for name, x in rectified.items()}, groups)
    found = correlation(accumulator.comoments()[BETWEEN])
    # Rounding of a float32 sum of 16,384 products.
    np.testing.assert_allclose(found, reference(rectified), atol=2e-6)


def test_constant_units_are_nan_and_others_untouched() -> None:
    samples, groups = sample()
    samples["a"][:, :, 1] = 0.0
    samples["a"][:, :, 2] = 0.3
    found = correlation(streamed(samples, groups, [20])[BETWEEN])
    assert np.isnan(found[1:3]).all()
    np.testing.assert_allclose(np.delete(found, [1, 2], 0), np.delete(reference_live(samples), [1, 2], 0), atol=1e-12)


def reference_live(samples: dict[str, np.ndarray]) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return reference(samples)


def test_unequal_positions_are_refused() -> None:
    accumulator = Accumulator(dict.fromkeys([BETWEEN], GROUPS), {"a": np.zeros(5), "b": np.zeros(3)})
    with pytest.raises(ValueError, match=r"a has samples \(4, 6\) and b has \(4, 5\)"):
        accumulator.add({"a": np.zeros((4, 6, 5)), "b": np.zeros((4, 5, 3))}, np.zeros(4, np.int64))
