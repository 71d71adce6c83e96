"""Points to be mapped: images as a layer represents them, or units as they respond to all samples.

Of images a pass keeps the sums of all, by group, for the principal components, and the vectors of some drawn ones. Of
units it keeps products among all of them, in which the number of samples does not show.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.arrays import namespace, to_numpy
from analysis.comoments import SUMMED, Accumulator, Comoments
from analysis.embedding.pca import ALL, points_of, principal_components, sums_of
from jobs.errors import UserError
from jobs.steps.joint_sums import beside
from jobs.steps.step import Arrays, Batch

if TYPE_CHECKING:
    from jobs.plan import Plan

LISTED = ("rows", "labels", "groups", "vectors")
"""Arrays of a unit that follow one another; sums add."""


@dataclass(frozen=True)
class Points:
    """Points of one map. Those held out are placed when it is finished."""

    x: Float[np.ndarray, "points features"]
    """By all features: what quality is measured against."""
    components: Float[np.ndarray, "points axes"]
    """By the principal components of the points that the map is made from."""
    share: Float[np.ndarray, " axes"]
    """Of the variance, 0-1."""
    held_out: Bool[np.ndarray, " points"]
    names: dict[str, Int[np.ndarray, " points"]]
    """What each point is: `row` and `label`, or `layer` and `unit`."""


class Images:
    """One unit's images at some layers: sums of all, and vectors of those that are drawn, `most` of the study's.

    Drawn from all rows, which lie by group: the first ones would be of the first groups, and none of them held out.
    """

    def __init__(self, plan: "Plan", layers: tuple[str, ...], most: int):
        self.sums = {layer: Accumulator({ALL: plan.groups}, {"x": plan.pivot(layer)}) for layer in layers}
        self.kept: dict[str, list[np.ndarray]] = {
            name: [np.empty(0, np.int64)] for name in ("rows", "labels", "groups")
        }
        self.vectors = {layer: [np.empty((0, plan.units_of(layer)), np.float32)] for layer in layers}
        self.drawn = drawn_rows(plan.rows, most, plan.seed)

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        some = np.flatnonzero(self.drawn[batch.rows])
        for name, values in (("rows", batch.rows), ("labels", batch.labels), ("groups", batch.groups)):
            self.kept[name].append(np.asarray(values, np.int64)[some])
        for layer, sums in self.sums.items():
            samples = batch.samples[layer]
            means = namespace(samples).mean(samples, axis=1, keepdims=True)
            sums.add({"x": means}, batch.groups)
            self.vectors[layer].append(to_numpy(means)[some, 0].astype(np.float32))

    def arrays(self) -> Arrays:
        """By layer and name."""
        found: Arrays = {}
        for layer, sums in self.sums.items():
            total = sums.comoments()[ALL]
            found |= {f"{layer}|{name}": getattr(total, name) for name in SUMMED}
            found |= {f"{layer}|{name}": np.concatenate(parts) for name, parts in self.kept.items()}
            found[f"{layer}|vectors"] = np.concatenate(self.vectors[layer])
        return found


class Units:
    """One unit's samples: products among the units of all layers."""

    def __init__(self, plan: "Plan", layers: tuple[str, ...]):
        self.layers = layers
        self.sums = Accumulator({ALL: 1}, {"x": pivot(plan, layers)})

    def update(self, batch: Batch) -> None:
        """Add a batch's samples."""
        self.sums.add({"x": beside([batch.samples[layer] for layer in self.layers])}, batch.groups)

    def arrays(self) -> Arrays:
        """Every sum."""
        total = self.sums.comoments()[ALL]
        return {f"units|{name}": getattr(total, name) for name in SUMMED}


def drawn_rows(rows: int, most: int, seed: int) -> Bool[np.ndarray, " rows"]:
    """Which rows are drawn, the same wherever and in whatever units they are computed; all where there are no more."""
    drawn = np.zeros(rows, bool)
    drawn[np.random.default_rng(seed).choice(rows, min(most, rows), replace=False)] = True
    return drawn


def merged(left: Arrays, right: Arrays) -> Arrays:
    """Sums added, images one after another."""
    return {
        name: np.concatenate([left[name], right[name]])
        if name.rpartition("|")[2] in LISTED
        else left[name] + right[name]
        for name in left
    }


def pivot(plan: "Plan", layers: tuple[str, ...]) -> Float[np.ndarray, " units"]:
    """Pivots of several layers side by side."""
    return np.concatenate([plan.pivot(layer) for layer in layers])


def image_points(plan: "Plan", arrays: Arrays, layer: str, components: int, held_out: float) -> Points:
    """Images of a layer, by row; whole groups are held out, and components are those of all images of the others.

    UserError where some are to be held out and none of the images drawn is.
    """
    groups = arrays[f"{layer}|groups"]
    count = held_groups(plan.groups, held_out)
    first_held = plan.groups - count
    if held_out and not (groups >= first_held).any():
        raise UserError(
            f"steps.embed.held_out: {held_out:g} of {len(groups)} images of {layer} are to be held out, but none is in "
            f"the {count} held-out groups of {plan.groups}; raise steps.embed.images or resources.memory, or write "
            "held_out: 0."
        )
    sums = restored(arrays, layer, plan.pivot(layer)).weighted(1.0 * (np.arange(plan.groups) < first_held))
    found = principal_components(sums, components)
    order = np.argsort(arrays[f"{layer}|rows"], kind="stable")
    x = arrays[f"{layer}|vectors"][order].astype(np.float64)
    names = {"row": arrays[f"{layer}|rows"][order], "label": arrays[f"{layer}|labels"][order]}
    return Points(x, found.project(x), found.share, groups[order] >= first_held, names)


def held_groups(groups: int, share: float) -> int:
    """How many of the groups of images are held out: at least one where any is asked for, never all."""
    return min(groups - 1, max(1, round(share * groups))) if share else 0


def unit_points(
    plan: "Plan", arrays: Arrays, layers: tuple[str, ...], components: int, held_out: float
) -> tuple[Points, Float[np.ndarray, "points points"]]:
    """Units that vary, of all layers, and their correlations; drawn ones are held out."""
    sums = restored(arrays, "units", pivot(plan, layers))
    deviations = np.sqrt(sums.variance_x())
    live = np.flatnonzero(deviations > 0)
    rho = sums.covariance()[np.ix_(live, live)] / np.outer(deviations[live], deviations[live])
    x = points_of((rho + rho.T) / 2)
    held = np.zeros(len(x), bool)
    count = round(held_out * len(x))
    held[np.random.default_rng(plan.seed).choice(len(x), count, replace=False)] = True
    found = principal_components(sums_of(x[~held]), components)
    sizes = [plan.units_of(layer) for layer in layers]
    layer = np.repeat(np.arange(len(layers)), sizes)[live]
    unit = np.concatenate([np.arange(size) for size in sizes])[live]
    return Points(x, found.project(x), found.share, held, {"layer": layer, "unit": unit}), rho


def restored(arrays: Arrays, name: str, about: np.ndarray) -> Comoments:
    """The sums of one set with itself."""
    return Comoments(pivot_x=about, pivot_y=about, **{field: arrays[f"{name}|{field}"] for field in SUMMED})
