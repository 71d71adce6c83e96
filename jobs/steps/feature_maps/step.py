"""What does a layer make of an image? The maps of its channels for a few images of the study.

No pass over the images: when the step finishes, each network runs on the chosen images, one at a time, and the maps are
copied as they are made. Tokens that tile the image are laid out as the patches they stand for.
"""

from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from analysis.activations import complete, recorded
from analysis.units.receptive_field import receptive_field
from jobs.errors import UserError, nearest
from jobs.steps.chosen_layers import chosen_layers, chosen_nets
from jobs.steps.step import Arrays, Results, WithoutPass
from jobs.steps.top_images.options import Number, drawn_channels

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


class FeatureMapsOptions(BaseModel):
    """Which maps of which images, and on which scale they are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(("*",), min_length=1, description="Layers of the study, globs allowed.")
    images: Annotated[int, Field(ge=1, le=100)] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        2, description="Images: a number, the first of the study, or a list of ids."
    )
    channels: Annotated[int, Field(ge=1)] | Annotated[tuple[Number, ...], Field(min_length=1)] = Field(
        64, description="Channels to draw: a number, evenly over the layer, or a list."
    )
    scale: Literal["layer", "channel", "images"] = Field(
        "layer", description="One scale for the maps of a layer, for each of them, or for a layer over all images."
    )
    overlay: bool = Field(False, description="Draw maps over the image, in color.")


class Grid(NamedTuple):
    """How the positions of a layer lie in the image."""

    rows: int
    columns: int
    first: int = 0
    """Tokens before those of the patches: the class token."""


class Taken(NamedTuple):
    """What was copied of one layer."""

    maps: Float[np.ndarray, "images channels positions"]
    negative: bool
    """Whether any value of the layer is below 0, of channels that are not drawn too."""


@dataclass(frozen=True)
class FeatureMaps(WithoutPass):
    """Bound to a plan: `layers` are `net/layer` keys."""

    options: FeatureMapsOptions
    layers: tuple[str, ...]

    name: ClassVar[str] = "feature_maps"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: FeatureMapsOptions, plan: "Plan") -> "FeatureMaps":
        """Resolve names against the plan; UserError where a network, a layer or a channel is missing, or tokens are
        no patches of the image."""
        nets = chosen_nets(options.nets, plan, cls.name)
        layers = chosen_layers(nets, options.layers, plan, cls.name)
        for layer in layers:
            units = plan.units_of(layer)
            if isinstance(options.channels, tuple) and max(options.channels) >= units:
                raise UserError(
                    f"steps.{cls.name}.channels: {max(options.channels)} is not in {layer}, which has 0 to {units - 1}."
                )
            grid_of(layer, plan)
        return cls(options, layers)

    def identity(self) -> dict[str, Any]:
        """Layers, images and channels; and what is drawn, since figures are drawn once."""
        return {"layers": self.layers, **self.options.model_dump(mode="json", exclude={"nets", "layers"})}

    def finish(self, plan: "Plan", _arrays: Arrays, views: "Views") -> Results:
        """One dataset a layer: maps (image, channel, row, column) with the id and the row of each image."""
        rows = self._rows(views)
        found: Results = {}
        for net in dict.fromkeys(layer.partition("/")[0] for layer in self.layers):
            keys = [layer for layer in self.layers if layer.partition("/")[0] == net]
            for key, taken in zip(keys, self._taken(net, keys, rows, plan, views), strict=True):
                found[key.replace("/", "--")] = self._dataset(key, taken, rows, plan, views)
        return found

    def present(self, _plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """One figure an image and layer."""
        from jobs.steps.feature_maps.plates import presentation

        return presentation(self.options, results, views)

    def _rows(self, views: "Views") -> Int[np.ndarray, " images"]:
        """Rows of the images asked for, in their order; UserError for one that is not in the study or no image."""
        images = self.options.images
        if isinstance(images, int):
            return views.first_rows(images)
        ids = {entry.id: row for row, entry in enumerate(views.manifest.entries)}
        for name in images:
            if name not in ids:
                raise UserError(
                    f"steps.{self.name}.images: there is no image {name!r} in the study; {nearest(name, list(ids))}"
                )
            if not views.decodes(ids[name]):
                raise UserError(f"steps.{self.name}.images: {name!r} cannot be decoded; name another image.")
        return np.array([ids[name] for name in images])

    @torch.inference_mode()
    def _taken(self, net: str, keys: list[str], rows: np.ndarray, plan: "Plan", views: "Views") -> list[Taken]:
        """Of each layer the chosen maps of all images; the network runs once for each image."""
        takes = {
            key.partition("/")[2]: partial(_take, drawn_channels(self.options.channels, plan.units_of(key)))
            for key in keys
        }
        module, found = views.net(net), []
        with recorded(module, takes) as outputs:
            for row in rows:
                module(views.images(net, np.array([row])))
                found.append(complete(outputs, takes))
        every = [[one[layer] for one in found] for layer in takes]
        return [Taken(np.concatenate([t.maps for t in some]), any(t.negative for t in some)) for some in every]

    def _dataset(self, key: str, taken: Taken, rows: np.ndarray, plan: "Plan", views: "Views") -> xr.Dataset:
        net, _, name = key.partition("/")
        grid, channels = grid_of(key, plan), drawn_channels(self.options.channels, plan.units_of(key))
        shown = taken.maps[:, :, grid.first :].reshape(len(rows), len(channels), grid.rows, grid.columns)
        found = xr.Dataset(
            {
                "maps": (("image", "channel", "row", "column"), shown), "negative": ((), taken.negative),
                "image_row": ("image", rows), "id": ("image", [views.manifest.entries[row].id for row in rows]),
            },
            coords={"channel": channels},
            attrs={"net": net, "layer": name, "channels": plan.units_of(key), "tokens_before": grid.first},
        )  # fmt: skip
        if not self.options.overlay:
            return found
        covered = _covered(views.net(net), key, grid, plan.nets[net].in_shape)
        return found.assign(covered=("edge", covered)).assign_coords(edge=["top", "left", "bottom", "right"])


def grid_of(layer: str, plan: "Plan") -> Grid:
    """The rows and columns of a layer's maps; UserError where its tokens are no patches of the image.

    Tokens are maps one position wide. They are laid out row by row where they tile the image in its own proportions,
    all of them or all but the first, which is then the class token (Dosovitskiy et al., 2020, arXiv:2010.11929).
    """
    _, height, width = plan.shapes[layer]
    sides = plan.nets[layer.partition("/")[0]].in_shape[1:]
    if width > 1 or height == 1:
        return Grid(height, width)
    for first in (0, 1):
        tokens = height - first
        rows = isqrt(tokens * sides[0] // sides[1])
        if rows * rows * sides[1] == tokens * sides[0] and tokens % rows == 0 and tokens > 1:
            return Grid(rows, tokens // rows, first)
    raise UserError(
        f"steps.feature_maps.layers: {layer} has {height} tokens, which neither with nor without the first tile an "
        f"image of {sides[0]} x {sides[1]}, so they are no map: leave that layer out."
    )


def _take(channels: Int[np.ndarray, " drawn"], maps: Tensor) -> Taken:
    chosen = maps[:, torch.from_numpy(channels).to(maps.device)]  # a copy, as every index by a list is
    return Taken(chosen.flatten(2).float().cpu().numpy(), bool((maps < 0).any()))


def _covered(net: nn.Module, key: str, grid: Grid, in_shape: tuple[int, int, int]) -> Float[np.ndarray, " 4"]:
    """Top, left, bottom and right of the part of the image that maps cover: a stride around each field's center.

    The whole image where fields have no stride: tokens of patches, and what mixes all positions.
    """
    try:
        field = receptive_field(net, key.partition("/")[2], in_shape)
    except ValueError as error:
        raise UserError(f"steps.feature_maps.overlay: {str(error).rstrip('.')}, or leave overlay out.") from error
    size, stride, start, count = map(np.array, (field.size, field.stride, field.start, grid[:2]))
    first = np.where(stride > 0, start + (size - stride) / 2, 0.0)
    return np.concatenate([first, np.where(stride > 0, first + count * stride, in_shape[1:])])
