"""Binary units as evidence for a class, each for itself: naive Bayes, with Laplace's rule of succession.

Given the class, units are taken to be independent. Where they are not, their evidence is counted more than once and
the posterior is surer than it should be: see `analysis.boolean.calibration`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import logit

from analysis.boolean.explanation import Explanation


@dataclass(frozen=True, eq=False)
class UnitCounts:
    """Images without and with the class, and on how many of them each unit was on: adds up over images."""

    images: Int[np.ndarray, "2"]
    on: Int[np.ndarray, "2 units"]

    def merge(self, other: "UnitCounts") -> "UnitCounts":
        """Both sets of images."""
        return UnitCounts(self.images + other.images, self.on + other.on)


def unit_counts(bits: Bool[np.ndarray, "images units"], target: Bool[np.ndarray, " images"]) -> UnitCounts:
    """What these images add."""
    sides = (~target, target)
    return UnitCounts(np.array([side.sum() for side in sides]), np.stack([bits[side].sum(0) for side in sides]))


@dataclass(frozen=True, eq=False)
class NaiveBayes:
    """The probability of the class, and of every unit to be on without and with it; all strictly between 0 and 1."""

    prior: float
    on: Float[np.ndarray, "2 units"]

    def evidence(self, bits: Bool[np.ndarray, "images units"]) -> Float[np.ndarray, "images units"]:
        """What each unit's state says for the class, in nats of log-odds: log P(state | class) / P(state | others)."""
        when_on = np.log(self.on[1]) - np.log(self.on[0])
        when_off = np.log1p(-self.on[1]) - np.log1p(-self.on[0])
        return np.where(bits, when_on, when_off)

    def log_odds(self, bits: Bool[np.ndarray, "images units"]) -> Float[np.ndarray, " images"]:
        """Of the class, posterior, in nats."""
        return float(logit(self.prior)) + self.evidence(bits).sum(1)

    def explanation(self, bits: Bool[np.ndarray, " units"]) -> Explanation:
        """Of one image."""
        return Explanation(float(logit(self.prior)), self.evidence(bits[None])[0])


def naive_bayes(counts: UnitCounts, smoothing: float = 1.0) -> NaiveBayes:
    """Fitted to counts: a share is (hits + smoothing) / (images + 2 smoothing), so that nothing is impossible.

    1 is Laplace's rule. ValueError for a smoothing that is not positive.
    """
    if smoothing <= 0:
        raise ValueError(f"The smoothing is {smoothing:g}; give a positive number, 1 for Laplace's rule.")
    prior = (counts.images[1] + smoothing) / (counts.images.sum() + 2 * smoothing)
    return NaiveBayes(float(prior), (counts.on + smoothing) / (counts.images[:, None] + 2 * smoothing))
