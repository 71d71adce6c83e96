"""Many trainings of the same networks that differ by their seed alone; other steps look at what they have in common."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from analysis.evaluating import evaluating
from jobs.nets.options import TrainSpec
from jobs.retraining import Retrained
from jobs.steps.presentation import Presentation
from jobs.steps.step import Arrays, Results, WithoutPass
from jobs.steps.subjects import Subject, image_subject

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views

BATCH = 250


@dataclass(frozen=True)
class Population(WithoutPass):
    """Bound to a plan."""

    nets: tuple[str, ...]
    train: TrainSpec
    seeds: tuple[int, ...]
    step: str
    """The step that asked."""

    name: ClassVar[str] = "population"
    version: ClassVar[int] = 1

    def identity(self) -> dict[str, Any]:
        """Networks, recipe and seeds."""
        return {"nets": self.nets, "train": self.train.model_dump(mode="json"), "seeds": self.seeds}

    def parts(self) -> list[tuple[str, int]]:
        """Every task, in order: a network and a seed."""
        return [(net, seed) for net in self.nets for seed in self.seeds]

    def tasks(self, _plan: "Plan") -> int:
        """One a network and seed."""
        return len(self.parts())

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Every network, from every seed."""
        return [(net, self.train, f"steps.{self.step}.train") for net in self.nets]

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Train; what is left are losses, the error and what the network says of every test image."""
        net, seed = self.parts()[number]
        subject = self.subject(net, plan, views)
        found = member(subject, seed, views)
        said = predictions(found.net, subject.data.test.images)
        wrong = float((said != subject.data.test.labels).double().mean())
        arrays = {
            "loss": np.array(found.curves.test_loss[-1]), "error": np.array(wrong),
            "train_loss": np.array(found.curves.train_loss[-1]), "seconds": np.array(found.record.seconds),
            "said": said.numpy().astype(np.int32), "label": subject.data.test.labels.numpy().astype(np.int32),
        }  # fmt: skip
        return {f"{net}|{seed}|{name}": values for name, values in arrays.items()}

    def subject(self, net: str, plan: "Plan", views: "Views") -> Subject:
        """A network with its recipe and images."""
        return image_subject(net, self.train, plan, views, f"steps.{self.step}.train")

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network: loss, error, training loss and seconds (seed), said (seed, image), label (image)."""
        return {net: self._dataset(net, arrays) for net in self.nets}

    def present(self, _plan: "Plan", _results: Results, _views: "Views") -> Presentation:
        """Nothing: the step that asked draws them."""
        return Presentation()

    def _dataset(self, net: str, arrays: Arrays) -> xr.Dataset:
        def of(name: str) -> np.ndarray:
            return np.array([arrays[f"{net}|{seed}|{name}"] for seed in self.seeds])

        single = {name: ("seed", of(name)) for name in ("loss", "error", "train_loss", "seconds")}
        label = arrays[f"{net}|{self.seeds[0]}|label"]
        return xr.Dataset(
            {**single, "said": (("seed", "image"), of("said")), "label": ("image", label)},
            coords={"seed": list(self.seeds)}, attrs={"net": net},
        )  # fmt: skip


def member(subject: Subject, seed: int, views: "Views") -> Retrained:
    """The network that a seed trains; found again where it has been."""
    train = subject.train.model_copy(update={"seed": seed, "checkpoints": None})
    return subject.trained(views, subject.start(seed), train)


@torch.no_grad()
def predictions(net: nn.Module, images: Tensor) -> Tensor:
    """The likeliest class of every image."""
    with evaluating(net):
        return torch.cat([net(part).argmax(1) for part in images.split(BATCH)])
