"""All numbers of an `occlude` step for one network: of every image, and the grids and projections of the first."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from analysis.attribution.backprop import backward_images
from analysis.attribution.neuron import Neuron
from analysis.attribution.occluder import Occluder
from analysis.units.top_images import NONE
from jobs.steps.occlude.sweep import OTHERS
from jobs.steps.step import Arrays
from jobs.steps.top_images.step import restored

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.occlude.whole_images import Occlude
    from jobs.views import Views

NUMBERS = ("row", "label", "class", "predicted", "channel")


def dataset(step: "Occlude", plan: "Plan", views: "Views", net: str, arrays: Arrays) -> xr.Dataset:
    """Dimensions image (in the study's order), target, drawn, window_row and window_column (first pixel covered).

    `lowest` is a target's least score over all windows and `where` that window's (y, x); `grid` the raw scores.
    `projection` is the deconvnet image of the map that is strongest in a drawn image: at rank 0 of that image, then of
    the other images of the study that excite the map most; `projected` has their rows.
    """
    layer = step.layers[step.nets.index(net)]
    order = np.argsort(arrays[f"{net}|row"], kind="stable")
    rows = arrays[f"{net}|row"][order]
    drawn = rows[rows < step.options.images]
    _, height, width = plan.nets[net].in_shape
    occluder = Occluder(step.options.window, step.options.stride)
    down, across = occluder.rows(height), occluder.columns(width)
    where = np.unravel_index(arrays[f"{net}|where"][order], (len(down), len(across)))
    variables: dict[str, Any] = {name: ("image", arrays[f"{net}|{name}"][order]) for name in NUMBERS}
    variables |= {
        "clean": (("image", "target"), arrays[f"{net}|clean"][order]),
        "lowest": (("image", "target"), arrays[f"{net}|lowest"][order]),
        "where": (("image", "target", "axis"), np.stack([down[where[0], 0], across[where[1], 0]], axis=-1)),
    }
    if len(drawn):
        variables |= _of_drawn(arrays, views, net, layer, drawn, variables["channel"][1][np.isin(rows, drawn)])
    return xr.Dataset(
        variables,
        coords={
            "target": step.target_names(), "drawn": drawn, "window_row": down[:, 0], "window_column": across[:, 0],
            "axis": ["y", "x"],
        },
        attrs={"net": net, "layer": layer, "window": step.options.window, "stride": step.options.stride},
    )  # fmt: skip


def _of_drawn(
    arrays: Arrays, views: "Views", net: str, layer: str, drawn: np.ndarray, channels: np.ndarray
) -> dict[str, Any]:
    """Grids, and projections of the channel that is strongest in each image."""
    strongest = restored(arrays, f"{net}/{layer}").rows[channels]
    others = np.stack([_others(found, row) for found, row in zip(strongest, drawn, strict=True)])
    projected = np.concatenate([drawn[:, None], others], axis=1)
    grids = np.stack([arrays[f"{net}|grid|{row}"] for row in drawn])
    projections = _projections(views, net, layer, projected, channels)
    return {
        "grid": (("drawn", "target", "window_row", "window_column"), grids),
        "projected": (("drawn", "rank"), projected),
        "projection": (("drawn", "rank", "color", "row_pixel", "column_pixel"), projections),
    }


def _others(strongest: np.ndarray, row: int) -> np.ndarray:
    """The strongest images that are not this one."""
    return strongest[strongest != row][:OTHERS]


def _projections(views: "Views", net: str, layer: str, rows: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Deconvnet images of the channel from where its map is largest, (drawn, rank, color, height, width); zero where
    there are fewer images."""
    found = np.zeros((*rows.shape, *views.plan.nets[net].in_shape), np.float32)
    for number, channel in enumerate(channels):
        held = np.flatnonzero(rows[number] != NONE)
        images = views.images(net, rows[number, held])
        neuron = Neuron(layer, torch.full((len(held),), int(channel)), "argmax")
        found[number, held] = backward_images(views.net(net), images, neuron, "deconvnet").images.numpy()
    return found
