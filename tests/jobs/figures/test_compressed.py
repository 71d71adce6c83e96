"""Figures of compressed networks: the front of a trade-off, shrinking bars, shared values among the weights."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from jobs.figures.codebooks import Codebooks, codebooks
from jobs.figures.shrinking import Shrinking, shrinking
from jobs.figures.trade_off import Series, front, trade_off
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

COST, LOSS = np.array([10.0, 20.0, 40.0, 80.0, 15.0]), np.array([5.0, 3.0, 3.5, 1.0, 6.0])


def series() -> Series:
    return Series("lenet", COST, LOSS, [f"setting {number}" for number in range(5)], 0.9)


def test_the_front_holds_what_nothing_beats() -> None:
    assert front(COST, LOSS).tolist() == [True, True, False, True, False]
    assert front(np.array([1.0, 1.0]), np.array([2.0, 2.0])).tolist() == [True, True], "equal points do not beat"


def test_where_names_crowd_those_of_the_front_are_written_first() -> None:
    figure = trade_off([series()], x_label="size (kB)", y_label="error (%)")
    assert {f"setting {number}" for number in range(5)} | {"uncompressed", "lenet"} <= set(words(figure))
    assert figure.axes[0].get_xscale() == "log"
    cost = np.append(10.0 + np.arange(30) / 100, 80.0)
    crowd = Series("lenet", cost, np.full(31, 3.0), [f"crowd {number}" for number in range(31)])
    crowd.loss[12] = 2.999
    assert "crowd 12" in words(trade_off([crowd], x_label="size (kB)", y_label="error (%)"))


@pytest.mark.parametrize(("low", "high"), [(10.0, 11.9), (64.0, 165.0), (3.0, 70.0), (1.0, 9000.0)])
def test_an_axis_of_sizes_names_at_least_three(low: float, high: float) -> None:
    cost = np.array([low, high])
    axes = trade_off([Series("a", cost, cost)], x_label="size (kB)", y_label="error (%)").axes[0]
    left, right = axes.get_xlim()
    named = [tick.get_text() for tick, at in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
             if left <= at <= right]  # fmt: skip
    assert 3 <= len(named) <= 10
    assert all(named)


def test_names_stay_on_the_page_and_off_each_other() -> None:
    one = Series("lenet", COST, LOSS, ["a setting of a long name"] * 5, draws=np.stack([LOSS - 0.1, LOSS + 0.1]))
    figure = trade_off([one], x_label="size (kB)", y_label="error (%)", joined=False)
    assert words(figure).count("a setting of a long name") == 5
    assert_printable(figure)
    near = np.append(10.0 + np.arange(30) / 100, 80.0)
    crowd = trade_off([Series("lenet", near, near, ["near"] * 31)], x_label="size", y_label="error", joined=False)
    assert 2 <= words(crowd).count("near") < 10
    assert_printable(crowd)


def test_costs_of_zero_and_no_points_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no points to draw"):
        trade_off([], x_label="", y_label="")
    with pytest.raises(ValueError, match="A cost is not above 0"):
        trade_off([Series("a", np.array([0.0]), np.array([1.0]))], x_label="", y_label="")


def shrinking_net() -> Shrinking:
    return Shrinking("lenet, 10 %", ["dense", "pruned", "the file"], [1e6, 2e5, 2e4])


def test_bars_are_as_long_as_the_sizes_and_say_how_many_times_smaller() -> None:
    figure = shrinking([shrinking_net(), shrinking_net()])
    bars = [patch.get_width() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert bars == [1e6, 2e5, 2e4] * 2
    assert {"1 MB", "200 kB   5.0 x", "20 kB   50.0 x"} <= set(words(figure))
    assert_printable(figure)


def test_sizes_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="a size above 0"):
        shrinking([Shrinking("a", ["dense"], [0.0])])


def shared_values() -> Codebooks:
    counts, edges = np.histogram(np.random.default_rng(0).normal(0, 0.1, 1000), bins=50)
    row = np.linspace(-0.3, 0.3, 8)
    return Codebooks(counts, edges, [("linear start", row), ("after k-means", np.append(row[:-1] * 0.8, np.nan))])


def test_density_integrates_to_one_and_rows_hold_their_values() -> None:
    figure = codebooks(shared_values())
    density, cumulative, rows = figure.axes
    area = sum(patch.get_width() * patch.get_height() for patch in density.patches if isinstance(patch, Rectangle))
    assert area == pytest.approx(1.0)
    assert np.asarray(cumulative.lines[0].get_ydata())[-1] == pytest.approx(1.0)
    drawn = [len(each.get_segments()) for each in rows.collections]  # type: ignore[attr-defined]
    assert drawn == [8, 7], "NaN is no value"
    assert {"linear start", "after k-means", "weight"} <= set(words(figure))
    with pytest.raises(ValueError, match="There are no shared values"):
        codebooks(Codebooks(np.ones(1), np.array([0.0, 1.0]), []))


def test_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: trade_off([series()], x_label="size", y_label="error"), tmp_path / "a")
    assert_same_bytes(lambda: shrinking([shrinking_net()]), tmp_path / "b")
    assert_same_bytes(lambda: codebooks(shared_values()), tmp_path / "c")
