"""t-SNE: neighbors stay neighbors (van der Maaten and Hinton, 2008). One function, two ways to the same minimum.

On the host openTSNE (Policar et al., 2024, 10.18637/jss.v109.i03) approximates the forces between far points; on a GPU
`tsne_exact` sums all of them. Both search the same widths and start from the same principal components. Distances
between far groups, sizes of groups and directions in such a map mean nothing.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from analysis.arrays import Array, to_numpy
from analysis.embedding.affinities import neighbor_probabilities
from analysis.embedding.nearest import blocks
from analysis.embedding.tsne_exact import (
    EARLY,
    EXAGGERATION,
    LATE,
    MOMENTUM,
    RATE,
    Divergence,
    Exact,
    exact_tsne,
    started,
)

EARLY_GRID, LATE_GRID = 4_000, 50_000
"""Points from which forces are interpolated on a grid (FFT) rather than summed by a tree (Barnes-Hut): early, while the
map and so the grid are small, and late, when 10,000 points take 0.13 s by the grid and 0.05 s by the tree."""

ALONE = 1_000
"""Points below which one thread is faster than several, which wait for each other on a busy machine."""


def tsne(
    components: Float[Array, "points axes"], perplexity: float = 30.0, threads: int = 1, late: int = LATE
) -> Exact:
    """The map of points given by their principal components, largest first; y and what it loses, on the host.

    NumPy arrays are embedded by openTSNE, others by `exact_tsne`, which takes at most 20,000 points. Nothing is random:
    the same points give the same map. `late`: iterations after 100 of early exaggeration. ValueError where perplexity
    is not above 1 and below the number of other points.
    """
    start = started(components)
    if isinstance(components, np.ndarray):
        p = neighbor_probabilities(components, perplexity)
        y = _approximated(p, start, threads, late)
        return Exact(y, sparse_divergence(p, y))
    found = exact_tsne(components, start, perplexity)
    return Exact(to_numpy(found.y), found.divergence)


def _approximated(p: csr_array, start: np.ndarray, threads: int, late: int) -> Float[np.ndarray, "points 2"]:
    from openTSNE import TSNEEmbedding, affinity  # type: ignore[import-untyped]

    points = len(start)
    y = TSNEEmbedding(
        start,
        affinity.PrecomputedAffinities(p, normalize=False),
        n_jobs=1 if points < ALONE else threads,
    )
    methods = ["fft" if points >= least else "bh" for least in (EARLY_GRID, LATE_GRID)]
    y.optimize(EARLY, exaggeration=EXAGGERATION, momentum=MOMENTUM, negative_gradient_method=methods[0], inplace=True)
    y.optimize(late, learning_rate=RATE * points, momentum=MOMENTUM, negative_gradient_method=methods[1], inplace=True)
    return np.array(y)


def sparse_divergence(p: csr_array, y: Float[np.ndarray, "points 2"]) -> Divergence:
    """KL(P | Q) and H(P, Q) of a sparse P that sums to 1: Q over all pairs, without approximation."""
    here, there = p.nonzero()
    near = np.asarray(p[here, there]).ravel()
    cross = float(near @ np.log1p(((y[here] - y[there]) ** 2).sum(1)))
    cross += math.log(_unnormalized(y))
    return Divergence(cross + float(near @ np.log(near)), cross)


def _unnormalized(y: Float[np.ndarray, "points 2"]) -> float:
    """The sum of 1 / (1 + |y_i - y_j|^2) over all pairs i != j, each computed once."""
    total = 0.0
    for part in blocks(len(y)):
        squared = sum((axis[part, None] - axis[None, part.start :]) ** 2 for axis in y.T)
        weights = 1 / (1 + squared)
        within = weights[:, : part.stop - part.start]
        total += 2 * float(weights.sum()) - float(within.sum())
    return total - len(y)  # a point is no neighbor of itself
