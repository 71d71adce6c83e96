"""How far a number moves with the images: group bootstrap, intervals.

The image is the sampling unit, never a position: positions of one image are not independent. Images lie in fixed
groups, and a bootstrap draw resamples groups.
"""

import numpy as np
from jaxtyping import Float


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
