"""How are a channel's values spread? Moments, range, zeros, quantiles and histogram of every channel in one pass."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from analysis.units.distributions import BINS, Distribution, distribution
from jobs.errors import UserError
from jobs.steps.chosen_layers import chosen_layers, chosen_nets
from jobs.steps.step import Arrays, Batch, Needs, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
FIELDS = tuple(field.name for field in fields(Distribution) if field.name != "bins")


class DistributionsOptions(BaseModel):
    """Which layers, and whether classes are counted apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nets: tuple[str, ...] | None = Field(None, min_length=1, description="Networks (default: all of the study).")
    layers: tuple[str, ...] = Field(("*",), min_length=1, description="Layers of the study, globs allowed.")
    by_class: bool = Field(False, description="Count the images of every class apart.")


@dataclass(frozen=True)
class Distributions:
    """Bound to a plan: `layers` are `net/layer` keys."""

    options: DistributionsOptions
    layers: tuple[str, ...]
    classes: int
    """Classes counted apart; 0 for all images together."""

    name: ClassVar[str] = "distributions"
    version: ClassVar[int] = 1

    @classmethod
    def bind(cls, options: DistributionsOptions, plan: "Plan") -> "Distributions":
        """Resolve names against the plan; UserError where a network, a layer or the classes are missing."""
        nets = chosen_nets(options.nets, plan, cls.name)
        if options.by_class and not plan.classes:
            raise UserError("steps.distributions.by_class: the images have no classes; name a source with labels.")
        layers = chosen_layers(nets, options.layers, plan, cls.name)
        return cls(options, layers, len(plan.classes) if options.by_class else 0)

    def identity(self) -> dict[str, Any]:
        """Layers and classes."""
        return {"layers": self.layers, "classes": self.classes}

    def needs(self) -> Needs:
        """Whole maps."""
        return Needs(maps=frozenset(self.layers))

    def result_bytes(self, plan: "Plan") -> int:
        """A histogram and seven numbers a channel, and class."""
        return sum(8 * plan.units_of(layer) * (BINS.count + 7) for layer in self.layers) * max(1, self.classes)

    def split(self, plan: "Plan", limit_bytes: int) -> list[Step]:
        """As many layers to a block as fit."""
        blocks: list[Distributions] = []
        for layer in self.layers:
            grown = replace(blocks[-1], layers=(*blocks[-1].layers, layer)) if blocks else None
            if grown and grown.result_bytes(plan) <= limit_bytes:
                blocks[-1] = grown
            else:
                blocks.append(replace(self, layers=(layer,)))
        return list(blocks)

    def reducer(self, _plan: "Plan") -> "Spread":
        """Distributions of one unit."""
        return Spread(self.layers, self.classes)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Distributions merge; a unit without a valid image has none."""
        if not left or not right:
            return left or right
        merged = {layer: restored(left, layer).merge(restored(right, layer)) for layer in self.layers}
        return _arrays(merged)

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """One dataset a layer: moments, range, sparsity, dead channels, quantiles and histogram."""
        return {layer.replace("/", "--"): _dataset(restored(arrays, layer), layer, plan) for layer in self.layers}

    def present(self, _plan: "Plan", results: dict[str, xr.Dataset], _views: "Views") -> "Presentation":
        """Quantile bands of every layer, and the table of layers."""
        from jobs.steps.distributions.plates import presentation

        return presentation(results)


class Spread:
    """Running distributions of one unit."""

    def __init__(self, layers: tuple[str, ...], classes: int):
        self.layers, self.classes = layers, classes
        self.found: dict[str, Distribution] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch; where classes are counted apart, images without a label are left out."""
        labeled = np.flatnonzero(batch.labels >= 0)
        for layer in self.layers:
            maps = batch.maps[layer]
            if self.classes:
                new = distribution(maps[labeled], batch.labels[labeled], self.classes)
            else:
                new = distribution(maps)
            self.found[layer] = self.found[layer].merge(new) if layer in self.found else new

    def arrays(self) -> Arrays:
        """Every field by layer."""
        return _arrays(self.found)


def restored(arrays: Arrays, layer: str) -> Distribution:
    """The distribution of one layer."""
    return Distribution(BINS, **{name: arrays[f"{layer}|{name}"] for name in FIELDS})


def _arrays(found: dict[str, Distribution]) -> Arrays:
    return {f"{layer}|{name}": getattr(one, name) for layer, one in found.items() for name in FIELDS}


def _dataset(found: Distribution, layer: str, plan: "Plan") -> xr.Dataset:
    by_class = found.n.ndim == 2
    dims = ("class", "unit") if by_class else ("unit",)
    named = {"class": list(plan.classes)} if by_class else {}
    quantiles = np.stack([found.quantile(q) for q in QUANTILES], axis=-1)
    net, _, name = layer.partition("/")
    return xr.Dataset(
        {
            "values": (dims, found.n), "not_a_number": (dims, found.nans), "mean": (dims, found.mean()),
            "variance": (dims, found.variance()), "minimum": (dims, found.minimum), "maximum": (dims, found.maximum),
            "sparsity": (dims, found.sparsity()), "dead": (dims, found.dead()), "beyond": (dims, found.beyond()),
            "quantiles": ((*dims, "q"), quantiles), "histogram": ((*dims, "bin"), found.counts),
            "edges": ("edge", BINS.edges()),
        },
        coords={"q": list(QUANTILES), **named},
        attrs={"net": net, "layer": name},
    )  # fmt: skip
