"""Why does a model believe what it believes of one image? Prior, evidence for and against, posterior.

In log-odds, natural logarithms: evidence adds up, 0 says nothing, 1 nat multiplies the odds by 2.718.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Numbers = Float[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class Explanation:
    """One belief taken apart; all in nats of log-odds."""

    prior: float
    evidence: Float[np.ndarray, " findings"]
    """What each finding added, positive for and negative against; 0 where it was not observed."""

    @property
    def posterior(self) -> float:
        """Prior and all evidence together."""
        return self.prior + float(self.evidence.sum())

    @property
    def probability(self) -> float:
        """The posterior as a probability, 0-1."""
        return float(probability(np.array(self.posterior)))


def log_odds(share: Numbers) -> Numbers:
    """Of probabilities in 0-1, in nats; infinite at 0 and 1."""
    share = np.asarray(share, np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(share) - np.log1p(-share))


def probability(odds: Numbers) -> Numbers:
    """Of log-odds in nats, 0-1; exact at both ends."""
    odds = np.asarray(odds, np.float64)
    small = np.exp(-np.abs(odds))
    return np.asarray(np.where(odds >= 0, 1.0, small) / (1.0 + small))
