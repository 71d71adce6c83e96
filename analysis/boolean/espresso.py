"""A small cover where the smallest is out of reach: expand, irredundant, reduce, until nothing is saved.

After Espresso (Brayton et al., 1984; Rudell and Sangiovanni-Vincentelli, 1987, doi:10.1109/TCAD.1987.1270347). All
prime implicants are known here, so that to reduce a term to the cells that it alone covers and to expand it again is
to choose any prime that has these cells: one that makes another term superfluous, else another of the shortest.
"""

import numpy as np
from jaxtyping import Bool, Int

PATIENCE = 8
"""Rounds without gain before it ends: a term that is exchanged for an equal one may free another later."""


def espresso_cover(chart: Bool[np.ndarray, "products cells"], literals: Int[np.ndarray, " products"]) -> list[int]:
    """Numbers of the products of an irredundant cover, ascending; few products first, then few literals.

    Not proven to be the fewest. The same chart gives the same cover. ValueError where a cell has no product.
    """
    if not chart.any(0).all():
        raise ValueError("A cell of the chart is covered by no product; give all prime implicants.")
    cover = _Cover(chart, literals)
    cover.grow()
    cover.prune()
    best, waited = cover.chosen(), 0
    while waited < PATIENCE:
        cover.exchange()
        found = cover.chosen()
        better = _cost(found, literals) < _cost(best, literals)
        best, waited = (found, 0) if better else (best, waited + 1)
    return best


def _cost(chosen: list[int], literals: Int[np.ndarray, " products"]) -> tuple[int, int]:
    return len(chosen), int(literals[chosen].sum())


class _Cover:
    """Products chosen so far, and how often each cell is covered."""

    def __init__(self, chart: Bool[np.ndarray, "products cells"], literals: Int[np.ndarray, " products"]):
        self.by_cell = np.ascontiguousarray(chart.T)
        self.cells = [np.flatnonzero(row) for row in chart]
        self.size, self.literals = chart.sum(1), literals
        self.taken = np.zeros(len(chart), bool)
        self.times = np.zeros(chart.shape[1], np.int64)

    def chosen(self) -> list[int]:
        """Numbers of the chosen products."""
        return np.flatnonzero(self.taken).tolist()

    def grow(self) -> None:
        """Expand: until every cell is covered, the product with most open cells, of equal ones the shortest.

        Cells that few products have are worth more, so that essential products come first.
        """
        worth = 1.0 / np.maximum(self.by_cell.sum(1) - 1, 0.001)
        gain = worth @ self.by_cell
        while not self.times.all():
            product = int(np.argmax(gain - 1e-9 * self.literals))
            cells = self.cells[product]
            new = cells[self.times[cells] == 0]
            gain -= worth[new] @ self.by_cell[new]
            self._set(product, True)

    def prune(self) -> None:
        """Irredundant: drop, smallest first, every product whose cells are all covered by others."""
        for product in sorted(self.chosen(), key=lambda one: (self.size[one], -self.literals[one])):
            if (self.times[self.cells[product]] > 1).all():
                self._set(product, False)

    def exchange(self) -> None:
        """One round of reducing and expanding every product."""
        for product in self.chosen():
            if self.taken[product]:
                self._exchange(product)

    def _exchange(self, product: int) -> None:
        """For a prime that has its own cells and frees another product; else for the shortest, rather not itself."""
        own = self._alone(product)
        self._set(product, False)
        others = np.flatnonzero(self.by_cell[own].all(0) & ~self.taken)
        order = np.lexsort((others == product, -self.size[others], self.literals[others]))
        for other in others[order].tolist():
            freed = self._freed(other)
            if freed is not None:
                self._set(other, True)
                self._set(freed, False)
                self.prune()
                return
        self._set(int(others[order[0]]), True)

    def _freed(self, other: int) -> int | None:
        """A chosen product whose own cells are all those of `other` too."""
        cells = self._alone(other)
        owners = [int(np.argmax(self.by_cell[cell] & self.taken)) for cell in cells]
        for owner in dict.fromkeys(owners):
            if owners.count(owner) == len(self._alone(owner)):
                return owner
        return None

    def _alone(self, product: int) -> Int[np.ndarray, " alone"]:
        """Cells of a product that are covered once."""
        cells = self.cells[product]
        return cells[self.times[cells] == 1]

    def _set(self, product: int, taken: bool) -> None:
        self.taken[product] = taken
        self.times[self.cells[product]] += 1 if taken else -1
