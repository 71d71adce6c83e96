"""Which images, or which units, does a network put side by side? Maps to the plane by t-SNE, PCA, Isomap, infomax.

All methods start from the same principal components, which follow from sums over all images of the pass; a share of the
points is held out, placed in each finished map, and judged apart.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from analysis.embedding.affinities import REACH
from jobs.errors import UserError
from jobs.steps.chosen_layers import chosen_layers, chosen_nets
from jobs.steps.embed.datasets import NEAR, embedded, matched_pairs
from jobs.steps.embed.options import EmbedOptions
from jobs.steps.embed.points import Images, Units, image_points, merged, unit_points
from jobs.steps.step import Arrays, Needs, Reducer, Step

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.presentation import Presentation
    from jobs.views import Views

UNITS = "units"
"""The dataset of a map of units; a map of images is named by its layer."""


@dataclass(frozen=True)
class Embed:
    """Bound to a plan: `layers` are `net/layer` keys; a block for images has fewer."""

    options: EmbedOptions
    nets: tuple[str, ...]
    layers: tuple[str, ...]

    name: ClassVar[str] = "embed"
    version: ClassVar[int] = 2

    @classmethod
    def bind(cls, options: EmbedOptions, plan: "Plan") -> "Embed":
        """Resolve names against the plan; UserError for missing names, unequal positions and too few points."""
        nets = chosen_nets(options.nets, plan, cls.name)
        found = cls(options, nets, chosen_layers(nets, options.layers, plan, cls.name))
        if options.points == "units":
            found._require_equal_positions(plan)
            found.sides()
            points = sum(plan.units_of(layer) for layer in found.layers)
        else:
            points = min(options.images, plan.rows)
        found.require_points(round(points * (1 - options.held_out)))
        return found

    @property
    def color(self) -> str:
        """What the points are colored by."""
        several = "net" if len(self.nets) > 1 else "layer"
        return self.options.color or ("class" if self.options.points == "images" else several)

    def sides(self) -> list[tuple[int, int]]:
        """Layers of two networks whose units are matched, by number; UserError where they do not pair in order."""
        if self.options.points != "units" or not self.options.matches or len(self.nets) != 2:
            return []
        a, b = ([n for n, layer in enumerate(self.layers) if layer.startswith(f"{net}/")] for net in self.nets)
        if len(a) != len(b):
            raise UserError(
                f"steps.embed.matches: {self.nets[0]} has {len(a)} of the layers and {self.nets[1]} {len(b)}, so they "
                "do not pair in order: name as many of each under layers, or write matches: false."
            )
        return list(zip(a, b, strict=True))

    def require_points(self, points: int) -> None:
        """UserError where a map has too few points for its methods."""
        options = self.options
        least = max(REACH * options.perplexity if "tsne" in options.methods else 0, options.neighbors, 2 * NEAR) + 1
        if points < least:
            raise UserError(
                f"steps.embed: a map of {points} {options.points} is asked for and perplexity {options.perplexity:g} "
                f"with {options.neighbors} neighbors needs {least:.0f}: lower them, or take more {options.points}."
            )

    def _require_equal_positions(self, plan: "Plan") -> None:
        first = self.layers[0]
        for layer in self.layers:
            if plan.positions_of(layer) != plan.positions_of(first):
                raise UserError(
                    f"steps.embed: units of {first} and {layer} have other samples, maps of {plan.shapes[first][1:]} "
                    f"and {plan.shapes[layer][1:]}: set extract.positions to mean or center."
                )

    def identity(self) -> dict[str, Any]:
        """Layers and options."""
        presented = {"nets", "layers", "thumbnails"}
        return {"layers": self.layers, **self.options.model_dump(mode="json", exclude=presented)}

    def needs(self) -> Needs:
        """Samples of all layers."""
        return Needs(samples=frozenset(self.layers))

    def result_bytes(self, plan: "Plan") -> int:
        """Products of units in float64; of images their vectors too."""
        sizes = [plan.units_of(layer) for layer in self.layers]
        if self.options.points == "units":
            return 8 * (sum(sizes) ** 2 + 4 * sum(sizes) + 1)
        images = min(self.options.images, plan.rows)
        return sum(8 * plan.groups * (d * d + 4 * d + 1) + images * (4 * d + 24) for d in sizes)

    def split(self, _plan: "Plan", _limit_bytes: int) -> list[Step]:
        """Images layer by layer; units of all layers at once."""
        if self.options.points == "units":
            return [self]
        return [replace(self, layers=(layer,)) for layer in self.layers]

    def reducer(self, plan: "Plan") -> Reducer:
        """One unit's sums, and vectors of images."""
        if self.options.points == "units":
            return Units(plan, self.layers)
        return Images(plan, self.layers, self.options.images)

    def merge(self, left: Arrays, right: Arrays) -> Arrays:
        """Sums add, images follow one another."""
        return merged(left, right)

    def finish(self, plan: "Plan", arrays: Arrays, _views: "Views") -> dict[str, xr.Dataset]:
        """One dataset for every layer, or one of all units: places by every method, and how good they are."""
        options = self.options
        if options.points == "units":
            return {UNITS: self._units(plan, arrays)}
        results = {}
        for layer in self.layers:
            points = image_points(plan, arrays, layer, options.components, options.held_out)
            self.require_points(int((~points.held_out).sum()))
            net, _, name = layer.partition("/")
            found = embedded(points, points.names["label"], options, plan)
            results[layer.replace("/", "--")] = found.assign_attrs(net=net, layer=name)
        return results

    def _units(self, plan: "Plan", arrays: Arrays) -> xr.Dataset:
        points, rho = unit_points(plan, arrays, self.layers, self.options.components, self.options.held_out)
        self.require_points(int((~points.held_out).sum()))
        joined, correlations = matched_pairs(points, rho, self.sides())
        found = embedded(points, self.groups(points.names["layer"]), self.options, plan, joined)
        dead = sum(plan.units_of(layer) for layer in self.layers) - len(points.x)
        return found.assign(joined=(("pair", "side"), joined), rho=("pair", correlations)).assign_attrs(
            layers=list(self.layers), dead=dead
        )

    def groups(self, layer: np.ndarray) -> np.ndarray:
        """The color of units, an index of `group_names`, by the number of their layer."""
        part = 0 if self.color == "net" else 2
        names = self.group_names()
        return np.array([names.index(key.partition("/")[part]) for key in self.layers])[layer]

    def group_names(self) -> list[str]:
        """Networks, or layers by name, of two networks once."""
        if self.color == "net":
            return list(self.nets)
        return list(dict.fromkeys(key.partition("/")[2] for key in self.layers))

    def present(self, plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> "Presentation":
        """Scatters of all methods, images on a grid, the table of quality."""
        from jobs.steps.embed.plates import presentation

        return presentation(self, plan, results, views)
