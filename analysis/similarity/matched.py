"""Matched correlations with what they need to be believed: the floor that chance gives, and an interval over images.

An interval keeps the pairs that all images chose and resamples groups of images under them: it says how far the mean
of these pairs moves, and stays around the value. How much the choosing itself adds is what the floor shows: the same
matching on samples whose images were permuted in the second network.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.comoments import Comoments
from analysis.similarity.correlation import correlation, paired_correlation
from analysis.similarity.matching import ALONE, Pairing, bipartite_matching, bottleneck_matching, semi_matching
from analysis.similarity.noise import Estimate, group_weights, interval


@dataclass(frozen=True)
class Matched:
    """One matching of the units of two layers, as pairs."""

    pairs: Pairing
    rho: Float[np.ndarray, " pairs"]
    floor: Float[np.ndarray, " pairs_of_noise"]
    mean: Estimate


def matched(
    kind: str, comoments: Comoments, noise: Comoments, absolute: bool, draws: int, generator: np.random.Generator
) -> Matched:
    """The matching `kind` (semi, bipartite or bottleneck) of x with y, with interval and floor.

    `noise` holds the same units with the images of y permuted. `absolute`: match and average |rho|.
    """
    chosen, floor_chosen = (_pairs(kind, _signed(correlation(c), absolute)) for c in (comoments, noise))
    rho = _signed(paired_correlation(comoments, *chosen, np.ones((1, len(comoments.n))))[0], absolute)
    floor = _signed(paired_correlation(noise, *floor_chosen, np.ones((1, len(noise.n))))[0], absolute)
    weights = group_weights(comoments.n, draws, generator)
    resampled = _mean(_signed(paired_correlation(comoments, *chosen, weights), absolute))
    mean = Estimate(float(_mean(rho)), *interval(resampled), float(_mean(floor)))
    return Matched(chosen, rho, floor, mean)


def _pairs(kind: str, rho: Float[np.ndarray, "units_x units_y"]) -> Pairing:
    if kind == "bipartite":
        return bipartite_matching(rho)
    if kind == "bottleneck":
        return bottleneck_matching(rho)[1]
    partner: Int[np.ndarray, " units_x"] = semi_matching(rho)
    x = np.flatnonzero(partner != ALONE)
    return Pairing(x, partner[x])


def _signed(rho: np.ndarray, absolute: bool) -> np.ndarray:
    return np.abs(rho) if absolute else rho


def _mean(rho: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    counts = (~np.isnan(rho)).sum(-1)
    return np.where(counts > 0, np.nansum(rho, -1) / np.maximum(counts, 1), np.nan)
