"""How far are two layers from being rotations of one another? (Williams et al., 2021, arXiv:2110.14739)

The best rotation of one layer onto the other is that of the singular vectors of their covariance, and what it reaches
is the sum of the singular values. The smaller layer counts as padded with zeros.
"""

import numpy as np
from jaxtyping import Float

from analysis.comoments import CONSTANT, Comoments
from analysis.similarity.joint import Joint
from analysis.similarity.noise import Scores


def procrustes(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> Scores:
    """Orthogonal Procrustes distance |x - y Q| of centered layers of unit Frobenius norm, in [0, sqrt 2].

    A metric: 0 means equal up to rotation, isotropic scaling and translation, to all of which it is invariant. Near 0
    it holds the square root of the sums' rounding: 3e-4 of float32 products. NaN where a layer is constant. Draws keep
    the rotation of all images, and may pass sqrt 2. Williams et al., 2021, arXiv:2110.14739.
    """
    cosine = _cosine(joint.xy, weights)
    return Scores(float(np.sqrt(2 - 2 * cosine[0])), np.sqrt(2 - 2 * cosine[1:]))


def angular_shape(joint: Joint, weights: Float[np.ndarray, "draws groups"]) -> Scores:
    """Angle between best rotated layers in radians, a distance in [0, pi / 2]; the geodesic form of `procrustes`.

    A metric with the same invariances, rounding, draws and NaNs. Williams et al., 2021, arXiv:2110.14739.
    """
    cosine = _cosine(joint.xy, weights)
    return Scores(float(np.arccos(cosine[0])), np.arccos(cosine[1:]))


def _cosine(comoments: Comoments, weights: Float[np.ndarray, "draws groups"]) -> Float[np.ndarray, " value_and_draws"]:
    """tr(Q' Sxy) / sqrt(tr Sxx tr Syy) of all samples, then of each draw, with Q from all samples."""
    comoments = comoments.units(slice(-1), slice(-1))
    weights = np.vstack([np.ones(weights.shape[1]), weights])
    if not comoments.rows:
        return np.full(len(weights), np.nan)
    rotation = _rotation(comoments)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = weights @ comoments.n
        mean_x, mean_y = (weights @ sums / n[:, None] for sums in (comoments.sum_x, comoments.sum_y))
        reached = weights @ np.tensordot(comoments.cross, rotation, 2) / n - ((mean_x @ rotation) * mean_y).sum(1)
        variance_x = _variance(weights @ comoments.square_x / n[:, None], mean_x)
        variance_y = _variance(weights @ comoments.square_y / n[:, None], mean_y)
        return np.clip(reached / np.sqrt(variance_x) / np.sqrt(variance_y), -1.0, 1.0)


def _rotation(comoments: Comoments) -> Float[np.ndarray, "units_x units_y"]:
    """Of the units that vary; rows and columns of constant units are 0."""
    live = np.outer(comoments.variance_x() > 0, comoments.variance_y() > 0)
    u, _, vt = np.linalg.svd(comoments.covariance() * live, full_matrices=False)
    return (u @ vt) * live


def _variance(
    square: Float[np.ndarray, "draws units"], mean: Float[np.ndarray, "draws units"]
) -> Float[np.ndarray, " draws"]:
    """Summed over the units that vary; NaN where none does."""
    variance = square - mean**2
    total = np.where(variance > CONSTANT * square, variance, 0.0).sum(1)
    return np.where(total > 0, total, np.nan)
