"""One image with any set of windows covered, as a network sees it."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from analysis.attribution.forward import forward

Run = Callable[[Bool[Tensor, "sets windows"]], Float[Tensor, "sets classes"]]
"""Logits of the image with each set of windows covered, by forward passes."""


def occluding(
    net: nn.Module,
    image: Float[Tensor, "colors height width"],
    windows: Int[Tensor, "windows 4"],
    fill: Float[Tensor, "#colors #height #width"],
) -> Run:
    """A function from sets of windows to logits. windows: (y, x, height, width) in pixels, which may overlap.

    fill: what covers the image, as the network sees it: a color, or a picture of which the windows show their part.
    """
    down, across = (torch.arange(size, device=image.device) for size in image.shape[1:])
    y, x, height, width = windows.to(image.device)[:, :, None].unbind(1)
    rows, columns = (down >= y) & (down < y + height), (across >= x) & (across < x + width)
    pixels = rows[:, :, None] & columns[:, None, :]

    def run(covered: Bool[Tensor, "sets windows"]) -> Float[Tensor, "sets classes"]:
        hidden = torch.einsum("sw,wyx->syx", covered.to(image), pixels.to(image)) > 0
        with forward(net, torch.where(hidden[:, None], fill.to(image), image), [None]) as (_, (logits,)):
            return logits.detach().flatten(1)

    return run
