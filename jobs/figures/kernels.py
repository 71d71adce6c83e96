"""The kernels of a deeper convolution: a row for each filter, a tile for each input channel, all on one scale."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.style import SMALL, SOFT, WIDTH, canvas, styled
from jobs.figures.tiles import mosaic

LARGEST = 0.45  # inches a tile
TALLEST = 9.4  # inches of all rows, so that a figure stays on a page
LEFT, TOP, FOOT, MARGIN = 0.62, 0.45, 0.28, 0.06  # inches: filter numbers, input numbers, the note, the right side
DIGIT = 0.075  # inches a digit of the smallest text
LINE = 0.14  # inches a row number


def kernel_rows(
    tiles: Float[np.ndarray, "filters inputs height width"], filters: Sequence[int], inputs: Sequence[int], note: str
) -> Figure:
    """Tiles with values in 0-1, numbered at the left and above, every second or further one where they are small.

    `note` is a line below. Raises ValueError for other than one number a row and a column.
    """
    if tiles.shape[:2] != (len(filters), len(inputs)):
        raise ValueError(
            f"Tiles have shape {tiles.shape} for {len(filters)} filters and {len(inputs)} inputs; give a number each."
        )
    count, across, height, width = tiles.shape
    picture = mosaic(tiles.reshape(-1, height, width, 1), columns=across)
    wide = min(LARGEST * across, WIDTH - LEFT - MARGIN, TALLEST * picture.shape[1] / picture.shape[0])
    tall = wide * picture.shape[0] / picture.shape[1]
    with styled():
        figure = canvas(tall + TOP + FOOT)
        page = figure.get_figheight()
        axes = figure.add_axes((LEFT / WIDTH, FOOT / page, wide / WIDTH, tall / page))
        axes.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
        axes.set_frame_on(False)
        axes.tick_params(length=0, pad=2)
        _numbered(axes, "x", inputs, width, DIGIT * (0.6 + len(str(max(inputs)))) / (wide / across))
        _numbered(axes, "y", filters, height, LINE / (tall / count))
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("input channel", loc="left")
        axes.set_ylabel("filter", loc="top")
        figure.text(MARGIN / WIDTH, 0.3 * FOOT / page, note, fontsize=SMALL, color=SOFT)
    return figure


def _numbered(axes: Axes, side: str, numbers: Sequence[int], size: int, room: float) -> None:
    """Numbers at the middle of their tiles, every 1st, 2nd, 4th, ... where one needs the `room` of so many tiles."""
    every = 1
    while every < room:
        every *= 2
    places = [number * (size + 1) + (size - 1) / 2 for number in range(len(numbers))]
    ticks = (axes.set_xticks, axes.set_yticks)[side == "y"]
    ticks(places[::every], [str(number) for number in numbers[::every]])
