"""Training on two workers of Ray Train: one worker's weights to rounding, hooks and resumes as ever, and refusals."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.freeze import FrozenLayers, layer_groups
from analysis.dynamics.recipe import TrainOptions
from analysis.dynamics.train import DivergedError, Hook, TrainState, train
from jobs.errors import UserError
from jobs.nets.build import build
from jobs.nets.options import NetSpec, TrainSpec
from jobs.nets.resume import Unfinished, load_unfinished, save_unfinished
from jobs.nets.samples import Samples
from jobs.nets.training import trained
from jobs.nets.workers import train_on_workers
from tests.jobs.small import numbers, small

OPTIONS = TrainOptions(epochs=2, batch=32, seed=3)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")  # Ray Data reads its own old settings
with_ray_train = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs ray[train]")


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(100, 1, 8, 8, generator=generator), torch.randint(10, (100,), generator=generator)


def net() -> nn.Module:
    return build("lenet", (1, 8, 8), 10, {"fc1": 16}, (), 1)


def frozen(of: nn.Module) -> list[Hook]:
    return [FrozenLayers(layer_groups(of), 8)]


@with_ray_train
@pytest.mark.slow
def test_two_workers_give_the_weights_of_one_and_resume_to_the_same_bits(ray_session: None, tmp_path: Path) -> None:
    images, labels = data()
    one, two, resumed = net(), net(), net()
    alone = train(one, images, labels, OPTIONS, test=(images, labels), hooks=frozen(one))

    def keep(state: TrainState) -> None:
        if state.epoch == 1:
            save_unfinished(tmp_path / "state.pt", {}, Unfinished(state, 0.0))

    both: dict[str, Any] = {"workers": 2, "test": (images, labels), "hooks": frozen(two)}
    shared = train_on_workers(two, images, labels, OPTIONS, on_epoch=keep, **both)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], tensor, rtol=1e-3, atol=1e-5)
    assert shared.train_loss == pytest.approx(alone.train_loss, rel=1e-5)
    assert shared.test_accuracy == pytest.approx(alone.test_accuracy, abs=0.021)
    assert not two.training

    stopped = load_unfinished(tmp_path / "state.pt", {})
    assert stopped is not None
    curves = train_on_workers(resumed, images, labels, OPTIONS, state=stopped.state, **both)
    assert curves.train_loss.tolist() == shared.train_loss.tolist()
    assert all(torch.equal(a, b) for a, b in zip(two.state_dict().values(), resumed.state_dict().values(), strict=True))


@with_ray_train
def test_the_study_asks_for_them(ray_session: None, tmp_path: Path) -> None:
    samples = Samples(*data())
    spec = NetSpec(arch="lenet", train=TrainSpec(epochs=2, batch=32, workers=2, checkpoints=[1]), options={"fc1": 16})
    record = trained(spec, samples, tmp_path / "a", classes=10)
    assert record.recipe["train"]["workers"] == 2
    assert (tmp_path / "a" / "epoch-0001.safetensors").is_file(), "the first worker keeps checkpoints"
    assert trained(spec, samples, tmp_path / "a", classes=10) == record


@with_ray_train
@pytest.mark.slow
def test_without_room_for_them_the_workers_are_not_waited_for(
    ray_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.nets.workers.ROOM_S", 1.0)
    with pytest.raises(UserError, match=r"train\.workers: 5 need 5 CPUs of which [0-9] are free; lower train\.workers"):
        train_on_workers(net(), *data(), OPTIONS, workers=5)


@with_ray_train
@pytest.mark.slow
def test_norms_are_one_network_s_frozen_or_not_and_resume_to_the_same_bits(ray_session: None, tmp_path: Path) -> None:
    """Statistics of both workers' shares; a frozen norm uses them in training, so they must be those that are kept."""
    images, labels = data()

    def normed() -> nn.Module:
        return build("convnet", (1, 8, 8), 10, {"width": 3}, (), 1)

    def keep(state: TrainState) -> None:
        if state.epoch == 1:
            save_unfinished(tmp_path / "state.pt", {}, Unfinished(state, 0.0))

    two, resumed = normed(), normed()
    hooks = [FrozenLayers(layer_groups(two), 8)]
    whole = train_on_workers(two, images, labels, OPTIONS, workers=2, hooks=hooks, on_epoch=keep)
    stopped = load_unfinished(tmp_path / "state.pt", {})
    assert stopped is not None
    curves = train_on_workers(resumed, images, labels, OPTIONS, workers=2, hooks=hooks, state=stopped.state)
    assert curves.train_loss.tolist() == whole.train_loss.tolist()
    for name, tensor in two.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name

    first = normed()
    train_on_workers(first, images, labels, TrainOptions(epochs=1, batch=100), workers=2)
    alone = normed()
    train(alone, images, labels, TrainOptions(epochs=1, batch=100))
    torch.testing.assert_close(
        first.get_buffer("bn1.running_mean"), alone.get_buffer("bn1.running_mean"), rtol=1e-4, atol=1e-6,
        msg="the mean of both halves is that of the whole",
    )  # fmt: skip


@with_ray_train
@pytest.mark.slow
def test_a_study_shares_one_training_after_the_other(ray_session: None, tmp_path: Path) -> None:
    spec = {"arch": "lenet", "options": {"fc1": 16}, "train": {"epochs": 1, "workers": 2}}
    ran = small(tmp_path, nets={"a": spec, "b": {**spec, "seed": 7}}, layers=["conv1"],
                steps=[{"distributions": {}}], resources={"executor": "ray"})  # fmt: skip
    assert numbers(ran).watching.done()["training"] == 2


@with_ray_train
@pytest.mark.slow
def test_what_the_loop_raises_is_raised_here(ray_session: None) -> None:
    images, labels = data()
    with pytest.raises(DivergedError, match="the loss is nan at step 0"):
        train_on_workers(net(), images * float("nan"), labels, OPTIONS, workers=2)


def test_too_few_images_for_the_workers_are_refused() -> None:
    message = r"^train\.workers: 4 cannot share steps of 2 images; raise train\.batch or lower train\.workers\.$"
    with pytest.raises(UserError, match=message):
        train_on_workers(net(), *data(), TrainOptions(batch=3), workers=4)
    few = [part[:3] for part in data()]
    with pytest.raises(UserError, match=r"^train\.workers: 4 cannot share steps of 3 images; lower train\.workers\.$"):
        train_on_workers(net(), few[0], few[1], OPTIONS, workers=4)


def test_without_ray_train_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.train", None)  # as if it could not be imported
    with pytest.raises(UserError, match=r"^train\.workers: 2 needs Ray Train: pip install 'vitrine\[train\]'\.$"):
        train_on_workers(net(), *data(), OPTIONS, workers=2)


def test_one_worker_leaves_the_recipe_as_it_was() -> None:
    assert "workers" not in TrainSpec().recipe()
    assert TrainSpec(workers=2).recipe() == TrainSpec().recipe() | {"workers": 2}
