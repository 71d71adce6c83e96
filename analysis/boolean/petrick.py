"""Every cheapest cover of a chart: Petrick's product of sums, multiplied out depth first, cut at the cheapest so far.

Each cell says which products cover it: their sum; the product of all these sums, multiplied out, lists every cover.
(Petrick, 1956, "A direct determination of the irredundant forms of a Boolean function", AFCRC-TR-56-110.)
"""

from collections.abc import Sequence
from typing import NamedTuple

from analysis.boolean.covers import Part, cells_of, members

TERM = 1 << 32
"""The cost of one more product, in literals: terms count first, then literals, and no cover has so many."""


class Cheapest(NamedTuple):
    """The cheapest covers of one part, each a set of products."""

    covers: tuple[int, ...]
    more: bool
    """Whether there are more than were listed."""


def cheapest_covers(part: Part, literals: Sequence[int], limit: int) -> Cheapest:
    """All covers of fewest products, of these those of fewest literals in all; at most `limit` of them are listed.

    `literals` are those of each product. No cover is found twice.
    """
    search = _Search([TERM + count for count in literals], limit)
    search.descend(_without_dearer(part, search.costs), 0, 0, 0)
    lowest = search.best
    # Once more with the lowest cost known: what is listed at first may be dearer, and would fill the list.
    search = _Search(search.costs, limit + 1, lowest)
    search.descend(_without_dearer(part, search.costs), 0, 0, 0)
    return Cheapest(tuple(search.found[:limit]), len(search.found) > limit)


class _Search:
    """Branch and bound over one part."""

    def __init__(self, costs: Sequence[int], limit: int, best: int | None = None):
        self.costs, self.limit = list(costs), limit
        self.listing = best is not None
        self.best = best if best is not None else sum(self.costs)
        self.found: list[int] = []

    def descend(self, cells: list[int], chosen: int, banned: int, cost: int) -> None:
        """Cover the cell of fewest products by each of them in turn; later turns do without the earlier ones."""
        if cost > self.best or (self.listing and len(self.found) == self.limit):
            return
        if not cells:
            self._take(chosen, cost)
            return
        cells = [cell & ~banned for cell in cells]
        bound = cost + self._least(cells)
        if bound > self.best or (bound == self.best and not self.listing):
            return
        for product in members(min(cells, key=int.bit_count)):
            bit = 1 << product
            left = [cell for cell in cells if not cell & bit]
            self.descend(left, chosen | bit, banned, cost + self.costs[product])
            banned |= bit

    def _take(self, chosen: int, cost: int) -> None:
        if self.listing:
            self.found.append(chosen)
        else:
            self.best = min(self.best, cost)

    def _least(self, cells: list[int]) -> int:
        """A cost below which no cover lies: cells that share no product each need one of their own."""
        taken = total = 0
        for cell in sorted(cells, key=int.bit_count):
            if not cell:
                return self.best + 1
            if not cell & taken:
                taken |= cell
                total += min(self.costs[product] for product in members(cell))
        return total


def _without_dearer(part: Part, costs: Sequence[int]) -> list[int]:
    """The cells without products that a cheaper one could stand for in every cover."""
    covered = cells_of(part)
    dearer = 0
    for product, cells in covered.items():
        if any(costs[other] < costs[product] and cells & ~more == 0 for other, more in covered.items()):
            dearer |= 1 << product
    return [cell & ~dearer for cell in part]
