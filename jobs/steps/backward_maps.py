"""Backward images of a batch by any method, a few images at a time, and the numbers that say what they look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor, nn

from analysis.attribution.backprop import backward_images
from analysis.attribution.cancellation import autocorrelation
from analysis.attribution.grad_cam import grad_cam
from analysis.attribution.gradients import input_x_gradient, integrated_gradients, smoothgrad
from analysis.attribution.neuron import Neuron
from jobs.memory import backward_images as at_once
from jobs.steps.backprop.options import Method

Maps = Float[np.ndarray, "images colors height width"]


@dataclass(frozen=True)
class Asked:
    """What is computed of every image."""

    methods: tuple[Method, ...]
    samples: int
    seed: int
    cam_layer: str
    """Layer of Grad-CAM's maps."""


def backward_maps(net: nn.Module, images: Tensor, neuron: Neuron, rows: np.ndarray, asked: Asked) -> dict[Method, Maps]:
    """Maps by method; noise depends on the seed and the image's row alone."""
    return {method: _one(method, net, images, neuron, rows, asked).cpu().numpy() for method in asked.methods}


def chunks(count: int, in_shape: Sequence[int]) -> Iterator[slice]:
    """Images (channels, height, width) that go through a network together when gradients are taken."""
    step = at_once(in_shape)
    for start in range(0, count, step):
        yield slice(start, start + step)


def _one(method: Method, net: nn.Module, images: Tensor, neuron: Neuron, rows: np.ndarray, asked: Asked) -> Tensor:
    if method == "gradient" or method == "deconvnet" or method == "guided":
        return backward_images(net, images, neuron, method).images
    if method == "input_x_gradient":
        return input_x_gradient(net, images, neuron).images
    if method == "integrated_gradients":
        return integrated_gradients(net, images, neuron, steps=asked.samples).images
    if method == "grad_cam":
        return grad_cam(net, images, asked.cam_layer, neuron).images[:, None]
    noisy = []
    for number, row in enumerate(rows):
        generator = torch.Generator().manual_seed(asked.seed + int(row))
        one = slice(number, number + 1)
        noisy.append(smoothgrad(net, images[one], only(neuron, one), generator, samples=asked.samples).images)
    return torch.cat(noisy)


def only(neuron: Neuron, some: slice) -> Neuron:
    """The neuron of some images of a batch, where it has a channel of its own in each."""
    if isinstance(neuron.channel, Tensor):
        return Neuron(neuron.layer, neuron.channel[some], neuron.position)
    return neuron


def smoothness(maps: Maps) -> Float[np.ndarray, " images"]:
    """Correlation of neighboring pixels of the sum over colors: near 0 for noise, near 1 for smooth maps."""
    return np.array([autocorrelation(one.sum(0, dtype=np.float64)).values[1] for one in maps])


def rank_similarity(maps: Maps, others: Maps) -> Float[np.ndarray, " images"]:
    """Spearman correlation of the magnitudes of two maps of each image, -1 to 1; NaN where one is constant.

    Adebayo et al., 2018, arXiv:1810.03292.
    """
    found = []
    for one, other in zip(maps, others, strict=True):
        ranks = [rankdata(np.abs(part).sum(0).ravel()) for part in (one, other)]
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.corrcoef(*ranks)[0, 1])
    return np.array(found)
