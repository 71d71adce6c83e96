"""The smallest push that a network does not survive: adversarial samples by its own gradient.

Fast gradient sign (Goodfellow et al., 2015, arXiv:1412.6572) and projected gradient descent (Madry et al., 2018,
arXiv:1706.06083); `deepfool` looks for the nearest sample. Distances are in units of the pixel range: 8/255 is eight
levels of an 8-bit picture. Where the papers climb the cross-entropy, its direction is taken from the log-odds: the same
in exact arithmetic, and not lost in rounding where the network is sure.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.log_odds import log_odds
from analysis.attribution.pixel_range import PixelRange, Pixels

Norm = Literal["linf", "l2"]
"""linf: the largest change of a pixel. l2: the root of the sum of squares over all pixels and colors."""

Classes = Int[Tensor, " images"]
Given = Int[Tensor, " given"]
"""One class for each image."""


@dataclass(frozen=True, eq=False)
class Adversarial:
    """One sample for each image, whether or not it succeeds."""

    images: Images
    """As the network sees them; every pixel between black and white."""
    perturbations: Pixels
    """Sample less image, in units of the pixel range."""
    linf: Float[Tensor, " images"]
    """Largest change of a pixel, in units of the range."""
    l2: Float[Tensor, " images"]
    """Root of the sum of squared changes over pixels and colors."""
    before: Classes
    """The class predicted for the image, and below for the sample."""
    after: Classes
    confidence_before: Float[Tensor, " images"]
    """Probability of the class predicted for the image, and below for the sample, 0-1."""
    confidence_after: Float[Tensor, " images"]
    success: Bool[Tensor, " images"]
    """The sample is of the target class; without targets, of another class than the one to get away from."""


def fgsm(
    net: nn.Module,
    images: Images,
    scale: Float[Tensor, "2 colors height width"],
    epsilon: float,
    *,
    classes: Given | None = None,
    targets: Given | None = None,
) -> Adversarial:
    """One step of `epsilon` in every pixel, by the sign of the gradient, kept between black and white.

    scale: a black and a white picture as the network sees them. classes: those to get away from, the predicted ones by
    default; where true classes are given, an image that is misclassified anyway counts as a success. targets: classes
    to reach instead. The network is left as it was; images do not influence one another.
    Raises ValueError for a negative epsilon, classes and targets at once or not one for each image or not the
    network's, and images outside the pixel range.
    """
    attack = Attack(net, images, scale, epsilon, classes, targets)
    return attack.outcome((attack.pixels + epsilon * attack.slope(attack.pixels).sign()).clamp(0, 1))


def pgd(
    net: nn.Module,
    images: Images,
    scale: Float[Tensor, "2 colors height width"],
    epsilon: float,
    generator: torch.Generator | None = None,
    *,
    norm: Norm = "linf",
    steps: int = 20,
    rate: float | None = None,
    classes: Given | None = None,
    targets: Given | None = None,
) -> Adversarial:
    """Steps up the loss, each followed by projection onto the ball of radius `epsilon` and between black and white.

    generator: for a random start, uniform in the ball; None starts at the image (the basic iterative method in linf).
    rate: length of a step in the norm, in units of the pixel range; 2.5 epsilon / steps by default, as the authors
    advise. The sample is the last one. The rest is as in `fgsm`, with ValueError for fewer steps than 1 as well.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: give at least one step.")
    attack = Attack(net, images, scale, epsilon, classes, targets)
    length = 2.5 * epsilon / steps if rate is None else rate
    moved = attack.pixels
    if generator is not None:
        moved = (moved + epsilon * attack.range.free * in_unit_ball(moved, norm, generator)).clamp(0, 1)
    for _ in range(steps):
        slope = attack.slope(moved)
        uphill = slope.sign() if norm == "linf" else slope / _length(slope)
        pushed = _projected(moved + length * uphill - attack.pixels, norm, epsilon)
        moved = (attack.pixels + pushed).clamp(0, 1)
    return attack.outcome(moved)


class Attack:
    """What the methods share: the pixels, which way is up, and what came out."""

    def __init__(
        self,
        net: nn.Module,
        images: Images,
        scale: Float[Tensor, "2 colors height width"],
        epsilon: float = 0.0,
        classes: Given | None = None,
        targets: Given | None = None,
    ) -> None:
        if epsilon < 0:
            raise ValueError(f"epsilon is {epsilon}: give at least 0, in units of the pixel range.")
        if classes is not None and targets is not None:
            raise ValueError("Give classes to get away from or targets to reach, not both.")
        self.net, self.images, self.range = net, images, PixelRange(scale)
        self.pixels = self.range.pixels(images)
        self.clean = _logits(net, images)
        self.targeted = targets is not None
        self.chosen = self._known(targets if targets is not None else classes)

    def slope(self, pixels: Pixels) -> Pixels:
        """The direction that raises the targets' odds or, without targets, lowers the classes', in each image."""
        with forward(self.net, self.range.images(pixels), [None]) as (leaf, (logits,)):
            odds = log_odds(logits[:, :, 0, 0], self.chosen)
            uphill = gradient(odds if self.targeted else -odds, leaf, ("the output", "the pixels"))
        return self.range.slope(uphill)

    def outcome(self, pixels: Pixels) -> Adversarial:
        """The samples of these pixels, as the network sees and judges them."""
        samples, pushed = self.range.images(pixels), pixels - self.pixels
        before, after = self.clean.softmax(1).max(1), _logits(self.net, samples).softmax(1).max(1)
        return Adversarial(
            samples,
            pushed,
            pushed.abs().amax((1, 2, 3)),
            pushed.flatten(1).norm(dim=1),
            before.indices,
            after.indices,
            before.values,
            after.values,
            (after.indices == self.chosen) == self.targeted,
        )

    def _known(self, given: Given | None) -> Classes:
        images, classes = self.clean.shape
        if given is None:
            return self.clean.argmax(1)
        if len(given) != images or bool(((given < 0) | (given >= classes)).any()):
            raise ValueError(f"The classes are {given.tolist()}: give {images} of them, from 0 to {classes - 1}.")
        return given.to(self.clean.device, torch.int64)


def in_unit_ball(like: Tensor, norm: Norm, generator: torch.Generator) -> Tensor:
    """Uniform in each row's ball of radius 1, drawn on the generator's device, the rows one after the other."""

    def drawn(size: int) -> Tensor:
        if norm == "linf":
            return 2 * torch.rand(size, generator=generator, device=generator.device, dtype=like.dtype) - 1
        # A point of the sphere in two dimensions more, without two of its coordinates (Voelker et al., 2017).
        sphere = torch.randn(size + 2, generator=generator, device=generator.device, dtype=like.dtype)
        return (sphere / sphere.norm())[:size]

    return torch.stack([drawn(row.numel()) for row in like]).to(like.device).view_as(like)


def _projected(pushed: Pixels, norm: Norm, epsilon: float) -> Pixels:
    if norm == "linf":
        return pushed.clamp(-epsilon, epsilon)
    return pushed * (epsilon / _length(pushed)).clamp(max=1)


def _length(pushed: Pixels) -> Float[Tensor, "images 1 1 1"]:
    length = pushed.flatten(1).norm(dim=1)[:, None, None, None]
    return length.clamp_min(torch.finfo(length.dtype).tiny)


def _logits(net: nn.Module, images: Images) -> Float[Tensor, "images classes"]:
    with forward(net, images, [None]) as (_, (logits,)):
        if logits.shape[2:] != (1, 1):
            raise ValueError("The network gives maps or tokens: adversarial samples need one logit a class.")
        return logits.detach().flatten(1)
