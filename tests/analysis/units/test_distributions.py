"""Distributions: NumPy's moments, quantiles within the accuracy, any split; classes, NaN, dead units, every library."""

import itertools
from functools import reduce
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.units import distributions
from analysis.units.distributions import Distribution, _block, distribution
from analysis.units.log_bins import LogBins

EXACT = ("n", "nans", "zeros", "minimum", "maximum", "counts")


def sample(images: int = 40, seed: int = 0) -> np.ndarray:
    """Maps of four units, each differently spread: normal, rectified, far from zero, heavy on both sides."""
    normal = np.random.default_rng(seed).normal(size=(images, 4, 3, 5))
    normal[:, 1] = np.maximum(normal[:, 1], 0)
    normal[:, 2] += 1000
    normal[:, 3] **= 7
    return normal.astype(np.float32)


def by_unit(maps: np.ndarray) -> np.ndarray:
    return np.moveaxis(maps, 1, 0).reshape(maps.shape[1], -1).astype(np.float64)


def same(found: Distribution, expected: Distribution) -> None:
    """Counts and extremes bit for bit, moments to float64 rounding."""
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.variance(), expected.variance(), rtol=1e-11, atol=1e-13)


def test_moments_are_numpys() -> None:
    values, found = by_unit(sample()), distribution(sample())
    np.testing.assert_array_equal(found.n, 600)
    np.testing.assert_allclose(found.mean(), values.mean(1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.variance(), values.var(1), rtol=1e-11)
    np.testing.assert_array_equal(found.minimum, values.min(1))
    np.testing.assert_array_equal(found.maximum, values.max(1))
    np.testing.assert_array_equal(found.sparsity(), (values == 0).mean(1))
    np.testing.assert_array_equal(found.counts.sum(1), found.n)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.sampled_from([0.01, 0.05, 0.2]))
def test_quantiles_are_numpys_within_the_accuracy(q: float, accuracy: float) -> None:
    expected = np.quantile(by_unit(sample()), q, axis=1, method="lower")
    found = distribution(sample(), bins=LogBins(accuracy)).quantile(q)
    # Magnitudes below 2^-24 read as 0.
    assert (np.abs(found - expected) <= accuracy * np.abs(expected) + 2.0**-24).all()


def test_the_first_and_last_quantiles_are_in_the_range_of_the_values() -> None:
    found = distribution(np.array([[-3.0], [1e30], [5.0], [-1e30]]))
    assert found.quantile(0) == -(2.0**16)
    assert found.quantile(1) == 2.0**16
    assert found.beyond() == 2
    assert distribution(np.full((3, 1), 1e30)).quantile(0.5) == 1e30


@settings(max_examples=30, deadline=None)
@given(st.data(), st.permutations(range(40)))
def test_any_split_order_and_tree_give_one_pass(data: st.DataObject, order: list[int]) -> None:
    maps = sample()
    cuts = data.draw(st.lists(st.integers(0, 40), max_size=5).map(sorted))
    parts = [distribution(maps[order[start:stop]]) for start, stop in itertools.pairwise([0, *cuts, 40])]
    while len(parts) > 1:
        one, other = (parts.pop(data.draw(st.integers(0, len(parts) - 1))) for _ in range(2))
        parts.append(one.merge(other))
    same(parts[0], distribution(maps))


def test_blocks_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributions, "BLOCK", 1)
    few = LogBins(0.5, -2, 2)
    blocks = distribution(sample(), bins=few)
    monkeypatch.setattr(distributions, "BLOCK", 10**6)
    same(blocks, distribution(sample(), bins=few))


def test_classes_are_counted_apart() -> None:
    maps, classes = sample(), np.random.default_rng(1).integers(0, 3, 40)
    found = distribution(maps, classes, class_count=4)
    assert found.counts.shape == (4, 4, LogBins().count)
    for number in range(3):
        alone = distribution(maps[classes == number])
        np.testing.assert_array_equal(found.quantile(0.9)[number], alone.quantile(0.9))
        np.testing.assert_array_equal(found.variance()[number], alone.variance())
    assert np.isnan([found.mean()[3], found.variance()[3], found.sparsity()[3], found.quantile(0.5)[3]]).all()
    assert not found.dead()[3].any()
    same(found.total(), distribution(maps))


