"""Which pixels speak for a class or a unit? Backward images of every image of a study, by any of seven methods.

Of every image: the neuron's value, how smooth each map is, and how much of it random weights leave unchanged (the
control of Adebayo et al., 2018, arXiv:1810.03292). Of the first images the maps themselves, and in the middle of the
network how much of the plain gradient cancels; of all images the maps too, where the study stores them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from analysis.attribution.gradients import located
from analysis.attribution.neuron import Neuron
from analysis.attribution.randomization import randomized
from jobs.errors import UserError, nearest
from jobs.steps.backprop.datasets import dataset
from jobs.steps.backprop.options import BackpropOptions, Method
from jobs.steps.backward_maps import Asked, Maps, backward_maps, chunks, rank_similarity, smoothness
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.step import Arrays, Batch, Needs, Results, Shape, Step
from jobs.steps.unit_directions import UnitDirections, weights_by_layer

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class Backprop:
    """Bound to a plan."""

    options: BackpropOptions
    nets: tuple[str, ...]
    middles: tuple[str, ...]
    """Of each network the layer through which the gradient's terms are counted, and that Grad-CAM looks at; empty where
    no layer with maps comes before the neuron's."""
    seed: int = 0
    directions: UnitDirections | None = None
    weights: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    """Of the direction, once it is found."""

    name: ClassVar[str] = "backprop"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: BackpropOptions, plan: "Plan") -> "Backprop":
        """Resolve names against the plan; UserError where a network, a layer or a unit is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        for net in nets:
            _require_there(options, net, plan)
        middles = tuple(_middle(options, net, plan) for net in nets)
        if options.direction is None:
            return cls(options, nets, middles, plan.seed)
        layers = tuple(f"{net}/{options.layer}" for net in nets)
        found = UnitDirections.bind(options.direction, nets, layers, plan, cls.name)
        return cls(options, nets, middles, plan.seed, found)

    def prerequisites(self) -> tuple[Step, ...]:
        """The step that finds the direction."""
        return () if self.directions is None else (self.directions,)

    def informed(self, results: list[Results]) -> "Backprop":
        """With the direction, once it is found."""
        return replace(self, weights=weights_by_layer(results[0])) if results else self

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "through", "direction"})
        directions = self.directions and self.directions.identity()
        return {"nets": self.nets, "middles": self.middles, "directions": directions, **options}

    def needs(self) -> Needs:
        """The images, and the networks to run again; outputs tell the predicted class."""
        return Needs(images=frozenset(self.nets))

    def result_bytes(self, plan: "Plan") -> int:
        """Numbers of every image, and the maps of those that are drawn."""
        numbers = plan.rows * (2 + 2 * len(self.options.methods)) * len(self.nets)
        drawn = sum(2 * len(self.options.methods) * int(np.prod(plan.nets[net].in_shape)) for net in self.nets)
        return 8 * numbers + 4 * drawn * min(self.options.images, plan.rows)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """A network to a block where not all fit."""
        if len(self.nets) == 1 or self.result_bytes(plan) <= limit_bytes:
            return [self]
        return [
            replace(self, nets=(net,), middles=(middle,)) for net, middle in zip(self.nets, self.middles, strict=True)
        ]

    def rows(self, plan: "Plan") -> dict[str, Shape]:
        """Maps that the study stores of every image."""
        return {
            f"{net}.{method}": (1 if method == "grad_cam" else shape[0], shape[1], shape[2])
            for net in self.nets
            for shape in (plan.nets[net].in_shape,)
            for method in self.options.store
        }

    def reducer(self, _plan: "Plan") -> "Explained":
        """Backward images of one unit of work."""
        return Explained(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Numbers of more images; each image's maps are there once."""
        both = {name: np.concatenate([left[name], right[name]]) for name in left.keys() & right.keys()}
        return left | right | both

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, plan, views, net, arrays) for net in self.nets}

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """The maps of the first images, their autocorrelation, and the table of methods."""
        from jobs.steps.backprop.plates import presentation

        return presentation(self, plan, results, views)

    def asked(self, middle: str) -> Asked:
        """What is computed of every image."""
        return Asked(self.options.methods, self.options.samples, self.seed, middle)

    def neuron(self, net: str, module: nn.Module, images: Tensor, labels: np.ndarray) -> Neuron:
        """The neuron of each image, at its place."""
        options = self.options
        position = None if options.layer is None else options.position
        if self.weights is not None:
            found = Neuron(options.layer, position=position, direction=self.weights[f"{net}/{options.layer}"][:, 0])
        else:
            found = Neuron(options.layer, self._channel(module, images, labels), position)
        return found.at(located(module, images, found)[1]) if position == "argmax" else found

    def _channel(self, module: nn.Module, images: Tensor, labels: np.ndarray) -> int | Tensor:
        if self.options.channel == "label":
            return torch.from_numpy(labels).to(images.device)
        if self.options.channel == "predicted":
            with torch.no_grad():
                return module(images).argmax(1)
        return self.options.channel


