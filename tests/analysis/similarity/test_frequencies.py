"""Independent frequencies: every one of the plane is taken once, itself or its opposite, at any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.similarity.frequencies import common, independent

sides = st.integers(1, 17)


def test_sixteen_by_sixteen_has_130() -> None:
    assert len(independent(16, 16).rows) == 130


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides)
def test_each_frequency_of_the_plane_is_taken_once(height: int, width: int) -> None:
    found = independent(height, width)
    assert found.weights.sum() == height * width
    taken = np.zeros((height, width), np.int64)
    for row, column, weight in zip(found.rows, found.columns, found.weights, strict=True):
        own_opposite = (2 * row) % height == 0 and (2 * column) % width == 0
        assert weight == (1 if own_opposite else 2)
        taken[row % height, column] += 1
        taken[-row % height, -column % width] += not own_opposite
    np.testing.assert_array_equal(taken, 1)


@settings(max_examples=20, deadline=None)
@given(height=sides, width=sides)
def test_the_half_plane_holds_the_plane(height: int, width: int) -> None:
    x = np.random.default_rng(height).normal(size=(height, width))
    found = independent(height, width)
    np.testing.assert_allclose(
        np.fft.rfft2(x).ravel()[found.half_plane(height, width)],
        np.fft.fft2(x)[found.rows % height, found.columns],
        atol=1e-12,
    )


@settings(max_examples=30, deadline=None)
@given(size_x=st.tuples(sides, sides), size_y=st.tuples(sides, sides), crop=st.none() | st.integers(1, 20))
def test_common_frequencies_are_in_both_maps(
    size_x: tuple[int, int], size_y: tuple[int, int], crop: int | None
) -> None:
    found = common(size_x, size_y, crop)
    for size in (size_x, size_y):
        whole = independent(*size)
        at = found.index_in(whole)
        np.testing.assert_array_equal(whole.weights[at], found.weights)
        np.testing.assert_array_equal(whole.half_plane(*size)[at], found.half_plane(*size))


def test_half_of_an_even_size_is_left_out() -> None:
    found = common((8, 8), (16, 16))
    assert np.abs(found.rows).max() == found.columns.max() == 3
    assert found.weights.sum() == 49
    assert common((16, 16), (16, 16), 8).weights.sum() == 49


def test_equal_sizes_keep_all() -> None:
    assert common((16, 16), (16, 16)).weights.sum() == 256


def test_one_by_one_is_the_mean() -> None:
    for found in (common((1, 1), (6, 6)), common((6, 6), (6, 6), 1)):
        assert (found.rows.tolist(), found.columns.tolist(), found.weights.tolist()) == ([0], [0], [1])


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"Frequency \(0, 2\) is not among the other 5"):
        independent(4, 4).index_in(independent(3, 3))
    with pytest.raises(ValueError, match="Maps of 4 x 9 do not hold all frequencies, which need at least 8 x 8"):
        independent(8, 8).half_plane(4, 9)
    with pytest.raises(ValueError, match="cropped to 0 frequencies"):
        common((8, 8), (8, 8), 0)
