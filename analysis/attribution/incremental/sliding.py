"""Kernels that slide over a map: pooling, and what picks or pads positions. Convolutions have a file of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from analysis.attribution.incremental.patches import Maps, Patches, Positions, Rows
from analysis.attribution.incremental.rule import TAKE, Rule, Then, spread
from analysis.attribution.incremental.spans import Axis, Region

Taken = Float[Tensor, "positions taps inputs"]
"""What the taps of a kernel read at each position."""


@dataclass(frozen=True, eq=False)
class Sliding(Rule):
    """A kernel that slides over a map. Kinds differ in how they put together what its taps read."""

    rows: Axis
    columns: Axis

    @property
    def taps(self) -> int:
        """Positions that one output reads."""
        return self.rows.kernel * self.columns.kernel

    @property
    def border(self) -> float:
        """What is read outside the map."""
        return 0.0

    def combined(self, taken: Taken, at: Positions) -> Rows:
        """The outputs at some positions."""
        raise NotImplementedError

    def affected(self, changed: Region) -> Region:
        """Positions with a tap on what changed."""
        return Region(self.rows.affected(changed.rows), self.columns.affected(changed.columns))

    def needed(self, wanted: Region) -> Region:
        """Positions under the taps."""
        return Region(self.rows.needed(wanted.rows), self.columns.needed(wanted.columns))

    def part_cost(self, channels: int) -> float:
        """Taking all that the taps read, and one operation with each value."""
        return (TAKE + 1) * self.taps * channels

    def whole_cost(self, channels: int) -> float:
        """No library does better than to read it all, too."""
        return TAKE * self.taps * channels

    def fill(self, sources: Sequence[Patches], made: Patches, then: Then) -> None:
        """Selects what the taps read, a few positions at a time, and combines it."""
        (source,) = sources
        source.outside(self.border)
        positions = made.placement.positions
        stays = all(axis[:3] == (1, 1, 0) for axis in (self.rows, self.columns)) and source.lie_as(made)
        index = None if stays else taken_rows(source, positions, self.rows, self.columns)
        for some in spread(made.rows, len(made.rows), self.taps * source.channels):
            taken = source.rows[some] if index is None else source.store.index_select(0, index[some].flatten())
            at = Positions(*(numbers[some] for numbers in positions))
            made.rows[some] = then(self.combined(taken.unflatten(0, (-1, self.taps)), at))


def taken_rows(source: Patches, at: Positions, rows: Axis, columns: Axis) -> Int[Tensor, "positions taps"]:
    """Rows of the source that the taps read for the outputs at some positions."""
    taps = tuple(
        torch.arange(axis.kernel, dtype=torch.int32, device=at.y.device) * axis.dilation for axis in (rows, columns)
    )
    first = Positions(at.window, at.y * rows.stride - rows.padding, at.x * columns.stride - columns.padding)
    return source.reads(first, (taps[0], taps[1]))


@dataclass(frozen=True, eq=False)
class Pooling(Sliding):
    """Maxima or means."""

    operation: Callable[[Tensor], Tensor]
    factors: Float[Tensor, "height width"] | None
    """By which the sum at each position of the output becomes the mean; None for maxima."""

    @property
    def border(self) -> float:
        """No maximum lies outside the map."""
        return -torch.inf if self.factors is None else 0.0

    def combined(self, taken: Taken, at: Positions) -> Rows:
        """Maxima or means over taps."""
        if self.factors is None:
            return taken.amax(1)
        return taken.sum(1).mul_(self.factors[at.y, at.x][:, None])

    def whole(self, sources: Sequence[Tensor]) -> Maps:
        """The network's own operation."""
        return self.operation(sources[0])


@dataclass(frozen=True, eq=False)
class Picking(Sliding):
    """Some positions of a map, in order, a constant around them and around their channels: slices and padding."""

    operation: Callable[[Tensor], Tensor]
    fill_value: float = 0.0
    before: int = 0
    """Channels that are added."""
    after: int = 0

    fresh = False

    @property
    def border(self) -> float:
        """The constant."""
        return self.fill_value

    def combined(self, taken: Taken, at: Positions) -> Rows:
        """The one position that is read."""
        return functional.pad(taken[:, 0], (self.before, self.after), value=self.fill_value)

    def whole(self, sources: Sequence[Tensor]) -> Maps:
        """The network's own operation."""
        return self.operation(sources[0])
