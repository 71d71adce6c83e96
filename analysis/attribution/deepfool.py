"""How near is the nearest sample of another class? DeepFool in L2 (Moosavi-Dezfooli et al., 2016, arXiv:1511.04599).

The network is taken as linear around the sample, where the nearest boundary is known in closed form, the sample is
moved onto it, and so again until the class has changed. Of a linear network the first step is exact.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.attribution.adversarial import Adversarial, Attack
from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.pixel_range import Pixels

PAST = 1e-4
"""By how much more than the boundary's distance a step moves, in units of the pixel range (authors' code): on it, two
classes are equal."""


def deepfool(
    net: nn.Module,
    images: Images,
    scale: Float[Tensor, "2 colors height width"],
    *,
    candidates: int = 10,
    steps: int = 50,
    overshoot: float = 0.02,
) -> Adversarial:
    """The nearest samples found that are not of the predicted class; `l2` is each image's distance to the boundary.

    scale: a black and a white picture as the network sees them. candidates: the classes of largest logit in the image,
    its own among them, whose boundaries are looked at, at one backward pass each. overshoot: share by which the whole
    way is lengthened. A sample that has not changed its class after `steps` is no success. The network is left as it
    was; images do not influence one another. Raises ValueError for fewer than 2 candidates or 1 step, and images
    outside the pixel range.
    """
    if candidates < 2 or steps < 1:
        raise ValueError(f"candidates is {candidates} and steps {steps}: give at least 2 classes and one step.")
    attack = Attack(net, images, scale)
    ranked = attack.clean.argsort(1, descending=True)[:, :candidates]
    way, moved = torch.zeros_like(attack.pixels), attack.pixels.clone()
    rows = torch.arange(len(images), device=images.device)
    for _ in range(steps):
        step, unturned = _to_boundary(attack, moved[rows], ranked[rows])
        rows = rows[unturned]
        if not len(rows):
            break
        way[rows] += step[unturned]
        moved[rows] = (attack.pixels[rows] + (1 + overshoot) * way[rows]).clamp(0, 1)
    return attack.outcome(moved)


def _to_boundary(
    attack: Attack, pixels: Pixels, ranked: Int[Tensor, "images candidates"]
) -> tuple[Pixels, Int[Tensor, " unturned"]]:
    """The step to the nearest boundary of the linearized network, and the images that are of their first class still.

    ranked: classes of each image; boundaries are those between the first and each other.
    """
    nearest = torch.full((len(pixels),), torch.inf, dtype=pixels.dtype, device=pixels.device)
    step = torch.zeros_like(pixels)
    with forward(attack.net, attack.range.images(pixels), [None]) as (leaf, (maps,)):
        logits = maps[:, :, 0, 0]
        unturned = (logits.argmax(1) == ranked[:, 0]).nonzero()[:, 0]
        own = logits.gather(1, ranked[:, :1])[:, 0]
        for other in ranked[:, 1:].unbind(1) if len(unturned) else []:
            behind = logits.gather(1, other[:, None])[:, 0] - own
            slope = attack.range.slope(gradient(behind, leaf, ("the output", "the pixels"), keep=True))
            length = slope.flatten(1).norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
            distance = behind.detach().abs() / length
            closer = distance < nearest
            nearest = torch.where(closer, distance, nearest)
            unit = slope / length[:, None, None, None]
            step = torch.where(closer[:, None, None, None], (distance + PAST)[:, None, None, None] * unit, step)
    return step, unturned
