"""Figures of a `karnaugh` step: every target's map, its circuits, its AND of ORs, then evidence and calibration."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.boolean.formula import LETTERS
from analysis.boolean.minimize import EXACT_INPUTS
from analysis.boolean.notation import letters, parse
from analysis.boolean.truth_table import Counts
from jobs.figures.and_of_ors import and_of_ors_figure
from jobs.figures.circuits import Circuits, circuits
from jobs.figures.karnaugh import Karnaugh as Drawn
from jobs.figures.karnaugh import karnaugh
from jobs.figures.plate import Plate, plate_name
from jobs.steps.karnaugh.datasets import chosen_score
from jobs.steps.karnaugh.evidence_plates import evidence_plates
from jobs.steps.karnaugh.tables import tables
from jobs.steps.karnaugh.units import Shown, by_modes, shown_units, strongest_pictures
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.karnaugh.step import Karnaugh
    from jobs.views import Views

SECTION = "Karnaugh maps"


def presentation(step: "Karnaugh", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """For each target a map a network, its circuits, and an AND of ORs a network; for each network its evidence."""
    plates: list[tuple[str, Plate]] = []
    for target in step.options.targets:
        found = {net: results[f"{target}--{net}"] for net in step.nets}
        inputs = {net: _inputs(step, net, one, results) for net, one in found.items()}
        if step.options.size <= EXACT_INPUTS:
            plates += [(SECTION, _map(step, one, inputs[net], views)) for net, one in found.items()]
        plates.append((SECTION, _circuits(step, target, found, inputs)))
        for net, one in found.items() if step.options.mode_images else ():
            plate = _and_of_ors(step, one, inputs[net], views)
            plates += [(SECTION, plate)] if plate else []
    for net in step.nets if step.options.evidence else ():
        plates += [(SECTION, plate) for plate in evidence_plates(results[f"{net}.evidence"], views)]
    return Presentation(tuple(plates), tables(step, results), ())


def _inputs(step: "Karnaugh", net: str, found: xr.Dataset, results: dict[str, xr.Dataset]) -> list[Shown]:
    k = step.options.size
    layers, channels = found["layer"].values[:k].tolist(), found["channel"].values[:k].tolist()
    return shown_units(step, layers, channels, results[f"{net}.units"])


def _map(step: "Karnaugh", found: xr.Dataset, inputs: list[Shown], views: "Views") -> Plate:
    target, net, k = found.attrs["target"], found.attrs["net"], len(inputs)
    counts = Counts(found["fit_negatives"].values, found["fit_positives"].values)
    table = counts.table(float(found.attrs["share"]))
    shown = Drawn(
        table, parse(found.attrs["sum"], letters(k)), target, [unit.name for unit in inputs], counts,
        pictures=[strongest_pictures(step, net, unit, views) for unit in inputs],
    )  # fmt: skip
    judged = found["fidelity"].sel(form="sum")
    rule = f"more than {100 * float(found.attrs['share']):.2g} % of its images have it"
    return Plate(
        plate_name("karnaugh", target, net),
        f"{target} in {net}, as a function of {k} units",
        f"Every cell is one state of the units, 1 where {rule}, with the images that have it of all images below; "
        "a dash was never seen, or tied. Each loop is a term of the formula, in its color. On held-out images: "
        f"balanced accuracy {float(judged.sel(measure='balanced_accuracy')):.3f}, accuracy "
        f"{float(judged.sel(measure='accuracy')):.3f} (standard error of the {step.options.score.replace('_', ' ')} "
        f"{float(found['fidelity_error'].sel(form='sum')):.3f}). Under each unit its strongest images; its name are "
        "the classes of their modes.",
        karnaugh(shown),
        {"table": table.values, **{name: found[name].values for name in ("fit_negatives", "fit_positives")},
         "formula": np.array(found.attrs["sum"])},
    )  # fmt: skip


def _circuits(step: "Karnaugh", target: str, found: dict[str, xr.Dataset], inputs: dict[str, list[Shown]]) -> Plate:
    score, k = step.options.score, step.options.size
    shown = [
        Circuits(
            f"{target} in {net}",
            one["inputs"].values, one["minimum_by_inputs"].values, one["irredundant_by_inputs"].values,
            np.sort(one["score"].values)[::-1], chosen_score(found.values()), step.options.near,
            float(one["fidelity"].sel(form="sum", measure=score)),
            [f"{letter} {unit.short}" for letter, unit in zip(LETTERS, inputs[net], strict=False)],
            one["ablated"].values,
        )
        for net, one in found.items()
    ]  # fmt: skip
    return Plate(
        plate_name("circuits", target),
        f"How many circuits explain {target}, and whether they hang on one unit",
        "Left: formulas of one to six units, each dot a set of them: those of least cost, and those that could lose no "
        "term, each a local minimum; where they part, the images leave much open. Middle: "
        f"every circuit of {k} units of the pool that was judged, by its fidelity on held-out images; the line is the "
        "circuit that is best on the images of the fit, of all networks, and the band begins "
        f"{100 * step.options.near:g} % below it (what lies above the line is partly luck). Right: what is left of the "
        "drawn circuit, at the line, without each unit, the best of the pool chosen on the images of the fit too; "
        "marks near the line say that others carry what it knew.",
        circuits(shown, score.replace("_", " ")),
        {f"{net}/{name}": one[name].values
         for net, one in found.items()
         for name in ("inputs", "minimum_by_inputs", "irredundant_by_inputs", "seen_score", "score", "ablated")},
    )  # fmt: skip


def _and_of_ors(step: "Karnaugh", found: xr.Dataset, inputs: list[Shown], views: "Views") -> Plate | None:
    """Of the term that finds most with fewest false alarms; None for a constant."""
    formula = parse(found.attrs["sum"], letters(len(inputs)))
    if not any(term.literals for term in formula.terms):
        return None
    target, net = found.attrs["target"], found.attrs["net"]
    precision, recall = (np.nan_to_num(found[f"term_{name}"].values) for name in ("precision", "recall"))
    best = int(np.argmax(precision * recall / np.maximum(precision + recall, 1e-12)))
    values = [formula.terms[best].literal(place, len(inputs)) for place in range(len(inputs))]
    units = [
        by_modes(step, net, unit, value is False, views)
        for unit, value in zip(inputs, values, strict=True)
        if value is not None
    ]
    text = formula.term_texts([unit.short for unit in inputs])[best]
    return Plate(
        plate_name("and-of-ors", target, net),
        f"{target} in {net} as an AND of ORs",
        f"The term {text} of its formula, which finds {100 * recall[best]:.0f} % of held-out {target} and is right in "
        f"{100 * precision[best]:.0f} % of its cases. Each row is a unit, each square a mode of its strongest images: "
        "what they share beyond this unit, by the next layer; named by the classes that are frequent there, with its "
        "share of the images.",
        and_of_ors_figure(target, units),
        {f"{unit.short}/{number}": rows for unit in inputs for number, (_, rows, _) in enumerate(unit.modes)},
    )
