"""The smallest formula of a truth table: all of them to 6 inputs, one of nearly the least cost beyond.

The cost of a formula is its number of terms and, of formulas with equally many, its number of literals.
"""

from dataclasses import dataclass
from itertools import islice, product
from math import prod
from typing import Literal

import numpy as np

from analysis.boolean.covers import members, parts
from analysis.boolean.espresso import espresso_cover
from analysis.boolean.formula import Form, Formula
from analysis.boolean.irredundant import LIMIT, irredundant_covers
from analysis.boolean.petrick import cheapest_covers
from analysis.boolean.prime_implicants import chart, prime_implicants
from analysis.boolean.terms import Term, in_order
from analysis.boolean.truth_table import TruthTable

EXACT_INPUTS = 6
"""To so many inputs the minimum is found and proven."""
LARGEST_INPUTS = 12
"""To so many inputs a heuristic finds a small formula: all products of more would not fit."""

LISTED = 1000
"""Minimum formulas that are listed."""

Method = Literal["exact", "espresso"]


@dataclass(frozen=True)
class Minimum:
    """Formulas of least cost, and how many there are."""

    formulas: tuple[Formula, ...]
    """In the order found, which is always the same; the first is as good as any."""
    count: int
    """Distinct minimum formulas: other sets of prime implicants, which may differ where the table is free."""
    at_least: bool
    """Whether `count` is a lower bound, because there are more than were listed of one part of the table."""
    proven: bool
    """Whether no formula can be cheaper."""


def minimize(table: TruthTable, form: Form = "sum", method: Method | None = None, limit: int = LISTED) -> Minimum:
    """Minimum formulas that have the table's value wherever it is not free, at most `limit` of them.

    By default exact to 6 inputs (Quine-McCluskey with Petrick's method), by the heuristic to 12. A product of sums is
    the cover of the zeros by products, each read as the clause that excludes it. ValueError beyond 12 inputs.
    """
    if table.inputs > LARGEST_INPUTS:
        raise ValueError(f"The table has {table.inputs} inputs; at most {LARGEST_INPUTS} are minimized, choose fewer.")
    ones = table if form == "sum" else table.complement()
    primes = prime_implicants(ones)
    if (method or ("exact" if table.inputs <= EXACT_INPUTS else "espresso")) == "espresso":
        cover = espresso_cover(chart(primes, ones), _literals(primes))
        return Minimum((_formula(form, primes, cover, table),), 1, True, False)
    found = [cheapest_covers(part, _literals(primes).tolist(), limit) for part in parts(chart(primes, ones))]
    sets = islice(product(*(part.covers for part in found)), limit)
    formulas = tuple(_formula(form, primes, members(sum(chosen)), table) for chosen in sets)
    return Minimum(formulas, prod(len(part.covers) for part in found), any(part.more for part in found), True)


def irredundant_formulas(table: TruthTable, form: Form = "sum", limit: int = LIMIT) -> tuple[int, bool]:
    """How many formulas of prime implicants could lose no term, the minimum ones among them, and whether exactly.

    Otherwise there are at least so many: see `analysis.boolean.irredundant`. Each is a local minimum.
    """
    ones = table if form == "sum" else table.complement()
    return irredundant_covers(chart(prime_implicants(ones), ones), limit)


def _literals(primes: tuple[Term, ...]) -> np.ndarray:
    return np.array([prime.literals for prime in primes], np.int64)


def _formula(form: Form, primes: tuple[Term, ...], chosen: list[int], table: TruthTable) -> Formula:
    return Formula(form, in_order(primes[number] for number in chosen), table.inputs)
