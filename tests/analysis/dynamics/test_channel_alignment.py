"""Aligned channels: what a network computes stays, a shuffled copy is found again, and other networks are refused."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.activations import recorded
from analysis.dynamics.channel_alignment import hidden_layers, matched_channels, reordered, weight_cosine
from analysis.dynamics.seeding import seeded
from jobs.nets.build import build

SHAPES = {"convnet": (1, 8, 8), "lenet5": (1, 28, 28), "lenet300": (1, 28, 28), "lenet": (1, 8, 8)}


def made(arch: str, seed: int = 1) -> nn.Module:
    """With batch norms that do something."""
    net = build(arch, SHAPES[arch], 10, {"width": 5} if arch == "convnet" else {}, (), seed)
    with seeded("cpu", seed, 1):
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    assert tensor is not None
                    tensor.detach().uniform_(0.5, 1.5)
    return net


def images(arch: str, count: int = 40) -> Tensor:
    return torch.randn(count, *SHAPES[arch], generator=torch.Generator().manual_seed(0))


def shuffled(net: nn.Module, seed: int = 0) -> tuple[nn.Module, dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    orders = {
        layer.made_by: generator.permutation(len(net.get_submodule(layer.made_by).get_parameter("weight")))
        for layer in hidden_layers(net)
    }
    return reordered(net, orders), orders


@pytest.mark.parametrize("arch", list(SHAPES))
def test_the_order_of_channels_changes_nothing_of_what_is_computed(arch: str) -> None:
    net = made(arch)
    other, orders = shuffled(net)
    with torch.no_grad():
        torch.testing.assert_close(other(images(arch)), net(images(arch)), rtol=1e-4, atol=1e-5)
    assert len(orders) >= 2
    assert weight_cosine(net, other) < 0.6


@pytest.mark.parametrize("arch", list(SHAPES))
def test_a_shuffled_copy_is_brought_back(arch: str) -> None:
    net = made(arch)
    other, orders = shuffled(net)
    found = matched_channels(net, other, images(arch), batch=16)
    layers = {layer.made_by: layer.matched_at for layer in hidden_layers(net)}
    for name, order in orders.items():
        lost = np.flatnonzero(found[name] != np.argsort(order))
        with torch.no_grad(), recorded(net, {layers[name]: torch.clone}) as outputs:
            net(images(arch))
        assert len(lost) < 0.4 * len(order)
        values = outputs[layers[name]][:, lost]
        fires = values - values.amin(0) > 1e-6
        assert fires.sum(0).le(1).all(), (
            "only those that never vary, or fire once as another does, cannot be told apart"
        )


def test_alignment_is_a_permutation_even_where_channels_are_dead() -> None:
    a, b = made("convnet", 1), made("convnet", 2)
    with torch.no_grad():
        b.get_submodule("bn1").get_parameter("weight")[[0, 3]] = 0  # constant channels
    found = matched_channels(a, b, images("convnet"))
    for order in found.values():
        assert sorted(order) == list(range(len(order)))


def test_the_network_itself_is_left_alone() -> None:
    net = made("convnet")
    before = copy.deepcopy(net.state_dict())
    shuffled(net)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("between", [nn.Dropout(), nn.ReLU(), nn.Identity()])
def test_what_follows_a_flattened_map_leaves_its_channels_in_blocks(between: nn.Module) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), between, nn.Linear(144, 5), nn.Linear(5, 2)).eval()
    other, orders = shuffled(net)
    assert [layer.matched_at for layer in hidden_layers(net)] == ["1", "4"]
    given = images("convnet")
    with torch.no_grad():
        torch.testing.assert_close(other(given), net(given), rtol=1e-4, atol=1e-5)
    found = matched_channels(net, other, given)
    np.testing.assert_array_equal(found["4"], np.argsort(orders["4"]))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.BatchNorm1d(144), nn.Linear(144, 2)),
            "around 2, a BatchNorm1d; give one of",
        ),
        (build("resnet8", (3, 32, 32), 10), "channels of a .* cannot be put in order; give a sequential network"),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2)), "before 1 cannot .* convolution in groups"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 2)), "around 1, a Softmax; give one of"),
    ],
)
def test_other_networks_are_refused(net: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hidden_layers(net)
