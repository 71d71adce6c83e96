"""All numbers of a `perturb` step for one network: of every image, samples of the first, occluders that flip these."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from analysis.attribution.counterfactual import smallest_flip
from analysis.attribution.covered_sets import occluding
from analysis.attribution.occluder import Occluder
from jobs.steps.class_names import class_names
from jobs.steps.perturb.options import NORMS
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.steps.perturb.step import Perturb
    from jobs.views import Views

PICTURES = ("drawn", "attack", "color", "row_pixel", "column_pixel")


def dataset(step: "Perturb", views: "Views", net: str, arrays: Arrays) -> xr.Dataset:
    """Dimensions image (in the study's order), attack, an epsilon of each norm, drawn."""
    attacks, options = list(step.options.attacks), step.options
    order = np.argsort(arrays[f"{net}|row"], kind="stable")
    rows = arrays[f"{net}|row"][order]
    drawn = rows[rows < options.images]
    variables: dict[str, Any] = {
        name: ("image", arrays[f"{net}|{name}"][order]) for name in ("row", "label", "before", "confidence")
    }
    for attack in attacks:
        norm = NORMS[attack]
        variables[f"success_{attack}"] = (("image", f"epsilon_{norm}"), arrays[f"{net}|{attack}|success"][order])
    distances = [arrays[f"{net}|{attack}|distance"][order] for attack in attacks]
    variables["distance"] = (("image", "attack"), np.stack(distances, axis=1))
    if len(drawn):
        for name, dims in (("perturbation", PICTURES), ("after", PICTURES[:2]), ("confidence", PICTURES[:2])):
            found = [[arrays[f"{net}|{attack}|{row}|{name}"] for attack in attacks] for row in drawn]
            variables["confidence_after" if name == "confidence" else name] = (dims, np.array(found))
        if options.window is not None:
            variables |= _flips(step, views, net, drawn, options.window)
    norms = {f"epsilon_{norm}": list(getattr(options, f"epsilons_{norm}")) for norm in ("linf", "l2")}
    held = {dim for dims, _ in variables.values() for dim in ([dims] if isinstance(dims, str) else dims)}
    coords: dict[str, Any] = {name: values for name, values in norms.items() if name in held}
    return xr.Dataset(variables, coords={"attack": attacks, "drawn": drawn, **coords}, attrs={"net": net})


def _flips(step: "Perturb", views: "Views", net: str, drawn: np.ndarray, side: int) -> dict[str, Any]:
    """The fewest windows of a grid that, covered in mid-gray, flip the class of each drawn image."""
    module, gray = views.net(net), views.scale(net).mean(0)
    occluder = Occluder(side, side)
    spans = product(*(axis.tolist() for axis in (occluder.rows(gray.shape[1]), occluder.columns(gray.shape[2]))))
    grid = [(top, left, bottom - top, right - left) for (top, bottom), (left, right) in spans]
    windows, covered, sentences, after = torch.tensor(grid), [], [], []
    for row in drawn:
        image = views.images(net, np.array([row]))[0]
        found = smallest_flip(occluding(module, image, windows, gray), len(grid))
        names = [f"({y}, {x})" for y, x, _, _ in grid]
        sentences.append(found.sentence(class_names(views.plan, net), names))
        covered.append([number in found.windows for number in range(len(grid))])
        after.append(found.after if found.flipped else -1)
    return {
        "window": (("grid", "edge"), np.array(grid)), "covered": (("drawn", "grid"), np.array(covered)),
        "class_without": ("drawn", np.array(after)), "because": ("drawn", np.array(sentences)),
    }  # fmt: skip
