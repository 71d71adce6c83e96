"""Every attention head of a network over one image: a row a block, from the input down, a column a head.

Each map lies over the gray image on its own scale, and its largest value stands under it: heads that look at one patch
and heads that spread over all would not both be seen on one scale.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from jobs.figures.attributions import OPACITY
from jobs.figures.margins import COLOR_BAR, LINE, place, write
from jobs.figures.style import SOFT, WIDTH, bare, canvas, color_map, styled

EDGE = 0.08  # inches at the edges of the page
PICTURE = 1.1  # inches: the width of the image
NAMES = 0.32  # inches left of the tiles for the numbers of blocks
BETWEEN = 0.05  # inches between tiles
LARGEST = 0.95  # inches from one tile to the next, where heads are few
HEAD = 0.22  # inches above the tiles for the numbers of heads
CAPTION = 17  # letters a line under the image


@dataclass(frozen=True)
class Looking:
    """One image and what all heads see of it."""

    picture: Float[np.ndarray, "height width color"]
    """In 0-1, one or three colors."""
    caption: str
    attention: Float[np.ndarray, "blocks heads rows columns"]
    """Shares of each head's attention, over patches that fill the image."""


def head_grid(looking: Looking) -> Figure:
    """The image on the left, a tile for each head of each block; under each its largest share in percent.

    Raises ValueError for no heads.
    """
    if 0 in looking.attention.shape:
        raise ValueError(f"Attention has the shape {looking.attention.shape}; give at least one block and one head.")
    blocks, heads = looking.attention.shape[:2]
    left = EDGE + PICTURE + NAMES
    step = min(LARGEST, (WIDTH - EDGE - left) / heads)
    wide, tall = step - BETWEEN, (step - BETWEEN) * looking.picture.shape[0] / looking.picture.shape[1]
    lines = textwrap.wrap(looking.caption, CAPTION)[:3]
    own = PICTURE * looking.picture.shape[0] / looking.picture.shape[1]
    with styled():
        figure = canvas(HEAD + max(own + LINE * (len(lines) + 1), blocks * (tall + LINE + BETWEEN)) + COLOR_BAR)
        top = figure.get_figheight() - HEAD
        _picture(place(figure, EDGE, top - own, PICTURE, own), looking.picture)
        for number, line in enumerate(lines):
            write(figure, EDGE, top - own - LINE * (number + 0.8), line, color=SOFT)
        for head in range(heads):
            write(figure, left + head * step + wide / 2, top + 0.09, str(head), ha="center")
        for block in range(blocks):
            bottom = top - block * (tall + LINE + BETWEEN) - tall
            write(figure, left - 0.08, bottom + tall / 2, str(block), ha="right")
            for head in range(heads):
                axes = place(figure, left + head * step, bottom, wide, tall)
                _tile(axes, looking, block, head)
                largest = f"{100 * looking.attention[block, head].max():.2g}"
                middle = left + head * step + wide / 2
                write(figure, middle, bottom - LINE * 0.62, largest, ha="center", color=SOFT)
        _color_bar(figure, left)
    return figure


def _tile(axes: Axes, looking: Looking, block: int, head: int) -> None:
    gray, values = looking.picture.mean(-1), looking.attention[block, head]
    whole = (0.0, gray.shape[1], gray.shape[0], 0.0)
    largest = float(values.max()) or 1.0
    axes.imshow(gray, cmap="gray", vmin=0.0, vmax=1.0, extent=whole, aspect="auto", interpolation=_sharp(gray))
    axes.imshow(
        values, cmap=color_map((0.0, largest)), vmin=0.0, vmax=largest, extent=whole, alpha=OPACITY, aspect="auto",
        interpolation="none",
    )  # fmt: skip
    bare(axes)


def _picture(axes: Axes, picture: np.ndarray) -> None:
    shown = picture[..., 0] if picture.shape[2] == 1 else picture
    axes.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0, aspect="auto", interpolation=_sharp(shown))
    bare(axes)


def _sharp(picture: np.ndarray) -> str:
    """Squares for small images; large ones are smoothed, since a tile has fewer pixels than they."""
    return "none" if max(picture.shape[:2]) <= 64 else "auto"


def _color_bar(figure: Figure, left: float) -> None:
    axes = place(figure, left, 0.22, 1.9, 0.11)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), color_map((0.0, 1.0))), cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    bar.set_ticks([0.0, 1.0], labels=["0", "largest"])
    write(figure, left + 2.3, 0.275, "share of the head's attention; rows: blocks,")
    write(figure, left + 2.3, 0.125, "columns: heads, numbers: largest share (%)")
