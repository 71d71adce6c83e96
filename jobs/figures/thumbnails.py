"""Images on a grid, each near its place in a map: what lies together, seen. A frame tells the group."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jobs.figures.embedding_scatter import GROUPS, NO_GROUP
from jobs.figures.style import WIDTH, bare, canvas, styled

MARGIN = 0.05  # inches
LEGEND_ROW = 0.2  # inches
FRAME_PIXELS = 2
LEGEND_COLUMNS = 6


def thumbnails(
    images: Float[np.ndarray, "images height width color"],
    cells: Int[np.ndarray, "images 2"],
    size: tuple[int, int],
    groups: Int[np.ndarray, " images"],
    names: Sequence[str],
) -> Figure:
    """Images with values in 0-1 at their (row, column) of a grid of `size`; framed in the color of their group.

    ValueError where two images share a cell, and for values outside 0-1.
    """
    taken = len(np.unique(cells, axis=0))
    if taken < len(cells):
        raise ValueError(
            f"{len(cells)} images share {taken} cells, expected one for each; take them from "
            "analysis.embedding.grid.grid_cells."
        )
    if not (images.min(initial=0) >= 0 and images.max(initial=1) <= 1):
        raise ValueError(f"Images have values in {images.min():g} to {images.max():g}, expected 0 to 1; scale them.")
    picture = laid(images, cells, size, groups)
    rows = -(-len(names) // LEGEND_COLUMNS)
    wide = WIDTH - 2 * MARGIN
    tall = wide * picture.shape[0] / picture.shape[1]
    with styled():
        figure = canvas(tall + 2 * MARGIN + rows * LEGEND_ROW)
        height = figure.get_figheight()
        axes = figure.add_axes((MARGIN / WIDTH, 1 - (MARGIN + tall) / height, wide / WIDTH, tall / height))
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        bare(axes)
        if names:
            _legend(figure, names)
    return figure


def laid(
    images: Float[np.ndarray, "images height width color"],
    cells: Int[np.ndarray, "images 2"],
    size: tuple[int, int],
    groups: Int[np.ndarray, " images"],
) -> Float[np.ndarray, "rows columns 3"]:
    """One picture: each image in a frame, a white pixel between frames; free cells are white."""
    height, width, frame = *images.shape[1:3], FRAME_PIXELS
    tall, wide = height + 2 * frame + 1, width + 2 * frame + 1
    picture = np.ones((size[0] * tall - 1, size[1] * wide - 1, 3))
    colors = np.array([to_rgb(color) for color in (NO_GROUP, *GROUPS)])[groups + 1]
    for image, (row, column), color in zip(images, cells, colors, strict=True):
        top, left = row * tall, column * wide
        picture[top : top + tall - 1, left : left + wide - 1] = color
        picture[top + frame : top + frame + height, left + frame : left + frame + width] = image
    return picture


def _legend(figure: Figure, names: Sequence[str]) -> None:
    entries = [
        Line2D([], [], ls="none", marker="s", ms=5, mew=0, color=color, label=name)
        for color, name in zip(GROUPS, names, strict=False)
    ]
    figure.legend(
        handles=entries, loc="lower left", ncol=LEGEND_COLUMNS, borderpad=0.1, borderaxespad=0.2, columnspacing=1.2,
        handletextpad=0.3, handlelength=1.2, labelspacing=0.35, bbox_to_anchor=(0, 0),
    )  # fmt: skip
