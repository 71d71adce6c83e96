"""Pixels from 0 (black) to 1 (white), and the same pictures in the space that a network sees.

Distances between pictures and steps up a gradient mean the same here whatever normalization a network was trained with.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.forward import Images

Pixels = Float[Tensor, "images colors height width"]
"""In units of the pixel range: 0 is black, 1 white, 1/255 one level of an 8-bit picture."""

SLACK = 1e-2
"""How far a picture may leave the range: interpolation overshoots a little, another normalization by far."""


@dataclass(frozen=True, eq=False)
class PixelRange:
    """Where black and white lie for each pixel. Where they are equal, as in a padded border, a pixel cannot change."""

    scale: Float[Tensor, "2 colors height width"]
    """A black and a white picture as the network sees them."""

    def pixels(self, images: Images) -> Pixels:
        """Pictures that the network sees, in units of the range, 0 where black is white.

        Raises ValueError for pictures of another size, and where they leave the range.
        """
        if images.shape[1:] != self.scale.shape[1:]:
            raise ValueError(
                f"The images are {_size(images)} and black and white {_size(self.scale)}: preprocess both alike."
            )
        black, width = self.scale[0], self.scale[1] - self.scale[0]
        pixels = torch.where(width == 0, 0.0, (images - black) / width)
        low, high = float(pixels.min()), float(pixels.max())
        if low < -SLACK or high > 1 + SLACK:
            raise ValueError(
                f"The images reach from {low:.3g} to {high:.3g} where black is 0 and white 1: "
                "give black and white as their network sees them."
            )
        return pixels.clamp(0, 1)

    def images(self, pixels: Pixels) -> Images:
        """The same pictures as the network sees them."""
        return self.scale[0] + (self.scale[1] - self.scale[0]) * pixels

    @property
    def free(self) -> Float[Tensor, "colors height width"]:
        """1 where a pixel can change, else 0."""
        return (self.scale[1] != self.scale[0]).to(self.scale.dtype)

    def slope(self, gradient: Images) -> Pixels:
        """A gradient by what the network sees, as one by pixels: the chain rule."""
        return (self.scale[1] - self.scale[0]) * gradient


def _size(images: Tensor) -> str:
    return " x ".join(str(size) for size in images.shape[1:])
