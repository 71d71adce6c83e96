"""Rows of a table under those of single trainings: the mean over seeds, and the range."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jobs.report.cells import Cell, percent


def over_seeds(shares: Sequence[Float[np.ndarray, " seeds"] | None]) -> list[tuple[Cell, ...]]:
    """Mean and range of each share; none for a single seed. None leaves a cell empty."""
    if all(values is None or len(values) == 1 for values in shares):
        return []
    mean = tuple("" if values is None else percent(float(values.mean())) for values in shares)
    ranges = tuple(
        "" if values is None else f"{percent(float(values.min()))} to {percent(float(values.max()))}"
        for values in shares
    )
    return [("mean", *mean), ("range", *ranges)]
