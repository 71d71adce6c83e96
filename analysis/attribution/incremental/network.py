"""A network that is run again on what windows change in its images.

After Nakandala et al., 2019 (Krypton, doi:10.1145/3299869.3319874). Other than there, patches end at the border of a
map and hold no more than is read of them, and windows of any place and images of any number are one batch.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.activations import as_maps
from analysis.attribution.incremental.graph import Operation, depending, needed_for
from analysis.attribution.incremental.patches import Patches, Placement
from analysis.attribution.incremental.plan import Shapes, Step, planned
from analysis.attribution.incremental.spans import Region
from analysis.attribution.incremental.stages import staged
from analysis.attribution.incremental.sweep import Sweep
from analysis.attribution.incremental.tracing import UntraceableError, traced

STORE_BYTES = 2**25
"""Of the largest layer's patches on a CPU: enough windows for large products, and little memory."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Rectangles of images, each with one color in place of what was there."""

    region: Region
    image: Int[np.ndarray, " windows"]
    """Which image each lies in."""
    fill: Float[Tensor, " colors"]


class IncrementalNetwork:
    """The part of a network that some of its layers depend on, ready to be run on parts of their maps.

    It shares the network's modules, and is to be used in eval mode, without gradients.
    """

    def __init__(self, net: nn.Module, image: Float[Tensor, "1 colors height width"], layers: Sequence[str | None]):
        """None is the network's output. Raises UntraceableError, and as `Graph.layer` does."""
        graph = traced(net)
        self.images = graph.operations[0]
        self.layers = {name: graph.layer(name) for name in layers}
        self.operations = [each for each in needed_for(list(self.layers.values())) if each is not self.images]
        changing = depending(self.images, self.operations)
        if not changing.issuperset(self.layers.values()):
            raise UntraceableError("a layer does not depend on the images")
        self.constants, self.shapes = dict[Operation, Any](), dict[Operation, Any]()
        for operation, value in self._run(image):
            kept, as_kept = (self.shapes, _stand_in(value)) if operation in changing else (self.constants, value)
            kept[operation] = as_kept
        self.stages = staged(self.images, self.operations, self.constants | self.shapes, set(self.layers.values()))

    def on(self, images: Float[Tensor, "images colors height width"]) -> "CleanPass":
        """One run on images as they are."""
        kept = {self.images, *self.layers.values(), *(stage.output for stage in self.stages if stage.rule)}
        return CleanPass(self, {operation: value for operation, value in self._run(images) if operation in kept})

    def _run(self, images: Tensor) -> Iterator[tuple[Operation, Any]]:
        """All operations on whole images, channels last; values are dropped when nobody needs them any more."""
        values: dict[Operation, Any] = {self.images: images.contiguous(memory_format=torch.channels_last)}
        yield self.images, values[self.images]
        waiting = Counter(source for operation in self.operations for source in operation.sources)
        for operation in self.operations:
            values[operation] = operation.run(values)
            yield operation, values[operation]
            waiting.subtract(operation.sources)
            for source in operation.sources:
                if not waiting[source]:
                    del values[source]


class CleanPass:
    """Images as they are: what all windows have in common."""

    def __init__(self, network: IncrementalNetwork, values: Mapping[Operation, Tensor]):
        self.network = network
        self.layers = {name: as_maps(values[operation]) for name, operation in network.layers.items()}
        """Maps of the layers."""
        self.maps = {op: value.permute(0, 2, 3, 1).contiguous() for op, value in values.items() if value.ndim == 4}

    def covered(
        self, windows: Windows, read: Mapping[str | None, Region | None]
    ) -> Iterator[tuple[slice, dict[str | None, Patches | Tensor]]]:
        """Maps of the layers with windows covered, a number of windows at a time.

        `read` is the region of a layer's maps whose values are wanted; None is all of them.
        """
        network, count = self.network, len(windows.image)
        shapes = Shapes(network.shapes, count)
        wanted = dict[Operation, Region]()
        for name, operation in network.layers.items():
            if shapes.is_map(operation):
                region = read[name] or shapes.whole(operation)
                wanted[operation] = wanted[operation].hull(region) if operation in wanted else region
        steps = planned(network.stages, {network.images: windows.region}, wanted, shapes)
        sweep = Sweep(steps, self.maps, network.constants, windows.image)
        for some in _batches(steps, shapes, self.maps[network.images]):
            placement = Placement(windows.region.part(some), windows.image[some], windows.fill.device)
            patches = Patches(self.maps[network.images], placement)
            patches.rows[:] = windows.fill
            found = sweep.values({network.images: patches}, some, set(network.layers.values()))
            values = {name: found[operation] for name, operation in network.layers.items()}
            yield some, {name: v if isinstance(v, Patches) else as_maps(v) for name, v in values.items()}


def _stand_in(value: Any) -> Any:
    """A tensor of the same shape that takes no memory."""
    return value.new_empty(()).expand(value.shape) if isinstance(value, Tensor) else value


def _batches(steps: Sequence[Step], shapes: Shapes, images: Tensor) -> Iterator[slice]:
    """Equal numbers of windows, with which the patches of the largest layer are of the size of a store."""
    largest = max((_values(step, shapes) for step in steps), default=1.0)
    store = STORE_BYTES * (16 if images.is_cuda else 1)
    pieces = math.ceil(shapes.windows * largest * images.element_size() / store)
    for some in np.array_split(np.arange(shapes.windows), min(max(pieces, 1), shapes.windows)):
        yield slice(int(some[0]), int(some[-1]) + 1)


def _values(step: Step, shapes: Shapes) -> float:
    """Of a stage's output, for each window."""
    layer = step.stage.output
    if step.region is None:
        value = shapes.values[layer]
        return float(value.numel()) if isinstance(value, Tensor) else 0.0
    return float(step.region.areas.mean()) * shapes.channels(layer)
