"""All numbers of a `dsd` step for one network: errors by arm and seed, improvements with intervals, histograms."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.dynamics.dsd import FIVE_STEPS, improvement
from jobs.steps.compare.datasets import ESTIMATE
from jobs.steps.mean_interval import mean_interval
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.dsd.step import Dsd

ARMS = ("dense", "dsd", "same phases", "one schedule")
"""The first phase alone is the paper's baseline; the last two are dense training of as many epochs as DSD."""

CONTROLS = ARMS[2:]


def dataset(step: "Dsd", name: str, arrays: Arrays) -> xr.Dataset:
    """`error` (arm, seed) and `loss`, `error_by_epoch` (arm, seed, epoch), `gain` of DSD over each arm, histograms."""
    seeds = step.seeds(name)

    def of(key: str) -> list[np.ndarray]:
        return [arrays[f"{name}|{seed}|{key}"] for seed in seeds]

    error = np.array([[values[-1] for values in of(f"{arm}|error")] for arm in ARMS])
    loss = np.array([[values[-1] for values in of(f"{arm}|loss")] for arm in ARMS])
    by_epoch = np.array([of(f"{arm}|error") for arm in ARMS[1:]])
    gains = [gain_over(error[number], error[1]) for number in (0, 2, 3)]
    first = f"{name}|{seeds[0]}"
    about = {key: str(arrays[f"{first}|about|{key}"]) for key in ("layer", "domain", "data", "kind")}
    return xr.Dataset(
        {
            "error": (("arm", "seed"), error),
            "loss": (("arm", "seed"), loss),
            "seconds": (("arm", "seed"), np.array([of(f"{arm}|seconds") for arm in ARMS])),
            "error_by_epoch": (("arm_by_epoch", "seed", "epoch"), by_epoch),
            "gain": (("over", "estimate"), np.array(gains)),
            "counts": (("seed", "step", "bin"), np.array(of("counts"))),
            "edges": (("seed", "edge"), np.array(of("edges"))),
            "zeros": (("seed", "step"), np.array(of("zeros"))),
        },
        coords={
            "arm": list(ARMS), "arm_by_epoch": list(ARMS[1:]), "seed": seeds, "over": [ARMS[0], *CONTROLS],
            "estimate": list(ESTIMATE[:3]), "step": list(FIVE_STEPS),
        },
        attrs={
            "net": name, **about, "pruned": float(arrays[f"{first}|about|pruned"]),
            "epochs": [by_epoch.shape[2] - sum(step.then(name)), *step.then(name)],
        },
    )  # fmt: skip


def gain_over(baseline: np.ndarray, error: np.ndarray) -> tuple[float, float, float]:
    """Mean fall of the error, seed by seed, with its 95 % t interval; NaN bounds for a single seed."""
    absolute, _ = improvement(baseline, error)
    return float(absolute.mean()), *mean_interval(absolute)


def verdict(low: float, high: float) -> str:
    """Whether a difference is better, worse or undecided, from its interval."""
    if not np.isfinite(low):
        return "needs several seeds"
    return "better" if low > 0 else "worse" if high < 0 else "not decided"
