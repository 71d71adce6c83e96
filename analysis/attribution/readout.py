"""What is read off a network while windows of its images are covered: one number for each window.

A `Neuron` is a channel or a direction at a position, or the logit of a class where its layer is the output. Here is
what reads whole maps and probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from analysis.attribution.incremental.patches import Maps, Patches, Positions
from analysis.attribution.incremental.spans import Region
from analysis.attribution.neuron import Neuron, Position

Channel = int | Sequence[int] | Int[np.ndarray, " images"] | Int[Tensor, " images"]
Matrix = Float[Tensor, "windows channels"]
Over = Literal["mean", "sum"] | tuple[Position, ...]
"""All positions of a map, or (y, x) in each image."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """A channel or a direction over its whole map: the sum is what Zeiler & Fergus, 2014, arXiv:1311.2901 show."""

    layer: str
    """As in `analysis.activations`."""
    channel: Channel | None = None
    """From 0; one for all images or one for each."""
    direction: Float[np.ndarray, " channels"] | Float[Tensor, " channels"] | None = None
    """Weights of the channels in place of `channel`."""
    by: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        Neuron(self.layer, self.channel, direction=self.direction)  # which refuses neither and both


@dataclass(frozen=True, eq=False)
class Probability:
    """The share of a class in the softmax of the logits, 0-1."""

    channel: Channel
    """The class, from 0; one for all images or one for each."""
    layer: str | None = None
    """Of the logits; None is the network's output."""


@dataclass(frozen=True, eq=False)
class MostProbable:
    """The class of the largest logit, the first of equals, from 0."""

    layer: str | None = None
    """Of the logits; None is the network's output."""


Target = Neuron | Pooled | Probability | MostProbable


def of_images(target: Target, images: slice, count: int) -> Target:
    """The target for some images out of `count`: what it has one of for each is cut to them."""
    cut = dict[str, Any]()
    for name, axes_of_one in (("channel", 0), ("position", 1)):
        value = getattr(target, name, None)
        if value is None or isinstance(value, str) or (each := torch.as_tensor(value)).ndim == axes_of_one:
            continue
        if len(each) != count:
            raise ValueError(f"{len(each)} {name}s for {count} images: give one for all or one for each.")
        cut[name] = each[images]
    return replace(target, **cut)


@dataclass(frozen=True, eq=False)
class Reading:
    """A target, found in the images as they are."""

    neuron: Neuron
    """Its layer, and its channel or direction."""
    over: Over
    of: Literal["value", "probability", "class"] = "value"

    @classmethod
    def found(cls, target: Target, maps: Maps) -> "Reading":
        """In the layer's maps of all images; ValueError where channel, direction or position do not fit them."""
        if isinstance(target, Pooled):
            neuron = Neuron(target.layer, target.channel, direction=target.direction)
            neuron.target(maps.mean((2, 3), keepdim=True))
            return cls(neuron, target.by)
        kind: Literal["value", "probability", "class"] = "value"
        if isinstance(target, Neuron):
            neuron = target
        elif isinstance(target, Probability):
            neuron, kind = Neuron(target.layer, target.channel), "probability"
        else:
            neuron, kind = Neuron(target.layer, 0), "class"
        return cls(neuron, tuple((y, x) for y, x in neuron.target(maps).positions.tolist()), kind)

    def matrix(self, value: Patches | Maps, image: Int[Tensor, " windows"]) -> Matrix:
        """The layer's channels in each window, with positions put together; `image` is where each window lies."""
        if self.over == "mean" or self.over == "sum":
            if not isinstance(value, Patches):
                return value.sum((2, 3)) if self.over == "sum" else value.mean((2, 3))
            return value.sums() / (1 if self.over == "sum" else value.height * value.width)
        y, x = torch.tensor(self.over, device=image.device)[image].unbind(1)
        windows = torch.arange(len(image), device=image.device)
        if isinstance(value, Patches):
            return value.at(Positions(windows.int(), y.int(), x.int()))
        return value[windows, :, y, x]

    def numbers(self, matrix: Matrix, image: Int[Tensor, " windows"]) -> Float[Tensor, " windows"]:
        """The target in each window."""
        if self.of == "class":
            return matrix.argmax(1).to(matrix.dtype)
        channel = self.neuron.channel
        if channel is not None:
            channel = torch.as_tensor(channel, device=matrix.device)
            channel = channel[image] if channel.ndim else channel.expand(len(image))
        neuron = replace(self.neuron, channel=channel, position=None)
        return neuron.target((matrix.softmax(1) if self.of == "probability" else matrix)[:, :, None, None]).values


def read_region(readings: Sequence[Reading], image: Int[np.ndarray, " windows"]) -> Region | None:
    """The part of their layer's maps that readings need in each window; None is all of it."""
    regions = []
    for reading in readings:
        if isinstance(reading.over, str):
            return None
        first = np.array(reading.over)[image]
        regions.append(Region(*(np.stack([of_axis, of_axis + 1], 1) for of_axis in first.T)))
    return reduce(Region.hull, regions)
