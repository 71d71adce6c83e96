"""Which windows does the network need? An occluder swept over every image (Zeiler & Fergus, 2014, arXiv:1311.2901).

One sweep gives the class's probability, the most probable class, the layer's strongest map and any further targets, by
position of the occluder. The raw grids of all images go to the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor

from analysis.attribution.neuron import Neuron
from analysis.attribution.occluder import Occluder
from analysis.attribution.readout import MostProbable, Pooled, Probability, Target
from jobs.errors import UserError, nearest
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.occlude.datasets import dataset
from jobs.steps.occlude.options import OccludeOptions
from jobs.steps.occlude.sweep import OTHERS, Covered
from jobs.steps.step import Arrays, Needs, Results, Shape, Step
from jobs.steps.top_images.step import named_arrays, restored
from jobs.steps.unit_directions import UnitDirections, weights_by_layer

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

FIRST = ("probability", "most_probable", "strongest_map")
"""Targets of every sweep, before those that a study adds."""


@dataclass(frozen=True)
class Occlude:
    """Bound to a plan: `layers` has one layer a network, whose strongest map is followed."""

    options: OccludeOptions
    nets: tuple[str, ...]
    layers: tuple[str, ...]
    directions: UnitDirections | None = None
    """The step that finds the directions, where some are targets."""

    weights: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    """Of the directions, once they are found."""

    name: ClassVar[str] = "occlude"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: OccludeOptions, plan: "Plan") -> "Occlude":
        """Resolve names against the plan; UserError where a network, layer, class or channel is missing, or the window
        is larger than the images."""
        nets = chosen_nets(options.nets, plan, cls.name)
        if options.of == "label" and not plan.classes:
            raise UserError("steps.occlude.of: the images have no labels; write predicted.")
        for net in nets:
            _require_there(options, net, plan)
        found = cls(options, nets, tuple(_layer(options, net, plan) for net in nets))
        if options.direction is None:
            return found
        layers = tuple(f"{net}/{layer}" for net, layer in zip(nets, found.layers, strict=True))
        for layer in layers:
            _require_place(options, layer, plan)
        return replace(found, directions=UnitDirections.bind(options.direction, nets, layers, plan, cls.name))

    def prerequisites(self) -> tuple[Step, ...]:
        """The step that finds the directions."""
        return () if self.directions is None else (self.directions,)

    def informed(self, results: list[Results]) -> "Occlude":
        """With the directions, once they are found."""
        return replace(self, weights=weights_by_layer(results[0])) if results else self

    def identity(self) -> dict[str, Any]:
        """Networks, layers and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "layer", "direction"})
        directions = self.directions and self.directions.identity()
        return {"nets": self.nets, "layers": self.layers, "directions": directions, **options}

    def needs(self) -> Needs:
        """The images, and the networks to run again."""
        return Needs(images=frozenset(self.nets))

    def target_names(self) -> list[str]:
        """What a grid holds, in order."""
        asked = self.options
        classes = [f"class {number}" for number in asked.classes]
        channels = [f"{layer} #{number}" for layer, numbers in asked.channels.items() for number in numbers]
        directions = [f"{asked.direction.origin} {n}" for n in asked.direction.indices] if asked.direction else []
        return [*FIRST, *classes, *channels, *directions]

    def grid(self, net: str, plan: "Plan") -> Shape:
        """Targets, rows and columns of windows."""
        _, height, width = plan.nets[net].in_shape
        occluder = Occluder(self.options.window, self.options.stride)
        return len(self.target_names()), len(occluder.rows(height)), len(occluder.columns(width))

    def rows(self, plan: "Plan") -> dict[str, Shape]:
        """The raw grid of every image."""
        return {f"{net}.grid": self.grid(net, plan) for net in self.nets}

    def result_bytes(self, plan: "Plan") -> int:
        """Numbers of every image, strongest images of every channel, and the grids of images that are drawn."""
        grids = sum(int(np.prod(self.grid(net, plan))) for net in self.nets)
        numbers = len(self.nets) * (5 + 3 * len(self.target_names()))
        channels = sum(plan.shapes[f"{net}/{layer}"][0] for net, layer in zip(self.nets, self.layers, strict=True))
        strongest = 3 * (OTHERS + 1) * channels
        return 8 * (plan.rows * numbers + strongest) + 4 * grids * min(self.options.images, plan.rows)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """A network to a block where not all fit."""
        if len(self.nets) == 1 or self.result_bytes(plan) <= limit_bytes:
            return [self]
        return [replace(self, nets=(net,), layers=(layer,)) for net, layer in zip(self.nets, self.layers, strict=True)]

    def reducer(self, plan: "Plan") -> Covered:
        """Sweeps of one unit of work."""
        return Covered(self, plan)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Numbers of more images; each image's grid is there once; a unit without a valid image has nothing."""
        if not left or not right:
            return left or right
        both = {name: np.concatenate([left[name], right[name]]) for name in left.keys() & right.keys()}
        layers = [f"{net}/{layer}" for net, layer in zip(self.nets, self.layers, strict=True)]
        strongest = {layer: restored(left, layer).merge(restored(right, layer)) for layer in layers}
        return left | right | both | named_arrays(strongest)

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, plan, views, net, arrays) for net in self.nets}

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """The five panels of the first images, and the table."""
        from jobs.steps.occlude.plates import presentation

        return presentation(self, plan, results, views)

    def occluder(self, scale: Tensor) -> Occluder:
        """The windows, with the fill as the network sees it: one value for each color."""
        black, white = scale.mean((2, 3)).tolist()
        if self.options.fill == "zero":
            fill = tuple(0.0 for _ in black)
        else:
            share = 0.5 if self.options.fill == "gray" else float(self.options.fill)
            fill = tuple(b + share * (w - b) for b, w in zip(black, white, strict=True))
        return Occluder(self.options.window, self.options.stride, fill)

    def targets(self, plan: "Plan", net: str, classes: Tensor, strongest: Tensor) -> list[Target]:
        """In the order of `target_names`, for images with a class and a strongest channel each."""
        layer = self.layers[self.nets.index(net)]
        asked: list[Target] = [Probability(classes), MostProbable(), Pooled(layer, strongest, by="sum")]
        asked += [Neuron(channel=number) for number in self.options.classes]
        for name, numbers in self.options.channels.items():
            place = self.options.place(*plan.shapes[f"{net}/{name}"][1:])
            asked += [Neuron(name, n, place) if place else Pooled(name, n) for n in numbers]
        if self.weights is not None:
            place = self.options.place(*plan.shapes[f"{net}/{layer}"][1:])
            for weights in self.weights[f"{net}/{layer}"].T:
                unit = Neuron(layer, position=place, direction=weights) if place else Pooled(layer, direction=weights)
                asked.append(unit)
        return asked


