"""Do two layers put the same images side by side? Mutual nearest neighbors (Huh et al., 2024, arXiv:2405.07987)."""

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.similarity.noise import Scores

BLOCK = 256
"""Images whose neighbors are sought at once."""


def mutual_neighbors(
    distances_x: Float[np.ndarray, "images images"],
    distances_y: Float[np.ndarray, "images images"],
    groups: Int[np.ndarray, " images"],
    weights: Float[np.ndarray, "draws groups"],
    k: int = 10,
) -> Scores:
    """Mean share of the k nearest other images on which layers agree, a similarity in [0, 1]; by chance k / (n - 1).

    From squared Euclidean distances; of tied images the lowest indices are nearest. Invariant to rotation, isotropic
    scaling and translation, and to any increasing map of the distances. Huh et al. rank by inner products of
    representations of unit length, which is the same order for such. Draws keep the neighbors of all images: a copy
    would be its own. NaN where a layer tells no two images apart; ValueError where k is not in 1 to n - 1.
    Huh et al., 2024, arXiv:2405.07987.
    """
    images = len(groups)
    if not 1 <= k < images:
        raise ValueError(f"k is {k}, expected 1 to {images - 1} neighbors of {images} images; lower k or add images.")
    weights = np.vstack([np.ones(weights.shape[1]), weights])
    shared = np.full(images, np.nan)
    if distances_x.any() and distances_y.any():
        for start in range(0, images, BLOCK):
            part = slice(start, min(start + BLOCK, images))
            shared[part] = (_nearest(distances_x, part, k) & _nearest(distances_y, part, k)).sum(1) / k
    members = np.eye(weights.shape[1])[groups]
    with np.errstate(invalid="ignore"):
        found = weights @ (shared @ members) / (weights @ members.sum(0))
    return Scores(float(found[0]), found[1:])


def _nearest(distances: Float[np.ndarray, "images images"], part: slice, k: int) -> Bool[np.ndarray, "part images"]:
    """Whether an image (column) is among the k nearest of each of a part."""
    rows = distances[part].copy()
    rows[np.arange(len(rows)), np.arange(part.start, part.stop)] = np.inf
    kth = np.partition(rows, k - 1, axis=1)[:, k - 1 : k]
    nearer, tied = rows < kth, rows == kth
    return nearer | (tied & (np.cumsum(tied, axis=1) <= k - nearer.sum(1, keepdims=True)))
