"""Terms: literals at their places, codes at which they hold, an order that people would use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.boolean.terms import Term, in_order, term_of

literal_sets = st.dictionaries(st.integers(0, 5), st.booleans())


def test_the_first_input_is_the_most_significant_bit() -> None:
    term = term_of({0: True, 2: False}, 4)
    assert term == Term(0b1010, 0b1000)
    assert np.flatnonzero(term.truth(4)).tolist() == [8, 9, 12, 13]


@settings(max_examples=25, deadline=None)
@given(literal_sets)
def test_a_term_holds_where_all_its_literals_do(literals: dict[int, bool]) -> None:
    term = term_of(literals, 6)
    assert term.literals == len(literals)
    assert [term.literal(place, 6) for place in range(6)] == [literals.get(place) for place in range(6)]
    for code in range(64):
        bits = [bool(code >> (5 - place) & 1) for place in range(6)]
        assert term.truth(6)[code] == all(bits[place] == value for place, value in literals.items())


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 2), st.booleans()), st.permutations(range(5)))
def test_a_moved_term_asks_the_same_of_inputs_elsewhere(literals: dict[int, bool], order: list[int]) -> None:
    places = order[:3]
    moved = term_of(literals, 3).moved(places, 5)
    assert moved == term_of({places[place]: value for place, value in literals.items()}, 5)


def test_short_terms_come_first_and_plain_before_negated() -> None:
    wanted = [term_of(one, 4) for one in ({3: True}, {0: True, 1: True}, {0: True, 1: False}, {0: True, 2: True})]
    assert list(in_order(reversed(wanted))) == wanted


def test_a_value_outside_the_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="Term 100/110 gives a value to an input outside its mask"):
        Term(0b100, 0b110)
