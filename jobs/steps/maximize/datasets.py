"""All numbers of a `maximize` step for one network."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.maximize.step import Maximize


def dataset(step: "Maximize", net: str, units: list[int], arrays: Arrays) -> xr.Dataset:
    """Dimensions way and unit: the images as the network sees them, value, probability, dead; trajectories by way."""
    ways = list(step.options.ways)

    def stacked(name: str) -> np.ndarray:
        return np.array([[arrays[f"{net}|{way}|{unit}|{name}"] for unit in units] for way in ways])

    variables: dict[str, Any] = {
        "image": (("way", "unit", "color", "row_pixel", "column_pixel"), stacked("image")),
        "value": (("way", "unit"), stacked("value")),
        "dead": (("way", "unit"), stacked("dead")),
    }
    if step.options.layer is None:
        variables["probability"] = (("way", "unit"), stacked("probability"))
    for way in ways:
        climbed = np.array([arrays[f"{net}|{way}|{unit}|trajectory"] for unit in units])
        variables[f"trajectory_{way}"] = (("unit", f"step_{way}"), climbed)
    attrs = {"net": net, "layer": step.options.layer or "output", "of": step.options.of}
    return xr.Dataset(variables, coords={"way": ways, "unit": units}, attrs=attrs)
