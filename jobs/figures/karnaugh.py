"""A Boolean function of two to six units as a Karnaugh map (1953): Gray-code order, a loop in its color for every term.

Above the map stands the formula, its terms colored as their loops; beside or below it what each input is, with pictures
of what excites it. Five and six inputs are two and four maps side by side: a loop that two of them share lies in the
same place of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from analysis.boolean.formula import LETTERS, Formula
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import FREE, Counts, TruthTable
from jobs.figures.curves import DASHES
from jobs.figures.karnaugh_loops import BEYOND, GRAY, Arrangement, arrangement, charts, levels, loop
from jobs.figures.karnaugh_text import (
    LINE,
    MARGIN,
    NAMED_LINE,
    Lines,
    Pictures,
    entry_height,
    lettered,
    named,
    write_entry,
    write_lettered,
    write_named,
)
from jobs.figures.margins import place
from jobs.figures.style import FRAME, INK, LINES, SMALL, SOFT, TEXT, WIDTH, bare, canvas, styled

CELL, SINGLE_CELL = 0.74, 0.86  # inches, of several maps and of one
LEFT, ABOVE = 0.46, 0.4  # inches for the codes of rows and of columns
NAME = 0.22  # inches for the name of one of several maps
BELOW = 0.16  # inches under a map, for open loops and a gap
ONES = "#eef1f4"
MORE = ("#882255", "#44aa99", "#332288", "#999933", "#8c510a", "#aa4499", "#6b7785")  # mostly Tol's muted colors
COLORS = (*LINES, *MORE)


@dataclass(frozen=True)
class Karnaugh:
    """A function and what is known of its inputs."""

    table: TruthTable
    formula: Formula
    target: str = "f"
    """What the formula stands for."""
    names: Sequence[str] = LETTERS
    """Of the inputs; where they are not the letters, letters stand on the map, and letters and names beside it."""
    counts: Counts | None = None
    """Images with the target and without, for every cell."""
    redundant: Sequence[Term] = ()
    """Terms of the formula that are dashed."""
    pictures: Sequence[Pictures] = ()
    """Of every input, strongest first."""

    @property
    def named(self) -> bool:
        """Whether inputs have names other than the letters."""
        return list(self.names[: self.table.inputs]) != list(LETTERS[: self.table.inputs])

    @property
    def entries(self) -> int:
        """How many inputs are explained beside the map."""
        return self.table.inputs if self.named or self.pictures else 0


def karnaugh(shown: Karnaugh) -> Figure:
    """The map of one function, its loops around ones for a sum and around zeros for a product.

    A cell holds its value, '\N{EN DASH}' where it is free, and below it the images with the target of those seen.
    ValueError for fewer than 2 or more than 6 inputs, and where formula, names, counts or pictures are of another
    number.
    """
    cells = arrangement(shown.table.inputs)
    _check(shown)
    layout = _layout(shown, cells)
    with styled():
        figure = canvas(layout.height)
        page = place(figure, 0, 0, WIDTH, layout.height)
        page.set(xlim=(0, WIDTH), ylim=(0, layout.height))
        bare(page)
        colors = {term: COLORS[number % len(COLORS)] for number, term in enumerate(shown.formula.terms)}
        top = layout.height - MARGIN
        write_lettered(page, layout.in_letters, (layout.left, top), colors, shown.redundant)
        top -= LINE * len(layout.in_letters)
        write_named(page, layout.in_names, (layout.left, top), colors, WIDTH - MARGIN - layout.left)
        for chart, corner in enumerate(layout.maps):
            _draw_map(page, shown, cells, chart, corner, colors)
        for number, corner in enumerate(layout.entries):
            pictures = shown.pictures[number] if shown.pictures else None
            write_entry(figure, LETTERS[number], shown.names[number], pictures, corner, layout.entry)
    return figure


@dataclass(frozen=True)
class _Layout:
    """Where everything is, in inches; corners are upper left ones."""

    height: float
    left: float
    in_letters: Lines
    in_names: Lines
    maps: list[tuple[float, float]]
    entries: list[tuple[float, float]]
    entry: float
    """Width of an input's entry."""


