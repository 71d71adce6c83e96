"""Backward images: finite differences, one image at a time or many, layers of every kind, the network left alone."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.backprop import backward_images
from analysis.attribution.neuron import Neuron
from analysis.attribution.rules import Rule
from tests.analysis.attribution.nets import Call, pictures, small_net

RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")


@pytest.mark.parametrize(
    "neuron",
    [Neuron(channel=[2, 0, 3]), Neuron("conv2", 5, (1, 2)), Neuron("bn1", [0, 1, 2], [(0, 0), (5, 5), (11, 3)])],
    ids=["class", "conv2", "bn1"],
)
def test_the_gradient_is_the_limit_of_differences(neuron: Neuron) -> None:
    net, images = small_net(nn.GELU), pictures()
    back = backward_images(net, images, neuron, "gradient").images
    step, generator = 1e-5, torch.Generator().manual_seed(3)
    for _ in range(5):
        way = torch.randn(images.shape, generator=generator, dtype=torch.float64)
        up = backward_images(net, images + step * way, neuron, "gradient").values
        down = backward_images(net, images - step * way, neuron, "gradient").values
        # Central differences are off by step^2 times the third derivative, and by 1e-16 / step.
        torch.testing.assert_close((back * way).sum((1, 2, 3)), (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_images_do_not_influence_one_another(rule: Rule) -> None:
    net, images = small_net().train(), pictures(4)
    channels, positions = [1, 7, 7, 3], [(0, 0), (3, 1), (2, 2), (1, 3)]
    together = backward_images(net, images, Neuron("conv2", channels, positions), rule)
    for row in range(4):
        alone = backward_images(
            net, images[row : row + 1], Neuron("conv2", [channels[row]], positions[row : row + 1]), rule
        )
        torch.testing.assert_close(together.images[row : row + 1], alone.images, rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(together.values[row], alone.values[0], rtol=1e-12, atol=1e-15)
        assert together.positions[row].tolist() == list(positions[row])


@pytest.mark.parametrize("rule", RULES)
def test_argmax_is_the_position_it_finds(rule: Rule) -> None:
    net, images = small_net(), pictures()
    found = backward_images(net, images, Neuron("conv2", [3, 4, 5], "argmax"), rule)
    named = backward_images(net, images, Neuron("conv2", [3, 4, 5], found.positions), rule)
    assert torch.equal(found.images, named.images)
    assert torch.equal(found.values, named.values)


def test_the_gradient_of_a_direction_is_the_combination_of_gradients() -> None:
    net, images = small_net(), pictures()
    direction = torch.linspace(-1, 1, 8, dtype=torch.float64)
    whole = backward_images(net, images, Neuron("act2", direction=direction, position=(1, 1)), "gradient")
    parts = [backward_images(net, images, Neuron("act2", channel, (1, 1)), "gradient") for channel in range(8)]
    combined = sum(weight * part.images for weight, part in zip(direction, parts, strict=True))
    torch.testing.assert_close(whole.images, combined, rtol=1e-12, atol=1e-15)


def test_guided_stops_a_directions_negative_weights_at_its_own_activation() -> None:
    net, images = small_net(), pictures()
    direction = torch.linspace(-1, 1, 8, dtype=torch.float64)
    whole = backward_images(net, images, Neuron("act2", direction=direction, position=(1, 1)), "guided")
    positive = backward_images(net, images, Neuron("act2", direction=direction.relu(), position=(1, 1)), "guided")
    before = backward_images(net, images, Neuron("conv2", direction=direction, position=(1, 1)), "guided")
    assert torch.equal(whole.images, positive.images)
    assert not torch.allclose(whole.images, before.images)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_comes_from_outside_the_receptive_field(rule: Rule) -> None:
    """conv2 sees 3 pooled positions, 6 pixels, and conv1 one more on either side: 8 pixels from -1 on."""
    back = backward_images(small_net(nn.Sigmoid), pictures(), Neuron("conv2", 0, (1, 1)), rule).images
    seen = back.abs().sum((0, 1)) > 0
    assert seen.any(0).nonzero().flatten().tolist() == list(range(1, 9))
    assert seen.any(1).nonzero().flatten().tolist() == list(range(1, 9))


def test_a_layer_before_an_in_place_relu_is_the_layer_itself() -> None:
    aliased, plain = small_net(lambda: nn.ReLU(inplace=True)), small_net()
    for layer in ("bn1", "act1", "conv2", "act2"):
        neuron = Neuron(layer, 2, "argmax")
        lowest = Neuron(layer, direction=-torch.eye(8 if "2" in layer else 6)[2], position="argmax")
        for explained in (neuron, lowest):
            found, expected = (backward_images(net, pictures(), explained, "guided") for net in (aliased, plain))
            assert torch.equal(found.images, expected.images)
            assert torch.equal(found.values, expected.values)


class Branches(nn.Module):
    """An activation that runs twice, a tuple, tokens, and a module nothing leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.pair = Call(lambda x: (x, 2 * x))
        self.tokens = Call(lambda x: x.flatten(2).transpose(1, 2))
        self.aside = Call(lambda x: torch.ones_like(x))
        self.never = nn.Identity()
        self.folded = Call(lambda x: x.repeat(2, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.pair(self.act(x))
        self.folded(x)
        return self.tokens(self.act(second - 1)) + self.aside(first).sum()


def test_layers_by_call_item_token_and_the_input() -> None:
    net, images = Branches(), pictures(1, 4).abs() + 1
    values = {
        "act@0": images[0, 1, 2, 3], "act@1": 2 * images[0, 1, 2, 3] - 1,
        "pair:1": 2 * images[0, 1, 2, 3], "input": images[0, 1, 2, 3],
    }  # fmt: skip
    for layer, value in values.items():
        back = backward_images(net, images, Neuron(layer, 1, (2, 3)), "guided")
        expected = torch.zeros_like(images)
        expected[0, 1, 2, 3] = 1 if layer in ("act@0", "input") else 2
        assert torch.equal(back.images, expected)
        assert back.values.item() == value
    token = backward_images(net, images, Neuron("tokens", 1, (11, 0)), "guided")
    assert torch.equal(token.images, backward_images(net, images, Neuron("act@1", 1, (2, 3)), "guided").images)
    assert token.values.item() == values["act@1"]


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("act", RuntimeError, "^Layer act runs more than once in a forward pass: name the call, act@0 or act@1.$"),
        ("act@2", RuntimeError, "^Layer act@2 did not run in the forward pass"),
        ("never", RuntimeError, "^Layer never did not run"),
        ("pair", TypeError, "^Layer pair returns tuple: name a tensor in it, as pair:0.$"),
        ("pair:2", TypeError, "^Layer pair returns tuple"),
        ("tokns", KeyError, "'tokns' is not in the network: did you mean 'tokens'"),
        ("*o*", ValueError, r"^Layer '\*o\*' names 2 layers, tokens, folded ...: name one.$"),
        ("folded", ValueError, "^Layer folded gives 2 samples for 1 images"),
        ("aside", ValueError, "^No gradient goes from layer aside to the pixels: choose layers that lead"),
    ],
)
def test_errors_name_the_layer_and_leave_the_network_alone(layer: str, error: Any, message: str) -> None:
    net = Branches().train()
    with pytest.raises(error, match=message):
        backward_images(net, pictures(1, 4), Neuron(layer, 0, (0, 0)), "guided")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(module.training for module in net.modules())


