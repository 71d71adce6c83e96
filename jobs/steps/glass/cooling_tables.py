"""Two tables of coolings: where each rate freezes and ends, and what the slowest gains on the others."""

import numpy as np
import xarray as xr

from analysis.dynamics.cooling import on_ladder
from jobs.counted import counted
from jobs.report.cells import Cell
from jobs.report.page import Table
from jobs.steps.seed_means import mean_cell

Rows = list[tuple[Cell, ...]]


def cooling_tables(found: xr.Dataset, net: str) -> tuple[Table, ...]:
    """A row a rate; a row a difference, where there are several rates."""
    differences = _differences(found)
    return (_rates(found, net), *([_gains(differences, net)] if differences else []))


def rate_labels(found: xr.Dataset) -> list[str]:
    """`2 epochs each`, and the control."""
    hold = found["hold"].values
    return [
        f"{counted(dwell, 'epoch')} each" if held == hold.min() else "control: hot, then fast"
        for dwell, held in zip(found["dwell"].values.tolist(), hold.tolist(), strict=True)
    ]


def _rates(found: xr.Dataset, net: str) -> Table:
    rows: Rows = []
    for number, label in enumerate(rate_labels(found)):
        transition = found["transition"].values[number]
        known = np.log10(transition[on_ladder(transition)])
        decades = float(known.std(ddof=1)) if len(known) > 1 else None
        rows.append((
            label, int(found["epochs"].values[number]), f"{10 ** known.mean():.2g}" if len(known) else None, decades,
            _where(transition), *_ends([found[key].values[number] for key in ("train_loss", "test_loss", "error")]),
        ))  # fmt: skip
    columns = ("cooling", "epochs", "T_g", "deviation", "freeze", "training loss", "test loss", "error in %")
    note = (
        "T_g: the learning rate where the overlap of the weights across their time at a temperature rises above "
        f"{found.attrs['memory']:g}, its mean that of logarithms; deviation: that of T_g over seeds, in decades (a "
        "glass's T_g repeats to one degree of some 600, 0.0007 decades). Freeze: seeds that do so on the way. Final "
        "losses in nats, means with 95 % intervals over seeds."
    )
    return Table(f"Cooling of {net}", columns, tuple(rows), note)


def _gains(rows: Rows, net: str) -> Table:
    columns = ("cooling", "T_g, decades", "seeds", "training loss", "test loss", "error, points")
    note = (
        "Differences seed by seed, means with 95 % intervals. Below zero slower cooling ends lower, and T_g falls as a "
        "glass's does. The slowest cooling has more epochs than the fastest, and as many as the control. Seeds: those "
        "that freeze on the way in both, of which the shift of T_g is taken."
    )
    return Table(f"Does slower cooling of {net} end lower?", columns, tuple(rows), note)


def _differences(found: xr.Dataset) -> Rows:
    """The slowest cooling less the fastest, and less the control."""
    dwell, hold = found["dwell"].values, found["hold"].values
    cooled = np.flatnonzero(hold == hold.min())
    slow, fast = cooled[np.argmax(dwell[cooled])], cooled[np.argmin(dwell[cooled])]
    others = [
        ("slowest less fastest", fast),
        *(("slowest less control", at) for at in np.flatnonzero(hold > hold.min())),
    ]
    rows: Rows = []
    for name, other in others if slow != fast else []:
        parts = [found[key].values[slow] - found[key].values[other] for key in ("train_loss", "test_loss", "error")]
        both = on_ladder(found["transition"].values[slow]) & on_ladder(found["transition"].values[other])
        moved = np.log10(found["transition"].values[slow][both] / found["transition"].values[other][both])
        shift = mean_cell(moved) if len(moved) else None
        rows.append((name, shift, f"{both.sum()} of {len(both)}", *_ends(parts)))
    return rows


def _ends(parts: list[np.ndarray]) -> tuple[Cell, Cell, Cell]:
    """Training loss, test loss and error, or differences of them."""
    train, test, error = parts
    return mean_cell(train, 4), mean_cell(test, 4), mean_cell(100 * error)


def _where(transition: np.ndarray) -> str:
    """How many seeds freeze on the way, and what the others do."""
    others = [
        f"{count} {does}"
        for count, does in ((int(np.isinf(transition).sum()), "frozen at the hottest"),
                            (int((transition == 0).sum()), "never frozen"))
        if count
    ]  # fmt: skip
    return ", ".join([f"{on_ladder(transition).sum()} of {len(transition)}", *others])
