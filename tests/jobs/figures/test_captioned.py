"""Pictures with captions: each with its own text, pixels square, nothing cut off."""

import numpy as np
import pytest

from jobs.figures.captioned import Captioned, captioned
from tests.jobs.figures.printed import assert_printable, pictures, words

RNG = np.random.default_rng(4)


def some(count: int, color: int = 3) -> list[Captioned]:
    sizes = [(7 + 3 * number, 30) for number in range(count)]
    return [
        Captioned(f"net {n}", RNG.uniform(0, 1, (*size, color)), f"conv1: {n}\nblack to white: 1")
        for n, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(("count", "columns", "color"), [(1, 3, 3), (2, 2, 1), (7, 3, 3)])
def test_every_picture_is_there_with_its_words(count: int, columns: int, color: int) -> None:
    given = some(count, color)
    figure = captioned(given, columns=columns, note="mid-gray is zero")
    assert_printable(figure)
    for one, drawn in zip(given, pictures(figure), strict=True):
        np.testing.assert_array_equal(np.asarray(drawn.get_array()), np.squeeze(one.picture))
        box = drawn.axes.get_position()
        wide, tall = figure.get_size_inches()
        rows, across = one.picture.shape[:2]
        assert box.width * wide / across == pytest.approx(box.height * tall / rows)
    said = words(figure)
    assert {f"net {number}" for number in range(count)} <= set(said)
    assert said.count("black to white: 1") == count
    assert "mid-gray is zero" in said


def test_a_picture_stands_below_its_own_title() -> None:
    figure = captioned(some(4), columns=2)
    titles = [text for text in figure.texts if text.get_text().startswith("net ")]
    for title, drawn in zip(titles, pictures(figure), strict=True):
        box, (x, y) = drawn.axes.get_position(), title.get_position()
        assert x == pytest.approx(box.x0)
        assert 0 < y - box.y1 < 0.6 / figure.get_figheight()


def test_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        captioned([], columns=2)
