"""Matrices between channels on one common scale with one color bar (Li et al., 2016, arXiv:1511.07543, fig. 1).

Four of them tell whether two networks learned the same features: within A, within B, between in natural order (no
diagonal: order is arbitrary), between with B permuted into A's order (a diagonal where features are shared).
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from jobs.figures.style import SMALL, TEXT, UNDEFINED, WIDTH, canvas, color_map, styled

# Inches around a panel: tick labels and axis label on the left and below, the title above, each line of text more.
LEFT, BELOW, ABOVE, GAP, LINE = 0.56, 0.40, 0.18, 0.10, 0.16
FOOT = 0.50  # the color bar with its label and the legend of undefined cells
OUTDENT = 0.42  # titles begin over the axis label, which gives a long one more room
ONE_ROW = 32  # channels: up to this side four panels stand in one row, above it a cell would be under 4 px


@dataclass(frozen=True)
class Panel:
    """One matrix and its labels."""

    title: str
    values: Float[np.ndarray, "rows columns"]
    x_label: str
    y_label: str


def matrices(panels: Sequence[Panel], *, limits: tuple[float, float], color_label: str) -> Figure:
    """All panels on the color scale `limits`; symmetric limits give a diverging map with white at zero.

    Values beyond the limits take the end colors. NaN is gray, explained in the figure where it occurs. A panel keeps
    the shape of its matrix up to 2:1; longer ones (64 x 512) are stretched. Raises ValueError for no panels or
    values that are not matrices.
    """
    _check(panels)
    columns = min(len(panels), 4 if max(max(panel.values.shape) for panel in panels) <= ONE_ROW else 2)
    side = (WIDTH - columns * (LEFT + GAP)) / columns
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(_height(panel, side) for panel in row) for row in rows]
    above = ABOVE + LINE * max(_wrapped(panel.title, side + OUTDENT, TEXT).count("\n") + 1 for panel in panels)
    below = BELOW + LINE * max(_wrapped(panel.x_label, side, SMALL).count("\n") for panel in panels)
    figure_height = sum(heights) + len(rows) * (above + below) + FOOT
    with styled():
        figure = canvas(figure_height)
        top = figure_height
        for row, height in zip(rows, heights, strict=True):
            top -= above
            for column, panel in enumerate(row):
                left = column * (side + LEFT + GAP) + LEFT
                panel_height = _height(panel, side)
                box = (left / WIDTH, (top - panel_height) / figure_height, side / WIDTH, panel_height / figure_height)
                _panel(figure.add_axes(box), panel, limits, side)
            top -= height + below
        undefined = any(np.isnan(panel.values).any() for panel in panels)
        _color_bar(figure, limits, color_label, undefined)
    return figure


def _check(panels: Sequence[Panel]) -> None:
    if not panels:
        raise ValueError("There are no matrices to draw; give at least one panel.")
    for panel in panels:
        if panel.values.ndim != 2 or 0 in panel.values.shape:
            raise ValueError(f"Panel {panel.title!r} has shape {panel.values.shape}; a matrix with cells was expected.")


def _height(panel: Panel, side: float) -> float:
    rows, columns = panel.values.shape
    return side * float(np.clip(rows / columns, 0.5, 1.0 if columns >= rows else 2.0))


def _panel(axes: Axes, panel: Panel, limits: tuple[float, float], side: float) -> None:
    rows, columns = panel.values.shape
    # "none" keeps an SVG's cells sharp at any zoom; "auto" smooths where a cell is smaller than a pixel.
    axes.imshow(
        panel.values,
        cmap=color_map(limits),
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto",
        interpolation="none" if max(rows, columns) <= 256 else "auto",
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_title(_wrapped(panel.title, side + OUTDENT, TEXT), x=-OUTDENT / side, pad=8)
    axes.set_xlabel(_wrapped(panel.x_label, side, SMALL))
    axes.set_ylabel(panel.y_label)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6 if side > 2 else 4, integer=True, steps=[1, 2, 5, 10]))


def _wrapped(text: str, inches: float, points: float) -> str:
    # A bold letter is about two thirds of its size wide; a point is 1/72 inch.
    return textwrap.fill(text, max(8, int(inches / (points * 0.0092))))


def _color_bar(figure: Figure, limits: tuple[float, float], label: str, undefined: bool) -> None:
    height = figure.get_figheight()
    axes = figure.add_axes((LEFT / WIDTH, 0.27 / height, 2.6 / WIDTH, 0.11 / height))
    bar = figure.colorbar(ScalarMappable(Normalize(*limits), color_map(limits)), cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    bar.set_ticks(list(np.linspace(*limits, 5)))
    text = (LEFT + 2.8) / WIDTH
    figure.text(text, 0.325 / height, label, fontsize=SMALL, va="center")
    if undefined:
        square = (text, 0.09 / height), 0.11 / WIDTH, 0.11 / height
        figure.add_artist(Rectangle(*square, facecolor=UNDEFINED, linewidth=0))
        why = "undefined: the channel is (almost) constant"
        figure.text(text + 0.18 / WIDTH, 0.145 / height, why, fontsize=SMALL, va="center")
