"""Every measure of similarity as its paper writes it: float64 samples, whole kernels, no sums, no blocks."""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from tests.jobs.plainly import between

RANK = 1e-6
"""Directions below this share of the largest variance are no directions to a float32 network either."""


def basis(samples: np.ndarray, variance: float = 1.0, power: int = 2) -> np.ndarray:
    """Orthonormal columns (samples, kept): leading singular directions of centered samples, of scaled ones for CCA."""
    centered = samples - samples.mean(0)
    deviation = centered.std(0)
    centered = centered[:, deviation > 1e-9]
    if variance == 1:
        centered = centered / centered.std(0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    s = s[s**2 > RANK * s[0] ** 2]
    reached = np.cumsum(s**power) / np.sum(s**power) >= variance - (1e-12 if variance == 1 else 0)
    return u[:, : int(np.argmax(reached)) + 1]


def coefficients(x: np.ndarray, y: np.ndarray, **truncation: Any) -> np.ndarray:
    """Canonical correlations, largest first."""
    return np.linalg.svd(basis(x, **truncation).conj().T @ basis(y, **truncation), compute_uv=False)


def cca(x: np.ndarray, y: np.ndarray) -> float:
    return float(coefficients(x, y).mean())


def svcca(x: np.ndarray, y: np.ndarray, variance: float = 0.99, power: int = 2) -> float:
    return float(coefficients(x, y, variance=variance, power=power).mean())


def pwcca(x: np.ndarray, y: np.ndarray) -> float:
    """A coefficient counts as much as the units of the smaller side project on its variate."""
    basis_x, basis_y = basis(x), basis(y)
    if basis_y.shape[1] < basis_x.shape[1]:
        x, basis_x, basis_y = y, basis_y, basis_x
    turned, rho, _ = np.linalg.svd(basis_x.T @ basis_y, full_matrices=False)
    importance = np.abs((basis_x @ turned).T @ (x - x.mean(0))).sum(1)
    return float(rho @ importance / importance.sum())


def centered_hsic(k: np.ndarray, other: np.ndarray) -> float:
    middle = np.eye(len(k)) - 1 / len(k)
    return float(np.sum((middle @ k @ middle) * other))


def unbiased_hsic(k: np.ndarray, other: np.ndarray) -> float:
    """Song et al., 2012, equation 5."""
    n = len(k)
    k, other = k - np.diag(np.diag(k)), other - np.diag(np.diag(other))
    sums = k.sum(0), other.sum(0)
    return float(
        np.sum(k * other) + sums[0].sum() * sums[1].sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (sums[0] @ sums[1])
    )


def _alignment(hsic: Any, k: np.ndarray, other: np.ndarray) -> float:
    return float(hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other)))


def cka(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    norms = [np.linalg.norm(one.T @ other) for one, other in ((x, x), (y, y), (x, y))]
    return float(norms[2] ** 2 / (norms[0] * norms[1]))


def debiased_cka(x: np.ndarray, y: np.ndarray) -> float:
    return _alignment(unbiased_hsic, x @ x.T, y @ y.T)


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """Of the best rotation of one onto the other."""
    x, y = x - x.mean(0), y - y.mean(0)
    reached = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    return float(reached / np.linalg.norm(x) / np.linalg.norm(y))


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(max(2 - 2 * cosine(x, y), 0)))


def angular_shape(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.arccos(min(cosine(x, y), 1)))


def hard_match(x: np.ndarray, y: np.ndarray) -> float:
    rho = between(x, y)
    return float(rho[linear_sum_assignment(rho, maximize=True)].mean())


def soft_match(x: np.ndarray, y: np.ndarray) -> float:
    """Units repeated until both sides have as many: a transport between equal shares is then a permutation."""
    return hard_match(np.repeat(x, y.shape[1], axis=1), np.repeat(y, x.shape[1], axis=1))


def rbf_cka(x: np.ndarray, y: np.ndarray) -> float:
    return _alignment(centered_hsic, _gaussian(x), _gaussian(y))


def _gaussian(x: np.ndarray) -> np.ndarray:
    distances = pdist(x)
    return np.exp(-(squareform(distances) ** 2) / (2 * np.median(distances) ** 2))


def rsa(x: np.ndarray, y: np.ndarray) -> float:
    return float(spearmanr(pdist(x), pdist(y)).statistic)


def mutual_neighbors(x: np.ndarray, y: np.ndarray, k: int = 10) -> float:
    nearest = [np.argsort(squareform(pdist(values)), axis=1)[:, 1 : k + 1] for values in (x, y)]
    return float(np.mean([len(np.intersect1d(*both)) / k for both in zip(*nearest, strict=True)]))


SUMS = {
    "cca": cca, "svcca": svcca, "pwcca": pwcca, "cka": cka, "debiased_cka": debiased_cka, "procrustes": procrustes,
    "angular_shape": angular_shape, "hard_match": hard_match, "soft_match": soft_match,
}  # fmt: skip
"""Of (samples, units)."""

DISTANCES = {"rbf_cka": rbf_cka, "rsa": rsa, "mutual_neighbors": mutual_neighbors}
"""Of (images, features)."""


def at_frequency(maps: np.ndarray, row: int, column: int) -> np.ndarray:
    """(images, channels) complex, one frequency of the two-dimensional transform."""
    return np.asarray(np.fft.fft2(maps, norm="forward")[:, :, row, column])


def by_frequency(x: np.ndarray, y: np.ndarray, frequencies: list[tuple[int, int]], **truncation: Any) -> np.ndarray:
    """Mean canonical correlation at each frequency of maps (images, channels, height, width)."""
    return np.array(
        [coefficients(at_frequency(x, *at), at_frequency(y, *at), **truncation).mean() for at in frequencies]
    )
