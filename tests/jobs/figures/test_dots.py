"""Dot charts: every value, interval and control where it belongs, the first group on top."""

from pathlib import Path

import numpy as np
import pytest

from jobs.figures.dots import Control, Dots, dots
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

RNG = np.random.default_rng(6)
GROUPS = ["English to ISO 8601", "es to lt", "hu to tr", "five"]


def some(series: int, groups: int = 4) -> list[Dots]:
    values = RNG.uniform(0.1, 0.9, (series, groups))
    return [Dots(f"seed {number}", one, one - 0.08, one + 0.05) for number, one in enumerate(values)]


CONTROLS = [Control("another date, same languages", RNG.uniform(0, 1, 4)), Control("any other", RNG.uniform(0, 1, 4))]


@pytest.mark.parametrize(("series", "controls"), [(1, 0), (1, 1), (3, 1), (8, 2)])
def test_every_value_is_there(series: int, controls: int) -> None:
    given = some(series)
    figure = dots(GROUPS, given, CONTROLS[:controls], x_label="share of all", interval="95 % interval (Wilson)")
    assert_printable(figure)
    (axes,) = figure.axes
    drawn = [np.asarray(line.get_xdata()) for line in axes.lines]
    for values in (*(one.values for one in CONTROLS[:controls]), *(one.values for one in given)):
        assert any(np.array_equal(values, line) for line in drawn)
    ends = [segment[:, 0] for lines in axes.collections for segment in lines.get_segments()]  # type: ignore[attr-defined]
    expected = [(low, high) for one in given for low, high in zip(one.low, one.high, strict=True)]
    np.testing.assert_allclose(ends, expected)
    bottom, top = axes.get_ylim()
    assert bottom > top, "the first group is on top"
    said = words(figure)
    assert set(GROUPS[1:]) <= set(said)
    assert {"share of all", "95 % interval (Wilson)", "seed 0"} <= set(said)


def test_series_do_not_cover_each_other() -> None:
    figure = dots(GROUPS, some(4), [], x_label="x", interval="i")
    heights = np.array([line.get_ydata() for line in figure.axes[0].lines])
    assert np.abs(np.diff(np.sort(heights, axis=0), axis=0)).min() > 0.1
    assert np.abs(heights - np.arange(4)).max() < 0.5


def test_a_group_may_be_empty(tmp_path: Path) -> None:
    hole = np.array([0.1, np.nan, 0.3, 0.4])
    assert_same_bytes(lambda: dots(GROUPS, [Dots("a", hole, hole, hole)], [], x_label="x", interval="i"), tmp_path)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="no dots to draw"):
        dots(GROUPS, [], [], x_label="x", interval="i")
    with pytest.raises(ValueError, match="Series 'seed 0' does not hold one value for each of the 4 groups"):
        dots(GROUPS, some(1, groups=3), [], x_label="x", interval="i")
    with pytest.raises(ValueError, match="Series 'c' does not hold"):
        dots(GROUPS, some(1), [Control("c", np.zeros(2))], x_label="x", interval="i")
