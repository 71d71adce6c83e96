"""The figure that says it, its table, and what the coolings add."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.glass import Population, population
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.glass.cooling_plates import cooling_plate, cooling_table
from jobs.steps.glass.datasets import agreement
from jobs.steps.presentation import Presentation
from jobs.steps.seed_means import mean_cell
from jobs.steps.step import Results

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.glass.step import Glass

SECTION = "Glass"
PUBLISHED: tuple[Cell, ...] = (
    "25 LeNet-5s, published", 25, "0.0281 ± 0.0012", "0.910 ± 0.056", "about 0", None, "up to 1.1-1.3", None, None,
)  # fmt: skip


def presentation(step: "Glass", plan: "Plan", results: Results) -> Presentation:
    """Two figures a network, the table of the population and that of the cooling."""
    plates, coolings = [], []
    for net in step.nets:
        plates.append((SECTION, _population(step.trained[net], results[f"{net}--pairs"], net)))
        if f"{net}--cooling" in results:
            found = results[f"{net}--cooling"]
            plates.append((SECTION, cooling_plate(found, net)))
            coolings.append(cooling_table(found, net))
    return Presentation(tuple(plates), (_population_table(step, plan, results), *coolings))


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


def _population_table(step: "Glass", plan: "Plan", results: Results) -> Table:
    rows: list[tuple[Cell, ...]] = []

    def of_pairs(values: np.ndarray) -> Cell:
        return mean_cell(values) if step.options.independent else float(values.mean())

    for net in step.nets:
        trained, pairs = step.trained[net], results[f"{net}--pairs"]
        loss, error = trained["loss"].values, 100 * trained["error"].values
        same, _, both = np.nanmean(agreement(trained["said"].values, trained["label"].values), 0)
        for number, order in enumerate(pairs["order"].values):
            line = pairs["loss"].values[:, number]
            rows.append((
                f"{net}, {order}", len(loss), _spread(loss, 4), _spread(error, 3),
                of_pairs(pairs["cosine"].values[:, 0, number]), of_pairs(pairs["cosine"].values[:, 1, number]),
                f"{line.max(1).mean():.2f}, up to {line.max():.2f}", of_pairs(pairs["barrier"].values[:, number]),
                f"{100 * same:.2f} %, {100 * both:.0f} %",
            ))  # fmt: skip
    columns = (
        "networks", "number", "test loss", "error in %", "cosine", "cosine of the untrained",
        "highest loss between two", "barrier", "predictions that agree, mistakes in common",
    )  # fmt: skip
    note = (
        "Loss and error: mean ± standard deviation over networks. Cosine of all weights, and the barrier (how far the "
        "loss on the straight line rises above the line between its ends, in nats): means over "
        f"{len(step.options.chosen_pairs())} pairs with 95 % intervals, unless pairs share networks. "
        "Aligned: the second network's channels in the order of the first; batch norms are taken anew between two "
        "networks."
    )
    if any(plan.nets[net].arch == "lenet5" for net in step.nets):
        rows.append(PUBLISHED)
        note += " The last row is what others' trainings on MNIST gave."
    return Table("Many trainings of one network", columns, tuple(rows), note)


def _spread(values: np.ndarray, digits: int) -> str:
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"
