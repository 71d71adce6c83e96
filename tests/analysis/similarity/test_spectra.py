"""Spectra are NumPy's at every frequency; their sums are those of one pass, however the images were split."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.arrays import to_numpy
from analysis.comoments import Pair
from analysis.similarity import spectra as module
from analysis.similarity.frequencies import common, independent
from analysis.similarity.spectra import SpectralAccumulator, SpectralComoments, spectra

WITHIN, BETWEEN, PERMUTED = Pair("a", "a"), Pair("a", "b"), Pair("a", "b", permuted=True)
GROUPS, SIZE = 4, (4, 5)
FREQUENCIES = independent(*SIZE)


def sample(images: int = 40) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Spectra of two sets of 5 and 3 channels with means, and the images' groups in order."""
    generator = np.random.default_rng(0)
    x = generator.normal(1, 1, size=(images, 5, *SIZE))
    y = x[:, :3] + generator.normal(size=(images, 3, *SIZE))
    groups = np.sort(generator.integers(0, GROUPS, images))
    return {"a": spectra(x, FREQUENCIES), "b": spectra(y, FREQUENCIES)}, groups


def streamed(
    sets: dict[str, np.ndarray], groups: np.ndarray, cuts: list[int], pair: Pair = BETWEEN, count: int = GROUPS
) -> SpectralComoments:
    accumulator = SpectralAccumulator({pair: count})
    for start, stop in zip([0, *cuts], [*cuts, len(groups)], strict=True):
        accumulator.add({name: x[:, start:stop] for name, x in sets.items()}, groups[start:stop])
    return accumulator.comoments()[pair]


def assert_same(found: SpectralComoments, expected: SpectralComoments) -> None:
    for name in ("n", "sum_x", "sum_y", "square_x", "square_y", "cross"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-13)


def covariance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's, one frequency at a time."""
    units = x.shape[2]
    return np.stack([np.cov(a.T, b.T, bias=True)[:units, units:] for a, b in zip(x, y, strict=True)])


def test_spectra_are_numpys_over_the_area(xp: ModuleType) -> None:
    maps = np.random.default_rng(0).normal(size=(6, 3, *SIZE))
    found = spectra(xp.asarray(maps), FREQUENCIES)
    plane = np.fft.fft2(maps)[:, :, FREQUENCIES.rows, FREQUENCIES.columns] / 20
    np.testing.assert_allclose(to_numpy(found), plane.transpose(2, 0, 1), atol=1e-15)
    np.testing.assert_allclose(to_numpy(found)[0], maps.mean((2, 3)), atol=1e-15)


def test_spectra_own_contiguous_memory() -> None:
    torch = pytest.importorskip("torch")
    maps = np.ones((6, 3, *SIZE), np.float32)
    found = spectra(maps, common(SIZE, SIZE, 3))
    assert found.flags.c_contiguous
    assert found.base is None
    of_torch = spectra(torch.asarray(maps), FREQUENCIES)
    assert of_torch.is_contiguous()
    assert of_torch.untyped_storage().nbytes() == of_torch.nbytes


@pytest.mark.parametrize(("stored", "expected"), [("float16", "complex64"), ("float32", "complex64")])
def test_half_precision_is_transformed_as_single(xp: ModuleType, stored: str, expected: str) -> None:
    if not hasattr(xp, stored):
        pytest.skip(f"{xp.__name__} has no {stored}")
    maps = np.random.default_rng(0).normal(size=(6, 3, *SIZE)).astype(stored)
    found = to_numpy(spectra(xp.asarray(maps), FREQUENCIES))
    assert found.dtype == expected
    np.testing.assert_allclose(found, spectra(maps.astype(np.float64), FREQUENCIES), atol=1e-6)


def test_covariances_are_numpys() -> None:
    sets, groups = sample()
    found = streamed(sets, groups, [])
    np.testing.assert_allclose(found.covariance(), covariance(sets["a"], sets["b"]), atol=1e-14)
    np.testing.assert_allclose(found.variance_y(), sets["b"].var(1), rtol=1e-12)
    assert found.rows == 40


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 39), max_size=6, unique=True).map(sorted), count=st.sampled_from([1, GROUPS]))
def test_any_split_gives_one_pass(cuts: list[int], count: int) -> None:
    sets, groups = sample()
    assert_same(streamed(sets, groups, cuts, count=count), streamed(sets, groups, [], count=count))


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(1, 39))
def test_merged_parts_are_one_pass(cut: int) -> None:
    sets, groups = sample()
    first, second = (
        streamed({name: x[:, part] for name, x in sets.items()}, groups[part], [])
        for part in (slice(0, cut), slice(cut, 40))
    )
    assert_same(first.merge(second), streamed(sets, groups, []))
    assert_same(first.merge(second).total(), streamed(sets, groups, [], count=1))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sets, groups = sample()
    whole = streamed(sets, groups, [])
    monkeypatch.setattr(module, "BLOCK", 350)
    in_blocks, _ = sample()
    np.testing.assert_allclose(in_blocks["a"], sets["a"], atol=1e-15)
    assert_same(streamed(in_blocks, groups, []), whole)


