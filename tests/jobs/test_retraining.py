"""Trainings of a step's tasks: found again by recipe, under hooks, and bit for bit after a kill."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.train import Hook
from cluster.folder import Folder
from jobs.errors import UserError
from jobs.inputs import Inputs
from jobs.nets.options import TrainSpec
from jobs.retraining import Retrained, TrainingData, retrained, training_data
from tests.jobs.plainly import random_convnet
from tests.jobs.small import one_bad_of_twelve, small

SPEC = TrainSpec(seed=3, epochs=2, batch=32, checkpoints=[1])
ABOUT = {"arch": "convnet", "hooks": "first filter held at zero"}


class Held(Hook):
    """Holds the first filter at zero, and may be killed at a step."""

    def __init__(self, killed_at: int | None = None):
        self.killed_at, self.steps = killed_at, 0

    def after_step(self, net: nn.Module, step: int) -> None:
        self.steps += 1
        if step == self.killed_at:
            raise KeyboardInterrupt
        with torch.no_grad():
            net.get_submodule("conv1").get_parameter("weight")[0] = 0


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(small(tmp_path), Folder(tmp_path))


@pytest.fixture
def data(inputs: Inputs) -> TrainingData:
    found = training_data(inputs, "a", SPEC, "steps.dsd.train")
    assert len(found.train.images) > len(found.test.images) > 0
    return found


def run(inputs: Inputs, data: TrainingData, hook: Hook, **changes: Any) -> Retrained:
    return retrained(inputs, random_convnet(1).float(), data, SPEC, ABOUT | changes, hooks=[hook])


def weights(found: Retrained) -> list[Tensor]:
    return list(found.net.state_dict().values())


def test_hooks_act_and_the_same_recipe_is_trained_once(inputs: Inputs, data: TrainingData) -> None:
    hook = Held()
    found = run(inputs, data, hook)
    assert hook.steps > 0
    assert not found.net.get_submodule("conv1").get_parameter("weight")[0].any()
    assert len(found.curves.test_accuracy) == 2
    assert found.checkpoints.keys() == {1}
    assert not found.net.training
    again = Held()
    second = run(inputs, data, again)
    assert again.steps == 0
    assert all(torch.equal(a, b) for a, b in zip(weights(found), weights(second), strict=True))
    third = Held()
    run(inputs, data, third, hooks="others")
    assert third.steps == hook.steps


def test_a_training_that_was_killed_goes_on_to_the_same_bits(
    inputs: Inputs, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.nets.training.SAVE_SECONDS", 0.0)
    whole = run(Inputs(inputs.study, Folder(tmp_path / "other")), data, Held())
    steps = -(-len(data.train.images) // SPEC.batch)
    with pytest.raises(KeyboardInterrupt):
        run(inputs, data, Held(killed_at=steps + 3))
    hook = Held()
    resumed = run(inputs, data, hook)
    assert hook.steps == steps
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))
    assert whole.curves.test_loss.tolist() == resumed.curves.test_loss.tolist()


def test_images_without_a_test_split_are_refused(tmp_path: Path) -> None:
    root = one_bad_of_twelve(tmp_path / "images").parent
    spec = TrainSpec(images={"source": "imagefolder", "root": str(root)})
    with pytest.raises(UserError, match=r"^steps.dsd.train: the images have no test split, so nothing would say what"):
        training_data(Inputs(small(tmp_path), Folder(tmp_path)), "a", spec, "steps.dsd.train")
