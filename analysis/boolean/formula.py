"""A Boolean function in two levels: a sum of products, as AC' + AB', or a product of sums, as (A+B)(A+C)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool

from analysis.boolean.terms import Term

Form = Literal["sum", "product"]

LETTERS = "ABCDEFGHIJKLMNOP"
"""What inputs are called where they have no names."""


@dataclass(frozen=True)
class Formula:
    """Terms and how they are joined.

    A clause of a product is kept as the term at which it is false: A+C as A'C'. Both forms are thus a set of terms that
    cover cells: a sum its ones, a product its zeros.
    """

    form: Form
    terms: tuple[Term, ...]
    inputs: int

    @property
    def literals(self) -> int:
        """Number of literals, one that appears twice counted twice."""
        return sum(term.literals for term in self.terms)

    @property
    def cost(self) -> tuple[int, int]:
        """Terms, then literals: what a minimum formula has the least of, in this order."""
        return len(self.terms), self.literals

    @property
    def used(self) -> tuple[int, ...]:
        """Inputs that appear in a term."""
        return tuple(
            place
            for place in range(self.inputs)
            if any(term.literal(place, self.inputs) is not None for term in self.terms)
        )

    def truth(self) -> Bool[np.ndarray, " codes"]:
        """The function's value at every code."""
        covered = self.covered()
        return covered if self.form == "sum" else ~covered

    def covered(self) -> Bool[np.ndarray, " codes"]:
        """Codes of at least one term: where a sum is true, where a product is false."""
        held = [term.truth(self.inputs) for term in self.terms]
        return np.logical_or.reduce([np.zeros(2**self.inputs, bool), *held])

    def moved(self, places: Sequence[int], inputs: int) -> "Formula":
        """The same function where input i of this one is the input at `places[i]` of `inputs`."""
        return Formula(self.form, tuple(term.moved(places, inputs) for term in self.terms), inputs)

    def text(self, names: Sequence[str] = LETTERS) -> str:
        """The formula, negation as a prime: AC' + AB' of letters, wheel·face' of longer names; 0 and 1 if constant.

        A name with spaces stands in brackets: wheel·[face or hand]'.
        """
        parts = self.term_texts(names)
        if not parts:
            return "0" if self.form == "sum" else "1"
        return (" + " if self.form == "sum" else joint(names[: self.inputs])).join(parts)

    def term_texts(self, names: Sequence[str] = LETTERS) -> tuple[str, ...]:
        """Every term as `text` writes it, a clause in parentheses unless it is one literal among others."""
        return tuple(self._written(term, names[: self.inputs]) for term in self.terms)

    def _written(self, term: Term, names: Sequence[str]) -> str:
        values = [(_marked(name), term.literal(place, self.inputs)) for place, name in enumerate(names)]
        plain = self.form == "sum"
        literals = [name if value == plain else f"{name}'" for name, value in values if value is not None]
        if not literals:
            return "1" if plain else "0"
        if plain:
            return joint(names).join(literals)
        alone = len(literals) == 1 and len(self.terms) > 1
        return literals[0] if alone else f"({('+' if joint(names) == '' else ' + ').join(literals)})"


def _marked(name: str) -> str:
    return f"[{name}]" if " " in name else name


def joint(names: Sequence[str]) -> str:
    """What stands between factors: nothing between single letters, else a dot."""
    return "" if all(len(name) == 1 for name in names) else "·"
