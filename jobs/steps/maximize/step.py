"""What would a unit like best? Gradient ascent on the pixels, several units to a task, each way and network apart.

Without a prior the image fools the network and looks like noise; with a blur between the steps (Yosinski et al., 2015,
arXiv:1506.06579), or on the Fourier spectrum, it shows what the unit stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch

from analysis.attribution.maximization import maximize
from analysis.attribution.neuron import Neuron
from jobs.errors import UserError, nearest
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.maximize.datasets import dataset
from jobs.steps.maximize.options import MaximizeOptions, Way
from jobs.steps.step import Arrays, Results, Step, WithoutPass
from jobs.steps.top_images.options import TopImagesOptions
from jobs.steps.top_images.step import StrongestImages
from jobs.steps.unit_directions import UnitDirections, weights_by_layer

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

UNITS = 8
"""Units to a task."""


class Part(NamedTuple):
    """One task: units of a network, climbed one way."""

    net: str
    way: Way
    units: tuple[int, ...]


@dataclass(frozen=True)
class Maximize(WithoutPass):
    """Bound to a plan."""

    options: MaximizeOptions
    nets: tuple[str, ...]
    seed: int = 0
    directions: UnitDirections | None = None
    beside: StrongestImages | None = None
    """The step that finds the strongest images of the same units."""

    weights: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    strongest: Results = field(default_factory=dict, compare=False)
    """What these steps found."""

    name: ClassVar[str] = "maximize"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: MaximizeOptions, plan: "Plan") -> "Maximize":
        """Resolve names against the plan; UserError where a network, a layer or a unit is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        for net in nets:
            _require_there(options, net, plan)
        found = cls(options, nets, plan.seed)
        if options.layer is None:
            return found
        layers = tuple(f"{net}/{options.layer}" for net in nets)
        if options.direction is not None:
            directions = UnitDirections.bind(options.direction, nets, layers, plan, cls.name)
            found = replace(found, directions=directions)
        if options.k:
            channels = tuple(options.drawn(plan.units_of(layers[0])).tolist()) if options.direction is None else 1
            asked = TopImagesOptions(
                nets=nets, layers=(options.layer,), k=options.k, channels=channels, direction=options.direction
            )
            found = replace(found, beside=StrongestImages.bind(asked, plan))
        return found

    def prerequisites(self) -> tuple[Step, ...]:
        """The steps that find directions, and the strongest images."""
        before = () if self.beside is None else (*self.beside.prerequisites(), self.beside)
        return before if before or self.directions is None else (self.directions,)

    def informed(self, results: list[Results]) -> "Maximize":
        """With what they found."""
        found = dict(zip((type(step) for step in self.prerequisites()), results, strict=True))
        weights = weights_by_layer(found[UnitDirections]) if UnitDirections in found else None
        return replace(self, weights=weights, strongest=found.get(StrongestImages, {}))

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "direction"})
        directions = self.directions and self.directions.identity()
        return {"nets": self.nets, "seed": self.seed, "directions": directions, **options}

    def parts(self, plan: "Plan") -> list[Part]:
        """Every task, in order."""
        found = []
        for net in self.nets:
            units = self.units(net, plan)
            groups = [tuple(units[start : start + UNITS]) for start in range(0, len(units), UNITS)]
            found += [Part(net, way, group) for way in self.options.ways for group in groups]
        return found

    def units(self, net: str, plan: "Plan") -> list[int]:
        """The units of a network that are maximized."""
        layer = self.options.layer
        count = plan.nets[net].classes if layer is None else plan.units_of(f"{net}/{layer}")
        return [int(unit) for unit in self.options.drawn(count)]

    def tasks(self, plan: "Plan") -> int:
        """One for every few units of a network, each way."""
        return len(self.parts(plan))

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Climb for a few units at once; which of them go together changes nothing."""
        net, way, units = self.parts(plan)[number]
        module = views.net(net).to(plan.device)
        scale = views.scale(net).to(plan.device)
        prior = self.options.prior(way, min(plan.nets[net].in_shape[1:]))
        arrays: Arrays = {}
        for neuron, some in self._neurons(net, units, plan):
            streams = [torch.Generator().manual_seed(self.seed + unit) for unit in some]
            found = maximize(module, neuron, scale, prior, streams, of=self.options.of)
            held = {"image": found.images, "value": found.values, "trajectory": found.trajectory.T, "dead": found.dead}
            if found.probabilities is not None:
                held["probability"] = found.probabilities
            for name, values in held.items():
                for unit, one in zip(some, values.cpu().numpy(), strict=True):
                    arrays[f"{net}|{way}|{unit}|{name}"] = one
        return arrays

    def _neurons(self, net: str, units: tuple[int, ...], plan: "Plan") -> list[tuple[Neuron, tuple[int, ...]]]:
        """Channels all at once, directions one by one."""
        layer = self.options.layer
        if layer is None:
            return [(Neuron(channel=units), units)]
        _, height, width = plan.shapes[f"{net}/{layer}"]
        center = None if self.options.of == "mean" else (height // 2, width // 2)
        if self.weights is None:
            return [(Neuron(layer, units, center), units)]
        found = self.weights[f"{net}/{layer}"]
        return [(Neuron(layer, position=center, direction=found[:, unit]), (unit,)) for unit in units]

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, net, self.units(net, plan), arrays) for net in self.nets}

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """The units in a grid beside their strongest images, one unit by all ways, the table."""
        from jobs.steps.maximize.plates import presentation

        return presentation(self, plan, results, views)


def _require_there(options: MaximizeOptions, net: str, plan: "Plan") -> None:
    layers = plan.layers_of(net)
    if options.layer is not None and options.layer not in layers:
        raise UserError(
            f"steps.maximize.layer: {options.layer!r} is no studied layer of {net}; {nearest(options.layer, layers)}"
        )
    if options.layer is None and options.direction is not None:
        raise UserError("steps.maximize.direction: directions are of a layer; name it in steps.maximize.layer.")
    if options.of == "probability" and options.layer is not None:
        raise UserError("steps.maximize.of: a probability is of a class; leave layer out, or write activation.")
    units = plan.nets[net].classes if options.layer is None else plan.units_of(f"{net}/{options.layer}")
    if options.direction is None and isinstance(options.channels, tuple) and max(options.channels) >= units:
        where = f"{net}/{options.layer}" if options.layer else f"the output of {net}"
        raise UserError(
            f"steps.maximize.channels: {max(options.channels)} is not in {where}, which has 0 to {units - 1}."
        )
