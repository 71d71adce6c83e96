"""Figures and tables of filters: first layers side by side, every layer asked for, matches, the share of Gabors."""

import textwrap

import numpy as np
import xarray as xr

from analysis.similarity.matching import ALONE
from analysis.units.filters import filter_images, kernel_tiles
from analysis.units.gabor import SMALLEST, THRESHOLD, gabor_share
from jobs.figures.captioned import Captioned, captioned
from jobs.figures.kernels import kernel_rows
from jobs.figures.plate import Plate, plate_name
from jobs.figures.tiles import Pairs, mosaic, paired_filters, tiles
from jobs.report.cells import Cell, Measured, number, percent
from jobs.report.page import Table
from jobs.steps.presentation import Presentation

NARROW, BROAD = 8, 12
"""Filters a row, up to NARROW * NARROW of them and beyond."""

IN_COLOR = 5
"""Filters a row where each is four tiles."""

PAIRED = 12
"""Matches a row."""

NAME, WORDS = 26, 36
"""Characters of a network's name, and of smaller text, that three blocks side by side leave room for."""

FINEST = 160
"""Pixels across a block of first layers: at least two of the printed page each, so that separators stay whole."""

EXCITING = "Of all patches of equal energy the one that excites a filter most is the filter itself."


def presentation(results: dict[str, xr.Dataset]) -> Presentation:
    """All figures and tables of the step."""
    found = list(results.values())
    first = [one for one in found if one.attrs["first"]]
    plates = [("Filters", _side_by_side(first))] if len(first) > 1 else []
    plates += [("Filters", _plate(one)) for one in found if one.attrs["asked"]]
    matched = [one for one in found if "partner" in one]
    plates += [("Matched filters", _matched(one)) for one in matched if (one["partner"] != ALONE).any()]
    tables = ([_gabor_table(first)] if first else []) + ([_match_table(matched)] if matched else [])
    return Presentation(tuple(plates), tuple(tables))


def _images(found: xr.Dataset) -> np.ndarray:
    return filter_images(found["picture"].values, float(found["picture_scale"]))


def _columns(count: int) -> int:
    return NARROW if count <= NARROW**2 else BROAD


def _side_by_side(first: list[xr.Dataset]) -> Plate:
    """In the networks' own order, whatever they are matched with."""
    first = [one.sortby("number") for one in first]
    return Plate(
        plate_name("filters", "first-layers"),
        "First layers side by side",
        "Every tile is a filter over the image, each network on a scale of its own: mid-gray is zero. Oriented edges, "
        f"bars and colors are learned; noise is what training left untouched. {EXCITING}",
        captioned([_block(one) for one in first], columns=2 if len(first) in (2, 4) else 3),
        {f"{one.attrs['net']}/{one.attrs['layer']}": one["picture"].values for one in first},
    )


