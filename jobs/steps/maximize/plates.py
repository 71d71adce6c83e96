"""Figures and the table of maximized units: a grid beside their strongest images, one unit by all ways, the table."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.attributions import Look, attributions
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.class_names import class_names
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.maximize.step import Maximize
    from jobs.views import Views

SECTION = "Maximized units"
TITLES = {"none": "no prior", "blur": "with blur", "fourier": "Fourier"}
ALONE = 6
"""Units in a row where nothing stands beside them."""

STRETCHED = 99.5
"""Percentile of the contrast that is drawn black or white: images by blur are faint."""


def presentation(step: "Maximize", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """Two figures a network and one table."""
    plates = []
    for net, found in results.items():
        plates.append((SECTION, _grid(step, plan, net, found, views)))
        if found.sizes["way"] > 1:
            plates.append((SECTION, _ways(step, plan, net, found, views)))
    return Presentation(tuple(plates), (_table(step, plan, results),))


def _grid(step: "Maximize", plan: "Plan", net: str, found: xr.Dataset, views: "Views") -> Plate:
    way, shown = str(found["way"].values[0]), _pictures(found, views)
    looks = [
        Look(_name(step, plan, net, int(unit)), shown[0, number], caption=_reached(found, 0, number))
        for number, unit in enumerate(found["unit"].values)
    ]
    beside = step.strongest.get(f"{net}--{step.options.layer}")
    if beside is None:
        rows = [looks[start : start + ALONE] for start in range(0, len(looks), ALONE)]
    else:
        rows = [[look, *_strongest(beside, number, views)] for number, look in enumerate(looks)]
    layer = step.options.layer or "the output"
    how = " beside the photographs that excite it most, cropped to what it can see" if beside is not None else ""
    return Plate(
        plate_name("maximize", net, step.options.layer or "output"),
        f"What units of {layer} of {net} would like best",
        f"Each image was climbed for one unit{how}; the number under it is what was reached. Contrast is stretched "
        f"around mid-gray. Way: {TITLES[way]}.",
        attributions(rows, [""] * len(rows)),
        {"image": shown[0], "value": found["value"].values[0]},
    )


def _ways(step: "Maximize", plan: "Plan", net: str, found: xr.Dataset, views: "Views") -> Plate:
    shown = _pictures(found, views)
    row = [
        Look(TITLES[str(way)], shown[number, 0], caption=_reached(found, number, 0))
        for number, way in enumerate(found["way"].values)
    ]
    unit = _name(step, plan, net, int(found["unit"].values[0]))
    return Plate(
        plate_name("maximize", net, step.options.layer or "output", "ways"),
        f"One unit of {net}, {unit}, climbed with and without a prior",
        "The same target each time. Without a prior the largest value is reached, and the image looks like noise: the "
        "network is as sure of it as of any photograph. A prior keeps what is common to images that people recognize.",
        attributions([row], [""]),
        {"image": shown[:, 0], "value": found["value"].values[:, 0]},
    )


def _pictures(found: xr.Dataset, views: "Views") -> np.ndarray:
    """(way, unit, height, width, 1 or 3) in 0-1, contrast stretched around mid-gray."""
    black, white = views.scale(found.attrs["net"]).numpy()
    pixels = (found["image"].values - black) / np.where(white == black, 1.0, white - black)
    apart = np.moveaxis(pixels - 0.5, 2, -1)
    apart = apart if apart.shape[-1] in (1, 3) else apart.mean(-1, keepdims=True)
    largest = np.percentile(np.abs(apart).reshape(*apart.shape[:2], -1), STRETCHED, axis=2)
    stretched = apart / (2 * np.maximum(largest, 1e-6))[:, :, None, None, None]
    return np.clip(0.5 + stretched, 0.0, 1.0)


def _strongest(beside: xr.Dataset, number: int, views: "Views") -> list[Look]:
    black, white = (end.numpy().mean((1, 2)) for end in views.scale(beside.attrs["net"]))
    crops = np.moveaxis(beside["crop"].values[number], 1, -1)
    shown = np.nan_to_num(np.clip((crops - black) / np.where(white == black, 1.0, white - black), 0, 1), nan=0.5)
    shown = shown if shown.shape[-1] in (1, 3) else shown.mean(-1, keepdims=True)
    unit = int(beside["drawn"].values[number])
    return [
        Look(f"strongest {rank + 1}", crop, caption=f"{float(beside['value'].values[unit, rank]):.1f}")
        for rank, crop in enumerate(shown)
    ]


def _name(step: "Maximize", plan: "Plan", net: str, unit: int) -> str:
    if step.options.direction is not None:
        return f"{step.options.direction.origin} {step.options.direction.indices[unit]}"
    return class_names(plan, net)[unit][:16] if step.options.layer is None else f"#{unit}"


def _reached(found: xr.Dataset, way: int, unit: int) -> str:
    value = float(found["value"].values[way, unit])
    if bool(found["dead"].values[way, unit]):
        return "stayed silent"
    if "probability" in found:
        return f"{value:.3g}, p {float(found['probability'].values[way, unit]):.2f}"
    return f"{value:.3g}"


def _table(step: "Maximize", plan: "Plan", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        for number, way in enumerate(found["way"].values):
            values, dead = found["value"].values[number], found["dead"].values[number]
            probability = found["probability"].values[number] if "probability" in found else np.array([np.nan])
            rows.append((net, TITLES[str(way)], len(values), float(np.median(values)), float(np.median(probability)),
                         int(dead.sum())))  # fmt: skip
    columns = ("network", "way", "units", "median reached", "median probability", "silent")
    note = "Silent: no gradient led anywhere, although what lies before the rectifiers was climbed."
    return Table("Maximized units", columns, tuple(rows), note)
