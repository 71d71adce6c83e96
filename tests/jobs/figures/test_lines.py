"""Lines: as given, told apart, named where they end; graded ones dotted where they reach the threshold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from jobs.figures.lines import Line, lines
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

RNG = np.random.default_rng(8)
LABELS: dict[str, Any] = {"x_label": "layer", "y_label": "similarity"}
LAYERS = [f"layer{number // 4}.{number % 4 // 2}.bn{number % 2 + 1}" for number in range(30)]


def line(label: str, points: int = 8, last: float | None = None) -> Line:
    y = np.linspace(0.9, RNG.uniform(0.3, 0.9) if last is None else last, points)
    return Line(label, np.arange(points) * 1.0, y, y - 0.03, y + 0.03, RNG.uniform(0.0, 0.1, points))


def solid(axes: Axes, points: int = 8) -> list:
    return [drawn for drawn in axes.get_lines() if len(np.asarray(drawn.get_xdata())) == points][1:]  # 0: the floor


@pytest.mark.parametrize("count", [1, 3, 7, 10])
@pytest.mark.parametrize("points", [3, 30])
def test_named_lines_are_as_given_and_differ_in_look(count: int, points: int) -> None:
    given = [line(f"automobile {number}", points, 0.8) for number in range(count)]
    figure = lines(given, ticks=LAYERS[:points], **LABELS)
    assert_printable(figure)
    axes = figure.axes[0]
    drawn = solid(axes, points)
    for shown, wanted in zip(drawn, given, strict=True):
        np.testing.assert_array_equal(shown.get_ydata(), wanted.y)
        assert np.abs(shown.get_xdata() - wanted.x).max() < 0.5
    assert len({(shown.get_color(), shown.get_marker(), shown.get_linestyle()) for shown in drawn}) == count
    assert axes.get_xlim() == (-0.5, points - 0.5)
    assert {wanted.label for wanted in given} <= set(words(figure))


def test_names_stand_in_the_order_of_the_ends_and_near_them() -> None:
    ends = [0.5, 0.9, 0.1, 0.51, 0.52]
    axes = lines([line(str(end), last=end) for end in ends], **LABELS).axes[0]
    at = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert [name for name, _ in sorted(at.items(), key=lambda item: item[1])] == [str(end) for end in sorted(ends)]
    for name in ("0.1", "0.9"):  # alone: exactly where the line ends
        assert axes.transLimits.inverted().transform((0, at[name]))[1] == pytest.approx(float(name))


@pytest.mark.parametrize("count", [1, 4])
def test_floors_are_one_dashed_line_with_their_range(count: int) -> None:
    given = [line(str(number)) for number in range(count)]
    figure = lines(given, **LABELS)
    axes = figure.axes[0]
    floors = np.stack([wanted.floor for wanted in given if wanted.floor is not None])
    (dashed,) = [drawn for drawn in axes.get_lines() if drawn.get_linestyle() == "--"]
    np.testing.assert_allclose(np.asarray(dashed.get_ydata()), floors.mean(axis=0), rtol=1e-12)
    label = "noise floor (permuted images)" + (", mean and range" if count > 1 else "")
    assert label in words(figure)
    assert "noise floor" not in " ".join(words(lines([replace(given[0], floor=None)], **LABELS)))


@pytest.mark.parametrize("count", [1, 3, 30])
def test_graded_lines_are_dotted_where_they_first_reach_the_threshold(count: int) -> None:
    x = np.linspace(0, 1, 11)
    given = [Line(name, x, np.clip(0.2 + x / (0.5 + number / 20), 0, 1)) for number, name in enumerate(LAYERS[:count])]
    figure = lines(given, graded=True, threshold=0.9, **LABELS)
    assert_printable(figure)
    dots = [drawn for drawn in figure.axes[0].get_lines() if drawn.get_marker() == "o"]
    wanted = [(drawn.x[drawn.y >= 0.9][:1], drawn.y[drawn.y >= 0.9][:1]) for drawn in given if (drawn.y >= 0.9).any()]
    assert len(dots) == len(wanted)
    for dot, point in zip(dots, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(dot.get_xydata()).ravel(), np.ravel(point))
    (bar,) = figure.axes[0].child_axes
    assert bar.get_ylim() == (-0.5, count - 0.5)
    assert {LAYERS[0], "layer, input to output", "first point at 0.9 or above"} <= set(words(figure))


def test_lines_with_gaps_are_named_at_their_last_point() -> None:
    given = line("gap", last=0.4)
    given.y[-2:] = np.nan
    empty = replace(given, label="empty", y=np.full(8, np.nan))
    axes = lines([given, empty], **LABELS).axes[0]
    assert [text.get_text() for text in axes.texts] == ["gap"]


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = [line(str(number)) for number in range(9)]
    assert_same_bytes(lambda: lines(given, ticks=LAYERS[:8], **LABELS), tmp_path / "named")
    assert_same_bytes(lambda: lines(given, graded=True, threshold=0.5, **LABELS), tmp_path / "graded")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no lines"):
        lines([], **LABELS)
    with pytest.raises(ValueError, match=r"'a' has arrays of \[8, 8, 8, 8, 2\]"):
        lines([replace(line("a"), floor=np.zeros(2))], **LABELS)
    with pytest.raises(ValueError, match="ends at 7; 3 ticks name 0-2"):
        lines([line("a")], ticks=["a", "b", "c"], **LABELS)
