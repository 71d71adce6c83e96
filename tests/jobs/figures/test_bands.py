"""Quantile bands: channels in order of their medians, one channel shows too, other shapes are refused in one line."""

from pathlib import Path

import numpy as np
import pytest

from jobs.figures.bands import Bands, bands
from tests.jobs.figures.printed import assert_printable, assert_same_bytes


def layer(units: int, title: str = "conv1") -> Bands:
    values = np.random.default_rng(units).normal(size=(units, 500))
    return Bands(title, np.quantile(values, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99], axis=1).T)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_layer_has_a_panel(count: int) -> None:
    figure = bands([layer(number + 1, f"layer{number}") for number in range(count)])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [f"layer{number}" for number in range(count)]
    assert_printable(figure)


def test_medians_rise() -> None:
    axes = bands([layer(40)]).axes[0]
    medians = np.asarray(axes.lines[-1].get_ydata())
    assert (np.diff(medians) >= 0).all()
    assert axes.get_xlim() == (-0.5, 39.5)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no distributions to draw"):
        bands([])
    with pytest.raises(ValueError, match="7 a unit are drawn"):
        bands([Bands("conv1", np.zeros((3, 5)))])


def test_bands_hold_their_quantiles_and_every_channel_is_as_wide() -> None:
    shown = layer(9)
    axes = bands([shown]).axes[0]
    ordered = shown.quantiles[np.argsort(shown.quantiles[:, 3])]
    for area, (low, high) in zip(axes.collections, ((1, 5), (2, 4)), strict=True):
        (path,) = area.get_paths()
        x, y = np.asarray(path.vertices).T
        for channel, quantiles in enumerate(ordered):
            inside = y[(x >= channel - 0.5) & (x <= channel + 0.5)]
            assert quantiles[low] in inside
            assert quantiles[high] in inside
        assert (x.min(), x.max()) == (-0.5, 8.5)
        assert (y.min(), y.max()) == (ordered[:, low].min(), ordered[:, high].max())


def test_the_same_quantiles_give_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: bands([layer(5)]), tmp_path)
