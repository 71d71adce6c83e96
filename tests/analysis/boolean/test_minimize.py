"""Minimum formulas: the table's function, as cheap as any, all of them; the heuristic right and seldom far off."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.formula import Formula
from analysis.boolean.minimize import minimize
from analysis.boolean.notation import letters, parse
from analysis.boolean.prime_implicants import prime_implicants
from analysis.boolean.truth_table import FREE, TruthTable, table_of
from tests.analysis.boolean.tables import (
    LECTURE,
    all_products,
    cheapest_by_programming,
    cheapest_of_all,
    random_table,
    tables,
)


def assert_same_terms(formula: Formula, text: str) -> None:
    expected = parse(text, letters(formula.inputs))
    assert formula.form == expected.form
    assert set(formula.terms) == set(expected.terms)


def assert_minimum(table: TruthTable) -> None:
    """Both forms are the table, and cost what integer programming finds."""
    for form, ones in (("sum", table), ("product", table.complement())):
        found = minimize(table, form)  # type: ignore[arg-type]
        assert all(table.agrees(formula.truth()) for formula in found.formulas)
        assert {formula.cost for formula in found.formulas} == {cheapest_by_programming(ones)}
        assert len({frozenset(formula.terms) for formula in found.formulas}) == len(found.formulas)


def test_the_lectures_table_has_one_minimum_of_each_form() -> None:
    for form, text in (("sum", "AC' + AB' + BCD'"), ("product", "(A+B)(A+C)(B'+C'+D')")):
        found = minimize(LECTURE, form)  # type: ignore[arg-type]
        assert (found.count, found.at_least, found.proven) == (1, False, True)
        assert_same_terms(found.formulas[0], text)


def test_every_function_of_three_inputs_is_as_short_as_any_sum_of_products() -> None:
    for values in product((0, 1), repeat=8):
        table = TruthTable(np.array(values))
        found = minimize(table)
        assert all(table.agrees(formula.truth()) for formula in found.formulas)
        assert ({formula.cost for formula in found.formulas}, found.count) == (
            {cheapest_of_all(table)[0]},
            cheapest_of_all(table)[1],
        )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0, 1, FREE]), min_size=8, max_size=8))
def test_free_cells_of_three_inputs_are_used_as_well_as_can_be(values: list[int]) -> None:
    table = TruthTable(np.array(values))
    (found,) = {formula.cost for formula in minimize(table).formulas}
    assert found == cheapest_of_all(table)[0]
    assert minimize(table).count == cheapest_of_all(table)[1]


@settings(max_examples=40, deadline=None)
@given(tables(4, 6))
def test_no_cover_by_primes_is_cheaper(table: TruthTable) -> None:
    assert_minimum(table)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(tables(4, 6))
def test_no_cover_by_primes_is_cheaper_in_many_tables(table: TruthTable) -> None:
    assert_minimum(table)


@settings(max_examples=40, deadline=None)
@given(tables(1, 4))
def test_prime_implicants_are_the_products_that_cannot_grow(table: TruthTable) -> None:
    truths = {term: term.truth(table.inputs) for term in all_products(table.inputs)}
    implicants = {term: truth for term, truth in truths.items() if not (table.values[truth] == 0).any()}
    useful = [term for term, truth in implicants.items() if (table.values[truth] == 1).any()]
    prime = [
        term
        for term in useful
        if not any(other != term and (truth >= truths[term]).all() for other, truth in implicants.items())
    ]
    assert sorted(prime_implicants(table)) == sorted(prime)


def test_formulas_are_no_dearer_than_sympys() -> None:
    logic = pytest.importorskip("sympy.logic", reason="SymPy is not installed")
    symbols = pytest.importorskip("sympy").symbols("A B C D")
    for seed in range(15):
        table = random_table(4, seed)
        ones, free = ([list(map(int, f"{code:04b}")) for code in np.flatnonzero(table.values == v)] for v in (1, FREE))
        theirs = logic.SOPform(symbols, ones, free)
        (cost,) = {formula.cost for formula in minimize(table).formulas}
        terms = [() if theirs in (True, False) else theirs.args if theirs.func.__name__ == "Or" else (theirs,)][0]
        literals = sum(len(term.args) if term.func.__name__ == "And" else 1 for term in terms)
        if theirs not in (True, False):
            assert cost <= (len(terms), literals)
        else:
            assert minimize(table).formulas[0].text() == str(int(bool(theirs)))


def test_parity_has_a_term_for_every_one() -> None:
    parity = table_of(6, [code for code in range(64) if code.bit_count() % 2])
    (formula,) = minimize(parity).formulas
    assert formula.cost == (32, 192)


def test_minima_are_counted_beyond_what_is_listed() -> None:
    # A cycle of six ones on the cube: two covers of three; k of them apart have 2^k.
    cycle = [1, 2, 3, 4, 5, 6]
    assert minimize(table_of(3, cycle)).count == 2
    whole = table_of(6, [code for code in range(64) if (code & 7 in cycle) and code >> 3 in (0, 3, 5, 6)])
    found = minimize(whole, limit=5)
    assert (found.count, found.at_least, len(found.formulas)) == (2**4, False, 5)
    listed = minimize(whole)
    assert len(set(listed.formulas)) == 16
    few = minimize(table_of(3, cycle), limit=1)
    assert (few.count, few.at_least, len(few.formulas)) == (1, True, 1)


@pytest.mark.parametrize(
    ("values", "sums", "products"), [([0, 0], "0", "0"), ([1, 1], "1", "1"), ([FREE] * 2, "0", "1")]
)
def test_constants(values: list[int], sums: str, products: str) -> None:
    table = TruthTable(np.array(values))
    assert minimize(table).formulas[0].text() == sums
    assert minimize(table, "product").formulas[0].text() == products


@settings(max_examples=25, deadline=None)
@given(tables(1, 9))
def test_the_heuristic_is_right_and_irredundant(table: TruthTable) -> None:
    found = minimize(table, method="espresso")
    (formula,) = found.formulas
    assert not found.proven
    assert table.agrees(formula.truth())
    for term in formula.terms:
        fewer = Formula("sum", tuple(one for one in formula.terms if one != term), formula.inputs)
        assert not table.agrees(fewer.truth())


def test_the_heuristic_is_within_a_term_of_twenty_of_the_minimum() -> None:
    pairs = []
    for seed in range(15):
        table = random_table(7, seed)
        pairs.append((minimize(table, method="espresso").formulas[0].cost[0], cheapest_by_programming(table)[0]))
    found, least = np.sum(pairs, axis=0)
    assert least <= found <= 1.05 * least
    assert all(heuristic >= exact for heuristic, exact in pairs)


def test_beyond_six_inputs_the_heuristic_answers_and_beyond_twelve_nothing() -> None:
    assert not minimize(random_table(7, 0)).proven
    assert minimize(random_table(6, 0)).proven
    with pytest.raises(ValueError, match="The table has 13 inputs; at most 12 are minimized, choose fewer"):
        minimize(table_of(13, [0]))


@pytest.mark.slow
def test_twelve_inputs_of_any_density() -> None:
    for seed in range(8):
        table = random_table(12, seed)
        assert table.agrees(minimize(table).formulas[0].truth())
