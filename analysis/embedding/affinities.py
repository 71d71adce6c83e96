"""How near is near? Probabilities of being neighbors, with as many effective neighbors for every point (van der Maaten
and Hinton, 2008): a Gaussian about each point, as wide as its perplexity asks.

One search serves all: dense rows on any array library, and on the host the nearest 3 x perplexity points of each (van
der Maaten, 2014).
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from analysis.arrays import Array, namespace
from analysis.embedding.nearest import blocks, nearest, rows_of_distances

TOLERANCE = 1e-7
"""Of every entropy, in nats."""

STEPS = 100
"""A dozen Newton steps suffice; a row with more ties than perplexity never arrives."""

REACH = 3
"""Neighbors kept, in perplexities."""


def conditional_probabilities(
    squared: Float[Array, "points candidates"], perplexity: float
) -> Float[Array, "points candidates"]:
    """p(j|i) from squared distances: each row sums to 1 and has the entropy log(perplexity), to 1e-7 nats.

    A candidate at infinite distance, the point itself, has probability 0. Where more candidates than `perplexity` tie
    for the nearest, no width has that entropy, and they share the row. Give float64: float32 reaches 1e-5 at best.
    ValueError where perplexity is not above 1 and below the number of candidates at a finite distance.
    """
    xp = namespace(squared)
    there = xp.isfinite(squared)
    candidates = int(xp.min(xp.sum(xp.astype(there, xp.int64), axis=1)))
    if not 1 < perplexity < candidates:
        raise ValueError(
            f"perplexity is {perplexity}, expected above 1 and below the {candidates} candidates of a point; choose "
            "one between, or give more points."
        )
    zero = xp.zeros_like(squared)
    squared = xp.where(there, squared - xp.min(squared, axis=1, keepdims=True), zero)
    scale = xp.mean(squared, axis=1, keepdims=True)
    squared = squared / xp.where(scale > 0, scale, xp.ones_like(scale))
    beta = xp.ones_like(scale)
    low, high = xp.zeros_like(beta), xp.full_like(beta, float("inf"))
    for _ in range(STEPS):
        weights = xp.where(there, xp.exp(-beta * squared), zero)
        total = xp.sum(weights, axis=1, keepdims=True)
        mean = xp.sum(squared * weights, axis=1, keepdims=True) / total
        excess = xp.log(total) + beta * mean - math.log(perplexity)
        if float(xp.max(xp.abs(excess))) <= TOLERANCE:
            break
        low, high = xp.where(excess > 0, beta, low), xp.where(excess < 0, beta, high)
        variance = xp.sum(squared * squared * weights, axis=1, keepdims=True) / total - mean * mean
        beta = _next(beta, low, high, excess / (beta * beta * variance + 1e-300))
    return weights / total


def _next(beta: Array, low: Array, high: Array, change: Array) -> Array:
    """A Newton step in log(beta), at most by e, inside the bracket; else half the bracket, or twice beta."""
    xp = namespace(beta)
    one = xp.ones_like(change)
    change = xp.where(change > 1, one, xp.where(change < -1, -one, change))
    newton = beta * xp.exp(change)
    middle = xp.where(xp.isfinite(high), (low + high) / 2, 2 * beta)
    return xp.where((newton > low) & (newton < high), newton, middle)


def joint_probabilities(x: Float[Array, "points features"], perplexity: float) -> Float[Array, "points points"]:
    """P_ij = (p(i|j) + p(j|i)) / 2N, dense, in x's library and precision: 1.6 GB of 20,000 points in float32.

    Sums to 1; every row to at least 1 / 2N.
    """
    xp = namespace(x)
    joint = xp.empty((x.shape[0], x.shape[0]), dtype=x.dtype, device=getattr(x, "device", None))
    for part in blocks(x.shape[0]):
        rows = conditional_probabilities(xp.astype(rows_of_distances(x, part), xp.float64), perplexity)
        joint[part, :] = xp.astype(rows / (2 * x.shape[0]), x.dtype)
    for part in blocks(x.shape[0]):
        for other in blocks(part.stop):
            both = joint[part, other] + joint[other, part].T
            joint[part, other], joint[other, part] = both, both.T
    return joint


def neighbor_probabilities(x: Float[np.ndarray, "points features"], perplexity: float) -> csr_array:
    """The same P_ij from the nearest 3 x perplexity points of each: sparse, (points, points), float64."""
    points = len(x)
    found = nearest(x, min(points - 1, max(1, int(REACH * perplexity))))
    conditional = conditional_probabilities(found.squared, perplexity)
    starts = np.arange(points + 1) * found.indices.shape[1]
    rows = csr_array((conditional.ravel() / (2 * points), found.indices.ravel(), starts), shape=(points, points))
    return csr_array(rows + rows.T)
