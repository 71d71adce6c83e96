"""Curves by layer: every line sorted or as given, every floor dashed, axes shared."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jobs.figures.curves import Layer, Matched, Means, Pairing, depth, pairing_curves, sorted_correlations
from jobs.figures.style import WIDTH

RNG = np.random.default_rng(3)


def lines(axes: Axes) -> tuple[list[Line2D], list[Line2D]]:
    """Solid and dashed lines of a panel, its zero line left out."""
    every = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) > 2]
    return [line for line in every if line.get_linestyle() == "-"], [
        line for line in every if line.get_linestyle() == "--"
    ]


def layer(title: str, units: int) -> Layer:
    semi, bipartite, *floors = RNG.uniform(-0.2, 1.0, (4, units))
    return Layer(title, (Matched("semi-matching", semi, floors[0]), Matched("bipartite", bipartite, floors[1])))


@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_correlations_are_sorted_and_floors_dashed(count: int) -> None:
    layers = [layer(f"conv{number}", 8 * number) for number in range(1, count + 1)]
    figure = sorted_correlations(layers)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    for axes, given in zip(shown, layers, strict=True):
        solid, dashed = lines(axes)
        for line, floor, matched in zip(solid, dashed, given.matched, strict=True):
            np.testing.assert_array_equal(np.asarray(line.get_ydata()), np.sort(matched.values)[::-1])
            np.testing.assert_array_equal(np.asarray(floor.get_ydata()), np.sort(matched.floor)[::-1])
            assert line.get_color() == floor.get_color()
            assert np.asarray(line.get_xdata())[[0, -1]].sum() == pytest.approx(1.0)
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in shown}) == 1
    lowest = min(float(matched.values.min()) for given in layers for matched in given.matched)
    assert shown[0].get_ylim()[0] < lowest


def test_undefined_matches_leave_a_gap_at_the_end() -> None:
    values = np.array([0.2, np.nan, 0.9, 0.4])
    figure = sorted_correlations([Layer("fc", (Matched("semi-matching", values, np.zeros(4)),))])
    np.testing.assert_array_equal(np.asarray(lines(figure.axes[0])[0][0].get_ydata()), [0.9, 0.4, 0.2, np.nan])


def test_pairing_curves_show_share_floor_and_bottleneck() -> None:
    thresholds, share, floor = np.linspace(0, 1, 21), np.linspace(1, 0, 21), np.linspace(1, 0, 21) ** 4
    figure = pairing_curves(
        [Pairing("conv1", thresholds, share, floor, 0.35), Pairing("conv2", thresholds, share, floor)]
    )
    for axes, dots in zip(figure.axes, (1, 0), strict=True):
        (solid,), (dashed,) = lines(axes)
        np.testing.assert_array_equal(np.asarray(solid.get_ydata()), share)
        np.testing.assert_array_equal(np.asarray(dashed.get_ydata()), floor)
        assert [line.get_marker() for line in axes.get_lines()].count("o") == dots
    assert "bottleneck" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_depth_draws_means_intervals_and_floors() -> None:
    mean = np.array([0.9, 0.7, 0.5])
    series = [
        Means(name, mean - shift, mean - shift - 0.1, mean - shift + 0.1, mean * 0.1)
        for name, shift in (("semi", 0.0), ("bipartite", 0.1))
    ]
    axes = depth(["conv1", "conv2", "fc1"], series, y_label="mean correlation").axes[0]
    solid, dashed = lines(axes)
    for number, given in enumerate(series):
        np.testing.assert_array_equal(np.asarray(solid[number].get_ydata()), given.mean)
        np.testing.assert_array_equal(np.asarray(dashed[number].get_ydata()), given.floor)
        ends = np.array([path.vertices[:, 1] for path in axes.collections[number].get_paths()])  # type: ignore[index]
        np.testing.assert_array_equal(ends, np.stack([given.low, given.high], axis=1))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["conv1", "conv2", "fc1"]


def test_long_names_stay_inside() -> None:
    layers = [f"features.{number}.denseblock.conv" for number in range(12)]
    ones = np.linspace(0.9, 0.2, 12)
    figure = depth(
        layers,
        [Means(name, ones, ones, ones, ones) for name in ("semi-matching, A to B", "bipartite matching")],
        y_label="mean",
    )
    figure.draw_without_rendering()
    bounds = figure.get_tightbbox()
    assert bounds.x0 >= -0.02
    assert bounds.x1 <= WIDTH + 0.02


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (2, 3)), (8, (2, 4)), (9, (3, 3))]
)
def test_panels_leave_few_places_empty(count: int, shape: tuple[int, int]) -> None:
    figure = sorted_correlations([layer("conv", 4)] * count)
    spec = figure.axes[0].get_subplotspec()
    assert spec is not None
    assert spec.get_gridspec().get_geometry() == shape
    assert sum(axes.get_visible() for axes in figure.axes) == count


def test_nothing_to_draw_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="no layers"):
        sorted_correlations([])
    with pytest.raises(ValueError, match="no layers"):
        pairing_curves([])
    with pytest.raises(ValueError, match="no layers"):
        depth([], [], y_label="mean")
    with pytest.raises(ValueError, match="one value for each of the 2 layers"):
        depth(["a", "b"], [Means("semi", one, one, one, one)], y_label="mean")
