"""What stands around a Karnaugh map: the formula in the colors of its loops, and what every input is."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.boolean.formula import Formula
from analysis.boolean.terms import Term
from jobs.figures.curves import DASHES
from jobs.figures.margins import inches, place, shortened
from jobs.figures.style import INK, SOFT, TEXT, WIDTH, bare
from jobs.figures.tiles import mosaic

MARGIN = 0.1  # inches
FORMULA = 10.0  # points
LINE, NAMED_LINE = 0.25, 0.18  # inches a line of the formula in letters and in names
SIGN = 0.15  # inches for the sign before a term in names
NAME = 0.22  # inches an input's name
PICTURE = 0.44  # inches a picture, at most
HINTED = 1.035
"""How much wider letters may be once they are fitted to whole pixels."""

Pictures = UInt8[np.ndarray, "images height width color"]
Lines = list[list[tuple[str, Term | None]]]
"""Texts side by side on every line, each with the term it belongs to."""


def lettered(formula: Formula, target: str, room: float) -> Lines:
    """The formula of letters in running lines of so many inches."""
    between = " + " if formula.form == "sum" else ""
    lines: Lines = [[(f"{target} = ", None)]]
    for number, (term, text) in enumerate(zip(formula.terms, formula.term_texts(), strict=True)):
        if number and between:
            lines[-1].append((between, None))
        if lines[-1] and _width([*lines[-1], (text, term)]) > room:
            lines.append([])
        lines[-1].append((text, term))
    if not formula.terms:
        lines[-1].append((formula.text(), None))
    return lines


def named(formula: Formula, names: Sequence[str], room: float) -> Lines:
    """The formula in names, a line a term behind its sign; a term of more than so many inches goes on below."""
    lines: Lines = []
    for term, text in zip(formula.terms, formula.term_texts(names), strict=True):
        sign = "=" if not lines else "+" if formula.form == "sum" else "·"
        literals = re.findall(r".+?(?:·|\s\+\s|$)", text)
        lines.append([(sign, None), ("", term)])
        for literal in literals:
            longer = lines[-1][1][0] + literal
            if HINTED * inches(longer, TEXT) > room - SIGN and lines[-1][1][0]:
                lines.append([("", None), (literal, term)])
            else:
                lines[-1][1] = (longer, term)
    return lines


def write_lettered(
    page: Axes, lines: Lines, corner: tuple[float, float], colors: dict[Term, str], redundant: Sequence[Term]
) -> None:
    """From an upper left corner, in inches; every term in its color, underlined as its loop is drawn."""
    for number, line in enumerate(lines):
        left, middle = corner[0], corner[1] - (number + 0.4) * LINE
        for text, term in line:
            wide = _width([(text, term)])
            look: dict[str, Any] = {"color": colors[term], "fontweight": "bold"} if term else {"color": INK}
            page.text(left, middle, text, fontsize=FORMULA, va="center", **look)
            if term:
                style = DASHES if term in redundant else "solid"
                page.plot([left, left + wide], [middle - 0.1] * 2, color=colors[term], linewidth=1.3, linestyle=style)
            left += wide


def write_named(page: Axes, lines: Lines, corner: tuple[float, float], colors: dict[Term, str], room: float) -> None:
    """From an upper left corner, in inches."""
    for number, ((sign, _), (text, term)) in enumerate(lines):
        middle = corner[1] - (number + 0.4) * NAMED_LINE
        page.text(corner[0], middle, sign, fontsize=TEXT, va="center", color=INK)
        fitted = shortened(text, (room - SIGN) / HINTED, TEXT)
        page.text(corner[0] + SIGN, middle, fitted, fontsize=TEXT, va="center", color=colors[term] if term else INK)


def entry_height(pictures: Sequence[Pictures], wide: float) -> float:
    """Inches that an input takes: its name, and its pictures in one row."""
    return NAME + (max(_picture_size(one, wide)[1] for one in pictures) + MARGIN if pictures else 0.0)


def write_entry(
    figure: Figure, letter: str, name: str, pictures: Pictures | None, corner: tuple[float, float], wide: float
) -> None:
    """One input from its upper left corner, in inches: its letter, its name and its pictures."""
    left, top = corner
    at = (top - NAME / 2) / figure.get_figheight()
    style = {"fontsize": TEXT, "va": "center"}
    figure.text(left / WIDTH, at, letter, fontweight="bold", **style)  # type: ignore[arg-type]
    if name != letter:
        room = wide - 0.3
        figure.text((left + 0.2) / WIDTH, at, shortened(name, room, TEXT), color=SOFT, **style)  # type: ignore[arg-type]
    if pictures is not None:
        size, tall = _picture_size(pictures, wide)
        axes = place(figure, left, top - NAME - tall, size * len(pictures), tall)
        row = mosaic(pictures / 255, columns=len(pictures))
        axes.imshow(row[..., 0] if row.shape[2] == 1 else row, cmap="gray", vmin=0, vmax=1, aspect="auto")
        bare(axes)


def _picture_size(pictures: Pictures, wide: float) -> tuple[float, float]:
    images, height, width = pictures.shape[:3]
    size = min(PICTURE, (wide - MARGIN) / images)
    return size, size * height / width


def _width(pieces: Sequence[tuple[str, Term | None]]) -> float:
    return HINTED * sum(inches(text, FORMULA, term is not None) for text, term in pieces)
