"""Top images: any split, order and tree give the same bits, ties included; libraries agree; NaN is never chosen."""

import itertools
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.arrays import to_numpy
from analysis.units.top_images import NONE, TopImages, projected, top_images

IMAGES = 12
TIED = arrays(np.float32, (IMAGES, 3, 2, 3), elements=st.sampled_from([-1.0, -0.0, 0.0, 1.0, 2.0]))


def same_bits(found: TopImages, expected: TopImages) -> None:
    for name in ("values", "rows", "positions"):
        x, y = getattr(found, name), getattr(expected, name)
        assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes()), name


def reference(maps: np.ndarray, rows: np.ndarray, k: int) -> TopImages:
    """By sorting tuples; Python compares -0 and 0 as equal too."""
    values, images, positions = (
        np.full((maps.shape[1], k), fill) for fill in (-np.inf, np.int64(NONE), np.int64(NONE))
    )
    for unit in range(maps.shape[1]):
        flat = maps[:, unit].reshape(len(maps), -1).tolist()
        seen = [(-max(m), int(row), m.index(max(m))) for m, row in zip(flat, rows, strict=True)]
        for place, (value, row, position) in enumerate(sorted(seen)[:k]):
            values[unit, place], images[unit, place], positions[unit, place] = 0.0 - value, row, position
    return TopImages(values, images, positions)


@settings(max_examples=30, deadline=None)
@given(TIED, st.permutations(range(IMAGES)), st.sampled_from([1, 4, 20]))
def test_sorting_everything_gives_the_same_bits(maps: np.ndarray, rows: list[int], k: int) -> None:
    same_bits(top_images(maps, np.array(rows), k), reference(maps, np.array(rows), k))


@settings(max_examples=40, deadline=None)
@given(st.data(), TIED, st.permutations(range(IMAGES)))
def test_any_split_order_and_tree_give_the_same_bits(data: st.DataObject, maps: np.ndarray, order: list[int]) -> None:
    cuts = data.draw(st.lists(st.integers(0, IMAGES), max_size=5).map(sorted))
    parts = [
        top_images(maps[order[start:stop]], np.array(order[start:stop], dtype=np.int64), 4)
        for start, stop in itertools.pairwise([0, *cuts, IMAGES])
    ]
    while len(parts) > 1:
        one, other = (parts.pop(data.draw(st.integers(0, len(parts) - 1))) for _ in range(2))
        parts.append(one.merge(other))
    same_bits(parts[0], top_images(maps, np.arange(IMAGES), 4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_array_library_agrees(xp: ModuleType, dtype: str) -> None:
    maps = np.random.default_rng(0).integers(-3, 3, (10, 4, 3, 3)).astype(dtype)
    rows = np.random.default_rng(1).permutation(10)
    same_bits(top_images(xp.asarray(maps), rows, 5), reference(maps, rows, 5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_channels_last(dtype: torch.dtype) -> None:
    maps = np.random.default_rng(0).integers(-3, 3, (10, 4, 3, 3)).astype(np.float32)
    half = torch.from_numpy(maps).to(dtype).contiguous(memory_format=torch.channels_last)
    same_bits(top_images(half, np.arange(10), 5), reference(maps, np.arange(10), 5))


def test_numpys_half_precision_agrees() -> None:
    maps = np.random.default_rng(0).normal(size=(10, 4, 3, 3)).astype(np.float16)
    same_bits(top_images(maps, np.arange(10)), reference(maps.astype(np.float64), np.arange(10), 9))


def test_fewer_images_than_asked_for_leave_places_empty() -> None:
    top = top_images(np.ones((2, 3, 1, 1)), np.array([7, 5]), k=4)
    np.testing.assert_array_equal(top.rows, [[5, 7, NONE, NONE]] * 3)
    np.testing.assert_array_equal(top.positions, [[0, 0, NONE, NONE]] * 3)
    np.testing.assert_array_equal(top.values, [[1, 1, -np.inf, -np.inf]] * 3)
    nothing = top_images(np.ones((0, 3, 1, 1)), np.array([], dtype=np.int64), k=4)
    assert (nothing.rows == NONE).all()
    same_bits(nothing.merge(top), top)


def test_nan_is_never_chosen(xp: ModuleType) -> None:
    maps = np.zeros((3, 1, 2, 2))
    maps[0] = np.nan
    maps[1, 0] = [[np.nan, 1.0], [3.0, np.nan]]
    maps[2, 0, 0, 1] = np.inf
    top = top_images(xp.asarray(maps), np.array([4, 5, 6]), k=3)
    np.testing.assert_array_equal(top.values, [[np.inf, 3.0, -np.inf]])
    np.testing.assert_array_equal(top.rows, [[6, 5, NONE]])
    np.testing.assert_array_equal(top.positions, [[1, 2, NONE]])


def test_a_direction_along_one_channel_is_that_channel(xp: ModuleType) -> None:
    maps = np.random.default_rng(0).normal(size=(4, 3, 2, 5))
    directions = np.column_stack([np.eye(3)[1], [1.0, -2.0, 0.5]])
    found = projected(xp.asarray(maps), directions)
    expected = np.einsum("iuhw,ud->idhw", maps, directions)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-12)
    same_bits(top_images(found, np.arange(4)), top_images(to_numpy(found), np.arange(4)))


def test_directions_of_half_precision_maps_are_float32() -> None:
    maps = np.random.default_rng(0).normal(size=(4, 3, 2, 5)).astype(np.float16)
    found = projected(maps, np.ones((3, 1)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], maps.astype(np.float64).sum(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "k", "message"), [([0, 1], 0, "k is 0; at least 1"), ([0, 1, 2], 1, "3 rows for 2 images")]
)
def test_wrong_numbers_are_refused(rows: list[int], k: int, message: str) -> None:
    maps = torch.zeros(2, 3, 1, 1)
    with pytest.raises(ValueError, match=message):
        top_images(maps, np.array(rows), k)


def test_other_units_cannot_be_merged() -> None:
    tops = [top_images(np.zeros((1, units, 1, 1)), np.array([0])) for units in (2, 3)]
    with pytest.raises(ValueError, match=r"shapes \(2, 9\) and \(3, 9\)"):
        tops[0].merge(tops[1])
