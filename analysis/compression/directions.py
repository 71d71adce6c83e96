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
    return principal_directions(covariance, len(covariance)).weights.T


def by_activity(covariance: Covariance, mean: Float[np.ndarray, " channels"]) -> Rows:
    """Single channels, the largest mean square first."""
    order = np.argsort(-(np.diag(covariance) + mean**2), kind="stable")
    return np.eye(len(covariance))[order]


def at_random(channels: int, generator: np.random.Generator) -> Rows:
    """A rotation drawn uniformly."""
    return np.linalg.qr(generator.standard_normal((channels, channels)))[0].T


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
    first = np.linalg.qr(canonical(x, y, xy, samples, variance=variance).x)[0]
    rest = np.eye(len(x)) - first @ first.T
    left = principal_directions(rest @ x @ rest, len(x) - first.shape[1]).weights
    return np.linalg.qr(np.concatenate([first, left], axis=1))[0].T
