"""Karnaugh maps: every loop holds its term's cells and no other, in the term's color; redundant ones are dashed."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from analysis.boolean.formula import LETTERS
from analysis.boolean.minimize import minimize
from analysis.boolean.notation import letters, parse
from analysis.boolean.redundancy import review
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import FREE, Counts, TruthTable, table_of
from jobs.figures.karnaugh import Karnaugh, karnaugh
from jobs.figures.karnaugh_loops import BEYOND, GRAY, Arrangement, arrangement, charts, levels, loop, runs
from tests.jobs.figures.printed import assert_printable, assert_same_bytes, drawn_texts, pictures, words

LECTURE = table_of(4, [6, 8, 9, 10, 11, 12, 13, 14])
UNITS = ["conv4 #17: wheel or face", "conv4 #203: hand or flower", "conv5 #8: leg or tree", "conv5 #77: sky"]


def random_table(inputs: int, seed: int = 3) -> tuple[TruthTable, Counts]:
    generator = np.random.default_rng(seed)
    seen = generator.integers(1, 4000, 2**inputs) * (generator.random(2**inputs) < 0.75)
    positives = np.rint(seen * generator.choice([0.1, 0.9], 2**inputs)).astype(int)
    counts = Counts(seen - positives, positives)
    return counts.table(), counts


def every_term(inputs: int) -> list[Term]:
    return [Term(mask, value) for mask, value in product(range(2**inputs), repeat=2) if not value & ~mask]


def loops(figure: Figure) -> list[PathPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]


@pytest.mark.parametrize("inputs", [2, 3, 4, 5, 6])
def test_every_cell_has_its_code_and_neighbors_differ_in_one_input(inputs: int) -> None:
    cells = arrangement(inputs)
    assert cells.inputs == inputs
    grid = np.array(
        [
            [[cells.code(chart, row, column) for column in range(2**cells.columns)] for row in range(2**cells.rows)]
            for chart in range(2**cells.maps)
        ]
    )
    assert sorted(grid.ravel().tolist()) == list(range(2**inputs))
    for axis in (1, 2):
        apart = grid ^ np.roll(grid, 1, axis)
        assert all(int(one).bit_count() == 1 for one in apart.ravel())


@pytest.mark.parametrize("inputs", [2, 3, 4, 5, 6])
def test_runs_hold_the_cells_of_their_term_and_no_other(inputs: int) -> None:
    cells = arrangement(inputs)
    for term in every_term(inputs):
        rows, columns = runs(term, cells)
        held = {
            cells.code(chart, row % rows.whole, column % columns.whole)
            for chart in charts(term, cells)
            for row in range(rows.first, rows.first + rows.length)
            for column in range(columns.first, columns.first + columns.length)
        }
        assert held == set(np.flatnonzero(term.truth(inputs)).tolist())


def inside(term: Term, cells: Arrangement, level: int) -> np.ndarray:
    """Which cells' middles lie within the drawn pieces, closing each piece by its box."""
    outline = loop(term, cells, (0.0, 4.0), 1.0, level)
    rows, columns = runs(term, cells)
    found = np.zeros((len(GRAY[cells.rows]), len(GRAY[cells.columns])), bool)
    x, y = np.asarray(outline.vertices).T
    for row, column in product(range(found.shape[0]), range(found.shape[1])):
        middle = column + 0.5, 4.0 - row - 0.5
        for top, bottom, *_ in rows.pieces():
            for left, right, *_ in columns.pieces():
                near = (x > left - 0.2) & (x < right + 0.2) & (y < 4.2 - top) & (y > 3.8 - bottom)
                found[row, column] |= bool(
                    x[near].min() < middle[0] < x[near].max() and y[near].min() < middle[1] < y[near].max()
                )
    return found


@pytest.mark.parametrize("inputs", [2, 3, 4])
def test_drawn_loops_enclose_the_cells_of_their_term(inputs: int) -> None:
    cells = arrangement(inputs)
    for term in every_term(inputs):
        codes = [
            [cells.code(0, row, column) for column in range(len(GRAY[cells.columns]))]
            for row in range(len(GRAY[cells.rows]))
        ]
        np.testing.assert_array_equal(inside(term, cells, 2), term.truth(inputs)[np.array(codes)])


def test_a_loop_that_wraps_ends_open_beyond_the_edge() -> None:
    corners = loop(Term(0b0101, 0), arrangement(4), (0.0, 4.0), 1.0, 0)  # B'D': the four corners
    x, y = np.asarray(corners.vertices).T
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((-BEYOND, 4 + BEYOND, -BEYOND, 4 + BEYOND))
    whole = np.asarray(loop(Term(0, 0), arrangement(4), (0.0, 4.0), 1.0, 0).vertices)
    assert whole.min() > 0
    assert whole.max() < 4


@pytest.mark.parametrize("seed", range(5))
def test_loops_that_share_a_side_run_apart(seed: int) -> None:
    table, _ = random_table(4, seed)
    cells, terms = arrangement(4), minimize(table).formulas[0].terms
    for first, second in product(zip(terms, levels(terms, cells), strict=True), repeat=2):
        outlines = [loop(term, cells, (0.0, 4.0), 1.0, level) for term, level in (first, second)]
        if first[0] < second[0] and (first[0].truth(4) & second[0].truth(4)).any():
            assert not set(map(tuple, np.asarray(outlines[0].vertices).round(6))) & set(
                map(tuple, np.asarray(outlines[1].vertices).round(6))
            )


