"""Which word looks at which: attention as a matrix with words on both axes (Bahdanau et al., 2014, arXiv:1409.0473).

What is read stands above its columns, what is written before its rows; the true links are framed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jobs.figures.margins import COLOR_BAR, SPACE, color_bar, inches, place, write
from jobs.figures.style import TEXT, VERMILION, WIDTH, canvas, color_map, styled

EDGE, GAP, TITLE = 0.06, 0.22, 0.24  # inches: the edge of the page, between matrices, the title of one
CELL = 0.24  # inches a word, at most
LIMITS = (0.0, 1.0)
DASHED = (0, (2, 1.5))
COLUMNS = 2
"""Matrices side by side."""


@dataclass(frozen=True)
class Aligned:
    """One text and its translation."""

    title: str
    weights: Float[np.ndarray, "targets sources"]
    """Attention before each word that is written; rows sum to 1."""
    source: Sequence[str]
    target: Sequence[str]
    sure: Bool[np.ndarray, "targets sources"]
    """True links."""
    possible: Bool[np.ndarray, "targets sources"]
    """Links that are not wrong either; dashed where they are not sure."""


def alignments(given: Sequence[Aligned]) -> Figure:
    """Two matrices a row, one color scale from 0 to 1 and one size of cells for all.

    Raises ValueError for no texts, and for weights or links that do not fit the words.
    """
    _check(given)
    rows = [given[start : start + COLUMNS] for start in range(0, len(given), COLUMNS)]
    left = max(_longest(one, "target") for one in given) + SPACE
    room = (WIDTH - 2 * EDGE - GAP) / COLUMNS - left
    cell = min(CELL, *(room / len(one.source) for one in given))
    above = [max(_longest(one, "source") for one in row) + SPACE for row in rows]
    heights = [
        TITLE + words + cell * max(len(one.target) for one in row) + GAP for row, words in zip(rows, above, strict=True)
    ]
    with styled():
        figure = canvas(sum(heights) + COLOR_BAR + EDGE)
        top = figure.get_figheight() - EDGE
        for row, height, words in zip(rows, heights, above, strict=True):
            for column, one in enumerate(row):
                corner = EDGE + left + column * (left + room + GAP), top - TITLE - words
                _matrix(figure, one, corner, cell, words)
            top -= height
        color_bar(figure, EDGE + left, LIMITS, "share of the attention")
        _key(figure, EDGE + left + 2.45)
    return figure


def _check(given: Sequence[Aligned]) -> None:
    if not given:
        raise ValueError("There are no alignments to draw; give at least one.")
    for one in given:
        shape = len(one.target), len(one.source)
        if 0 in shape or not one.weights.shape == one.sure.shape == one.possible.shape == shape:
            raise ValueError(
                f"Alignment {one.title!r} has weights {one.weights.shape} and links {one.sure.shape}, "
                f"{one.possible.shape} for {shape[0]} words written and {shape[1]} read; give one a pair."
            )


def _longest(one: Aligned, side: str) -> float:
    words: Sequence[str] = getattr(one, side)
    return max(inches(word) for word in words)


def _matrix(figure: Figure, one: Aligned, corner: tuple[float, float], cell: float, above: float) -> None:
    left, top = corner
    targets, sources = one.weights.shape
    axes = place(figure, left, top - cell * targets, cell * sources, cell * targets)
    axes.imshow(one.weights, cmap=color_map(LIMITS), vmin=0.0, vmax=1.0, aspect="auto", interpolation="none")
    axes.xaxis.tick_top()
    axes.set_xticks(range(sources), one.source, rotation=90)
    axes.set_yticks(range(targets), one.target)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _frames(axes, one)
    write(figure, left, top + above + TITLE / 2, one.title, fontsize=TEXT, fontweight="bold")


def _frames(axes: Axes, one: Aligned) -> None:
    for target, source in np.argwhere(one.sure | one.possible):
        style = "-" if one.sure[target, source] else DASHED
        axes.add_patch(_frame((source - 0.5, target - 0.5), (1.0, 1.0), style))


def _frame(corner: tuple[float, float], sides: tuple[float, float], style: object) -> Rectangle:
    return Rectangle(corner, *sides, fill=False, edgecolor=VERMILION, linewidth=1.1, linestyle=style, clip_on=False)


def _key(figure: Figure, left: float) -> None:
    """What frames mean, beside the color bar."""
    height = figure.get_figheight()
    middle = 0.115
    for number, (style, text) in enumerate((("-", "the true word"), (DASHED, "also right"))):
        start = left + number * (inches("the true word") + 0.45)
        frame = _frame((start / WIDTH, (middle - 0.055) / height), (0.11 / WIDTH, 0.11 / height), style)
        figure.add_artist(frame)
        write(figure, start + 0.18, middle, text)
