"""Maps side by side: printable whatever overlaps, one color a group, its name among its points, pairs joined."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

from jobs.figures.embedding_scatter import GROUPS, NO_GROUP, Scatter, apart, scatters
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def panel(title: str = "t-SNE", spread: float = 20.0, pairs: int = 0) -> Scatter:
    """Ten groups on a circle, closer than their names are wide where `spread` is small."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 30)
    around = np.stack([np.cos(groups * np.pi / 5), np.sin(groups * np.pi / 5)], 1)
    y = generator.normal(size=(300, 2)) + spread * around
    joined = np.stack([np.arange(pairs), 299 - np.arange(pairs)], 1)
    strength = np.linspace(1, 0, pairs)
    return Scatter(title, "kept 0.48, of placed 0.42", y, groups, np.arange(300) % 4 == 0, joined, strength)


def labels(axes: Axes) -> list[Text]:
    """Names at points; the renderer draws texts with a halo as paths, which `words` does not see."""
    return [text for text in axes.texts if text.get_path_effects()]


@pytest.mark.parametrize("count", [1, 2, 4, 5])
@pytest.mark.parametrize("spread", [0.0, 20.0])
def test_any_number_of_maps_is_printable(count: int, spread: float) -> None:
    figure = scatters([panel(f"method {n}", spread) for n in range(count)], NAMES)
    assert_printable(figure)
    size = figure.get_size_inches()
    for axes in figure.axes:
        box, frame = axes.get_position(), axes.get_window_extent()
        assert box.width * size[0] == pytest.approx(box.height * size[1]), "distances are true"
        named = [(text.get_text(), text.get_window_extent()) for text in labels(axes)]
        assert [name for name, _ in named] == NAMES
        assert all(frame.x0 <= at.x0 and at.x1 <= frame.x1 and frame.y0 <= at.y0 < at.y1 <= frame.y1 for _, at in named)
        for (_, one), (_, other) in combinations(named, 2):
            assert one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0


def test_colors_are_those_of_the_groups() -> None:
    shown = panel()
    groups = np.where(shown.groups == 9, -1, shown.groups)
    figure = scatters([Scatter("t-SNE", "", shown.y, groups, np.zeros(300, bool))], NAMES[:9])
    (dots, _) = (found for found in figure.axes[0].collections if isinstance(found, PathCollection))
    colors = [to_hex(color) for color in np.asarray(dots.get_facecolor())]
    for color in (*GROUPS[:9], NO_GROUP):
        assert colors.count(color) == 30
    assert {"others", "airplane"} <= set(words(figure))
    assert "truck" not in words(figure)
    assert "placed" not in words(figure)


def test_names_stand_at_medians_where_there_is_room() -> None:
    shown = panel(spread=200.0)
    inside = 0
    for number, text in enumerate(labels(scatters([shown], NAMES).axes[0])):
        median = np.median(shown.y[shown.groups == number], axis=0)
        inside += bool(np.allclose(text.get_position(), median, atol=1e-6))
    assert inside >= 8, "automobile and truck may be moved off the frame"


def test_matches_are_joined_the_stronger_the_darker() -> None:
    figure = scatters([panel(pairs=5)], NAMES, labeled=False)
    (lines,) = (found for found in figure.axes[0].collections if isinstance(found, LineCollection))
    assert len(lines.get_segments()) == 5
    opacity = np.asarray(lines.get_color())[:, 3]
    assert (np.diff(opacity) < 0).all()
    assert not labels(figure.axes[0])
    assert "match, darker: stronger" in words(figure)


def test_an_outlier_does_not_shrink_the_map() -> None:
    shown = panel()
    y = np.concatenate([np.tile(shown.y, (10, 1)), [[1e6, 1e6]]])
    groups, placed = np.append(np.tile(shown.groups, 10), 0), np.zeros(3001, bool)
    left, right = scatters([Scatter("t-SNE", "", y, groups, placed)], NAMES).axes[0].get_xlim()
    assert right - left < 3 * np.ptp(shown.y)


def test_boxes_are_pushed_apart_inside_the_frame() -> None:
    centers, sizes, frame = np.zeros((8, 2)) + 50, np.tile([30.0, 10.0], (8, 1)), np.array([0.0, 0.0, 200.0, 200.0])
    found = apart(centers, sizes, frame)
    between = np.abs(found[:, None] - found[None])
    assert ((between >= sizes[0]).any(2) | np.eye(8, dtype=bool)).all()
    assert (found - sizes / 2 >= 0).all()
    assert (found + sizes / 2 <= 200).all()


def test_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: scatters([panel(pairs=3)], NAMES), tmp_path)


def test_no_maps_and_too_many_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="no maps"):
        scatters([], NAMES)
    with pytest.raises(ValueError, match="11 groups are to be told apart and there are 10 colors"):
        scatters([panel()], [*NAMES, "more"])
