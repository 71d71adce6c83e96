"""Is a formula right, and could it be shorter? Where it differs from a table, and which of its terms add nothing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from analysis.boolean.formula import Formula
from analysis.boolean.prime_implicants import prime_implicants
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import TruthTable


@dataclass(frozen=True, eq=False)
class Review:
    """One formula against one table."""

    wrong: Int[np.ndarray, " codes"]
    """Codes where the formula has another value than the table; none where both are equal."""
    redundant: tuple[Term, ...]
    """Terms that could each be left out without any change to the function where the table is not free; two of them
    perhaps not together."""
    not_prime: tuple[Term, ...]
    """Terms that could lose a literal, or that cover nothing the table asks for."""
    every_prime: bool
    """Whether its terms are all prime implicants that there are: the complete sum (Blake, 1937), a cover by all primes
    that needs not be the shortest."""

    @property
    def equal(self) -> bool:
        """Whether the formula is the table's function wherever that is not free."""
        return not len(self.wrong)


def review(formula: Formula, table: TruthTable) -> Review:
    """What a formula of the table's inputs gets wrong and what it has too much; a product's terms are its clauses."""
    ones = table if formula.form == "sum" else table.complement()
    covered = formula.covered()
    often = np.sum([term.truth(formula.inputs) for term in formula.terms], axis=0, initial=0)
    needed = (ones.values == 1) & (often == 1)
    redundant = tuple(term for term in formula.terms if not (needed & term.truth(formula.inputs)).any())
    primes = set(prime_implicants(ones))
    return Review(
        np.flatnonzero(~((ones.values == covered) | (ones.values < 0))),
        redundant,
        tuple(term for term in formula.terms if term not in primes),
        set(formula.terms) == primes,
    )


def equal(first: Formula, second: Formula) -> bool:
    """Whether two formulas of the same inputs are one function, whatever their forms."""
    return bool(np.array_equal(first.truth(), second.truth()))
