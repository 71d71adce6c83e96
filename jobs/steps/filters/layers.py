"""Which layers of a network have filters that can be drawn, and which of them a study asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod

import numpy as np
from jaxtyping import Float
from torch import nn

from analysis.units.filters import input_images
from jobs.errors import UserError, nearest
from jobs.steps.step import Shape

Weights = Float[np.ndarray, "out in height width"]


@dataclass(frozen=True)
class FilterLayer:
    """A convolution, or a first fully connected layer, whose filters are as large as the image."""

    name: str
    weight: Weights
    first: bool
    """Whether it is the network's first layer with weights."""
    groups: int = 1
    """Of a grouped convolution: a filter's inputs are those of its group."""

    @property
    def colored(self) -> bool:
        """Whether a filter is one picture: a first layer over gray or RGB."""
        return self.first and self.weight.shape[1] in (1, 3)

    def pictures(self) -> Float[np.ndarray, "out color height width"]:
        """One picture of every filter: its weights where it is gray or RGB, else their mean over the inputs, which
        does not depend on the inputs' order."""
        return self.weight if self.colored else self.weight.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class Drawable:
    """The layers of one network that have filters, by module name in the order of registration."""

    net: str
    layers: tuple[str, ...]
    flat: tuple[str, ...]
    """Fully connected layers that read no image: their weights are no pictures."""
    first: str
    """The first layer with weights, drawable or not."""

    def opened(self, module: nn.Module, in_shape: Shape) -> dict[str, FilterLayer]:
        """Their weights in a network of this architecture; those of a fully connected layer as images."""
        found = {}
        for name in self.layers:
            one, first = module.get_submodule(name), name == self.first
            assert isinstance(one, nn.Conv2d | nn.Linear)
            weight = one.weight.detach().float().cpu().numpy()
            if isinstance(one, nn.Conv2d):
                found[name] = FilterLayer(name, weight, first, one.groups)
            else:
                found[name] = FilterLayer(name, input_images(weight, in_shape), first)
        return found


def drawable(net: str, weighted: Mapping[str, tuple[int, ...]], in_shape: Shape) -> Drawable:
    """The convolutions, and a first fully connected layer with a weight for every value of an image (channels, height,
    width), by the shapes of all weights; UserError where there are none."""
    if not weighted:
        raise UserError(f"steps.filters.nets: {net} has neither convolutions nor fully connected layers; leave it out.")
    first = next(iter(weighted))
    pixels = prod(in_shape)
    layers = [name for name, shape in weighted.items() if len(shape) == 4 or (name == first and shape[1] == pixels)]
    return Drawable(net, tuple(layers), tuple(name for name in weighted if name not in layers), first)


def asked(patterns: tuple[str, ...] | None, found: Drawable) -> list[str]:
    """Layers of a network that patterns name, or its first; UserError where that one's weights are no pictures."""
    if patterns is not None:
        return [name for name in found.layers if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if found.first not in found.layers:
        raise UserError(
            f"steps.filters.layers: the first layer with weights of {found.net}, {found.first!r}, has no weight for "
            f"each pixel, so that its filters are no pictures; name convolutions: {_choices(found.first, [found])}"
        )
    return [found.first]


def require_somewhere(patterns: Iterable[str], nets: Mapping[str, Drawable]) -> None:
    """UserError where a pattern names a drawable layer of none of the networks."""
    for pattern in patterns:
        names = [name for found in nets.values() for name in found.layers]
        flat = [name for found in nets.values() for name in found.flat]
        if any(fnmatchcase(name, pattern) for name in names):
            continue
        if any(fnmatchcase(name, pattern) for name in flat):
            why = "is fully connected and reads no image, so that its weights are no pictures"
        else:
            why = f"is no convolution of {' or '.join(nets)}"
        raise UserError(f"steps.filters.layers: {pattern!r} {why}; {_choices(pattern, nets.values())}")


def _choices(name: str, nets: Iterable[Drawable]) -> str:
    return nearest(name, list(dict.fromkeys(layer for found in nets for layer in found.layers)))
