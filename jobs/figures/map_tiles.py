"""An image, and beside it what a layer makes of it: the map of every channel as a tile, or a vector as bars.

Maps that are never negative are gray, black at zero; others are diverging, white at zero (Zeiler & Fergus, 2014,
arXiv:1311.2901, draw them so). Laid over the image they are in color at half opacity, each pixel of a map a square on
the part of the image that it covers.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from jobs.figures.margins import COLOR_BAR, LINE, apart, inches, place, write
from jobs.figures.style import BLUE, ORANGE, SOFT, VERMILION, WIDTH, bare, canvas, color_map, styled

MARGIN, GAP = 0.06, 0.2  # inches at the edges of the page, and between the image and what is beside it
PICTURE = 1.35  # inches: the width of the image
BETWEEN = 0.05  # inches between tiles
LARGEST = 0.95  # inches from one tile to the next, where there are few
UNDER = 0.16  # inches for a line under a tile
BARS = 1.5  # inches: the height of a vector's bars
LEFT, BELOW = 0.5, 0.42  # inches for the numbers and names of the axes of bars
FEW, COLUMNS, MANY_COLUMNS = 64, 8, 16
"""Up to so many tiles stand in rows of 8, more of them in rows of 16."""

SHARP = 64  # pixels: larger maps are drawn about as large as they are, and smoothing keeps thin lines that squares lose
OPACITY = 0.5
CAPTION = 20  # letters a line under the image

Limits = tuple[float, float]
Edges = tuple[float, float, float, float]
"""Top, left, bottom and right in pixels of the image."""


@dataclass(frozen=True)
class Beside:
    """The image, and what stands under it."""

    picture: Float[np.ndarray, "height width color"]
    """In 0-1, one or three colors."""
    caption: str


@dataclass(frozen=True)
class Tiles:
    """Maps of one layer for one image, each with its scale."""

    maps: Float[np.ndarray, "channels height width"]
    labels: Sequence[str]
    limits: Sequence[Limits]
    """(0, m) of maps that are never negative, (-m, m) of others; all of one kind."""
    over: Edges | None = None
    """Where the maps lie on the image, for those that are drawn over it."""

    @property
    def shared(self) -> bool:
        """Whether all maps have one scale."""
        return len(set(self.limits)) == 1

    @property
    def colors(self) -> Colormap:
        """The color map; what is no number is orange where gray means a value."""
        low, high = self.limits[0]
        if self.over is None and low == 0:
            return mpl.colormaps["gray"].with_extremes(bad=ORANGE)
        return color_map((low, high))


def map_tiles(beside: Beside, tiles: Tiles, notes: Sequence[str]) -> Figure:
    """The image on the left, the tiles on the right with a label under each, a color bar with up to two lines of notes.

    Where maps have scales of their own the color bar has no numbers: labels should give them. Values beyond the limits
    take the end colors. ValueError for no maps, and for labels or limits of another number.
    """
    count = len(tiles.maps)
    if not count or len(tiles.labels) != count or len(tiles.limits) != count:
        raise ValueError(
            f"There are {count} maps, {len(tiles.labels)} labels and {len(tiles.limits)} limits; give one a map."
        )
    columns = min(count, COLUMNS if count <= FEW or not tiles.shared else MANY_COLUMNS)
    rows = -(-count // columns)
    left = MARGIN + PICTURE + GAP
    step = min(LARGEST, (WIDTH - MARGIN - left) / columns)
    shape = beside.picture.shape if tiles.over is not None else tiles.maps.shape[1:]
    wide, tall = step - BETWEEN, (step - BETWEEN) * shape[0] / shape[1]
    height = MARGIN + max(_height(beside), rows * (tall + UNDER)) + COLOR_BAR
    with styled():
        figure = canvas(height)
        _beside(figure, beside)
        for number in range(count):
            row, column = divmod(number, columns)
            bottom = height - MARGIN - row * (tall + UNDER) - tall
            axes = place(figure, left + column * step, bottom, wide, tall)
            _tile(axes, beside, tiles, number)
            middle = left + column * step + wide / 2
            write(figure, middle, bottom - UNDER / 2, tiles.labels[number], ha="center", color=SOFT)
        _color_bar(figure, tiles, notes)
    return figure


def vector_bars(
    beside: Beside, values: Float[np.ndarray, " channels"], labels: Sequence[str], limits: Limits
) -> Figure:
    """The image on the left, a bar for each value on the right; `limits` are those of the axis.

    ValueError for no values, and for labels of another number.
    """
    if not len(values) or len(labels) != len(values):
        raise ValueError(f"There are {len(values)} values and {len(labels)} labels; give one of each a channel.")
    left = MARGIN + PICTURE + GAP + LEFT
    wide = WIDTH - MARGIN - left
    height = MARGIN + max(_height(beside), BARS + BELOW)
    with styled():
        figure = canvas(height)
        _beside(figure, beside)
        axes = place(figure, left, height - MARGIN - BARS, wide, BARS)
        places = np.arange(len(values))
        axes.bar(places, values, width=0.8, color=[VERMILION if value < 0 else BLUE for value in values])
        axes.axhline(0.0, color=SOFT, linewidth=0.6)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_ylim(*limits)
        cell = wide / len(values)
        kept = apart((cell * places).tolist(), max(map(inches, labels)) + 0.06)
        axes.set_xticks(kept, [labels[index] for index in kept])
        axes.set(xlabel="channel", ylabel="activation")
    return figure


def _height(beside: Beside) -> float:
    rows, columns = beside.picture.shape[:2]
    return PICTURE * rows / columns + LINE * (1 + len(_lines(beside.caption)))


def _lines(caption: str) -> list[str]:
    """The caption's end, in up to four lines: images of one class differ at the end."""
    return textwrap.wrap(caption, CAPTION)[-4:]