def _layout(shown: Karnaugh, cells: Arrangement) -> _Layout:
    """One map stands beside the key of its inputs, or in the middle; several in two columns, the key below."""
    single = cells.maps == 0
    wide, tall = _map_size(cells)
    left = (WIDTH - wide) / 2 if single and not shown.entries else MARGIN
    key, columns = (left + wide + 2 * MARGIN, 1) if single else (MARGIN, 3)
    entry = (WIDTH - MARGIN - key) / columns
    room = WIDTH - MARGIN - left
    in_letters = lettered(shown.formula, shown.target, room)
    in_names = named(shown.formula, shown.names, room) if shown.named else []
    rows = [-(-count // across) for count, across in ((2**cells.maps, 2), (shown.entries, columns))]
    entry_tall = entry_height(shown.pictures, entry)
    below = max(tall, ABOVE + rows[1] * entry_tall) if single else rows[0] * tall + rows[1] * entry_tall
    top = MARGIN / 2 + below
    key_top = top - ABOVE if single else top - rows[0] * tall
    apart = WIDTH - 2 * MARGIN - wide
    return _Layout(
        top + LINE * len(in_letters) + NAMED_LINE * len(in_names) + MARGIN,
        left,
        in_letters,
        in_names,
        [(left + n % 2 * apart, top - n // 2 * tall) for n in range(2**cells.maps)],
        [(key + n % columns * entry, key_top - n // columns * entry_tall) for n in range(shown.entries)],
        entry,
    )


def _map_size(cells: Arrangement) -> tuple[float, float]:
    """Inches of one map with what stands around it."""
    rows, columns = len(GRAY[cells.rows]), len(GRAY[cells.columns])
    cell = _cell(cells)
    return LEFT + columns * cell + BEYOND, (NAME if cells.maps else 0) + ABOVE + rows * cell + BELOW


def _cell(cells: Arrangement) -> float:
    return CELL if cells.maps else SINGLE_CELL


def _draw_map(
    page: Axes, shown: Karnaugh, cells: Arrangement, chart: int, corner: tuple[float, float], colors: dict[Term, str]
) -> None:
    (left, top), cell = corner, _cell(cells)
    if cells.maps:
        values = [f"{LETTERS[place]} = {chart >> (cells.maps - 1 - place) & 1}" for place in range(cells.maps)]
        page.text(left + LEFT, top - NAME / 2, ", ".join(values), fontsize=TEXT, fontweight="bold", va="center")
        top -= NAME
    left, top = left + LEFT, top - ABOVE
    _draw_codes(page, cells, left, top)
    for row in range(len(GRAY[cells.rows])):
        for column in range(len(GRAY[cells.columns])):
            at = left + column * cell, top - row * cell
            _draw_cell(page, shown, cells.code(chart, row, column), at, cell)
    inside = levels(shown.formula.terms, cells)
    for level, term in zip(inside, shown.formula.terms, strict=True):
        if chart in charts(term, cells):
            outline = loop(term, cells, (left, top), cell, level)
            look: dict[str, Any] = {"edgecolor": colors[term], "linewidth": 1.6, "zorder": 3}
            style = DASHES if term in shown.redundant else "solid"
            page.add_patch(PathPatch(outline, fill=False, linestyle=style, **look))


def _draw_codes(page: Axes, cells: Arrangement, left: float, top: float) -> None:
    """Gray codes along both sides, and which inputs they are in the corner between."""
    of_rows = LETTERS[cells.maps : cells.maps + cells.rows]
    of_columns = LETTERS[cells.maps + cells.rows : cells.inputs]
    page.plot([left - LEFT * 0.8, left], [top + ABOVE * 0.8, top], color=FRAME, linewidth=0.7)
    page.text(left - 0.04, top + ABOVE * 0.62, of_columns, fontsize=TEXT, ha="right", va="center", fontweight="bold")
    page.text(left - LEFT * 0.98, top + 0.1, of_rows, fontsize=TEXT, va="center", fontweight="bold")
    style: dict[str, Any] = {"fontsize": TEXT, "ha": "center", "va": "center", "color": SOFT}
    for number, code in enumerate(GRAY[cells.columns]):
        page.text(left + (number + 0.5) * _cell(cells), top + 0.2, f"{code:0{cells.columns}b}", **style)
    for number, code in enumerate(GRAY[cells.rows]):
        page.text(left - 0.2, top - (number + 0.5) * _cell(cells), f"{code:0{cells.rows}b}", **style)


def _draw_cell(page: Axes, shown: Karnaugh, code: int, corner: tuple[float, float], cell: float) -> None:
    (left, top), value = corner, shown.table.values[code]
    color = ONES if value == 1 else "white"
    page.add_patch(Rectangle((left, top - cell), cell, cell, facecolor=color, edgecolor=FRAME, linewidth=0.7))
    behind = {"facecolor": color, "linewidth": 0, "boxstyle": "square,pad=0.06"}  # loops end short of letters
    text = "\N{EN DASH}" if value == FREE else str(value)
    middle = top - cell * (0.5 if shown.counts is None else 0.42)
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4, "bbox": behind}
    page.text(left + cell / 2, middle, text, fontsize=11, color=INK if value == 1 else SOFT, **style)
    if shown.counts is not None and shown.counts.seen[code]:
        of = f"{_short(shown.counts.positives[code])}/{_short(shown.counts.seen[code])}"
        page.text(left + cell / 2, top - cell * 0.7, of, fontsize=SMALL, color=SOFT, **style)


def _short(count: int) -> str:
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _check(shown: Karnaugh) -> None:
    inputs = shown.table.inputs
    given = {"formula": shown.formula.inputs, "names": min(len(shown.names), inputs)}
    given |= {"counts": shown.counts.inputs} if shown.counts else {}
    given |= {"pictures": len(shown.pictures)} if shown.pictures else {}
    for part, count in given.items():
        if count != inputs:
            raise ValueError(f"The table has {inputs} inputs, the {part} {count}; give the same number.")
