"""Figures and the table of a class study: similarity to each class over depth, one line a class."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.lines import Line, lines
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.pair_scores import FEW
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.classes.step import Classes

COLUMNS = 10
"""Classes that the table has room for."""


def presentation(step: "Classes", _plan: "Plan", results: dict[str, xr.Dataset]) -> Presentation:
    """One figure and one table a network."""
    plates = [("Classes over depth", _curves(step, net, found)) for net, found in results.items()]
    tables = [_table(step, net, found) for net, found in results.items()]
    return Presentation(tuple(plates), tuple(tables), tuple(w for n, f in results.items() for w in _warnings(n, f)))


def _curves(step: "Classes", net: str, found: xr.Dataset) -> Plate:
    layers, values = found["layer"].values.tolist(), found["similarity"].values
    drawn = [Line(str(name), np.arange(len(layers)), *values[:, n].T) for n, name in enumerate(found["line"].values)]
    what = "the logit" if step.options.targets == "logits" else "the indicator"
    return Plate(
        plate_name("classes", net),
        f"When {net} learns its classes",
        f"Each line is one class: how much of {what} the layer's maps hold, by SVCCA at every frequency. Lines that "
        "rise late belong to classes that early layers do not tell apart; lines that run together, to classes that the "
        "network treats alike.",
        lines(drawn, x_label="layer, input to output", y_label="similarity to the class", ticks=layers),
        {"layers": np.array(layers), "classes": found["line"].values.astype(str), "similarity": values},
    )


def _table(step: "Classes", net: str, found: xr.Dataset) -> Table:
    names = [str(name) for name in found["line"].values[:COLUMNS]]
    rows: list[tuple[Cell, ...]] = []
    for layer in found["layer"].values:
        values = found["similarity"].sel(layer=layer).values
        cells = [Measured(*values[number].tolist()) for number in range(len(names))]
        rows.append((str(layer), *cells))
    more = (
        f" The first {COLUMNS} of {found.sizes['line']}; the others are in the results."
        if found.sizes["line"] > COLUMNS
        else ""
    )
    note = (
        f"Mean canonical correlation of a layer with each class's {step.options.targets.removesuffix('s')} over the "
        "frequencies of its maps, with 95 % bootstrap intervals over images and, as the floor, the same on images "
        f"permuted.{more}"
    )
    return Table(f"Layers of {net} and classes", ("layer", *names), tuple(rows), note)


def _warnings(net: str, found: xr.Dataset) -> list[str]:
    samples, kept = found["samples"].values, found["kept"].values.max(1)
    few = np.flatnonzero(samples < FEW * kept)
    warnings = []
    if len(few):
        worst = int(few[np.argmin(samples[few] / kept[few])])
        warnings.append(
            f"{net}: {len(few)} of {len(samples)} layers have fewer than {FEW} images a direction at a frequency "
            f"(least: {found['layer'].values[worst]}, {int(samples[worst])} for {int(kept[worst])}); compare with the "
            "floor, and take more images."
        )
    withheld = np.flatnonzero(np.isnan(found["similarity"].values[:, :, 0]).any(1))
    if len(withheld):
        warnings.append(
            f"{net}: {len(withheld)} of {len(samples)} layers lack a value for some class (first "
            f"{found['layer'].values[withheld[0]]}): a layer or a class without variation, fewer images than "
            "directions, or no floor."
        )
    return warnings
