"""Convolutions of parts of maps: what the taps read, selected into a matrix, times the weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from analysis.attribution.incremental.patches import Maps, Positions, Rows
from analysis.attribution.incremental.rule import TAKE
from analysis.attribution.incremental.sliding import Sliding, Taken


@dataclass(frozen=True, eq=False)
class Convolution(Sliding):
    """Weighted sums over taps and channels."""

    weight: Float[Tensor, "channels inputs_of_group height width"]
    bias: Float[Tensor, " channels"]
    groups: int = 1

    @cached_property
    def matrix(self) -> Float[Tensor, "taps_inputs channels"]:
        """The weights in the order in which taps are read."""
        return self.weight.permute(2, 3, 1, 0).flatten(0, 2).contiguous()

    def followed_by(self, scale: Float[Tensor, " channels"], shift: Float[Tensor, " channels"]) -> "Convolution":
        """The same with a scale and a shift of each channel behind it: a batch norm in eval mode."""
        return replace(self, weight=self.weight * scale[:, None, None, None], bias=self.bias * scale + shift)

    def part_cost(self, channels: int) -> float:
        """All products, and taking what the taps read."""
        return self.weight.numel() + TAKE * self.taps * channels

    def whole_cost(self, channels: int) -> float:
        """All products."""
        return self.weight.numel()

    def combined(self, taken: Taken, at: Positions) -> Rows:
        """One matrix product."""
        return torch.addmm(self.bias, taken.flatten(1), self.matrix)

    def whole(self, sources: Sequence[Tensor]) -> Maps:
        """The library's convolution."""
        return self.convolved(sources[0], (self.rows.padding, self.columns.padding))

    def convolved(self, maps: Maps, padding: tuple[int, int]) -> Tensor:
        """The library's convolution of these maps."""
        stride, dilation = (self.rows.stride, self.columns.stride), (self.rows.dilation, self.columns.dilation)
        return functional.conv2d(maps, self.weight, self.bias, stride, padding, dilation, self.groups)
