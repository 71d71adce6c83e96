"""Operations of a network: what is in place, names of layers, what cannot be listed, and the network left as it was."""

import operator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.activations import recorded
from analysis.attribution.incremental.graph import Graph, Operation, needed_for
from analysis.attribution.incremental.tracing import UntraceableError, traced
from tests.analysis.attribution.nets import Call


def run(graph: Graph, images: Tensor) -> dict[Operation, Any]:
    values: dict[Operation, Any] = {graph.operations[0]: images}
    for operation in graph.operations[1:]:
        values[operation] = operation.run(values)
    return values


class Everything(nn.Module):
    """In place by module, keyword and method; a module that runs twice and has two names; a tuple; constants."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.also = self.conv
        self.split = Call(lambda x: (x[:, :1], {"rest": x[:, 1:]}, [x * 2]))
        self.drop = nn.Dropout(0.5)
        self.shift = nn.Parameter(torch.tensor([[[0.5]], [[-0.5]]]))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        x = functional.elu(self.conv(x - 0.5), 1.0, True)
        y = self.drop(x + self.shift + torch.tensor([0.25]))
        y.sub_(0.1).clamp_(min=-0.2)
        y = y * ((y > 0) & (y < 9))
        first, rest, _ = self.split(y)
        return torch.cat([first.contiguous(), rest["rest"]], 1).view(x.size(0), -1, x.shape[3])


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Everything().double().eval()


def test_values_are_the_networks_and_layers_are_copies_of_their_time(net: nn.Module) -> None:
    images = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    graph = traced(net)
    with torch.no_grad():
        values = run(graph, images)
        names = ["conv@0", "conv@1", "relu", "split:0", "drop"]
        with recorded(net, dict.fromkeys(names, torch.clone)) as expected:
            output = net(images)
    torch.testing.assert_close(values[graph.layer(None)], output)
    assert float(values[graph.layer("conv@0")].min()) < 0  # not as the ReLU behind it left it
    for name in names:
        torch.testing.assert_close(values[graph.layer(name)], expected[name])
    assert graph.layer("input") is graph.operations[0]


def test_values_are_never_written_over(net: nn.Module) -> None:
    graph = traced(net)
    images = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    versions = {}
    values: dict[Operation, Any] = {graph.operations[0]: images}
    with torch.no_grad():
        for operation in graph.operations[1:]:
            values[operation] = operation.run(values)
            versions[operation] = values[operation].clone() if isinstance(values[operation], Tensor) else None
    for operation, version in versions.items():
        assert version is None or torch.equal(values[operation], version)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("conv", RuntimeError, "^Layer conv runs more than once in a forward pass: name the call, conv@0 or conv@1.$"),
        ("conv@2", RuntimeError, "^Layer conv@2 did not run"),
        ("split", TypeError, "^Layer split returns tuple: name a tensor in it, as split:0.$"),
        ("split:1", TypeError, "^Layer split:1 returns dict"),
        ("split:3", TypeError, "^Layer split:3 returns NoneType"),
    ],
)
def test_layers_that_are_no_tensor_are_named(net: nn.Module, layer: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        traced(net).layer(layer)


def test_a_network_that_returns_several_tensors_needs_a_layer() -> None:
    with pytest.raises(TypeError, match=r"^The network returns tuple: name a layer instead.$"):
        traced(nn.Sequential(Call(lambda x: (x, x + 1)))).layer(None)


def test_operations_before_a_layer_are_enough(net: nn.Module) -> None:
    graph = traced(net)
    needed = needed_for([graph.layer("relu")])
    assert needed == graph.operations[:3]


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: torch.stack(list(x)),
        lambda x: torch.add(x, 1, out=x),
        lambda x: x.zero_(),
    ],
)
def test_what_cannot_be_listed_says_so(forward: Any) -> None:
    with pytest.raises(UntraceableError):
        traced(nn.Sequential(Call(forward)))


def test_a_channel_that_keeps_its_axis_is_a_map() -> None:
    for index in (0, 2, -1):
        graph = traced(nn.Sequential(Call(lambda x, k=index: torch.unsqueeze(x[:, k], 1) * 2)))
        images = torch.randn(2, 3, 4, 4)
        values = run(graph, images)
        assert torch.equal(values[graph.layer(None)], 2 * torch.unsqueeze(images[:, index], 1))
        slices = [operation for operation in graph.operations if operation.kind is operator.getitem]
        assert values[slices[-1]].ndim == 4


def test_tracing_leaves_the_network_as_it_was(net: nn.Module) -> None:
    before = set(vars(net)), set(net._buffers), dict(net.named_modules())
    traced(net)
    assert (set(vars(net)), set(net._buffers), dict(net.named_modules())) == before
