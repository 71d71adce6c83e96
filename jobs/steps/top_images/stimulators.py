"""From rows and positions to pictures: each strongest image is run again, checked, cropped and explained."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from torch import nn

from analysis.attribution.backprop import backward_images
from analysis.attribution.neuron import Neuron
from analysis.units.receptive_field import (
    ReceptiveField,
    crop,
    effective_receptive_field,
    effective_size,
    receptive_field,
)
from analysis.units.top_images import NONE, TopImages
from jobs.errors import FailedError, UserError
from jobs.steps.backward_maps import chunks

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.top_images.step import StrongestImages
    from jobs.views import Views

AGREES = 1e-3
"""Relative difference of a value run again: another layout and batch move float32 by 1e-5."""

AVERAGED = 8
"""Images over which the effective receptive field is averaged: the first of the study."""


@dataclass(frozen=True)
class Layer:
    """A layer of the study and what is needed to look at its units."""

    step: "StrongestImages"
    views: "Views"
    key: str
    field: ReceptiveField

    @property
    def net(self) -> str:
        """Name of its network."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the network."""
        return self.key.partition("/")[2]

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """Of its network's images."""
        return self.views.plan.nets[self.net].in_shape

    def neuron(self, unit: int, positions: torch.Tensor) -> Neuron:
        """A channel or a direction, at one position of each image."""
        if self.step.weights is None:
            return Neuron(self.name, unit, positions)
        return Neuron(self.name, position=positions, direction=self.step.weights[self.key][:, unit])


def dataset(step: "StrongestImages", plan: "Plan", views: "Views", key: str, found: TopImages) -> xr.Dataset:
    """Values, images, positions and receptive fields of all units; crops and backward images of some.

    FailedError where an image that is run again does not give the value that the pass found, UserError where the
    receptive field is not known.
    """
    net, _, name = key.partition("/")
    in_shape, width = plan.nets[net].in_shape, plan.shapes[key][2]
    layer = Layer(step, views, key, _field(views.net(net), key, in_shape))
    there = found.rows != NONE
    y, x = (np.where(there, place, NONE) for place in np.divmod(found.positions, width))
    boxes = np.array([layer.field.box(int(r), int(c)) for r, c in zip(y.flat, x.flat, strict=True)])
    ids = np.array([entry.id for entry in views.manifest.entries])
    drawn = step.options.drawn(len(found.rows))
    crops, backward = _pictures(layer, found, drawn, np.stack([y, x], -1), in_shape[0])
    some = views.images(net, views.first_rows(AVERAGED))
    effective = effective_size(effective_receptive_field(views.net(net), name, some))
    pictures = ("drawn", "rank", "color", "row_pixel", "column_pixel")
    return xr.Dataset(
        {
            "value": (("unit", "rank"), found.values), "row": (("unit", "rank"), found.rows),
            "position": (("unit", "rank", "axis"), np.stack([y, x], -1)),
            "box": (("unit", "rank", "edge"), boxes.reshape(*found.rows.shape, 4)),
            "id": (("unit", "rank"), np.where(there, ids[found.rows], "")),
            "crop": (pictures, crops), "backward": (pictures, backward),
            "field_size": ("axis", np.array(layer.field.size)), "field_stride": ("axis", np.array(layer.field.stride)),
            "field_share": ((), layer.field.share(*in_shape[1:])), "field_effective": ((), effective),
        },
        coords={"drawn": drawn, "edge": ["top", "left", "bottom", "right"], "axis": ["y", "x"]},
        attrs={"net": net, "layer": name, "rule": step.options.rule},
    )  # fmt: skip


def _field(net: nn.Module, key: str, in_shape: tuple[int, int, int]) -> ReceptiveField:
    try:
        return receptive_field(net, key.partition("/")[2], in_shape)
    except ValueError as error:
        raise UserError(f"steps.top_images.layers: {key}: {error}") from error


def _pictures(
    layer: Layer, found: TopImages, drawn: np.ndarray, positions: np.ndarray, colors: int
) -> tuple[np.ndarray, np.ndarray]:
    """Crops and backward images (drawn, rank, color, height, width), NaN where there are fewer images."""
    crops: Any = np.full((len(drawn), found.rows.shape[1], colors, *layer.field.size), np.nan, np.float32)
    backward = crops.copy()
    module = layer.views.net(layer.net)
    for number, unit in enumerate(drawn):
        held = np.flatnonzero(found.rows[unit] != NONE)
        for ranks in (held[some] for some in chunks(len(held), layer.in_shape)):
            images = layer.views.images(layer.net, found.rows[unit, ranks])
            neuron = layer.neuron(int(unit), torch.from_numpy(positions[unit, ranks]))
            explained = backward_images(module, images, neuron, layer.step.options.rule)
            _require_equal(f"{layer.key} unit {unit}", found.values[unit, ranks], explained.values.numpy())
            for rank, image, back in zip(ranks, images, explained.images, strict=True):
                y, x = (int(part) for part in positions[unit, rank])
                crops[number, rank] = crop(image, layer.field, y, x, fill=float("nan"))
                backward[number, rank] = crop(back, layer.field, y, x)
    return crops, backward


def _require_equal(unit: str, before: np.ndarray, now: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isclose(now, before, rtol=AGREES, atol=AGREES * np.abs(before).max(initial=0.0)))
    if len(wrong):
        raise FailedError(
            f"{unit}: an image gave {before[wrong[0]]:.6g} in the pass and {now[wrong[0]]:.6g} when run again; "
            "images or weights have changed since: start a new run under another name."
        )
