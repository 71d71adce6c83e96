"""One cooling of a network: the loop under a ladder of learning rates, and what its checkpoints say afterwards."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from analysis.compression.selection import layer_weights
from analysis.dynamics.cooling import Ladder, mobility, overlap, relaxation_time
from analysis.dynamics.train import evaluate
from jobs.evenly import evenly
from jobs.steps.glass.options import CoolingOptions
from jobs.steps.step import Arrays
from jobs.steps.subjects import image_subject

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views


class Cooled(NamedTuple):
    """A cooling: epochs at each temperature, epochs at the first one before, and the seed."""

    dwell: int
    hold: int
    seed: int

    @property
    def name(self) -> str:
        """For arrays."""
        return f"cooling {self.dwell} {self.hold} {self.seed}"


def cooled(part: Cooled, options: CoolingOptions, images: int, net: str, plan: "Plan", views: "Views") -> Arrays:
    """At every temperature: mobility and overlap by lag, relaxation time, loss on fixed training images before
    its first epoch and after each; at the end the losses and the error."""
    ladder = Ladder(options.hot, options.cold, options.temperatures, part.dwell, part.hold)
    kept = list(range(part.hold, ladder.epochs + 1))
    spec = {"seed": part.seed, "epochs": ladder.epochs, "checkpoints": kept, "learning_rate": options.hot,
            "schedule": "constant", "warmup": 0.0}  # fmt: skip
    subject = image_subject(net, options.train, plan, views, "steps.glass.cooling.train")
    did = {"ladder": [options.hot, options.cold, options.temperatures, part.dwell, part.hold]}
    start, train = subject.start(part.seed), options.train.model_copy(update=spec)
    found = subject.trained(views, start, train, [ladder], did, rate="steps.glass.cooling.hot")
    names = list(layer_weights(start))
    levels = [ladder.epochs_at(number) for number in range(options.temperatures)]
    weights = [np.stack([_flat(found.checkpoints[epoch], names) for epoch in level]) for level in levels]
    overlaps = np.array([overlap(level) for level in weights])
    rows = evenly(len(subject.data.train.images), images)
    probe = subject.data.train.images[rows], subject.data.train.labels[rows]
    energy = {epoch: _energy(start, weights, probe) for epoch, weights in found.checkpoints.items()}
    return {
        "mobility": np.array([mobility(level) for level in weights]), "overlap": overlaps,
        "relaxation": np.array([relaxation_time(level, options.memory) for level in overlaps]),
        "energy": np.array([[energy[epoch] for epoch in level] for level in levels]), "temperature": ladder.rates(),
        "test_loss": np.array(found.curves.test_loss[-1]), "error": np.array(1 - found.curves.test_accuracy[-1]),
        "epochs": np.array(ladder.epochs),
    }  # fmt: skip


def _flat(weights: dict[str, Tensor], names: list[str]) -> np.ndarray:
    return torch.cat([weights[name].flatten() for name in names]).numpy()


def _energy(net: nn.Module, weights: dict[str, Tensor], probe: tuple[Tensor, Tensor]) -> float:
    net.load_state_dict(weights)
    return evaluate(net, *probe)[0]
