"""Figures and the table of `freeze`: errors and times, errors through training, panes of both ways."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.arms import Arms, arms
from jobs.figures.lines import lines
from jobs.figures.panes import LayerMatrix, panes
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.mean_interval import mean_interval
from jobs.steps.presentation import Presentation
from jobs.steps.seed_means import SEEDS, estimate_cell, mean_cell, mean_line

if TYPE_CHECKING:
    from jobs.steps.freeze.step import Freeze

SECTION = "Freeze training"


def presentation(step: "Freeze", results: dict[str, xr.Dataset]) -> Presentation:
    """Three figures a network and one table."""
    plates = []
    for net, found in results.items():
        plates += [(SECTION, _arms(net, found)), (SECTION, _curves(net, found)), (SECTION, _panes(step, net, found))]
    return Presentation(tuple(plates), (_table(results),))


def _arms(net: str, found: xr.Dataset) -> Plate:
    names = [str(arm) for arm in found["arm"].values]
    errors, seconds = 100 * found["error"].values[:, :, -1], found["seconds"].values
    panels = [
        Arms(title, names, values, np.array([mean_interval(row) for row in values]), label)
        for title, values, label in (
            ("Error", errors, "test error in %"), ("Time", seconds, "seconds as measured")
        )
    ]  # fmt: skip
    return Plate(
        plate_name("freeze", net),
        f"{net}: layers frozen from the bottom up, beside normal training",
        "Each gray line is one seed, trained both ways for as many epochs. Freezing costs where errors rise to the "
        "right and pays where times fall.",
        arms(panels, columns=2),
        {"error": errors, "seconds": seconds},
    )


def _curves(net: str, found: xr.Dataset) -> Plate:
    errors = 100 * found["error"].values
    at = np.arange(1, errors.shape[2] + 1, dtype=float)
    drawn = [mean_line(str(arm), at, values) for arm, values in zip(found["arm"].values, errors, strict=True)]
    return Plate(
        plate_name("freeze", net, "training"),
        f"Error of {net} through training, with and without freezing",
        "Mean over seeds after every epoch; layer i of L stops learning at i/L of the way.",
        lines(drawn, x_label="epochs", y_label="test error in %", interval=SEEDS),
        {"epoch": at, "error": errors},
    )


def _panes(step: "Freeze", net: str, found: xr.Dataset) -> Plate:
    layers = [str(layer) for layer in found["layer_end"].values]
    times, epochs = found["time"].values.tolist(), step.options.train.epochs
    rows = [
        [
            LayerMatrix(f"{100 * time / epochs:.0f} %", pane[..., 0], layers, layers)
            for time, pane in zip(times, arm, strict=True)
        ]
        for arm in found["similarity"].values
    ]
    value, low, high, floor = np.moveaxis(found["similarity"].values, -1, 0)
    chance = f" With permuted images it is at most {np.nanmax(floor):.2f}; the 95 % intervals over images are " \
             f"{np.nanmean(high - low):.2f} wide on average." if np.isfinite(value).any() else ""  # fmt: skip
    return Plate(
        plate_name("freeze", net, "panes"),
        f"SVCCA of every layer of {net} through training with every layer at the end, of both ways",
        "Each pane is one moment of the first seed's training. The diagonal says how near a layer is to what it "
        "becomes: frozen layers are there to stay, so the lower left corner reaches 1 on schedule." + chance,
        panes(
            rows, limits=(0.0, 1.0), color_label="SVCCA", x_label="layers at the end of training",
            y_label="layers at that time", row_labels=[str(arm) for arm in found["arm"].values],
        ),
        {"similarity": found["similarity"].values, "layers": np.array(layers), "epoch": np.array(times)},
    )  # fmt: skip


def _table(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        errors, seconds = 100 * found["error"].values[:, :, -1], found["seconds"].values
        changes = 100 * found["frozen_less_normal"].values
        rows.append((net, errors.shape[1], *(mean_cell(values) for values in (*errors, *seconds)),
                     *(estimate_cell(change) for change in changes)))  # fmt: skip
    columns = (
        "network", "seeds", "error, normal", "error, frozen", "seconds, normal", "seconds, frozen",
        "error rises by", "time saved in %",
    )  # fmt: skip
    note = (
        "Errors in percent, the rise in percentage points; means with 95 % intervals (Student's t), the last two "
        "columns seed by seed. Times are those of the clock, with a test after every epoch, and depend on what else "
        "the machine did."
    )
    return Table("Freeze training against normal training", columns, tuple(rows), note)
