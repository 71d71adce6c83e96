"""Between two networks: the ends are the networks, batch norms are taken anew, a barrier is what rises above."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.seeding import seeded
from analysis.dynamics.straight_line import along_the_line, barrier, between, renormalized
from analysis.dynamics.train import evaluate
from jobs.nets.build import build


def data(count: int = 60) -> tuple[Tensor, Tensor]:
    with seeded("cpu", 3):
        return torch.rand(count, 1, 8, 8), torch.randint(10, (count,))


def nets(arch: str = "lenet") -> tuple[nn.Module, nn.Module]:
    a, b = (build(arch, (1, 8, 8), 10, {}, (), seed) for seed in (1, 2))
    return a, b


def test_the_ends_are_the_two_networks() -> None:
    a, b = nets()
    images, labels = data()
    found = along_the_line(a, b, [0.0, 0.5, 1.0], (images, labels), images)
    np.testing.assert_allclose(found[0], evaluate(a, images, labels), rtol=1e-6)
    np.testing.assert_allclose(found[2], evaluate(b, images, labels), rtol=1e-6)
    middle = between(a, b, 0.5)
    for name, tensor in middle.state_dict().items():
        torch.testing.assert_close(tensor, (a.state_dict()[name] + b.state_dict()[name]) / 2)


def test_batch_norms_are_those_of_the_images() -> None:
    net = nets("convnet")[0]
    images, _ = data(100)
    seen: list[Tensor] = []
    net.get_submodule("conv1").register_forward_hook(lambda _m, _i, output: seen.append(output))
    found = renormalized(net, images, batch=50)
    maps = torch.cat(seen[:2])
    norm = found.get_submodule("bn1")
    torch.testing.assert_close(norm.get_buffer("running_mean"), maps.mean((0, 2, 3)))
    halves = torch.stack([half.var((0, 2, 3)) for half in maps.split(50)]).mean(0)
    torch.testing.assert_close(norm.get_buffer("running_var"), halves)
    assert not any(module.training for module in found.modules())
    assert norm.momentum == 0.1


def test_renormalizing_twice_changes_nothing_more() -> None:
    images, _ = data()
    once = renormalized(nets("convnet")[0], images)
    twice = renormalized(copy.deepcopy(once), images)
    for name, tensor in once.state_dict().items():
        torch.testing.assert_close(tensor, twice.state_dict()[name])


def test_a_barrier_rises_above_the_line_between_the_ends() -> None:
    share = np.linspace(0, 1, 5)
    assert barrier(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), share) == 0
    assert barrier(np.array([1.0, 0.0, 0.0, 0.0, 5.0]), share) == 0
    assert barrier(np.array([1.0, 1.0, 4.0, 1.0, 2.0]), share) == pytest.approx(2.5)
