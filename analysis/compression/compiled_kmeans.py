"""The two loops of k-means on a line as machine code, for layers of millions of weights."""

import numpy as np
from jaxtyping import Float, UInt8

from analysis.compression.lanes import compiled

CELLS = 1024
"""Equal parts of the range between the first and the last cut; few hold a cut, so few values are compared with any."""


def codes_between(values: Float[np.ndarray, " n"], cuts: Float[np.ndarray, " inner"]) -> UInt8[np.ndarray, " n"]:
    """How many of at least one rising cut, in the type of `values`, each value is above."""
    with np.errstate(divide="ignore", over="ignore"):
        scale = CELLS / (cuts[-1] - cuts[0])
    below = np.zeros(CELLS + 1, np.uint8)
    codes = np.empty(len(values), np.uint8)
    _count_below(values, cuts, scale.astype(values.dtype), below, codes)
    return codes


@compiled
def settle(values, before, block, centroids, cuts, iterations):  # type: ignore[no-untyped-def]
    """Lloyd's iterations in place, while cuts move and no cluster is empty; how many were done, at most `iterations`.

    values: rising; before: sums of the values below every `block`th; cuts: where each cluster begins, and the end.
    """
    means, moved = np.empty_like(centroids), cuts.copy()
    for done in range(iterations):
        if not _means(values, before, block, cuts, means):
            return done
        for code in range(1, len(means)):
            moved[code] = _first_above(values, (means[code - 1] + means[code]) / 2, cuts[code])
        if (moved == cuts).all():
            return done
        centroids[:], cuts[:] = means, moved
    return iterations


@compiled
def _means(values, before, block, cuts, means):  # type: ignore[no-untyped-def]
    """Of every cluster, unless one is empty: whether none is."""
    below = 0.0
    for code in range(len(means)):
        begin, end = cuts[code], cuts[code + 1]
        if begin == end:
            return False
        total = before[end // block]
        for place in range(end // block * block, end):
            total += values[place]
        # Rounding of the prefix sums must not push a mean out of its run.
        means[code] = min(max((total - below) / (end - begin), values[begin]), values[end - 1])
        below = total
    return True


@compiled
def _first_above(values, cut, near):  # type: ignore[no-untyped-def]
    """Place of the first value above `cut`, searched for in steps that double from `near` on."""
    low, high, step = near, near, 1
    while high < len(values) and values[high] <= cut:
        low, high, step = high + 1, min(high + step, len(values)), 2 * step
    step = 1
    while low > 0 and values[low - 1] > cut:
        low, high, step = max(low - step, 0), low - 1, 2 * step
    while low < high:
        middle = (low + high) // 2
        if values[middle] <= cut:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _cell(value, low, scale):  # type: ignore[no-untyped-def]
    """Rises with the value, whatever rounding does; also where the range is 0 or overflows."""
    at = (value - low) * scale
    return CELLS if at >= CELLS else np.int64(at) if at > 0 else 0


@compiled
def _count_below(values, cuts, scale, below, codes):  # type: ignore[no-untyped-def]
    """`below`, zeros, is filled with the cuts of the cells before each."""
    low = cuts[0]
    for cut in cuts:
        for cell in range(_cell(cut, low, scale) + 1, CELLS + 1):
            below[cell] += 1
    for place in range(len(values)):
        value = values[place]
        code = np.int64(below[_cell(value, low, scale)])
        while code < len(cuts) and value > cuts[code]:
            code += 1
        codes[place] = code
