"""Where does a small net change its mind? Lines of the hidden units in the plane of two inputs, and regions of classes.

A rectified unit is zero on one side of its line w . x + b = 0 and linear on the other: between the lines the net is
affine, so its regions are polygons (Montufar et al., 2014, arXiv:1402.1869).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.evaluating import evaluating

POINTS = 2**14
"""Points of one forward pass."""


@dataclass(frozen=True)
class Box:
    """The part of the plane that is drawn; ValueError where it has no area."""

    left: float
    right: float
    bottom: float
    top: float

    def __post_init__(self) -> None:
        if not (self.left < self.right and self.bottom < self.top):
            raise ValueError(f"{self} has no area: left must lie below right and bottom below top.")

    def corners(self) -> Float[np.ndarray, "4 2"]:
        """Counterclockwise from the lower left."""
        x, y = [self.left, self.right, self.right, self.left], [self.bottom, self.bottom, self.top, self.top]
        return np.array([x, y], dtype=np.float64).T

    def centers(self, resolution: int) -> Float[np.ndarray, "resolution resolution 2"]:
        """Points (x, y) in the middle of resolution x resolution equal cells; y rises with rows, x with columns."""
        if resolution < 1:
            raise ValueError(f"The resolution is {resolution}; at least 1 cell a side is needed.")
        share = (np.arange(resolution) + 0.5) / resolution
        x, y = self.left + share * (self.right - self.left), self.bottom + share * (self.top - self.bottom)
        return np.stack(np.meshgrid(x, y), axis=2)


def decision_lines(
    weights: Float[np.ndarray, "units 2"], bias: Float[np.ndarray, " units"], box: Box
) -> Float[np.ndarray, "units 2 2"]:
    """The part inside the box of every unit's line w . x + b = 0, as its two ends (x, y).

    Whoever walks from the first end to the second has the side where w . x + b > 0 on the right. NaN where the line
    misses the box, and for a unit with zero weights; a line that only touches a corner has it as both ends.
    """
    weights, start = weights.astype(np.float64), box.corners()
    end = np.roll(start, -1, axis=0)
    at_start = weights @ start.T + bias[:, None]
    at_end = np.roll(at_start, -1, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # an edge on the line, or along it
        share = at_start / (at_start - at_end)
    crosses = (np.minimum(at_start, at_end) <= 0) & (np.maximum(at_start, at_end) >= 0) & (at_start != at_end)
    points = start + np.where(crosses, share, np.nan)[:, :, None] * (end - start)
    along = points @ np.stack([-weights[:, 1], weights[:, 0]], axis=1)[:, :, None]
    first = np.where(crosses[:, :, None], along, np.inf).argmin(axis=1)
    last = np.where(crosses[:, :, None], along, -np.inf).argmax(axis=1)
    return np.take_along_axis(points, np.stack([first, last], axis=1), axis=1)


def class_regions(net: nn.Module, box: Box, resolution: int) -> Int[np.ndarray, "resolution resolution"]:
    """The class that `net` gives to every cell of `Box.centers`, the lowest of equal ones.

    `net` takes points (n, 2) in the type and on the device of its parameters, in evaluation mode.
    """
    return _on_cells(net, box, resolution, lambda logits: logits.argmax(dim=1))


def class_probabilities(
    net: nn.Module, box: Box, resolution: int
) -> Float[np.ndarray, "resolution resolution classes"]:
    """Softmax of the net's outputs in every cell of `Box.centers`, in 0-1."""
    return _on_cells(net, box, resolution, lambda logits: logits.double().softmax(dim=1))


def _on_cells(net: nn.Module, box: Box, resolution: int, take: Callable[[Tensor], Tensor]) -> np.ndarray:
    parameter = next(net.parameters())
    points = torch.from_numpy(box.centers(resolution).reshape(-1, 2)).to(parameter)
    with torch.no_grad(), evaluating(net):
        taken = torch.cat([take(net(part)) for part in points.split(POINTS)]).cpu().numpy()
    return taken.reshape(resolution, resolution, *taken.shape[1:])
