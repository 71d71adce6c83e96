"""What is trained again from other seeds: a network of the study, or one that writes, with its data and its recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from analysis.compression.selection import CONVOLUTIONS
from analysis.dynamics.objective import Objective, classification
from analysis.dynamics.train import Hook
from jobs.errors import UserError
from jobs.images.scenes import scenes
from jobs.nets.build import build
from jobs.nets.captioner import captioner
from jobs.nets.next_word import next_word
from jobs.nets.options import TrainSpec
from jobs.nets.training import DivergedTrainingError
from jobs.nets.translator import translator
from jobs.nets.writing import captioner_sizes, date_samples, scene_samples, translator_sizes
from jobs.retraining import Retrained, TrainingData, retrained
from jobs.steps.dsd.options import CaptionerOptions, TranslatorOptions
from jobs.texts.date_pairs import date_pairs

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views


@dataclass(frozen=True)
class Subject:
    """A network as any seed begins it, and all that its trainings have in common."""

    name: str
    domain: str
    """Vision, translation, captioning: a column of the table."""
    data_name: str
    kind: str
    """CNN, MLP or RNN."""
    train: TrainSpec
    data: TrainingData
    option: str
    """Where the study says how it is trained."""
    start: Callable[[int], nn.Module]
    """The untrained network, on the CPU, that a seed draws."""
    objective: Objective = classification
    about: dict[str, Any] = field(default_factory=dict)
    """What the network computes, for the recipe."""

    def trained(
        self,
        views: "Views",
        start: nn.Module,
        train: TrainSpec,
        hooks: Sequence[Hook] = (),
        did: dict[str, Any] | None = None,
        rate: str = "",
    ) -> Retrained:
        """Train a copy of `start`, or find it trained; `did` says in strings and numbers what the hooks do.

        Raises UserError where it diverges, which names the option of the learning rate: `rate`, or that of `option`.
        """
        about = {**self.about, "hooks": did or {}}
        try:
            return retrained(
                views.inputs, start, self.data, train, about, hooks=hooks, objective=self.objective,
                device=views.plan.device,
            )  # fmt: skip
        except DivergedTrainingError as error:
            raise UserError(
                f"{self.option}: {self.name} from seed {train.seed} diverged at a learning rate of "
                f"{train.loop().peak:g}, {error.reason}; lower {rate or f'{self.option}.learning_rate'}."
            ) from error


def image_subject(net: str, train: TrainSpec, plan: "Plan", views: "Views", option: str) -> Subject:
    """A network of the study on its training images; UserError without a test split. `option`: where `train` is."""
    spec, planned = views.inputs.study.net_of(net), plan.nets[net]
    start = partial(build, spec.arch, planned.in_shape, planned.classes, spec.options, views.inputs.allow_code)
    images = train.images or (spec.train.images if spec.train else None) or {}
    source = images.get("source", views.inputs.study.images.source)
    return Subject(
        net, "vision", str(source), kind(start(0)), train, views.training_data(net, train, option), option, start,
        about={"arch": spec.arch, "function": planned.function},
    )  # fmt: skip


def translator_subject(options: TranslatorOptions) -> Subject:
    """The translator with its dates."""
    pairs = date_pairs(options.dates)
    sizes = translator_sizes(pairs, options.hidden)
    train, test = date_samples(pairs, pairs.train), date_samples(pairs, pairs.test)
    return Subject(
        "translator", "translation", "dates", "RNN", options.train, TrainingData(train, test, train.key()),
        "steps.dsd.translator.train", lambda seed: translator(**sizes, seed=seed), next_word,
        {"arch": "translator", **sizes},
    )  # fmt: skip


def captioner_subject(options: CaptionerOptions) -> Subject:
    """The captioner with its scenes."""
    sets = scenes(options.scenes)
    sizes = captioner_sizes(sets, options.width, options.hidden)
    train, test = scene_samples(sets, sets.train), scene_samples(sets, sets.test)
    return Subject(
        "captioner", "captioning", "scenes of digits", "CNN and RNN", options.train,
        TrainingData(train, test, train.key()), "steps.dsd.captioner.train",
        lambda seed: captioner(**sizes, seed=seed), next_word, {"arch": "captioner", **sizes},
    )  # fmt: skip


def kind(net: nn.Module) -> str:
    """CNN where there are convolutions, else MLP."""
    return "CNN" if any(isinstance(module, CONVOLUTIONS) for module in net.modules()) else "MLP"
