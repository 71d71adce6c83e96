"""A product of literals over binary inputs, as two whole numbers: which inputs appear, and the value each must have.

A code is the inputs' bits read as one number, the first input the most significant: with inputs A, B, C, D the term
AC' has mask 1010 and value 1000, and holds at codes 8, 9, 12 and 13.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

MOST_INPUTS = 16
"""Of any table: 65,536 codes."""


@dataclass(frozen=True, order=True)
class Term:
    """True where every input of the mask has its bit of the value; without inputs, true everywhere."""

    mask: int
    value: int

    def __post_init__(self) -> None:
        if self.value & ~self.mask:
            raise ValueError(f"Term {self.mask:b}/{self.value:b} gives a value to an input outside its mask.")

    @property
    def literals(self) -> int:
        """Number of inputs that appear."""
        return self.mask.bit_count()

    def truth(self, inputs: int) -> Bool[np.ndarray, " codes"]:
        """Whether the term holds, at every code of so many inputs."""
        return (np.arange(2**inputs) & self.mask) == self.value

    def literal(self, place: int, inputs: int) -> bool | None:
        """The value that the input at a place must have, or None where it does not appear."""
        bit = bit_of(place, inputs)
        return bool(self.value & bit) if self.mask & bit else None

    def moved(self, places: Sequence[int], inputs: int) -> "Term":
        """The same term where input i of this one is the input at `places[i]` of `inputs`."""
        own = [self.literal(place, len(places)) for place in range(len(places))]
        return term_of({places[i]: value for i, value in enumerate(own) if value is not None}, inputs)


def term_of(literals: dict[int, bool], inputs: int) -> Term:
    """The product in which the input at each place has the value given."""
    mask = sum(bit_of(place, inputs) for place in literals)
    return Term(mask, sum(bit_of(place, inputs) for place, value in literals.items() if value))


def bit_of(place: int, inputs: int) -> int:
    """The bit of a code that is the input at a place."""
    return 1 << (inputs - 1 - place)


def in_order(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Shortest first, then as in a dictionary of the first inputs, plain before negated: AB, AB', AC, BCD."""
    return tuple(sorted(terms, key=lambda term: (term.literals, -term.mask, -term.value)))
