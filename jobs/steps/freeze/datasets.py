"""All numbers of a `freeze` step for one network: errors, losses and times by arm and seed, panes of the first seed."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.steps.compare.datasets import ESTIMATE
from jobs.steps.freeze.options import ARMS
from jobs.steps.mean_interval import mean_interval
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.freeze.step import Freeze


PANES = ("arm", "time", "layer_then", "layer_end")


def dataset(step: "Freeze", net: str, arrays: Arrays) -> xr.Dataset:
    """`error` and `loss` (arm, seed, epoch), `seconds` (arm, seed), `similarity` (arm, time, layer_then, layer_end,
    estimate), of which `kept` directions were compared over `samples` images."""

    def of(name: str) -> np.ndarray:
        return np.array([[arrays[f"{net}|{seed}|{arm}|{name}"] for seed in step.seeds] for arm in ARMS])

    first = f"{net}|{step.seeds[0]}"

    def of_first(name: str) -> np.ndarray:
        return np.array([arrays[f"{first}|{arm}|{name}"] for arm in ARMS])

    error, seconds = of("error"), of("seconds")
    differences = [error[1, :, -1] - error[0, :, -1], 1 - seconds[1] / seconds[0]]
    return xr.Dataset(
        {
            "error": (("arm", "seed", "epoch"), error),
            "loss": (("arm", "seed", "epoch"), of("loss")),
            "seconds": (("arm", "seed"), seconds),
            "frozen_less_normal": (("what", "difference"),
                                   np.array([(values.mean(), *mean_interval(values)) for values in differences])),
            "similarity": ((*PANES, "estimate"), of_first("similarity")),
            "kept": ((*PANES, "side"), of_first("kept")),
            "samples": (PANES, of_first("samples")),
        },
        coords={
            "arm": list(ARMS), "seed": step.seeds, "time": step.options.times(), "what": ["error", "time saved"],
            "difference": list(ESTIMATE[:3]), "estimate": list(ESTIMATE),
            "layer_end": [str(name) for name in arrays[f"{first}|normal|layers"]],
        },
        attrs={"net": net},
    )  # fmt: skip
