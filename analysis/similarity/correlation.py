"""Correlation between the units of two layers, over images and positions (Li et al., 2016, arXiv:1511.07543)."""

import numpy as np
from jaxtyping import Float, Int

from analysis.comoments import Comoments


def correlation(comoments: Comoments) -> Float[np.ndarray, "units_x units_y"]:
    """Pearson's r of every pair of units, signed, in [-1, 1]; NaN where a unit is constant, or without samples."""
    if not comoments.rows:
        return np.full(comoments.cross.shape[1:], np.nan)
    scale = np.sqrt(np.outer(comoments.variance_x(), comoments.variance_y()))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(scale > 0, comoments.covariance() / scale, np.nan), -1.0, 1.0)


def paired_correlation(
    comoments: Comoments,
    x: Int[np.ndarray, " pairs"],
    y: Int[np.ndarray, " pairs"],
    weights: Float[np.ndarray, "draws groups"],
) -> Float[np.ndarray, "draws pairs"]:
    """r of chosen pairs of units under every weighting of the groups, without forming the other entries."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = (weights @ comoments.n)[:, None]
        mean_x, mean_y = weights @ comoments.sum_x[:, x] / n, weights @ comoments.sum_y[:, y] / n
        variance_x = weights @ comoments.square_x[:, x] / n - mean_x**2
        variance_y = weights @ comoments.square_y[:, y] / n - mean_y**2
        covariance = weights @ comoments.cross[:, x, y] / n - mean_x * mean_y
        scale = np.sqrt(np.maximum(variance_x, 0) * np.maximum(variance_y, 0))
        return np.clip(np.where(scale > 0, covariance / scale, np.nan), -1.0, 1.0)
