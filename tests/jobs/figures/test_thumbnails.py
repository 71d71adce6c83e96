"""Images on a grid: each whole in its cell, framed in the color of its class; free cells are white."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from jobs.figures.embedding_scatter import GROUPS, NO_GROUP
from jobs.figures.thumbnails import FRAME_PIXELS, laid, thumbnails
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

IMAGES = np.random.default_rng(0).random((5, 6, 8, 3))
CELLS = np.array([[0, 0], [0, 2], [1, 1], [2, 0], [2, 2]])
CLASSES = np.array([0, 1, -1, 9, 0])


def test_every_image_is_whole_in_its_framed_cell() -> None:
    picture, frame = laid(IMAGES, CELLS, (3, 4), CLASSES), FRAME_PIXELS
    tall, wide = 6 + 2 * frame + 1, 8 + 2 * frame + 1
    assert picture.shape == (3 * tall - 1, 4 * wide - 1, 3)
    for image, (row, column), group in zip(IMAGES, CELLS, CLASSES, strict=True):
        cell = picture[row * tall : (row + 1) * tall - 1, column * wide : (column + 1) * wide - 1]
        np.testing.assert_array_equal(cell[frame:-frame, frame:-frame], image)
        np.testing.assert_allclose(cell[0, 0], to_rgb((NO_GROUP, *GROUPS)[group + 1]))
    assert (picture[:tall, wide : 2 * wide - 1] == 1).all(), "a free cell"


@pytest.mark.parametrize("color", [1, 3])
def test_it_is_printable_in_gray_and_in_color(color: int) -> None:
    figure = thumbnails(IMAGES[..., :color], CELLS, (3, 4), CLASSES, [f"class {n}" for n in range(10)])
    assert_printable(figure)
    assert "class 9" in words(figure)
    assert_printable(thumbnails(IMAGES[..., :color], CELLS, (3, 4), np.full(5, -1), []))


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: thumbnails(IMAGES, CELLS, (3, 4), CLASSES, ["a", "b"]), tmp_path)


def test_shared_cells_and_other_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"5 images share 1 cells, expected one for each; take them from .*grid_cells"):
        thumbnails(IMAGES, np.zeros((5, 2), int), (3, 4), CLASSES, [])
    with pytest.raises(ValueError, match=r"Images have values in 1.* to .*, expected 0 to 1; scale them"):
        thumbnails(IMAGES + 1, CELLS, (3, 4), CLASSES, [])
