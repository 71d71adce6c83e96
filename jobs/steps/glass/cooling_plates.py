"""The figure of coolings."""

import xarray as xr

from jobs.figures.cooling import Cooling, cooling
from jobs.figures.plate import Plate, plate_name
from jobs.steps.glass.cooling_tables import rate_labels

DRAWN = (
    "overlap", "mobility", "relaxation", "energy", "fluctuation", "transition", "train_loss", "test_loss", "error",
)  # fmt: skip


def cooling_plate(found: xr.Dataset, net: str) -> Plate:
    """What is forgotten and how fast, mobility and loss by temperature; T_g and the final losses by rate."""
    labels = rate_labels(found)
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


def _short(label: str) -> str:
    """For an axis: the number of epochs, or control."""
    return label.split(" ")[0].rstrip(":")
