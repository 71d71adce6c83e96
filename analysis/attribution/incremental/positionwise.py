"""Operations that compute each position of a map from the same position of others: activations, sums, concatenation."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.incremental.graph import Operation
from analysis.attribution.incremental.patches import Maps, Patches, Rows
from analysis.attribution.incremental.rule import TAKE, Rule, Then, spread


@dataclass(frozen=True, eq=False)
class Positionwise(Rule):
    """The network's own operation, on maps of one position each."""

    operation: Operation
    maps: Sequence[Operation]
    """Those of its sources that are maps; others are constants."""
    constants: dict[Operation, Any]

    @property
    def fresh(self) -> bool:  # type: ignore[override]
        """Not for slices."""
        return self.operation.kind is not getitem

    def part_cost(self, channels: int) -> float:
        """Reading everything."""
        return TAKE * channels

    whole_cost = part_cost

    def whole(self, sources: Sequence[Tensor]) -> Maps:
        """The same operation, whatever the size."""
        return self.operation.run({**self.constants, **dict(zip(self.maps, sources, strict=True))})

    def rows(self, sources: Sequence[Tensor]) -> Rows:
        """Outputs at some positions."""
        return self.whole([rows[:, :, None, None] for rows in sources])[:, :, 0, 0]

    def fill(self, sources: Sequence[Patches], made: Patches, then: Then) -> None:
        """All sources at the positions of the output."""
        taken = [source.rows if source.lie_as(made) else source.at(made.placement.positions) for source in sources]
        for some in spread(made.rows, len(made.rows), made.channels):
            made.rows[some] = then(self.rows([rows[some] for rows in taken]))


@dataclass(frozen=True, eq=False)
class Scaling(Positionwise):
    """A batch norm in eval mode: a scale and a shift of each channel."""

    scale: Float[Tensor, " channels"]
    shift: Float[Tensor, " channels"]

    def rows(self, sources: Sequence[Tensor]) -> Rows:
        """Outputs at some positions."""
        return torch.addcmul(self.shift, sources[0], self.scale)
