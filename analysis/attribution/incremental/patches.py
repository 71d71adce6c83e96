"""What changed in a map, for each window: the rectangle of new values, over a clean map that all windows share.

Everything is rows, one a position with its channels: the clean maps, one row that stands for all that is outside the
map, then the patches. What a kernel reads for any positions of any windows is then one selection of rows.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from analysis.attribution.incremental.spans import Region, whole_maps

FAR = 2**29
"""Larger than any number of rows; twice that still fits in int32."""

Rows = Float[Tensor, "positions channels"]
Maps = Float[Tensor, "windows channels height width"]
Taps = tuple[Int[Tensor, " taps_y"], Int[Tensor, " taps_x"]]
"""Rows and columns relative to a position."""


class Positions(NamedTuple):
    """Positions of a map, in any number of windows."""

    window: Int[Tensor, " positions"]
    y: Int[Tensor, " positions"]
    x: Int[Tensor, " positions"]


class Placement:
    """One rectangle a window on a device; their positions row by row, one window after another."""

    def __init__(self, region: Region, image: Int[np.ndarray, " windows"], device: torch.device) -> None:
        """image: the number of the image that each window lies in."""
        self.region, self.windows = region, len(image)
        areas = region.areas
        self.count = int(areas.sum())
        start = np.cumsum(areas) - areas
        columns = [*region.rows.T, *region.columns.T, start, image]
        numbers = torch.from_numpy(np.stack(columns).astype(np.int32)).to(device)
        self.top, self.bottom, self.left, self.right, self.start, self.image = numbers.unbind()

    @cached_property
    def positions(self) -> Positions:
        """All of them, in order."""
        return self.tiles(1)

    def tiles(self, side: int) -> Positions:
        """First positions of the squares of this side that cover each rectangle, from its first row and column."""
        height, width = self.bottom - self.top, self.right - self.left
        across = (width + side - 1) // side
        counts = (height + side - 1) // side * across
        device = self.top.device
        windows = torch.arange(self.windows, dtype=torch.int32, device=device)
        window = windows.repeat_interleave(counts)
        number = torch.arange(len(window), dtype=torch.int32, device=device)
        number -= (counts.cumsum(0, dtype=torch.int32) - counts).index_select(0, window)
        across = across.index_select(0, window)
        row = number // across
        top, left = self.top.index_select(0, window), self.left.index_select(0, window)
        return Positions(window, top + side * row, left + side * (number - row * across))


class Patches:
    """The values of a map for each window."""

    @classmethod
    def of(cls, maps: Maps) -> "Patches":
        """Whole maps of each window."""
        windows, _, height, width = maps.shape
        image = np.zeros(windows, np.int64)
        rows = maps.permute(0, 2, 3, 1)
        made = cls(rows[:0], Placement(whole_maps(windows, height, width), image, maps.device))
        made.rows[:] = rows.flatten(0, 2)
        return made

    def __init__(self, clean: Float[Tensor, "images height width channels"], placement: Placement) -> None:
        """The clean maps, and room for the patches; a copy of the maps is left out where no patch is part of one."""
        self.clean, self.placement = clean, placement
        self.height, self.width, self.channels = clean.shape[1:]
        self.are_whole = placement.count == placement.windows * self.height * self.width
        self.border = 0 if self.are_whole else len(clean) * self.height * self.width
        self.store = clean.new_empty(self.border + 1 + placement.count, self.channels)
        if not self.are_whole:
            self.store[: self.border] = clean.flatten(0, 2)

    @property
    def rows(self) -> Rows:
        """New values of all positions of all patches."""
        return self.store[self.border + 1 :]

    def lie_as(self, other: "Patches") -> bool:
        """Whether the patches of two maps hold the same positions."""
        regions = zip(self.placement.region, other.placement.region, strict=True)
        return all(np.array_equal(one, another) for one, another in regions)

    def outside(self, value: float) -> None:
        """What is read outside the map from now on."""
        self.store[self.border] = value

    def own(self, at: Positions, taps: Taps) -> Int[Tensor, "positions taps"]:
        """Rows of the store at (y + taps_y, x + taps_x), row by row; the row of the border beyond a window's patch."""
        return self._new(at, taps).clamp_(min=self.border).flatten(1)

    def reads(self, at: Positions, taps: Taps) -> Int[Tensor, "positions taps"]:
        """The same with clean rows beyond the patch; the row of the border outside the map."""
        if self.are_whole:
            return self.own(at, taps)
        y, x = at.y[:, None] + taps[0], at.x[:, None] + taps[1]
        first = (self.placement.image * (self.height * self.width)).index_select(0, at.window)[:, None]
        rows = torch.where((y >= 0) & (y < self.height), first + y * self.width, FAR)
        columns = torch.where((x >= 0) & (x < self.width), x, FAR)
        old = (rows[:, :, None] + columns[:, None, :]).clamp_(max=self.border)
        return torch.maximum(old, self._new(at, taps), out=old).flatten(1)

    def _new(self, at: Positions, taps: Taps) -> Int[Tensor, "positions taps_y taps_x"]:
        """Rows of the patches; negative beyond them."""
        place = self.placement
        y, x = at.y[:, None] + taps[0], at.x[:, None] + taps[1]
        top, bottom, left, right, start = (
            numbers.index_select(0, at.window)[:, None]
            for numbers in (place.top, place.bottom, place.left, place.right, place.start)
        )
        rows = torch.where((y >= top) & (y < bottom), (self.border + 1 + start) + (y - top) * (right - left), -FAR)
        columns = torch.where((x >= left) & (x < right), x - left, -FAR)
        return rows[:, :, None] + columns[:, None, :]

    def at(self, where: Positions) -> Rows:
        """Values at given positions."""
        tap = where.y.new_zeros(1)
        return self.store.index_select(0, self.reads(where, (tap, tap)).flatten())

    def stand_in(self) -> Maps:
        """What has the shape of the maps and no values."""
        return self.store.new_empty(()).expand(self.placement.windows, self.channels, self.height, self.width)

    def maps(self) -> Maps:
        """Whole maps, channels last in memory; a view where the patches are whole."""
        if self.are_whole:
            return self.rows.view(-1, self.height, self.width, self.channels).permute(0, 3, 1, 2)
        windows = torch.arange(self.placement.windows, dtype=torch.int32, device=self.store.device)
        corner = torch.zeros_like(windows)
        taps = [torch.arange(side, dtype=torch.int32, device=corner.device) for side in (self.height, self.width)]
        index = self.reads(Positions(windows, corner, corner), (taps[0], taps[1]))
        rows = self.store.index_select(0, index.flatten())
        return rows.view(-1, self.height, self.width, self.channels).permute(0, 3, 1, 2)

    def sums(self) -> Float[Tensor, "windows channels"]:
        """Over each window's map: the clean sum and the changes."""
        if self.are_whole:
            return self.rows.view(-1, self.height * self.width, self.channels).sum(1)
        window, y, x = self.placement.positions
        image = self.placement.image
        first = (image * self.height).index_select(0, window)
        old = self.store.index_select(0, (first + y) * self.width + x)
        return self.clean.sum((1, 2)).index_select(0, image).index_add_(0, window, self.rows - old)
