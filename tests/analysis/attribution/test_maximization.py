"""Activation maximization where the optimum is known, where the start is dead, and what holds of every prior."""

import copy
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.fourier_image import Fourier
from analysis.attribution.maximization import Maximized, maximize
from analysis.attribution.neuron import Neuron
from analysis.attribution.priors import NoPrior, Yosinski
from analysis.dynamics.seeding import seeded
from tests.analysis.attribution.nets import small_net

STEPS = 20
PRIORS: list[NoPrior | Yosinski | Fourier] = [
    NoPrior(STEPS, rate=2.0),
    Yosinski(STEPS, rate=1e9, progress=0.2, blur=0.5, small_norm=20.0),
    Fourier(STEPS, jitter=2),
]
MEAN = torch.tensor([0.4, 0.5, 0.6], dtype=torch.float64)[:, None, None]
DEVIATION = torch.tensor([0.2, 0.25, -0.3], dtype=torch.float64)[:, None, None]  # one color upside down


def scale(side: int = 12) -> Tensor:
    """Black and white after subtracting a mean and dividing by a deviation."""
    ends = torch.stack([torch.zeros(3, side, side), torch.ones(3, side, side)])
    return ((ends - MEAN) / DEVIATION).to(torch.float64)


def pixels_of(images: Tensor) -> Tensor:
    return images * DEVIATION + MEAN


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_net(outputs: int = 3, side: int = 12) -> nn.Module:
    with seeded("cpu", 2):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, outputs)).double()


def weights(net: nn.Module) -> Tensor:
    """Of a linear net, in pixels."""
    return net.get_parameter("1.weight").detach().view(-1, 3, 12, 12) / DEVIATION


def first_layers(net: nn.Module, count: int) -> nn.Module:
    return nn.Sequential(OrderedDict(list(net.named_children())[:count]))


def same(a: Maximized, b: Maximized) -> bool:
    return torch.equal(a.images, b.images) and torch.equal(a.trajectory, b.trajectory)


def test_a_linear_net_under_a_norm_is_maximized_along_its_weights() -> None:
    net, norm = linear_net(), 0.7
    found = maximize(net, Neuron(channel=[0, 1, 2]), scale(), NoPrior(norm=norm), generator(), images=3)
    slope = weights(net)
    best = 0.5 + norm * slope / slope.flatten(1).norm(dim=1)[:, None, None, None]
    torch.testing.assert_close(pixels_of(found.images), best, rtol=0, atol=1e-9)
    gray = net((0.5 - MEAN).expand(3, 3, 12, 12) / DEVIATION).diagonal()
    torch.testing.assert_close(found.values, gray + norm * slope.flatten(1).norm(dim=1))


def test_without_a_norm_every_pixel_ends_black_or_white() -> None:
    net = linear_net().requires_grad_(False)
    net.get_parameter("1.weight").sign_()
    found = maximize(net, Neuron(channel=1), scale(), NoPrior(steps=50, rate=20.0), generator())
    torch.testing.assert_close(pixels_of(found.images), (weights(net)[[1]] > 0).double(), rtol=0, atol=1e-12)


def test_decay_alone_ends_where_it_balances_the_gradient() -> None:
    net, prior = linear_net(), Yosinski(steps=300, rate=100.0, decay=0.1, blur=0.0)
    found = maximize(net, Neuron(channel=0), scale(), prior, generator())
    balance = 0.5 + (1 - 0.1) / 0.1 * 100.0 / 255**2 * weights(net)[[0]]
    torch.testing.assert_close(pixels_of(found.images), balance, rtol=0, atol=1e-12)


