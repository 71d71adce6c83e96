"""Which few values stand for all weights of a layer? k-means on a line, by exact Lloyd iterations to the fixed point
(Han et al., 2016, arXiv:1510.00149, section 3).

On a line a cluster is a run of the sorted values, so an iteration needs no pass over them: the midpoints between
neighboring centroids are searched for, and sums of runs are differences of prefix sums (float64, kept for every 256th
value). The fixed point is that of Lloyd's algorithm from the same start. A cluster that loses its last value takes the
value that lies farthest from its own centroid, as in scikit-learn, and all that equal it.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

Start = Literal["linear", "density", "random"]
Values = Float[np.ndarray, "..."]
Centroids = Float[np.ndarray, " codes"]

BLOCK = 256
LONGEST = 100_000
"""Iterations after which rounding is taken to go in circles; 38 million weights need 600 to 3,200."""
WORTH = 1 << 20
"""Values from which machine code pays for being loaded; without numba the same is done more slowly."""


@dataclass(frozen=True)
class Clusters:
    """Where Lloyd's iterations stopped."""

    centroids: Centroids
    """Rising, float64; fewer than asked for where there are fewer distinct values."""
    counts: Int[np.ndarray, " codes"]
    """Values of each, at least 1."""
    iterations: int


class SortedValues:
    """Values sorted once, with the sums that every iteration from every start needs.

    Any shape; float16 counts as float32. Raises ValueError for none, and for values that are not finite.
    """

    def __init__(self, values: Values):
        count = values.size
        blocks = np.zeros((count // BLOCK + 1, BLOCK), np.result_type(values.dtype, np.float32))
        self.values = blocks.reshape(-1)[:count]
        self.values[:] = values.reshape(-1)
        self.values.sort()
        if count == 0 or not np.isfinite(self.values[[0, -1]]).all():
            raise ValueError(f"k-means on {count} values; expected at least one, all of them finite")
        self._blocks = blocks
        self._before = np.concatenate([[0.0], np.cumsum(blocks.sum(1, dtype=np.float64))])

    def start(self, codes: int, kind: Start, generator: np.random.Generator | None = None) -> Centroids:
        """First centroids, rising: spread evenly over the range, over the ranks, or drawn from the values.

        Raises ValueError for a random start without a generator.
        """
        if kind == "linear":
            return np.linspace(float(self.values[0]), float(self.values[-1]), codes)
        if kind == "density":
            ranks = (np.arange(codes) + 0.5) * len(self.values) / codes
            return self.values[ranks.astype(np.int64)].astype(np.float64)
        if generator is None:
            raise ValueError("a random start needs a generator; pass numpy.random.default_rng(seed)")
        return np.sort(generator.choice(self.values, codes, replace=len(self.values) < codes)).astype(np.float64)

    def lloyd(self, start: Centroids, iterations: int = LONGEST) -> Clusters:
        """Centroids of the fixed point reached from `start`, or where it stands after so many `iterations`."""
        centroids, done = np.sort(start), 0
        cuts = self._cuts(centroids)
        machine_code = _machine_code(len(self.values))
        while done < iterations:
            if machine_code:
                done += machine_code.settle(self.values, self._before, BLOCK, centroids, cuts, iterations - done - 1)
            centroids, done = self._means(centroids, cuts), done + 1
            moved = self._cuts(centroids)
            if np.array_equal(moved, cuts):
                break
            cuts = moved
        counts = np.diff(cuts)
        return Clusters(centroids[counts > 0], counts[counts > 0], done)

    def _cuts(self, centroids: Centroids) -> Int[np.ndarray, " codes_and_one"]:
        """Where each cluster's run begins, and the end; a value halfway between two goes to the lower."""
        inner = np.searchsorted(self.values, midpoints(centroids, self.values.dtype), side="right")
        return np.concatenate([[0], inner, [len(self.values)]])

    def _sums_below(self, cuts: Int[np.ndarray, " cuts"]) -> Float[np.ndarray, " cuts"]:
        block, inside = np.divmod(cuts, BLOCK)
        part = np.where(np.arange(BLOCK) < inside[:, None], self._blocks[block], 0)
        return self._before[block] + part.sum(1, dtype=np.float64)

    def _means(self, centroids: Centroids, cuts: Int[np.ndarray, " codes_and_one"]) -> Centroids:
        counts, sums = np.diff(cuts), np.diff(self._sums_below(cuts))
        if (counts == 0).any():
            return self._refilled(centroids, cuts, counts, sums)
        # Rounding of the prefix sums must not push a mean out of its run.
        return np.clip(sums / counts, self.values[cuts[:-1]], self.values[cuts[1:] - 1])

    def _refilled(self, centroids: Centroids, cuts: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> Centroids:
        """Means after every empty cluster has taken the values farthest from their centroids: an end of some run, and
        all that equal it. None takes the last values of another."""
        low, high = cuts[:-1].copy(), cuts[1:].copy()
        counts, sums, taken = counts.copy(), sums.copy(), list[float]()
        full = np.flatnonzero(counts)
        for _ in range(len(counts) - len(full)):
            first, last = self.values[low[full]], self.values[high[full] - 1]
            reach = np.where(first < last, np.maximum(centroids[full] - first, last - centroids[full]), -np.inf)
            place = int(reach.argmax())
            if reach[place] == -np.inf:
                break
            owner, falls = full[place], centroids[full[place]] - first[place] >= last[place] - centroids[full[place]]
            value = (first if falls else last)[place]
            begin, end = (low[owner] + np.searchsorted(self.values[low[owner] : high[owner]], value, side)
                          for side in ("left", "right"))  # fmt: skip
            low[owner], high[owner] = (end, high[owner]) if falls else (low[owner], begin)
            counts[owner], sums[owner] = counts[owner] - (end - begin), sums[owner] - float(value) * (end - begin)
            taken.append(float(value))
        means = np.clip(sums[full] / counts[full], self.values[low[full]], self.values[high[full] - 1])
        return np.sort(np.concatenate([means, taken, np.full(len(counts) - len(full) - len(taken), means[-1])]))


def kmeans(
    values: Values, codes: int, start: Start = "linear", generator: np.random.Generator | None = None
) -> Clusters:
    """At most `codes` centroids of `values`, to the fixed point. Errors as of `SortedValues`."""
    ordered = SortedValues(values)
    return ordered.lloyd(ordered.start(codes, start, generator))


def midpoints(centroids: Centroids, dtype: np.dtype) -> Float[np.ndarray, " inner"]:
    """Largest numbers of `dtype` that are nearer to the lower of two neighbors, or as near."""
    exact = (centroids[1:] + centroids[:-1]) / 2
    rounded = exact.astype(dtype)
    return np.where(rounded > exact, np.nextafter(rounded, rounded.dtype.type(-np.inf)), rounded)


def nearest_codes(values: Values, centroids: Centroids) -> UInt8[np.ndarray, "..."]:
    """Index of the nearest of at most 256 rising centroids, in the shape of `values`; the lower of two as near.

    Raises ValueError for more than 256.
    """
    if len(centroids) > 256:
        raise ValueError(f"{len(centroids)} centroids; a code has 8 bits at most, so expected up to 256")
    flat = values.reshape(-1).astype(np.result_type(values.dtype, np.float32), copy=False)
    cuts = midpoints(centroids, flat.dtype)
    if len(cuts) and (machine_code := _machine_code(len(flat))):
        return machine_code.codes_between(flat, cuts).reshape(values.shape)
    return np.searchsorted(cuts, flat).astype(np.uint8).reshape(values.shape)


def squared_error(values: Values, centroids: Centroids, codes: UInt8[np.ndarray, "..."]) -> float:
    """Sum of squared distances of the values to the centroids of their codes, in float64."""
    total, size, flat, chosen = 0.0, 1 << 20, values.reshape(-1), codes.reshape(-1)
    for begin in range(0, len(flat), size):
        difference = flat[begin : begin + size] - centroids[chosen[begin : begin + size]]
        total += float(difference @ difference)
    return total


def _machine_code(count: int) -> ModuleType | None:
    """The loops over so many values, compiled, where that pays and numba is installed."""
    if count < WORTH:
        return None
    try:
        from analysis.compression import compiled_kmeans
    except ImportError:
        return None
    return compiled_kmeans
