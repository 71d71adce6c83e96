"""Figures and the table of projected layers: accuracy against directions kept, sizes and speed."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.lines import Line, lines
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.steps.project.step import Project

SECTION = "Projected layers"
TITLES = {
    "svcca": "SVCCA, two networks", "logits": "SVCCA, logits", "pca": "PCA",
    "active": "most active channels", "random": "random",
}  # fmt: skip


def presentation(step: "Project", results: dict[str, xr.Dataset]) -> Presentation:
    """A figure for every set of layers, and a table of sizes."""
    plates = [
        (SECTION, _plate(net, found, number))
        for net, found in results.items()
        for number in range(found.sizes["layers"])
    ]
    return Presentation(tuple(plates), (_table(step, results),))


def _plate(net: str, found: xr.Dataset, number: int) -> Plate:
    layers, kept = str(found["layers"].values[number]), found["kept"].values
    x = np.arange(len(kept), dtype=np.float64)
    accuracy = found["accuracy"].values[number]
    given = [Line(TITLES[str(by)], x, accuracy[place]) for place, by in enumerate(found["by"].values)]
    return Plate(
        plate_name("project", net, layers),
        f"How many directions {layers} of {net} need",
        "Accuracy on test images with the input of the layer projected onto so many directions, chosen by each method, "
        "without training. With all of them the function is the network's own.",
        lines(given, x_label="share of the directions kept", y_label="test accuracy",
              ticks=[f"{share:.0%}".replace("%", " %") for share in kept]),
        {"accuracy": accuracy, "kept": kept},
    )  # fmt: skip


def _table(step: "Project", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        for number, layers in enumerate(found["layers"].values):
            for place, share in enumerate(found["kept"].values):
                accuracies = [float(one) for one in found["accuracy"].values[number, :, place]]
                of = {
                    name: float(found[f"dense_{name}"].values[number] / found[name].values[number, 0, place])
                    for name in ("parameters", "multiply_adds", "seconds")
                }
                rows.append((f"{net} {layers}", f"{share:.0%}", *accuracies, *of.values()))
    columns = ("layers", "kept", *step.options.methods, "fewer parameters", "fewer multiply-adds", "faster")
    note = "Accuracies by method; the network's own size and time of a batch over those of the smaller one."
    return Table(SECTION, columns, tuple(rows), note)
