"""Similarity by spatial frequency: do two layers agree on coarse shapes or on fine detail? One small map a layer.

Zero frequency stands in the middle, as in the discrete Fourier transform's shifted order; the number at an axis counts
full waves across the feature map (SVCCA by frequency: Raghu et al., 2017, arXiv:1706.05806).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.margins import COLOR_BAR, SPACE, color_bar, inches, place, shortened, write, write_upright
from jobs.figures.style import TEXT, WIDTH, canvas, color_map, styled

LEFT, BELOW, TITLE = 0.30, 0.25, 0.24  # inches around a map: its numbers on two sides and its title
LABEL, EDGE = 0.26, 0.06
LARGEST = 2.6  # inches: the side of a map that stands alone


@dataclass(frozen=True)
class FrequencyMap:
    """Similarity of one layer at every frequency, zero at index (height // 2, width // 2)."""

    title: str
    values: Float[np.ndarray, "height width"]


def frequency_maps(maps: Sequence[FrequencyMap], *, limits: tuple[float, float], color_label: str) -> Figure:
    """All maps on the color scale `limits`, up to six in a row; vertical frequency rises upward.

    A map keeps its shape up to 2:1. NaN (frequencies without signal) is gray, explained where it occurs. Raises
    ValueError for no maps and for values that are not maps.
    """
    _check(maps)
    columns = len(maps) if len(maps) <= 5 else min((5, 4), key=lambda count: -len(maps) % count)
    columns = 6 if len(maps) > 16 else columns
    side = min((WIDTH - LABEL - EDGE) / columns - LEFT - EDGE, LARGEST)
    rows = [maps[start : start + columns] for start in range(0, len(maps), columns)]
    heights = [max(_height(shown, side) for shown in row) for row in rows]
    foot = COLOR_BAR + SPACE + LABEL
    # Titles begin over the numbers where one is wider than its map.
    outdent = LEFT if max(inches(shown.title, TEXT, bold=True) for shown in maps) > side else 0.0
    with styled():
        figure = canvas(sum(heights) + (TITLE + BELOW) * len(rows) + foot)
        bottom = figure.get_figheight()
        for row, height in zip(rows, heights, strict=True):
            bottom -= TITLE + height
            for column, shown in enumerate(row):
                left = LABEL + LEFT + column * (side + LEFT + EDGE)
                tall = _height(shown, side)
                axes = place(figure, left, bottom + height - tall, side, tall)
                _map(axes, shown, limits)
                axes.set_title(shortened(shown.title, side + outdent, TEXT, bold=True), x=-outdent / side)
            bottom -= BELOW
        middle = LABEL + LEFT + (columns * (side + LEFT + EDGE) - LEFT - EDGE) / 2
        write(figure, middle, foot - LABEL / 2, "horizontal, cycles per map", ha="center")
        write_upright(figure, EDGE, (figure.get_figheight() + foot) / 2, "vertical, cycles per map")
        blank = any(np.isnan(shown.values).any() for shown in maps)
        color_bar(figure, LABEL + LEFT, limits, color_label, "undefined: no signal at this frequency" if blank else "")
    return figure


def _check(maps: Sequence[FrequencyMap]) -> None:
    if not maps:
        raise ValueError("There are no frequency maps to draw; give at least one layer.")
    for shown in maps:
        if shown.values.ndim != 2 or 0 in shown.values.shape:
            raise ValueError(f"Map {shown.title!r} has shape {shown.values.shape}; (height, width) was expected.")


def _height(shown: FrequencyMap, side: float) -> float:
    rows, columns = shown.values.shape
    return side * float(np.clip(rows / columns, 0.5, 2.0))


def _map(axes: Axes, shown: FrequencyMap, limits: tuple[float, float]) -> None:
    height, width = shown.values.shape
    # Pixel centers at whole frequencies: an even side reaches half a map further below zero than above.
    below, left = -(height // 2) - 0.5, -(width // 2) - 0.5
    axes.imshow(
        shown.values,
        cmap=color_map(limits),
        vmin=limits[0],
        vmax=limits[1],
        extent=(left, left + width, below, below + height),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set(xticks=_ticks(width), yticks=_ticks(height))


def _ticks(size: int) -> list[int]:
    highest = (size - 1) // 2  # the highest that has a negative counterpart
    return sorted({-highest, 0, highest})
