"""Figures and the table of a correlation step, composed of forms: matrices, sorted curves, pairing curves, filters."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from torch import nn

from analysis.similarity.matching import ALONE
from analysis.units.filters import filter_images
from jobs.figures.curves import Layer, Matched, Means, Pairing, depth, pairing_curves, sorted_correlations
from jobs.figures.matrix import Panel, matrices
from jobs.figures.plate import Plate, plate_name
from jobs.figures.tiles import Pairs, drawn_note, paired_filters
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.correlate.subspace_plates import block_plate, group_table
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.views import Views

SHOWN = 8
"""Best and worst matches drawn as filters."""


def presentation(plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """All figures of the step, its table of layers, and what a reader should be warned of."""
    plates = [("Over depth", _means(results)), ("Sorted correlations", _sorted(results))]
    plates += [("One-to-one pairs at each threshold", _pairing(results))]
    plates += [("Correlation matrices", _matrices(name, found)) for name, found in results.items()]
    plates += [("Matched filters", plate) for plate in _filters(plan, results, views)]
    clustered = {name: found for name, found in results.items() if "subspace_a" in found}
    plates += [("Shared subspaces", block_plate(name, found)) for name, found in clustered.items()]
    tables = (_table(results), *(group_table(name, found) for name, found in clustered.items()))
    return Presentation(tuple(plates), tables, tuple(_warnings(results)))


def _matched(found: xr.Dataset, partner: str) -> np.ndarray:
    """Correlation of every unit of A with its partner, NaN where it has none."""
    rho, chosen = found["rho"].values, found[partner].values
    values = rho[np.arange(len(chosen)), np.maximum(chosen, 0)]
    return np.where(chosen == ALONE, np.nan, values)


def _means(results: dict[str, xr.Dataset]) -> Plate:
    kinds = {"semi-matching, A to B": "semi_ab_mean", "bipartite matching": "bipartite_mean"}
    series, arrays = [], {}
    for label, variable in kinds.items():
        values = np.stack([found[variable].values for found in results.values()])
        series.append(Means(label, *values.T))
        arrays[variable] = values
    return Plate(
        plate_name("correlate", "depth"),
        "Mean matched correlation, layer by layer",
        "Each marker is the mean correlation of all matched channels of a layer, the bar behind it its 95 % bootstrap "
        "interval over images; a layer whose marker stays at its dashed floor shares nothing that matching finds.",
        depth(list(results), series, y_label="mean correlation"),
        {"layers": np.array(list(results)), **arrays},
    )


def _sorted(results: dict[str, xr.Dataset]) -> Plate:
    layers: list[Layer] = []
    arrays: dict[str, np.ndarray] = {}
    for name, found in results.items():
        semi, pairs = _matched(found, "semi_ab"), _matched(found, "bipartite")
        pairs = pairs[found["bipartite"].values != ALONE]
        floors = found["semi_ab_floor"].values, found["bipartite_floor"].values
        layers.append(Layer(name, (Matched("semi-matching", semi, floors[0]), Matched("bipartite", pairs, floors[1]))))
        arrays |= {f"{name}/semi": semi, f"{name}/semi_floor": floors[0]}
        arrays |= {f"{name}/bipartite": pairs, f"{name}/bipartite_floor": floors[1]}
    return Plate(
        plate_name("correlate", "sorted"),
        "Correlation of every channel with its match, best first",
        "The gap between the two solid lines is what a one-to-one rule costs; channels where a line falls to its "
        "dashed floor have no counterpart in the other network.",
        sorted_correlations(layers),
        arrays,
    )


def _pairing(results: dict[str, xr.Dataset]) -> Plate:
    curves: list[Pairing] = []
    arrays: dict[str, np.ndarray] = {}
    for name, found in results.items():
        share, floor = found["paired_share"].values, found["paired_share_floor"].values
        curves.append(Pairing(name, found["threshold"].values, share, floor, float(found["bottleneck"])))
        arrays |= {f"{name}/threshold": found["threshold"].values, f"{name}/share": share, f"{name}/floor": floor}
    return Plate(
        plate_name("correlate", "pairing"),
        "How many channels pair one-to-one when only correlations of at least t count",
        "Read off, for any standard t of 'the same', the share of the smaller layer's channels that have a "
        "partner of their own (Hopcroft-Karp); the dot marks the largest t at which all of them do.",
        pairing_curves(curves),
        arrays,
    )


def _matrices(name: str, found: xr.Dataset) -> Plate:
    rho, partner = found["rho"].values, found["bipartite"].values
    paired = partner[partner != ALONE]
    order = np.concatenate([paired, np.setdiff1d(np.arange(rho.shape[1]), paired)])
    a, b = found.attrs["net_a"], found.attrs["net_b"]
    channels_a, channels_b = f"channel of {a}", f"channel of {b}"
    panels = [
        Panel(f"within {a}", found["rho_a"].values, channels_a, channels_a),
        Panel(f"within {b}", found["rho_b"].values, channels_b, channels_b),
        Panel("between, natural order", rho, channels_b, channels_a),
        Panel(f"between, {b} in {a}'s order", rho[:, order], f"matched {channels_b}", channels_a),
    ]
    return Plate(
        plate_name("correlate", "matrices", name),
        f"Correlations at {name}",
        f"In natural order the channels of {a} and {b} have nothing to do with each other; a bright diagonal after "
        f"putting {b} into {a}'s order by bipartite matching shows the channels that both networks learned.",
        matrices(panels, limits=(-1.0, 1.0), color_label="correlation over images and positions"),
        {**{panel.title.replace(" ", "_"): panel.values for panel in panels}, "order": order},
    )


def _filters(plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> list[Plate]:
    """Filters of the first convolution behind the first pair of layers that comes straight from it."""
    for name, found in results.items():
        if (found["bipartite"].values == ALONE).all():
            continue
        sides = [(found.attrs[f"net_{side}"], found.attrs[f"layer_{side}"]) for side in "ab"]
        weights = [_first_filters(views.net(net), layer, plan.units_of(f"{net}/{layer}")) for net, layer in sides]
        if weights[0] is not None and weights[1] is not None and weights[0].shape[1:] == weights[1].shape[1:]:
            return [_matched_filters(name, found, (weights[0], weights[1]), kind) for kind in ("semi_ab", "bipartite")]
    return []


def _first_filters(net: nn.Module, layer: str, units: int) -> np.ndarray | None:
    """Weights of the first convolution where `layer` lies between it and the next one and keeps its channels."""
    first = None
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            if first is not None:
                return None
            first = module
        if name == layer.partition("@")[0] and first is not None and first.out_channels == units:
            return first.weight.detach().cpu().numpy()
    return None


def _matched_filters(name: str, found: xr.Dataset, weights: tuple[np.ndarray, np.ndarray], kind: str) -> Plate:
    rho, partner = _matched(found, kind), found[kind].values
    ranked = [unit for unit in np.argsort(-np.nan_to_num(rho, nan=-2.0), kind="stable") if partner[unit] != ALONE]
    images = filter_images(np.concatenate(weights))
    images_a, images_b = images[: len(weights[0])], images[len(weights[0]) :]
    count = min(SHOWN, max(1, len(ranked) // 2))
    blocks = []
    for title, units in ((f"best {count}", ranked[:count]), (f"worst {count}", ranked[-count:])):
        partners = [int(partner[unit]) for unit in units]
        channels = [int(unit) for unit in units]
        blocks.append(Pairs(title, images_a[units], images_b[partners], rho[units], channels, partners))
    label = {"semi_ab": "semi-matching", "bipartite": "bipartite matching"}[kind]
    return Plate(
        plate_name("correlate", "filters", kind, name),
        f"First-layer filters of the best and the worst matches, {label}",
        "Filters in one column were matched by their activations alone, never by their weights: alike among the best "
        "and unlike among the worst, they say that the correlation means what it should.",
        paired_filters(
            blocks, name_a=found.attrs["net_a"], name_b=found.attrs["net_b"], note=drawn_note(weights[0].shape[1])
        ),
        {"weights_a": weights[0], "weights_b": weights[1], "partner": partner, "rho": rho},
    )


def _table(results: dict[str, xr.Dataset]) -> Table:
    columns = (
        "layer", "channels", "samples", "same index", "semi, A to B", "semi, B to A", "bipartite", "agree",
        "bottleneck", "constant",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for name, found in results.items():
        a, b = found["rho"].shape
        means = [_measured(found[f"{kind}_mean"].values) for kind in ("semi_ab", "semi_ba", "bipartite")]
        constant = f"{int(found['constant_a'].sum())}, {int(found['constant_b'].sum())}"
        rows.append(
            (
                name, f"{a}" if a == b else f"{a}, {b}", int(found["samples"]), float(found["same_index"]), *means,
                float(found["agreement"]),
                Measured(float(found["bottleneck"]), floor=float(found["bottleneck_floor"])), constant,
            )
        )  # fmt: skip
    note = (
        "Means of signed correlations over matched channels, with their 95 % bootstrap interval over images and, as "
        "the floor, the same matching with the second network's images permuted: positions stay, so a floor holds "
        "what all images share at a place. Agree: share of channels where semi and bipartite matching name the same "
        "partner. Bottleneck: the weakest pair of the one-to-one matching whose weakest pair is strongest. Constant: "
        "channels of A and of B that never vary; they match nothing."
    )
    return Table("Matched channels, layer by layer", columns, tuple(rows), note)


def _measured(estimate: np.ndarray) -> Measured:
    value, low, high, floor = (float(part) for part in estimate)
    return Measured(value, low, high, floor)


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    found = []
    for name, dataset in results.items():
        for side in "ab":
            far = np.flatnonzero(dataset[f"far_{side}"].values)
            if len(far):
                found.append(
                    f"{name}: {len(far)} channels of {dataset.attrs[f'net_{side}']} (first {far[0]}) have a mean more "
                    "than 20 standard deviations from their pivot; their correlations lose digits."
                )
    return found
