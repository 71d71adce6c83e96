"""Bit for bit what Captum gives where Captum is right, and by hand where it is not."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.backprop import backward_images
from analysis.attribution.grad_cam import grad_cam
from analysis.attribution.gradients import input_x_gradient, integrated_gradients, smoothgrad
from analysis.attribution.neuron import Neuron
from analysis.attribution.rules import Rule
from analysis.dynamics.seeding import seeded
from tests.analysis.attribution.nets import pictures, small_net

captum = pytest.importorskip("captum.attr", reason="captum is not installed")

RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Captum warns that it sets hooks and requires_grad, every time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def torchvision_net(name: str) -> nn.Module:
    models = pytest.importorskip("torchvision").models
    with seeded("cpu", 0):
        return getattr(models, name)(weights=None).eval()


def by_captum(net: nn.Module, images: Tensor, target: Any, rule: Rule) -> Tensor:
    if rule == "gradient":
        return captum.Saliency(net).attribute(images.clone(), target=target, abs=False)
    method = captum.GuidedBackprop if rule == "guided" else captum.Deconvolution
    return method(net).attribute(images.clone(), target=target)


def compare_rules(net: nn.Module, images: Tensor, layer: str, channel: int) -> None:
    """Classes by all rules, and one neuron of a layer by those that Captum has for layers."""
    classes = [7, 400][: len(images)]
    for rule in RULES:
        ours = backward_images(net, images, Neuron(channel=classes), rule)
        assert torch.equal(ours.images, by_captum(net, images, classes, rule))
        assert ours.images.any()
    module = net.get_submodule(layer)
    for rule, name in zip(RULES, ("Gradient", "Deconvolution", "GuidedBackprop"), strict=True):
        method = getattr(captum, f"Neuron{name}")(net, module)
        theirs = method.attribute(images.clone(), neuron_selector=(channel, 1, 2))
        assert torch.equal(backward_images(net, images, Neuron(layer, channel, (1, 2)), rule).images, theirs)
        assert theirs.any()


# The ReLUs are torchvision's, in place: Captum copies what they would overwrite.
NETS = [("alexnet", "features.6", 10), ("resnet18", "layer2.1.conv1", 20), ("vgg11", "features.8", 30)]


@pytest.mark.parametrize(("name", "layer", "channel"), NETS)
def test_three_rules_on_small_images(name: str, layer: str, channel: int) -> None:
    compare_rules(torchvision_net(name), pictures(2, 64, dtype=torch.float32), layer, channel)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer", "channel"), NETS)
def test_three_rules_at_full_size(name: str, layer: str, channel: int) -> None:
    compare_rules(torchvision_net(name), pictures(2, 224, dtype=torch.float32), layer, channel)


def test_input_x_gradient() -> None:
    net, images = torchvision_net("alexnet"), pictures(2, 64, dtype=torch.float32)
    theirs = captum.InputXGradient(net).attribute(images.clone(), target=[3, 5])
    assert torch.equal(input_x_gradient(net, images, Neuron(channel=[3, 5])).images, theirs)


@pytest.mark.parametrize("baseline", [None, 0.3])
def test_integrated_gradients_and_their_error(baseline: float | None) -> None:
    net, images = small_net(nn.Softplus), pictures(2)
    start = None if baseline is None else torch.full_like(images, baseline)
    ours = integrated_gradients(net, images, Neuron(channel=[3, 1]), baseline=start, steps=9)
    theirs, error = captum.IntegratedGradients(net).attribute(
        images.clone(), start, target=[3, 1], n_steps=9, return_convergence_delta=True
    )
    # Captum rounds its weights to float32.
    torch.testing.assert_close(ours.images, theirs, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(ours.error, error, rtol=0, atol=1e-6)


def test_smoothgrad_with_the_same_noise() -> None:
    net, images = small_net(nn.Softplus).float(), pictures(1, dtype=torch.float32)
    ours = smoothgrad(net, images, Neuron(channel=2), torch.Generator().manual_seed(11), noise=0.2, samples=6)
    deviation = 0.2 * float(images.max() - images.min())
    with torch.random.fork_rng():
        torch.manual_seed(11)
        theirs = captum.NoiseTunnel(captum.Saliency(net)).attribute(
            images.clone(), nt_samples=6, nt_samples_batch_size=1, stdevs=deviation, target=2, abs=False
        )
    # Two float32 sums of 6 terms, and a deviation rounded once more.
    torch.testing.assert_close(ours.images, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", ["features.10", "features.11"])
def test_grad_cam(layer: str) -> None:
    net, images = torchvision_net("alexnet"), pictures(2, 96, dtype=torch.float32)
    method = captum.LayerGradCam(net, net.get_submodule(layer))
    theirs = method.attribute(images.clone(), target=[3, 5], relu_attributions=True)
    ours = grad_cam(net, images, layer, Neuron(channel=[3, 5]))
    torch.testing.assert_close(ours.maps, theirs[:, 0].detach(), rtol=1e-5, atol=1e-8)
    upsampled = captum.LayerAttribution.interpolate(theirs, (96, 96), "bilinear")[:, 0]
    torch.testing.assert_close(ours.images, upsampled.detach(), rtol=1e-5, atol=1e-8)
    assert ours.maps.any()


class Functional(nn.Module):
    """As `small_net`, with functions in place of modules."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        net = self.net
        x = functional.max_pool2d(functional.relu(net.bn1(net.conv1(x))), 2)  # type: ignore[operator]
        return net.fc(torch.relu(net.conv2(x)).mean((2, 3)))  # type: ignore[operator]


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_functional_relus_obey_here_and_are_missed_there(rule: Rule) -> None:
    modules, images = small_net(), pictures()
    expected = by_captum(modules, images, 2, rule)
    torch.testing.assert_close(
        backward_images(Functional(modules), images, Neuron(channel=2), rule).images, expected, rtol=1e-10, atol=1e-14
    )
    missed = by_captum(Functional(modules), images, 2, rule)
    assert torch.equal(missed, by_captum(Functional(modules), images, 2, "gradient"))
    assert not torch.allclose(missed, expected)


class Rectified(nn.Module):
    """The in-place ReLU of a pre-activation block: the shortcut sees what it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.flatten = nn.ReLU(inplace=True), nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        x = 1.0 * x
        return self.flatten(3 * self.relu(x) + x)


def test_a_shortcut_around_an_in_place_relu_is_rectified_here_and_not_there() -> None:
    image = torch.tensor([-1.0, 2.0, 3.0])[None, :, None, None]
    assert Rectified()(image).tolist() == [[0.0, 8.0, 12.0]]
    assert backward_images(Rectified(), image, Neuron(channel=0), "guided").images.flatten().tolist() == [0, 0, 0]
    assert by_captum(Rectified(), image, 0, "guided").flatten().tolist() == [1, 0, 0]
