"""Which part of every map each window changes and somebody needs, and where whole maps are cheaper than parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from analysis.attribution.incremental.graph import Operation
from analysis.attribution.incremental.rule import TAKE
from analysis.attribution.incremental.spans import Region, whole_maps
from analysis.attribution.incremental.stages import Stage

Regions = dict[Operation, Region]


@dataclass(frozen=True, eq=False)
class Step:
    """A stage and where it is computed."""

    stage: Stage
    region: Region | None
    """Of its output, for each window; None for what is no map with a rule."""
    whole: bool = False
    """By whole maps."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """Sizes of maps, from values or stand-ins of one run."""

    values: Mapping[Operation, Any]
    windows: int

    def is_map(self, operation: Operation) -> bool:
        """Whether an output is maps."""
        value = self.values[operation]
        return isinstance(value, Tensor) and value.ndim == 4

    def channels(self, operation: Operation) -> int:
        """Of maps."""
        return int(self.values[operation].shape[1])

    def positions(self, operation: Operation) -> int:
        """In the maps of all windows."""
        return self.windows * int(self.values[operation].shape[2:].numel())

    def whole(self, operation: Operation) -> Region:
        """All of the maps."""
        return whole_maps(self.windows, *self.values[operation].shape[2:])


def planned(stages: Sequence[Stage], changed: Regions, wanted: Regions, shapes: Shapes) -> list[Step]:
    """`changed`: the region of the images; `wanted`: what is read of each layer that is a map and is read."""
    needed = _needed(stages, wanted, shapes)
    regions = dict(changed)
    steps = []
    for stage in stages:
        if stage.rule is None:
            steps.append(Step(stage, None))
            continue
        sources = [regions[source] if source in regions else shapes.whole(source) for source in stage.maps]
        region = sources[0]
        for other in sources[1:]:
            region = region.hull(other)
        region = stage.rule.affected(region).overlap(needed[stage.output])
        whole = _whole_is_cheaper(stage, sources, region, shapes)
        regions[stage.output] = shapes.whole(stage.output) if whole else region
        steps.append(Step(stage, regions[stage.output], whole))
    return steps


def _needed(stages: Sequence[Stage], wanted: Regions, shapes: Shapes) -> Regions:
    needed = dict(wanted)
    for stage in reversed(stages):
        for source in filter(shapes.is_map, stage.maps):
            region = stage.rule.needed(needed[stage.output]) if stage.rule else shapes.whole(source)
            needed[source] = needed[source].hull(region) if source in needed else region
    return needed


def _whole_is_cheaper(stage: Stage, sources: Sequence[Region], region: Region, shapes: Shapes) -> bool:
    """By multiply-adds; maps that are known in parts must be put together first."""
    assert stage.rule is not None
    channels = sum(shapes.channels(source) for source in stage.maps)
    together = 0.0
    for source, changed in zip(stage.maps, sources, strict=True):
        if changed.areas.sum() < shapes.positions(source):
            together += TAKE * shapes.positions(source) * shapes.channels(source)
    whole = together + shapes.positions(stage.output) * stage.rule.whole_cost(channels)
    return bool(whole <= region.areas.sum() * stage.rule.part_cost(channels))