def test_a_network_that_returns_no_tensor_needs_a_layer() -> None:
    net = nn.Sequential(Call(lambda x: {"out": x}))
    with pytest.raises(TypeError, match=r"^The network returns dict: name a layer instead.$"):
        backward_images(net, pictures(), Neuron(channel=0), "guided")


@pytest.mark.parametrize("rule", RULES)
def test_the_network_the_images_and_the_random_numbers_stay_as_they_were(rule: Rule) -> None:
    net = nn.Sequential(nn.ReLU(inplace=True), small_net(), nn.Dropout()).train()
    net.get_submodule("1.bn1").eval()
    net.get_parameter("1.conv1.weight").requires_grad_(False)
    before, modes = copy.deepcopy(net.state_dict()), [module.training for module in net.modules()]
    flags = [parameter.requires_grad for parameter in net.parameters()]
    images, random = pictures(), torch.get_rng_state()
    kept = images.clone()
    backward_images(net, images, Neuron("1.conv2", 0, "argmax"), rule)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert [parameter.requires_grad for parameter in net.parameters()] == flags
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(images, kept)
    assert not images.requires_grad
    assert torch.equal(torch.get_rng_state(), random)


def test_gradients_are_formed_where_they_were_turned_off() -> None:
    net, images, neuron = small_net().requires_grad_(False), pictures(), Neuron(channel=1)
    expected = backward_images(small_net(), images, neuron, "guided")
    with torch.no_grad():
        assert torch.equal(backward_images(net, images, neuron, "guided").images, expected.images)
    with torch.inference_mode():
        back = backward_images(net, images.clone(), neuron, "guided")
        assert torch.is_inference_mode_enabled()
    assert torch.equal(back.images, expected.images)
    assert not back.values.requires_grad
