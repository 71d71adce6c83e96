"""Figures and the table of a comparison: over depth or layer by layer, by direction, by frequency, aligned."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.similarity.measures import MEASURES, MeasureName
from jobs.figures.curves import Means, depth
from jobs.figures.frequency_maps import FrequencyMap, frequency_maps
from jobs.figures.lines import Line, lines
from jobs.figures.panes import LayerMatrix, layer_matrix
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.compare.aligned_plate import aligned_plate
from jobs.steps.compare.layer_values import layer_values, limits_of
from jobs.steps.compare.set_plates import set_plates, set_table
from jobs.steps.layer_pairs import pair_name
from jobs.steps.pair_scores import CANONICAL, FEW
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compare.step import Compare

TOGETHER = 4
"""Measures in one figure, each with its floor."""

TABLED = 40
"""Pairs up to which every one has a row in the table."""


def presentation(step: "Compare", plan: "Plan", results: dict[str, xr.Dataset]) -> Presentation:
    """Every figure that the results have something for."""
    found = results["similarity"]
    plates: list[tuple[str, Plate]] = []
    if step.options.pairs == "all":
        plates += [("Layer by layer", _matrix(step, found, measure)) for measure in step.options.measures]
    else:
        plates += [("Similarity over depth", plate) for plate in _depths(step, found)]
    sets = {name: results[f"similarity {name}"] for name in step.sums.sets}
    if sets:
        plates += [("Similarity by set of images", plate) for plate in set_plates(step, sets)]
    pairs = {name: dataset for name, dataset in results.items() if name.partition(" ")[0] != "similarity"}
    for measure in step.options.measures:
        plates += [("Canonical correlations", plate) for plate in _coefficients(measure, pairs)]
        plates += [("Similarity by frequency", plate) for plate in _frequencies(measure, pairs)]
    plates += [
        ("Aligned directions", aligned_plate(step, plan, name, pair))
        for name, pair in pairs.items()
        if pair.sizes.get("shown")  # none where no direction was found
    ]
    tables = (_table(step, found), *((set_table(step, sets),) if sets else ()))
    return Presentation(tuple(plates), tables, tuple(_warnings(step, found)))


def _matrix(step: "Compare", found: xr.Dataset, measure: MeasureName) -> Plate:
    values, a, b = layer_values(found, measure)
    title, kind = MEASURES[measure].title, MEASURES[measure].kind
    return Plate(
        plate_name("compare", "layers", *step.nets, measure),
        f"{title} between all layers of {step.nets[0]} and of {step.nets[1]}",
        f"Each cell is one pair of layers (a {kind}); a diagonal says that layers of equal depth resemble each other, "
        "square blocks that layers do, a checkerboard that every second one does, as where residual sums alternate "
        "with what they add.",
        layer_matrix(
            LayerMatrix("", values, a, b), limits=limits_of(measure), color_label=title,
            x_label=f"layers of {step.nets[0]}", y_label=f"layers of {step.nets[1]}",
        ),
        {"values": values, "layers_a": np.array(a), "layers_b": np.array(b)},
    )  # fmt: skip


def _depths(step: "Compare", found: xr.Dataset) -> list[Plate]:
    plates = []
    for kind, how in (
        ("similarity", "a layer whose marker stays at its dashed floor shares nothing that the measure sees"),
        ("distance", "the lower, the more alike; the dashed floor is how far apart chance would put them"),
    ):
        measures = [name for name in step.options.measures if MEASURES[name].kind == kind]
        for start in range(0, len(measures), TOGETHER):
            some = measures[start : start + TOGETHER]
            plates.append(_depth(step, found, kind, how, some))
    return plates


def _depth(step: "Compare", found: xr.Dataset, kind: str, how: str, measures: list[MeasureName]) -> Plate:
    layers = [pair_name(pair) for pair in step.pairs]
    series = [Means(MEASURES[name].title, *found[name].values.T) for name in measures]
    highest = max(MEASURES[name].high for name in measures)
    return Plate(
        plate_name("compare", *step.nets, *measures),
        f"{kind.capitalize()} of {step.nets[0]} and {step.nets[1]}, layer by layer",
        f"Each marker is one pair of layers, the bar behind it its 95 % bootstrap interval over images; {how}.",
        depth(layers, series, y_label=kind, highest=highest),
        {"layers": np.array(layers)} | {name: found[name].values for name in measures},
    )


def _coefficients(measure: MeasureName, pairs: dict[str, xr.Dataset]) -> list[Plate]:
    held = {name: pair[f"{measure}_coefficients"].values for name, pair in pairs.items() if f"{measure}_a" in pair}
    if not held:
        return []
    shown = [Line(name, (np.arange(len(rho)) + 0.5) / len(rho), rho) for name, rho in held.items() if len(rho)]
    title = MEASURES[measure].title
    return (
        [
            Plate(
                plate_name("compare", measure, "coefficients"),
                f"Canonical correlations of {title}, largest first",
                "A line that stays high says that most directions are shared; one that falls early, that a few are.",
                lines(shown, x_label="share of the directions compared", y_label="canonical correlation"),
                held,
            )
        ]
        if shown
        else []
    )


def _frequencies(measure: MeasureName, pairs: dict[str, xr.Dataset]) -> list[Plate]:
    name = f"{measure}_by_frequency"
    held = {layer: pair[name].values for layer, pair in pairs.items() if name in pair}
    maps = [FrequencyMap(layer, values) for layer, values in held.items() if values.size > 1]
    if not maps:
        return []
    title = MEASURES[measure].title
    return [
        Plate(
            plate_name("compare", measure, "frequencies"),
            f"{title} at every frequency of the maps",
            "The middle compares the means of the maps, the rim their finest detail; bright where both networks keep "
            "the same information at that scale.",
            frequency_maps(maps, limits=(0.0, 1.0), color_label=f"{title}, mean over directions"),
            held,
        )
    ]


def _table(step: "Compare", found: xr.Dataset) -> Table:
    titles = [MEASURES[name].title for name in step.options.measures]
    rows: list[tuple[Cell, ...]] = []
    for number, pair in enumerate(step.pairs[:TABLED]):
        cells: list[Cell] = [pair_name(pair)]
        for name in step.options.measures:
            value, low, high, floor = (float(part) for part in found[name].values[number])
            cells.append(Measured(value, low, high, floor))
        first = next((name for name in step.options.measures if name in CANONICAL), step.options.measures[0])
        kept = found[f"{first}_kept"].values[number]
        rows.append((*cells, f"{kept[0]}, {kept[1]}", int(found[f"{first}_samples"].values[number])))
    more = (
        f" The first {TABLED} of {len(step.pairs)} pairs; the others are in the results."
        if len(step.pairs) > TABLED
        else ""
    )
    kinds = "; ".join(
        f"{MEASURES[name].title}: a {MEASURES[name].kind}, invariant to {MEASURES[name].invariant_to}"
        for name in step.options.measures
    )
    note = (
        f"{kinds}. With 95 % bootstrap intervals over images and, as the floor, the same on images permuted in "
        f"{step.nets[1]}. Kept: directions compared of each layer. A value without a floor is withheld." + more
    )
    return Table(
        f"Similarity of {step.nets[0]} and {step.nets[1]}", ("layer", *titles, "kept", "samples"), tuple(rows), note
    )


def _warnings(step: "Compare", found: xr.Dataset) -> list[str]:
    warnings = []
    for name in step.options.measures:
        samples, kept = found[f"{name}_samples"].values, found[f"{name}_kept"].values.max(1)
        few = np.flatnonzero(samples < FEW * kept) if name in step.options.from_sums else np.array([], int)
        if len(few):
            worst = int(few[np.argmin(samples[few] / kept[few])])
            warnings.append(
                f"{MEASURES[name].title}: {len(few)} of {len(samples)} pairs have fewer than {FEW} samples a direction "
                f"(least: {pair_name(step.pairs[worst])}, {int(samples[worst])} for {int(kept[worst])}); compare with "
                "the floor, and take more images."
            )
        withheld = np.flatnonzero(np.isnan(found[name].values[:, 0]))
        if len(withheld):
            warnings.append(
                f"{MEASURES[name].title}: {len(withheld)} of {len(samples)} pairs have no value (first "
                f"{pair_name(step.pairs[int(withheld[0])])}): a layer without a varying unit, fewer samples than "
                "directions, or no floor."
            )
    return warnings
