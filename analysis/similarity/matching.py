"""Which unit of one net is which unit of another? (Li et al., 2016, arXiv:1511.07543)

Semi-matching lets partners repeat; bipartite matching pairs every unit of the smaller side once (Hungarian); the curve
of Hopcroft-Karp says how many units pair one-to-one when only correlations of at least t count, and the bottleneck
matching makes its weakest pair as strong as it can be. All work on the correlation matrix, signed; pass its absolute
value to ignore signs. Rows or columns of NaN (constant units) take part in no pair.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

ALONE = -1
"""The partner of a unit that has none."""


class Pairing(NamedTuple):
    """One-to-one pairs, by ascending x."""

    x: Int[np.ndarray, " pairs"]
    y: Int[np.ndarray, " pairs"]

    def partners(self, units_x: int) -> Int[np.ndarray, " units_x"]:
        """The partner of every unit of the first side, or ALONE."""
        partner = np.full(units_x, ALONE)
        partner[self.x] = self.y
        return partner


def semi_matching(rho: Float[np.ndarray, "units_x units_y"]) -> Int[np.ndarray, " units_x"]:
    """For every x the y of largest correlation, the lowest index where they tie; ALONE for a constant unit."""
    best = np.argmax(np.where(np.isnan(rho), -np.inf, rho), axis=1)
    return np.where(np.isnan(rho).all(axis=1), ALONE, best)


def bipartite_matching(rho: Float[np.ndarray, "units_x units_y"]) -> Pairing:
    """The one-to-one pairs of the largest sum of correlations; all live units of the smaller side are in it."""
    live_x, live_y = _live(rho)
    x, y = linear_sum_assignment(rho[np.ix_(live_x, live_y)], maximize=True)
    return Pairing(live_x[x], live_y[y])


def agreement(rho: Float[np.ndarray, "units_x units_y"], pairs: Pairing) -> float:
    """Share of the paired units of x whose partner is also their semi-match, in 0-1; NaN without pairs."""
    return float(np.mean(semi_matching(rho)[pairs.x] == pairs.y)) if len(pairs.x) else float("nan")


def paired_share(
    rho: Float[np.ndarray, "units_x units_y"], thresholds: Float[np.ndarray, " thresholds"]
) -> Float[np.ndarray, " thresholds"]:
    """Share of the smaller side that can be paired one-to-one with correlations of at least t, in 0-1."""
    side = min(rho.shape)
    return np.array([len(_hopcroft_karp(rho >= t).x) / side for t in thresholds])


def bottleneck_matching(rho: Float[np.ndarray, "units_x units_y"]) -> tuple[float, Pairing]:
    """The largest t at which all live units of the smaller side pair with correlations of at least t, and such pairs.

    NaN and no pairs where no unit is live.
    """
    live_x, live_y = _live(rho)
    block = rho[np.ix_(live_x, live_y)]
    if block.size == 0:
        return float("nan"), Pairing(live_x[:0], live_y[:0])
    # No threshold above the weakest row's or column's best pairs everything; at the smallest value all pairs count.
    best = block.max(axis=1 if block.shape[0] <= block.shape[1] else 0).min()
    values = np.unique(block[block <= best])
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if len(_hopcroft_karp(block >= values[middle]).x) == min(block.shape):
            low = middle
        else:
            high = middle - 1
    pairs = _hopcroft_karp(block >= values[low])
    return float(values[low]), Pairing(live_x[pairs.x], live_y[pairs.y])


def _hopcroft_karp(edges: Bool[np.ndarray, "units_x units_y"]) -> Pairing:
    partner = maximum_bipartite_matching(csr_array(edges), perm_type="column")
    x = np.flatnonzero(partner >= 0)
    return Pairing(x, partner[x].astype(np.int64))


def _live(rho: np.ndarray) -> tuple[Int[np.ndarray, " live_x"], Int[np.ndarray, " live_y"]]:
    dead = np.isnan(rho)
    return np.flatnonzero(~dead.all(axis=1)), np.flatnonzero(~dead.all(axis=0))