class Explained:
    """Numbers and maps of one unit of work."""

    def __init__(self, step: Backprop):
        self.step = step
        self.numbers: dict[str, list[np.ndarray]] = {}
        self.drawn: Arrays = {}
        self.last: dict[str, list[np.ndarray]] = {}
        self.controls: dict[str, nn.Module] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch, a few images at a time."""
        self.last = {}
        for net, middle in zip(self.step.nets, self.step.middles, strict=True):
            module = batch.nets[net]
            if self.step.options.control and net not in self.controls:
                self.controls[net] = randomized(module, self.step.seed)
            for some in chunks(len(batch.rows), batch.images[net].shape[1:]):
                images, rows = batch.images[net][some].clone(), batch.rows[some]
                neuron = self.step.neuron(net, module, images, batch.labels[some])
                self._add(net, module, images, neuron, rows, self.step.asked(middle))

    def _add(self, net: str, module: nn.Module, images: Tensor, neuron: Neuron, rows: np.ndarray, asked: Asked) -> None:
        maps = backward_maps(module, images, neuron, rows, asked)
        control = backward_maps(self.controls[net], images, neuron, rows, asked) if net in self.controls else {}
        values, positions = located(module, images, neuron)
        self._note(f"{net}|row", rows)
        self._note(f"{net}|value", values.cpu().numpy())
        self._note(f"{net}|channel", _channels(neuron, len(rows)))
        self._note(f"{net}|position", positions.cpu().numpy())
        for method, found in maps.items():
            self._note(f"{net}|{method}|smoothness", smoothness(found))
            if control:
                self._note(f"{net}|{method}|control", rank_similarity(found, control[method]))
            if method in self.step.options.store:
                self.last.setdefault(f"{net}.{method}", []).append(found)
            self._draw(net, method, rows, found, control)

    def _draw(self, net: str, method: Method, rows: np.ndarray, maps: Maps, control: dict[Method, Maps]) -> None:
        for number, row in enumerate(rows):
            if row < self.step.options.images:
                self.drawn[f"{net}|{method}|map|{row}"] = maps[number]
                if control:
                    self.drawn[f"{net}|{method}|control map|{row}"] = control[method][number]

    def _note(self, name: str, values: np.ndarray) -> None:
        self.numbers.setdefault(name, []).append(values)

    def rows(self) -> Arrays:
        """Maps of the last batch that the study stores."""
        return {name: np.concatenate(parts) for name, parts in self.last.items()}

    def arrays(self) -> Arrays:
        """Numbers of every image, maps of those that are drawn."""
        return {name: np.concatenate(parts) for name, parts in self.numbers.items()} | self.drawn


def _channels(neuron: Neuron, images: int) -> np.ndarray:
    """The channel of each image's neuron, -1 for a direction."""
    if neuron.channel is None:
        return np.full(images, -1)
    return np.broadcast_to(torch.as_tensor(neuron.channel).cpu().numpy(), images).astype(np.int64)


def _require_there(options: BackpropOptions, net: str, plan: "Plan") -> None:
    """UserError for a layer or channel that a network lacks, and for classes of a layer."""
    layers = plan.layers_of(net)
    for option, layer in (("layer", options.layer), ("through", options.through)):
        if layer is not None and layer not in layers:
            raise UserError(
                f"steps.backprop.{option}: {layer!r} is no studied layer of {net}; {nearest(layer, layers)}"
            )
    if options.layer is None:
        if options.direction is not None:
            raise UserError("steps.backprop.direction: directions are of a layer; name it in steps.backprop.layer.")
        if options.channel == "label" and not plan.classes:
            raise UserError("steps.backprop.channel: the images have no classes; write predicted, or a number.")
        return
    if isinstance(options.channel, str) and options.direction is None:
        raise UserError(
            f"steps.backprop.channel: {options.channel} means a class, and {options.layer} has channels: give a number."
        )
    units = plan.units_of(f"{net}/{options.layer}")
    if isinstance(options.channel, int) and options.channel >= units:
        raise UserError(f"steps.backprop.channel: {options.channel} is not in {net}/{options.layer}, which has 0 to "
                        f"{units - 1}.")  # fmt: skip


def _middle(options: BackpropOptions, net: str, plan: "Plan") -> str:
    """The layer asked for, or of the layers with maps before the neuron's the one in the middle."""
    if options.through is not None:
        return options.through
    layers = plan.layers_of(net)
    before = layers if options.layer is None else layers[: layers.index(options.layer)]
    with_maps = [layer for layer in before if min(plan.shapes[f"{net}/{layer}"][1:]) > 1]
    if not with_maps and "grad_cam" in options.methods:
        raise UserError(
            f"steps.backprop.methods: grad_cam needs a layer of {net} with maps before the neuron's; add one to layers."
        )
    return with_maps[len(with_maps) // 2] if with_maps else ""
