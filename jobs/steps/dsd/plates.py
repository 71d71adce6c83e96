"""Figures and tables of `dsd`: errors by arm, weights at the five steps, errors through training, the paper's table."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analysis.dynamics.dsd import FIVE_STEPS, improvement
from jobs.figures.arms import Arms, arms
from jobs.figures.lines import lines
from jobs.figures.plate import Plate, plate_name
from jobs.figures.weight_steps import WeightSteps, weight_steps
from jobs.report.cells import Cell, percent
from jobs.report.page import Table
from jobs.steps.dsd.datasets import ARMS, CONTROLS, verdict
from jobs.steps.mean_interval import mean_interval
from jobs.steps.presentation import Presentation
from jobs.steps.seed_means import SEEDS, estimate_cell, mean_cell, mean_line

if TYPE_CHECKING:
    from jobs.plan import Plan
    from jobs.steps.dsd.step import Dsd

SECTION = "Dense, sparse, dense"
SHOWN = {"dense": "before", "dsd": "DSD", "same phases": "no mask", "one schedule": "one go"}


def presentation(step: "Dsd", _plan: "Plan", results: dict[str, xr.Dataset]) -> Presentation:
    """Three figures and two tables."""
    plates = [(SECTION, _arms(results)), (SECTION, _weights(results))]
    plates += [(SECTION, _through_training(name, found)) for name, found in results.items()]
    return Presentation(tuple(plates), (_paper_table(step, results), _control_table(results)))


def _arms(results: dict[str, xr.Dataset]) -> Plate:
    panels, arrays = [], {}
    for name, found in results.items():
        errors = 100 * found["error"].values
        intervals = np.array([mean_interval(values) for values in errors])
        panels.append(Arms(name, [SHOWN[arm] for arm in ARMS], errors, intervals, "test error in %"))
        arrays[f"{name}/error"] = errors
    return Plate(
        plate_name("dsd", "errors"),
        "Error after dense, sparse, dense, beside dense training of the same number of epochs",
        "Each gray line is one seed. Before: the network that DSD begins with. No mask: the same three phases "
        "without pruning. One go: as many epochs in one training. DSD gains where its dots lie below those of "
        "the two on the right.",
        arms(panels),
        arrays,
    )


def _weights(results: dict[str, xr.Dataset]) -> Plate:
    rows, arrays = [], dict[str, np.ndarray]()
    for name, found in results.items():
        counts, edges, zeros = (found[key].values[0] for key in ("counts", "edges", "zeros"))
        rows.append(WeightSteps(name, _layer(found.attrs["layer"]), counts, edges, zeros))
        arrays |= {f"{name}/counts": counts, f"{name}/edges": edges, f"{name}/zeros": zeros}
    return Plate(
        plate_name("dsd", "weights"),
        "Weights of the largest layer at the five steps of dense, sparse, dense",
        "Counts of weights of the first seed, over the same bins in a row. Pruned weights are not counted in the "
        "second and third step; in the fourth they are back at zero, in a bin (vermilion) that is cut off at the top.",
        weight_steps(rows, FIVE_STEPS),
        arrays,
    )


def _through_training(name: str, found: xr.Dataset) -> Plate:
    first, second, _ = found.attrs["epochs"]
    errors = 100 * found["error_by_epoch"].values[:, :, first - 1 :]
    at = np.arange(first, first + errors.shape[2], dtype=float)
    drawn = [mean_line(SHOWN[arm], at, values) for arm, values in zip(ARMS[1:], errors, strict=True)]
    return Plate(
        plate_name("dsd", "training", name),
        f"Error of {name} after the first phase",
        f"Mean over seeds after every epoch. At epoch {first} DSD and its control are one network; then DSD trains "
        f"under the mask to epoch {first + second}, and both at a tenth of the learning rate to the end.",
        lines(drawn, x_label="epochs", y_label="test error in %", interval=SEEDS),
        {"epoch": at, "error": errors},
    )


def _layer(weight: str) -> str:
    """A weight's name without its last part where that says nothing."""
    return weight.removesuffix(".weight")


def _paper_table(step: "Dsd", results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in results.items():
        errors = 100 * found["error"].values
        absolute, relative = improvement(errors[0], errors[1])
        shares = relative[np.isfinite(relative)]
        rows.append((
            name, found.attrs["domain"], found.attrs["data"], found.attrs["kind"], mean_cell(errors[0]),
            mean_cell(errors[1]), mean_cell(absolute), mean_cell(100 * shares, 1) if len(shares) else None,
        ))  # fmt: skip
    columns = ("network", "domain", "data", "type", "baseline", "DSD", "absolute improvement", "relative, in %")
    note = (
        f"The columns of Han et al. (2017): test errors in percent (of networks that write, of words), means with 95 % "
        f"intervals (Student's t) over {step.options.seeds} seeds; {percent(step.options.sparsity)} of each layer's "
        "weights pruned, none of the first convolution's. The baseline has trained for fewer epochs than DSD: what the "
        "mask is worth stands in the next table."
    )
    return Table("Dense, sparse, dense against its first phase", columns, tuple(rows), note)


def _control_table(results: dict[str, xr.Dataset]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in results.items():
        errors = 100 * found["error"].values
        for arm in CONTROLS:
            gain = 100 * found["gain"].sel(over=arm).values
            of_arm = errors[ARMS.index(arm)]
            better = int((errors[1] < of_arm).sum())
            rows.append((name, SHOWN[arm], mean_cell(errors[1]), mean_cell(of_arm), estimate_cell(gain),
                         f"{better} of {errors.shape[1]}", verdict(gain[1], gain[2])))  # fmt: skip
    columns = ("network", "control", "DSD", "control's error", "DSD's gain", "seeds that gain", "is DSD better?")
    note = (
        "Dense training of the same number of epochs. No mask: the same phases, seeds and learning rates without "
        "pruning. One go: all epochs in one training. Gain: percentage points, mean of the differences seed by "
        "seed with its 95 % interval; DSD is called better where the interval lies above zero."
    )
    return Table("Dense, sparse, dense against dense training of as many epochs", columns, tuple(rows), note)
