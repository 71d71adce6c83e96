"""All numbers of a `project` step for one network."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.project.step import Project

MEASURED = ("accuracy", "parameters", "multiply_adds", "seconds")
ALL = "all layers"


def dataset(step: "Project", net: str, arrays: Arrays) -> xr.Dataset:
    """Dimensions layers (all at once, then each alone), method, kept. `dense` is the network as it is.

    accuracy 0 to 1; multiply_adds of an image; seconds of a batch of at most 256 images in the worker.
    """
    numbers = [number for number, (name, _) in enumerate(step.parts()) if name == net]
    names = [ALL if len(layers) > 1 else layers[0] for name, layers in step.parts() if name == net]
    dense = np.stack([arrays[f"{number}|dense"] for number in numbers])
    found = np.stack([arrays[f"{number}|projected"] for number in numbers])
    variables = {name: (("layers", "by", "kept"), found[..., place]) for place, name in enumerate(MEASURED)}
    whole = {f"dense_{name}": ("layers", dense[:, place]) for place, name in enumerate(MEASURED)}
    coords = {"layers": names, "by": list(step.options.methods), "kept": list(step.options.kept)}
    return xr.Dataset(variables | whole, coords=coords, attrs={"net": net, "other": step.options.other or ""})
