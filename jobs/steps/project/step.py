"""How many directions does a layer need? Its input projected onto those that networks share, or on others.

W x becomes (W P^T)(P x), two smaller layers: SVCCA compression (Raghu et al., 2017, arXiv:1706.05806, section 4.4),
beside directions of the logits, principal components, the most active channels and random ones.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from jobs.errors import UserError, nearest
from jobs.nets.options import TrainSpec
from jobs.steps.project.datasets import dataset
from jobs.steps.project.options import ProjectOptions
from jobs.steps.project.tasks import projected_accuracies
from jobs.steps.step import Arrays, Results, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


@dataclass(frozen=True)
class Project(WithoutPass):
    """Bound to a plan: `layers` are module names of the network."""

    options: ProjectOptions
    nets: tuple[str, ...]
    layers: dict[str, tuple[str, ...]]
    seed: int = 0

    name: ClassVar[str] = "project"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: ProjectOptions, plan: "Plan") -> "Project":
        """Resolve names against the plan; UserError where a network or a layer is missing."""
        own = [name for name in plan.nets if not plan.is_checkpoint(name)]
        nets = options.nets or (own[0],)
        for net in (*nets, *([options.other] if options.other else [])):
            if net not in plan.nets:
                raise UserError(f"steps.project: {net!r} is no network of the study; {nearest(net, own)}")
        if "svcca" in options.methods and options.other is None:
            raise UserError("steps.project.other: svcca keeps what two networks share; name the other, or drop svcca "
                            "from steps.project.methods.")  # fmt: skip
        return cls(options, nets, {net: _layers(options, net, plan) for net in nets}, plan.seed)

    def identity(self) -> dict[str, Any]:
        """Networks, layers and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "layers"})
        return {"nets": self.nets, "layers": self.layers, "seed": self.seed, **options}

    def parts(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every task: layers of a network that are projected together."""
        return [
            (net, layers)
            for net in self.nets
            for layers in [self.layers[net], *((layer,) for layer in self.layers[net] if len(self.layers[net]) > 1)]
        ]

    def tasks(self, _plan: "Plan") -> int:
        """One a layer, and one for all of a network."""
        return len(self.parts())

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Every network is trained further."""
        return [(net, self.options.train, "steps.project.train") for net in self.nets]

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Accuracy and size by method and number of directions."""
        net, layers = self.parts()[number]
        found = projected_accuracies(self, net, layers, plan, views)
        return {f"{number}|{name}": values for name, values in found.items()}

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network."""
        return {net: dataset(self, net, arrays) for net in self.nets}

    def present(self, _plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """Accuracy against directions, all layers at once and each alone; the table of sizes."""
        from jobs.steps.project.plates import presentation

        return presentation(self, results)


def _layers(options: ProjectOptions, net: str, plan: "Plan") -> tuple[str, ...]:
    there = [layer for layer, shape in plan.nets[net].weighted.items() if shape[1] > 1]
    for pattern in options.layers:
        if not any(fnmatchcase(layer, pattern) for layer in there):
            raise UserError(f"steps.project.layers: {pattern!r} is no convolution or linear layer of {net} "
                            f"that reads several channels; {nearest(pattern, there)}")  # fmt: skip
    if options.other is not None and "svcca" in options.methods:
        missing = [layer for layer in there if layer not in plan.nets[options.other].weighted]
        if missing:
            raise UserError(f"steps.project.other: {options.other} has no layer {missing[0]!r}; name a network of the "
                            f"architecture of {net}.")  # fmt: skip
    return tuple(layer for layer in there if any(fnmatchcase(layer, pattern) for pattern in options.layers))
