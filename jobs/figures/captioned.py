"""Pictures with a title and a caption each, side by side: first layers of several networks, filters in color."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from jobs.figures.style import SMALL, SOFT, TEXT, WIDTH, bare, canvas, styled

GAP = 0.16  # inches between pictures
LINE = 0.17  # inches a line of text
PIXEL = 0.11  # inches a pixel, at most


@dataclass(frozen=True)
class Captioned:
    """One picture with values in 0-1."""

    title: str
    picture: Float[np.ndarray, "height width color"]
    caption: str = ""
    """Lines below the title."""


def captioned(pictures: Sequence[Captioned], *, columns: int, note: str = "") -> Figure:
    """Pictures row by row, each with its text above; pixels are square. `note` is a line below all.

    Raises ValueError for no pictures.
    """
    if not pictures:
        raise ValueError("There are no pictures to draw; give at least one.")
    columns = min(columns, len(pictures))
    room = (WIDTH - GAP * (columns + 1)) / columns
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(_text_height(one) + _size(one, room)[1] for one in row) + GAP for row in rows]
    with styled():
        figure = canvas(sum(heights) + GAP + (LINE if note else 0.0))
        page = top = figure.get_figheight()
        for row, height in zip(rows, heights, strict=True):
            for column, one in enumerate(row):
                _drawn(figure, one, GAP + column * (room + GAP), top - GAP / 2, room)
            top -= height
        if note:
            figure.text(GAP / WIDTH, 0.5 * LINE / page, note, fontsize=SMALL, color=SOFT)
    return figure


def _drawn(figure: Figure, one: Captioned, left: float, top: float, room: float) -> None:
    page = figure.get_figheight()
    figure.text(left / WIDTH, (top - 0.7 * LINE) / page, one.title, fontsize=TEXT, fontweight="bold")
    for number, line in enumerate(one.caption.splitlines(), start=1):
        figure.text(left / WIDTH, (top - (number + 0.7) * LINE) / page, line, fontsize=SMALL, color=SOFT)
    wide, tall = _size(one, room)
    axes = figure.add_axes((left / WIDTH, (top - _text_height(one) - tall) / page, wide / WIDTH, tall / page))
    shown = one.picture[..., 0] if one.picture.shape[2] == 1 else one.picture
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="none", aspect="auto")
    bare(axes)


def _text_height(one: Captioned) -> float:
    return LINE * (1 + len(one.caption.splitlines())) + 0.05


def _size(one: Captioned, room: float) -> tuple[float, float]:
    """Inches of a picture, wide and tall."""
    height, width = one.picture.shape[:2]
    wide = min(room, PIXEL * width)
    return wide, wide * height / width
