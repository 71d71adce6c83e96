"""Attributions made of plain gradients: input x gradient, their mean under noise, their mean along a path.

A neuron at `argmax` is placed once, on the image as given, and stays there under noise and along the path.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.attribution.backprop import Backward, backward_images
from analysis.attribution.forward import Images, forward
from analysis.attribution.neuron import Neuron
from analysis.attribution.rules import Rule


def input_x_gradient(net: nn.Module, images: Images, neuron: Neuron) -> Backward:
    """Pixel times gradient, in units of the activation: exact shares of it where the net is linear without bias."""
    back = backward_images(net, images, neuron, "gradient")
    return replace(back, images=images * back.images)


def smoothgrad(
    net: nn.Module,
    images: Images,
    neuron: Neuron,
    generator: torch.Generator,
    *,
    noise: float = 0.15,
    samples: int = 50,
    rule: Rule = "gradient",
) -> Backward:
    """Mean backward image over `samples` noisy copies of each image; `values` are those without noise.

    noise: standard deviation of the Gaussian noise as a share of the image's own range (0.1-0.2 is usual).
    It is drawn on the generator's device. Smilkov et al., 2017, arXiv:1706.03825.
    Raises ValueError for a negative share and fewer samples than 1.
    """
    if noise < 0 or samples < 1:
        raise ValueError(f"noise is {noise} and samples {samples}: give a share of at least 0 and at least one sample.")
    values, positions = located(net, images, neuron)
    deviation = noise * (images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(images)
    for _ in range(samples):
        drawn = torch.randn(images.shape, generator=generator, device=generator.device, dtype=images.dtype)
        total += backward_images(net, images + deviation * drawn.to(images.device), neuron.at(positions), rule).images
    return Backward(total / samples, values, positions)


@dataclass(frozen=True, eq=False)
class Integrated:
    """Integrated gradients and how far they are from complete."""

    images: Images
    """In units of the activation."""
    values: Float[Tensor, " images"]
    """The neuron's activation in each image."""
    baselines: Float[Tensor, " images"]
    """Its activation in the baseline."""
    error: Float[Tensor, " images"]
    """Sum of the attributions less (values - baselines): 0 for enough steps. float64."""
    positions: Int[Tensor, "images 2"]
    """(y, x) of the neuron on its layer's map."""


def integrated_gradients(
    net: nn.Module,
    images: Images,
    neuron: Neuron,
    *,
    baseline: Float[Tensor, "..."] | None = None,
    steps: int = 50,
) -> Integrated:
    """(image - baseline) times the mean gradient on the straight line between them, at Gauss-Legendre nodes.

    baseline: anything that broadcasts to the images; zeros by default, which is the mean color where images were
    normalized. Sundararajan et al., 2017, arXiv:1703.01365. Raises ValueError for fewer steps than 1.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: give at least one step.")
    start = torch.zeros_like(images) if baseline is None else baseline.to(images).expand_as(images)
    values, positions = located(net, images, neuron)
    neuron = neuron.at(positions)
    baselines, _ = located(net, start, neuron)
    total = torch.zeros_like(images)
    for node, weight in zip(*np.polynomial.legendre.leggauss(steps), strict=True):
        between = start + float(1 + node) / 2 * (images - start)
        total += float(weight) / 2 * backward_images(net, between, neuron, "gradient").images
    attributions = total * (images - start)
    error = attributions.double().sum((1, 2, 3)) - (values.double() - baselines.double())
    return Integrated(attributions, values, baselines, error, positions)


def located(net: nn.Module, images: Images, neuron: Neuron) -> tuple[Float[Tensor, " images"], Int[Tensor, "images 2"]]:
    """The neuron's activation and position in each image, by one forward pass."""
    with forward(net, images, [neuron.layer]) as (_, (maps,)):
        values, positions = neuron.target(maps.detach())
    return values, positions
