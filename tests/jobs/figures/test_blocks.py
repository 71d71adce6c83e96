"""Block matrices: cells as given, a line between groups, strips that say which network a unit is from."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from jobs.figures.blocks import block_matrix
from jobs.figures.style import LINES
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, pictures, words

RNG = np.random.default_rng(6)
LIMITS = (-1.0, 1.0)


def blocks(sizes: list[int]) -> tuple[np.ndarray, list[int], np.ndarray]:
    units = sum(sizes)
    return (
        np.corrcoef(RNG.normal(size=(units, 3 * units + 2))).reshape(units, units),
        np.cumsum(sizes)[:-1].tolist(),
        RNG.integers(0, 2, units),
    )


@pytest.mark.parametrize("sizes", [[1], [3, 2], [20, 10, 5, 1, 1, 1, 1], list(range(40, 0, -1))])
def test_cells_lines_and_strips_are_as_given(sizes: list[int]) -> None:
    values, boundaries, sides = blocks(sizes)
    figure = block_matrix(values, boundaries, sides, ("torchvision-alexnet", "onnxzoo"), LIMITS, "correlation")
    assert_printable(figure)
    matrix, rows, columns = pictures(figure)
    np.testing.assert_array_equal(np.asarray(matrix.get_array()), values)
    np.testing.assert_array_equal(np.asarray(rows.get_array())[:, 0], sides)
    np.testing.assert_array_equal(np.asarray(columns.get_array())[0], sides)
    assert [to_hex(rows.to_rgba(np.array([[side]]))[0, 0]) for side in (0, 1)] == list(LINES[:2])
    drawn = [np.asarray(line.get_data()) for line in figure.axes[0].get_lines()]
    assert sorted(data[1, 0] for data in drawn if data[1, 0] == data[1, 1]) == [edge - 0.5 for edge in boundaries]
    assert sorted(data[0, 0] for data in drawn if data[0, 0] == data[0, 1]) == [edge - 0.5 for edge in boundaries]
    assert matrix.get_clim() == LIMITS


def test_groups_are_numbered_in_their_middle_and_thin_ones_left_out() -> None:
    values, boundaries, sides = blocks([10, 6, 80, 1, 1, 1, 1])
    axes = block_matrix(values, boundaries, sides, ("a", "b"), LIMITS, "correlation").axes[1]
    numbers = [label.get_text() for label in axes.get_yticklabels()]
    assert numbers == ["1", "2", "3", "4", "7"]
    assert axes.get_yticks()[:3].tolist() == [4.5, 12.5, 55.5]


@pytest.mark.parametrize("undefined", [True, False])
def test_undefined_cells_are_explained(undefined: bool) -> None:
    values, boundaries, sides = blocks([3, 2])
    if undefined:
        values[0] = np.nan
    shown = words(block_matrix(values, boundaries, sides, ("a", "b"), LIMITS, "correlation"))
    assert any(text.startswith("undefined") for text in shown) == undefined


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = blocks([6, 4, 2])
    assert_same_bytes(lambda: block_matrix(*given, ("a", "b"), LIMITS, "correlation"), tmp_path)


@pytest.mark.parametrize(
    ("shape", "boundaries", "sides", "message"),
    [
        ((3, 4), [1], [0, 1, 0], r"shape \(3, 4\) for 3 sides"),
        ((0, 0), [], [], r"shape \(0, 0\)"),
        ((3, 3), [2, 1], [0, 1, 0], r"\[2, 1\] do not ascend inside 0-3"),
        ((3, 3), [0], [0, 1, 0], r"\[0\] do not ascend"),
        ((3, 3), [3], [0, 1, 0], r"\[3\] do not ascend"),
        ((3, 3), [1], [0, 2, 0], r"Sides hold \[0, 2\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    shape: tuple[int, int], boundaries: list[int], sides: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        block_matrix(np.zeros(shape), boundaries, np.array(sides, dtype=int), ("a", "b"), LIMITS, "correlation")
