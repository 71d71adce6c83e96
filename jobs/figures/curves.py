"""How well do channels pair, layer by layer? Sorted matched correlations, pairing curves and means against depth.

Every line comes with its noise floor: the same quantity on permuted samples, dashed in the same color.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jobs.figures.style import LINES, MARKERS, SMALL, SOFT, WIDTH, canvas, styled

DASHES = (0, (3, 1.6))
INTERVAL = {"linewidth": 2.6, "alpha": 0.45}
Values = Float[np.ndarray, " units"]


@dataclass(frozen=True)
class Matched:
    """Correlation of every channel with its match under one matching, in any order."""

    label: str
    values: Values
    floor: Values
    """The same matching on permuted samples."""


@dataclass(frozen=True)
class Layer:
    """All matchings of one layer: one small panel."""

    title: str
    matched: tuple[Matched, ...]


@dataclass(frozen=True)
class Pairing:
    """One layer's Hopcroft-Karp curve: share of channels that pair one-to-one among pairs with rho at least t."""

    title: str
    thresholds: Float[np.ndarray, " thresholds"]
    share: Float[np.ndarray, " thresholds"]
    floor: Float[np.ndarray, " thresholds"]
    bottleneck: float | None = None
    """The largest threshold at which every channel (of the smaller side) still pairs."""


@dataclass(frozen=True)
class Means:
    """One number a layer with its bootstrap interval and noise floor, in the order of depth."""

    label: str
    mean: Float[np.ndarray, " layers"]
    low: Float[np.ndarray, " layers"]
    high: Float[np.ndarray, " layers"]
    floor: Float[np.ndarray, " layers"]


def sorted_correlations(layers: Sequence[Layer]) -> Figure:
    """Matched correlations, best first, against the share of channels, so that layers of any width compare.

    One panel a layer on shared axes; NaN (near-constant channels) sort last and leave a gap at the right.
    Raises ValueError for no layers.
    """
    with styled():
        figure, panels = _panels([layer.title for layer in layers])
        for axes, layer in zip(panels, layers, strict=True):
            axes.axhline(0.0, color=SOFT, linewidth=0.6)
            for number, matched in enumerate(layer.matched):
                # The first line is the widest: where two matchings agree, both colors show.
                color, width = LINES[number], max(3.2 - 1.8 * number, 1.4)
                axes.plot(*_descending(matched.values), color=color, linewidth=width)
                axes.plot(*_descending(matched.floor), color=color, linestyle=DASHES, linewidth=0.6 * width + 0.2)
        lines = [line for layer in layers for match in layer.matched for line in (match.values, match.floor)]
        panels[0].set(xlim=(0.0, 1.0), ylim=(min(map(_lowest, lines), default=0.0) - 0.04, 1.04))
        figure.supxlabel("share of channels, best match first", fontsize=SMALL)
        figure.supylabel("correlation with the match", fontsize=SMALL)
        _legend(figure, [matched.label for matched in layers[0].matched])
    return figure


def pairing_curves(layers: Sequence[Pairing]) -> Figure:
    """Share of channels paired one-to-one against the threshold, one panel a layer on shared axes.

    A dot marks the bottleneck where one is given. Raises ValueError for no layers.
    """
    with styled():
        figure, panels = _panels([layer.title for layer in layers])
        for axes, layer in zip(panels, layers, strict=True):
            axes.fill_between(layer.thresholds, layer.floor, layer.share, color=LINES[0], alpha=0.10, linewidth=0)
            axes.plot(layer.thresholds, layer.share, color=LINES[0])
            axes.plot(layer.thresholds, layer.floor, color=LINES[0], linestyle=DASHES, linewidth=1.1)
            if layer.bottleneck is not None and np.isfinite(layer.bottleneck):
                axes.plot([layer.bottleneck], [1.0], "o", color=LINES[1], markersize=5, clip_on=False, zorder=5)
        every = np.concatenate([layer.thresholds for layer in layers])
        panels[0].set(xlim=(float(every.min()), float(every.max())), ylim=(0.0, 1.04))
        figure.supxlabel("pairs with a correlation of at least", fontsize=SMALL)
        figure.supylabel("share of channels paired", fontsize=SMALL)
        dot = Line2D([], [], color=LINES[1], marker="o", markersize=5, linestyle="none", label="bottleneck")
        dots = [dot] if any(layer.bottleneck is not None for layer in layers) else []
        _legend(figure, ["paired one-to-one"], dots)
    return figure


