"""What excites a unit, as Zeiler and Fergus (2014, fig. 2) draw it: crops of the strongest images, and beside them what
the unit sees of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from jobs.figures.style import SMALL, SOFT, WIDTH, bare, canvas, styled
from jobs.figures.tiles import mosaic

COLUMNS = 2
"""Units side by side."""

GAP = 0.16  # inches between units
LINE = 0.2  # inches for the name of a unit


@dataclass(frozen=True)
class Stimulators:
    """One unit: its crops and the backward image of each, strongest first, values in 0-1."""

    title: str
    crops: Float[np.ndarray, "images height width color"]
    backward: Float[np.ndarray, "images height width color"]


def stimulators(units: Sequence[Stimulators]) -> Figure:
    """Two units a row, each as two squares of pictures: crops on the left, backward images on the right.

    ValueError for no units, and for crops and backward images of other shapes.
    """
    if not units:
        raise ValueError("There are no units to draw; give at least one.")
    for unit in units:
        if unit.crops.shape != unit.backward.shape:
            raise ValueError(
                f"{unit.title} has crops of shape {unit.crops.shape} and backward images of {unit.backward.shape}; "
                "give one for each."
            )
    shown = [_side_by_side(unit) for unit in units]
    columns = min(COLUMNS, len(units))
    wide = (WIDTH - GAP * (columns + 1)) / columns
    tall = max(wide * picture.shape[0] / picture.shape[1] for picture in shown)
    rows = -(-len(units) // columns)
    with styled():
        figure = canvas(rows * (tall + LINE + GAP) + GAP)
        height = figure.get_figheight()
        for number, (unit, picture) in enumerate(zip(units, shown, strict=True)):
            row, column = divmod(number, columns)
            left, top = GAP + column * (wide + GAP), height - GAP - row * (tall + LINE + GAP)
            bottom = top - LINE - wide * picture.shape[0] / picture.shape[1]
            axes = figure.add_axes((left / WIDTH, bottom / height, wide / WIDTH, (top - LINE - bottom) / height))
            axes.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=1)
            bare(axes)
            figure.text(left / WIDTH, (top - LINE * 0.6) / height, unit.title, fontsize=SMALL, color=SOFT)
    return figure


def _side_by_side(unit: Stimulators) -> np.ndarray:
    columns = int(np.ceil(np.sqrt(len(unit.crops))))
    left, right = (mosaic(images, columns=columns) for images in (unit.crops, unit.backward))
    between = np.ones((left.shape[0], max(3, left.shape[1] // 40), left.shape[2]))
    return np.concatenate([left, between, right], axis=1)
