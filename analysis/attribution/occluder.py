"""Which windows of an image are covered, and by what (Zeiler & Fergus, 2014, arXiv:1311.2901).

Windows start at 0, stride, 2 stride ... until one reaches the border, which cuts off the last where no whole window
ends there: the placement of captum's `Occlusion`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from analysis.attribution.incremental.spans import Region, Spans


@dataclass(frozen=True)
class Occluder:
    """Windows, and what covers them: grey in the paper."""

    window: int | tuple[int, int]
    """Height and width in pixels, or the side of a square."""
    stride: int | tuple[int, int]
    """Pixels from a window to the one below it and to the one on its right."""
    fill: float | tuple[float, ...] = 0.0
    """One value, or one for each color, in the space of the images as the network gets them: where they were normalized
    0 is the mean color, and `normalized` finds black or any other pixel value."""

    def __post_init__(self) -> None:
        for name in ("window", "stride"):
            if min(_pair(getattr(self, name))) < 1:
                raise ValueError(f"The occluder's {name} is {getattr(self, name)}: give at least 1 pixel.")

    def rows(self, height: int) -> Spans:
        """First row of each row of windows, and the row after its last; ValueError for a window larger than that."""
        return _spans("high", height, _pair(self.window)[0], _pair(self.stride)[0])

    def columns(self, width: int) -> Spans:
        """The same for columns."""
        return _spans("wide", width, _pair(self.window)[1], _pair(self.stride)[1])

    def color(self, images: Float[Tensor, "images colors height width"]) -> Float[Tensor, " colors"]:
        """The fill of each color; ValueError where there are not as many values as colors."""
        values = torch.as_tensor(self.fill, dtype=images.dtype, device=images.device)
        if values.ndim and len(values) != images.shape[1]:
            raise ValueError(f"The fill has {len(values)} values for {images.shape[1]} colors: give one for each.")
        return values.expand(images.shape[1])


def normalized(pixel: float | Sequence[float], mean: Sequence[float], std: Sequence[float]) -> tuple[float, ...]:
    """The fill that is a pixel value, often 0-1, in images that were normalized by (pixel - mean) / std."""
    pixels = [pixel] * len(mean) if isinstance(pixel, int | float) else pixel
    return tuple((value - center) / scale for value, center, scale in zip(pixels, mean, std, strict=True))


def windows_of(
    rows: Int[np.ndarray, "rows 2"], columns: Int[np.ndarray, "columns 2"], images: int
) -> tuple[Region, Int[np.ndarray, " windows"]]:
    """All windows of so many images, one image after another and row by row, and which image each lies in."""
    of_rows, of_columns = np.repeat(rows, len(columns), 0), np.tile(columns, (len(rows), 1))
    image = np.repeat(np.arange(images), len(of_rows))
    return Region(np.tile(of_rows, (images, 1)), np.tile(of_columns, (images, 1))), image


def _spans(side: str, size: int, window: int, stride: int) -> Spans:
    if window > size:
        raise ValueError(f"The occluder is {window} pixels {side}, the images {size}: choose a smaller window.")
    first = np.arange(0, min(size, size - window + stride), stride)
    return np.stack([first, np.minimum(first + window, size)], 1)


def _pair(numbers: int | tuple[int, int]) -> tuple[int, int]:
    return (numbers, numbers) if isinstance(numbers, int) else numbers
