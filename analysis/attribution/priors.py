"""Ways to climb: where an image starts, how a gradient moves it, and what is held against images unlike photographs.

A prior measures an image by its parameters, which here are pixels less a center picture, in units of the pixel range;
`fourier_image` has other ones. All keep every pixel between black and white.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.pixel_range import Pixels

Picture = Float[Tensor, "colors height width"]

Draw = Callable[[tuple[int, ...]], Tensor]
"""Standard normal numbers (images, *shape), those of each image from a stream of its own."""

Climb = Callable[[Tensor, int], None]
"""Moves the parameters in place, by the gradient in them and the number of the step from 0."""

LEVEL = 1 / 255
"""One level of an 8-bit picture."""


@runtime_checkable
class Prior(Protocol):
    """What `maximize` needs of a prior."""

    @property
    def steps(self) -> int:
        """Forward passes; the last is not followed by a move, so that its value is the final image's."""

    @property
    def jitter(self) -> int:
        """Most pixels by which an image is shifted, anew in each step; 0 for none."""

    def start(self, center: Picture, draw: Draw) -> Pixels:
        """Images to begin with, near the center picture."""

    def parameters(self, pixels: Pixels, center: Picture) -> Tensor:
        """What is moved, in place of pixels."""

    def pixels(self, parameters: Tensor, center: Picture) -> Pixels:
        """The images of the parameters, differentiable."""

    def climb(self, parameters: Tensor, center: Picture) -> Climb:
        """A function that moves these parameters, step by step."""


class _FromCenter:
    """Parameters are pixels less the center."""

    def start(self, center: Picture, draw: Draw) -> Pixels:
        """Gaussian noise of 10 levels of 255 around the center picture, as Yosinski et al. start."""
        return (center + 10 * LEVEL * draw(tuple(center.shape))).clamp(0, 1)

    def parameters(self, pixels: Pixels, center: Picture) -> Pixels:
        """Pixels less the center."""
        return pixels - center

    def pixels(self, parameters: Pixels, center: Picture) -> Pixels:
        """The center again added."""
        return parameters + center


@dataclass(frozen=True)
class NoPrior(_FromCenter):
    """Steps of equal length up the gradient: what the network wants, however unlike a photograph.

    `norm` holds an image to a ball around the center picture (Erhan et al., 2009, Visualizing higher-layer features of
    a deep network, bounded it so); where the network is linear, the optimum is then norm x weights / |weights|.
    """

    steps: int = 256
    rate: float = 1.0
    """Root mean square change of a pixel a step, in levels of 255."""
    norm: float | None = None
    """Largest L2 distance from the center picture, in units of the pixel range; None for no bound."""
    jitter: int = 0

    def climb(self, parameters: Pixels, center: Picture) -> Climb:
        """See `Prior`."""

        def step(gradient: Tensor, _number: int) -> None:
            length = gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
            moved = parameters + self.rate * LEVEL * gradient / length.clamp_min(torch.finfo(length.dtype).tiny)
            if self.norm is not None:
                moved *= (self.norm / moved.flatten(1).norm(dim=1).clamp_min(self.norm))[:, None, None, None]
            parameters.copy_(_in_range(moved, center))

        return step


@dataclass(frozen=True)
class Yosinski(_FromCenter):
    """Gradient ascent with four regularizers between the steps (Yosinski et al., 2015, arXiv:1506.06579, sec. 3).

    The defaults are those of most images in the paper. Their rate suits logits of photographs: on images of 32 x 32
    pixels it leaves most hidden units off, and `progress` makes steps that do not depend on the scale of a unit. The
    images differ little from the center picture; the authors stretch their contrast to show them.
    """

    steps: int = 1000
    rate: float = 100.0
    """Change of a pixel by unit gradient, both in levels of 255; the most where `progress` is set."""
    progress: float | None = None
    """By how much a step should raise the value, were the network linear; None for the constant rate."""
    decay: float = 1e-4
    """Share of the difference from the center picture that each step takes away."""
    blur: float = 1.0
    """Standard deviation of the Gaussian blur in pixels; 0 for none."""
    blur_every: int = 4
    """Steps from one blur to the next, the first one blurred."""
    small_norm: float = 0.0
    """Percent of the pixels, those whose colors differ least from the center's, that each step sets to the center."""
    small_contribution: float = 0.0
    """The same of those with the smallest |sum over colors of gradient x difference from the center|."""
    jitter: int = 0

    def climb(self, parameters: Pixels, center: Picture) -> Climb:
        """See `Prior`."""
        down, across = (blur_matrix(size, self.blur).to(parameters) for size in center.shape[1:])

        def step(gradient: Tensor, number: int) -> None:
            moved = (parameters + self._rate(gradient) * gradient) * (1 - self.decay)
            if self.blur and number % self.blur_every == 0:
                moved = down @ moved @ across.T
            moved = moved * _kept(moved.norm(dim=1), self.small_norm)
            moved = moved * _kept((gradient * moved).sum(1).abs(), self.small_contribution)
            parameters.copy_(_in_range(moved, center))

        return step

    def _rate(self, gradient: Pixels) -> Tensor:
        most = torch.full_like(gradient[:, :1, :1, :1], self.rate * LEVEL**2)  # a level is 1/255 in x and in the slope
        if self.progress is None:
            return most
        square = gradient.square().sum((1, 2, 3), keepdim=True)
        return torch.minimum(most, self.progress / square.clamp_min(torch.finfo(square.dtype).tiny))


TABLE_1 = (
    Yosinski(steps=500, progress=2.0, decay=0.0, blur=0.5, small_norm=50.0),
    Yosinski(steps=750, decay=0.3, blur=0.0, small_norm=20.0),
    Yosinski(),
    Yosinski(steps=1000, rate=1e8, progress=2.0, decay=0.0, blur=0.5, small_contribution=90.0),
)
"""The four combinations that the paper recommends, in its order, with the steps and rates of the authors' toolbox."""


def blur_matrix(size: int, deviation: float) -> Float[Tensor, "size size"]:
    """The Gaussian blur of a line of pixels, mirrored at its ends and cut at 4 deviations; the identity for 0."""
    radius = int(4 * deviation + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2) if deviation else np.ones(1)
    places = np.mod(np.arange(size)[:, None] + offsets, 2 * size)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], np.minimum(places, 2 * size - 1 - places)), weights / weights.sum())
    return torch.from_numpy(matrix)


def _in_range(parameters: Pixels, center: Picture) -> Pixels:
    return (parameters + center).clamp(0, 1) - center


def _kept(
    sizes: Float[Tensor, "images height width"], percent: float
) -> Float[Tensor, "images 1 height width"] | Float[Tensor, ""]:
    """1 at and above the percentile (interpolated, as NumPy's) of each image, 0 below."""
    if not percent:
        return torch.ones((), dtype=sizes.dtype, device=sizes.device)
    flat = sizes.flatten(1)
    rank = math.ceil((flat.shape[1] - 1) * percent / 100)
    limit = flat.kthvalue(rank + 1, dim=1).values  # what is below the interpolated value is below this one
    return (sizes >= limit[:, None, None]).to(sizes.dtype)[:, None]
