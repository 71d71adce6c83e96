"""Convolutions of 3 x 3 with fewer products: F(2 x 2, 3 x 3) of Lavin & Gray, 2016, arXiv:1509.09308.

A square of 2 x 2 outputs is a fixed linear map of 16 products, each of a combination of the 4 x 4 inputs and one of the
3 x 3 weights, in place of 36. Exact in exact arithmetic; rounding errors are about twice those of the plain sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.incremental.convolution import Convolution
from analysis.attribution.incremental.patches import Patches
from analysis.attribution.incremental.rule import TAKE, Then, spread
from analysis.attribution.incremental.sliding import taken_rows
from analysis.attribution.incremental.spans import Axis

FEWEST = 128
"""Channels below which the sums around the products cost more than the products that they save."""


@dataclass(frozen=True, eq=False)
class Winograd(Convolution):
    """A convolution of one group, 3 x 3 at stride 1."""

    @staticmethod
    def fits(rows: Axis, columns: Axis, weight: Tensor) -> bool:
        """Whether a convolution of one group is of this kind, and gains by it."""
        plain = all(axis[:2] == (3, 1) and axis.dilation == 1 for axis in (rows, columns))
        return plain and min(weight.shape[:2]) >= FEWEST and weight.dtype in (torch.float32, torch.float64)

    @cached_property
    def transformed(self) -> Float[Tensor, "16 inputs channels"]:
        """The 16 combinations of the weights."""
        combine = self.weight.new_tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
        return torch.einsum("ia,ocab,jb->ijco", combine, self.weight, combine).flatten(0, 1).contiguous()

    def part_cost(self, channels: int) -> float:
        """16 products for 4 outputs, 4 inputs taken, and sums."""
        return 16 / 36 * self.weight.numel() + TAKE * (8 * channels + 4 * len(self.weight))

    def fill(self, sources: Sequence[Patches], made: Patches, then: Then) -> None:
        """Squares of outputs from the first row and column of each patch; what lies beyond its last is dropped."""
        (source,) = sources
        source.outside(0.0)
        at = made.placement.tiles(2)
        rows, columns = (axis._replace(kernel=4) for axis in (self.rows, self.columns))
        index = taken_rows(source, at, rows, columns).T.contiguous()
        pair = torch.arange(2, dtype=torch.int32, device=at.y.device)
        places = made.own(at, (pair, pair)).T.long()
        outputs, inputs = self.weight.shape[:2]
        for some in spread(made.rows, len(at.window), 4 * (inputs + outputs)):
            taken = source.store.index_select(0, index[:, some].flatten())
            combined = _inputs(taken.view(4, 4, -1, inputs)).view(16, -1, inputs)
            products = torch.bmm(combined, self.transformed).view(4, 4, -1, outputs)
            found = _outputs(products).view(-1, outputs).add_(self.bias)
            made.store.index_copy_(0, places[:, some].flatten(), then(found))


def _inputs(taken: Float[Tensor, "4 4 squares inputs"]) -> Float[Tensor, "4 4 squares inputs"]:
    """Combinations of the inputs, along rows, then along columns, which overwrites them."""
    half = torch.empty_like(taken)
    for source, made in ((taken, half), (half.transpose(0, 1), taken.transpose(0, 1))):
        torch.sub(source[0], source[2], out=made[0])
        torch.add(source[1], source[2], out=made[1])
        torch.sub(source[2], source[1], out=made[2])
        torch.sub(source[1], source[3], out=made[3])
    return taken


def _outputs(products: Float[Tensor, "4 4 squares channels"]) -> Float[Tensor, "2 2 squares channels"]:
    """Sums of the products, along columns, then along rows."""
    return _summed(_summed(products.transpose(0, 1)).transpose(0, 1))


def _summed(products: Float[Tensor, "4 places squares channels"]) -> Float[Tensor, "2 places squares channels"]:
    sums = products.new_empty(2, *products.shape[1:])
    torch.add(products[1], products[2], out=sums[0]).add_(products[0])
    torch.sub(products[1], products[2], out=sums[1]).sub_(products[3])
    return sums
