"""Hooks: copies survive an in-place ReLU; names, globs, tuple items and repeated calls say what they cannot do."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from analysis.activations import complete, expand, recorded


class Twice(nn.Module):
    """Runs one ReLU twice and returns a tuple from a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.relu = nn.ReLU(inplace=True)
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        x = self.relu(x - 1)
        sequence, _ = self.lstm(x[:, None, :])
        return sequence[:, 0]


@pytest.fixture
def twice() -> Twice:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Twice().eval()


def record(net: nn.Module, layers: list[str], x: Tensor) -> dict[str, Tensor]:
    with recorded(net, dict.fromkeys(layers, torch.clone)) as outputs, torch.inference_mode():
        net(x)
        return complete(outputs, dict.fromkeys(layers))


def test_batch_norm_before_an_in_place_relu_keeps_its_negatives() -> None:
    import torchvision  # type: ignore[import-untyped]

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torchvision.models.resnet18(weights=None).eval()
        maps = record(net, ["bn1", "relu"], torch.randn(2, 3, 64, 64))
    assert maps["bn1"].min() < -0.1
    assert maps["relu"].min() == 0
    torch.testing.assert_close(maps["bn1"].clamp(min=0), maps["relu"], rtol=0, atol=0)


def test_calls_and_items_are_told_apart(twice: Twice) -> None:
    maps = record(twice, ["first", "relu@0", "relu@1", "lstm:0"], torch.randn(3, 4))
    assert maps["first"].min() < 0
    assert maps["relu@0"].min() == 0
    torch.testing.assert_close(maps["relu@1"], (maps["relu@0"] - 1).clamp(min=0))
    assert maps["lstm:0"].shape == (3, 5, 1, 1)  # tokens are positions: one token here


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("relu", "relu runs more than once in a forward pass: name the call, relu@0"),
        ("unused", "unused did not run"),
        ("relu@2", "relu@2 did not run"),
    ],
)
def test_ambiguous_or_silent_layers_are_refused(twice: Twice, layer: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        record(twice, [layer], torch.randn(3, 4))


@pytest.mark.parametrize(
    ("layer", "message"), [("lstm", "returns tuple: name a tensor"), ("lstm:7", "returns 2 items")]
)
def test_tuples_need_an_index(twice: Twice, layer: str, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        record(twice, [layer], torch.randn(3, 4))


def test_hooks_are_gone_afterwards(twice: Twice) -> None:
    record(twice, ["first"], torch.randn(3, 4))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in twice.modules())


def test_globs_expand_in_the_networks_order() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.Linear(2, 2)))
    assert expand(net, ["2.*", "?", "input", "0@1", "0"]) == ["input", "0", "0@1", "1", "2", "2.0"]


def test_misspelt_layers_name_the_nearest() -> None:
    net = nn.ModuleDict({"conv1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    with pytest.raises(KeyError, match=r"'conv11' is not in the network: did you mean 'conv1'"):
        expand(net, ["conv11"])
    with pytest.raises(ValueError, match="whole numbers"):
        expand(net, ["conv1:x"])


def test_the_input_is_a_layer_of_its_own() -> None:
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten())
    images = torch.randn(2, 3, 4, 4)
    expected = images.clone()
    assert expand(net, ["input", "0"]) == ["input", "0"]
    with recorded(net, {"input": torch.clone, "0": torch.clone}) as outputs:
        net(images)
    torch.testing.assert_close(outputs["input"], expected)
    torch.testing.assert_close(outputs["0"], expected.relu())


def test_a_module_named_input_is_that_module() -> None:
    net = nn.Sequential(OrderedDict(input=nn.ReLU()))
    with recorded(net, {"input": torch.clone}) as outputs:
        net(-torch.ones(1, 2))
    assert not outputs["input"].any()