@pytest.mark.parametrize(
    ("text", "extra"), [("AC' + AB' + BCD' + AD'", "AD'"), ("(A+B)(A+C)(B'+C'+D')(A+D')", "(A+D')")]
)
def test_the_lectures_redundant_term_is_dashed_and_others_are_not(text: str, extra: str) -> None:
    formula = parse(text, letters(4))
    figure = karnaugh(Karnaugh(LECTURE, formula, redundant=review(formula, LECTURE).redundant))
    assert_printable(figure)
    shown = {one.get_text(): one for one in drawn_texts(figure)}
    assert len(loops(figure)) == 4
    for term, patch in zip(formula.term_texts(), loops(figure), strict=True):
        assert (patch.get_linestyle() not in ("-", "solid")) == (term == extra)
        assert to_hex(patch.get_edgecolor()) == to_hex(shown[term].get_color())
    rules = [line for line in figure.axes[0].lines if line.get_linewidth() == 1.3]
    assert [line.get_linestyle() not in ("-", "solid") for line in rules] == [
        term == extra for term in formula.term_texts()
    ]


@pytest.mark.parametrize("inputs", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("form", ["sum", "product"])
def test_every_cell_shows_its_value_and_its_counts(inputs: int, form: Any) -> None:
    table, counts = random_table(inputs)
    formula = minimize(table, form).formulas[0]
    figure = karnaugh(Karnaugh(table, formula, "truck", counts=counts))
    assert_printable(figure)
    shown = words(figure)
    values = {value: int((table.values == value).sum()) for value in (0, 1, FREE)}
    codes = 2 ** max(0, inputs - 4) * sum(len(GRAY[bits]) for bits in (min(2, inputs - 1), 1) if inputs == 2)
    assert shown.count("\N{EN DASH}") == values[FREE]
    assert shown.count("1") + shown.count("0") >= values[0] + values[1] + codes
    for positives, seen in zip(counts.positives, counts.seen, strict=True):
        assert not seen or f"{positives}/{seen}" in shown
    maps = 2 ** max(0, inputs - 4)
    assert len(loops(figure)) == sum(len(charts(term, arrangement(inputs))) for term in formula.terms) >= maps // 2
    assert all(term in shown for term in formula.term_texts())


@pytest.mark.parametrize("inputs", [4, 6])
def test_named_inputs_are_explained_with_their_pictures(inputs: int) -> None:
    table, counts = random_table(inputs)
    names = [*UNITS, "conv5 #12: wall", "conv5 #90: dog/cat or chair"][:inputs]
    seen = [np.full((9, 8, 8, 3), 40 * number, np.uint8) for number in range(inputs)]
    formula = minimize(table).formulas[0]
    figure = karnaugh(Karnaugh(table, formula, "person", names, counts, (), seen))
    assert_printable(figure)
    shown = words(figure)
    assert all(name in shown for name in names)
    assert all(letter in shown for letter in LETTERS[:inputs])
    whole = "".join(shown)
    assert all(part.split("·")[0] in whole for part in formula.term_texts(names))
    strips = pictures(figure)
    assert [float(np.asarray(strip.get_array())[0, 0, 0]) for strip in strips] == pytest.approx(
        [40 * number / 255 for number in range(inputs)]
    )


def test_names_without_pictures_and_gray_pictures_are_drawn() -> None:
    formula = minimize(LECTURE).formulas[0]
    assert_printable(karnaugh(Karnaugh(LECTURE, formula, "person", UNITS)))
    gray = [np.zeros((3, 8, 8, 1), np.uint8)] * 4
    assert len(pictures(karnaugh(Karnaugh(LECTURE, formula, pictures=gray)))) == 4


@pytest.mark.parametrize("values", [[0] * 8, [1] * 8])
def test_constants_are_drawn(values: list[int]) -> None:
    table = TruthTable(np.array(values))
    figure = karnaugh(Karnaugh(table, minimize(table).formulas[0]))
    assert len(loops(figure)) == values[0]
    assert str(values[0]) in words(figure)
    assert_printable(figure)


def test_large_counts_are_given_in_thousands() -> None:
    counts = Counts(np.array([0, 1, 20_400, 3]), np.array([12_345, 0, 0, 9_999]))
    shown = words(karnaugh(Karnaugh(counts.table(), minimize(counts.table()).formulas[0], counts=counts)))
    assert {"12k/12k", "0/20k", "9999/10k"} <= set(shown)


def test_parts_of_other_sizes_are_refused() -> None:
    formula = minimize(LECTURE).formulas[0]
    with pytest.raises(ValueError, match="A Karnaugh map of 7 inputs was asked for; give 2 to 6"):
        karnaugh(Karnaugh(table_of(7, [1]), parse("A", letters(7))))
    for part, wrong in (
        ("formula", Karnaugh(LECTURE, parse("A", letters(3)))),
        ("names", Karnaugh(LECTURE, formula, names=["a", "b", "c"])),
        ("counts", Karnaugh(LECTURE, formula, counts=Counts(np.ones(8, int), np.ones(8, int)))),
        ("pictures", Karnaugh(LECTURE, formula, pictures=[np.zeros((1, 4, 4, 3), np.uint8)] * 3)),
    ):
        with pytest.raises(ValueError, match=f"The table has 4 inputs, the {part} 3; give the same number"):
            karnaugh(wrong)


def test_the_same_function_gives_the_same_bytes(tmp_path: Path) -> None:
    assert_same_bytes(lambda: karnaugh(Karnaugh(LECTURE, minimize(LECTURE).formulas[0])), tmp_path)
