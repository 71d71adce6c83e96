"""Figures of units as evidence: one image of every target explained by both models, and whether they are calibrated."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.boolean.calibration import reliability
from analysis.boolean.explanation import Explanation
from jobs.figures.evidence import Evidence, evidence
from jobs.figures.plate import Plate, plate_name
from jobs.figures.reliability import Model, reliability_diagram
from jobs.steps.karnaugh.pictures import whole_pictures

if TYPE_CHECKING:
    from jobs.views import Views


def evidence_plates(found: xr.Dataset, views: "Views") -> list[Plate]:
    """Explanations and reliability of one network."""
    return [_explained(found, views), _calibrated(found)]


def _explained(found: xr.Dataset, views: "Views") -> Plate:
    net = found.attrs["net"]
    several = len(set(found["layer"].values.tolist())) > 1
    units = [
        f"{layer} #{channel}" if several else f"#{channel}"
        for layer, channel in zip(found["layer"].values, found["channel"].values, strict=True)
    ]
    targets, rows = found["target"].values, found["explained"].values
    pictures = whole_pictures(views, net, rows[rows >= 0])
    shown = []
    for target, picture in zip(targets[rows >= 0], pictures, strict=True):
        one = found.sel(target=target)
        findings = [f"{unit} {'on' if on else 'off'}" for unit, on in zip(units, one["on"].values, strict=True)]
        for model in found["model"].values:
            part = one.sel(model=model)
            explanation = Explanation(float(part["prior"]), part["evidence"].values)
            shown.append(Evidence(f"{target}? {model}", explanation, findings, picture))
    return Plate(
        plate_name("evidence", net),
        f"Units of {net} as evidence, one image of every target",
        "The first held-out image of each target that is known for all of them, where there is one. From the prior "
        "each unit, on or off, moves the log-odds: right, in blue, for the target, left, in red, against it. Naive "
        "Bayes counts every unit for itself; in the noisy-OR targets are causes that can only turn units on and that "
        "compete, so that what another target explains is no evidence here. With one target, and units that all speak "
        "for it, the two are one.",
        evidence(shown),
        {name: found[name].values for name in ("explained", "on", "prior", "evidence", "strength", "leak")},
    )


def _calibrated(found: xr.Dataset) -> Plate:
    net = found.attrs["net"]
    models = [
        Model(f"{target}, {model}", reliability(part["probability"].values, part["has_target"].values.astype(bool)))
        for model in found["model"].values
        for target in found["target"].values
        for part in (found.sel(target=target, model=model),)
    ]
    return Plate(
        plate_name("reliability", net),
        f"Do units of {net} promise what comes true?",
        "Held-out images by the predicted probability of the target, and how often they had it. Predictions that "
        "are too sure, as where evidence was counted twice, lie below the dashed line on the right and above it on "
        "the left.",
        reliability_diagram(models),
        {name: np.asarray(found[name].values) for name in ("probability", "has_target")},
    )
