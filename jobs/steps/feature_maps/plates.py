"""Figures of feature maps: an image beside the maps that one layer makes of it, with the scale that they share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float

from jobs.figures.map_tiles import Beside, Limits, Tiles, map_tiles, vector_bars
from jobs.figures.plate import Plate, plate_name
from jobs.steps.presentation import Presentation
from jobs.steps.top_images.plates import brightness

if TYPE_CHECKING:
    from jobs.steps.feature_maps.step import FeatureMapsOptions
    from jobs.views import Views

PERCENTILE = 99.0
"""Of the values, or of their magnitudes where some are negative: few pixels hold the extremes."""

MARGIN = 0.05
"""Free part of the axis beyond the longest bar."""

SECTION = "Feature maps"

GRAY = "Black is 0, brighter is more; what is beyond the scale is white."
SIGNED = "White is 0, red positive, blue negative; what is beyond the scale has the color of its end."
OVERLAY = "The maps lie in color over the image in gray, each value as a square on the part of the image it stands for."
VECTOR = "The value of each channel as a bar."


def presentation(options: "FeatureMapsOptions", results: dict[str, xr.Dataset], views: "Views") -> Presentation:
    """A figure an image and layer, image by image."""
    images = range(next(iter(results.values())).sizes["image"])
    plates = [(SECTION, _plate(options, found, number, views)) for number in images for found in results.values()]
    return Presentation(tuple(plates), (), tuple(_warnings(results)))


def limits(maps: Float[np.ndarray, "..."], signed: bool) -> Limits:
    """(0, m) or (-m, m): m is the percentile of the magnitudes, the largest where that is 0, 1 where all are 0."""
    magnitudes = np.abs(maps[np.isfinite(maps)])
    m = float(np.percentile(magnitudes, PERCENTILE)) if magnitudes.size else 0.0
    m = m or float(magnitudes.max(initial=0.0)) or 1.0
    return (-m if signed else 0.0, m)


def _plate(options: "FeatureMapsOptions", found: xr.Dataset, number: int, views: "Views") -> Plate:
    net, layer = found.attrs["net"], found.attrs["layer"]
    row, name = int(found["image_row"].values[number]), str(found["id"].values[number])
    picture = brightness(views.images(net, np.array([row])).numpy(), net, views)[0]
    maps, channels = found["maps"].values, found["channel"].values
    beside = Beside(picture, name)
    arrays = {"maps": maps[number], "channel": channels, "picture": picture}
    if maps.shape[2:] == (1, 1):
        shown = maps if options.scale == "images" else maps[number]
        figure = vector_bars(beside, maps[number, :, 0, 0], [str(c) for c in channels], _axis(shown))
        how = VECTOR
    else:
        tiles = _tiles(options, found, number)
        figure = map_tiles(beside, tiles, _notes(options, found, number))
        how = " ".join(_how(options, found))
        arrays["limits"] = np.array(tiles.limits)
    drawn = "all" if len(channels) == found.attrs["channels"] else f"{len(channels)} of {found.attrs['channels']}"
    return Plate(
        plate_name("feature-maps", net, layer, f"image{row}"),
        f"What {layer} of {net} makes of {name}",
        f"The image, and the maps of {drawn} channels of {layer} ({maps.shape[2]} x {maps.shape[3]}). {how}",
        figure,
        arrays,
    )


def _tiles(options: "FeatureMapsOptions", found: xr.Dataset, number: int) -> Tiles:
    every, signed = found["maps"].values, bool(found["negative"])
    maps, labels = every[number], [f"#{channel}" for channel in found["channel"].values]
    if options.scale == "channel":
        scales = [limits(one, signed) for one in maps]
        labels = [
            f"{label}: {scale[1]:.2g}" if one.any() else f"{label}: 0"
            for label, scale, one in zip(labels, scales, maps, strict=True)
        ]
    else:
        scales = [limits(every if options.scale == "images" else maps, signed)] * len(maps)
    top, left, bottom, right = found["covered"].values.tolist() if options.overlay else (0.0, 0.0, 0.0, 0.0)
    return Tiles(maps, labels, scales, (top, left, bottom, right) if options.overlay else None)


def _notes(options: "FeatureMapsOptions", found: xr.Dataset, number: int) -> list[str]:
    """What the scale is, in two lines."""
    every = found["maps"].values
    shown = every if options.scale == "images" else every[number]
    what = "magnitudes" if bool(found["negative"]) else "values"
    if options.scale == "channel":
        return ["each map on its own scale", f"limit, under each map: {PERCENTILE:g} % of its {what} are below"]
    where = f"of all {len(every)} images" if options.scale == "images" else "shown"
    largest = f"{np.nanmax(np.abs(shown), initial=0.0):.3g}"
    return [
        f"activation, one scale for the maps {where}",
        f"{PERCENTILE:g} % of the {what} are within it, the largest is {largest}",
    ]


def _how(options: "FeatureMapsOptions", found: xr.Dataset) -> Iterator[str]:
    yield OVERLAY if options.overlay else SIGNED if bool(found["negative"]) else GRAY
    before = int(found.attrs["tokens_before"])
    if before:
        yield f"Tokens are laid out as the patches they stand for; {before} before them, the class token, is left out."


def _axis(values: Float[np.ndarray, "..."]) -> Limits:
    """Room for all bars and for zero."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    room = MARGIN * (high - low) or 1.0
    return (low - room if low < 0 else 0.0, high + room if high > 0 else 0.0 if low < 0 else 1.0)


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    counts = {key.replace("--", " ", 1): int((~np.isfinite(found["maps"])).sum()) for key, found in results.items()}
    return [f"{layer}: {count} values of its maps are not finite." for layer, count in counts.items() if count]