def test_classes_merge_where_a_half_lacks_one() -> None:
    maps, classes = sample(), np.repeat([0, 1], 20)
    halves = [distribution(maps[part], classes[part], class_count=2) for part in (slice(0, 25), slice(25, 40))]
    same(reduce(Distribution.merge, halves), distribution(maps, classes, class_count=2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_library_agrees(xp: ModuleType, dtype: str) -> None:
    maps = sample().astype(dtype)
    classes = np.arange(40) % 2
    same(distribution(xp.asarray(maps)), distribution(maps))
    same(distribution(xp.asarray(maps), classes, class_count=2), distribution(maps, classes, class_count=2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_channels_last(dtype: torch.dtype) -> None:
    half = torch.from_numpy(sample()).to(dtype).contiguous(memory_format=torch.channels_last)
    same(distribution(half), distribution(half.float().numpy().copy()))


def test_torch_counts_as_numpy_where_it_counts_itself() -> None:
    # As on a CUDA device; on the host a tensor is read as NumPy.
    maps = sample().reshape(40, 4, 15)
    maps[3, 1, 2] = np.nan
    same(_block(torch.from_numpy(maps), LogBins()), distribution(maps))


def test_numpys_half_precision_has_nothing_beyond_the_range() -> None:
    half = sample().astype(np.float16)
    same(distribution(half), distribution(half.astype(np.float32)))
    assert distribution(np.array([[65504.0], [-65504.0]], np.float16)).beyond() == 0


def test_samples_without_positions_are_maps_of_one() -> None:
    samples = sample()[:, :, 0, 0]
    same(distribution(samples), distribution(samples[:, :, None, None]))


def test_a_large_mean_leaves_the_variance() -> None:
    x = 1e8 + np.random.default_rng(0).normal(size=(4000, 1))
    halves = distribution(x[:1000]).merge(distribution(x[1000:]))
    # float64 holds 1e8 to 1.5e-8; the sum of squares about 0 would leave 1 digit.
    np.testing.assert_allclose(halves.variance(), x.var(0), rtol=1e-6)


def test_dead_units() -> None:
    maps = np.zeros((2, 5, 2, 2), np.float32)
    maps[:, 1] = -1.0
    maps[:, 2] = 0.3
    maps[0, 3, 0, 0] = 1e-30
    maps[0, 4] = -np.arange(4.0).reshape(2, 2)
    found = distribution(maps[:1]).merge(distribution(maps[1:]))
    np.testing.assert_array_equal(found.dead(), [True, True, True, False, True])
    np.testing.assert_array_equal(found.variance()[:3], 0.0)
    np.testing.assert_array_equal(found.sparsity(), [1, 0, 0, 7 / 8, 5 / 8])


def test_nan_is_counted_and_left_out(xp: ModuleType) -> None:
    maps = sample()
    maps[3:5, 1, 2, 0] = np.nan
    maps[:, 2] = np.nan
    found = distribution(xp.asarray(maps))
    np.testing.assert_array_equal(found.nans, [0, 2, 600, 0])
    np.testing.assert_array_equal(found.n, [600, 598, 0, 600])
    values = by_unit(maps)[1]
    np.testing.assert_allclose(found.mean()[1], np.nanmean(values), rtol=1e-12)
    np.testing.assert_allclose(found.variance()[1], np.nanvar(values), rtol=1e-11)
    assert np.isnan(found.mean()[2])
    assert np.isnan(found.quantile(0.5)[2])
    assert found.counts.sum() == found.n.sum()


def test_an_infinity_spoils_the_moments_of_its_unit_only() -> None:
    maps = sample()
    maps[0, 0, 0, 0], maps[1, 0, 0, 0], maps[0, 1, 0, 0] = np.inf, -np.inf, np.inf
    found, clean = distribution(maps), distribution(sample())
    assert np.isnan(found.variance()[:2]).all()
    np.testing.assert_array_equal(found.beyond() - clean.beyond(), [2, 1, 0, 0])
    np.testing.assert_array_equal(found.mean()[2:], clean.mean()[2:])
    assert found.maximum[1] == np.inf
    halves = distribution(maps[:1]).merge(distribution(maps[1:]))
    np.testing.assert_array_equal(halves.mean()[:2], [np.nan, np.inf])


def test_what_does_not_fit_is_refused() -> None:
    one = distribution(sample())
    with pytest.raises(ValueError, match="cannot be merged"):
        one.merge(distribution(sample(), bins=LogBins(0.1)))
    with pytest.raises(ValueError, match="cannot be merged"):
        one.merge(distribution(sample()[:, :2]))
    with pytest.raises(ValueError, match="run from 0 to 3 and class_count is 3"):
        distribution(sample(), np.arange(40) % 4, class_count=3)
    with pytest.raises(ValueError, match=r"q is 1\.5"):
        one.quantile(1.5)
