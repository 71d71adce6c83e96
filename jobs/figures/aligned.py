"""Units and aligned directions of two networks over images sorted by class (Raghu et al., 2017, arXiv:1706.05806).

The units of largest norm have no counterparts, while the directions that SVCCA aligns nearly coincide and follow the
classes: the panels of the article's account, each with its mean over every class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jobs.figures.margins import height_below, key, key_height, name_x, place, shortened, write
from jobs.figures.style import INK, LINES, SOFT, TEXT, WIDTH, canvas, styled

ROW, GAP = 0.78, 0.09  # inches: the height of a row and the white between the two of a pair
TITLE, HEADING = 0.25, 0.22  # inches above a pair and above a column
LEFT, EDGE, LABEL = 0.64, 0.08, 0.20  # inches for the numbers and the label of a row, at the right edge, for a line
SIDE = WIDTH / 2 - LEFT - EDGE  # inches: the width of a row
MEAN = 1.3  # points
MANY = 20  # classes: boundaries of more are drawn fainter, since they would cover the outputs


@dataclass(frozen=True)
class Row:
    """The output of one unit or direction on every image, images sorted by class."""

    label: str
    values: Float[np.ndarray, " images"]
    color_index: int
    """0 for the first network, 1 for the second."""
    class_means: Float[np.ndarray, " classes"]


@dataclass(frozen=True)
class Pair:
    """Two rows, one of each network, that are meant to be compared."""

    title: str
    rows: tuple[Row, Row]
    correlation: float


@dataclass(frozen=True)
class Column:
    """Pairs from top to bottom, as many in every column."""

    title: str
    pairs: tuple[Pair, ...]


def aligned(
    left: Column, right: Column, *, class_sizes: Sequence[int], class_names: Sequence[str], names: tuple[str, str]
) -> Figure:
    """Raw outputs against images sorted by class: units of largest norm on the left, aligned directions on the right.

    Dotted lines stand between classes, a step line shows the mean of each class; every row has its own y axis with
    zero marked. The correlation of a pair stands in its title. Signs are drawn as given: align them first. Where
    names of classes are too many, every k-th is shown. Raises ValueError for columns of different length and for
    rows that do not fit the classes.
    """
    _check((left, right), class_sizes, class_names)
    edges = np.concatenate([[0], np.cumsum(class_sizes)])
    middles = (edges[:-1] + edges[1:]) / 2
    at = (middles * SIDE / edges[-1]).tolist()
    with styled():
        handles = _handles(names)
        head, below = key_height(handles, LEFT) + HEADING, height_below(class_names, at) + LABEL - GAP / 2
        figure = canvas(head + len(left.pairs) * (TITLE + 2 * ROW + 2 * GAP) + below)
        for column, start in ((left, LEFT), (right, LEFT + WIDTH / 2)):
            bottom = figure.get_figheight() - head
            title = shortened(column.title, SIDE + 0.4, TEXT, bold=True)
            write(figure, start, bottom + HEADING / 2, title, fontsize=TEXT, fontweight="bold")
            for pair in column.pairs:
                bottom -= TITLE
                write(figure, start, bottom + 0.09, shortened(_title(pair), SIDE))
                for row in pair.rows:
                    bottom -= ROW
                    lowest = _row(place(figure, start, bottom, SIDE, ROW), row, edges)
                    bottom -= GAP
            name_x(lowest, middles.tolist(), class_names, at)
            lowest.tick_params(axis="x", length=0)
            write(figure, start + SIDE / 2, LABEL / 2, "images, sorted by class", ha="center")
        key(figure, handles, LEFT)
    return figure


def _check(columns: tuple[Column, Column], class_sizes: Sequence[int], class_names: Sequence[str]) -> None:
    counts = [len(column.pairs) for column in columns]
    if counts[0] != counts[1] or not counts[0]:
        raise ValueError(f"The columns hold {counts} pairs; give as many in both, at least one.")
    if len(class_sizes) != len(class_names) or not len(class_sizes) or min(class_sizes) < 1:
        raise ValueError(f"Classes have sizes {list(class_sizes)} and {len(class_names)} names; give one name a class.")
    wanted = sum(class_sizes), len(class_sizes)
    for row in (row for column in columns for pair in column.pairs for row in pair.rows):
        if (len(row.values), len(row.class_means)) != wanted:
            shape = len(row.values), len(row.class_means)
            raise ValueError(f"Row {row.label!r} has {shape} values and class means; {wanted} were expected.")


def _title(pair: Pair) -> str:
    rho = f"{pair.correlation:z.2f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(pair.correlation) else "undefined"
    return f"{pair.title}, correlation {rho}"


def _row(axes: Axes, row: Row, edges: np.ndarray) -> Axes:
    axes.axhline(0.0, color=SOFT, linewidth=0.6)
    width = 0.8 if len(edges) <= MANY else 0.35
    for edge in edges[1:-1]:
        axes.axvline(edge, color=SOFT, linewidth=width, linestyle=":")
    color = LINES[row.color_index]
    axes.plot(np.arange(len(row.values)) + 0.5, row.values, color=color, linewidth=0.4, alpha=0.75)
    axes.stairs(row.class_means, edges, baseline=None, color=INK, linewidth=MEAN, zorder=3)
    axes.set(xlim=(0, edges[-1]), xticks=[])
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.set_ylabel(shortened(row.label, ROW), color=color, labelpad=0)
    axes.yaxis.set_label_coords(-(LEFT - 0.17) / SIDE, 0.5)
    return axes


def _handles(names: tuple[str, str]) -> list[Line2D]:
    named = [shortened(name, 2.0) for name in names]
    lines = [Line2D([], [], color=color, label=name) for color, name in zip(LINES, named, strict=False)]
    return [*lines, Line2D([], [], color=INK, linewidth=MEAN, label="mean of the class")]
