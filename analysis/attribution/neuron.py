"""What is explained in each image of a batch: a channel of a layer, or a direction of its channels, at one position."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

Position = tuple[int, int]


class Target(NamedTuple):
    """A neuron found in a batch."""

    values: Float[Tensor, " images"]
    """Its activation, in the graph: the gradient of the sum is 1 at the neuron of each image, 0 elsewhere."""
    positions: Int[Tensor, "images 2"]
    """(y, x) on the layer's map."""


@dataclass(frozen=True, eq=False)
class Neuron:
    """One neuron an image. `Neuron(channel=281)` is a class; `Neuron("conv5", [3, 7], "argmax")` one of each image."""

    layer: str | None = None
    """As in `analysis.activations`: module, module:item, module@call or input; None is the network's output."""
    channel: int | Sequence[int] | Int[np.ndarray, " images"] | Int[Tensor, " images"] | None = None
    """From 0; one for all images or one for each. A class where the layer is the output."""
    position: (
        Literal["argmax"] | Position | Sequence[Position] | Int[np.ndarray, "images 2"] | Int[Tensor, "images 2"] | None
    ) = None
    """(y, x), one for all images or one for each; of tokens (token, 0). argmax: where each image's own map is largest,
    the first of equals. None: the only position of a vector."""
    direction: Float[np.ndarray, " channels"] | Float[Tensor, " channels"] | None = None
    """Weights of the layer's channels in place of `channel`: the neuron is their weighted sum."""

    def __post_init__(self) -> None:
        if (self.channel is None) == (self.direction is None):
            raise ValueError(f"A neuron of {self.name} needs either a channel or a direction.")
        if isinstance(self.position, str) and self.position != "argmax":
            raise ValueError(f"The position of a neuron is {self.position!r}: give argmax, (y, x) or None.")

    @property
    def name(self) -> str:
        """The layer as messages call it."""
        return "the output" if self.layer is None else f"layer {self.layer}"

    def at(self, positions: Int[Tensor, "images 2"]) -> "Neuron":
        """The same neuron at given positions."""
        return replace(self, position=positions)

    def target(self, maps: Float[Tensor, "images channels height width"]) -> Target:
        """The neuron in its layer's output. Raises ValueError where channel, direction or position do not fit it."""
        response = self._response(maps)
        positions = self._positions(response.detach())
        return Target(response[torch.arange(len(maps), device=maps.device), *positions.unbind(1)], positions)

    def _response(self, maps: Float[Tensor, "images channels height width"]) -> Float[Tensor, "images height width"]:
        images, channels = maps.shape[:2]
        if self.direction is not None:
            if len(self.direction) != channels:
                raise ValueError(f"The direction has {len(self.direction)} weights, {self.name} {channels} channels.")
            weights = torch.as_tensor(self.direction, dtype=maps.dtype, device=maps.device)
            return (maps * weights[:, None, None]).sum(1)
        chosen = torch.as_tensor(self.channel, device=maps.device)
        if chosen.ndim and len(chosen) != images:
            raise ValueError(f"{len(chosen)} channels for {images} images: give one for all or one for each.")
        if bool(((chosen < 0) | (chosen >= channels)).any()):
            raise ValueError(f"Channel {_extreme(chosen)} is not in {self.name}: it has 0 to {channels - 1}.")
        return maps[torch.arange(images, device=maps.device), chosen.expand(images)]

    def _positions(self, response: Float[Tensor, "images height width"]) -> Int[Tensor, "images 2"]:
        images, height, width = response.shape
        if self.position is None:
            if height * width > 1:
                raise ValueError(f"{self.name} has {height} x {width} positions: name one as (y, x), or argmax.")
            return torch.zeros(images, 2, dtype=torch.int64, device=response.device)
        if isinstance(self.position, str):
            flat = response.flatten(1).argmax(1)
            return torch.stack([flat // width, flat % width], 1)
        chosen = torch.as_tensor(self.position, device=response.device)
        if chosen.ndim == 2 and len(chosen) != images:
            raise ValueError(f"{len(chosen)} positions for {images} images: give one for all or one for each.")
        outside = (chosen < 0) | (chosen >= torch.tensor([height, width], device=response.device))
        if bool(outside.any()):
            wrong = tuple(chosen.reshape(-1, 2)[outside.reshape(-1, 2).any(1)][0].tolist())
            raise ValueError(f"Position {wrong} is not in {self.name}: its maps are {height} x {width}.")
        return chosen.to(torch.int64).expand(images, 2)


def _extreme(chosen: Tensor) -> int:
    return int(chosen.min()) if int(chosen.min()) < 0 else int(chosen.max())
