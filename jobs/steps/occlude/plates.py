"""Figures and the table of occlusion: panels of every image, what each pixel is worth, and what one window costs."""

from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr

from analysis.attribution.occlusion import Occlusion, mean_drop
from analysis.units.top_images import NONE
from jobs.figures.attributions import Look, around_gray, attributions, map_limits
from jobs.figures.occlusion import Panels, occlusion_panels
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.backprop.plates import colored, pictures, pictures_of
from jobs.steps.class_names import class_names
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.occlude.whole_images import Occlude
    from jobs.views import Views

SECTION = "Occlusion"
PROBABILITY, MOST_PROBABLE, STRONGEST = range(3)
"""Places of the targets that every sweep has."""


def presentation(step: "Occlude", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """Two figures a network and one table."""
    plates = []
    for found in results.values():
        if found.sizes.get("drawn"):
            shown = pictures(found, views)
            plates += [(SECTION, _panels(step, plan, found, shown, views)), (SECTION, _worth(plan, found, shown))]
    return Presentation(tuple(plates), (_table(step, results),))


def _panels(step: "Occlude", plan: "Plan", found: xr.Dataset, shown: np.ndarray, views: "Views") -> Plate:
    net, layer = found.attrs["net"], found.attrs["layer"]
    names, images = class_names(plan, net), []
    for number, grid in enumerate(found["grid"].values):
        projections, projected = _projections(found, number, views)
        images.append(
            Panels(
                image=shown[number],
                window=int(found.attrs["window"]),
                fill=_fill(step, net, views),
                strongest=grid[STRONGEST],
                projections=projections,
                projected=projected,
                probability=grid[PROBABILITY],
                most_probable=grid[MOST_PROBABLE].astype(np.int64),
                names=names,
                caption=_caption(found, number, names),
                map_name=f"{layer} #{int(_of_drawn(found, 'channel')[number])}",
            )
        )
    side, stride = found.attrs["window"], found.attrs["stride"]
    return Plate(
        plate_name("occlude", net),
        f"What {net} needs to see",
        f"From left to right: the image with the occluder, {side} pixels wide, swept in steps of {stride}; the sum of "
        f"the feature map of {layer} that is strongest in the whole image, by position of the occluder; the deconvnet "
        "projection of that map, framed, with those of the three other images that excite it most; the same parts of "
        "these images; the probability of the class, by position; the most probable class, by position. Dark is low: "
        "where covering lowers both, the network used what was there.",
        occlusion_panels(images),
        {name: found[name].values for name in ("grid", "projection", "projected", "clean")} | {"image": shown},
    )


def _worth(plan: "Plan", found: xr.Dataset, shown: np.ndarray) -> Plate:
    net, layer = found.attrs["net"], found.attrs["layer"]
    names, worth = class_names(plan, net), _mean_drops(found, shown.shape[1:3])
    rows = []
    for number, maps in enumerate(worth):
        gray = shown[number].mean(-1)
        looks = [
            Look(title, maps[place], (-map_limits(maps[place])[1], map_limits(maps[place])[1]), under=gray)
            for title, place in (("to the probability", PROBABILITY), ("to the strongest map", STRONGEST))
        ]
        rows.append([Look("image", shown[number], caption=_caption(found, number, names)), *looks])
    return Plate(
        plate_name("occlude", net, "worth"),
        f"What each pixel is worth to {net}",
        f"Mean loss over the windows that cover a pixel, over the gray image: of the probability of its class, and of "
        f"the sum of the strongest map of {layer}. Red speaks for it, blue against it.",
        attributions(rows, [""] * len(rows)),
        {"mean_drop": worth, "image": shown},
    )


def _mean_drops(found: xr.Dataset, size: tuple[int, int]) -> np.ndarray:
    """(drawn, target, height, width); NaN where no window covers a pixel."""
    rows, columns = (
        np.stack([first, np.minimum(first + found.attrs["window"], end)], 1)
        for first, end in zip((found["window_row"].values, found["window_column"].values), size, strict=True)
    )
    clean = torch.from_numpy(_of_drawn(found, "clean").astype(np.float32))
    return mean_drop(Occlusion(torch.from_numpy(found["grid"].values), clean, rows, columns, size)).numpy()


def _of_drawn(found: xr.Dataset, name: str) -> np.ndarray:
    """A number of every image, of the drawn ones."""
    return found[name].values[np.isin(found["row"].values, found["drawn"].values)]


def _caption(found: xr.Dataset, number: int, names: Sequence[str]) -> str:
    wanted, clean = _of_drawn(found, "class")[number], _of_drawn(found, "clean")[number, PROBABILITY]
    return f"{shorten(names[int(wanted)], 16, placeholder='…')} {float(clean):.2f}"


def _fill(step: "Occlude", net: str, views: "Views") -> tuple[float, ...]:
    """What covers the image, in 0-1 of each color as it is drawn."""
    black, white = views.scale(net).mean((2, 3))
    seen = (torch.tensor(step.occluder(views.scale(net)).fill) - black) / (white - black)
    return tuple(seen.clamp(0, 1).tolist())


def _projections(found: xr.Dataset, number: int, views: "Views") -> tuple[np.ndarray, np.ndarray]:
    """Of a drawn image and the others, the projections and the same parts of the images: (rank, height, width, 1 or 3)
    in 0-1, half as high and wide as an image."""
    rows = found["projected"].values[number]
    held = rows != NONE
    maps = colored(found["projection"].values[number][held])
    shown = pictures_of(views, found.attrs["net"], rows[held])
    parts = [_busiest(one) for one in maps]
    return (
        np.stack([around_gray(one[part], map_limits(one[part])[1]) for one, part in zip(maps, parts, strict=True)]),
        np.stack([one[part] for one, part in zip(shown, parts, strict=True)]),
    )


def _busiest(projection: np.ndarray) -> tuple[slice, slice]:
    """Half the height and width of an image, around the center of what was projected."""
    energy = (projection**2).sum(-1)
    parts = []
    for axis, side in enumerate(energy.shape):
        center = np.average(np.arange(side), weights=energy.sum(1 - axis) + 1e-30)
        first = int(np.clip(round(center - side / 4), 0, side - side // 2))
        parts.append(slice(first, first + side // 2))
    return parts[0], parts[1]


def _table(step: "Occlude", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        clean, lowest = found["clean"].values[:, PROBABILITY], found["lowest"].values[:, PROBABILITY]
        rows.append((net, len(clean), float(clean.mean()), float(lowest.mean()), float((lowest < clean / 2).mean())))
    columns = ("network", "images", "probability", "with the worst window covered", "halved by one window")
    what = "the image's own class" if step.options.of == "label" else "the predicted class"
    note = f"Means over all images of the probability of {what}; the share of images where one window halves it."
    return Table(SECTION, columns, tuple(rows), note)
