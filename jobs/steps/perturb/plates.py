"""Figures and the table of adversarial samples: success against epsilon, the samples, what occluders flip."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.stats import binomtest

from jobs.figures.attributions import Look, around_gray, attributions
from jobs.figures.lines import Line, lines
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.backprop.plates import pictures
from jobs.steps.class_names import class_names
from jobs.steps.perturb.options import NORMS, Norm
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.perturb.step import Perturb
    from jobs.views import Views

SECTION = "Adversarial samples"
TITLES = {"fgsm": "FGSM", "pgd_linf": "PGD", "pgd_l2": "PGD, L2", "deepfool": "DeepFool"}
AXES: dict[Norm, str] = {
    "linf": "largest change of a pixel (levels of 255)",
    "l2": "L2 norm of the change (units of the pixel range)",
}


def presentation(step: "Perturb", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """A curve a norm, the drawn images of each network, one table."""
    plates = []
    for norm in dict.fromkeys(NORMS[attack] for attack in step.options.attacks):
        plates.append((SECTION, _curves(step, results, norm)))
    for net, found in results.items():
        if found.sizes["drawn"]:
            plates.append((SECTION, _samples(step, plan, net, found, views)))
    tables = [_table(step, results)]
    if step.options.window is not None:
        tables.append(_sentences(plan, results))
    return Presentation(tuple(plates), tuple(tables))


def _curves(step: "Perturb", results: dict[str, xr.Dataset], norm: Norm) -> Plate:
    given, arrays = [], {}
    for net, found in results.items():
        for attack in (attack for attack in step.options.attacks if NORMS[attack] == norm):
            success = found[f"success_{attack}"].values.astype(bool)
            epsilons = np.array(step.options.epsilons(attack)) * (255 if norm == "linf" else 1)
            bounds = [binomtest(int(s.sum()), len(s)).proportion_ci(method="wilson") for s in success.T]
            label = TITLES[attack] if len(results) == 1 else f"{net}, {TITLES[attack]}"
            low, high = (np.array([getattr(bound, end) for bound in bounds]) for end in ("low", "high"))
            given.append(Line(label, epsilons, success.mean(0), low, high))
            arrays[f"{net}_{attack}"] = success.mean(0)
    return Plate(
        plate_name("perturb", "success", norm),
        "How many images an attack turns, against the change that it may make",
        "Share of the images whose predicted class changes when an attack may change them by so much; a curve that "
        "rises early is a network that little changes. DeepFool looks for the nearest sample of another class.",
        lines(given, x_label=AXES[norm], y_label="share of images turned", interval="95 % interval (Wilson)"),
        {**arrays, "epsilon": np.array(getattr(step.options, f"epsilons_{norm}"))},
    )


def _samples(step: "Perturb", plan: "Plan", net: str, found: xr.Dataset, views: "Views") -> Plate:
    names, shown = class_names(plan, net), pictures(found, views)
    rows, ids = [], []
    for number, row in enumerate(found["drawn"].values):
        seen = int(np.flatnonzero(found["row"].values == row)[0])
        before, confidence = int(found["before"].values[seen]), float(found["confidence"].values[seen])
        looks = [Look("image", shown[number], caption=f"{names[before][:12]} {confidence:.2f}")]
        for place, attack in enumerate(found["attack"].values):
            change = _drawable(found["perturbation"].values[number, place])
            sample = np.clip(shown[number] + change, 0, 1)
            largest = float(np.abs(change).max()) or 1.0
            after = names[int(found["after"].values[number, place])][:12]
            sure = float(found["confidence_after"].values[number, place])
            title = TITLES[str(attack)]
            looks.append(Look(title, sample, caption=f"{after} {sure:.2f}"))
            looks.append(Look("its change", around_gray(change, largest), caption=f"x {0.5 / largest:.0f}"))
        rows.append(looks)
        ids.append("")
    return Plate(
        plate_name("perturb", "samples", net),
        f"Samples that turn {net}",
        "Each image, the sample of the smallest epsilon that turned it (the largest epsilon where none did), and the "
        "change between them, magnified by the number under it around mid-gray; under the pictures the predicted class "
        "and its probability.",
        attributions(rows, ids),
        {name: found[name].values for name in ("perturbation", "after", "confidence_after")} | {"image": shown},
    )


def _drawable(change: np.ndarray) -> np.ndarray:
    """(height, width, 1 or 3)."""
    change = np.moveaxis(change, 0, -1)
    return change if change.shape[-1] in (1, 3) else change.mean(-1, keepdims=True)


def _table(step: "Perturb", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        for place, attack in enumerate(found["attack"].values):
            distance = found["distance"].values[:, place]
            turned, factor = np.isfinite(distance), 255 if NORMS[attack] == "linf" else 1
            median = float(np.median(distance)) * factor if turned.mean() > 0.5 else float("nan")
            epsilons = step.options.epsilons(attack)
            strongest = float(found[f"success_{attack}"].values[:, -1].mean())
            unit = "levels" if NORMS[attack] == "linf" else "L2"
            rows.append((net, TITLES[str(attack)], len(distance), median, unit, strongest, epsilons[-1] * factor))
    columns = ("network", "attack", "images", "median distance", "in", "turned at most", "within")
    note = (
        "Median over all images of the smallest change found that turns one; distances in levels of 255 (largest "
        "change of a pixel) or L2 in units of the pixel range."
    )
    return Table("Adversarial samples", columns, tuple(rows), note)


def _sentences(plan: "Plan", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (net, str(found["row"].values[number]), str(found["because"].values[number]))
        for net, found in results.items()
        for number in range(found.sizes["drawn"])
    ]
    note = (
        "The fewest windows, named by their upper left corners, that flip the class when they are covered in mid-gray."
    )
    return Table("Because of which windows", ("network", "image", "reason"), tuple(rows), note)
