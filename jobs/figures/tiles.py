"""Small pictures side by side: filters, feature maps, and matched filters of two networks (Li et al., 2016, fig. 2).

Pixels are drawn as squares (nearest neighbor) on the scale the caller chose for all of them: 0 black, 1 white,
mid-gray for zero where the data are signed. One-pixel separators keep neighbors apart.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.figures.style import SMALL, SOFT, TEXT, WIDTH, bare, canvas, styled

Images = Float[np.ndarray, "tiles height width color"]

MARGIN = 0.06  # inches
LARGEST = 0.86  # inches a tile: eight of them and the row names fill the page
LINE = 0.17  # inches a line of small text
NAMES = 0.98  # inches for the names of the networks


@dataclass(frozen=True)
class Pairs:
    """Filters of A and their matches in B, in one order: a block of two rows."""

    title: str
    filters_a: Images
    filters_b: Images
    rho: Float[np.ndarray, " tiles"]
    channels_a: Sequence[int]
    channels_b: Sequence[int]


def mosaic(images: Images, *, columns: int, separator: float = 1.0) -> Float[np.ndarray, "rows columns color"]:
    """Tiles row by row in one picture, one pixel of value `separator` between them; spare cells have that value too.

    `images` has shape (tiles, height, width, 1 or 3) with values in 0-1; the result (R (height + 1) - 1,
    columns (width + 1) - 1, color) for R rows of `columns`.
    """
    tiles, height, width, color = _checked(images).shape
    rows = -(-tiles // columns)
    result = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, color), separator, dtype=np.float64)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + 1), column * (width + 1)
        result[top : top + height, left : left + width] = image
    return result


def tiles(images: Images, labels: Sequence[str] | None = None, *, columns: int = 8, note: str = "") -> Figure:
    """A grid of pictures with values in 0-1, shape (tiles, height, width, 1 or 3), a label under each where given.

    `note` is a line under the grid, for instance how zero is drawn. Raises ValueError for another shape, for values
    outside 0-1 and for labels of another number.
    """
    count = len(_checked(images))
    if labels is not None and len(labels) != count:
        raise ValueError(f"There are {len(labels)} labels for {count} tiles; give one each.")
    columns = min(columns, count)
    rows = -(-count // columns)
    tile = min(LARGEST, (WIDTH - 2 * MARGIN) / columns)
    wide, tall = _drawn_size(images, tile)
    step = tall + (tile - wide if labels is None else LINE * 1.3)
    foot = LINE * 1.7 if note else 0.0
    with styled():
        figure = canvas(rows * step + 2 * MARGIN + foot)
        top = figure.get_figheight() - MARGIN
        for row in range(rows):
            span = slice(row * columns, (row + 1) * columns)
            _row(figure, images[span], MARGIN, top - row * step, tile)
            if labels is not None:
                _labels(figure, labels[span], MARGIN + wide / 2, top - row * step - tall - LINE * 0.5, tile)
        if note:
            _text(figure, note, MARGIN, LINE * 0.8, color=SOFT)
    return figure


def paired_filters(blocks: Sequence[Pairs], *, name_a: str, name_b: str, note: str = "") -> Figure:
    """A's filters above their matches in B, channel numbers at each and the correlation under each pair.

    Usually two blocks: the best eight matches and the worst eight. All filters share the scale the caller chose, see
    `analysis.units.filters.filter_images`. `note` is a line under the figure, see `drawn_note`. Raises ValueError
    for no blocks, for filters outside 0-1 and for blocks whose parts differ in number.
    """
    for block in blocks:
        _check_pairs(block)
    if not blocks:
        raise ValueError("There are no filters to draw; give at least one block of pairs.")
    tile = min((WIDTH - NAMES - MARGIN) / max(8, *(len(block.rho) for block in blocks)), LARGEST)
    heights = [_block_height(block, tile) for block in blocks]
    height = sum(heights) + MARGIN + (LINE * 1.3 if note else 0.0)
    with styled():
        figure = canvas(height)
        top = height - MARGIN
        for block, block_height in zip(blocks, heights, strict=True):
            _block(figure, block, (name_a, name_b), top, tile)
            top -= block_height
        if note:
            _text(figure, note, MARGIN, LINE * 0.8, color=SOFT)
    return figure


def drawn_note(in_channels: int) -> str:
    """The sentence that says how a filter over `in_channels` channels became a picture."""
    how = {1: "Weights", 3: "Weights as red, green and blue"}.get(
        in_channels, f"Mean of the weights over the {in_channels} input channels"
    )
    return f"{how}, one scale for all filters: mid-gray is zero, brighter is positive, darker negative."


def _block_height(block: Pairs, tile: float) -> float:
    return _drawn_size(block.filters_a, tile)[1] + _drawn_size(block.filters_b, tile)[1] + LINE * 6.4


def _block(figure: Figure, block: Pairs, names: tuple[str, str], top: float, tile: float) -> None:
    _text(figure, block.title, MARGIN, top - LINE * 0.6, fontsize=TEXT, fontweight="bold")
    top -= LINE * 1.3
    sides = ((block.filters_a, block.channels_a), (block.filters_b, block.channels_b))
    for name, (filters, channels) in zip(names, sides, strict=True):
        wide, tall = _drawn_size(filters, tile)
        _text(figure, textwrap.fill(name, 13, break_long_words=True), MARGIN, top - tall / 2)
        _row(figure, filters, NAMES, top, tile)
        numbers = [f"#{channel}" for channel in channels]
        _labels(figure, numbers, NAMES + wide / 2, top - tall - LINE * 0.5, tile, color=SOFT)
        top -= tall + LINE * 1.3
    _text(figure, "correlation", MARGIN, top - LINE * 0.4)
    rho = [_signed(value) for value in block.rho]
    _labels(figure, rho, NAMES + wide / 2, top - LINE * 0.4, tile, fontsize=TEXT, fontweight="bold")


def _drawn_size(images: Images, tile: float) -> tuple[float, float]:
    """Inches of one drawn tile, wide and tall: with its separator it is `tile` inches wide; pixels are square."""
    height, width = images.shape[1:3]
    return width * tile / (width + 1), height * tile / (width + 1)


def _row(figure: Figure, images: Images, left: float, top: float, tile: float) -> None:
    picture = mosaic(images, columns=len(images))
    (wide, tall), size = _drawn_size(images, tile), figure.get_size_inches()
    box = (left / size[0], (top - tall) / size[1], ((len(images) - 1) * tile + wide) / size[0], tall / size[1])
    axes: Axes = figure.add_axes(box)
    shown = picture[..., 0] if picture.shape[2] == 1 else picture
    axes.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0, interpolation="none", aspect="auto")
    bare(axes)


def _labels(figure: Figure, labels: Sequence[str], center: float, y: float, tile: float, **style: object) -> None:
    for number, label in enumerate(labels):
        _text(figure, label, center + number * tile, y, ha="center", **style)


def _text(figure: Figure, text: str, x: float, y: float, **style: object) -> None:
    size = figure.get_size_inches()
    figure.text(x / size[0], y / size[1], text, **{"fontsize": SMALL, "va": "center", **style})  # type: ignore[arg-type]


def _signed(value: float) -> str:
    return f"{value:z.2f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "undefined"


def _checked(images: Images) -> Images:
    if images.ndim != 4 or images.shape[0] == 0 or images.shape[3] not in (1, 3):
        raise ValueError(f"Tiles have shape {images.shape}; (tiles, height, width, 1 or 3) was expected.")
    if not (np.isfinite(images).all() and images.min() >= 0.0 and images.max() <= 1.0):
        raise ValueError("Tiles hold values outside 0-1; scale all of them together first.")
    return images


def _check_pairs(block: Pairs) -> None:
    _checked(block.filters_a)
    _checked(block.filters_b)
    parts = (block.filters_a, block.filters_b, block.rho, block.channels_a, block.channels_b)
    counts = [len(part) for part in parts]
    if len(set(counts)) != 1:
        raise ValueError(f"Block {block.title!r} has parts of {counts} entries; give one of each per match.")
