"""Attacks, maximization and counterfactuals of a public ResNet-20, against what is known of such networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.attribution.adversarial import fgsm, pgd
from analysis.attribution.counterfactual import smallest_flip
from analysis.attribution.covered_sets import occluding
from analysis.attribution.deepfool import deepfool
from analysis.attribution.fourier_image import Fourier
from analysis.attribution.maximization import maximize
from analysis.attribution.neuron import Neuron
from jobs.nets.build import build, default_preprocess
from jobs.nets.weights import load_weights

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def net(shared_data: Path) -> nn.Module:
    net = build("resnet20", (3, 32, 32), 10)
    load_weights(net, shared_data / "nets" / "resnet20-12fca82f.safetensors")
    return net


@pytest.fixture(scope="module")
def images(shared_data: Path) -> Tensor:
    prepare = default_preprocess("resnet20")
    assert prepare is not None
    with np.load(shared_data / "cifar10.npz") as arrays:
        return torch.stack([prepare(image) for image in arrays["test_images"][:20]])


@pytest.fixture(scope="module")
def scale() -> Tensor:
    prepare = default_preprocess("resnet20")
    assert prepare is not None
    return torch.stack([prepare(np.full((32, 32, 3), value, np.uint8)) for value in (0, 255)])


def test_eight_levels_turn_every_image_and_one_step_fewer(net: nn.Module, images: Tensor, scale: Tensor) -> None:
    """A network trained without adversarial samples has no accuracy left at 8/255 (Madry et al., 2018, table 2)."""
    assert pgd(net, images, scale, 8 / 255, torch.Generator().manual_seed(0), steps=10).success.all()
    assert fgsm(net, images, scale, 2 / 255).success.sum() < pgd(net, images, scale, 2 / 255, steps=10).success.sum()


def test_the_nearest_samples_are_a_hundredth_of_the_image_away(net: nn.Module, images: Tensor, scale: Tensor) -> None:
    found = deepfool(net, images, scale)
    assert found.success.all()
    lengths = ((images - scale[0]) / (scale[1] - scale[0])).flatten(1).norm(dim=1)
    assert 0.001 < float((found.l2 / lengths).mean()) < 0.02


def test_every_class_gets_an_image_that_is_surely_of_it(net: nn.Module, scale: Tensor) -> None:
    prior, classes = Fourier(steps=40, jitter=2), Neuron(channel=list(range(10)))
    found = maximize(net, classes, scale, prior, torch.Generator().manual_seed(0), images=10)
    assert found.probabilities is not None
    assert found.probabilities.min() > 0.99


def test_few_windows_carry_a_class(net: nn.Module, images: Tensor) -> None:
    windows = torch.tensor([[y, x, 8, 8] for y in range(0, 25, 4) for x in range(0, 25, 4)])
    for image in images[:3]:
        found = smallest_flip(occluding(net, image, windows, torch.zeros(3, 1, 1)), len(windows))
        assert found.smallest
        assert len(found.windows) <= 3
