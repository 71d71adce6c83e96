"""Do two layers find the same images alike? Representational similarity analysis (Kriegeskorte et al., 2008).

Dissimilarity is the Euclidean distance between two images; only its rank counts, so squared distances do.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from analysis.similarity.noise import Scores

TIED = 1e-12
"""A variance of ranks below this share of their mean square is float64 rounding: every rank of a draw ties."""


def rsa(
    distances_x: Float[np.ndarray, "images images"],
    distances_y: Float[np.ndarray, "images images"],
    groups: Int[np.ndarray, " images"],
    weights: Float[np.ndarray, "draws groups"],
) -> Scores:
    """Spearman correlation of the distances above the diagonals, a similarity in [-1, 1], 0 by chance.

    From squared Euclidean distances, ties at their mean rank. Invariant to rotation, isotropic scaling and translation,
    and to any increasing map of the distances. Draws keep the ranks of all images: Pearson's r of them, a pair counted
    as often as the draw takes it. An image that a draw takes twice makes no pair with its copy, whose distance of 0
    both layers would agree on. NaN where all distances tie or fewer than three images are held.
    Kriegeskorte et al., 2008, doi:10.3389/neuro.06.004.2008.
    """
    count = weights.shape[1]
    weights = np.vstack([np.ones(count), weights])
    first, second = np.triu_indices(len(groups), 1)
    between = groups[first] * count + groups[second]
    x, y = (rankdata(distances[first, second]) - (len(first) + 1) / 2 for distances in (distances_x, distances_y))
    sums = [np.bincount(between, values, count**2) for values in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    by_groups = np.reshape(sums, (6, count, count))
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs, *moments = np.einsum("wg,sgh,wh->sw", weights, by_groups, weights, optimize=True)
        mean_x, mean_y, square_x, square_y, product = (moment / pairs for moment in moments)
        variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
        live = (variance_x > TIED * square_x) & (variance_y > TIED * square_y)
        found = np.where(live, (product - mean_x * mean_y) / np.sqrt(variance_x) / np.sqrt(variance_y), np.nan)
    found = np.clip(found, -1.0, 1.0)
    return Scores(float(found[0]), found[1:])
