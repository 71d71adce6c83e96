"""Tables of a `karnaugh` step: formulas beside trees, inputs, terms, numbers of circuits, modes, evidence."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.boolean.calibration import reliability
from analysis.boolean.formula import LETTERS
from jobs.report.cells import Cell, number
from jobs.report.page import Table
from jobs.steps.karnaugh.datasets import FORMS, MEASURES, ORDERS, chosen_score

if TYPE_CHECKING:
    from jobs.steps.karnaugh.step import Karnaugh

Rows = list[tuple[Cell, ...]]
Found = dict[tuple[str, str], xr.Dataset]


def tables(step: "Karnaugh", results: dict[str, xr.Dataset]) -> tuple[Table, ...]:
    """All of them."""
    found = {(target, net): results[f"{target}--{net}"] for target in step.options.targets for net in step.nets}
    units = {net: results[f"{net}.units"] for net in step.nets}
    made = [_formulas(found), _terms(found), _inputs(found), _numbers(step, found)]
    if step.options.mode_images:
        made.append(_modes(units))
    if step.options.evidence:
        made.append(_evidence({net: results[f"{net}.evidence"] for net in step.nets}))
    return tuple(made)


def _formulas(found: Found) -> Table:
    rows: Rows = []
    for (target, net), one in found.items():
        for form in FORMS:
            first, second = (int(size) for size in one["size"].sel(form=form).values)
            size = f"{first} terms, {second} literals" if form != "tree" else f"{second} tests, depth {first}"
            judged = (float(value) for value in one["fidelity"].sel(form=form).values)
            rows.append((target, net, form, one.attrs.get(form, ""), size, *judged))
    note = (
        "Minimal formulas of the first k units, as sum of products and as product of sums, on held-out images, beside "
        "a decision tree that may test as many inputs as the sum has literals."
    )
    columns = ("target", "network", "form", "formula", "size", *(name.replace("_", " ") for name in MEASURES))
    return Table("Formulas", columns, rows, note)


def _terms(found: Found) -> Table:
    rows: Rows = []
    for (target, net), one in found.items():
        for dim in ("term", "clause"):
            parts = (one[f"{dim}_{part}"].values.tolist() for part in ("text", "images", "precision", "recall"))
            for text, images, precision, recall in zip(*parts, strict=True):
                rows.append((target, net, dim, text, int(images), precision, recall))
    note = (
        "Held-out images where a term holds, how many of these have the target, and how many of those with the target "
        "it finds; of a clause the same for images without the target, which it excludes."
    )
    return Table("Terms", ("target", "network", "part", "formula", "images", "precision", "recall"), rows, note)


def _inputs(found: Found) -> Table:
    rows: Rows = []
    for (target, net), one in found.items():
        for place in range(_inputs_of(one)):
            part = one.isel(unit=place)
            unit = f"{part['layer'].item()} #{part['channel'].item()}"
            left = [float(value) for value in one["ablated"].values[place]]
            elsewhere = str(one["ablated_formula"].values[place, 2])
            numbers = float(part["threshold"]), float(part["information"])
            rows.append((target, net, LETTERS[place], unit, *numbers, *left, elsewhere))
    note = (
        "The units, their thresholds, what each alone tells of the target in bits; then the circuit's fidelity on "
        "held-out images with the unit always off, of the formula of the other inputs, and of that circuit of the pool "
        "without it which is best on the images of the fit, with its formula (letters beyond the k-th are further "
        "units of the pool)."
    )
    columns = (
        "target", "network", "input", "unit", "threshold", "bits", "always off", "others", "best without",
        "its formula",
    )  # fmt: skip
    return Table("Inputs, and what is left without each", columns, rows, note)


def _numbers(step: "Karnaugh", found: Found) -> Table:
    rows: Rows = []
    for (target, net), one in found.items():
        chosen = chosen_score(found[target, other] for other in step.nets)
        near = int((one["score"].values >= chosen - step.options.near - 1e-12).sum())
        most = int(np.argmax(one["irredundant_by_inputs"].values[:, -1]))
        irredundant = one["irredundant_by_inputs"].values[most, -1]
        judged, possible = one.attrs["judged_subsets"], one.attrs["possible_subsets"]
        exact = not one.attrs["more_circuits"]
        rows.append(
            (
                target, net, _at_least(one["minimum"].values[0], not one["at_least"].values[0]),
                _at_least(irredundant, bool(one["irredundant_exact_by_inputs"].values[most, -1])),
                number(judged) if judged == possible else f"{number(judged)} of {number(possible)}",
                _at_least(one.sizes["rank"], exact), _at_least(one.attrs["functions"], exact),
                str(one["circuit"].values[0]), float(one["score"][0]), float(one["score_error"][0]),
                _at_least(near, exact), float(one["carriers"].values[0]),
            )
        )  # fmt: skip
    columns = (
        "target", "network", "minimum", "irredundant", "sets", "circuits", "functions", "best by fit", "its score",
        "standard error", "near the best of all", "spread over",
    )  # fmt: skip
    return Table("How many circuits", columns, rows, _how_counted(step))


def _how_counted(step: "Karnaugh") -> str:
    near = f"{100 * step.options.near:g} %"
    return (
        "Minimum formulas of the drawn circuit; the most irredundant ones of the first inputs, up to six, in any of "
        f"{ORDERS} orders of the pool; circuits of all sets of inputs, and the functions among them, which differ on "
        "an image of the fit; the circuit that is best on the images of the fit, its "
        f"{step.options.score.replace('_', ' ')} on held-out images, and how far other images would move it (standard "
        f"error; above {near} that is further than the margin of the next column); circuits that are on held-out "
        f"images at most {near} below the best by fit of all networks; over how many inputs the drawn circuit is "
        "spread (participation ratio of what it loses as each is silenced)."
    )


def _modes(units: dict[str, xr.Dataset]) -> Table:
    rows: Rows = []
    for net, one in units.items():
        for number_ in range(one.sizes["unit"]):
            part = one.isel(unit=number_)
            unit = f"{part['layer'].item()} #{part['channel'].item()}"
            called = " or ".join(str(name) for name in part["name"].values if name)
            rows.append(
                (net, unit, int((part["row"].values >= 0).sum()), int(part["modes"]),
                 float(part["controls"].values.mean()), float(part["valley"]), float(part["p"]), called)
            )  # fmt: skip
    note = (
        "A unit's strongest images, split while the next layer's activations show a valley that one Gaussian of the "
        "same mean and covariance hardly ever shows: modes, the mean number of ten such Gaussians, depth of the first "
        "valley (0 one peak, 1 a gap) and the share of controls with as deep a one."
    )
    return Table("Modes", ("network", "unit", "images", "modes", "control", "valley", "p", "names"), rows, note)


def _evidence(found: dict[str, xr.Dataset]) -> Table:
    rows: Rows = []
    for net, one in found.items():
        for target in one["target"].values:
            for model in one["model"].values:
                part = one.sel(target=target, model=model)
                judged = reliability(part["probability"].values, part["has_target"].values.astype(bool))
                held = float(part["has_target"].values.mean())
                rows.append((str(target), net, str(model), held, judged.expected_error(), judged.brier()))
    note = "Share of held-out images with the target, expected calibration error and mean squared error of each model."
    return Table("Evidence", ("target", "network", "model", "share", "calibration error", "Brier"), rows, note)


def _at_least(count: float, exact: bool) -> str:
    return f"{'' if exact else 'at least '}{number(int(count))}"


def _inputs_of(one: xr.Dataset) -> int:
    return int(one.sizes["input"])