def test_a_rectified_filter_gets_its_own_picture() -> None:
    with seeded("cpu", 3):
        net = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 5), relu=nn.ReLU())).double()
    neuron = Neuron("relu", [0, 1, 2, 3], (4, 2))
    found = maximize(net, neuron, scale(), NoPrior(norm=1.0), generator(), images=4)
    filters = torch.zeros(4, 3, 12, 12, dtype=torch.float64)
    filters[:, :, 4:9, 2:7] = net.get_parameter("conv.weight").detach() / DEVIATION
    alike = nn.functional.cosine_similarity((pixels_of(found.images) - 0.5).flatten(1), filters.flatten(1))
    torch.testing.assert_close(alike, torch.ones(4, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
def test_the_value_rises_is_that_of_the_image_and_pixels_stay_in_their_range(prior: Any) -> None:
    net, neuron = small_net(), Neuron("conv2", [0, 3, 5], (2, 2))
    found = maximize(net, neuron, scale(), prior, generator(), images=3)
    assert found.trajectory.shape == (STEPS, 3)
    assert (found.values > found.trajectory[0] + 0.05).all()
    maps = first_layers(net, 5)(found.images)
    torch.testing.assert_close(found.values, maps[range(3), [0, 3, 5], 2, 2].detach())
    if not prior.jitter:
        assert torch.equal(found.values, found.trajectory[-1])
    pixels = pixels_of(found.images)
    assert pixels.min() > -1e-12
    assert pixels.max() < 1 + 1e-12
    assert not found.dead.any()
    assert found.probabilities is None


@pytest.mark.parametrize("prior", PRIORS)
def test_a_seed_gives_the_same_bits_and_another_seed_another_image(prior: Any) -> None:
    first, again, other = (
        maximize(small_net(), Neuron("act2", 3, (2, 2)), scale(), prior, generator(seed)) for seed in (0, 0, 1)
    )
    assert same(first, again)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("prior", PRIORS)
def test_images_of_a_batch_are_those_of_smaller_batches(prior: Any) -> None:
    """Also where one of them sleeps at first: channel 0 is off in noise, and is woken."""
    net = small_net()
    net.get_parameter("conv2.bias").data[0] = -0.5
    together = maximize(net, Neuron("act2", [0, 4, 2], [(0, 0), (1, 2), (2, 2)]), scale(), prior, generator(), images=3)
    one = generator()
    alone = [
        maximize(net, Neuron("act2", channel, position), scale(), prior, one)
        for channel, position in [(0, (0, 0)), (4, (1, 2)), (2, (2, 2))]
    ]
    torch.testing.assert_close(together.images, torch.cat([found.images for found in alone]), rtol=0, atol=1e-7)
    torch.testing.assert_close(together.values, torch.cat([found.values for found in alone]))


def sleeping_net() -> nn.Module:
    """Channel 0 of the last rectifier is on, 1 off in faint noise behind rectifiers that are off too, 2 off always."""
    net = first_layers(small_net(), 6).requires_grad_(False)
    net.get_parameter("bn1.bias")[:] = -0.3
    net.get_parameter("conv2.bias")[:] = torch.tensor([1.0, -0.5, -1e6, *[0.0] * 5])
    return net


@pytest.mark.parametrize("prior", [replace(prior, steps=60) for prior in PRIORS])
def test_a_rectifier_that_is_off_at_the_start_is_woken_and_a_dead_one_named(prior: Any) -> None:
    net, neuron = sleeping_net(), Neuron("act2", [0, 1, 2], (2, 2))
    found = maximize(net, neuron, scale(), prior, generator(), images=3)
    assert found.trajectory[0, 0] > 0
    assert found.trajectory[0, 1:].tolist() == [0, 0]
    assert found.values[0] > found.trajectory[0, 0]
    assert found.values[1] > 0.1
    assert found.values[2] == 0
    assert found.dead.tolist() == [False, False, True]


def test_a_neuron_at_its_cap_is_not_dead() -> None:
    net = nn.Sequential(*linear_net().children(), nn.ReLU6())
    found = maximize(net, Neuron(channel=[0, 1]), scale(), NoPrior(rate=20.0), generator(), images=2)
    assert found.values.tolist() == [6, 6]
    assert not found.dead.any()


def test_jitter_shifts_each_image_both_ways_and_gives_it_back_unshifted() -> None:
    """Of images that do not move, since the rate is 0, the network sees all 3 x 3 shifts by up to a pixel."""
    net, seen = linear_net(), list[Tensor]()
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    still = NoPrior(steps=60, rate=0.0, jitter=1)
    found = maximize(net, Neuron(channel=0), scale(), still, generator(), images=2)
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    for image in range(2):
        rolled = {shift: found.images[image].roll(shift, (1, 2)) for shift in shifts}
        met = [[shift for shift in shifts if torch.allclose(one[image], rolled[shift])] for one in seen[:60]]
        assert all(len(shift) == 1 for shift in met)
        assert {shift[0] for shift in met} == set(shifts)


def test_the_mean_over_positions_and_a_direction() -> None:
    net, direction = small_net(), torch.tensor([1.0, -1.0, 0, 0, 0, 0, 0, 0.5])
    found = maximize(net, Neuron("conv2", direction=direction), scale(), PRIORS[0], generator(), of="mean")
    maps = first_layers(net, 5)(found.images).detach()
    torch.testing.assert_close(found.values, maps.mean((2, 3)) @ direction.double())
    assert found.values > found.trajectory[0]


def test_a_class_by_its_probability_and_by_its_logit() -> None:
    net, classes, prior = linear_net(), Neuron(channel=[2, 0]), NoPrior(norm=0.1)
    logit = maximize(net, classes, scale(), prior, generator(), images=2)
    probability = maximize(net, classes, scale(), prior, generator(), images=2, of="probability")
    for found in (logit, probability):
        outputs = net(found.images).detach()
        assert found.probabilities is not None
        torch.testing.assert_close(found.probabilities, outputs.softmax(1)[[0, 1], [2, 0]])
    torch.testing.assert_close(logit.values, net(logit.images).detach()[[0, 1], [2, 0]])
    assert probability.probabilities is not None
    assert logit.probabilities is not None
    torch.testing.assert_close(probability.values, probability.probabilities)
    assert (logit.values > net(probability.images)[[0, 1], [2, 0]]).all()
    assert (probability.values > logit.probabilities).all()


def test_a_probability_is_climbed_where_its_own_gradient_is_lost() -> None:
    """Logits of thousands: in float32 the softmax is 0 or 1 and its gradient 0."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(432, 2)).requires_grad_(False)
    net.get_parameter("1.weight")[:] = torch.tensor([[10.0], [0.0]])
    net.get_parameter("1.bias")[:] = torch.tensor([-3000.0, 0.0])
    ends = torch.stack([torch.zeros(3, 12, 12), torch.ones(3, 12, 12)])
    found = maximize(net, Neuron(channel=0), ends, NoPrior(rate=10.0), generator(), of="probability")
    assert found.trajectory[0] == 0
    assert found.values == 1
    assert not found.dead.any()


def test_it_starts_from_the_center_given() -> None:
    center = (torch.full((3, 12, 12), 0.2, dtype=torch.float64) - MEAN) / DEVIATION
    for prior in (NoPrior(steps=1), Yosinski(steps=1), Fourier(steps=1)):
        found = maximize(small_net(), Neuron(channel=0), scale(), prior, generator(), center=center)
        assert abs(float(pixels_of(found.images).mean()) - 0.2) < 0.01


def test_the_network_and_the_callers_modes_stay_as_they_were() -> None:
    net = small_net().train()
    net.get_submodule("bn1").eval()
    before, drawn = copy.deepcopy(net.state_dict()), torch.random.get_rng_state()
    with torch.inference_mode():
        found = maximize(net, Neuron("conv2", 3, "argmax"), scale(), Fourier(steps=3), generator())
    assert not found.images.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert [module.training for module in net.modules()] == [True, True, False, *[True] * 7]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.random.get_rng_state(), drawn)


@pytest.mark.gpu
@pytest.mark.parametrize("prior", PRIORS)
def test_on_a_gpu_as_on_the_cpu(prior: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    neuron = Neuron("act2", [0, 3], (2, 2))
    here = maximize(small_net(), neuron, scale(), prior, generator(), images=2)
    there = maximize(small_net().cuda(), neuron, scale().cuda(), prior, generator(), images=2)
    assert there.images.is_cuda
    torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=1e-6)
    torch.testing.assert_close(there.values.cpu(), here.values)


@pytest.mark.parametrize(
    ("neuron", "prior", "of", "message"),
    [
        (Neuron(channel=0), NoPrior(steps=0), "activation", r"^steps is 0: give at least one step.$"),
        (Neuron("conv2", 0, (0, 0)), NoPrior(), "mean", r"^The mean over positions of layer conv2 needs no position"),
        (
            Neuron(direction=torch.ones(4)),
            NoPrior(),
            "probability",
            r"^A direction of the output has no probability: name a",
        ),
        (Neuron("conv2", [0, 1], (0, 0)), NoPrior(), "activation", r"^2 channels for 1 images"),
    ],
)
def test_what_cannot_be_maximized_is_named(neuron: Neuron, prior: NoPrior, of: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        maximize(small_net(), neuron, scale(), prior, generator(), of=of)
