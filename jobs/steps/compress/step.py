"""How small can the network be made? Prune, share weights, retrain, Huffman (Han et al., 2016, arXiv:1510.00149).

Every network by every way to prune it is a task of its own, and so is the scan of every layer: how accurate the network
stays as this layer alone is pruned. A compressed network is a file that decodes to its weights bit for bit.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from jobs.errors import UserError
from jobs.nets.options import TrainSpec
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.compress.datasets import dataset
from jobs.steps.compress.options import CompressOptions
from jobs.steps.compress.tasks import Work, compressed, scanned
from jobs.steps.step import Arrays, Results, WithoutPass

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views


class Part(NamedTuple):
    """One task: a network by settings that prune alike, or the scan of one of its layers."""

    net: str
    settings: tuple[int, ...] = ()
    layer: str | None = None


@dataclass(frozen=True)
class Compress(WithoutPass):
    """Bound to a plan."""

    options: CompressOptions
    nets: tuple[str, ...]
    seed: int = 0

    name: ClassVar[str] = "compress"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: CompressOptions, plan: "Plan") -> "Compress":
        """Resolve names against the plan; UserError where a network is missing or has no weights to compress."""
        nets = chosen_nets(options.nets, plan, cls.name)
        for net in nets:
            if not plan.nets[net].weighted:
                raise UserError(f"steps.compress.nets: {net} has no convolution and no linear layer to compress.")
        return cls(options, nets, plan.seed)

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        return {"nets": self.nets, "seed": self.seed, **self.options.model_dump(mode="json", exclude={"nets"})}

    def parts(self, plan: "Plan") -> list[Part]:
        """Every task; settings first, which take longest."""
        alike: dict[str, list[int]] = {}
        for number, setting in enumerate(self.options.settings):
            alike.setdefault(repr(setting.pruning()), []).append(number)
        settings = [Part(net, tuple(numbers)) for numbers in alike.values() for net in self.nets]
        layers = [Part(net, layer=layer) for net in self.nets for layer in plan.nets[net].weighted]
        return settings + (layers if self.options.scan else [])

    def tasks(self, plan: "Plan") -> int:
        """One a network and way to prune it, one a layer that is scanned."""
        return len(self.parts(plan))

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Every network is trained further."""
        return [(net, self.options.retrain, "steps.compress.retrain") for net in self.nets]

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Compress a network by some settings, or scan a layer."""
        net, settings, layer = self.parts(plan)[number]
        data = views.training_data(net, self.options.retrain, "steps.compress.retrain")
        if layer is not None:
            return {f"{net}|scan|{layer}": scanned(self, views.net(net), layer, data)}
        work = Work(self, net, plan, views, data)
        found = compressed(work, [self.options.settings[setting] for setting in settings])
        return {
            f"{net}|{setting}|{name}": values
            for setting, arrays in zip(settings, found, strict=True)
            for name, values in arrays.items()
        }

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a network; the compressed files beside it."""
        for net in self.nets:
            for number, setting in enumerate(self.options.settings):
                views.run.write(self.file(net, setting.label()), arrays[f"{net}|{number}|file"].tobytes())
        return {net: dataset(self, plan, net, arrays) for net in self.nets}

    def file(self, net: str, setting: str) -> str:
        """Where a compressed network lies in the run's folder."""
        plain = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in setting)
        return f"compressed/{net}-{plain}.vitrine"

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Accuracy against size, the three stages, the scan, the starts of k-means; the paper's tables."""
        from jobs.steps.compress.plates import presentation

        return presentation(self, plan, results, views)
