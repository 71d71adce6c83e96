"""How alike are two layers in what they hold near each other? CKA with Gaussian kernels (arXiv:1905.00414).

The kernels are formed in blocks of images and summed by group: no draw touches images x images.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from analysis.similarity.noise import Scores

BLOCK = 256
"""Images of one block of kernel rows: 4 MB a kernel at 2,000 images."""


def rbf_cka(
    distances_x: Float[np.ndarray, "images images"],
    distances_y: Float[np.ndarray, "images images"],
    groups: Int[np.ndarray, " images"],
    weights: Float[np.ndarray, "draws groups"],
    bandwidth: float = 1.0,
) -> Scores:
    """CKA of kernels exp(-d^2 / 2 s^2), a similarity in [0, 1]; s is `bandwidth` times a layer's median distance.

    From squared Euclidean distances. The biased HSIC of the paper: layers of few images score well above 0 by chance.
    Invariant to rotation, isotropic scaling and translation; small bandwidths see only neighbors, large ones tend to
    linear CKA. Draws keep the kernels of all images. NaN where the median distance is 0, or without two images.
    Kornblith et al., 2019, arXiv:1905.00414.
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}, expected a positive multiple of the median distance, such as 1.0.")
    weights = np.vstack([np.ones(weights.shape[1]), weights])
    members = np.eye(weights.shape[1])[groups]
    with np.errstate(invalid="ignore", divide="ignore"):
        layers = [(distances, bandwidth * _median(distances)) for distances in (distances_x, distances_y)]
        x, y, xy = _hsic(layers, members, weights)
        found = np.clip(np.where((x > 0) & (y > 0), xy / np.sqrt(x) / np.sqrt(y), np.nan), 0.0, 1.0)
    return Scores(float(found[0]), found[1:])


def _median(distances: Float[np.ndarray, "images images"]) -> float:
    """Over pairs of two images; NaN where it is 0 or there is no pair."""
    above = distances[np.triu_indices(len(distances), 1)]
    median = float(np.median(np.sqrt(above))) if len(above) else 0.0
    return median if median > 0 else float("nan")


def _hsic(
    layers: list[tuple[Float[np.ndarray, "images images"], float]],
    members: Float[np.ndarray, "images groups"],
    weights: Float[np.ndarray, "draws groups"],
) -> Iterator[Float[np.ndarray, " draws"]]:
    """n^2 HSIC of the kernels of x with x, y with y and x with y, of every draw.

    Of a draw that takes image i w_i times: sum w_i w_j K_ij L_ij - 2 / n sum w_i (Kw)_i (Lw)_i + w'Kw w'Lw / n^2.
    """
    pairs = ((0, 0), (1, 1), (0, 1))
    images, groups = members.shape
    rows = np.empty((2, images, groups))
    products = np.zeros((3, groups, groups))
    for start in range(0, images, BLOCK):
        part = slice(start, start + BLOCK)
        # Less 1, which centering removes from a kernel: a wide one is all but 1.
        kernels = [np.expm1(distances[part].astype(np.float64) / (-2 * scale**2)) for distances, scale in layers]
        rows[:, part] = [kernel @ members for kernel in kernels]
        products += [members[part].T @ (kernels[a] * kernels[b]) @ members for a, b in pairs]
    n = weights @ members.sum(0)
    totals = [np.einsum("wg,gh,wh->w", weights, members.T @ row, weights) for row in rows]
    for (a, b), product in zip(pairs, products, strict=True):
        by_image = np.einsum("if,ig,ih->fgh", members, rows[a], rows[b], optimize=True)
        cubic = np.einsum("wf,wg,wh,fgh->w", weights, weights, weights, by_image, optimize=True)
        square = np.einsum("wg,gh,wh->w", weights, product, weights)
        yield square - 2 * cubic / n + totals[a] * totals[b] / n**2
