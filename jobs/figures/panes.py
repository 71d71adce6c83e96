"""Layers against layers: panes of similarity on one color scale, both axes rising from the input layer.

Panes that show a network at several moments of training against its end make bottom-up convergence visible: the
lower left corner lights up first (Raghu et al., 2017, arXiv:1706.05806, fig. 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.margins import (
    COLOR_BAR,
    SPACE,
    color_bar,
    height_below,
    name_x,
    name_y,
    place,
    shortened,
    widest,
    write,
    write_upright,
)
from jobs.figures.style import INK, TEXT, WIDTH, canvas, color_map, styled

LABEL = 0.20  # inches for a line of text beside the axes: an axis label or the label of a row
TITLE = 0.24  # inches for the title of a pane
GAP = 0.13  # inches between panes that share their names
EDGE = 0.06
FOOT = COLOR_BAR + SPACE + LABEL
SMALLEST, LARGEST, CELL = 2.4, 5.0, 0.6  # inches: the side of a single matrix, and of a cell that holds its value
WRITTEN = 8  # layers: up to so many on each axis the values stand in the cells


@dataclass(frozen=True)
class LayerMatrix:
    """Similarity of the layers of one axis to those of the other, the layers nearest the input first."""

    title: str
    values: Float[np.ndarray, "layers_y layers_x"]
    layers_x: Sequence[str]
    layers_y: Sequence[str]


@dataclass(frozen=True)
class _Grid:
    """Where panes stand, in inches from the lower left corner of the figure."""

    side: float
    lefts: list[float]
    bottoms: list[float]
    height: float
    """Of the whole figure."""


def panes(
    rows: Sequence[Sequence[LayerMatrix]],
    *,
    limits: tuple[float, float],
    color_label: str,
    x_label: str,
    y_label: str,
    row_labels: Sequence[str] = (),
) -> Figure:
    """A grid of layer matrices, for instance a row a network and a column a moment of training.

    Only the outer panes carry names, and those whose layers differ from their neighbor's; where there are too many,
    every k-th is named. Values beyond `limits` take the end colors. NaN is gray, explained where it occurs. Raises
    ValueError for no panes, for values that do not fit the names and for row labels of another number.
    """
    _check(rows, row_labels)
    margin = EDGE + LABEL + (LABEL if row_labels else 0.0)
    with styled():
        grid = _grid(rows, margin)
        figure = canvas(grid.height)
        for number, (row, bottom) in enumerate(zip(rows, grid.bottoms, strict=True)):
            for column, (pane, left) in enumerate(zip(row, grid.lefts, strict=False)):
                named = _shows_x(rows, number, column), _shows_y(row, column)
                _pane(figure, pane, (left, bottom), grid.side, limits, named)
            if row_labels:
                tall = max(_height(pane, grid.side) for pane in row)
                label = shortened(row_labels[number], tall + TITLE, TEXT, bold=True)
                write(figure, EDGE, bottom + tall / 2, label, rotation=90, fontsize=TEXT, fontweight="bold")
        write_upright(figure, margin - LABEL, (grid.bottoms[-1] + grid.height - TITLE) / 2, y_label)
        write(figure, (grid.lefts[0] + grid.lefts[-1] + grid.side) / 2, FOOT - LABEL / 2, x_label, ha="center")
        color_bar(figure, grid.lefts[0], limits, color_label, _undefined([pane for row in rows for pane in row]))
    return figure


def layer_matrix(
    matrix: LayerMatrix, *, limits: tuple[float, float], color_label: str, x_label: str, y_label: str
) -> Figure:
    """One layer matrix with all its names up to 40 layers; up to 8 x 8 the values stand in the cells.

    Colors, NaN and errors as in `panes`.
    """
    _check([[matrix]], ())
    left = EDGE + LABEL + SPACE
    with styled():
        left += widest(matrix.layers_y)
        side = min(float(np.clip(CELL * len(matrix.layers_x), SMALLEST, LARGEST)), WIDTH - left - EDGE)
        height = _height(matrix, side)
        below = GAP / 2 + height_below(matrix.layers_x, _middles(matrix.layers_x, side))
        figure = canvas(TITLE + height + below + FOOT)
        axes = _pane(figure, matrix, (left, FOOT + below), side, limits, (True, True))
        if max(matrix.values.shape) <= WRITTEN:
            _write_values(axes, matrix.values, limits)
        write_upright(figure, EDGE, FOOT + below + height / 2, y_label)
        write(figure, left + side / 2, FOOT - LABEL / 2, x_label, ha="center")
        color_bar(figure, left, limits, color_label, _undefined([matrix]))
    return figure


def _check(rows: Sequence[Sequence[LayerMatrix]], row_labels: Sequence[str]) -> None:
    if not rows or not all(rows):
        raise ValueError("A row holds no panes; give at least one row with one layer matrix in each.")
    if row_labels and len(row_labels) != len(rows):
        raise ValueError(f"There are {len(row_labels)} row labels for {len(rows)} rows; give one each or none.")
    for pane in (pane for row in rows for pane in row):
        named = len(pane.layers_y), len(pane.layers_x)
        if pane.values.shape != named or 0 in named:
            raise ValueError(f"Pane {pane.title!r} has values {pane.values.shape} for layers {named}; give one a pair.")


def _grid(rows: Sequence[Sequence[LayerMatrix]], margin: float) -> _Grid:
    columns = range(max(map(len, rows)))
    gaps = [max(_room_left(row, column) for row in rows if column < len(row)) for column in columns]
    side = (WIDTH - margin - sum(gaps) - EDGE) / len(columns)
    lefts = [margin + gap + column * side for column, gap in zip(columns, accumulate(gaps), strict=True)]
    heights = [max(_height(pane, side) for pane in row) for row in rows]
    below = [
        max(_room_below(rows, number, column, side) for column in range(len(row))) for number, row in enumerate(rows)
    ]
    steps = [height + room + TITLE for height, room in zip(heights, below, strict=True)]
    total = sum(steps) + FOOT
    bottoms = [total - down + room for down, room in zip(accumulate(steps), below, strict=True)]
    return _Grid(side, lefts, bottoms, total)


def _height(pane: LayerMatrix, side: float) -> float:
    rows, columns = pane.values.shape
    return side * float(np.clip(rows / columns, 0.5, 2.0))


def _shows_x(rows: Sequence[Sequence[LayerMatrix]], number: int, column: int) -> bool:
    under = rows[number + 1 :][:1]
    return not (
        under and column < len(under[0]) and list(under[0][column].layers_x) == list(rows[number][column].layers_x)
    )


def _shows_y(row: Sequence[LayerMatrix], column: int) -> bool:
    # A pane of another shape than its neighbor is drawn in another height, even where the layers are the same.
    here, before = row[column], row[column - 1]
    return column == 0 or here.values.shape != before.values.shape or list(here.layers_y) != list(before.layers_y)


def _room_left(row: Sequence[LayerMatrix], column: int) -> float:
    return SPACE + widest(row[column].layers_y) + (GAP if column else 0.0) if _shows_y(row, column) else GAP


def _room_below(rows: Sequence[Sequence[LayerMatrix]], number: int, column: int, side: float) -> float:
    names = rows[number][column].layers_x
    return GAP / 2 + (height_below(names, _middles(names, side)) if _shows_x(rows, number, column) else 0.0)


def _middles(names: Sequence[str], inches: float) -> list[float]:
    return [(number + 0.5) * inches / len(names) for number in range(len(names))]


def _pane(
    figure: Figure,
    pane: LayerMatrix,
    corner: tuple[float, float],
    side: float,
    limits: tuple[float, float],
    named: tuple[bool, bool],
) -> Axes:
    tall = _height(pane, side)
    axes = place(figure, *corner, side, tall)
    axes.imshow(
        pane.values,
        cmap=color_map(limits),
        vmin=limits[0],
        vmax=limits[1],
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_title(shortened(pane.title, side, TEXT, bold=True))
    axes.set(xticks=[], yticks=[])
    if named[0]:
        name_x(axes, range(len(pane.layers_x)), pane.layers_x, _middles(pane.layers_x, side))
    if named[1]:
        name_y(axes, range(len(pane.layers_y)), pane.layers_y, _middles(pane.layers_y, tall))
    return axes


def _write_values(axes: Axes, values: Float[np.ndarray, "layers_y layers_x"], limits: tuple[float, float]) -> None:
    colors, (low, high) = color_map(limits), limits
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            luminance = np.dot(np.power(colors((value - low) / (high - low))[:3], 2.2), (0.2126, 0.7152, 0.0722))
            text = f"{value:z.2f}".replace("-", "\N{MINUS SIGN}")
            color = "white" if luminance < 0.22 else INK  # 0.22: white and ink stand out equally
            axes.text(column, row, text, color=color, ha="center", va="center", fontsize=TEXT)


def _undefined(panes: Sequence[LayerMatrix]) -> str:
    return "undefined: a layer without varying units" if any(np.isnan(pane.values).any() for pane in panes) else ""
