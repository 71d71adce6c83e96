"""Figures and the table of strongest stimulators: crops beside backward images, and what each layer can see."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from jobs.figures.plate import Plate, plate_name
from jobs.figures.stimulators import Stimulators, stimulators
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.top_images.step import StrongestImages
    from jobs.views import Views

CLIPPED = 99.5
"""Percentile of |value| that is drawn black or white in a backward image: a few pixels hold the extremes."""

BACKGROUND = 0.5
"""What lies beyond the image, and zero of a backward image: mid-gray."""

HOW_TO_READ = (
    "For each unit the images that excite it most, strongest first, cropped to the receptive field of the position; "
    "mid-gray lies beyond the image. Beside each crop its {rule} image for exactly this unit and position: the pixels "
    "that it responds to; mid-gray is zero, each on its own scale."
)


def presentation(step: "StrongestImages", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """A figure a layer, or one for a direction that two networks share; the table of receptive fields."""
    found = list(results.values())
    drawn = {key: _units(step, one, views) for key, one in results.items()}
    shared = step.directions is not None and step.directions.options.origin != "pca"
    if shared:
        plates = [_shared(step, one, drawn) for one in _counterparts(found)]
    else:
        plates = [_plate(one, units) for one, units in zip(found, drawn.values(), strict=True) if units]
    return Presentation(
        tuple(("Strongest stimulators", plate) for plate in plates), (_table(plan, found),), tuple(_warnings(found))
    )


def _units(step: "StrongestImages", found: xr.Dataset, views: "Views") -> list[Stimulators]:
    net, layer = found.attrs["net"], found.attrs["layer"]
    crops = np.nan_to_num(brightness(found["crop"].values, net, views), nan=BACKGROUND)
    backward = _signed(found["backward"].values)
    names = _names(step, found)
    units = []
    for number, unit in enumerate(found["drawn"].values):
        there = np.flatnonzero(found["row"].values[unit] >= 0)
        if len(there):
            values = found["value"].values[unit, there]
            title = f"{net} {layer} {names[unit]}: {values[0]:.3g} to {values[-1]:.3g}"
            units.append(Stimulators(title, crops[number, there], backward[number, there]))
    return units


def _names(step: "StrongestImages", found: xr.Dataset) -> list[str]:
    if step.directions is None:
        return [f"#{unit}" for unit in range(found.sizes["unit"])]
    options = step.directions.options
    return [f"{options.origin} {index}" for index in options.indices]


def brightness(
    images: Float[np.ndarray, "*some color height width"], net: str, views: "Views"
) -> Float[np.ndarray, "*some height width shown"]:
    """Pictures in 0-1, in one or three colors, from what a network sees of them; NaN stays."""
    black, white = (end.numpy().mean((1, 2)) for end in views.scale(net))
    span = np.where(white == black, 1.0, white - black)
    return _three_or_one(np.clip((np.moveaxis(images, -3, -1) - black) / span, 0.0, 1.0))


def _signed(backward: np.ndarray) -> np.ndarray:
    """Backward images in 0-1, zero at mid-gray, each on its own scale."""
    flat = np.abs(backward.reshape(*backward.shape[:2], -1))
    scale = np.nanpercentile(np.nan_to_num(flat), CLIPPED, axis=2)
    largest = np.where(scale > 0, scale, np.nan_to_num(flat).max(2, initial=0.0))
    safe = np.where(largest > 0, largest, 1.0)[:, :, None, None, None]
    shown = np.clip(BACKGROUND + np.nan_to_num(backward) / (2 * safe), 0.0, 1.0)
    return _three_or_one(np.moveaxis(shown, 2, -1))


def _three_or_one(images: np.ndarray) -> np.ndarray:
    """Color or gray; of other numbers of channels their mean."""
    return images if images.shape[-1] in (1, 3) else images.mean(-1, keepdims=True)


def _plate(found: xr.Dataset, units: list[Stimulators]) -> Plate:
    net, layer = found.attrs["net"], found.attrs["layer"]
    return Plate(
        plate_name("top-images", net, layer),
        f"What excites {layer} of {net} most",
        HOW_TO_READ.format(rule=found.attrs["rule"]),
        stimulators(units),
        {name: found[name].values for name in ("value", "row", "position", "box", "crop", "backward")},
    )


def _counterparts(found: list[xr.Dataset]) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """Layers of the first network with those of the second, which are in the same order."""
    first = found[0].attrs["net"]
    sides = [[one for one in found if (one.attrs["net"] == first) is here] for here in (True, False)]
    return list(zip(*sides, strict=True))


def _shared(step: "StrongestImages", pair: tuple[xr.Dataset, xr.Dataset], drawn: dict[str, list[Stimulators]]) -> Plate:
    """The same directions in both networks, one network a column."""
    sides = [drawn[f"{one.attrs['net']}--{one.attrs['layer']}"] for one in pair]
    units = [unit for both in zip(*sides, strict=True) for unit in both]
    a, b = pair
    arrays: dict[str, Any] = {
        f"{side}_{name}": one[name].values
        for side, one in zip("ab", pair, strict=True)
        for name in ("value", "row", "position", "crop", "backward")
    }
    origin = step.directions.options.origin if step.directions else ""
    return Plate(
        plate_name("top-images", origin, a.attrs["layer"], b.attrs["layer"]),
        f"What excites directions that {a.attrs['net']} and {b.attrs['net']} share at {a.attrs['layer']}",
        "Left and right show one direction in the two networks. " + HOW_TO_READ.format(rule=a.attrs["rule"]),
        stimulators(units),
        arrays,
    )


def _table(plan: "Plan", found: list[xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        height, width = plan.nets[one.attrs["net"]].in_shape[1:]
        size, stride = one["field_size"].values, one["field_stride"].values
        rows.append(
            (
                f"{one.attrs['net']} {one.attrs['layer']}", f"{size[0]} x {size[1]}", f"{stride[0]} x {stride[1]}",
                f"{100 * float(one['field_share']):.1f} %", int(one["field_effective"]),
                f"{100 * min(1.0, float(one['field_effective']) ** 2 / (height * width)):.1f} %",
            )
        )  # fmt: skip
    note = (
        "Pixels that one position can see, from the executed graph, and the side of the square that holds 95 % of the "
        "energy of its gradient, averaged over eight images (Luo et al., 2016); a stride of 0 x 0 sees the whole image."
    )
    columns = ("layer", "receptive field", "stride", "of the image", "effective", "of the image")
    return Table("Receptive fields", columns, tuple(rows), note)


def _warnings(found: list[xr.Dataset]) -> list[str]:
    silent = {f"{one.attrs['net']} {one.attrs['layer']}": int((one["value"][:, 0] == 0).sum()) for one in found}
    return [
        f"{layer}: {count} units are above 0 in no image; their strongest images say nothing."
        for layer, count in silent.items()
        if count
    ]
