"""Which products hold only where the table may be 1, and could not lose a literal? (Quine, 1952; McCluskey, 1956)

All 3^k products of k inputs lie in one array with three places along every axis: the input is 0, is 1, or does not
appear. A product without an input holds where both products with it do: that is McCluskey's merging, an axis at a time.
"""

import numpy as np
from jaxtyping import Bool

from analysis.boolean.terms import Term, in_order, term_of
from analysis.boolean.truth_table import TruthTable

ABSENT = 2
"""The place along an axis of the products in which that input does not appear."""


def prime_implicants(table: TruthTable) -> tuple[Term, ...]:
    """Every prime implicant that covers a one of the table, in order; free cells may be covered, zeros not.

    The number can reach 3^k / k. Quine, 1952, doi:10.2307/2308219.
    """
    implicant = _products(table.values != 0, np.logical_and)
    covers_a_one = _products(table.values == 1, np.logical_or)
    prime = implicant & covers_a_one
    for axis in range(table.inputs):
        shorter = np.take(implicant, [ABSENT], axis)
        prime &= np.concatenate([~shorter, ~shorter, np.ones_like(shorter)], axis)
    return in_order(_term(place) for place in np.argwhere(prime).tolist())


def chart(terms: tuple[Term, ...], table: TruthTable) -> Bool[np.ndarray, "terms ones"]:
    """Which of the table's ones each term covers, by ascending code: the prime implicant chart."""
    ones = np.flatnonzero(table.values == 1)
    masks, values = (np.array([getattr(term, name) for term in terms], np.int64) for name in ("mask", "value"))
    return (ones & masks[:, None]) == values[:, None]


def _products(cells: Bool[np.ndarray, " codes"], joined: np.ufunc) -> Bool[np.ndarray, "..."]:
    """Over the cells of every product, (3,) * k: whether all or any of them hold."""
    inputs = len(cells).bit_length() - 1
    grid = cells.reshape((2,) * inputs)
    for axis in range(inputs):
        grid = np.concatenate([grid, joined(np.take(grid, [0], axis), np.take(grid, [1], axis))], axis)
    return grid


def _term(place: list[int]) -> Term:
    return term_of({axis: value == 1 for axis, value in enumerate(place) if value != ABSENT}, len(place))
