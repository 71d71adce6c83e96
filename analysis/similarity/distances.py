"""Squared Euclidean distances between images as a layer represents them, read in blocks of images.

Measures of whole representations (kernels, dissimilarities, neighbors) need images x images, never images x features
at once: a convolution of one ImageNet network has 290,400 features an image.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from analysis.arrays import Array, as_float64, namespace
from analysis.comoments import BLOCK_ROWS


def squared_distances(
    blocks: Callable[[int, int], Array], images: int, block: int = 256
) -> Float[np.ndarray, "images images"]:
    """|x_i - x_j|^2 in float32: symmetric, nonnegative, exactly 0 on the diagonal.

    `blocks(start, stop)` gives the representations of these images, flattened here, in any array library. Two blocks
    and the result are held at once; of b blocks, b (b + 1) / 2 are read. Products are float32 about the mean of the
    first block, so a distance is good to about 1e-6 of the squared norms about that mean.
    """
    starts = range(0, images, block)
    distances = np.zeros((images, images), np.float32)
    center = None
    for start in starts:
        rows = slice(start, min(start + block, images))
        x = _flat(blocks(rows.start, rows.stop))
        center = namespace(x).mean(x, axis=0) if center is None else center
        x = x - center
        distances[rows, rows] = np.triu(_between(x, x), 1)
        distances[rows, rows] += distances[rows, rows].T
        for other in starts[start // block + 1 :]:
            columns = slice(other, min(other + block, images))
            found = _between(x, _flat(blocks(columns.start, columns.stop)) - center)
            distances[rows, columns], distances[columns, rows] = found, found.T
    return distances


def _flat(x: Array) -> Array:
    xp = namespace(x)
    return xp.reshape(xp.astype(x, xp.float32), (x.shape[0], -1))


def _between(x: Array, y: Array) -> Float[np.ndarray, "rows columns"]:
    return np.maximum(_squares(x)[:, None] + _squares(y) - 2 * _products(x, y), 0)


def _squares(x: Array) -> Float[np.ndarray, " rows"]:
    xp = namespace(x)
    return as_float64(xp.sum(x * x, axis=1, dtype=xp.float64))


def _products(x: Array, y: Array) -> Float[np.ndarray, "rows columns"]:
    """In float32 over at most 16,384 features at a time, added in float64."""
    xp = namespace(x)
    total = np.zeros((x.shape[0], y.shape[0]))
    for start in range(0, x.shape[1], BLOCK_ROWS):
        part = slice(start, min(start + BLOCK_ROWS, x.shape[1]))
        total += as_float64(xp.matmul(x[:, part], y[:, part].T))
    return total
