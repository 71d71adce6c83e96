"""Alignment matrices: words on both axes, weights as given, a frame on every true link, equal cells in all."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from jobs.figures.alignments import Aligned, alignments
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

RNG = np.random.default_rng(5)
READ = ["2015", ".", "szeptember", "14", "csütörtök", ","]
WRITTEN = ["ketvirtadienis", "m", ".", "rugsėjo", "2015"]


def some(count: int) -> list[Aligned]:
    found = []
    for number in range(count):
        source, target = READ[: 3 + number % 4], WRITTEN[: 5 - number % 3]
        sure = RNG.random((len(target), len(source))) < 0.3
        weights = RNG.dirichlet(np.ones(len(source)), len(target))
        found.append(Aligned(f"text {number}", weights, source, target, sure, RNG.random(sure.shape) < 0.3))
    return found


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_matrix_has_its_words_and_weights(count: int) -> None:
    given = some(count)
    figure = alignments(given)
    assert_printable(figure)
    said = words(figure)
    sides = []
    for one, drawn in zip(given, pictures(figure), strict=True):
        np.testing.assert_array_equal(np.asarray(drawn.get_array()), one.weights)
        assert (drawn.norm.vmin, drawn.norm.vmax) == (0.0, 1.0)
        assert [label.get_text() for label in drawn.axes.get_xticklabels()] == one.source
        assert [label.get_text() for label in drawn.axes.get_yticklabels()] == one.target
        assert one.title in said
        box, (wide, tall) = drawn.axes.get_position(), figure.get_size_inches()
        sides += [box.width * wide / len(one.source), box.height * tall / len(one.target)]
    np.testing.assert_allclose(sides, sides[0])


def test_links_are_framed_and_those_that_are_not_sure_dashed() -> None:
    one = some(1)[0]
    (drawn,) = pictures(alignments([one]))
    frames = [patch for patch in drawn.axes.patches if isinstance(patch, Rectangle)]
    found = {(round(frame.get_y() + 0.5), round(frame.get_x() + 0.5)): frame.get_linestyle() for frame in frames}
    expected = {tuple(at): bool(one.sure[tuple(at)]) for at in np.argwhere(one.sure | one.possible).tolist()}
    assert {place: style in ("-", "solid") for place, style in found.items()} == expected
    assert len(set(expected.values())) == 2


def test_the_same_drawing_has_the_same_bytes(tmp_path: Path) -> None:
    given = some(3)
    assert_same_bytes(lambda: alignments(given), tmp_path)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="no alignments to draw"):
        alignments([])
    one = some(1)[0]
    wrong = Aligned("odd", one.weights, one.source[1:], one.target, one.sure, one.possible)
    with pytest.raises(
        ValueError, match=r"Alignment 'odd' has weights \(5, 3\) and links .* for 5 words written and 2"
    ):
        alignments([wrong])
