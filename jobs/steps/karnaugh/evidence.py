"""The inputs of all circuits as evidence: noisy-OR, in which targets are causes and compete, beside naive Bayes."""

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from analysis.boolean.naive_bayes import NaiveBayes, naive_bayes, unit_counts
from analysis.boolean.noisy_or import NoisyOr, cause_counts
from analysis.boolean.noisy_or_fit import noisy_or
from jobs.steps.karnaugh.pool import Pool

if TYPE_CHECKING:
    from jobs.steps.karnaugh.step import Karnaugh

MODELS = ("naive Bayes", "noisy-OR")


@dataclass(frozen=True, eq=False)
class Findings:
    """All targets and the inputs of their circuits, of the images that are known for all of them."""

    layers: list[str]
    channels: Int[np.ndarray, " findings"]
    thresholds: Float[np.ndarray, " findings"]
    bits: Bool[np.ndarray, "images findings"]
    targets: Bool[np.ndarray, "images targets"]
    rows: Int[np.ndarray, " images"]
    fit: Bool[np.ndarray, " images"]

    @classmethod
    def of(cls, pools: dict[str, Pool], k: int) -> "Findings":
        """Each unit once, at the threshold of the first circuit that reads it."""
        rows = reduce(np.intersect1d, (one.rows for one in pools.values()))
        kept = {name: np.isin(one.rows, rows) for name, one in pools.items()}
        places: dict[tuple[str, int], tuple[str, int]] = {}
        for name, one in pools.items():
            for unit in range(k):
                places.setdefault((one.layers[unit], int(one.channels[unit])), (name, unit))
        first = next(iter(pools))
        return cls(
            [layer for layer, _ in places],
            np.array([channel for _, channel in places]),
            np.array([pools[name].thresholds[unit] for name, unit in places.values()]),
            np.stack([pools[name].bits[kept[name], unit] for name, unit in places.values()], axis=1),
            np.stack([one.target[kept[name]] for name, one in pools.items()], axis=1),
            rows,
            pools[first].fit[kept[first]],
        )


def evidence_dataset(step: "Karnaugh", net: str, pools: dict[str, Pool]) -> xr.Dataset:
    """Dimensions target, finding (a unit above its threshold), model and image (held-out ones).

    Fitted on the images of the fit that are known for all targets. `prior` and `evidence` explain, for each target, its
    first held-out image, `explained`; both in nats of log-odds. A target that no such image has is not explained: row
    -1, NaN. A unit that several circuits read is one finding, at the threshold of the first.
    """
    found = Findings.of(pools, step.options.size)
    bits, targets, fit, held = found.bits, found.targets, found.fit, ~found.fit
    bayes = [naive_bayes(unit_counts(bits[fit], target[fit])) for target in targets.T]
    network = noisy_or(cause_counts(targets[fit], bits[fit]))
    predicted = np.stack([
        np.stack([expit(model.log_odds(bits[held])) for model in bayes]),
        network.posterior(bits[held].astype(np.int64)).T,
    ])  # fmt: skip
    return xr.Dataset(
        {
            "probability": (("model", "target", "image"), predicted),
            "has_target": (("target", "image"), targets[held].T), "row": ("image", found.rows[held]),
            **_explained(found, bayes, network),
            "strength": (("target", "finding"), network.strength), "leak": ("finding", network.leak),
            "base_rate": ("target", network.prior),
            "on_with": (("target", "finding"), np.stack([one.on[1] for one in bayes])),
            "on_without": (("target", "finding"), np.stack([one.on[0] for one in bayes])),
            "layer": ("finding", np.array(found.layers)), "channel": ("finding", found.channels),
            "threshold": ("finding", found.thresholds),
        },
        coords={"model": list(MODELS), "target": list(pools)},
        attrs={"net": net},
    )  # fmt: skip


def _explained(found: Findings, bayes: list[NaiveBayes], network: NoisyOr) -> dict[str, Any]:
    """Of every target its first held-out image and what both models say of it."""
    causes, findings = found.targets.shape[1], found.bits.shape[1]
    rows, on = np.full(causes, -1), np.zeros((causes, findings), bool)
    prior, evidence = np.full((causes, len(MODELS)), np.nan), np.full((causes, len(MODELS), findings), np.nan)
    for cause, target in enumerate(found.targets.T):
        for image in np.flatnonzero(target & ~found.fit)[:1]:
            rows[cause], on[cause] = found.rows[image], found.bits[image]
            both = bayes[cause].explanation(on[cause]), network.explanation(cause, on[cause].astype(np.int64))
            prior[cause], evidence[cause] = [one.prior for one in both], [one.evidence for one in both]
    return {
        "explained": ("target", rows),
        "on": (("target", "finding"), on),
        "prior": (("target", "model"), prior),
        "evidence": (("target", "model", "finding"), evidence),
    }
