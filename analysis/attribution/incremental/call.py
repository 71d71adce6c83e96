"""An operation of a network with what one run of it has shown: arguments by name, and the shapes of its maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.incremental.graph import Operation


@dataclass(frozen=True, eq=False)
class Call:
    """An operation in the network."""

    operation: Operation
    maps: Sequence[Operation]
    """Its sources that depend on the images."""
    values: Mapping[Operation, Any]
    """Outputs of all operations on one image, or stand-ins of the same shape."""

    @property
    def source(self) -> Any:
        """Its first map."""
        return self.values[self.maps[0]]

    @property
    def output(self) -> Any:
        """What it made."""
        return self.values[self.operation]

    @property
    def constants(self) -> dict[Operation, Any]:
        """Values of its other sources."""
        return {source: self.values[source] for source in self.operation.sources if source not in self.maps}

    def given(self, names: str) -> dict[str, Any]:
        """Arguments behind the first by name, those of a module from its attributes; None where one is left out."""
        if self.operation.module is not None:
            return {name: getattr(self.operation.module, name, None) for name in names.split()}
        positional = zip(names.split(), self.operation.args[1:], strict=False)
        found = {**dict.fromkeys(names.split()), **dict(positional), **self.operation.kwargs}
        constants = self.constants
        return {k: constants.get(value, value) if isinstance(value, Operation) else value for k, value in found.items()}

    def again(self, maps: Tensor) -> Tensor:
        """The operation on another map in place of its one source."""
        output: Tensor = self.operation.run({**self.constants, self.maps[0]: maps})
        return output

    @property
    def is_between_maps(self) -> bool:
        """Whether all that it takes of the images, and what it makes, are maps."""
        values = [self.output, *(self.values[source] for source in self.maps)]
        return all(isinstance(value, Tensor) and value.ndim == 4 for value in values)

    @property
    def is_global_mean(self) -> bool:
        """Whether it is the mean over all positions of one map, with or without the axes that it runs over."""
        if len(self.maps) != 1 or not isinstance(self.source, Tensor) or self.source.ndim != 4:
            return False
        if self.operation.kind in (nn.AdaptiveAvgPool2d, functional.adaptive_avg_pool2d):
            return bool(self.output.shape[2:] == (1, 1))
        dims = self.given("dim")["dim"] if self.operation.kind in (torch.mean, "mean") else None
        return isinstance(dims, tuple | list) and sorted(dim % 4 for dim in dims) == [2, 3]


def asks_shape(operation: Operation) -> bool:
    """Whether an operation reads the shape of a tensor and none of its values."""
    return operation.kind in ("size", "dim") or (operation.kind is getattr and operation.args[1] in ("shape", "ndim"))
