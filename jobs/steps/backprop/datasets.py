"""All numbers of a `backprop` step for one network: of every image, and the maps of the first."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analysis.attribution.cancellation import autocorrelation, cancellation
from jobs.errors import UserError
from jobs.steps.step import Arrays

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.backprop.step import Backprop
    from jobs.views import Views


def dataset(step: "Backprop", plan: "Plan", views: "Views", net: str, arrays: Arrays) -> xr.Dataset:
    """Dimensions image (in the study's order), attribution, drawn; maps (drawn, attribution, color, height, width).

    UserError where the gradient does not go through the layer whose terms are counted.
    """
    options, methods = step.options, list(step.options.methods)
    order = np.argsort(arrays[f"{net}|row"], kind="stable")
    rows = arrays[f"{net}|row"][order]
    drawn = rows[rows < options.images]
    variables: dict[str, Any] = {
        "row": ("image", rows),
        "value": ("image", arrays[f"{net}|value"][order]),
        "channel": ("image", arrays[f"{net}|channel"][order]),
        "position": (("image", "axis"), arrays[f"{net}|position"][order]),
        "smoothness": (("image", "attribution"), _by_method(arrays, net, methods, "smoothness")[order]),
        "map": (MAPS, _maps(arrays, net, methods, "map", drawn, plan.nets[net].in_shape)),
    }
    if options.control:
        variables["control"] = (("image", "attribution"), _by_method(arrays, net, methods, "control")[order])
        variables["control_map"] = (MAPS, _maps(arrays, net, methods, "control map", drawn, plan.nets[net].in_shape))
    middle = step.middles[step.nets.index(net)]
    if middle:
        variables |= _cancelled(step, views, net, middle, drawn)
    variables |= _autocorrelated(variables["map"][1])
    ids = [views.manifest.entries[row].id for row in drawn]
    return xr.Dataset(
        variables,
        coords={"attribution": methods, "drawn": drawn, "id": ("drawn", ids)},
        attrs={"net": net, "layer": options.layer or "output", "through": middle},
    )


MAPS = ("drawn", "attribution", "color", "row_pixel", "column_pixel")


def _by_method(arrays: Arrays, net: str, methods: list[Any], what: str) -> np.ndarray:
    return np.stack([arrays[f"{net}|{method}|{what}"] for method in methods], axis=1)


def _maps(
    arrays: Arrays, net: str, methods: list[Any], what: str, drawn: np.ndarray, shape: tuple[int, int, int]
) -> np.ndarray:
    """Every map, those without colors repeated in each."""
    found = np.zeros((len(drawn), len(methods), *shape), np.float32)
    for number, row in enumerate(drawn):
        for place, method in enumerate(methods):
            found[number, place] = arrays[f"{net}|{method}|{what}|{row}"]
    return found


def _cancelled(step: "Backprop", views: "Views", net: str, middle: str, drawn: np.ndarray) -> dict[str, Any]:
    """Of the drawn images: how much of the gradient is left after its terms through a layer are summed, per pixel."""
    ratios, chances = [], []
    for row in drawn:
        images = views.images(net, np.array([row]))
        label = np.array([views.manifest.entries[row].label])
        neuron = step.neuron(net, views.net(net), images, label)
        try:
            found = cancellation(views.net(net), images, middle, neuron)
        except ValueError as error:
            raise UserError(f"steps.backprop.through: {error} Name one that leads to the neuron.") from error
        ratios.append(found.ratio[0].mean(0).numpy())
        chances.append(found.chance[0].mean(0).numpy())
    pixels = ("drawn", "row_pixel", "column_pixel")
    return {"left_after_cancellation": (pixels, np.stack(ratios)), "left_by_chance": (pixels, np.stack(chances))}


def _autocorrelated(maps: np.ndarray) -> dict[str, Any]:
    """By distance in pixels, of the sum over colors; and the standard error of white noise."""
    found = [[autocorrelation(one.sum(0, dtype=np.float64)) for one in image] for image in maps]
    values = np.array([[one.values for one in image] for image in found])
    return {
        "autocorrelation": (("drawn", "attribution", "lag"), values),
        "white_noise_error": ("lag", found[0][0].error),
    }
