"""How alike are two convolutional layers, wherever in the map? CCA of channels at every frequency (Raghu et al., 2017,
arXiv:1706.05806).

Where images are as likely shifted as not, the covariance of two maps is the same at every shift, the Fourier transform
makes it block-diagonal, and the blocks of the frequencies hold all canonical correlations of the flattened maps. Each
block is as small as the channels are many; one for each pair of opposite frequencies is enough.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex128, Float, Int

from analysis.similarity.cca import Canonical, Rule, TooFewSamples, canonical
from analysis.similarity.frequencies import Frequencies
from analysis.similarity.noise import Scores
from analysis.similarity.spectra import SpectralComoments


class SpectralCovariances(NamedTuple):
    """Population covariances of two layers at every frequency; rows and columns of constant units are exactly 0."""

    x: Complex128[np.ndarray, "frequencies units_x units_x"]
    y: Complex128[np.ndarray, "frequencies units_y units_y"]
    xy: Complex128[np.ndarray, "frequencies units_x units_y"]


@dataclass(frozen=True)
class SpectralJoint:
    """Spectral comoments of x with x, of y with y and of x with y, at the same frequencies of the same images."""

    x: SpectralComoments
    y: SpectralComoments
    xy: SpectralComoments
    frequencies: Frequencies

    def covariances(self) -> SpectralCovariances:
        """Of no images zeros, as of dead units."""
        return SpectralCovariances(_live(self.x), _live(self.y), _live(self.xy))


class FourierScores(NamedTuple):
    """Two layers' score with its draws, and the frequencies that it sums up."""

    scores: Scores
    similarity: Float[np.ndarray, " frequencies"]
    """Mean canonical correlation of each frequency, in [0, 1]; NaN where a layer has no live unit."""
    kept_x: Int[np.ndarray, " frequencies"]
    """Directions of x that were compared."""
    kept_y: Int[np.ndarray, " frequencies"]
    """Directions of y that were compared."""


def fourier_cca(
    joint: SpectralJoint,
    weights: Float[np.ndarray, "draws groups"],
    *,
    variance: float = 0.99,
    rule: Rule = "squared",
) -> FourierScores:
    """Mean over the frequencies of the mean canonical correlation, in [0, 1]; a frequency counts by its weight.

    `variance` and `rule` as in SVCCA: 1 compares all directions. Frequencies at which a layer has no live unit are left
    out. Everything is NaN where there are no more images than directions at any frequency: more images or a smaller
    variance are needed. Draws keep the directions.
    """
    covariances = joint.covariances()
    directions = bool(len(weights))  # draws are of the directions
    found = [_canonical(*c, joint.xy.rows, variance, rule, directions) for c in zip(*covariances, strict=True)]
    kept_x, kept_y = (np.array([getattr(f, name) for f in found], np.int64) for name in ("kept_x", "kept_y"))
    similarity = np.array([f.mean for f in found])
    refused = np.isnan(similarity) & (np.minimum(kept_x, kept_y) > 0)
    live = np.flatnonzero(~np.isnan(similarity))
    if refused.any() or not len(live):
        nowhere = Scores(float("nan"), np.full(len(weights), np.nan))
        return FourierScores(nowhere, np.full(len(found), np.nan), kept_x, kept_y)
    share = joint.frequencies.weights[live] / joint.frequencies.weights[live].sum()
    draws = np.zeros(len(weights))
    for at, part in zip(live.tolist(), share, strict=True) if len(weights) else ():
        draws += part * _resampled(joint, at, found[at], weights)
    return FourierScores(Scores(float(similarity[live] @ share), draws), similarity, kept_x, kept_y)


def similarity_map(
    similarity: Float[np.ndarray, " frequencies"], frequencies: Frequencies, height: int, width: int
) -> Float[np.ndarray, "height width"]:
    """The plane of all frequencies of a map, 0 in the middle as fftshift has it, NaN where none was compared."""
    plane = np.full((height, width), np.nan)
    for sign in (1, -1):
        plane[sign * frequencies.rows % height, sign * frequencies.columns % width] = similarity
    return np.fft.fftshift(plane)


def _live(comoments: SpectralComoments) -> Complex128[np.ndarray, "frequencies units_x units_y"]:
    covariance = comoments.covariance()
    covariance[comoments.variance_x() == 0] = 0
    np.swapaxes(covariance, 1, 2)[comoments.variance_y() == 0] = 0
    return covariance


def _canonical(
    x: np.ndarray, y: np.ndarray, xy: np.ndarray, samples: float, variance: float, rule: Rule, directions: bool
) -> Canonical:
    """Of too few samples no coefficients, but the directions counted."""
    try:
        return canonical(x, y, xy, samples, variance=variance, rule=rule, directions=directions)
    except TooFewSamples as few:
        empty_x, empty_y = np.zeros((len(x), 0)), np.zeros((len(y), 0))
        return Canonical(np.zeros(0), empty_x, empty_y, few.kept_x, few.kept_y)


def _resampled(
    joint: SpectralJoint, at: int, found: Canonical, weights: Float[np.ndarray, "draws groups"]
) -> Float[np.ndarray, " draws"]:
    """Mean correlation of the variates of one frequency under every weighting; NaN where one of them is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = _variate_covariance(joint.xy, at, found.x, found.y, weights)
        variance_x = _variate_covariance(joint.x, at, found.x, found.x, weights)
        variance_y = _variate_covariance(joint.y, at, found.y, found.y, weights)
        scale = np.sqrt(np.maximum(variance_x, 0) * np.maximum(variance_y, 0))
        return np.clip(np.where(scale > 0, covariance / scale, np.nan), -1.0, 1.0).mean(1)


def _variate_covariance(
    comoments: SpectralComoments, at: int, x: np.ndarray, y: np.ndarray, weights: Float[np.ndarray, "draws groups"]
) -> Float[np.ndarray, "draws directions"]:
    """Real part of the covariance of each direction's two variates: each group's sums are projected once."""
    n = (weights @ comoments.n)[:, None]
    cross = weights @ np.einsum("gik,ik->gk", comoments.cross[:, at] @ y, np.conj(x)) / n
    mean_x, mean_y = (weights @ (s[:, at] @ np.conj(d)) / n for s, d in ((comoments.sum_x, x), (comoments.sum_y, y)))
    return (cross - mean_x * np.conj(mean_y)).real
