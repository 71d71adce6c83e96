"""Tiles: pixels where they belong, one scale, labels beside the right picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from jobs.figures.tiles import Pairs, drawn_note, mosaic, paired_filters, tiles

RNG = np.random.default_rng(5)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 5))
def test_tiles_can_be_cut_out_of_the_mosaic_again(
    count: int, height: int, width: int, color: int, columns: int
) -> None:
    images = np.random.default_rng(count).uniform(0.0, 0.9, (count, height, width, color))
    picture = mosaic(images, columns=columns)
    rows = -(-count // columns)
    padded = np.ones((rows * (height + 1), columns * (width + 1), color))
    padded[:-1, :-1] = picture
    cells = (
        padded.reshape(rows, height + 1, columns, width + 1, color)
        .swapaxes(1, 2)
        .reshape(-1, height + 1, width + 1, color)
    )
    np.testing.assert_array_equal(cells[:count, :-1, :-1], images)
    assert (cells[:, -1] == 1.0).all()
    assert (cells[:, :, -1] == 1.0).all()
    assert (cells[count:] == 1.0).all()


def pairs(title: str, count: int, side: int = 3, color: int = 3) -> Pairs:
    filters_a, filters_b = RNG.uniform(0, 1, (2, count, side, side, color))
    return Pairs(title, filters_a, filters_b, np.linspace(0.9, -0.2, count), range(count), range(100, 100 + count))


@pytest.mark.parametrize(("count", "color"), [(8, 3), (8, 1), (2, 3), (12, 1)])
def test_paired_filters_share_one_scale_and_carry_their_numbers(count: int, color: int) -> None:
    blocks = [pairs("best", count, color=color), pairs("worst", count, side=7, color=color)]
    figure = paired_filters(blocks, name_a="a", name_b="b", note=drawn_note(color))
    pictures = [image for axes in figure.axes for image in axes.get_images()]
    assert len(pictures) == 4
    for picture, images in zip(
        pictures, [part for block in blocks for part in (block.filters_a, block.filters_b)], strict=True
    ):
        np.testing.assert_array_equal(np.asarray(picture.get_array()), np.squeeze(mosaic(images, columns=count)))
        assert picture.get_clim() == (0.0, 1.0)
        assert picture.get_interpolation() == "none"
    shown = texts(figure)
    assert shown.count("0.90") == shown.count("\N{MINUS SIGN}0.20") == 2
    assert shown.count(f"#{99 + count}") == 2
    assert drawn_note(color) in shown


def test_pixels_are_square() -> None:
    figure = tiles(RNG.uniform(0, 1, (5, 4, 9, 1)), columns=3)
    for axes in figure.axes:
        box = axes.get_position()
        rows, columns = np.asarray(axes.get_images()[0].get_array()).shape[:2]
        wide, tall = box.width * figure.get_figwidth() / columns, box.height * figure.get_figheight() / rows
        assert wide == pytest.approx(tall)


def test_labels_stand_under_the_middle_of_their_tile() -> None:
    images = np.zeros((3, 2, 2, 1))
    figure = tiles(images, ["one", "two", "three"], columns=3)
    box = figure.axes[0].get_position()
    centers = [box.x0 + box.width * (1 + 3 * number) / 8 for number in range(3)]
    assert [text.get_position()[0] for text in figure.texts] == pytest.approx(centers)
    assert all(text.get_position()[1] < box.y0 for text in figure.texts)


def test_an_undefined_correlation_is_said_to_be_so() -> None:
    block = pairs("one", 1)
    block.rho[0] = np.nan
    assert "undefined" in texts(paired_filters([block], name_a="a", name_b="b"))


@pytest.mark.parametrize(
    ("channels", "words"), [(1, "Weights, one"), (3, "red, green and blue"), (64, "Mean of the weights over the 64")]
)
def test_the_note_says_what_was_done_with_channels(channels: int, words: str) -> None:
    assert words in drawn_note(channels)
    assert "mid-gray is zero" in drawn_note(channels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 3, 3)), "have shape"),
        (np.zeros((0, 3, 3, 1)), "have shape"),
        (np.zeros((2, 3, 3, 4)), "have shape"),
        (np.full((2, 3, 3, 1), 1.5), "outside 0-1"),
        (np.full((2, 3, 3, 1), np.nan), "outside 0-1"),
    ],
)
def test_what_is_no_tile_is_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiles(images)


def test_parts_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels for 3 tiles"):
        tiles(np.zeros((3, 2, 2, 1)), ["a", "b"])
    whole = pairs("best", 3)
    uneven = Pairs("best", whole.filters_a, whole.filters_b[:2], whole.rho, whole.channels_a, whole.channels_b)
    with pytest.raises(ValueError, match=r"\[3, 2, 3, 3, 3\]"):
        paired_filters([uneven], name_a="a", name_b="b")
    with pytest.raises(ValueError, match="no filters"):
        paired_filters([], name_a="a", name_b="b")
