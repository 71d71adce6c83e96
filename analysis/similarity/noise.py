"""How far a number moves with the images, and how far chance alone brings it: group bootstrap, intervals, floors.

The image is the sampling unit, never a position: positions of one image are not independent. Images lie in fixed
groups, and a bootstrap draw resamples groups.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Estimate(NamedTuple):
    """A value, its 95 % bootstrap interval over images, and the same statistic on permuted samples."""

    value: float
    low: float
    high: float
    floor: float


class Scores(NamedTuple):
    """A measure on all images, and on every bootstrap draw with what all images chose (directions, pairs) kept."""

    value: float
    draws: Float[np.ndarray, " draws"]

    def estimate(self, floor: float) -> Estimate:
        """With the interval of the draws moved to the value: drawing images twice biases the draws, not the spread."""
        low, high = interval(self.draws - np.nanmean(self.draws) + self.value)
        return Estimate(self.value, low, high, floor)


def group_weights(
    n: Float[np.ndarray, " groups"], draws: int, generator: np.random.Generator
) -> Float[np.ndarray, "draws groups"]:
    """How often each draw takes each group, sampling with replacement among the groups that hold samples."""
    held = np.flatnonzero(n > 0)
    weights = np.zeros((draws, len(n)))
    weights[:, held] = generator.multinomial(len(held), np.full(len(held), 1 / len(held)), size=draws)
    return weights


def interval(values: Float[np.ndarray, " draws"], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a bootstrap statistic; NaN draws are left out, NaNs returned where none is left."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
