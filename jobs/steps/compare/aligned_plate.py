"""The figure of aligned directions of one pair of layers (Raghu et al., 2017, arXiv:1706.05806)."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.aligned import Column, Pair, Row, aligned
from jobs.figures.plate import Plate, plate_name

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.compare.step import Compare


def aligned_plate(step: "Compare", plan: "Plan", name: str, pair: xr.Dataset) -> Plate:
    """Units of largest norm on the left, aligned directions on the right, one row each network."""
    classes, sizes = np.unique(pair["label"].values, return_counts=True)
    units = pair["largest_units"].values
    largest = _column("units of largest norm", "units", step, pair, pair["largest"].values, units)
    directions = _column("aligned directions", "direction", step, pair, pair["aligned"].values)
    known = [plan.classes[c] if 0 <= c < len(plan.classes) else "none" for c in classes]
    return Plate(
        plate_name("compare", "aligned", name),
        f"Aligned directions at {name}",
        "Images lie class by class. On the left the units of largest norm of each network, which need not correspond; "
        "on the right the first directions of SVCCA, which do. A step shows the mean of a class: what a direction is "
        "high or low for.",
        aligned(largest, directions, class_sizes=sizes.tolist(), class_names=known, names=step.nets),
        {name: pair[name].values for name in ("largest", "largest_units", "aligned", "label")},
    )


def _column(
    title: str, what: str, step: "Compare", pair: xr.Dataset, values: np.ndarray, units: np.ndarray | None = None
) -> Column:
    """`values` (side, shown, images); `units` names the channels behind them."""
    labels = pair["label"].values
    shown = []
    for rank in range(values.shape[1]):
        rows = []
        for side, net in enumerate(step.nets):
            label = net if units is None else f"{net} {int(units[side, rank])}"
            means = np.array([values[side, rank, labels == c].mean() for c in np.unique(labels)])
            rows.append(Row(label, values[side, rank], side, means))
        with np.errstate(invalid="ignore", divide="ignore"):
            rho = float(np.corrcoef(values[:, rank])[0, 1])
        shown.append(Pair(f"{what} {rank + 1}", (rows[0], rows[1]), rho))
    return Column(title, tuple(shown))
