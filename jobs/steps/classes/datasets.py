"""All numbers of one network's classes: every layer against every class with interval, floor and kept directions."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.steps.classes.sums import ClassJoints
from jobs.steps.compare.datasets import ESTIMATE
from jobs.steps.pair_scores import Truncation, pair_score

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.classes.step import Classes
    from jobs.steps.step import Arrays


def similarity(step: "Classes", plan: "Plan", net: str, arrays: "Arrays") -> xr.Dataset:
    """`similarity` (layer, line, estimate), `kept` directions of the layer (layer, line), `samples` in images."""
    joints = ClassJoints(plan, net, arrays, step.fourier)
    truncation = Truncation(step.options.variance, step.options.rule)
    generator = np.random.default_rng(step.seed)
    layers = [part.layer for part in step.parts if part.net == net]
    columns = {line: [step.targets.index(n) for n in numbers] for line, numbers in step.members.items()}
    scores = [
        [
            pair_score(
                "svcca",
                joints.joint(f"{net}/{layer}", chosen, permuted=False),
                joints.joint(f"{net}/{layer}", chosen, permuted=True),
                truncation, step.options.draws, generator,
            )
            for chosen in columns.values()
        ]
        for layer in layers
    ]  # fmt: skip
    return xr.Dataset(
        {
            "similarity": (("layer", "line", "estimate"), np.array([[s.estimate for s in row] for row in scores])),
            "kept": (("layer", "line"), np.array([[s.kept[0] for s in row] for row in scores])),
            "samples": ("layer", np.array([row[0].samples for row in scores])),
        },
        coords={"layer": layers, "line": list(columns), "estimate": list(ESTIMATE)},
        attrs={"net": net},
    )
