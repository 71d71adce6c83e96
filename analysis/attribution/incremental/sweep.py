"""One pass of many windows through a network: each stage on what changed, or on whole maps where the plan says so."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from analysis.attribution.incremental.call import asks_shape
from analysis.attribution.incremental.graph import Operation
from analysis.attribution.incremental.patches import Patches, Placement
from analysis.attribution.incremental.plan import Step

Value = Patches | Any
"""Of an operation: patches, or what the network makes of a batch with one sample a window."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """What all windows share."""

    steps: Sequence[Step]
    clean: Mapping[Operation, Float[Tensor, "images height width channels"]]
    """Maps of the images as they are, for every stage that has a rule."""
    constants: Mapping[Operation, Any]
    image: Int[np.ndarray, " windows"]
    """Which image each window lies in."""

    def values(
        self, given: Mapping[Operation, Value], windows: slice, read: Collection[Operation]
    ) -> dict[Operation, Value]:
        """Values of the operations `read` for some windows, given the patches of their images."""
        values = dict(given)
        waiting = Counter(source for step in self.steps for source in step.stage.maps)
        for step in self.steps:
            maps = step.stage.maps
            values[step.stage.output] = self._value(step, [values[source] for source in maps], windows)
            waiting.subtract(maps)
            for source in maps:
                if not waiting[source] and source not in read:
                    values.pop(source, None)
        return {operation: values[operation] for operation in read}

    def _value(self, step: Step, sources: Sequence[Value], windows: slice) -> Value:
        rule, then = step.stage.rule, step.stage.then
        if rule is None or step.region is None:
            return self._as_network(step, sources)
        if step.whole:
            maps = rule.whole([_tensor(source) for source in sources])
            rows = then(maps.permute(0, 2, 3, 1).flatten(0, 2))
            return rows.unflatten(0, (-1, *maps.shape[2:])).permute(0, 3, 1, 2)
        clean = self.clean[step.stage.output]
        made = Patches(clean, Placement(step.region.part(windows), self.image[windows], clean.device))
        rule.fill([source if isinstance(source, Patches) else Patches.of(source) for source in sources], made, then)
        return made

    def _as_network(self, step: Step, sources: Sequence[Value]) -> Any:
        stage, first = step.stage, sources[0]
        if stage.mean is not None and isinstance(first, Patches):
            return (first.sums() / (first.height * first.width)).unflatten(1, stage.mean)
        operation = stage.operations[0]
        shape_only = asks_shape(operation)
        tensors = (
            source.stand_in() if shape_only and isinstance(source, Patches) else _tensor(source) for source in sources
        )
        return operation.run({**self.constants, **dict(zip(stage.maps, tensors, strict=True))})


def _tensor(value: Value) -> Any:
    return value.maps() if isinstance(value, Patches) else value
