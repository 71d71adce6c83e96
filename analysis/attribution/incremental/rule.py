"""How an operation is run on what changed alone: which part of its output changes, at what cost, and its new values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from analysis.attribution.incremental.patches import Maps, Patches
from analysis.attribution.incremental.spans import Region

Then = Callable[[Tensor], Tensor]
"""What follows position by position, while the values are at hand; it may overwrite them."""

TAKE = 16.0
"""Taking one value from where it lies costs as much as so many multiply-adds of a matrix product."""


class Rule(ABC):
    """One kind of operation on maps."""

    fresh = True
    """Whether the output has memory of its own, which may be written over."""

    def affected(self, changed: Region) -> Region:
        """The region of the output that changes with a region of the inputs."""
        return changed

    def needed(self, wanted: Region) -> Region:
        """The region of the inputs that is read for a region of the output."""
        return wanted

    @abstractmethod
    def part_cost(self, channels: int) -> float:
        """Multiply-adds an output position, for inputs of so many channels in all, where only parts are computed."""

    @abstractmethod
    def whole_cost(self, channels: int) -> float:
        """The same where whole maps are."""

    @abstractmethod
    def fill(self, sources: Sequence[Patches], made: Patches, then: Then) -> None:
        """New values in all rows of `made`."""

    @abstractmethod
    def whole(self, sources: Sequence[Tensor]) -> Maps:
        """Outputs of whole maps."""


def spread(rows: Tensor, count: int, each: int) -> Iterator[slice]:
    """`count` rows in pieces that are computed at once, of `each` values a row.

    A megabyte on a CPU, which its cache holds; many on a GPU, which is to be kept busy.
    """
    step = max(1, 2 ** (26 if rows.is_cuda else 18) // each)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
