"""Loss curves: held-out, fit and floor as given, on shared axes that show every loss up to 2."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from jobs.figures.loss_curves import HIGHEST, LossPath, loss_curves
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, words

RNG = np.random.default_rng(2)


def path(title: str = "conv1", units: float = 96, penalties: int = 8) -> LossPath:
    used = np.geomspace(units, 1.5, penalties)
    held_out = 1 - 0.6 * (1 - np.exp(-used / 8)) + 0.1 * used / units
    ends = held_out - 0.02, held_out + 0.02
    return LossPath(title, used, held_out - 0.05 * used / units, held_out, *ends, 1 + 0.1 * used / units, 0)


def line(axes: Axes, *, style: str = "-", marker: str = "None") -> tuple[np.ndarray, np.ndarray]:
    found = [line for line in axes.get_lines() if (line.get_linestyle(), line.get_marker()) == (style, marker)]
    return np.asarray(found[-1].get_xdata()), np.asarray(found[-1].get_ydata())


@pytest.mark.parametrize("count", [1, 3, 5, 16])
def test_every_panel_holds_its_path_from_few_units_to_many(count: int) -> None:
    given = [path(f"layer{number}.1.bn2", 2.0 ** (number % 8 + 2)) for number in range(count)]
    figure = loss_curves(given)
    assert_printable(figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    for axes, layer in zip(shown, given, strict=True):
        order = np.argsort(layer.used)
        np.testing.assert_array_equal(line(axes, marker="o"), (layer.used[order], layer.held_out_loss[order]))
        np.testing.assert_array_equal(line(axes), (layer.used[order], layer.fit_loss[order]))
        np.testing.assert_array_equal(line(axes, style="--"), (layer.used[order], layer.floor[order]))
        np.testing.assert_array_equal(line(axes, style="None", marker="D"), (layer.used[:1], layer.held_out_loss[:1]))
        ends = np.array([bar.vertices[:, 1] for bar in axes.collections[0].get_paths()])  # type: ignore[index]
        np.testing.assert_array_equal(ends, np.stack([layer.low, layer.high], axis=1))
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in shown}) == 1
    assert shown[0].get_ylim()[0] == 0.0
    assert "no correlation" in words(figure)


def test_a_path_that_ends_without_units_is_shown_whole() -> None:
    used = np.array([64.0, 8.0, 0.5, 0.0])
    axes = loss_curves([replace(path(penalties=4), used=used)]).axes[0]
    assert axes.get_xlim()[0] < 0.0
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks[:3] == ["0", "1", "3"]
    assert loss_curves([path()]).axes[0].get_xlim()[0] == 0.9


def test_losses_beyond_the_axes_stand_at_the_edge() -> None:
    given = path()
    given.held_out_loss[0] = 40.0
    figure = loss_curves([given])
    axes = figure.axes[0]
    np.testing.assert_array_equal(line(axes, style="None", marker="^"), ([given.used[0]], [HIGHEST]))
    assert axes.get_ylim()[1] == pytest.approx(1.04 * HIGHEST)
    assert "above 2" in words(figure)
    assert "above 2" not in words(loss_curves([path()]))


def test_published_points_are_hollow_and_named() -> None:
    published = np.array([96.0, 4.7]), np.array([0.34, 0.47])
    figure = loss_curves([replace(path(), reference_used=published[0], reference_loss=published[1])], reference="Li")
    np.testing.assert_array_equal(line(figure.axes[0], style="None", marker="s"), published)
    assert figure.axes[0].get_lines()[-2].get_markerfacecolor() == "none"
    assert "Li" in words(figure)


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    given = [path("conv1"), path("conv2", 256)]
    assert_same_bytes(lambda: loss_curves(given), tmp_path)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no loss paths"):
        loss_curves([])
    with pytest.raises(ValueError, match=r"'conv1' has arrays of \[8, 8, 8, 8, 8, 3\]"):
        loss_curves([replace(path(), floor=np.ones(3))])
    with pytest.raises(ValueError, match="marks penalty 8; give an index in 0-7"):
        loss_curves([replace(path(), unpenalized=8)])
    with pytest.raises(ValueError, match=r"\[2, None\] reference"):
        loss_curves([replace(path(), reference_used=np.ones(2))])
