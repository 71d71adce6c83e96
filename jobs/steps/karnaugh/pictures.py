"""Pictures of units and modes: the strongest images, cropped to what the unit can see where it is strongest."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from analysis.attribution.gradients import located
from analysis.attribution.neuron import Neuron
from analysis.units.receptive_field import ReceptiveField, crop, receptive_field
from jobs.steps.top_images.plates import BACKGROUND, brightness

if TYPE_CHECKING:
    from jobs.views import Views

LARGEST = 96
"""Pixels a side of a picture that is shown at an inch or less."""

Pictures = UInt8[np.ndarray, "images height width color"]


def pictures(
    views: "Views", net: str, layer: str, channel: int, rows: Int[np.ndarray, " images"], value: str
) -> Pictures:
    """One picture an image, all of one size: the receptive field of the position that gave the unit's value, mid-gray
    beyond the image; the whole image for a mean, or where a field is as large as the image."""
    images = views.images(net, rows)
    field = _field(views, net, layer, images.shape[2:]) if value != "mean" else None
    if field is None:
        shown = images
    else:
        _, height, width = views.plan.shapes[f"{net}/{layer}"]
        unit = Neuron(layer, channel, "argmax" if value == "max" else (height // 2, width // 2))
        positions = located(views.net(net), images, unit)[1].tolist()
        shown = torch.stack(
            [crop(one, field, y, x, float("nan")) for one, (y, x) in zip(images, positions, strict=True)]
        )
    return _shown(shown, net, views)


def _field(views: "Views", net: str, layer: str, size: torch.Size) -> ReceptiveField | None:
    """None where it holds the whole image, or is not known."""
    try:
        found = receptive_field(views.net(net), layer, views.plan.nets[net].in_shape)
    except ValueError:
        return None
    return None if found.size[0] >= size[0] or found.size[1] >= size[1] else found


def _small(picture: UInt8[np.ndarray, "height width color"]) -> UInt8[np.ndarray, "height width color"]:
    height, width, colors = picture.shape
    if max(height, width) <= LARGEST:
        return picture
    scale = LARGEST / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(picture[..., 0] if colors == 1 else picture).resize(size, Image.Resampling.BOX)
    return np.asarray(small).reshape(size[1], size[0], colors)


def whole_pictures(views: "Views", net: str, rows: Int[np.ndarray, " images"]) -> Pictures:
    """Whole images, all of one size."""
    return _shown(views.images(net, rows), net, views)


def _shown(images: Tensor, net: str, views: "Views") -> Pictures:
    seen = np.nan_to_num(brightness(images.numpy(), net, views), nan=BACKGROUND)
    return np.stack([_small(np.rint(255 * one).astype(np.uint8)) for one in seen])
