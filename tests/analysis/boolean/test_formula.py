"""Formulas: written and read back the same, equal where their functions are, redundant terms named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.formula import Form, Formula
from analysis.boolean.minimize import minimize
from analysis.boolean.notation import letters, parse
from analysis.boolean.prime_implicants import prime_implicants
from analysis.boolean.redundancy import equal, review
from analysis.boolean.terms import term_of
from analysis.boolean.truth_table import TruthTable, table_of
from tests.analysis.boolean.tables import LECTURE, tables

NAMES = ["wheel", "wheel #2", "face or hand", "leg"]
clauses = st.lists(st.dictionaries(st.integers(0, 3), st.booleans(), min_size=1), min_size=1, max_size=5)
forms = st.sampled_from(["sum", "product"])


def formula(form: Form, literals: list[dict[int, bool]]) -> Formula:
    return Formula(form, tuple(term_of(one, 4) for one in literals), 4)


@settings(max_examples=25, deadline=None)
@given(clauses, forms)
def test_what_is_written_is_read_back(literals: list[dict[int, bool]], form: Form) -> None:
    written = formula(form, literals)
    if form == "product" and all(len(one) == 1 for one in literals) and len(literals) > 1:
        return  # A'B is one term as well as two clauses
    for names in (letters(4), NAMES):
        assert parse(written.text(names), names) == written


@settings(max_examples=25, deadline=None)
@given(clauses)
def test_a_product_is_false_where_the_sum_of_its_terms_is_true(literals: list[dict[int, bool]]) -> None:
    np.testing.assert_array_equal(formula("product", literals).truth(), ~formula("sum", literals).truth())


@settings(max_examples=25, deadline=None)
@given(clauses)
def test_a_sum_is_true_where_python_says_so(literals: list[dict[int, bool]]) -> None:
    written = formula("sum", literals)
    for code, true in enumerate(written.truth()):
        a, b, c, d = (bool(code & bit) for bit in (8, 4, 2, 1))
        texts = [term.replace("'", "==0 and ") for term in written.term_texts()]
        sides = [
            all(value == plain for value, plain in _literals(text, {"A": a, "B": b, "C": c, "D": d})) for text in texts
        ]
        assert true == any(sides)


def _literals(text: str, values: dict[str, bool]) -> list[tuple[bool, bool]]:
    parts = text.replace("==0 and ", "'")
    return [(values[name], parts[at + 1 : at + 2] != "'") for at, name in enumerate(parts) if name in values]


def test_texts_are_the_lectures() -> None:
    assert minimize(LECTURE).formulas[0].text() == "AB' + AC' + BCD'"
    assert minimize(LECTURE, "product").formulas[0].text() == "(A+B)(A+C)(B'+C'+D')"
    assert formula("sum", [{0: True, 1: False}, {2: True}]).text(NAMES) == "wheel·[wheel #2]' + [face or hand]"
    assert formula("product", [{0: True, 1: False}, {2: True}]).text(NAMES) == "(wheel' + [wheel #2])·[face or hand]'"
    assert parse("(A + B)C'(B′+D)", letters(4)) == parse("(A+B) * C' · (D+B')", letters(4))
    assert parse("0", letters(2)).text() == "0"
    assert parse("1", letters(2)).truth().all()


def test_terms_keep_the_names_they_use() -> None:
    assert parse("AC' + D", letters(4)).used == (0, 2, 3)
    assert parse("AC'", letters(3)).moved([4, 0, 2], 5) == parse("C'E", letters(5))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("AC' + E", "has 'E' where one of"),
        ("AC' + ", r"has a \+ or a parenthesis without a term on both sides"),
        ("AA'", "has A and A' in one term; leave it out"),
        ("(A+B", "is no product of sums: '[(]' stands where it cannot"),
        ("(A+B)+C", r"is no product of sums: '\+' stands where it cannot"),
        ("(A+BC)D", "has a product within a sum within a product; two levels are read"),
        ("()", "without a term on both sides"),
    ],
)
def test_other_texts_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text, letters(4))


@pytest.mark.parametrize(
    ("text", "extra"), [("AC' + AB' + BCD' + AD'", "AD'"), ("(A+B)(A+C)(B'+C'+D')(A+D')", "(A+D')")]
)
def test_the_lectures_longer_forms_are_equal_and_name_the_term_too_many(text: str, extra: str) -> None:
    longer = parse(text, letters(4))
    found = review(longer, LECTURE)
    assert found.equal
    (term,) = found.redundant
    assert longer.term_texts()[longer.terms.index(term)] == extra
    assert found.every_prime
    assert found.not_prime == ()
    shortest = minimize(LECTURE, longer.form).formulas[0]
    assert equal(longer, shortest)
    assert not review(shortest, LECTURE).redundant
    assert not review(shortest, LECTURE).every_prime


def test_both_forms_of_the_lecture_are_one_function() -> None:
    assert equal(parse("AC' + AB' + BCD'", letters(4)), parse("(A+B)(A+C)(B'+C'+D')", letters(4)))
    assert not equal(parse("AC' + AB'", letters(4)), parse("(A+B)(A+C)(B'+C'+D')", letters(4)))


def test_wrong_cells_and_terms_that_could_be_shorter_are_named() -> None:
    found = review(parse("AB'C' + AC' + CD", letters(4)), LECTURE)
    assert not found.equal
    assert found.wrong.tolist() == [3, 6, 7, 10, 14, 15]
    assert [term.literals for term in found.not_prime] == [3, 2]
    assert [term.literals for term in found.redundant] == [3]


@settings(max_examples=40, deadline=None)
@given(tables(1, 5), forms)
def test_each_redundant_term_can_be_left_out_and_no_other(table: TruthTable, form: Form) -> None:
    ones = table if form == "sum" else table.complement()
    whole = Formula(form, prime_implicants(ones), table.inputs)
    found = review(whole, table)
    assert found.equal
    assert found.every_prime
    for term in whole.terms:
        rest = Formula(form, tuple(one for one in whole.terms if one != term), table.inputs)
        assert table.agrees(rest.truth()) == (term in found.redundant)


def test_a_formula_without_terms_can_be_reviewed() -> None:
    found = review(Formula("sum", (), 1), table_of(1, [1]))
    assert (found.wrong.tolist(), found.redundant, found.every_prime) == ([1], (), False)
