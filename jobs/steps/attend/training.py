"""A network that a step trains itself, one task a seed: where its weights lie, and what it does with the test set."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cluster.blobs import Blobs
from jobs.folders import Place, local_folder
from jobs.nets.attending import Generated
from jobs.nets.options import TrainSpec
from jobs.nets.record import TRAINER_VERSION
from jobs.nets.samples import Samples
from jobs.networks import training_folder
from jobs.plan import digest
from jobs.steps.step import Arrays
from jobs.texts.vocabulary import PAD

AT_ONCE = 250
"""Texts or scenes that go through a network together."""


def training(
    root: Blobs, arch: str, spec: TrainSpec, options: dict[str, int], data: Samples
) -> AbstractContextManager[Place]:
    """The folder of a training, beside those of the study's networks: named by all that decides its weights."""
    key = digest([TRAINER_VERSION, spec.model_dump(mode="json"), options, data.key()])
    return local_folder(root, training_folder(arch, key))


class Told(NamedTuple):
    """What a network that writes does with given texts, step by step."""

    attention: Float[np.ndarray, "texts steps *places"]
    """Where it looks before each word, given the true words before."""
    right: Bool[np.ndarray, "texts steps"]
    """Whether the true word is its likeliest then; true where the text has ended."""
    whole: Bool[np.ndarray, " texts"]
    """Whether it writes the whole text by itself, after the first word."""

    def arrays(self, seed: int) -> Arrays:
        """By name, for the task's ledger."""
        return {f"{seed}|{name}": values for name, values in self._asdict().items()}


@torch.no_grad()
def told(net: nn.Module, write: Callable[..., Generated], data: Samples, device: str) -> Told:
    """All texts of `data`; `write` is the network's own way to write after a first word."""
    parts = []
    for read, texts in zip(data.images.split(AT_ONCE), data.labels.split(AT_ONCE), strict=True):
        read, texts = read.to(device), texts.to(device)
        decoded, target = net(read, texts), texts[:, 1:]
        right = (decoded.logits.argmax(2) == target) | (target == PAD)
        whole = (write(read, texts[:, 0], target.shape[1]).words == target).all(1)
        parts.append((decoded.attention, right, whole))
    return Told(*(_joined(one) for one in zip(*parts, strict=True)))


def _joined(parts: Any) -> np.ndarray:
    tensors: list[Tensor] = list(parts)
    return torch.cat(tensors).cpu().numpy()


def of_seeds(arrays: Arrays, seeds: tuple[int, ...]) -> Told:
    """What all trainings do, stacked: a first axis of seeds before those of `Told`."""
    return Told(*(np.stack([arrays[f"{seed}|{name}"] for seed in seeds]) for name in Told._fields))
