"""Why does a model believe what it believes of one image? Prior, evidence for and against, posterior.

In log-odds, natural logarithms: evidence adds up, 0 says nothing, 1 nat multiplies the odds by 2.718.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit


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
        return float(expit(self.posterior))