def _layer(options: OccludeOptions, net: str, plan: "Plan") -> str:
    if options.layer is not None:
        return options.layer
    with_maps = [layer for layer in plan.layers_of(net) if min(plan.shapes[f"{net}/{layer}"][1:]) > 1]
    if not with_maps:
        raise UserError(f"steps.occlude.layer: no studied layer of {net} has maps; add a convolution to layers.")
    return with_maps[-1]


def _require_there(options: OccludeOptions, net: str, plan: "Plan") -> None:
    layers, smallest = plan.layers_of(net), min(plan.nets[net].in_shape[1:])
    if options.window > smallest:
        raise UserError(
            f"steps.occlude.window: {options.window} pixels are more than the images of {net} have, {smallest}."
        )
    for option, layer in [("layer", options.layer), *(("channels", name) for name in options.channels)]:
        if layer is not None and layer not in layers:
            raise UserError(f"steps.occlude.{option}: {layer!r} is no studied layer of {net}; {nearest(layer, layers)}")
    for name, numbers in options.channels.items():
        units = plan.units_of(f"{net}/{name}")
        if max(numbers, default=0) >= units:
            raise UserError(
                f"steps.occlude.channels: {max(numbers)} is not in {net}/{name}, which has 0 to {units - 1}."
            )
        _require_place(options, f"{net}/{name}", plan)
    if max(options.classes, default=0) >= plan.nets[net].classes:
        raise UserError(f"steps.occlude.classes: {max(options.classes)} is no class of {net}, which has 0 to "
                        f"{plan.nets[net].classes - 1}.")  # fmt: skip


def _require_place(options: OccludeOptions, layer: str, plan: "Plan") -> None:
    _, height, width = plan.shapes[layer]
    if isinstance(options.position, tuple) and not (options.position[0] < height and options.position[1] < width):
        raise UserError(
            f"steps.occlude.position: {list(options.position)} is not in {layer}, whose maps are {height} x {width}."
        )
