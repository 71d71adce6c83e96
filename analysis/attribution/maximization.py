"""Which image excites a neuron most? Gradient ascent on the pixels (Erhan et al., 2009; Simonyan et al., 2013,
arXiv:1312.6034), without a prior (`priors.NoPrior`), with Yosinski's regularizers (`priors.Yosinski`) or on the
Fourier spectrum (`fourier_image.Fourier`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.leaking import leaking_rectifiers
from analysis.attribution.log_odds import log_odds
from analysis.attribution.neuron import Neuron
from analysis.attribution.pixel_range import PixelRange, Pixels
from analysis.attribution.priors import Picture, Prior

Of = Literal["activation", "mean", "probability"]
"""What is maximized: the neuron's activation, its mean over all positions of the layer, or the probability of its
channel under a softmax over channels, climbed by its log-odds, whose gradient fades neither near 0 nor near 1."""


@dataclass(frozen=True, eq=False)
class Maximized:
    """The images found, one a row."""

    images: Images
    """As the network sees them."""
    values: Float[Tensor, " images"]
    """The activation, mean or probability reached in these images."""
    probabilities: Float[Tensor, " images"] | None
    """Of the class by a softmax of the network's output, where the neuron is one of its channels."""
    trajectory: Float[Tensor, "steps images"]
    """The value in each step, before it moved the image; under jitter, in the shifted image."""
    dead: Bool[Tensor, " images"]
    """The neuron has no gradient in the image found and no more value than at the start: behind a rectifier that stayed
    off, although its input was climbed wherever it was (`leaking`)."""


def maximize(
    net: nn.Module,
    neuron: Neuron,
    scale: Float[Tensor, "2 colors height width"],
    prior: Prior,
    generator: torch.Generator | Sequence[torch.Generator],
    *,
    images: int = 1,
    of: Of = "activation",
    center: Float[Tensor, "colors height width"] | None = None,
) -> Maximized:
    """Images that the neuron, one for all or one for each, responds to most; the network is left as it was.

    scale: a black and a white picture as the network sees them, on its device: bounds and size of the images.
    generator: gives each image a stream of its own, on the CPU: an image does not depend on the others of its batch,
    and batches that share a generator are as one batch; a list holds the streams themselves. center: the picture, as
    the network sees it, that priors start from and fall back to; halfway between black and white by default. An
    `argmax` position follows the image.
    Raises the errors of `forward` and `Neuron.target`, and ValueError for a prior with fewer steps than 1, a mean with
    a position, and a probability of a direction.
    """
    _check(neuron, prior, of)
    if isinstance(generator, torch.Generator):
        streams = [torch.Generator().manual_seed(seed) for seed in _seeds(generator, images)]
    else:
        streams = list(generator)

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.stack([torch.randn(shape, generator=stream, dtype=scale.dtype) for stream in streams]).to(scale)

    with torch.inference_mode(False), torch.enable_grad():
        objective = _Objective(net, neuron, PixelRange(scale.clone()), of)
        middle = torch.full_like(scale[0], 0.5) if center is None else objective.range.pixels(center[None])[0]
        start = prior.start(middle, draw)
        found, trajectory = _climbed(objective, prior, start, middle, streams)
        values, slope = objective(found)
        dead = _without(slope) & (values <= objective(start)[0])
        shown = objective.range.images(found)
        return Maximized(shown, values, _class_probabilities(net, neuron, shown), trajectory, dead)


def _climbed(
    objective: "_Objective", prior: Prior, pixels: Pixels, center: Picture, streams: list[torch.Generator]
) -> tuple[Pixels, Float[Tensor, "steps images"]]:
    parameters = prior.parameters(pixels, center).requires_grad_()
    climb, trajectory = prior.climb(parameters, center), list[Tensor]()
    for step in range(prior.steps):
        shown = _shifted(prior.pixels(parameters, center), prior.jitter, streams)
        values, slope = objective(shown.detach())
        trajectory.append(values)
        if step < prior.steps - 1:
            if (asleep := _without(slope)).any():
                with leaking_rectifiers():
                    slope = torch.where(asleep[:, None, None, None], objective(shown.detach())[1], slope)
            (back,) = torch.autograd.grad(shown, parameters, slope)
            with torch.no_grad():
                climb(back, step)
    return prior.pixels(parameters, center).detach(), torch.stack(trajectory)


@dataclass(frozen=True, eq=False)
class _Objective:
    """What is maximized, as a function of pixels."""

    net: nn.Module
    neuron: Neuron
    range: PixelRange
    of: Of

    def __call__(self, pixels: Pixels) -> tuple[Float[Tensor, " images"], Pixels]:
        """The value of each image, and the gradient to climb."""
        neuron, name = self.neuron, self.neuron.name
        with forward(self.net, self.range.images(pixels), [neuron.layer]) as (leaf, (maps,)):
            if self.of == "mean":
                maps, neuron = maps.mean((2, 3), keepdim=True), replace(neuron, position=None)
            values, positions = neuron.target(maps)
            if self.of == "probability":
                y, x = positions.unbind(1)
                chosen = torch.as_tensor(neuron.channel, device=maps.device).expand(len(maps))
                values = log_odds(maps[torch.arange(len(maps), device=maps.device), :, y, x], chosen)
            slope = self.range.slope(gradient(values, leaf, (name, "the pixels")))
        values = values.detach()
        return values.sigmoid() if self.of == "probability" else values, slope


def _without(slope: Pixels) -> Bool[Tensor, " images"]:
    """Images of which nothing leads uphill."""
    return ~slope.flatten(1).any(1)


def _shifted(pixels: Pixels, jitter: int, streams: list[torch.Generator]) -> Pixels:
    """Each image moved by up to `jitter` pixels down and across; what leaves on one side enters on the other."""
    if not jitter:
        return pixels
    shifts = [torch.randint(-jitter, jitter + 1, (2,), generator=stream).tolist() for stream in streams]
    return torch.stack([image.roll(shift, (1, 2)) for image, shift in zip(pixels, shifts, strict=True)])


def _class_probabilities(net: nn.Module, neuron: Neuron, images: Images) -> Float[Tensor, " images"] | None:
    if neuron.layer is not None or neuron.channel is None:
        return None
    with forward(net, images, [None]) as (_, (logits,)):
        return neuron.target(logits.detach().softmax(1)).values


def _seeds(generator: torch.Generator, images: int) -> list[int]:
    drawn: Int[Tensor, " images"] = torch.randint(2**63 - 1, (images,), generator=generator, device=generator.device)
    return drawn.tolist()


def _check(neuron: Neuron, prior: Prior, of: Of) -> None:
    if prior.steps < 1:
        raise ValueError(f"steps is {prior.steps}: give at least one step.")
    if of == "mean" and neuron.position is not None:
        raise ValueError(f"The mean over positions of {neuron.name} needs no position: leave it None.")
    if of == "probability" and neuron.direction is not None:
        raise ValueError(f"A direction of {neuron.name} has no probability: name a channel or maximize its activation.")
