"""The interval of a mean over seeds."""

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student


def mean_interval(values: Float[np.ndarray, " seeds"]) -> tuple[float, float]:
    """95 % interval of a mean over few independent values, by Student's t; NaN of fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half
