"""A prime implicant chart cut down to what is open, in parts that have nothing to do with each other.

A cell is the set of products that cover it, one whole number with bit p for product p. A cell whose products include
all of another's is covered with that one and drops out. Cells that share no product with the rest are covered apart
from it: costs of parts add up and numbers of covers multiply.
"""

from functools import reduce
from operator import or_

import numpy as np
from jaxtyping import Bool

Part = tuple[int, ...]
"""Cells of one part of a chart, each as the set of products that cover it; none includes another."""


def parts(chart: Bool[np.ndarray, "products cells"]) -> list[Part]:
    """The parts of a chart, a cell of one product only (an essential one) being a part by itself.

    ValueError where a cell has no product at all.
    """
    if not chart.any(0).all():
        raise ValueError("A cell of the chart is covered by no product; give all prime implicants.")
    found: list[tuple[int, list[int]]] = []
    for cell in smallest(packed(chart.T)):
        touching = [part for part in found if part[0] & cell]
        found = [part for part in found if not part[0] & cell]
        products = cell
        for others, _ in touching:
            products |= others
        found.append((products, [*(one for _, cells in touching for one in cells), cell]))
    return [tuple(cells) for _, cells in found]


def cells_of(part: Part) -> dict[int, int]:
    """For every product of a part the set of its cells, by their numbers in the part."""
    everything = reduce(or_, part)
    return {
        product: sum(1 << n for n, cell in enumerate(part) if cell >> product & 1) for product in members(everything)
    }


def smallest(sets: list[int]) -> list[int]:
    """The sets that include no other, smallest first."""
    kept: list[int] = []
    for one in sorted(set(sets), key=lambda found: (found.bit_count(), found)):
        if not any(other & one == other for other in kept):
            kept.append(one)
    return kept


def packed(rows: Bool[np.ndarray, "rows bits"]) -> list[int]:
    """Every row as one whole number, its first entry the lowest bit."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(rows, axis=1, bitorder="little")]


def members(products: int) -> list[int]:
    """The numbers of a set, ascending."""
    found = []
    while products:
        lowest = products & -products
        found.append(lowest.bit_length() - 1)
        products ^= lowest
    return found