def _beside(figure: Figure, beside: Beside) -> None:
    rows, columns = beside.picture.shape[:2]
    tall = PICTURE * rows / columns
    top = figure.get_figheight() - MARGIN
    axes = place(figure, MARGIN, top - tall, PICTURE, tall)
    shown = beside.picture[..., 0] if beside.picture.shape[2] == 1 else beside.picture
    axes.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0, interpolation=_interpolation(shown), aspect="auto")
    _framed(axes)
    for number, line in enumerate(_lines(beside.caption)):
        write(figure, MARGIN, top - tall - LINE * (number + 0.9), line, color=SOFT)


def _tile(axes: Axes, beside: Beside, tiles: Tiles, number: int) -> None:
    values, (low, high) = tiles.maps[number], tiles.limits[number]
    rows, columns = values.shape
    top, left, bottom, right = tiles.over or (0.0, 0.0, rows, columns)
    if tiles.over is not None:
        gray = beside.picture.mean(-1)
        rows, columns = gray.shape
        whole = (0.0, columns, rows, 0.0)
        axes.imshow(gray, cmap="gray", vmin=0.0, vmax=1.0, extent=whole, interpolation=_interpolation(gray))
    axes.imshow(
        values,
        cmap=tiles.colors,
        vmin=low,
        vmax=high,
        alpha=None if tiles.over is None else OPACITY,
        extent=(left, right, bottom, top),
        interpolation="none" if tiles.over is not None else _interpolation(values),
    )
    axes.set(xlim=(0.0, columns), ylim=(rows, 0.0), aspect="auto")
    _framed(axes)


def _interpolation(values: np.ndarray) -> str:
    return "none" if max(values.shape[:2]) <= SHARP else "auto"


def _framed(axes: Axes) -> None:
    """No ticks, a thin frame: tiles may be as white as the page, or as black as their neighbors."""
    bare(axes)
    axes.set_frame_on(True)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)


def _color_bar(figure: Figure, tiles: Tiles, notes: Sequence[str]) -> None:
    low, high = tiles.limits[0] if tiles.shared else (-1.0 if tiles.limits[0][0] else 0.0, 1.0)
    axes = place(figure, MARGIN + 0.25, 0.22, 1.9, 0.11)
    bar = figure.colorbar(ScalarMappable(Normalize(low, high), tiles.colors), cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    at = [low, 0.0, high] if low else [0.0, high / 2, high] if tiles.shared else [0.0, high]
    own = {-1.0: "-limit", 0.0: "0", 1.0: "limit"}
    names = [f"{value:.3g}" if tiles.shared else own[value] for value in at]
    bar.set_ticks(at, labels=[name.replace("-", "\N{MINUS SIGN}") for name in names])
    for number, note in enumerate(notes):
        write(figure, MARGIN + 2.5, 0.275 - number * 0.15, note)
