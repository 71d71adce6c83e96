"""Trainings inside a step's tasks: from given weights, under hooks, on a network's training images.

Each has a folder below the runs' root, named by all that decides its weights: another study finds it again, and one
that was killed goes on from its last save to the same bits.
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from analysis.dynamics.objective import Objective, classification
from analysis.dynamics.train import Curves, Hook
from jobs.errors import UserError, within
from jobs.folders import local_folder
from jobs.inputs import Inputs
from jobs.nets.options import TrainSpec
from jobs.nets.record import FINAL, TRAINER_VERSION, TrainingRecord, checkpoint, recipe_key
from jobs.nets.samples import Samples
from jobs.nets.training import trained_by
from jobs.nets.weights import load_weights, read_weights, state_digest
from jobs.networks import TrainingSet, data_key, decoded, training_set
from jobs.plan import Plan
from jobs.steps.step import Particular, Step, Trains


@dataclass(frozen=True)
class TrainingData:
    """Images to train on and to test with, as a network sees them."""

    train: Samples
    test: Samples
    key: str
    """Identity of the training images."""


@dataclass(frozen=True)
class Retrained:
    """What a training left."""

    net: nn.Module
    """In eval mode on the CPU."""
    curves: Curves
    record: TrainingRecord
    checkpoints: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    """Weights after the epochs that the training keeps."""


def require_trainable(inputs: Inputs, plan: Plan, steps: Sequence[Step]) -> None:
    """Before anything is trained: UserError where a step that trains names images that cannot be had, or a network that
    does not suit it."""
    for step in steps:
        if isinstance(step, Particular):
            step.require(inputs, plan)
    seen: list[tuple[str, Any]] = []
    for name, train, option in (
        training for step in steps if isinstance(step, Trains) for training in step.trainings()
    ):
        if (name, train.images) not in seen:
            seen.append((name, train.images))
            _tested(inputs, name, train, option)


def training_data(inputs: Inputs, name: str, train: TrainSpec, option: str) -> TrainingData:
    """Decoded images of a network; UserError where there are none to test with. `option`: where `train` stands."""
    found = _tested(inputs, name, train, option)
    with within(option):
        samples, test = decoded(inputs, name, found)
    assert test is not None
    return TrainingData(samples, test, data_key(inputs, name, found))


def retrained(
    inputs: Inputs,
    start: nn.Module,
    data: TrainingData,
    train: TrainSpec,
    about: dict[str, Any],
    *,
    hooks: Sequence[Hook] = (),
    objective: Objective = classification,
    device: str = "cpu",
) -> Retrained:
    """Train a copy of `start`, or find it trained.

    about: all that decides the weights beside `start`, `data` and `train`: what the hooks and the objective do, in
    strings, numbers, lists and dictionaries of these. It needs "arch", as messages call the network.
    """
    recipe = {
        **about, "trainer": TRAINER_VERSION, "start": state_digest(start), "data": data.key,
        "train": train.recipe(),
    }  # fmt: skip
    key = recipe_key(recipe)
    with local_folder(inputs.root, f"nets/retrained-{key[:8]}") as (folder, keep):
        record = trained_by(
            recipe, train, lambda: copy.deepcopy(start), data.train, folder, objective=objective, hooks=hooks,
            test=data.test, device=device, allow_code=inputs.allow_code, keep=keep,
        )  # fmt: skip
        return _left(start, folder, record, train)


def _tested(inputs: Inputs, name: str, train: TrainSpec, option: str) -> TrainingSet:
    found = training_set(inputs, name, train, option)
    if found.test_source is None or not found.test:
        raise UserError(
            f"{option}: the images have no test split, so nothing would say what is lost; name a source that has one "
            f"in {option}.images."
        )
    return found


def _left(start: nn.Module, folder: Path, record: TrainingRecord, train: TrainSpec) -> Retrained:
    net = copy.deepcopy(start).to("cpu")
    load_weights(net, folder / FINAL)
    curves = json.loads((folder / "curves.json").read_text())
    kept = {epoch: read_weights(checkpoint(folder, epoch)) for epoch in train.checkpoint_epochs()}
    return Retrained(net.eval(), Curves(**{name: np.array(curve) for name, curve in curves.items()}), record, kept)
