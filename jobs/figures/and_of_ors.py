"""A target as what must be there: units that stand for one thing or another, and all of them together.

Each row is a unit, each square one mode of its strongest images: 'person = (wheel or face) and (hand or flower)'.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from analysis.boolean.mode_names import and_of_ors
from jobs.figures.margins import inches, place, shortened, write
from jobs.figures.style import INK, SMALL, SOFT, TEXT, WIDTH, bare, canvas, styled
from jobs.figures.tiles import mosaic

MARGIN = 0.1  # inches
LINE = 0.2
NAME = 1.25  # inches for the name of a unit
BETWEEN = 0.34  # inches for 'or' between two modes
LARGEST = 1.3  # inches of a mode's square
GAP = 0.3  # inches between rows, for 'and'


@dataclass(frozen=True)
class Mode:
    """One thing a unit stands for."""

    name: str
    share: float
    """Of the unit's strongest images, 0-1."""
    pictures: UInt8[np.ndarray, "images height width color"]
    """Strongest first; nine fill the square."""


@dataclass(frozen=True)
class Unit:
    """One unit by its modes, the largest first."""

    name: str
    modes: Sequence[Mode]
    negated: bool = False
    """Whether the target needs it to be off."""


def and_of_ors_figure(target: str, units: Sequence[Unit]) -> Figure:
    """The target in words, and below it one row a unit. ValueError for no units and for a unit without modes."""
    if not units or not all(unit.modes for unit in units):
        raise ValueError(f"{target} has no unit to draw, or one without modes; give at least one of each.")
    lines = textwrap.wrap(f"{target} = {_in_words(units)}", 88)
    most = max(len(unit.modes) for unit in units)
    side = min(LARGEST, (WIDTH - 2 * MARGIN - NAME - (most - 1) * BETWEEN) / most)
    row = side + LINE
    with styled():
        figure = canvas(2 * MARGIN + LINE * (len(lines) + 0.4) + len(units) * row + (len(units) - 1) * GAP)
        top = figure.get_figheight() - MARGIN
        for number, line in enumerate(lines):
            write(figure, MARGIN, top - (number + 0.5) * LINE, line, fontsize=TEXT, fontweight="bold")
        top -= LINE * (len(lines) + 0.4)
        for number, unit in enumerate(units):
            if number:
                write(figure, MARGIN, top - GAP / 2, "and", fontsize=TEXT, fontweight="bold", color=INK)
                top -= GAP
            _row(figure, unit, top, side)
            top -= row
    return figure


def _row(figure: Figure, unit: Unit, top: float, side: float) -> None:
    middle = top - side / 2
    name = textwrap.wrap(("not " if unit.negated else "") + unit.name, 18) or [""]
    for number, line in enumerate(name):
        text = shortened(line, NAME - MARGIN)
        write(figure, MARGIN, middle + (len(name) / 2 - number - 0.5) * 0.15, text)
    for number, mode in enumerate(unit.modes):
        left = MARGIN + NAME + number * (side + BETWEEN)
        if number:
            write(figure, left - BETWEEN / 2, middle, "or", ha="center", fontsize=TEXT, fontweight="bold")
        axes = place(figure, left, top - side, side, side)
        picture = mosaic(mode.pictures / 255, columns=int(np.ceil(len(mode.pictures) ** 0.5)))
        axes.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=1)
        axes.set_anchor("NW")
        bare(axes)
        share = f"{100 * mode.share:.0f} %"
        room = min(side + BETWEEN, WIDTH - left) - inches(share) - 0.14
        text = shortened(mode.name, room)
        write(figure, left, top - side - 0.1, text, color=INK)
        write(figure, left + inches(text) + 0.08, top - side - 0.1, share, fontsize=SMALL, color=SOFT)


def _in_words(units: Sequence[Unit]) -> str:
    """With 'not' before a unit that must be off."""
    parts = []
    for unit in units:
        words = and_of_ors([[mode.name for mode in unit.modes]])
        parts.append(f"not {words}" if unit.negated else words)
    return " and ".join(parts)
