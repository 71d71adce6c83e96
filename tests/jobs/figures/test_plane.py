"""Panes of the plane: printable, the color of a class under its points, a boundary where two classes meet."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.contour import QuadContourSet

from jobs.figures.plane import SURE, UNSURE, Pane, plane_frame, plane_panes
from jobs.figures.style import BLUE, VERMILION, WIDTH
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words


def pane(number: int = 0, classes: int = 2, cells: int = 20) -> Pane:
    """Class 0 on the left of x = 0, the surer the farther; a third class, where there is one, above y = 0.5."""
    centers = (np.arange(cells) + 0.5) / cells * 2 - 1
    x, y = np.meshgrid(centers, centers)
    logits = np.stack([-3 * x, 3 * x, 20 * (y - 0.5)][:classes], axis=2)
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    lines = np.array([[[-1, -1], [1, 1]], [[0, -1], [0, 1]], np.full((2, 2), np.nan)])
    points = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.9]])[:classes]
    title = f"iteration {number}"
    return Pane(title, "99.7 %", (-1, 1, -1, 1), lines, shares.argmax(2), shares, points, np.arange(classes))


@pytest.mark.parametrize("count", [1, 2, 6, 7, 12, 13])
def test_any_number_of_panes_is_printable(count: int) -> None:
    figure = plane_panes([pane(9999 - number) for number in range(count)])
    assert_printable(figure)
    assert len(pictures(figure)) == count
    assert words(figure).count("99.7 %") == count
    boxes = [axes.get_position() for axes in figure.axes]
    size = figure.get_size_inches()
    assert all(box.width * size[0] == pytest.approx(box.height * size[1]) for box in boxes), "angles are true"
    assert max(box.x1 for box in boxes) * WIDTH < WIDTH


def test_twelve_panes_are_two_rows_of_six() -> None:
    bottoms = [round(axes.get_position().y0, 6) for axes in plane_panes([pane()] * 12).axes]
    assert [bottoms.count(bottom) for bottom in sorted(set(bottoms))] == [6, 6]


def test_colors_are_those_of_the_classes_and_grow_with_certainty() -> None:
    shown = np.asarray(pictures(plane_frame(pane()))[0].get_array())
    share = 1 - shown.min(axis=2)  # of blue and vermilion: both have a channel at 0
    assert (np.diff(share[0, :10]) < 0).all()
    assert (np.diff(share[0, 10:]) > 0).all()
    assert UNSURE < share.min() < share.max() < SURE
    for column, color in ((0, BLUE), (-1, VERMILION)):
        wanted = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
        np.testing.assert_allclose((1 - shown[3, column]) / share[3, column], 1 - wanted, atol=1e-6)


def test_lines_and_the_boundary() -> None:
    axes = plane_frame(pane()).axes[0]
    (drawn,) = (found for found in axes.collections if isinstance(found, LineCollection))
    assert [len(ends) for ends in drawn.get_segments()] == [2, 2, 0], "the third misses the box"
    (boundary,) = (found for found in axes.collections if isinstance(found, QuadContourSet))
    np.testing.assert_allclose(np.asarray(boundary.get_paths()[0].vertices)[:, 0], 0, atol=1e-9)


def test_three_classes_meet_and_one_class_has_no_boundary() -> None:
    for classes, boundaries in ((3, 3), (1, 0)):
        axes = plane_frame(pane(classes=classes)).axes[0]
        assert sum(isinstance(found, QuadContourSet) for found in axes.collections) == boundaries
    assert "class 2" in words(plane_panes([pane(classes=3)]))


def test_frames_have_one_size_and_are_printable() -> None:
    frames = [plane_frame(pane(number)) for number in (1, 9999)]
    assert len({tuple(frame.get_size_inches()) for frame in frames}) == 1
    assert set(words(frames[1])) == {"iteration 9999", "99.7 %"}


def test_the_same_panes_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: plane_panes([pane(1), pane(2)]), tmp_path)


def test_no_panes_are_refused() -> None:
    with pytest.raises(ValueError, match="no panes"):
        plane_panes([])
