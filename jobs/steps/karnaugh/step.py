"""What does a unit or class compute, as logic? A target as a Boolean function of k lower units, and its rivals.

One pass keeps a number of every image and unit; thresholds, inputs and truth tables come from three quarters of the
images, fidelity from the others. Minimal formulas of every set of inputs from a pool show how many circuits explain
the target nearly as well; strongest images split into modes show what a unit stands for ('wheel or face'); noisy-OR and
naive Bayes read the same units as evidence.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from jobs.errors import UserError, nearest
from jobs.steps.chosen_layers import chosen_layers, chosen_nets
from jobs.steps.karnaugh.options import KarnaughOptions
from jobs.steps.karnaugh.targets import OPTION, Members, members
from jobs.steps.karnaugh.unit_values import OUTPUT, Noted
from jobs.steps.step import Arrays, Needs, Results, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class Karnaugh:
    """Bound to a plan."""

    options: KarnaughOptions
    nets: tuple[str, ...]
    layers: tuple[tuple[str, ...], ...]
    """Of each network those whose units may be inputs."""
    kept: tuple[tuple[str, ...], ...]
    """These, the layers of targets, and the ones after whose values tell modes apart."""
    members: Members
    seed: int = 0

    name: ClassVar[str] = "karnaugh"
    version: ClassVar[int] = 2

    @classmethod
    def bind(cls, options: KarnaughOptions, plan: "Plan") -> "Karnaugh":
        """Resolve names against the plan; UserError where a network, a layer, a unit or a class is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        of_labels = any(
            target.error or (target.classes and options.of == "label") for target in options.targets.values()
        )
        if of_labels and not sum(plan.class_counts):
            raise UserError(f"{OPTION}.targets: the images have no labels; write of: predicted, or name units.")
        layers = tuple(_input_layers(options, net, plan) for net in nets)
        for net, some in zip(nets, layers, strict=True):
            _require_units(options, net, some, plan)
        kept = tuple(_kept(options, net, some, plan) for net, some in zip(nets, layers, strict=True))
        return cls(options, nets, layers, kept, members(options, plan, nets[0]), plan.seed)

    def identity(self) -> dict[str, Any]:
        """Networks, layers, classes and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "layers", "groups"})
        classes = {"groups": self.members.groups, "targets": self.members.targets}
        return {"nets": self.nets, "inputs_of": self.layers, "kept": self.kept, "classes": classes, **options}

    def inputs_of(self, net: str, target: str, plan: "Plan") -> tuple[str, ...]:
        """The layers whose units may be inputs of a target: those before it, where it is a unit."""
        unit = self.options.targets[target].unit
        layers = self.layers[self.nets.index(net)]
        return layers if unit is None else _before(unit[0], layers, net, plan)

    def needs(self) -> Needs:
        """Whole maps, and outputs for what is predicted."""
        keys = {f"{net}/{layer}" for net, kept in zip(self.nets, self.kept, strict=True) for layer in kept if layer}
        return Needs(maps=frozenset(keys), logits=frozenset(self.nets))

    def result_bytes(self, plan: "Plan") -> int:
        """Four bytes an image and unit; row, label and predicted class."""
        units = sum(
            plan.nets[net].classes if layer == OUTPUT else plan.units_of(f"{net}/{layer}")
            for net, kept in zip(self.nets, self.kept, strict=True)
            for layer in kept
        )
        return plan.rows * (4 * units + 24 * len(self.nets))

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """A network to a block where not all fit."""
        if len(self.nets) == 1 or self.result_bytes(plan) <= limit_bytes:
            return [self]
        parts = zip(self.nets, self.layers, self.kept, strict=True)
        return [replace(self, nets=(net,), layers=(layers,), kept=(kept,)) for net, layers, kept in parts]

    def reducer(self, _plan: "Plan") -> Noted:
        """Values of one unit of work."""
        return Noted(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Values of more images; a unit without a valid image has none."""
        if not left or not right:
            return left or right
        return {name: np.concatenate([left[name], right[name]]) for name in left}

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """By `target--net` its circuits; by `net.units` and `net.evidence` the inputs of all of them."""
        from jobs.steps.karnaugh.datasets import results

        return results(self, plan, arrays, views)

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Maps, numbers of circuits, targets as ANDs of ORs, evidence, calibration, and the tables."""
        from jobs.steps.karnaugh.plates import presentation

        return presentation(self, plan, results, views)


def _input_layers(options: KarnaughOptions, net: str, plan: "Plan") -> tuple[str, ...]:
    """Layers that globs name, and those of the inputs given, in the network's order."""
    given = {layer for layer, _ in options.inputs or ()}
    found = {key.partition("/")[2] for key in chosen_layers((net,), options.layers, plan, "karnaugh")}
    for option, places in (("inputs", options.inputs or ()), ("targets", _units_of_targets(options))):
        for layer, channel in places:
            _require_there(option, layer, channel, net, plan)
    return tuple(layer for layer in plan.layers_of(net) if layer in found | given)


def _units_of_targets(options: KarnaughOptions) -> tuple[tuple[str, int], ...]:
    return tuple(target.unit for target in options.targets.values() if target.unit is not None)


def _require_there(option: str, layer: str, channel: int, net: str, plan: "Plan") -> None:
    layers = plan.layers_of(net)
    if layer not in layers:
        raise UserError(f"{OPTION}.{option}: {layer!r} is no studied layer of {net}; {nearest(layer, layers)}")
    units = plan.units_of(f"{net}/{layer}")
    if channel >= units:
        raise UserError(f"{OPTION}.{option}: {channel} is not in {net}/{layer}, which has 0 to {units - 1}.")


def _require_units(options: KarnaughOptions, net: str, layers: tuple[str, ...], plan: "Plan") -> None:
    """UserError where a target has fewer lower units than a circuit has inputs, or inputs that are not lower."""
    for name, target in options.targets.items():
        lower = layers if target.unit is None else _before(target.unit[0], layers, net, plan)
        for layer, _ in options.inputs or ():
            if target.unit is not None and layer not in lower:
                earlier = _before(target.unit[0], tuple(plan.layers_of(net)), net, plan)
                raise UserError(
                    f"{OPTION}.inputs: {layer} of {net} is not before {target.unit[0]}, whose unit {target.unit[1]} is "
                    f"the target {name}; name layers before it: {nearest(layer, earlier)}"
                )
        units = sum(plan.units_of(f"{net}/{layer}") for layer in lower)
        if units < options.size:
            raise UserError(
                f"{OPTION}.targets.{name}: layers {list(lower)} of {net} hold {units} units below it and a circuit has "
                f"{options.size} inputs; add earlier layers, or lower k."
            )


def _before(layer: str, layers: tuple[str, ...], net: str, plan: "Plan") -> tuple[str, ...]:
    order = plan.layers_of(net)
    return tuple(one for one in layers if order.index(one) < order.index(layer))


def _kept(options: KarnaughOptions, net: str, layers: tuple[str, ...], plan: "Plan") -> tuple[str, ...]:
    targets = [layer for layer, _ in _units_of_targets(options)]
    after = [next_layer(net, layer, plan) for layer in layers] if options.mode_images else []
    return tuple(dict.fromkeys([*layers, *targets, *after]))


def next_layer(net: str, layer: str, plan: "Plan") -> str:
    """The studied layer after one, or the output."""
    order = plan.layers_of(net)
    return order[order.index(layer) + 1] if layer != order[-1] else OUTPUT
