"""Kernels in rows: every tile where its filter and input are, numbers that leave room, pixels as they are."""

import numpy as np
import pytest

from jobs.figures.kernels import kernel_rows
from tests.jobs.figures.printed import assert_printable, pictures, words

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("filters", "inputs", "size"), [(3, 2, (3, 3)), (32, 32, (5, 5)), (20, 15, (5, 3)), (32, 64, (3, 3))]
)
def test_every_tile_is_in_its_row_and_column(filters: int, inputs: int, size: tuple[int, int]) -> None:
    tiles = RNG.uniform(0, 0.9, (filters, inputs, *size))
    figure = kernel_rows(tiles, range(filters), range(inputs), "note")
    (picture,) = pictures(figure)
    found = np.asarray(picture.get_array())
    for row, column in ((0, 0), (filters - 1, 0), (filters // 2, inputs - 1)):
        top, left = row * (size[0] + 1), column * (size[1] + 1)
        np.testing.assert_array_equal(found[top : top + size[0], left : left + size[1]], tiles[row, column])
    assert (found[size[0] :: size[0] + 1] == 1).all()
    assert picture.get_clim() == (0.0, 1.0)
    assert picture.get_interpolation() == "none"
    assert_printable(figure)


def test_pixels_are_square_on_any_page() -> None:
    for shape in ((40, 2, 3, 3), (2, 60, 5, 3)):
        (picture,) = pictures(kernel_rows(RNG.uniform(0, 1, shape), range(shape[0]), range(shape[1]), ""))
        box, figure = picture.axes.get_position(), picture.axes.figure
        assert figure is not None
        wide, tall = figure.get_size_inches()  # type: ignore[union-attr]
        rows, columns = np.asarray(picture.get_array()).shape
        assert box.width * wide / columns == pytest.approx(box.height * tall / rows)


def test_numbers_are_the_channels_own() -> None:
    shown = words(kernel_rows(RNG.uniform(0, 1, (3, 2, 3, 3)), [41, 7, 12], [0, 1], "mid-gray is zero"))
    assert {"41", "7", "12", "0", "1", "filter", "input channel", "mid-gray is zero"} == set(shown)


def test_another_number_of_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 2, 3, 3\) for 3 filters and 3 inputs"):
        kernel_rows(np.zeros((3, 2, 3, 3)), range(3), range(3), "")
