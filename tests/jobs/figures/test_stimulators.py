"""Strongest stimulators: crops on the left, what the unit sees of them on the right, in one order and one size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.figures.stimulators import Stimulators, stimulators
from jobs.figures.style import WIDTH
from jobs.figures.tiles import mosaic
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words


def unit(images: int = 9, side: int = 6, color: int = 3, title: str = "net features.12 #408: 91.2 to 45.7") -> Any:
    crops, backward = np.random.default_rng(images).uniform(0, 1, (2, images, side, side, color))
    return Stimulators(title, crops, backward)


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("color", [1, 3])
def test_each_unit_shows_its_crops_beside_its_backward_images(count: int, color: int) -> None:
    units = [unit(number + 1, color=color, title=f"a conv1 #{number}") for number in range(count)]
    figure = stimulators(units)
    assert words(figure) == [one.title for one in units]
    for image, one in zip(pictures(figure), units, strict=True):
        columns = int(np.ceil(np.sqrt(len(one.crops))))
        left, right = (mosaic(images, columns=columns) for images in (one.crops, one.backward))
        shown = np.asarray(image.get_array()).reshape(left.shape[0], -1, color)
        np.testing.assert_array_equal(shown[:, : left.shape[1]], left)
        np.testing.assert_array_equal(shown[:, -right.shape[1] :], right)
        assert (shown[:, left.shape[1] : -right.shape[1]] == 1).all(), "white between them"
        assert image.get_clim() == (0, 1)
    assert_printable(figure)


def test_pixels_are_square_and_units_of_one_size_in_line() -> None:
    figure = stimulators([unit(9), unit(4), unit(1, side=20)])
    boxes = [axes.get_position() for axes in figure.axes]
    for image, box in zip(pictures(figure), boxes, strict=True):
        rows, columns = np.asarray(image.get_array()).shape[:2]
        assert box.width * WIDTH / columns == pytest.approx(box.height * figure.get_figheight() / rows)
    assert boxes[0].y1 == pytest.approx(boxes[1].y1)
    assert boxes[0].x0 == pytest.approx(boxes[2].x0)
    assert boxes[2].y1 < min(boxes[0].y0, boxes[1].y0)


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: stimulators([unit(4), unit(3)]), tmp_path)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="no units to draw"):
        stimulators([])
    uneven = Stimulators("conv1 #3", unit(4).crops, unit(3).backward)
    with pytest.raises(ValueError, match=r"conv1 #3 has crops of shape \(4, 6, 6, 3\) and backward images of \(3, "):
        stimulators([unit(), uneven])
