"""Irredundant covers: counted as by trying all sets, exact to the limit, a lower bound beyond it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.covers import parts
from analysis.boolean.espresso import espresso_cover
from analysis.boolean.irredundant import irredundant_covers
from analysis.boolean.minimize import irredundant_formulas, minimize
from analysis.boolean.truth_table import TruthTable, table_of
from tests.analysis.boolean.tables import LECTURE, tables


@st.composite
def charts(draw: st.DrawFn) -> np.ndarray:
    """Up to 9 products over up to 8 cells, every cell covered."""
    shape = draw(st.integers(1, 9)), draw(st.integers(0, 8))
    chart = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(shape) < draw(st.floats(0.1, 0.7))
    chart[draw(st.integers(0, shape[0] - 1)), ~chart.any(0)] = True
    return chart


def irredundant_by_trying(chart: np.ndarray) -> int:
    def covers(chosen: tuple[int, ...]) -> bool:
        return bool(chart[list(chosen)].any(0).all())

    sets = [chosen for size in range(len(chart) + 1) for chosen in combinations(range(len(chart)), size)]
    return sum(
        covers(chosen) and not any(covers(tuple(one for one in chosen if one != left)) for left in chosen)
        for chosen in sets
    )


@settings(max_examples=80, deadline=None)
@given(charts())
def test_the_number_is_that_of_trying_all_sets(chart: np.ndarray) -> None:
    assert irredundant_covers(chart) == (irredundant_by_trying(chart), True)


@settings(max_examples=50, deadline=None)
@given(charts(), st.integers(1, 5))
def test_a_limited_count_is_a_lower_bound(chart: np.ndarray, limit: int) -> None:
    true = irredundant_by_trying(chart)
    found, exact = irredundant_covers(chart, limit)
    assert found <= true
    assert found >= min(true, limit)
    assert not exact or found == true


@settings(max_examples=50, deadline=None)
@given(charts())
def test_parts_share_no_product_and_miss_no_cell(chart: np.ndarray) -> None:
    found = parts(chart)
    unions = [np.bitwise_or.reduce(np.array(part)) for part in found]
    assert sum(int(one).bit_count() for one in unions) == int(np.bitwise_or.reduce(np.array([0, *unions]))).bit_count()
    cells = [cell for part in found for cell in part]
    for column in chart.T:
        products = sum(1 << number for number in np.flatnonzero(column).tolist())
        assert any(cell & products == cell for cell in cells)


@settings(max_examples=30, deadline=None)
@given(tables(2, 5))
def test_minimum_formulas_are_among_the_irredundant(table: TruthTable) -> None:
    assert irredundant_formulas(table)[0] >= minimize(table).count >= 1


def test_numbers_of_known_functions() -> None:
    assert irredundant_formulas(LECTURE) == (1, True)
    assert irredundant_formulas(LECTURE, "product") == (1, True)
    assert irredundant_formulas(table_of(3, [1, 2, 3, 4, 5, 6])) == (5, True)  # two of three terms, three of four
    assert irredundant_formulas(table_of(2, [])) == (1, True)


def test_a_cell_without_product_is_refused() -> None:
    chart = np.array([[True, False]])
    for asked in (lambda: irredundant_covers(chart), lambda: espresso_cover(chart, np.array([1]))):
        with pytest.raises(ValueError, match="A cell of the chart is covered by no product"):
            asked()
