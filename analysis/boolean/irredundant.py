"""How many covers of a chart can lose no product? Each is a circuit that no single removal improves.

The sets of products that meet every cell's set and stop doing so without any one of theirs are the minimal
transversals of the chart, listed by Murakami and Uno's MMCS (2014, arXiv:1102.3813), each once.
"""

import numpy as np
from jaxtyping import Bool

from analysis.boolean.covers import Part, cells_of, members, parts

LIMIT = 100_000
"""Covers of a part that are counted before the number becomes a lower bound: about a second."""


def irredundant_covers(chart: Bool[np.ndarray, "products cells"], limit: int = LIMIT) -> tuple[int, bool]:
    """The number of irredundant covers, and whether it is exact; else there are at least so many.

    Parts of a chart multiply, so that an exact number may be far above `limit`. Without cells: 1, the empty cover.
    ValueError where a cell has no product.
    """
    total, exact = 1, True
    for part in parts(chart):
        number = _transversals(part, limit + 1)
        total *= min(number, limit)
        exact &= number <= limit
    return total, exact


def _transversals(part: Part, limit: int) -> int:
    """The number of minimal transversals, counted up to `limit`."""
    covered = cells_of(part)
    found = 0

    def descend(alone: list[int], uncovered: int, allowed: int) -> None:
        """`alone`: for each chosen product the cells that it alone covers, none of them empty."""
        nonlocal found
        if not uncovered:
            found += 1
            return
        # The cell of fewest allowed products; once they had their turn they may join later ones.
        options = min((part[cell] & allowed for cell in members(uncovered)), key=int.bit_count)
        allowed &= ~options
        for product in members(options):
            cells = covered[product]
            left = [own & ~cells for own in alone]
            if all(left) and found < limit:
                descend([*left, cells & uncovered], uncovered & ~cells, allowed)
                allowed |= 1 << product

    descend([], (1 << len(part)) - 1, sum(1 << product for product in covered))
    return found
