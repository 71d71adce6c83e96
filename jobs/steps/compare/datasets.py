"""All numbers of a comparison: every measure of every pair with interval, floor and kept directions; the details."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analysis.similarity.cca import Canonical
from analysis.similarity.distances import squared_distances
from analysis.similarity.fourier import SpectralJoint, similarity_map
from analysis.similarity.joint import Joint
from analysis.similarity.kernels import rbf_cka
from analysis.similarity.measures import MEASURES, MeasureName
from analysis.similarity.neighbors import mutual_neighbors
from analysis.similarity.noise import Scores, group_weights
from analysis.similarity.rsa import rsa
from jobs.steps.compare.aligned import aligned
from jobs.steps.layer_pairs import pair_name
from jobs.steps.pair_scores import CANONICAL, ONCE, PairScore, Truncation, by_frequency, estimate, pair_score

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compare.step import Compare
    from jobs.stored_rows import StoredRows

ESTIMATE = ("value", "low", "high", "floor")


def similarity(step: "Compare", joints: Any, measures: Sequence[MeasureName], stored: "StoredRows") -> xr.Dataset:
    """Dimensions `pair` and `estimate`: for each measure its estimates, kept directions and samples."""
    generator = np.random.default_rng(step.seed)
    columns: dict[MeasureName, list[PairScore]] = {}
    for measure in [name for name in measures if name in step.options.from_sums]:
        columns[measure] = [
            pair_score(measure, joints.joint(pair), joints.floor(pair), truncation(step), step.options.draws, generator)
            for pair in step.pairs
        ]
    columns |= _between_images(step, [name for name in measures if name not in columns], stored, generator)
    variables: dict[str, Any] = {}
    for measure, scores in columns.items():
        variables[measure] = (("pair", "estimate"), np.array([score.estimate for score in scores]))
        variables[f"{measure}_kept"] = (("pair", "side"), np.array([score.kept for score in scores]))
        variables[f"{measure}_samples"] = ("pair", np.array([score.samples for score in scores]))
    layers = np.array([[layer.partition("/")[2] for layer in pair] for pair in step.pairs])
    return xr.Dataset(
        variables,
        coords={
            "estimate": list(ESTIMATE), "side": ["a", "b"],
            "layer_a": ("pair", layers[:, 0]), "layer_b": ("pair", layers[:, 1]),
        },
        attrs={"kinds": {name: MEASURES[name].kind for name in columns}},
    )  # fmt: skip


def truncation(step: "Compare") -> Truncation:
    """What SVCCA keeps of every layer."""
    return Truncation(step.options.variance, step.options.rule)


def details(step: "Compare", plan: "Plan", joints: Any, stored: "StoredRows") -> dict[str, xr.Dataset]:
    """One dataset a pair: coefficients and directions, similarity by frequency, aligned directions over the images.

    None where every layer is compared with every other: these would be hundreds.
    """
    if step.options.pairs == "all":
        return {}
    found: dict[str, xr.Dataset] = {}
    for pair in step.pairs:
        joint = joints.joint(pair) if step.options.from_sums else None
        variables: dict[str, Any] = {}
        for measure in step.options.from_sums:
            if isinstance(joint, SpectralJoint):
                variables |= _frequencies(measure, joint, plan.shapes[pair[0]][1:], step)
            elif isinstance(joint, Joint) and measure in CANONICAL:
                variables |= _directions(measure, canonical(measure, joint, truncation(step)))
        if isinstance(joint, Joint) and step.options.aligned:
            variables |= aligned(pair, canonical("svcca", joint, truncation(step)), stored, step.options.max_images)
        if variables:
            found[pair_name(pair)] = xr.Dataset(variables, attrs={"classes": list(plan.classes)})
    return found


def canonical(measure: MeasureName, joint: Joint, truncation: Truncation) -> Canonical:
    """The directions of one pair, over all images."""
    extra = truncation._asdict() if measure == "svcca" else {}
    return CANONICAL[measure](joint.weighted(np.ones(len(joint.xy.n))), ONCE, **extra)[1]


def _directions(measure: MeasureName, found: Canonical) -> dict[str, Any]:
    direction = f"{measure}_direction"
    return {
        f"{measure}_coefficients": (direction, found.coefficients),
        f"{measure}_a": (("units_a", direction), found.x),
        f"{measure}_b": (("units_b", direction), found.y),
    }


def _frequencies(measure: MeasureName, joint: SpectralJoint, size: Any, step: "Compare") -> dict[str, Any]:
    weights = np.ones((1, len(joint.xy.n)))
    found = by_frequency(measure, joint, truncation(step), weights)
    plane = similarity_map(found.similarity, joint.frequencies, *size)
    return {f"{measure}_by_frequency": (("row", "column"), plane)}


def _between_images(
    step: "Compare", measures: Sequence[MeasureName], stored: "StoredRows", generator: np.random.Generator
) -> dict[MeasureName, list[PairScore]]:
    """Measures of the distances between the first images; for their floor y has its images in another order."""
    options = step.options
    if not measures:
        return {}
    rows = stored.images(options.max_images)
    groups, shuffled = stored.groups(rows), generator.permutation(len(rows))
    weights = group_weights(np.bincount(groups).astype(float), options.draws, generator)
    distances = _Distances(stored, rows)
    columns: dict[MeasureName, list[PairScore]] = {name: [] for name in measures}
    for x, y in step.pairs:
        of_x, of_y = distances(x), distances(y)
        moved = of_y[np.ix_(shuffled, shuffled)]
        for name in measures:
            scores = _scores(name, of_x, of_y, groups, weights, options.neighbors)
            chance = _scores(name, of_x, moved, groups, weights[:0], options.neighbors).value
            units = stored.plan.units_of(x), stored.plan.units_of(y)
            columns[name].append(PairScore(estimate(scores, chance), units, float(len(rows))))
    return columns


class _Distances:
    """Distances of every layer, computed once: 16 MB a layer of 2,000 images."""

    def __init__(self, stored: "StoredRows", rows: np.ndarray):
        self.stored, self.rows = stored, rows
        self.held: dict[str, np.ndarray] = {}

    def __call__(self, layer: str) -> np.ndarray:
        if layer not in self.held:
            self.held[layer] = squared_distances(
                lambda start, stop: self.stored.maps(layer, self.rows[start:stop]), len(self.rows)
            )
        return self.held[layer]


def _scores(
    name: MeasureName, x: np.ndarray, y: np.ndarray, groups: np.ndarray, weights: np.ndarray, neighbors: int
) -> Scores:
    if name == "rbf_cka":
        return rbf_cka(x, y, groups, weights)
    if name == "rsa":
        return rsa(x, y, groups, weights)
    return mutual_neighbors(x, y, groups, weights, min(neighbors, len(x) - 1))
