"""Figures of maps: scatters of all methods, images on a grid, units of two networks and their matches."""

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int

from analysis.embedding.grid import grid_cells
from analysis.embedding.methods import TITLES
from jobs.figures.embedding_scatter import GROUPS, Scatter, no_pairs, scatters
from jobs.figures.plate import Plate, plate_name
from jobs.figures.thumbnails import thumbnails
from jobs.steps.embed.datasets import NEAR
from jobs.steps.embed.tables import tables
from jobs.steps.presentation import Presentation
from jobs.steps.top_images.plates import brightness

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.embed.step import Embed
    from jobs.views import Views

COLORED = 5
"""Images of a class that has a color of its own, at least."""

LARGEST = 48
"""Pixels a side of a thumbnail."""

FREE = 1.35
"""Cells of the grid for every image: the free ones part the groups."""

HOW_TO_READ = (
    "Every point is {point}; near points are alike to the network, while distances between far groups, their sizes "
    "and directions mean nothing (PCA apart, whose axes are the two largest components). Rings were placed after the "
    "map was made. Kept: share of the {near} nearest that stay the {near} nearest, of mapped and of placed points."
)


def presentation(step: "Embed", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """A scatter for every layer with its thumbnails, or one of all units; the table."""
    plates = []
    for found in results.values():
        if step.options.points == "units":
            plates.append(_units(step, found))
        else:
            plates += _images(step, plan, found, views)
    return Presentation(
        tuple((f"Maps of {step.options.points}", plate) for plate in plates), tables(step, results),
        tuple(_warnings(results)),
    )  # fmt: skip


def _images(step: "Embed", plan: "Plan", found: xr.Dataset, views: "Views") -> list[Plate]:
    groups, names = told_apart(found["label"].values, plan.classes)
    net, layer = found.attrs["net"], found.attrs["layer"]
    plates = [
        Plate(
            plate_name("embed", net, layer),
            f"Images as {layer} of {net} represents them",
            HOW_TO_READ.format(point="an image, colored by its class", near=NEAR),
            scatters(_panels(found, groups), names),
            {name: found[name].values for name in ("y", "row", "label", "held_out", "quality")},
        )
    ]
    if step.options.thumbnails:
        plates.append(_thumbnails(step, found, groups, names, views))
    return plates


def _panels(found: xr.Dataset, groups: np.ndarray) -> list[Scatter]:
    joined, strength = (found["joined"].values, found["rho"].values) if "joined" in found else (no_pairs(), np.empty(0))
    return [
        Scatter(
            TITLES[name], _note(found.sel(map=name)), found["y"].sel(map=name).values, groups,
            found["held_out"].values, joined, strength,
        )
        for name in found["map"].values.tolist()
    ]  # fmt: skip


def _note(found: xr.Dataset) -> str:
    kept, placed = (float(found["quality"].sel(quantity=f"{which}kept_{NEAR}")) for which in ("", "placed_"))
    return f"kept {kept:.2f}" + ("" if np.isnan(placed) else f", of placed {placed:.2f}")


def told_apart(labels: Int[np.ndarray, " points"], classes: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Number of a color for every point, -1 for none, and the classes that have one: the largest, by their order."""
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    largest = np.sort(np.argsort(-counts, kind="stable")[: len(GROUPS)])
    shown = [int(label) for label in largest if counts[label] >= COLORED]
    groups = np.full(len(labels), -1)
    for number, label in enumerate(shown):
        groups[labels == label] = number
    return groups, [classes[label] for label in shown]


def _thumbnails(step: "Embed", found: xr.Dataset, groups: np.ndarray, names: list[str], views: "Views") -> Plate:
    net, layer, method = found.attrs["net"], found.attrs["layer"], step.options.methods[0]
    some = np.arange(min(step.options.thumbnails, found.sizes["point"]))
    columns = int(np.ceil(np.sqrt(len(some) * FREE * 1.2)))  # a little wider than tall
    size = int(np.ceil(len(some) * FREE / columns)), columns
    cells = grid_cells(found["y"].sel(map=method).values[some], *size)
    images = small_images(net, found["row"].values[some], views)
    return Plate(
        plate_name("embed", "images", net, layer),
        f"{TITLES[method]} of {layer} of {net}, as images",
        f"{len(some)} images, each in the free cell nearest to its place in the map, so that none covers another; "
        "the frame's color is the class. What lies side by side is alike to the network.",
        thumbnails(images, cells, size, groups[some], names),
        {"images": images, "cells": cells, "row": found["row"].values[some]},
    )


def small_images(
    net: str, rows: Int[np.ndarray, " images"], views: "Views"
) -> Float[np.ndarray, "images height width color"]:
    """Images as a network sees them, in 0-1, at most 48 pixels a side."""
    parts = []
    for start in range(0, len(rows), 64):
        seen = views.images(net, rows[start : start + 64])
        side = max(seen.shape[2:])
        if side > LARGEST:
            size = [max(1, round(length * LARGEST / side)) for length in seen.shape[2:]]
            seen = torch.nn.functional.interpolate(seen, size, mode="bilinear", antialias=True)
        parts.append(brightness(seen.numpy(), net, views))
    return np.concatenate(parts)


def _units(step: "Embed", found: xr.Dataset) -> Plate:
    groups, names = step.groups(found["layer"].values), step.group_names()
    if len(names) > len(GROUPS):
        groups, names = told_apart(groups, tuple(names))
    if step.color == "layer":  # lines between networks would hide the colors
        found = found.drop_vars(["joined", "rho"])
    joined = " A line joins the two units of a one-to-one match, the darker the stronger." if "joined" in found else ""
    point = f"a unit, colored by its {'network' if step.color == 'net' else 'layer'}"
    return Plate(
        plate_name("embed", "units", *step.nets, *dict.fromkeys(layer.partition("/")[2] for layer in step.layers)),
        f"Units of {' and '.join(step.nets)} by what they respond to",
        HOW_TO_READ.format(point=point, near=NEAR) + joined,
        scatters(_panels(found, groups), names, labeled=step.color == "layer"),
        {str(name): found[name].values for name in found.data_vars if name != "share"},
    )


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    told = []
    for name, found in results.items():
        parts = found["quality"].sel(quantity="parts").max().item()
        if parts > 1:
            told.append(
                f"{name}: the graph of nearest neighbors falls into {parts:.0f} parts, which Isomap joins by their "
                "shortest edges: raise neighbors for a map that follows the data."
            )
        if found.attrs.get("dead"):
            told.append(f"{name}: {found.attrs['dead']} units never vary and are in no map.")
    return told