def depth(layers: Sequence[str], means: Sequence[Means], *, y_label: str, highest: float = 1.0) -> Figure:
    """Means of every layer with their bootstrap intervals against depth, noise floors dashed.

    `highest` is the top of the y axis. Each of `means` holds one value a layer. Raises ValueError where a length
    differs from `layers` or nothing is given.
    """
    if not layers or not means:
        raise ValueError("There are no layers to draw; give at least one layer and one series of means.")
    for series in means:
        if not len(series.mean) == len(series.low) == len(series.high) == len(series.floor) == len(layers):
            raise ValueError(f"Series {series.label!r} does not hold one value for each of the {len(layers)} layers.")
    with styled():
        figure = canvas(3.0, layout="constrained")
        axes = figure.subplots()
        axes.grid(axis="y", visible=True)
        axes.axhline(0.0, color=SOFT, linewidth=0.6)
        for number, series in enumerate(means):
            _mean_line(axes, series, number, len(means))
        if _inches(max(layers, key=len)) > (WIDTH - 0.6) / len(layers):
            axes.set_xticks(range(len(layers)), layers, rotation=35, ha="right", rotation_mode="anchor")
        else:
            axes.set_xticks(range(len(layers)), layers)
        axes.set_xlim(-0.5, len(layers) - 0.5)
        axes.set_ylim(top=1.02 * highest)
        axes.set_ylabel(y_label)
        interval = Line2D([], [], color=SOFT, label="bootstrap interval over images", **INTERVAL)  # type: ignore[arg-type]
        _legend(figure, [series.label for series in means], [interval], markers=True)
    return figure


def _mean_line(axes: Axes, series: Means, number: int, count: int) -> None:
    # Series stand a little apart, so that intervals at the same layer do not cover each other.
    at = np.arange(len(series.mean)) + (number - (count - 1) / 2) * 0.08
    color, marker = LINES[number % len(LINES)], MARKERS[number % len(MARKERS)]
    axes.plot(at, series.floor, color=color, linestyle=DASHES, linewidth=1.1, marker=marker, mfc="white", ms=3.5)
    axes.vlines(at, series.low, series.high, color=color, linewidth=INTERVAL["linewidth"], alpha=INTERVAL["alpha"])
    axes.plot(at, series.mean, color=color, marker=marker, markersize=4.5)


def _panels(titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    if not titles:
        raise ValueError("There are no layers to draw; give at least one.")
    columns = len(titles) if len(titles) < 4 else min((4, 3), key=lambda count: -len(titles) % count)
    rows = -(-len(titles) // columns)
    figure = canvas(0.75 + 1.75 * rows + (0.6 if rows == 1 else 0.0), layout="constrained")
    figure.set_layout_engine("constrained", wspace=0.07, hspace=0.06)  # else 1.0 and the next panel's 0.0 touch
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for axes in panels[len(titles) :]:
        axes.set_visible(False)
    for column in range(columns):  # the lowest panel of a column carries the numbers of the shared axis
        panels[max(range(column, len(titles), columns))].tick_params(labelbottom=True)
    for axes, title in zip(panels, titles, strict=False):
        axes.set_title(title)
        axes.grid(visible=True)
    return figure, panels[: len(titles)]


def _descending(values: Values) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.sort(-np.asarray(values, dtype=np.float64))  # NaN sort last
    return (np.arange(len(ordered)) + 0.5) / max(len(ordered), 1), -ordered


def _lowest(values: Values) -> float:
    finite = np.asarray(values)[np.isfinite(values)]
    return float(finite.min(initial=0.0))


def _legend(figure: Figure, labels: Sequence[str], extra: Sequence[Line2D] = (), markers: bool = False) -> None:
    lines = [
        Line2D([], [], color=color, marker=marker if markers else "", markersize=4.5, label=label)
        for color, marker, label in zip(LINES, MARKERS, labels, strict=False)
    ]
    floor = Line2D([], [], color=SOFT, linestyle=DASHES, linewidth=1.1, label="noise floor (permuted images)")
    handles = [*lines, *extra, floor]
    lengths = [_inches(str(handle.get_label())) + 0.55 for handle in handles]  # 0.55: the line and the space around it
    columns = len(handles) if sum(lengths) <= WIDTH else max(1, int(WIDTH / max(lengths)))
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)


def _inches(text: str) -> float:
    # A letter of the small text is about six tenths of its size wide, a point 1/72 inch.
    return len(text) * SMALL * 0.61 / 72
