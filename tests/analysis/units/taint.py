"""Which pixels reach a unit, found without any geometry: NaN goes through every operation that reads it.

One image a row with NaN in that row, likewise columns: where a layer is NaN it reads some pixel of the row.
"""

import numpy as np
import torch
from torch import Tensor, nn

from analysis.activations import complete, recorded

EMPTY = (0, 0, 0, 0)


def tainted_boxes(net: nn.Module, layer: str, in_shape: tuple[int, int, int]) -> np.ndarray:
    """(height, width, 4): top, left, bottom, right of each position; zeros where it reads nothing.

    The net runs in float64, whose convolutions are plain products: the tiles of faster ones spread NaN beyond windows.
    """
    edges = []
    with torch.no_grad():
        for axis in (0, 1):
            lines = in_shape[1 + axis]
            images = torch.rand(lines, *in_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
            number = torch.arange(lines)
            images.movedim(2 + axis, 1)[number, number] = torch.nan
            edges.append(_ends(_nan(net.double().eval(), layer, images)))
    (top, bottom), (left, right) = edges
    return np.stack([top, left, bottom, right], -1)


def _nan(net: nn.Module, layer: str, images: Tensor) -> np.ndarray:
    takes = {layer: lambda maps: maps.isnan().any(1)}
    with recorded(net, takes) as outputs:
        net(images)
        return complete(outputs, takes)[layer].numpy()


def _ends(read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First line and the one after the last, of (lines, height, width)."""
    some = read.any(0)
    return np.where(some, read.argmax(0), 0), np.where(some, len(read) - read[::-1].argmax(0), 0)
