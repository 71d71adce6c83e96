"""What excites a unit most? The strongest images of every channel of every chosen layer, from one pass.

An image enters once, with its largest value; ties go to the earlier image, so that units and workers change nothing.
Beside each crop of the position's receptive field stands its backward image, for exactly that unit and position
(Zeiler & Fergus, 2014, arXiv:1311.2901, fig. 2). Directions of a layer are units as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from analysis.arrays import Array
from analysis.units.top_images import NONE, TopImages, projected, top_images
from jobs.errors import UserError
from jobs.steps.chosen_layers import chosen_layers, chosen_nets
from jobs.steps.step import Arrays, Batch, Needs, Results, Step
from jobs.steps.top_images.options import TopImagesOptions
from jobs.steps.top_images.stimulators import dataset
from jobs.steps.unit_directions import UnitDirections, weights_by_layer

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

FIELDS = tuple(field.name for field in fields(TopImages))


@dataclass(frozen=True)
class StrongestImages:
    """Bound to a plan: `layers` are `net/layer` keys."""

    options: TopImagesOptions
    layers: tuple[str, ...]
    directions: UnitDirections | None = None
    """The step that finds the directions, where these are the units."""

    weights: Mapping[str, np.ndarray] | None = field(default=None, compare=False)
    """Of the directions, once they are found."""

    name: ClassVar[str] = "top_images"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: TopImagesOptions, plan: "Plan") -> "StrongestImages":
        """Resolve names against the plan; UserError where a network, a layer, a unit or a position is missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        layers = chosen_layers(nets, options.layers, plan, cls.name)
        _require_there(options, layers, plan)
        if options.direction is None:
            return cls(options, layers)
        return cls(options, layers, UnitDirections.bind(options.direction, nets, layers, plan, cls.name))

    def prerequisites(self) -> tuple[Step, ...]:
        """The step that finds the directions."""
        return () if self.directions is None else (self.directions,)

    def informed(self, results: list[Results]) -> "StrongestImages":
        """With the directions, once they are found."""
        return replace(self, weights=weights_by_layer(results[0])) if results else self

    def identity(self) -> dict[str, Any]:
        """Layers and every option."""
        options = self.options.model_dump(mode="json", exclude={"nets", "layers", "direction"})
        return {"layers": self.layers, "directions": self.directions and self.directions.identity(), **options}

    def needs(self) -> Needs:
        """Whole maps."""
        return Needs(maps=frozenset(self.layers))

    def units(self, plan: "Plan", layer: str) -> int:
        """Channels, or directions."""
        return plan.units_of(layer) if self.directions is None else len(self.directions.options.indices)

    def result_bytes(self, plan: "Plan") -> int:
        """Value, image and position of k images a unit."""
        return sum(8 * len(FIELDS) * self.units(plan, layer) * self.options.k for layer in self.layers)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """As many layers to a block as fit."""
        blocks: list[StrongestImages] = []
        for layer in self.layers:
            grown = replace(blocks[-1], layers=(*blocks[-1].layers, layer)) if blocks else None
            if grown and grown.result_bytes(plan) <= limit_bytes:
                blocks[-1] = grown
            else:
                blocks.append(replace(self, layers=(layer,)))
        return list(blocks)

    def reducer(self, _plan: "Plan") -> "Strongest":
        """The strongest images of one unit of work."""
        return Strongest(self)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """The strongest of both; a unit without a valid image has none."""
        if not left or not right:
            return left or right
        return named_arrays({layer: restored(left, layer).merge(restored(right, layer)) for layer in self.layers})

    def finish(self, plan: "Plan", arrays: Arrays, views: "Views") -> Results:
        """One dataset a layer: values, images, positions and boxes of all units, pictures of some."""
        return {
            layer.replace("/", "--"): dataset(self, plan, views, layer, restored(arrays, layer))
            for layer in self.layers
        }

    def present(self, plan: "Plan", results: Results, views: "Views") -> "Presentation":
        """Crops beside their backward images, unit by unit, and the table of receptive fields."""
        from jobs.steps.top_images.plates import presentation

        return presentation(self, plan, results, views)


class Strongest:
    """Running strongest images of one unit of work."""

    def __init__(self, step: StrongestImages):
        self.step = step
        self.found: dict[str, TopImages] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        for layer in self.step.layers:
            new = self._of(layer, batch.maps[layer], batch.rows)
            self.found[layer] = self.found[layer].merge(new) if layer in self.found else new

    def _of(self, layer: str, maps: Array, rows: np.ndarray) -> TopImages:
        if self.step.weights is not None:
            maps = projected(maps, self.step.weights[layer])
        k, place = self.step.options.k, self.step.options.place(maps.shape[2], maps.shape[3])
        if place is None:
            return top_images(maps, rows, k)
        y, x = place
        found = top_images(maps[:, :, y : y + 1, x : x + 1], rows, k)
        return replace(found, positions=np.where(found.rows == NONE, NONE, y * maps.shape[3] + x))

    def arrays(self) -> Arrays:
        """Values, images and positions by layer."""
        return named_arrays(self.found)


def restored(arrays: Arrays, layer: str) -> TopImages:
    """The strongest images of one layer."""
    return TopImages(**{name: arrays[f"{layer}|{name}"] for name in FIELDS})


def named_arrays(found: dict[str, TopImages]) -> Arrays:
    """What `restored` finds again."""
    return {f"{layer}|{name}": getattr(one, name) for layer, one in found.items() for name in FIELDS}


def _require_there(options: TopImagesOptions, layers: tuple[str, ...], plan: "Plan") -> None:
    """UserError for a channel or a position that some layer lacks."""
    for layer in layers:
        units, height, width = plan.shapes[layer]
        if isinstance(options.channels, tuple) and options.direction is None and max(options.channels) >= units:
            raise UserError(
                f"steps.top_images.channels: {max(options.channels)} is not in {layer}, which has 0 to {units - 1}."
            )
        place = options.place(height, width)
        if place is not None and not (place[0] < height and place[1] < width):
            raise UserError(
                f"steps.top_images.position: {list(place)} is not in {layer}, whose maps are {height} x {width}."
            )
