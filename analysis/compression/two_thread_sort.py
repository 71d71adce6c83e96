"""Sorting with two threads: each sorts a half, then one merges from the smallest up, the other from the largest down.

Compiled where numba is installed; without it one thread sorts. Either way the values are those of `numpy.sort`.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float

WORTH = 1 << 22
"""Values from which a second thread pays for the code that it needs."""


def sort(values: Float[np.ndarray, " values"], threads: int) -> None:
    """In place, rising; NaN, where there is one, last."""
    if threads < 2 or len(values) < WORTH:
        values.sort()
        return
    try:
        from analysis.compression.merging import merge_down, merge_up
    except ImportError:
        values.sort()
        return
    middle = len(values) // 2
    halves = values[:middle].copy(), values[middle:].copy()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(np.ndarray.sort, halves))
        if any(np.isnan(half[-1]) for half in halves):  # which no comparison would merge
            values.sort()
            return
        list(pool.map(lambda merge: merge(*halves, values, middle), (merge_up, merge_down)))