def test_every_array_library_agrees(xp: ModuleType) -> None:
    sets, groups = sample()
    accumulator = SpectralAccumulator(dict.fromkeys([WITHIN, BETWEEN, PERMUTED], GROUPS))
    accumulator.add({name: xp.asarray(x) for name, x in sets.items()}, groups)
    for pair, found in accumulator.comoments().items():
        assert_same(found, streamed(sets, groups, [], pair))


def test_a_permuted_pair_takes_every_image_but_its_own() -> None:
    # One unit that holds the image's number: products tell which images met.
    images = np.arange(1.0, 8.0).reshape(1, 7, 1) + 0j
    accumulator = SpectralAccumulator({PERMUTED: GROUPS})
    accumulator.add({"a": 10.0**images, "b": 1j * images}, np.array([0, 0, 0, 1, 2, 2, 2]))
    found = accumulator.comoments()[PERMUTED]
    expected = [10 * 2 + 100 * 3 + 1000 * 1, 0, 6e5 + 7e6 + 5e7, 0]
    np.testing.assert_allclose(found.cross[:, 0, 0, 0], np.array(expected) * -1j, rtol=1e-12)
    np.testing.assert_array_equal(found.n, [3, 0, 3, 0])


def test_a_set_with_itself_is_hermitian() -> None:
    sets, groups = sample()
    found = streamed(sets, groups, [], WITHIN)
    np.testing.assert_allclose(found.cross, found.swap().cross, atol=1e-14)
    np.testing.assert_allclose(found.square_x, np.diagonal(found.cross, axis1=2, axis2=3), rtol=1e-12)


def test_pairs_may_differ_in_their_frequencies() -> None:
    sets, groups = sample()
    few = common(SIZE, SIZE, 3).index_in(FREQUENCIES)
    cropped, mean = Pair("c", "d"), Pair("e", "e")
    accumulator = SpectralAccumulator({BETWEEN: GROUPS, cropped: GROUPS, mean: 1})
    accumulator.add({**sets, "c": sets["a"][few], "d": sets["b"][few], "e": sets["b"][:1]}, groups)
    found = accumulator.comoments()
    assert_same(found[cropped], found[BETWEEN].at(few))
    assert_same(found[mean].swap(), streamed({"b": sets["b"][:1]}, groups, [], Pair("b", "b"), 1))


def test_swapping_and_units_are_those_of_the_sets() -> None:
    sets, groups = sample()
    found = streamed(sets, groups, [])
    assert_same(found.swap(), streamed(sets, groups, [], Pair("b", "a")))
    some = {"a": sets["a"][:, :, 1:4], "b": sets["b"][:, :, :2]}
    assert_same(found.units(slice(1, 4), slice(0, 2)), streamed(some, groups, []))


def test_weights_repeat_groups() -> None:
    sets, groups = sample()
    again = np.concatenate([np.flatnonzero(groups == group) for group in (0, 0, 2)])
    expected = streamed({name: x[:, again] for name, x in sets.items()}, groups[again], [], count=1)
    assert_same(streamed(sets, groups, []).weighted(np.array([2.0, 0.0, 1.0, 0.0])), expected)


@pytest.mark.parametrize("size", [(3, 3), (13, 13), (16, 16), (55, 55)])
def test_constant_maps_leave_no_variance(xp: ModuleType, size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(20, 3, *size)).astype(np.float32)
    maps[:, 1] = generator.uniform(1, 100)
    maps[:, 2] = generator.uniform(1, 100, size=(20, 1, 1))
    found = spectra(xp.asarray(maps), independent(*size))
    accumulator = SpectralAccumulator({WITHIN: 1})
    accumulator.add({"a": found}, np.zeros(20, np.int64))
    variance = accumulator.comoments()[WITHIN].variance_x()
    assert (variance[:, 0] > 0).all()
    assert not variance[:, 1].any()
    assert variance[0, 2] > 0
    assert not variance[1:, 2].any()


def test_what_cannot_be_added_is_refused() -> None:
    sets, groups = sample()
    with pytest.raises(ValueError, match=r"a has spectra of \(11, 40\) .* and b of \(3, 40\)"):
        streamed({"a": sets["a"], "b": sets["b"][:3]}, groups, [])
    found = streamed(sets, groups, [])
    with pytest.raises(ValueError, match=r"Sums of \(4, 11, 5, 3\) .* cannot be merged with sums of \(4, 1, 5, 3\)"):
        found.merge(found.at(np.array([0])))
