"""How a mean over seeds is shown, in a table and as a line, with the interval of the mean where there are several."""

import numpy as np
from jaxtyping import Float

from jobs.figures.lines import Line
from jobs.report.cells import Cell, Measured
from jobs.steps.mean_interval import mean_interval

SEEDS = "95 % interval over seeds"


def mean_cell(values: Float[np.ndarray, " seeds"], digits: int = 3) -> Cell:
    """The mean with its interval."""
    return estimate_cell(np.array([values.mean(), *mean_interval(values)]), digits)


def estimate_cell(estimate: Float[np.ndarray, " value_low_high"], digits: int = 3) -> Cell:
    """A value with its ends, which are NaN where they are unknown."""
    value, low, high = estimate.tolist()
    return Measured(value, low, high, digits=digits) if np.isfinite(low) else Measured(value, digits=digits)


def mean_line(label: str, x: Float[np.ndarray, " points"], values: Float[np.ndarray, "seeds points"]) -> Line:
    """The mean at every point; intervals of what is never negative end at 0."""
    low, high = np.array([mean_interval(point) for point in values.T]).T
    known = np.isfinite(low).all()
    return Line(label, x, values.mean(0), *((np.clip(low, 0, None), high) if known else ()))
