"""Panes, animation and table of the plane as a net parts it."""

from dataclasses import replace

import numpy as np
import xarray as xr

from jobs.figures.plane import Pane, plane_frame, plane_panes
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, percent
from jobs.report.page import Table
from jobs.steps.presentation import Presentation


def presentation(results: dict[str, xr.Dataset]) -> Presentation:
    """One figure and one table a network."""
    plates = tuple(("Decision lines", _plate(found)) for found in results.values())
    warnings = [
        f"{net} was trained on points of its own: its accuracy on the study's images says nothing of what it learned."
        for net, found in results.items()
        if found.attrs["own_points"]
    ]
    return Presentation(plates, tuple(_table(found) for found in results.values()), tuple(warnings))


def _plate(found: xr.Dataset) -> Plate:
    net, panes = found.attrs["net"], [_pane(found, number) for number in range(found.sizes["pane"])]
    frames = [replace(pane, title=f"{net}, {pane.title}") for pane in panes]
    return Plate(
        plate_name("decision_lines", net),
        f"The plane as {net} parts it, through training",
        "Each thin line is where one hidden unit begins to answer: on one side it is silent, on the other it grows "
        "with the distance. The color is the class the network gives, stronger where it is surer; the bold curve parts "
        "the classes and bends only at thin lines. Dots: the points it was trained on; below right: how many of them "
        "it gets right.",
        plane_panes(panes),
        {
            "pane": found["pane"].values, "box": np.array(found.attrs["box"]),
            **{name: found[name].values for name in ("lines", "regions", "probabilities", "points", "label")},
            "accuracy": found["accuracy"].sel(set="train").values,
        },
        animation=tuple(map(plane_frame, frames)),
    )  # fmt: skip


def _pane(found: xr.Dataset, number: int) -> Pane:
    one = found.isel(pane=number)
    left, right, bottom, top = found.attrs["box"]
    return Pane(
        title=f"{found.attrs['counted']} {int(one['pane'])}",
        note=percent(float(one["accuracy"].sel(set="train"))),
        box=(left, right, bottom, top),
        lines=one["lines"].values,
        regions=one["regions"].values,
        probabilities=one["probabilities"].values,
        points=found["points"].values,
        labels=found["label"].values,
    )


def _table(found: xr.Dataset) -> Table:
    crossing = ~np.isnan(found["lines"].values).any(axis=(2, 3))
    rows: list[tuple[Cell, ...]] = [
        (str(int(number)), percent(train), percent(test), int(lines.sum()))
        for number, (train, test), lines in zip(
            found["pane"].values, found["accuracy"].values.tolist(), crossing, strict=True
        )
    ]
    note = (
        "Share of the points that the network was trained on, and of others drawn in the same way, whose class it "
        f"gives; and how many of the lines of its {found.sizes['unit']} hidden units cross the figure."
    )
    columns = (found.attrs["counted"], "training points", "test points", "lines in the figure")
    return Table(f"Decision lines of {found.attrs['net']}", columns, tuple(rows), note)
