"""What the inputs of a target's circuit are called in its figures, and the images that they are shown by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.boolean.mode_names import or_name
from jobs.figures.and_of_ors import Mode, Unit
from jobs.steps.karnaugh.pictures import Pictures, pictures

if TYPE_CHECKING:
    from jobs.steps.karnaugh.step import Karnaugh
    from jobs.views import Views

NINE = 9
"""Images of a mode that are shown."""
MOST = 3
"""Modes that name a unit."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One input."""

    short: str
    """`#17`, behind its layer where inputs are of several."""
    name: str
    """The same with its modes: `#17: wheel or face`."""
    layer: str
    channel: int
    rows: np.ndarray
    """Its strongest images."""
    modes: tuple[tuple[str, np.ndarray, float], ...]
    """Name, strongest images and share of the images of each mode."""


def shown_units(step: "Karnaugh", layers: list[str], channels: list[int], units: xr.Dataset) -> list[Shown]:
    """Inputs in order; `units` as `units_dataset` makes it."""
    several = len(set(layers)) > 1
    return [_shown(step, layer, channel, units, several) for layer, channel in zip(layers, channels, strict=True)]


def _shown(step: "Karnaugh", layer: str, channel: int, units: xr.Dataset, several: bool) -> Shown:
    short = f"{layer} #{channel}" if several else f"#{channel}"
    (number,) = np.flatnonzero((units["layer"].values == layer) & (units["channel"].values == channel))
    found = units.isel(unit=int(number))
    rows, mode = found["row"].values, found["mode"].values
    called = [str(name) for name in found["name"].values if name]
    held = int((rows >= 0).sum())
    parts = tuple(
        (name, rows[mode == one][:NINE], float((mode == one).sum() / held)) for one, name in enumerate(called)
    )
    name = f"{short}: {_label(called)}" if step.options.mode_images else short
    return Shown(short, name, layer, channel, rows[rows >= 0][: step.options.images], parts)


def _label(modes: list[str]) -> str:
    """What modes are called, each by its first class where there are several, and no more than fit."""
    names = [_without_number(name, modes) for name in modes]
    distinct = list(dict.fromkeys(name.partition("/")[0] for name in names) if len(set(names)) > 1 else set(names))
    return or_name([*distinct[:MOST], *["…"] * (len(distinct) > MOST)])


def _without_number(name: str, modes: list[str]) -> str:
    """`three` of `three 2`, where there is `three 1` as well: modes of one name are numbered."""
    first, _, number = name.rpartition(" ")
    return first if number.isdecimal() and {f"{first} 1", f"{first} 2"} <= set(modes) else name


def strongest_pictures(step: "Karnaugh", net: str, unit: Shown, views: "Views") -> Pictures:
    """Of a unit's strongest images."""
    return pictures(views, net, unit.layer, unit.channel, unit.rows, step.options.value)


def by_modes(step: "Karnaugh", net: str, unit: Shown, negated: bool, views: "Views") -> Unit:
    """A unit as the row of an AND of ORs."""
    found = [
        Mode(name, share, pictures(views, net, unit.layer, unit.channel, rows, step.options.value))
        for name, rows, share in unit.modes
    ]
    return Unit(unit.short, found, negated)
