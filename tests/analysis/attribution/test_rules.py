"""Three rules by hand, for every way to write an activation; all else keeps its ordinary gradient."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.backprop import backward_images
from analysis.attribution.neuron import Neuron
from analysis.attribution.rules import Rule, activation_rule
from tests.analysis.attribution.nets import Between, Call, small_net

RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")

FIRST = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]])
SECOND = torch.tensor([[5.0, 7.0, -3.0, 2.0]])
IMAGE = torch.tensor([2.0, -1.0])[None, :, None, None]
# Before the ReLU: 2, -1, 1, -4. What arrives behind it: 5, 7, -3, 2. Before it, by rule:
#   gradient 5 0 -3 0    deconvnet 5 7 0 2    guided 5 0 0 0
BY_HAND: dict[Rule, list[float]] = {"gradient": [2.0, -3.0], "deconvnet": [3.0, 11.0], "guided": [5.0, 0.0]}

WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": functional.relu,
    "F.relu in place": lambda x: functional.relu(x, True),
    "F.relu_": functional.relu_,
    "torch.relu": torch.relu,
    "named argument": lambda x: torch.relu(input=x),
    "relu": lambda x: x.relu(),
    "relu_": lambda x: x.relu_(),
    "torch.ops": torch.ops.aten.relu.default,
    "clamp": lambda x: x.clamp(min=0),
    "clamp_": lambda x: torch.clamp_(x, 0),
    "clamp_min": lambda x: torch.clamp_min(x, 0.0),
    "clip": lambda x: torch.clip(x, 0, 100),
    "threshold": nn.Threshold(0.0, 0.0),
    "F.threshold": lambda x: functional.threshold(x, 0.0, 0.0),
    "leaky": nn.LeakyReLU(0.0, inplace=True),
    "hardtanh": nn.Hardtanh(0.0, 100.0, inplace=True),
    "prelu": lambda x: functional.prelu(x, torch.zeros(1)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", RULES)
def test_two_layers_by_hand_however_the_relu_is_written(way: str, rule: Rule) -> None:
    back = backward_images(Between(WAYS[way], FIRST, SECOND), IMAGE, Neuron(channel=0), rule)
    assert back.images.flatten().tolist() == BY_HAND[rule]
    assert back.values.tolist() == [7.0]


ACTIVATIONS = [
    nn.ReLU6(inplace=True), nn.LeakyReLU(0.1, inplace=True), nn.PReLU(), nn.RReLU(inplace=True), nn.ELU(inplace=True),
    nn.SELU(inplace=True), nn.CELU(inplace=True), nn.GELU(), nn.GELU("tanh"), nn.SiLU(inplace=True),
    nn.Mish(inplace=True), nn.Hardswish(inplace=True), nn.Hardtanh(), nn.Sigmoid(), nn.Hardsigmoid(inplace=True),
    nn.LogSigmoid(), nn.Tanh(), nn.Tanhshrink(), nn.Softplus(), nn.Softsign(), nn.Softshrink(), nn.Hardshrink(),
    nn.Threshold(0.3, -1.0, inplace=True), Call(functional.sigmoid), Call(functional.tanh), Call(torch.special.expit),
    Call(torch.sigmoid_), Call(Tensor.tanh_),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda module: str(module))
def test_any_activation_follows_its_definition(activation: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    x, arriving = 2 * torch.randn(2, 40, generator=generator, dtype=torch.float64)
    activation = activation.double().eval()
    step = 1e-6
    slope = ((activation(x + step) - activation(x - step)) / (2 * step)).detach()
    neuron = Neuron("0", direction=arriving)
    before = {"gradient": arriving * slope, "deconvnet": arriving.relu(), "guided": arriving.relu() * slope}
    for rule in RULES:
        back = backward_images(nn.Sequential(activation), x[None, :, None, None], neuron, rule)
        torch.testing.assert_close(back.images.flatten(), before[rule], rtol=1e-7, atol=1e-8)


class Alias(nn.Module):
    """Uses what an activation wrote over, under its other name: right only where the value and its history follow."""

    def __init__(self, rewrite: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rewrite = rewrite
        self.conv = nn.Conv2d(3, 3, 1, dtype=torch.float64)
        nn.init.constant_(self.conv.weight, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        rewritten = self.rewrite(x)
        return x * rewritten.exp()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("write", [Tensor.relu_, Tensor.tanh_, nn.SiLU(inplace=True)])
def test_aliases_of_what_is_written_in_place(write: Callable[[Tensor], Tensor], rule: Rule) -> None:
    plain = torch.relu if write is Tensor.relu_ else torch.tanh if write is Tensor.tanh_ else functional.silu
    net, images = Alias(write), torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(1, 3, 2, 2)
    back = backward_images(net, images, Neuron(channel=1, position="argmax"), rule)

    class Plain(Alias):
        def forward(self, x: Tensor) -> Tensor:
            x = plain(self.conv(x))
            return x * x.exp()

    other = Plain(write)
    other.load_state_dict(net.state_dict())
    expected = backward_images(other, images, Neuron(channel=1, position="argmax"), rule)
    assert torch.equal(back.images, expected.images)
    assert torch.equal(back.values, expected.values)
    assert back.images.any()


@pytest.mark.parametrize("rule", RULES)
def test_writing_into_a_part(rule: Rule) -> None:
    def part(x: Tensor) -> Tensor:
        x[:, :2].relu_()
        return x

    # As by hand, but units 2 and 3 have no activation: they pass -3 and 2 on.
    expected = {"gradient": [0.0, 1.0], "deconvnet": [0.0, 8.0], "guided": [0.0, 1.0]}[rule]
    back = backward_images(Between(part, FIRST, SECOND), IMAGE, Neuron(channel=0), rule)
    assert back.images.flatten().tolist() == expected


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.softmax(1),
        lambda x: functional.layer_norm(x, x.shape[1:]),
        functional.normalize,
        lambda x: x.clamp(min=-0.5, max=0.5),
        lambda x: functional.max_pool2d(x, 2),
        lambda x: functional.lp_pool2d(x.abs(), 2.0, 2),
        lambda x: functional.glu(x[:, :2], dim=1),
        lambda x: x[:, torch.tensor([-1, 2, 1]).clamp(min=0)],
    ],
)
def test_all_else_keeps_its_gradient(function: Callable[[Tensor], Tensor], rule: Rule) -> None:
    images = torch.linspace(-1, 1.5, 48, dtype=torch.float64).reshape(1, 3, 4, 4).sin()
    net, neuron = nn.Sequential(Call(function)), Neuron(channel=0, position="argmax")
    back = backward_images(net, images, neuron, rule).images
    assert torch.equal(back, backward_images(net, images, neuron, "gradient").images)
    assert back.any()


def test_deconvnet_unpools_by_the_switches_of_the_forward_pass() -> None:
    image = torch.tensor([[1.0, 5.0], [3.0, -2.0]]).expand(1, 1, 2, 2)
    net = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())
    back = backward_images(net, image, Neuron(channel=0), "deconvnet")
    assert back.images.flatten().tolist() == [0.0, 1.0, 0.0, 0.0]


def test_guided_images_of_a_relu_net_are_gated_twice() -> None:
    """On ReLU the guided rule is the gradient's and the deconvnet's in either order."""
    x = torch.randn(50, generator=torch.Generator().manual_seed(1), requires_grad=True)
    arriving = torch.randn(50, generator=torch.Generator().manual_seed(2))
    with activation_rule(nn.ReLU(), "guided"):
        y = functional.relu(x)
    (found,) = torch.autograd.grad(y, x, arriving)
    assert torch.equal(found, arriving.relu() * (x > 0))
    assert torch.equal(found, (arriving * (x > 0)).relu())


def test_the_rule_ends_with_its_context() -> None:
    x = torch.ones(1, requires_grad=True)
    with pytest.raises(KeyError), activation_rule(nn.ReLU(), "guided"):
        raise KeyError
    (found,) = torch.autograd.grad(functional.relu(x), x, -torch.ones(1))
    assert found.item() == -1


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_hidden_activations_are_refused_by_name(rule: Rule) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.LSTM(12, 2)))
    with pytest.raises(ValueError, match=rf"Layer 1.0 \(LSTM\) hides its activations .* {rule} cannot reach"):
        backward_images(net, torch.ones(1, 3, 2, 2), Neuron("1.0:0", channel=0), rule)
    with activation_rule(net, "gradient"):
        pass


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_refused_by_name() -> None:
    net = nn.Sequential(torch.jit.trace(small_net(), torch.zeros(1, 3, 12, 12, dtype=torch.float64)))
    with (
        pytest.raises(ValueError, match=r"Layer 0 .* is TorchScript, where guided cannot reach"),
        activation_rule(net, "guided"),
    ):
        pass
