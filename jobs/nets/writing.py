"""The two networks that write, translator and captioner: trained once into a folder, found again by their recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from analysis.dynamics.train import Curves
from jobs.images.scenes import Scenes, SceneSets
from jobs.nets.captioner import Captioner, captioner
from jobs.nets.next_word import next_word
from jobs.nets.options import NetSpec, TrainSpec
from jobs.nets.record import FINAL, Keep, TrainingRecord, recipe, stays
from jobs.nets.samples import Samples
from jobs.nets.training import trained_by
from jobs.nets.translator import Translator, translator
from jobs.nets.weights import load_weights
from jobs.texts.date_pairs import DatePair, DatePairs

TRANSLATOR = TrainSpec(epochs=4, optimizer="adam", learning_rate=3e-3, weight_decay=0.0)
CAPTIONER = TrainSpec(epochs=6, optimizer="adam", learning_rate=3e-3, weight_decay=0.0)
"""On one core one to two minutes for every word right, and four to five minutes for 98 of 100."""

Net = TypeVar("Net", bound=nn.Module)
Progress = Callable[[int, Curves], None]


def trained_translator(
    pairs: DatePairs,
    folder: Path,
    spec: TrainSpec = TRANSLATOR,
    *,
    hidden: int = 64,
    device: str = "cpu",
    progress: Progress | None = None,
    keep: Keep = stays,
) -> tuple[Translator, TrainingRecord]:
    """The translator in eval mode; accuracies of the record are shares of right words, given the true words before."""
    train, test = date_samples(pairs, pairs.train), date_samples(pairs, pairs.test)
    return _trained(
        "translator", translator, translator_sizes(pairs, hidden), train, test, folder, spec, device, progress, keep
    )


def trained_captioner(
    sets: SceneSets,
    folder: Path,
    spec: TrainSpec = CAPTIONER,
    *,
    width: int = 24,
    hidden: int = 64,
    device: str = "cpu",
    progress: Progress | None = None,
    keep: Keep = stays,
) -> tuple[Captioner, TrainingRecord]:
    """The captioner in eval mode; the record as that of the translator."""
    train, test = scene_samples(sets, sets.train), scene_samples(sets, sets.test)
    sizes = captioner_sizes(sets, width, hidden)
    return _trained("captioner", captioner, sizes, train, test, folder, spec, device, progress, keep)


def translator_sizes(pairs: DatePairs, hidden: int) -> dict[str, int]:
    """Options of a translator of these dates."""
    return {"source_words": len(pairs.source_words), "target_words": len(pairs.target_words), "hidden": hidden}


def captioner_sizes(sets: SceneSets, width: int, hidden: int) -> dict[str, int]:
    """Options of a captioner of these scenes."""
    return {"channels": 1, "words": len(sets.words), "width": width, "hidden": hidden}


def date_samples(pairs: DatePairs, some: list[DatePair]) -> Samples:
    """Rows of word numbers: sources (N, places), targets (N, words), the first of which names the language."""
    places, length = pairs.lengths()
    words = [pair.words() for pair in some]
    sources = pairs.source_words.rows([source for source, _ in words], places)
    targets = pairs.target_words.rows([target for _, target in words], length)
    return Samples(torch.from_numpy(sources), torch.from_numpy(targets))


def scene_samples(sets: SceneSets, some: Scenes) -> Samples:
    """Pictures (N, 1, H, W) in 0 to 1, and captions (N, words) with their first word."""
    length = max(len(caption) for caption in (*sets.train.captions, *sets.test.captions)) + 1
    captions = sets.words.rows(some.captions, length)
    return Samples(torch.from_numpy(some.images)[:, None].float() / 255, torch.from_numpy(captions))


def _trained(
    arch: str,
    make: Callable[..., Net],
    options: dict[str, Any],
    train: Samples,
    test: Samples,
    folder: Path,
    spec: TrainSpec,
    device: str,
    progress: Progress | None,
    keep: Keep,
) -> tuple[Net, TrainingRecord]:
    net_spec = NetSpec(arch=arch, options=options, train=spec)
    full = recipe(net_spec, tuple(train.images.shape[1:]), train.labels.shape[1], train.key())

    def made() -> Net:
        return make(**options, seed=net_spec.first_seed())

    record = trained_by(
        full, spec, made, train, folder, objective=next_word, test=test, device=device, progress=progress, keep=keep
    )
    net = made()
    load_weights(net, folder / FINAL)
    return net.to(device), record
