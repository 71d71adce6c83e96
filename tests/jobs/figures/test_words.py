"""Captions over maps: one panel a word, the right word underlined, map over picture, the box at its place."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from jobs.figures.style import ORANGE, VERMILION, WIDTH
from jobs.figures.words import Spoken, word_panels
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, drawn_texts, pictures

RNG = np.random.default_rng(7)
CAPTION = ["a", "seven", "left", "of", "a", "three"]


def spoken(words: list[str], side: int = 32) -> Spoken:
    count = len(words)
    boxes = [(0.25, 0.5, 0.5, 0.75) if word == "seven" else None for word in words]
    right = [word != "left" for word in words]
    return Spoken(RNG.uniform(0, 1, (side, side)), words, RNG.dirichlet(np.ones(64), count).reshape(count, 8, 8), boxes,
                  right)  # fmt: skip


@pytest.mark.parametrize("rows", [[CAPTION], [CAPTION[:4], CAPTION], [["a"]], [[*CAPTION, "and", "of", "nothing"]]])
def test_each_map_lies_over_its_picture(rows: list[list[str]]) -> None:
    given = [spoken(words) for words in rows]
    figure = word_panels(given)
    assert_printable(figure)
    shown = pictures(figure)
    expected = [(one, number) for one in given for number in range(len(one.words))]
    assert len(shown) == 2 * len(expected)
    for (one, number), picture, over in zip(expected, shown[::2], shown[1::2], strict=True):
        np.testing.assert_array_equal(np.asarray(picture.get_array()), one.picture)
        np.testing.assert_array_equal(np.asarray(over.get_array()), one.maps[number])
        assert over.get_alpha() == 0.5
        assert over.norm.vmax == one.maps[number].max()
        assert picture.axes is over.axes
        assert picture.get_extent() == over.get_extent()


def test_the_word_of_a_panel_is_underlined_there_and_no_other() -> None:
    one = spoken(CAPTION)
    figure = word_panels([one])
    page = figure.get_figheight()
    lines = [artist for artist in figure.get_children() if isinstance(artist, Line2D)]
    texts = [text for text in drawn_texts(figure) if text.get_text() in CAPTION]
    assert len(lines) == len(CAPTION)
    assert len(texts) == len(CAPTION) ** 2
    for number, line in enumerate(lines):
        left, right = np.asarray(line.get_xdata(), float)
        y = np.asarray(line.get_ydata(), float)[0]
        over = [
            text for text in texts
            if abs(text.get_position()[0] - left) < 0.001 and 0 < (text.get_position()[1] - y) * page < 0.1
        ]  # fmt: skip
        assert [text.get_text() for text in over] == [CAPTION[number]]
        box = over[0].get_window_extent()
        assert (right - left) * WIDTH * figure.dpi == pytest.approx(box.width, abs=3)
        assert (line.get_color() == ORANGE) == (CAPTION[number] == "left")


def test_the_box_of_what_a_word_names_is_framed() -> None:
    figure = word_panels([spoken(CAPTION)])
    frames = {
        number: patch
        for number, axes in enumerate({image.axes: None for image in pictures(figure)})
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }
    assert list(frames) == [1]
    frame = frames[1]
    assert (frame.get_x(), frame.get_y(), frame.get_width(), frame.get_height()) == (16, 8, 8, 8)
    assert same_color(frame.get_edgecolor(), VERMILION)


def test_the_same_drawing_has_the_same_bytes(tmp_path: Path) -> None:
    one = spoken(CAPTION)
    assert_same_bytes(lambda: word_panels([one]), tmp_path)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="no captions to draw"):
        word_panels([])
    one = spoken(CAPTION)
    with pytest.raises(ValueError, match="Caption 'a seven' has 2 words, 6 maps, 6 boxes and 6 marks; give one a word"):
        word_panels([Spoken(one.picture, ["a", "seven"], one.maps, one.boxes, one.right)])
