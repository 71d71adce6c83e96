"""Is a network as good where its layers stop learning from the bottom up, and how much sooner is it there?

Freeze training (Raghu et al., 2017, arXiv:1706.05806): layer i of L is frozen at i/L of the steps. Beside it the same
seeds trained normally; accuracy and time are reported as they were measured.
"""

import math
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch

from analysis.dynamics.freeze import FrozenLayers, layer_groups
from analysis.dynamics.train import Hook
from jobs.nets.options import TrainSpec
from jobs.retraining import Retrained
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.freeze.datasets import dataset
from jobs.steps.freeze.layer_panes import pane_layers, through_training
from jobs.steps.freeze.options import ARMS, Arm, FreezeOptions
from jobs.steps.step import Arrays, Results, WithoutPass
from jobs.steps.subjects import Subject, image_subject

if TYPE_CHECKING:
    from jobs.inputs import Inputs
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


class Part(NamedTuple):
    """One task: a network from one seed, both ways one after the other, so that a busy hour slows both."""

    net: str
    seed: int
    order: tuple[Arm, ...]
    """Every other seed begins with the frozen way: the first pays for warming up."""


@dataclass(frozen=True)
class Freeze(WithoutPass):
    """Bound to a plan."""

    options: FreezeOptions
    nets: tuple[str, ...]

    name: ClassVar[str] = "freeze"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: FreezeOptions, plan: "Plan") -> "Freeze":
        """Resolve names against the plan; UserError where a network is missing."""
        return cls(options, chosen_nets(options.nets, plan, cls.name))

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        return {"nets": self.nets, **self.options.model_dump(mode="json", exclude={"nets"})}

    @property
    def seeds(self) -> list[int]:
        """The seeds: of the first weights and of the order of the images."""
        return list(range(self.options.train.seed, self.options.train.seed + self.options.seeds))

    def parts(self) -> list[Part]:
        """Every task, in order."""
        orders = ARMS, ARMS[::-1]
        return [Part(net, seed, orders[at % 2]) for net in self.nets for at, seed in enumerate(self.seeds)]

    def tasks(self, _plan: "Plan") -> int:
        """One a network and seed."""
        return len(self.parts())

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Every network, both ways."""
        return [(net, self.options.train, "steps.freeze.train") for net in self.nets]

    def require(self, inputs: "Inputs", plan: "Plan") -> None:
        """UserError for a network that has no layer to show."""
        for net in self.nets:
            planned = plan.nets[net]
            pane_layers(inputs.blank(net, planned), torch.zeros(1, *planned.in_shape))

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Train both ways; of the first seed the panes are made too."""
        net, seed, order = self.parts()[number]
        subject = image_subject(net, self.options.train, plan, views, "steps.freeze.train")
        layers = pane_layers(subject.start(seed), subject.data.test.images[:1]) if seed == self.seeds[0] else []
        arrays: Arrays = {}
        for arm in order:
            found = self._trained(arm, seed, subject, views)
            scores = {
                "error": 1 - found.curves.test_accuracy, "loss": found.curves.test_loss,
                "seconds": np.array(found.record.seconds), "layers": np.array(layers),
            }  # fmt: skip
            if layers:
                scores |= through_training(found, layers, subject, self.options.images, self.options.draws)
            arrays |= {f"{net}|{seed}|{arm}|{name}": values for name, values in scores.items()}
        return arrays

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, net, arrays) for net in self.nets}

    def present(self, _plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """Errors and times seed by seed, errors through training, the panes of both ways, the table."""
        from jobs.steps.freeze.plates import presentation

        return presentation(self, results)

    def _trained(self, arm: Arm, seed: int, subject: Subject, views: "Views") -> Retrained:
        """One way. A time says nothing without the machine and the threads, so they are part of the recipe."""
        kept = self.options.times() if seed == self.seeds[0] else None
        train = self.options.train.model_copy(update={"seed": seed, "checkpoints": kept})
        start = subject.start(seed)
        groups = layer_groups(start) if arm == "frozen" else []
        total = math.ceil(len(subject.data.train.images) / train.batch) * train.epochs
        hooks: list[Hook] = [FrozenLayers(groups, total)] if groups else []
        timed = [platform.node(), views.plan.device, torch.get_num_threads()]
        return subject.trained(
            views, start, train, hooks, {"frozen": [list(group) for group in groups], "timed": timed}
        )
