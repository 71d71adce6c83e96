"""Do networks get better when they train for a while without their small weights? Dense, sparse, dense, seed by seed
(Han et al., ICLR 2017, arXiv:1607.04381), beside dense training of the same number of epochs.

Two controls: the same three phases without the mask, which differ in nothing else, and one training of as many epochs
under a single schedule.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from analysis.compression.prune import PrunedWeights, kept_share
from analysis.compression.selection import layer_weights
from analysis.dynamics.dsd import LAST_RATE, dsd_masks, five_histograms, largest
from jobs.errors import UserError
from jobs.nets.options import TrainSpec
from jobs.retraining import Retrained
from jobs.steps.chosen_layers import chosen_nets
from jobs.steps.dsd.datasets import dataset
from jobs.steps.dsd.options import DsdOptions
from jobs.steps.step import Arrays, Results, WithoutPass
from jobs.steps.subjects import Subject, captioner_subject, image_subject, translator_subject

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

APART = 1_000_000
"""Between the seeds of two phases, which order the images: no phase repeats an order."""

Way = Literal["phases", "one schedule"]


class Part(NamedTuple):
    """One task: a network from one seed, through DSD and its twin without the mask, or in one go."""

    subject: str
    seed: int
    way: Way


@dataclass(frozen=True)
class Dsd(WithoutPass):
    """Bound to a plan."""

    options: DsdOptions
    nets: tuple[str, ...]

    name: ClassVar[str] = "dsd"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: DsdOptions, plan: "Plan") -> "Dsd":
        """Resolve names against the plan; UserError where a network is missing or none is named."""
        nets = () if options.nets == () else chosen_nets(options.nets, plan, cls.name)
        if not nets and options.translator is None and options.captioner is None:
            raise UserError("steps.dsd.nets: [] names no network; name one, or add translator: {} or captioner: {}.")
        taken = {"translator": options.translator, "captioner": options.captioner}
        for name in nets:
            if taken.get(name) is not None:
                raise UserError(f"steps.dsd.{name}: a network of the study has that name; call it otherwise in nets.")
        return cls(options, nets)

    def identity(self) -> dict[str, Any]:
        """Networks and every option."""
        return {"nets": self.nets, **self.options.model_dump(mode="json", exclude={"nets"})}

    @property
    def subjects(self) -> tuple[str, ...]:
        """All networks by name, those that write last."""
        written = {"translator": self.options.translator, "captioner": self.options.captioner}
        return (*self.nets, *(name for name, options in written.items() if options is not None))

    def seeds(self, subject: str) -> list[int]:
        """The seeds of a network: of its first weights and of the order of its images."""
        first = self._train(subject).seed
        return list(range(first, first + self.options.seeds))

    def parts(self) -> list[Part]:
        """Every task, in order."""
        ways: tuple[Way, ...] = ("phases", "one schedule")
        return [Part(name, seed, way) for name in self.subjects for seed in self.seeds(name) for way in ways]

    def tasks(self, _plan: "Plan") -> int:
        """Two a network and seed."""
        return len(self.parts())

    def then(self, subject: str) -> tuple[int, int]:
        """Epochs of the sparse and of the last phase."""
        own = {"translator": self.options.translator, "captioner": self.options.captioner}.get(subject)
        return self.options.then if own is None or own.then is None else own.then

    def trainings(self) -> list[tuple[str, TrainSpec, str]]:
        """Networks of the study; those that write bring their own data."""
        return [(net, self.options.train, "steps.dsd.train") for net in self.nets]

    def perform(self, number: int, plan: "Plan", views: "Views") -> Arrays:
        """Train; what is left are errors, losses and, of DSD, histograms."""
        name, seed, way = self.parts()[number]
        subject = self._subject(name, plan, views)
        found = self._phases(subject, seed, views) if way == "phases" else self._at_once(subject, seed, views)
        return {f"{name}|{seed}|{key}": value for key, value in found.items()}

    def finish(self, _plan: "Plan", arrays: Arrays, _views: "Views") -> Results:
        """One dataset a network."""
        return {name: dataset(self, name, arrays) for name in self.subjects}

    def present(self, plan: "Plan", results: Results, _views: "Views") -> "Presentation":
        """Errors seed by seed, histograms of the five steps, the table with the paper's columns and the controls."""
        from jobs.steps.dsd.plates import presentation

        return presentation(self, plan, results)

    def _train(self, subject: str) -> TrainSpec:
        own = {"translator": self.options.translator, "captioner": self.options.captioner}.get(subject)
        return own.train if own is not None else self.options.train

    def _subject(self, name: str, plan: "Plan", views: "Views") -> Subject:
        if name == "translator" and self.options.translator is not None:
            return translator_subject(self.options.translator)
        if name == "captioner" and self.options.captioner is not None:
            return captioner_subject(self.options.captioner)
        return image_subject(name, self.options.train, plan, views, "steps.dsd.train")

    def _phases(self, subject: Subject, seed: int, views: "Views") -> Arrays:
        """The first phase, then the others with and without the mask."""
        first, second, third = phases(subject.train, seed, self.then(subject.name))
        dense = subject.trained(views, subject.start(seed), first)
        masks = dsd_masks(dense.net, self.options.sparsity)
        sparse = subject.trained(views, dense.net, second, [PrunedWeights(masks)], {"pruned": self.options.sparsity})
        again = subject.trained(views, sparse.net, third)
        unmasked = subject.trained(views, dense.net, second)
        plain = subject.trained(views, unmasked.net, third)
        every = {"dense": [dense], "dsd": [dense, sparse, again], "same phases": [dense, unmasked, plain]}
        layer = largest(layer_weights(dense.net, exempt_first_convolution=True))
        weights = [net.get_parameter(layer) for net in (dense.net, sparse.net, again.net)]
        histograms = five_histograms(weights[0], masks[layer], weights[1], weights[2])
        about = {
            "about|layer": np.array(layer), "about|domain": np.array(subject.domain),
            "about|data": np.array(subject.data_name), "about|kind": np.array(subject.kind),
            "about|pruned": np.array(1.0 - kept_share(masks)),
            "counts": histograms.counts, "edges": histograms.edges, "zeros": histograms.zeros,
        }  # fmt: skip
        return about | {key: value for arm, chain in every.items() for key, value in _scores(arm, chain).items()}

    def _at_once(self, subject: Subject, seed: int, views: "Views") -> Arrays:
        epochs = subject.train.epochs + sum(self.then(subject.name))
        spec = subject.train.model_copy(update={"seed": seed, "epochs": epochs, "checkpoints": None})
        return _scores("one schedule", [subject.trained(views, subject.start(seed), spec)])


def phases(train: TrainSpec, seed: int, then: tuple[int, int]) -> tuple[TrainSpec, TrainSpec, TrainSpec]:
    """How each phase is trained; the schedule begins anew in each, the last at a tenth of the rate."""
    first = train.model_copy(update={"seed": seed, "checkpoints": None})
    later = first.model_copy(update={"warmup": 0.0})
    last_rate = LAST_RATE * train.loop().peak
    return (
        first,
        later.model_copy(update={"seed": seed + APART, "epochs": then[0]}),
        later.model_copy(update={"seed": seed + 2 * APART, "epochs": then[1], "learning_rate": last_rate}),
    )


def _scores(arm: str, chain: list[Retrained]) -> Arrays:
    """Error and loss on the test images at the end of the last training and after every epoch of all."""
    errors = np.concatenate([1.0 - phase.curves.test_accuracy for phase in chain])
    losses = np.concatenate([phase.curves.test_loss for phase in chain])
    seconds = np.array(sum(phase.record.seconds for phase in chain))
    return {f"{arm}|error": errors, f"{arm}|loss": losses, f"{arm}|seconds": seconds}
