"""Truth tables for tests, and the cheapest cover by other means: all sets of products, and integer programming."""

from itertools import combinations, product

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from analysis.boolean.prime_implicants import chart, prime_implicants
from analysis.boolean.terms import Term
from analysis.boolean.truth_table import FREE, TruthTable, table_of

LECTURE = table_of(4, [6, 8, 9, 10, 11, 12, 13, 14])


def tables(low: int, high: int) -> st.SearchStrategy[TruthTable]:
    """Any table of so many inputs, drawn from one number."""
    return st.builds(random_table, st.integers(low, high), st.integers(0, 2**32 - 1))


def random_table(inputs: int, seed: int) -> TruthTable:
    """A table whose shares of ones and of free cells are drawn too."""
    generator = np.random.default_rng(seed)
    ones, free = generator.uniform(0.1, 0.9), generator.uniform(0, 0.6)
    values = (generator.random(2**inputs) < ones).astype(np.int64)
    values[generator.random(2**inputs) < free] = FREE
    return TruthTable(values)


def all_products(inputs: int) -> list[Term]:
    """All 3^inputs of them, one literal at a time."""
    found = []
    for choice in product((0, 1, None), repeat=inputs):
        bits = [1 << (inputs - 1 - place) for place in range(inputs)]
        mask = sum(bit for bit, value in zip(bits, choice, strict=True) if value is not None)
        found.append(Term(mask, sum(bit for bit, value in zip(bits, choice, strict=True) if value)))
    return found


def cheapest_of_all(table: TruthTable) -> tuple[tuple[int, int], int]:
    """The least cost of a sum of any products at all, and how many sums have it, by trying all sets."""
    size = 2**table.inputs
    cells = {
        term: {code for code in range(size) if code & term.mask == term.value} for term in all_products(table.inputs)
    }
    ones = {code for code in range(size) if table.values[code] == 1}
    zeros = {code for code in range(size) if table.values[code] == 0}
    useful = [term for term in cells if not cells[term] & zeros and cells[term] & ones]
    for count in range(len(ones) + 1):
        costs = [
            sum(term.literals for term in chosen)
            for chosen in combinations(useful, count)
            if ones <= set().union(*(cells[term] for term in chosen))
        ]
        if costs:
            return (count, min(costs)), costs.count(min(costs))
    raise AssertionError("single cells cover every table")


def cheapest_by_programming(table: TruthTable) -> tuple[int, int]:
    """The least cost of a cover of the ones by prime implicants, solved by HiGHS."""
    primes = prime_implicants(table)
    if not primes:
        return 0, 0
    literals = np.array([prime.literals for prime in primes])
    covers = chart(primes, table).T.astype(np.float64)
    solved = milp(
        1000 + literals,  # below 1000 literals in all, terms count first
        constraints=LinearConstraint(covers, lb=1),
        integrality=np.ones(len(primes)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    chosen = solved.x > 0.5
    return int(chosen.sum()), int(literals[chosen].sum())
