"""The figure and the table of coolings."""

import numpy as np
import xarray as xr

from analysis.dynamics.cooling import on_ladder
from jobs.counted import counted
from jobs.figures.cooling import Cooling, cooling
from jobs.figures.plate import Plate, plate_name
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.seed_means import mean_cell

DRAWN = (
    "overlap", "mobility", "relaxation", "energy", "fluctuation", "transition", "train_loss", "test_loss", "error",
)  # fmt: skip


def cooling_plate(found: xr.Dataset, net: str) -> Plate:
    """What is forgotten and how fast, mobility and loss by temperature; T_g and the final losses by rate."""
    labels = _labels(found)
    rates = [
        Cooling(
            _short(label), label, int(found["dwell"].values[number]),
            forgotten=1 - found["overlap"].values[number], mobility=found["mobility"].values[number, :, :, 0],
            relaxation=found["relaxation"].values[number], energy=found["energy"].values[number],
            fluctuation=found["fluctuation"].values[number], transition=found["transition"].values[number],
            final=found["train_loss"].values[number], test=found["test_loss"].values[number],
        )
        for number, label in enumerate(labels)
    ]  # fmt: skip
    return Plate(
        plate_name("glass", net, "cooling"),
        f"{net} cooled at {len(set(found['dwell'].values.tolist()))} rates",
        "The learning rate is the temperature. Above the gray line the weights forget where they were within their "
        "time at a temperature; where a curve crosses it, the relaxation time exceeds that time (dashed) and the "
        "network freezes (T_g). Mobility and fluctuation of the loss are from one epoch to the next, whatever the "
        "rate. Thin lines are seeds. The control stays hot so long that it ends with the slowest cooling, and is then "
        "cooled as fast as the fastest.",
        cooling(rates, found["temperature"].values, float(found.attrs["memory"])),
        {name: found[name].values for name in ("temperature", *DRAWN)},
    )  # fmt: skip


def cooling_table(found: xr.Dataset, net: str) -> Table:
    """A row a rate of cooling, then the slowest less the others."""
    rows: list[tuple[Cell, ...]] = []
    for number, label in enumerate(_labels(found)):
        transition = found["transition"].values[number]
        known = np.log10(transition[on_ladder(transition)])
        decades = float(known.std(ddof=1)) if len(known) > 1 else None
        rows.append((
            label, int(found["epochs"].values[number]), _number(10 ** known.mean()) if len(known) else None, decades,
            None, _where(transition), mean_cell(found["train_loss"].values[number], 4),
            mean_cell(found["test_loss"].values[number], 4), mean_cell(100 * found["error"].values[number]),
        ))  # fmt: skip
    columns = (
        "cooling", "epochs", "T_g, as a learning rate", "its deviation over seeds, in decades", "its shift, in decades",
        "seeds that freeze on the way", "final training loss", "test loss", "error in %",
    )  # fmt: skip
    rows += _differences(found)
    note = (
        "T_g: where the overlap of the weights across their time at a temperature rises above "
        f"{found.attrs['memory']:g}, its mean that of logarithms. Means with 95 % intervals over seeds. The last rows "
        "are differences seed by seed, of T_g in decades: below zero, slower cooling ends lower, and T_g falls as a "
        "glass's does. A glass's T_g repeats to one degree of some 600, 0.0007 decades. The slowest cooling has more "
        "epochs than the fastest, and as many as the control."
    )
    return Table(f"Cooling of {net}", columns, tuple(rows), note)


def _differences(found: xr.Dataset) -> list[tuple[Cell, ...]]:
    """The slowest cooling less the fastest, and less the control."""
    dwell, hold = found["dwell"].values, found["hold"].values
    cooled = np.flatnonzero(hold == hold.min())
    slow, fast = cooled[np.argmax(dwell[cooled])], cooled[np.argmin(dwell[cooled])]
    others = [
        ("slowest less fastest", fast),
        *(("slowest less control", at) for at in np.flatnonzero(hold > hold.min())),
    ]
    rows: list[tuple[Cell, ...]] = []
    for name, other in others if slow != fast else []:
        parts = [found[key].values[slow] - found[key].values[other] for key in ("train_loss", "test_loss", "error")]
        both = on_ladder(found["transition"].values[slow]) & on_ladder(found["transition"].values[other])
        moved = np.log10(found["transition"].values[slow][both] / found["transition"].values[other][both])
        shift = mean_cell(moved) if len(moved) else None
        both_freeze = f"{both.sum()} of {len(both)}"
        rows.append((name, None, None, None, shift, both_freeze, mean_cell(parts[0], 4), mean_cell(parts[1], 4),
                     mean_cell(100 * parts[2])))  # fmt: skip
    return rows


def _where(transition: np.ndarray) -> str:
    """How many seeds freeze on the way, and what the others do."""
    others = [
        f"{count} {does}"
        for count, does in ((int(np.isinf(transition).sum()), "frozen at the hottest"),
                            (int((transition == 0).sum()), "never frozen"))
        if count
    ]  # fmt: skip
    return ", ".join([f"{on_ladder(transition).sum()} of {len(transition)}", *others])


def _labels(found: xr.Dataset) -> list[str]:
    hold = found["hold"].values
    return [
        f"{counted(dwell, 'epoch')} each" if held == hold.min() else "control: hot, then fast"
        for dwell, held in zip(found["dwell"].values.tolist(), hold.tolist(), strict=True)
    ]


def _short(label: str) -> str:
    """For an axis: the number of epochs, or control."""
    return label.split(" ")[0].rstrip(":")


def _number(value: float) -> str:
    return f"{value:.2g}"
