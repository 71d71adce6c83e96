"""Figures and the table of backward images: the maps beside those of random weights, and what each map looks like."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.attributions import Look, around_gray, attributions, map_limits
from jobs.figures.lines import Line, lines
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.class_names import class_names
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.backprop.step import Backprop
    from jobs.views import Views

TITLES = {
    "gradient": "gradient", "deconvnet": "deconvnet", "guided": "guided", "input_x_gradient": "input x gradient",
    "smoothgrad": "SmoothGrad", "integrated_gradients": "integrated", "grad_cam": "Grad-CAM",
}  # fmt: skip

BACKWARD = ("gradient", "deconvnet", "guided", "smoothgrad")
"""Methods whose maps are pictures: sign and color of every pixel are kept. Those of others are summed over colors."""

ALIKE = 0.5
"""Rank correlation with the maps of random weights from which a method is warned about."""

FARTHEST = 16
"""Pixels up to which autocorrelation is drawn."""

SECTION = "Backward images"


def presentation(step: "Backprop", plan: "Plan", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """Two figures a network and a table of all."""
    plates = []
    for net, found in results.items():
        plates += [(SECTION, _maps(step, plan, found, views)), (SECTION, _smoothness(net, found))]
    return Presentation(tuple(plates), (_table(results),), tuple(_warnings(results)))


def _maps(step: "Backprop", plan: "Plan", found: xr.Dataset, views: "Views") -> Plate:
    net = found.attrs["net"]
    rows, names = [], []
    shown = pictures(found, views)
    draw = Drawing(step.options.overlay, step.options.scale == "shared")
    for number, row in enumerate(found["drawn"].values):
        seen = int(np.flatnonzero(found["row"].values == row)[0])
        rows.append([
            Look("image", shown[number], caption=_unit(step, plan, found, seen)),
            *draw.looks(found, "map", number, shown[number]),
            *_cancelled(found, number),
        ])  # fmt: skip
        names.append("trained")
        if "control_map" in found:
            empty = Look("image", np.ones_like(shown[number]))
            rows.append([empty, *draw.looks(found, "control_map", number, shown[number])])
            names.append("random")
    what = "the predicted class" if step.options.layer is None else f"{step.options.layer}"
    return Plate(
        plate_name("backprop", net, *([step.options.layer] if step.options.layer else [])),
        f"What speaks for {what} in {net}",
        "Pixels that would raise the neuron, by each method; mid-gray (or white in a map) is zero, the number under "
        "a picture is its brightest value. In the second row the weights are random: what looks the same there comes "
        "from the image, not from what was learned. Left of the sum: at each pixel |sum| over sum of |terms| of the "
        f"plain gradient through the channels of {found.attrs['through']}; near 0 nearly all cancels.",
        attributions(rows, names),
        {name: found[name].values for name in ("map", "control_map", "left_after_cancellation") if name in found}
        | {"image": shown},
    )


def pictures(found: xr.Dataset, views: "Views") -> np.ndarray:
    """The drawn images in 0-1, (drawn, height, width, 1 or 3)."""
    return pictures_of(views, found.attrs["net"], found["drawn"].values)


def pictures_of(views: "Views", net: str, rows: np.ndarray) -> np.ndarray:
    """Images by row, in 0-1, (images, height, width, 1 or 3)."""
    black, white = views.scale(net).numpy()
    span = np.where(white == black, 1.0, white - black)
    return colored(np.clip((views.images(net, rows).numpy() - black) / span, 0.0, 1.0))


def colored(images: np.ndarray) -> np.ndarray:
    """Channels last, (images, height, width, 1 or 3); channels that are no colors are averaged."""
    moved = np.moveaxis(images, 1, -1)
    return moved if moved.shape[-1] in (1, 3) else moved.mean(-1, keepdims=True)


@dataclass(frozen=True)
class Drawing:
    """How maps are drawn."""

    overlay: bool
    """The sum over colors over the gray image."""
    shared: bool
    """Whether all images of a method have the same limits."""

    def looks(self, found: xr.Dataset, name: str, number: int, picture: np.ndarray) -> list[Look]:
        """One panel a method, of one of the drawn images."""
        return [
            self._look(str(method), found[name].values[:, place], number, picture)
            for place, method in enumerate(found["attribution"].values)
        ]

    def _look(self, method: str, maps: np.ndarray, number: int, picture: np.ndarray) -> Look:
        title, one, some = TITLES[method], maps[number], maps if self.shared else maps[number]
        if method == "grad_cam":
            return Look(title, one[0], map_limits(some), under=picture.mean(-1))
        if method in BACKWARD and len(one) in (1, 3) and not self.overlay:
            largest = map_limits(some)[1]
            scale = f"\N{PLUS-MINUS SIGN}{largest:.2g}" if one.any() else "zero everywhere"
            return Look(title, around_gray(np.moveaxis(one, 0, -1), largest), caption=scale)
        limits = map_limits(some.sum(-3))
        return Look(title, one.sum(0), limits, under=picture.mean(-1) if self.overlay else None)


def _cancelled(found: xr.Dataset, number: int) -> list[Look]:
    if "left_after_cancellation" not in found:
        return []
    return [Look("left of the sum", found["left_after_cancellation"].values[number], limits=(0.0, 1.0))]


def _unit(step: "Backprop", plan: "Plan", found: xr.Dataset, image: int) -> str:
    channel, value = int(found["channel"].values[image]), float(found["value"].values[image])
    if step.options.layer is not None or channel < 0:
        return f"#{channel}: {value:.2f}" if channel >= 0 else f"{value:.2f}"
    return f"{class_names(plan, found.attrs['net'])[channel][:14]}: {value:.1f}"


def _smoothness(net: str, found: xr.Dataset) -> Plate:
    lags = np.arange(1, min(found.sizes["lag"], FARTHEST + 1))
    error = 2 * found["white_noise_error"].values[lags]
    zero = np.zeros(len(lags))
    shown = [Line("white noise", lags, zero, -error, error)]
    for number, method in enumerate(found["attribution"].values):
        mean = found["autocorrelation"].values[:, number, lags].mean(0)
        shown.append(Line(TITLES[str(method)], lags, mean))
    return Plate(
        plate_name("backprop", net, "autocorrelation"),
        f"How smooth the maps of {net} are",
        "Correlation of a map with itself moved by so many pixels, mean over the images drawn. White noise stays near "
        "zero within the interval; a map that follows objects does not.",
        lines(shown, x_label="distance (pixels)", y_label="autocorrelation", interval="95 % of white noise"),
        {"lag": lags, "autocorrelation": found["autocorrelation"].values, "white_noise": error},
    )


def _table(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for net, found in results.items():
        for method in found["attribution"].values:
            one = found.sel(attribution=method)
            control = float(one["control"].mean(skipna=True)) if "control" in found else float("nan")
            rows.append((net, TITLES[str(method)], float(one["smoothness"].mean(skipna=True)), control))
    note = (
        "Means over all images: correlation of neighboring pixels of the map (0 is white noise), and rank correlation "
        "of its magnitudes with those of the same network with random weights (1: it shows nothing that was learned)."
    )
    return Table("Backward images", ("network", "method", "neighbors", "random weights"), tuple(rows), note)


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    warnings = []
    for net, found in results.items():
        for number, method in enumerate(found["attribution"].values if "control" in found else ()):
            alike = float(np.nanmean(found["control"].values[:, number]))
            if alike > ALIKE:
                warnings.append(
                    f"{net}: {method} explains the image more than the network: its maps with random weights have a "
                    f"rank correlation of {alike:.2f} with those of the trained one."
                )
    return warnings
