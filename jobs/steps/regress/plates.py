"""Figures and the table of a regression: losses against units used, least squares over depth."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jobs.figures.curves import Means, depth
from jobs.figures.loss_curves import LossPath, loss_curves
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell, Measured
from jobs.report.page import Table
from jobs.steps.pair_scores import FEW
from jobs.steps.presentation import Presentation

if TYPE_CHECKING:
    from jobs.steps.regress.step import Regress

SCALE = (
    "Mean squared error of targets of variance 1: 1.000 is no correlation. Li et al. (2016) print half of it, with 0.5 "
    "for no correlation: their .170 and .235 are .340 and .470 here."
)


def presentation(step: "Regress", results: dict[str, xr.Dataset]) -> Presentation:
    """Two figures, a table, and what a reader should be warned of."""
    plates = (("Regression", _paths(step, results)), ("Regression", _depth(step, results)))
    return Presentation(plates, (_table(step, results),), tuple(_warnings(step, results)))


def _paths(step: "Regress", results: dict[str, xr.Dataset]) -> Plate:
    paths, arrays = list[LossPath](), dict[str, np.ndarray]()
    for name, found in results.items():
        held_out = np.vstack([found["least_squares_held_out"].values, found["l1_held_out"].values])
        used = np.append(float(found["units"].values[0]), found["l1_used"].values)
        fitted = np.append(float(found["least_squares_fit"]), found["l1_fit"].values)
        value, low, high, floor = held_out.T
        paths.append(LossPath(name, used, fitted, value, low, high, floor, unpenalized=0))
        arrays |= {f"{name}/used": used, f"{name}/fit": fitted, f"{name}/held_out": held_out}
    return Plate(
        plate_name("regress", "paths", *step.nets),
        f"{step.nets[1]} predicted from {step.nets[0]}: loss against units used",
        "Each point is one penalty: the further left, the fewer units a prediction may use. A curve that is low at few "
        "units says that a unit of one network is a few of the other's; a gap between the thin and the solid line says "
        "that the fit does not hold on other images.",
        loss_curves(paths),
        arrays,
    )


def _depth(step: "Regress", results: dict[str, xr.Dataset]) -> Plate:
    values = np.stack([found["least_squares_held_out"].values for found in results.values()])
    highest = max(1.0, min(2.0, float(np.nanmax(values, initial=1.0))))
    return Plate(
        plate_name("regress", "depth", *step.nets),
        f"Held-out loss of {step.nets[1]} predicted from {step.nets[0]} without a penalty, layer by layer",
        "Is a deeper layer still predictable? The nearer a marker comes to its dashed floor, the less the two networks "
        "share that is linear; a loss above 1 is worse than predicting the mean.",
        depth(list(results), [Means("least squares", *values.T)], y_label="mean squared error", highest=highest),
        {"layers": np.array(list(results)), "least_squares": values},
    )


def _table(step: "Regress", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in results.items():
        units = found["units"].values
        cells: list[Cell] = [name, f"{units[0]}, {units[1]}", _measured(found["least_squares_held_out"].values)]
        best = int(np.argmin(found["ridge_held_out"].values[:, 0])) if found.sizes["ridge"] else None
        cells.append(None if best is None else _measured(found["ridge_held_out"].values[best]))
        for number in _shown(found):
            cells.append(_measured(found["l1_held_out"].values[number]))
            cells.append(round(float(found["l1_used"].values[number]), 1))
        rows.append(tuple(cells))
    columns = ["layer", "units", "least squares", "ridge, best"]
    for penalty in (step.options.penalties[number] for number in _shown(next(iter(results.values())))):
        columns += [f"L1 {penalty:g}", "used"]
    gap = max(_gap(found) for found in results.values())
    note = (
        f"Loss on held-out images of {step.nets[1]}'s units predicted from {step.nets[0]}'s, mean over the units, with "
        "its 95 % bootstrap interval over held-out groups of images and, as the floor, the same with images permuted. "
        f"{SCALE} Used: units with a weight, mean over predictions. L1 paths converged to a duality gap of {gap:.1e} "
        "on the scale of half the error."
    )
    return Table(f"{step.nets[1]} predicted from {step.nets[0]}", tuple(columns), tuple(rows), note)


def _shown(found: xr.Dataset) -> list[int]:
    """Up to three penalties along the path."""
    count = found.sizes["penalty"]
    return sorted({0, count // 2, count - 1} if count > 2 else set(range(count)))


def _gap(found: xr.Dataset) -> float:
    """The largest of all L1 paths; 0 where there is none to solve."""
    return float(np.nanmax(found["l1_gap"].values, initial=0.0))


def _measured(estimate: np.ndarray) -> Measured:
    return Measured(*estimate.tolist())


def _warnings(step: "Regress", results: dict[str, xr.Dataset]) -> list[str]:
    warnings = []
    for name, found in results.items():
        samples, units = float(found["fit_samples"]), int(found["units"].values[0])
        if samples < FEW * units:
            warnings.append(
                f"{name}: {samples:.0f} samples of the fit for {units} units, fewer than {FEW} a unit; compare with "
                "the floor, and take more images."
            )
        if _gap(found) > step.options.gap:
            warnings.append(
                f"{name}: an L1 path stopped at a duality gap of {_gap(found):.1e} above the {step.options.gap:.1e} "
                "asked for."
            )
        if np.isnan(found["least_squares_held_out"].values[0]):
            warnings.append(
                f"{name}: no loss: no unit of {step.nets[1]} varies in both the fit and the held-out images."
            )
    return warnings
