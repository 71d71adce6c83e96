"""The figure that says it, its table, and what the coolings add."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.glass import Population, population
from jobs.figures.plate import Plate, plate_name
from jobs.report.page import Table
from jobs.steps.glass.cooling_plates import cooling_plate
from jobs.steps.glass.cooling_tables import cooling_tables
from jobs.steps.glass.datasets import agreement
from jobs.steps.glass.tables import tables
from jobs.steps.presentation import Presentation
from jobs.steps.step import Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.glass.step import Glass

SECTION = "Glass"


def presentation(step: "Glass", plan: "Plan", results: Results) -> Presentation:
    """Two figures a network, the tables of the population and those of the cooling."""
    plates: list[tuple[str, Plate]] = []
    coolings: list[Table] = []
    for net in step.nets:
        plates.append((SECTION, _population(step.trained[net], results[f"{net}--pairs"], net)))
        if f"{net}--cooling" in results:
            found = results[f"{net}--cooling"]
            plates.append((SECTION, cooling_plate(found, net)))
            coolings += cooling_tables(found, net)
    return Presentation(tuple(plates), (*tables(step, plan, results), *coolings))


def _population(trained: xr.Dataset, pairs: xr.Dataset, net: str) -> Plate:
    same, chance, both = agreement(trained["said"].values, trained["label"].values).T
    cosine, order = pairs["cosine"].values, [str(name) for name in pairs["order"].values]
    cosines = {name: cosine[:, 0, number] for number, name in enumerate(order)}
    if len(order) > 1:
        cosines["untrained,\naligned"] = cosine[:, 1, 1]
    classes = int(trained["label"].values.max()) + 1
    shown = Population(
        trained["loss"].values, float(np.log(classes)), cosines, pairs["share"].values,
        {name: pairs["loss"].values[:, number] for number, name in enumerate(order)},
        {"the same": same, "expected of\nindependent\nmistakes": chance, "mistakes\nin common": both},
    )  # fmt: skip
    return Plate(
        plate_name("glass", net),
        f"{len(trained['seed'])} trainings of {net}: does the energy repeat, does the optimum?",
        "Each dot is a network or a pair of networks that differ by their seed alone. The energy repeats where the "
        "losses (band: one standard deviation) lie close together; the optimum does not where the cosine is near 0 and "
        "the loss rises on the straight line. Aligned: the second network's channels in the order of the first, which "
        "changes nothing of what it computes; untrained networks aligned the same way are the control.",
        population(shown),
        {"loss": shown.losses, "cosine": cosine, "line": pairs["loss"].values, "share": shown.share,
         "agreement": np.array([same, chance, both])},
    )  # fmt: skip
