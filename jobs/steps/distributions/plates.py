"""Figures and the table of distributions: quantile bands of every channel, layer by layer."""

import numpy as np
import xarray as xr

from jobs.figures.bands import Bands, bands
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.presentation import Presentation


def presentation(results: dict[str, xr.Dataset]) -> Presentation:
    """One figure a network, one table."""
    nets = dict.fromkeys(found.attrs["net"] for found in results.values())
    plates = [
        ("Distributions", _plate(net, [found for found in results.values() if found.attrs["net"] == net]))
        for net in nets
    ]
    return Presentation(tuple(plates), (_table(results),), tuple(_warnings(results)))


def _whole(found: xr.Dataset, name: str) -> np.ndarray:
    """A field over all images: of classes counted apart, their mean over classes."""
    values = found[name].values.astype(np.float64)
    return np.nanmean(values, axis=0) if "class" in found.dims else values


def _plate(net: str, layers: list[xr.Dataset]) -> Plate:
    shown = [Bands(found.attrs["layer"], _whole(found, "quantiles")) for found in layers]
    return Plate(
        plate_name("distributions", net),
        f"Values of every channel of {net}",
        "Channels in the order of their medians; the dark band holds the middle half of a channel's values, the light "
        "one 5 to 95 %, the line is the median. A band on zero is a channel that is mostly silent.",
        bands(shown),
        {found.attrs["layer"]: found["quantiles"].values for found in layers} | {"q": layers[0]["q"].values},
    )


def _table(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for found in results.values():
        dead = np.flatnonzero(_whole(found, "dead") == 1)
        rows.append(
            (
                f"{found.attrs['net']} {found.attrs['layer']}", int(found.sizes["unit"]),
                float(np.nanmean(_whole(found, "mean"))), float(np.sqrt(np.nanmean(_whole(found, "variance")))),
                float(found["minimum"].min()), float(found["maximum"].max()),
                float(np.nanmean(_whole(found, "sparsity"))),
                f"{len(dead)}" + (f" (first {dead[0]})" if len(dead) else ""),
            )
        )  # fmt: skip
    note = (
        "Mean over channels of the mean, root mean square of the standard deviations, least and greatest value, the "
        "share of values that are exactly 0, and channels that are never above 0 or never vary."
    )
    columns = ("layer", "channels", "mean", "deviation", "least", "greatest", "zeros", "dead")
    return Table("Distributions of channels", columns, tuple(rows), note)


def _warnings(results: dict[str, xr.Dataset]) -> list[str]:
    found = {f"{one.attrs['net']} {one.attrs['layer']}": int(one["not_a_number"].sum()) for one in results.values()}
    return [
        f"{layer}: {count} values are not a number; they are in no statistic."
        for layer, count in found.items()
        if count
    ]