def _block(found: xr.Dataset) -> Captioned:
    images = _images(found)
    columns = min(_columns(len(images)), max(1, FINEST // (images.shape[2] + 1)), len(images))
    if columns < NARROW:
        images = images[: columns**2]
    name, *rest = textwrap.wrap(found.attrs["net"], NAME)
    shown, there = len(images), found.attrs["filters"]
    filters = f"{there} filters" if shown == there else f"{shown} of {there} filters"
    lines = [
        *rest, *textwrap.wrap(found.attrs["layer"], WORDS), f"{filters}, {images.shape[1]} x {images.shape[2]}",
        f"black to white: {_span(float(found['picture_scale']))}",
    ]  # fmt: skip
    return Captioned(name, mosaic(images, columns=columns), "\n".join(lines))


def _plate(found: xr.Dataset) -> Plate:
    """One layer in the form that suits it."""
    if not found.attrs["colored"]:
        return _kernels(found)
    return _in_color(found) if found.sizes["color"] == 3 else _in_gray(found)


def _in_gray(found: xr.Dataset) -> Plate:
    images = _images(found)
    columns = _columns(len(images))
    labels = _labels(found, fits=columns == NARROW)
    return _of_layer(
        found,
        f"Every tile is a filter over the image. Mid-gray is zero, brighter excites, darker inhibits. {EXCITING}",
        tiles(images, labels, columns=columns, note=_note(found, fits=columns == NARROW)),
    )


def _in_color(found: xr.Dataset) -> Plate:
    scale = float(found["picture_scale"])
    channels = kernel_tiles(found["picture"].values, scale)
    shown = []
    for label, image, gray in zip(_labels(found), _images(found), channels, strict=True):
        row = np.stack([image, *(np.repeat(one[..., None], 3, axis=-1) for one in gray)])
        shown.append(Captioned(label, mosaic(row, columns=4)))
    return _of_layer(
        found,
        "Each filter in color, then its weights for red, green and blue in gray, all on one scale; mid-gray is zero. "
        f"Where the three are alike, the filter sees brightness alone. {EXCITING}",
        captioned(shown, columns=IN_COLOR, note=_note(found)),
    )


def _kernels(found: xr.Dataset) -> Plate:
    groups = found.attrs["groups"]
    inputs = "the input channels of its group" if groups > 1 else "the input channels"
    weight = found["weight"].values
    return _of_layer(
        found,
        f"Each row is a filter, each tile its weights for one of {inputs}; mid-gray is zero. A column of strong tiles "
        "is an input that many filters use, a gray one an input that none needs.",
        kernel_rows(
            kernel_tiles(weight, float(found["scale"])), found["number"].values.tolist(), range(weight.shape[1]),
            note=_note(found),
        ),
    )  # fmt: skip


def _of_layer(found: xr.Dataset, how_to_read: str, figure: object) -> Plate:
    net, layer = found.attrs["net"], found.attrs["layer"]
    ordered = f", best match with {found.attrs['match']} first" if "match" in found.attrs else ""
    kept = ("number", "weight", "scale", "partner", "rho", "gabor_r2")
    return Plate(
        plate_name("filters", net, layer),
        f"Filters of {layer} in {net}{ordered}",
        how_to_read,
        figure,  # type: ignore[arg-type]
        {name: found[name].values for name in kept if name in found},
    )


def _labels(found: xr.Dataset, fits: bool = True) -> list[str]:
    """Number of each filter and, where there is room, how much of it its Gabor explains."""
    shown = found["number"].values
    if "gabor_r2" not in found or not fits:
        return [f"#{one}" for one in shown]
    r2 = found["gabor_r2"].values
    return [f"#{one}  {number(r2[one], 2)}" if one < len(r2) else f"#{one}" for one in shown]


def _note(found: xr.Dataset, fits: bool = True) -> str:
    text = f"Black to white: {_span(float(found['scale']))}; mid-gray is zero."
    if found.sizes["color"] == 3:
        text = f"In color, then red, green, blue. {text}"
    return text + (" Beside each number: R\N{SUPERSCRIPT TWO} of a Gabor." if "gabor_r2" in found and fits else "")


def _span(scale: float) -> str:
    return f"\N{PLUS-MINUS SIGN}{scale:.3g}"


def _matched(found: xr.Dataset) -> Plate:
    there = np.flatnonzero(found["partner"].values != ALONE)
    partner, rho, shown = (found[name].values[there] for name in ("partner", "rho", "number"))
    images_a = _images(found)[there]
    images_b = filter_images(found["partner_picture"].values[there], float(found["partner_scale"]))
    blocks = [
        Pairs(
            f"matches {start + 1} to {start + len(rho[span])}", images_a[span], images_b[span], rho[span],
            shown[span].tolist(), partner[span].tolist(),
        )
        for start in range(0, len(there), PAIRED)
        for span in (slice(start, start + PAIRED),)
    ]  # fmt: skip
    net, match, layer = (found.attrs[name] for name in ("net", "match", "layer"))
    spans = " and ".join(_span(float(found[name])) for name in ("picture_scale", "partner_scale"))
    what = "" if found.attrs["colored"] else f" Mean weights over {found.attrs['inputs']} inputs."
    return Plate(
        plate_name("filters", "matched", net, match, layer),
        f"Filters of {layer} in {net} above their matches in {match}",
        "Filters in one column were matched one-to-one by the correlation of their activations on the images, printed "
        "below, never by their weights: where weights agree too, both networks have learned the same filter.",
        paired_filters(blocks, name_a=net, name_b=match, note=f"Black to white: {spans}; mid-gray is zero.{what}"),
        {name: found[name].values for name in ("number", "partner", "rho", "picture", "partner_picture")},
    )


def _gabor_table(first: list[xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in first:
        size = " x ".join(str(one.sizes[side]) for side in ("row", "column"))
        about = (f"{one.attrs['net']} {one.attrs['layer']}", one.attrs["filters"], size)
        if "gabor_r2" not in one:
            rows.append((*about, "too small to fit", None, None, None, None))
            continue
        shares = [percent(gabor_share(one[name].values)) for name in ("untrained_r2", "noise_r2", "smooth_noise_r2")]
        r2 = one["gabor_r2"].values
        median = float(np.nanmedian(r2)) if np.isfinite(r2).any() else None
        rows.append((*about, f"{percent(gabor_share(r2))} of {int(np.isfinite(r2).sum())}", median, *shares))
    note = (
        f"Share of the filters that a Gabor explains with an R\N{SUPERSCRIPT TWO} of at least {THRESHOLD}, their "
        "median R\N{SUPERSCRIPT TWO}, and the same share of the network's own untrained weights, of white noise and of "
        "noise blurred by a Gaussian of one pixel: what is no more than these is no finding. A Gabor has as many "
        f"parameters as fit any kernel below {SMALLEST} x {SMALLEST}."
    )
    columns = ("first layer", "filters", "kernel", "Gabors", "median", "untrained", "noise", "smooth noise")
    return Table("Gabors among the filters of first layers", columns, tuple(rows), note)


def _match_table(matched: list[xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in matched:
        value, low, high, floor = (float(part) for part in one["bipartite_mean"].values)
        about = (f"{one.attrs['net']} {one.attrs['layer']}", one.attrs["match"], one.attrs["filters"])
        alike = [float(part) for part in one["cosine_mean"].values] if "cosine_mean" in one else None
        rows.append((*about, Measured(value, low, high, floor), Measured(alike[0], floor=alike[1]) if alike else None))
    note = (
        "Means over the pairs that one-to-one matching of the whole layer found: the correlation of activations over "
        "images and positions, whose floor is the same on permuted images, and, of first layers, the cosine of the two "
        "filters' weights, whose floor is the mean over all other pairs. Matching never saw the weights."
    )
    columns = ("layer", "matched with", "filters", "correlation", "cosine of weights")
    return Table("Matched filters", columns, tuple(rows), note)
