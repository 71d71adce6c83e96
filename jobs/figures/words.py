"""Where a captioner looks before each word: the map over the picture, above it the caption with the word underlined.

A row is a picture, a panel a word, as in Xu et al. (2015, arXiv:1502.03044, fig. 3); the true place of what a word
names is framed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from jobs.figures.attributions import OPACITY
from jobs.figures.margins import LINE, inches, place, write
from jobs.figures.style import INK, ORANGE, SMALL, SOFT, VERMILION, WIDTH, bare, canvas, color_map, styled

GAP = 0.08  # inches between panels
LARGEST = 1.5  # inches a panel
SCALE = 0.34  # inches under a panel: the color bar, what it means, and the space to the next row
SPACED = 0.034  # inches between two words
Box = tuple[float, float, float, float]
"""Top, left, bottom, right, 0 to 1 of the picture."""


@dataclass(frozen=True)
class Spoken:
    """One picture and its caption."""

    picture: Float[np.ndarray, "height width"]
    """Gray, 0-1."""
    words: Sequence[str]
    maps: Float[np.ndarray, "words rows columns"]
    """Attention before each word, in shares of all of it."""
    boxes: Sequence[Box | None]
    """Where what each word names really is; None for words that name no place."""
    right: Sequence[bool]
    """Whether it is the word that the network would write."""


def word_panels(given: Sequence[Spoken]) -> Figure:
    """One row a picture, one panel a word; each map from 0 to its own largest value.

    Raises ValueError for no pictures, and for maps, boxes or marks of another number than words.
    """
    _check(given)
    columns = max(len(one.words) for one in given)
    side = min(LARGEST, (WIDTH - GAP * (columns + 1)) / columns)
    talls = [side * one.picture.shape[0] / one.picture.shape[1] for one in given]
    lines = [_wrapped(one.words, side) for one in given]
    heights = [LINE * len(text) + 0.1 + tall + SCALE for text, tall in zip(lines, talls, strict=True)]
    with styled():
        figure = canvas(sum(heights))
        top = figure.get_figheight()
        for one, text, tall, height in zip(given, lines, talls, heights, strict=True):
            for number in range(len(one.words)):
                left = GAP + number * (side + GAP)
                _caption(figure, one, text, number, (left, top))
                _panel(figure, one, number, (left, top - LINE * len(text) - 0.1 - tall, side, tall))
            top -= height
    return figure


def _check(given: Sequence[Spoken]) -> None:
    if not given:
        raise ValueError("There are no captions to draw; give at least one.")
    for one in given:
        if not one.words or not len(one.words) == len(one.maps) == len(one.boxes) == len(one.right):
            raise ValueError(
                f"Caption {' '.join(one.words)!r} has {len(one.words)} words, {len(one.maps)} maps, {len(one.boxes)} "
                f"boxes and {len(one.right)} marks; give one a word."
            )


def _wrapped(words: Sequence[str], room: float) -> list[list[int]]:
    """Numbers of the words of each line, so many as have room."""
    lines: list[list[int]] = [[]]
    wide = 0.0
    for number, word in enumerate(words):
        if lines[-1] and wide + inches(word) > room:
            lines.append([])
            wide = 0.0
        lines[-1].append(number)
        wide += inches(word) + SPACED
    return lines


def _caption(
    figure: Figure, one: Spoken, lines: Sequence[Sequence[int]], said: int, corner: tuple[float, float]
) -> None:
    left, top = corner
    height = figure.get_figheight()
    for number, line in enumerate(lines):
        start, middle = left, top - LINE * (number + 0.5) - 0.03
        for word in line:
            wide = inches(one.words[word])
            write(figure, start, middle, one.words[word], color=INK if word == said else SOFT)
            if word == said:
                under = (middle - 0.065) / height
                color = INK if one.right[word] else ORANGE
                ends = [start / WIDTH, (start + wide) / WIDTH]
                figure.add_artist(Line2D(ends, [under, under], color=color, linewidth=1.4))
            start += wide + SPACED


def _panel(figure: Figure, one: Spoken, number: int, box: tuple[float, float, float, float]) -> None:
    left, bottom, wide, _ = box
    axes: Axes = place(figure, *box)
    bare(axes)
    height, width = one.picture.shape
    whole = (0.0, width, height, 0.0)
    limits = (0.0, float(one.maps[number].max()) or 1.0)
    colors = color_map(limits)
    axes.imshow(one.picture, cmap="gray", vmin=0.0, vmax=1.0, extent=whole, interpolation="none")
    axes.imshow(
        one.maps[number], cmap=colors, vmin=0.0, vmax=limits[1], extent=whole, alpha=OPACITY, interpolation="none"
    )
    true = one.boxes[number]
    if true is not None:
        y, x, lowest, rightmost = (edge * side for edge, side in zip(true, (height, width) * 2, strict=True))
        axes.add_patch(
            Rectangle((x, y), rightmost - x, lowest - y, fill=False, edgecolor=VERMILION, linewidth=1.2, clip_on=False)
        )
    bar = place(figure, left + 0.1 * wide, bottom - 0.09, 0.8 * wide, 0.05)
    drawn = figure.colorbar(ScalarMappable(Normalize(*limits), colors), cax=bar, orientation="horizontal", ticks=[])
    drawn.outline.set_visible(False)
    write(figure, left + wide / 2, bottom - 0.17, f"0 to {limits[1]:.2g}", ha="center", color=SOFT, fontsize=SMALL)
