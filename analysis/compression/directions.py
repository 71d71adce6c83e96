"""Which directions of a layer's input are kept? Shared with another network, of largest variance, the most active
units, or drawn at random (SVCCA compression: Raghu et al., 2017, arXiv:1706.05806, section 4.4).

Every method gives all directions as orthonormal rows in its order, so that the first k are those it would keep.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from analysis.similarity.cca import canonical
from analysis.units.directions import principal_directions

Method = Literal["svcca", "logits", "pca", "active", "random"]
METHODS: tuple[Method, ...] = ("svcca", "logits", "pca", "active", "random")

Covariance = Float[np.ndarray, "channels channels"]
Rows = Float[np.ndarray, "channels channels"]


def by_variance(covariance: Covariance) -> Rows:
    """Principal components, the largest variance first."""
    return _orthonormal(principal_directions(covariance, len(covariance)).weights)


def by_activity(covariance: Covariance, mean: Float[np.ndarray, " channels"]) -> Rows:
    """Single channels, the largest mean square first."""
    order = np.argsort(-(np.diag(covariance) + mean**2), kind="stable")
    return np.eye(len(covariance))[order]


def at_random(channels: int, generator: np.random.Generator) -> Rows:
    """A rotation drawn uniformly."""
    return _orthonormal(generator.standard_normal((channels, channels)))


def shared(
    x: Covariance,
    y: Float[np.ndarray, "others others"],
    xy: Float[np.ndarray, "channels others"],
    samples: float,
    variance: float = 0.99,
) -> Rows:
    """Those that correlate most with another layer or the logits, by SVCCA; behind them, by variance, what is left.

    Raises TooFewSamples unless there are more than both sides keep.
    """
    found = canonical(x, y, xy, samples, variance=variance).x
    return _orthonormal(np.concatenate([found, principal_directions(x, len(x)).weights], axis=1))


def _orthonormal(columns: Float[np.ndarray, "channels columns"]) -> Rows:
    """Rows that span what the first columns span, one after another; columns within that span are passed over."""
    rows: list[np.ndarray] = []
    for column in columns.T:
        size = np.linalg.norm(column)
        left = column / size if size > 0 else column
        for _ in range(2):  # the second time for what rounding left
            left = left - sum((row * (row @ left) for row in rows), np.zeros_like(left))
        if np.linalg.norm(left) > 1e-6:
            rows.append(left / np.linalg.norm(left))
        if len(rows) == len(columns):
            break
    return _completed(rows, len(columns))


def _completed(rows: list[np.ndarray], channels: int) -> Rows:
    """With rows of no variance at all, which the others leave."""
    if len(rows) < channels:
        found = np.stack(rows) if rows else np.zeros((0, channels))
        _, _, basis = np.linalg.svd(found, full_matrices=True)
        rows = [*rows, *basis[len(rows) :]]
    return np.stack(rows)
