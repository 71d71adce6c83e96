"""Windows and their fill: placement at the border, spaces of the fill, and what does not fit."""

import pytest
import torch

from analysis.attribution.occluder import Occluder, normalized, windows_of


@pytest.mark.parametrize(
    ("window", "stride", "size", "expected"),
    [
        (32, 8, 224, [(first, first + 32) for first in range(0, 193, 8)]),
        (3, 2, 8, [(0, 3), (2, 5), (4, 7), (6, 8)]),
        (8, 5, 8, [(0, 8)]),
        (1, 3, 8, [(0, 1), (3, 4), (6, 7)]),
        (2, 100, 8, [(0, 2)]),
    ],
)
def test_windows_reach_the_border_and_end_there(
    window: int, stride: int, size: int, expected: list[tuple[int, int]]
) -> None:
    occluder = Occluder(window, stride)
    assert [tuple(span) for span in occluder.rows(size).tolist()] == expected
    assert [tuple(span) for span in occluder.columns(size).tolist()] == expected


def test_height_and_width_have_numbers_of_their_own() -> None:
    occluder = Occluder((2, 4), (1, 3))
    assert occluder.rows(4).tolist() == [[0, 2], [1, 3], [2, 4]]
    assert occluder.columns(7).tolist() == [[0, 4], [3, 7]]


def test_windows_of_images_are_row_by_row_and_one_image_after_another() -> None:
    occluder = Occluder((2, 4), (1, 3))
    region, image = windows_of(occluder.rows(4), occluder.columns(7), 2)
    assert image.tolist() == [0] * 6 + [1] * 6
    assert region.rows[:6, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert region.columns[6:, 0].tolist() == [0, 3] * 3
    assert set(region.areas) == {8}


def test_black_before_normalization_is_the_fill_after_it() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    pixels = torch.rand(1, 3, 4, 4)
    pixels[:, :, :2] = 0
    after = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    torch.testing.assert_close(Occluder(2, 1, normalized(0, mean, std)).color(after), after[0, :, 0, 0])
    assert normalized(mean, mean, std) == (0, 0, 0)
    assert Occluder(2, 1, 0.5).color(pixels.double()).tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        (0, 1, r"^The occluder's window is 0: give at least 1 pixel\.$"),
        ((4, -1), 1, r"^The occluder's window is \(4, -1\): give at least 1 pixel\.$"),
        (4, 0, r"^The occluder's stride is 0: give at least 1 pixel\.$"),
    ],
)
def test_numbers_below_one_are_refused(window: int, stride: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Occluder(window, stride)


def test_what_does_not_fit_the_images_is_refused() -> None:
    images = torch.zeros(1, 3, 8, 6)
    with pytest.raises(ValueError, match=r"^The occluder is 7 pixels wide, the images 6: choose a smaller window\.$"):
        Occluder(7, 1).columns(6)
    with pytest.raises(ValueError, match=r"^The occluder is 9 pixels high, the images 8: choose a smaller window\.$"):
        Occluder((9, 1), 1).rows(8)
    with pytest.raises(ValueError, match=r"^The fill has 2 values for 3 colors: give one for each\.$"):
        Occluder(2, 1, (0.0, 1.0)).color(images)
