"""Where a term lies on a Karnaugh map (Karnaugh, 1953): cells in Gray-code order, loops that wrap round the edges.

Rows and columns are numbered from the top left; neighbors, the last and the first among them, differ in one input. A
term holds in a run of neighboring rows and one of columns, so that it is one loop, or at most four open pieces of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.path import Path

from analysis.boolean.terms import Term

GRAY = {0: (0,), 1: (0, 1), 2: (0b00, 0b01, 0b11, 0b10)}
"""Codes along an axis of so many inputs."""

LEVEL = 0.033  # inches between the lines of two loops that share a side
OUTERMOST = 0.045  # inches from the edge of a cell to its outermost loop
LEVELS = 5
ROUND = 0.11  # inches: radius of a loop's corners
BEYOND = 0.085  # inches that an open end reaches over the edge of the map


@dataclass(frozen=True)
class Arrangement:
    """How the inputs lie: the first ones choose the map, the next ones the row, the last ones the column."""

    maps: int
    rows: int
    columns: int

    @property
    def inputs(self) -> int:
        """All of them."""
        return self.maps + self.rows + self.columns

    def code(self, chart: int, row: int, column: int) -> int:
        """The code of a cell; `chart` is the map's own code."""
        return (chart << self.rows | GRAY[self.rows][row]) << self.columns | GRAY[self.columns][column]


def arrangement(inputs: int) -> Arrangement:
    """Two inputs to the columns, as many to the rows, others to the maps; ValueError but for 2 to 6 inputs."""
    if not 2 <= inputs <= 6:
        raise ValueError(f"A Karnaugh map of {inputs} inputs was asked for; give 2 to 6.")
    columns = 1 if inputs == 2 else 2
    rows = min(2, inputs - columns)
    return Arrangement(inputs - rows - columns, rows, columns)


@dataclass(frozen=True)
class Run:
    """Neighboring rows or columns from `first`, so many of them, round the edge where they reach it."""

    first: int
    length: int
    whole: int

    @property
    def last(self) -> int:
        """The last row or column."""
        return (self.first + self.length - 1) % self.whole

    def pieces(self) -> list[tuple[int, int, bool, bool]]:
        """(first, past the last, open before, open after) of each piece within the map."""
        stop = self.first + self.length
        if stop <= self.whole:
            return [(self.first, stop, False, False)]
        return [(self.first, self.whole, False, True), (0, stop - self.whole, True, False)]


def runs(term: Term, cells: Arrangement) -> tuple[Run, Run]:
    """The rows and the columns in which a term holds."""
    rows = _run(term.mask >> cells.columns, term.value >> cells.columns, cells.rows)
    return rows, _run(term.mask, term.value, cells.columns)


def charts(term: Term, cells: Arrangement) -> list[int]:
    """The maps in which a term holds, by their codes."""
    mask, value = (number >> (cells.rows + cells.columns) for number in (term.mask, term.value))
    return [chart for chart in range(2**cells.maps) if chart & mask == value]


def levels(terms: Sequence[Term], cells: Arrangement) -> list[int]:
    """For each term how far inside its cells it is drawn, so that no two loops run along one line where possible.

    The largest loops are outermost.
    """
    found: dict[int, int] = {}
    for number in sorted(range(len(terms)), key=lambda one: terms[one].literals):
        taken = {found[other] for other in found if _touch(terms[number], terms[other], cells)}
        free = [level for level in range(LEVELS) if level not in taken]
        found[number] = free[0] if free else len(found) % LEVELS
    return [found[number] for number in range(len(terms))]


def loop(term: Term, cells: Arrangement, corner: tuple[float, float], cell: float, level: int) -> Path:
    """The outline in one map whose upper left corner is given, in inches; several pieces where it wraps."""
    rows, columns = runs(term, cells)
    inset = OUTERMOST + LEVEL * level
    vertices: list[tuple[float, float]] = []
    codes: list[np.uint8] = []
    for top, bottom, above, below in rows.pieces():
        for left, right, before, after in columns.pieces():
            box = (
                corner[0] + left * cell + (-BEYOND if before else inset),
                corner[0] + right * cell + (BEYOND if after else -inset),
                corner[1] - bottom * cell + (-BEYOND if below else inset),
                corner[1] - top * cell + (BEYOND if above else -inset),
            )
            _outline(box, (not above, not after, not below, not before), vertices, codes)
    return Path(vertices, codes)


def _outline(
    box: tuple[float, float, float, float],
    closed: tuple[bool, bool, bool, bool],
    vertices: list[tuple[float, float]],
    codes: list[np.uint8],
) -> None:
    """Top, right, bottom and left side of a box, as far as each is closed; corners between closed sides are round."""
    left, right, low, high = box
    corners = ((left, high), (right, high), (right, low), (left, low))
    for side in range(4):
        if not closed[side]:
            continue
        start, end = corners[side], corners[(side + 1) % 4]
        follows = closed[(side + 1) % 4]
        vertices += [_toward(start, end) if closed[side - 1] else start, _toward(end, start) if follows else end]
        codes += [Path.MOVETO, Path.LINETO]
        if follows:
            vertices += [end, _toward(end, corners[(side + 2) % 4])]
            codes += [Path.CURVE3, Path.CURVE3]


def _toward(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The point at the corner's radius from one corner on the way to another."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(ROUND / length, 0.5)
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _run(mask: int, value: int, bits: int) -> Run:
    order = GRAY[bits]
    held = [code & mask & (len(order) - 1) == value & (len(order) - 1) for code in order]
    first = next(place for place in range(len(order)) if held[place] and (all(held) or not held[place - 1]))
    return Run(first, sum(held), len(order))


def _touch(one: Term, other: Term, cells: Arrangement) -> bool:
    """Whether the loops share cells and a side of them."""
    meet = not (one.value ^ other.value) & one.mask & other.mask
    pairs = zip(runs(one, cells), runs(other, cells), strict=True)
    return meet and any(first.first == second.first or first.last == second.last for first, second in pairs)
