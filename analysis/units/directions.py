"""Which directions of a layer are units of their own? By variance, or shared with another layer.

A direction is a weighting of a layer's channels: at every position its value is the weighted sum. Directions come from
the layer alone (principal components), from what two layers share (`analysis.similarity.cca`), or from a group of
channels that belong together (`analysis.similarity.spectral`).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Directions(NamedTuple):
    """Weights of the channels, one column a direction, and how strong each is."""

    weights: Float[np.ndarray, "channels directions"]
    strength: Float[np.ndarray, " directions"]


def principal_directions(covariance: Float[np.ndarray, "channels channels"], count: int) -> Directions:
    """The `count` leading principal components, or all where there are fewer; strength: share of the variance, 0-1.

    Unit vectors of the unscaled channels. Each points to the side of its largest weight.
    """
    values, vectors = np.linalg.eigh(covariance)
    leading = slice(None, -1 - min(count, len(values)), -1)
    values, vectors = np.maximum(values, 0.0), vectors[:, leading]
    total = values.sum()
    share = values[leading] / total if total > 0 else np.zeros(vectors.shape[1])
    return Directions(vectors * pointing(vectors), share)


def group_directions(
    covariance: Float[np.ndarray, "channels channels"], groups: Int[np.ndarray, " channels"], count: int
) -> Directions:
    """What the channels of groups 0, 1, ..., `count` - 1 have most in common; channels elsewhere have weight 0.

    The leading component of the group's correlations, over channels scaled to unit variance; strength: its share of
    their variance, 0-1. A group without live channels has weights and strength 0.
    """
    deviations = np.sqrt(np.diag(covariance))
    weights, strength = np.zeros((len(groups), count)), np.zeros(count)
    for group in range(count):
        members = np.flatnonzero((groups == group) & (deviations > 0))
        if len(members):
            scale = deviations[members]
            found = principal_directions(covariance[np.ix_(members, members)] / np.outer(scale, scale), 1)
            weights[members, group] = found.weights[:, 0] / scale
            strength[group] = found.strength[0]
    return Directions(weights, strength)


def pointing(weights: Float[np.ndarray, "channels directions"]) -> Float[np.ndarray, " directions"]:
    """The sign that makes each direction's largest weight positive: an eigenvector has none of its own."""
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=0)[None], axis=0)[0]
    return np.where(largest < 0, -1.0, 1.0)
