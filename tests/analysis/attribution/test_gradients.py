"""Identities of the attributions made of gradients: linear nets, no noise, completeness, a fixed position."""

import pytest
import torch
from torch import nn

from analysis.attribution.backprop import backward_images
from analysis.attribution.gradients import input_x_gradient, integrated_gradients, smoothgrad
from analysis.attribution.neuron import Neuron
from tests.analysis.attribution.nets import Call, pictures, small_net


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shares_of_a_linear_net_sum_to_its_output() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 12, bias=False).double(), nn.Flatten())
    images, neuron = pictures(), Neuron(channel=[1, 0, 3])
    shares = input_x_gradient(net, images, neuron)
    torch.testing.assert_close(shares.images.sum((1, 2, 3)), shares.values, rtol=1e-12, atol=1e-13)
    one_step = integrated_gradients(net, images, neuron, steps=1)
    torch.testing.assert_close(one_step.images, shares.images, rtol=1e-12, atol=1e-13)
    assert one_step.error.abs().max() < 1e-13


def test_integrated_gradients_of_a_smooth_net_are_complete() -> None:
    net, images, neuron = small_net(nn.Tanh), pictures(), Neuron("conv2", [0, 3, 7], "argmax")
    net.pool = nn.AvgPool2d(2)  # maxima have kinks
    dark = torch.full((3, 1, 1), -0.5, dtype=torch.float64)
    found = integrated_gradients(net, images, neuron, baseline=dark, steps=30)
    assert found.error.abs().max() < 1e-10
    fixed = neuron.at(found.positions)
    assert torch.equal(found.baselines, backward_images(net, dark.expand(3, 3, 12, 12), fixed, "gradient").values)
    torch.testing.assert_close(found.images.sum((1, 2, 3)) - found.error, found.values - found.baselines)
    assert found.error.dtype == torch.float64


def test_the_image_as_baseline_leaves_nothing_to_attribute() -> None:
    images = pictures()
    found = integrated_gradients(small_net(), images, Neuron(channel=0), baseline=images, steps=2)
    assert not found.images.any()
    assert not found.error.any()


def test_smoothgrad_without_noise_is_the_backward_image() -> None:
    net, images, neuron = small_net(), pictures(), Neuron("conv2", 2, "argmax")
    for rule in ("gradient", "guided"):
        plain = backward_images(net, images, neuron, rule)
        smooth = smoothgrad(net, images, neuron, generator(), noise=0.0, samples=3, rule=rule)
        torch.testing.assert_close(smooth.images, plain.images, rtol=1e-14, atol=1e-16)
        assert torch.equal(smooth.values, plain.values)
        assert torch.equal(smooth.positions, plain.positions)


def test_smoothgrad_is_the_mean_over_noise_in_units_of_the_images_range() -> None:
    net, images = small_net(nn.Softplus), pictures(2) * torch.tensor([1.0, 10.0]).reshape(2, 1, 1, 1)
    neuron = Neuron("conv2", 2, [(0, 0), (3, 3)])
    draws, total = generator(4), torch.zeros_like(images)
    for _ in range(5):
        noise = torch.randn(images.shape, generator=draws, dtype=images.dtype)
        for row in range(2):
            noise[row] *= 0.1 * (images[row].max() - images[row].min())
        total += backward_images(net, images + noise, neuron, "gradient").images
    found = smoothgrad(net, images, neuron, generator(4), noise=0.1, samples=5)
    torch.testing.assert_close(found.images, total / 5, rtol=1e-10, atol=1e-14)
    other = smoothgrad(net, images, neuron, generator(5), noise=0.1, samples=5)
    assert not torch.equal(found.images, other.images)


def test_the_largest_position_is_that_of_the_image_without_noise() -> None:
    """On an identity, noise would move the largest position and every backward image with it."""
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 3] = 1e-3
    net, neuron = nn.Sequential(Call(torch.clone)), Neuron(channel=0, position="argmax")
    expected = torch.zeros_like(image)
    expected[0, 0, 2, 3] = 1
    noisy = smoothgrad(net, image, neuron, generator(), noise=100.0, samples=4)
    assert torch.equal(noisy.images, expected)
    path = integrated_gradients(net, image, neuron, baseline=1 - image, steps=4)
    assert path.positions.tolist() == [[2, 3]]
    torch.testing.assert_close(path.images, expected * (2 * image - 1))


def test_senseless_options_are_refused() -> None:
    net, images, neuron = small_net(), pictures(), Neuron(channel=0)
    with pytest.raises(ValueError, match=r"^steps is 0: give at least one step.$"):
        integrated_gradients(net, images, neuron, steps=0)
    with pytest.raises(ValueError, match=r"^noise is -0.1 and samples 50"):
        smoothgrad(net, images, neuron, generator(), noise=-0.1)
    with pytest.raises(ValueError, match=r"^noise is 0.15 and samples 0"):
        smoothgrad(net, images, neuron, generator(), samples=0)
