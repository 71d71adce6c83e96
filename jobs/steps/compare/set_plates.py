"""How similarity depends on the set of images: one line or one matrix a set."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.similarity.measures import MEASURES, MeasureName
from jobs.figures.curves import Means, depth
from jobs.figures.panes import LayerMatrix, panes
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.compare.layer_values import layer_values, limits_of
from jobs.steps.layer_pairs import pair_name

if TYPE_CHECKING:
    from jobs.steps.compare.step import Compare

TABLED = 40
"""Pairs up to which every one has a row in the table."""


def set_plates(step: "Compare", sets: dict[str, xr.Dataset]) -> list[Plate]:
    """One figure a measure."""
    drawn = _matrices if step.options.pairs == "all" else _curves
    return [drawn(step, sets, measure) for measure in step.options.from_sums]


def set_table(step: "Compare", sets: dict[str, xr.Dataset]) -> Table:
    """A row a pair of layers, a column a set, for the first measure."""
    measure = step.options.from_sums[0]
    rows: list[tuple[Cell, ...]] = [
        (pair_name(pair), *(Measured(*found[measure].values[number].tolist()) for found in sets.values()))
        for number, pair in enumerate(step.pairs[:TABLED])
    ]
    note = (
        f"{MEASURES[measure].title} over the images of each set apart, with intervals and floors of its own: a layer "
        "may be alike on images that both networks know and differ on others."
    )
    return Table(f"{MEASURES[measure].title} by set of images", ("layer", *sets), tuple(rows), note)


def _curves(step: "Compare", sets: dict[str, xr.Dataset], measure: MeasureName) -> Plate:
    layers, title = [pair_name(pair) for pair in step.pairs], MEASURES[measure].title
    return Plate(
        plate_name("compare", "sets", *step.nets, measure),
        f"{title} of {step.nets[0]} and {step.nets[1]} on each set of images",
        "One line a set of images. Where lines lie apart, how alike two layers are is a matter of the images they are "
        "shown.",
        depth(
            layers, [Means(name, *found[measure].values.T) for name, found in sets.items()], y_label=title,
            highest=MEASURES[measure].high,
        ),
        {"layers": np.array(layers)} | {name: found[measure].values for name, found in sets.items()},
    )  # fmt: skip


def _matrices(step: "Compare", sets: dict[str, xr.Dataset], measure: MeasureName) -> Plate:
    shown, arrays, title = list[LayerMatrix](), dict[str, np.ndarray](), MEASURES[measure].title
    for name, found in sets.items():
        values, a, b = layer_values(found, measure)
        shown.append(LayerMatrix(name, values, a, b))
        arrays |= {name: values, "layers_a": np.array(a), "layers_b": np.array(b)}
    return Plate(
        plate_name("compare", "sets", *step.nets, measure),
        f"{title} between all layers of {step.nets[0]} and of {step.nets[1]} on each set of images",
        "One matrix a set of images, on one scale: cells that differ between them are pairs of layers whose likeness "
        "is a matter of the images.",
        panes(
            [shown], limits=limits_of(measure), color_label=title, x_label=f"layers of {step.nets[0]}",
            y_label=f"layers of {step.nets[1]}",
        ),
        arrays,
    )  # fmt: skip
