"""Convolutions of parts of maps by the library's own: rectangles of one size, with what surrounds them, are one batch.

For few channels, or groups of few, whose products are too small to pay for selecting what each tap reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from analysis.attribution.incremental.convolution import Convolution
from analysis.attribution.incremental.patches import Patches, Positions
from analysis.attribution.incremental.rule import TAKE, Then
from analysis.attribution.incremental.sliding import taken_rows
from analysis.attribution.incremental.spans import Axis

MOST_CHANNELS = 64
"""Input channels up to which this is faster where a kernel has more than one tap."""


@dataclass(frozen=True, eq=False)
class Rectangles(Convolution):
    """A convolution of few channels, in any number of groups."""

    def part_cost(self, channels: int) -> float:
        """Surroundings are taken with each patch, and as much for all as for the largest."""
        return self.whole_cost(channels) + 3 * TAKE * channels

    def whole_cost(self, channels: int) -> float:
        """In groups of few channels a product costs more than in a matrix."""
        return self.weight.numel() * (4 if self.groups > 1 else 1)

    def fill(self, sources: Sequence[Patches], made: Patches, then: Then) -> None:
        """Convolves rectangles of the size of the largest, and keeps of each what is its window's."""
        (source,) = sources
        at = made.placement
        if not at.count:
            return
        source.outside(0.0)
        height, width = (int((spans[:, 1] - spans[:, 0]).max()) for spans in at.region)
        rows, columns = _surroundings(self.rows, height), _surroundings(self.columns, width)
        windows = torch.arange(at.windows, dtype=torch.int32, device=at.top.device)
        index = taken_rows(source, Positions(windows, at.top, at.left), rows, columns)
        taken = source.store.index_select(0, index.flatten())
        maps = taken.view(-1, rows.kernel, columns.kernel, source.channels).permute(0, 3, 1, 2)
        found = self.convolved(maps, (0, 0)).permute(0, 2, 3, 1).flatten(0, 2)
        window, y, x = at.positions
        first = (windows * height - at.top) * width - at.left
        made.rows[:] = then(found.index_select(0, first.index_select(0, window) + y * width + x))


def _surroundings(axis: Axis, outputs: int) -> Axis:
    """All that so many outputs of an axis read, as the taps of one."""
    return axis._replace(kernel=(outputs - 1) * axis.stride + axis.reach + 1, dilation=1)
