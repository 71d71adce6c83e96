"""A measure of many pairs of layers as a matrix, and the color scale it is drawn on."""

import numpy as np
import xarray as xr

from analysis.similarity.measures import MEASURES, MeasureName


def layer_values(found: xr.Dataset, measure: str) -> tuple[np.ndarray, list[str], list[str]]:
    """A measure's values (layers of b, layers of a), NaN for pairs that were not compared, and the layers."""
    a, b = (list(dict.fromkeys(found[f"layer_{side}"].values.tolist())) for side in "ab")
    values = np.full((len(b), len(a)), np.nan)
    for x, y, value in zip(found["layer_a"].values, found["layer_b"].values, found[measure].values[:, 0], strict=True):
        values[b.index(y), a.index(x)] = value
    return values, a, b


def limits_of(measure: MeasureName) -> tuple[float, float]:
    """The color scale of a measure: similarities from 0, distances from 0 to their greatest value."""
    return 0.0, MEASURES[measure].high
