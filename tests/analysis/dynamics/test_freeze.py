"""Freezing from the bottom: what is frozen when, that nothing of it moves, and that the backward pass ends there."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from analysis.dynamics.freeze import FrozenLayers, frozen_count, layer_groups
from analysis.dynamics.recipe import Optimizer, TrainOptions
from analysis.dynamics.train import Hook, TrainState, train
from jobs.nets.build import build

STEPS = 4


class Watched(Hook):
    """The state after every step, and which weights had a gradient."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []
        self.gradients: list[set[str]] = []

    def after_step(self, net: nn.Module, step: int) -> None:
        self.states.append({name: tensor.detach().clone() for name, tensor in net.state_dict().items()})
        self.gradients.append({name for name, weight in net.named_parameters() if weight.grad is not None})


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(64, 1, 8, 8, generator=generator), torch.randint(10, (64,), generator=generator)


def net() -> nn.Module:
    return build("convnet", (1, 8, 8), 10, {"width": 4}, (), 1)


def trained(optimizer: Optimizer, epochs: int = 5) -> Watched:
    watched, found = Watched(), net()
    total = STEPS * epochs
    options = TrainOptions(epochs=epochs, batch=16, optimizer=optimizer, weight_decay=0.1)
    train(found, *data(), options, hooks=[FrozenLayers(layer_groups(found), total), watched])
    return watched


def test_a_norm_belongs_to_the_layer_before_it() -> None:
    assert layer_groups(net()) == [("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("fc1",), ("fc2",)]
    assert layer_groups(build("lenet5", (1, 28, 28), 10)) == [("conv1",), ("conv2",), ("fc1",), ("fc2",)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_frozen_layers_do_not_move_at_all_and_the_others_do(optimizer: Optimizer) -> None:
    watched = trained(optimizer)
    for layer, prefixes in enumerate([("conv1.", "bn1."), ("conv2.", "bn2."), ("conv3.", "bn3."), ("fc1.",)], start=1):
        frozen_at = math.ceil(layer * 20 / 5)
        names = [name for name in watched.states[0] if name.startswith(prefixes)]
        for name in names:
            for state in watched.states[frozen_at:]:
                assert torch.equal(state[name], watched.states[frozen_at - 1][name]), (name, frozen_at)
        moved = f"{prefixes[0]}weight"
        assert not torch.equal(watched.states[frozen_at - 1][moved], watched.states[frozen_at - 2][moved])
    assert not torch.equal(watched.states[-1]["fc2.weight"], watched.states[-2]["fc2.weight"])


def test_no_gradient_is_computed_below_the_lowest_layer_that_learns() -> None:
    gradients = trained("sgd").gradients
    assert "conv1.weight" in gradients[3]
    assert gradients[19] == {"fc2.weight", "fc2.bias"}


@given(layers=st.integers(1, 20), total=st.integers(1, 200), step=st.integers(0, 199))
def test_layer_i_is_frozen_at_i_of_l_of_the_steps(layers: int, total: int, step: int) -> None:
    if step < total:
        frozen = frozen_count(step, total, layers)
        assert frozen < layers
        assert all((step >= i * total / layers) == (i <= frozen) for i in range(1, layers + 1))


def test_the_schedule_resumes_bit_for_bit() -> None:
    options = TrainOptions(epochs=5, batch=16)
    states: list[TrainState] = []
    whole, resumed = net(), net()
    train(whole, *data(), options, hooks=[FrozenLayers(layer_groups(whole), 20)], on_epoch=states.append)
    train(resumed, *data(), options, hooks=[FrozenLayers(layer_groups(resumed), 20)], state=states[3])
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )
