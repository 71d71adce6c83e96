"""One number a unit of every image: all that a Karnaugh study takes from its pass.

Kept whole, four bytes an image and unit, since thresholds are found before anything is counted; 50,000 images of 512
units are 100 MB, and what a worker may not hold is refused before the pass.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from analysis.arrays import Array, namespace, to_numpy
from jobs.errors import UserError
from jobs.steps.step import Arrays, Batch

if TYPE_CHECKING:
    from jobs.steps.karnaugh.step import Karnaugh

OUTPUT = ""
"""The network's output in place of a layer's name."""


@dataclass(frozen=True, eq=False)
class Values:
    """Of one network, all images in the study's order."""

    rows: Int[np.ndarray, " images"]
    labels: Int[np.ndarray, " images"]
    predicted: Int[np.ndarray, " images"]
    layers: dict[str, Float[np.ndarray, "images units"]]


class Noted:
    """Running values of one unit of work."""

    def __init__(self, step: "Karnaugh"):
        self.step = step
        self.found: dict[str, list[np.ndarray]] = {}

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        for net, layers in zip(self.step.nets, self.step.kept, strict=True):
            logits = _logits(batch, net)
            self._note(f"{net}|row", batch.rows)
            self._note(f"{net}|label", batch.labels)
            self._note(f"{net}|predicted", logits.argmax(1))
            for layer in layers:
                values = logits if layer == OUTPUT else read(batch.maps[f"{net}/{layer}"], self.step.options.value)
                self._note(f"{net}/{layer}", values)

    def _note(self, name: str, values: np.ndarray) -> None:
        self.found.setdefault(name, []).append(values)

    def arrays(self) -> Arrays:
        """Of all images of the unit."""
        return {name: np.concatenate(parts) for name, parts in self.found.items()}


def _logits(batch: Batch, net: str) -> Float[np.ndarray, "images classes"]:
    found = batch.logits.get(net)
    if found is None or found.ndim != 2:
        kind = "no tensor" if found is None else f"of shape {tuple(found.shape)}"
        raise UserError(
            f"steps.karnaugh.nets: the output of {net} is {kind}, expected one number a class for each image; name "
            "classifiers."
        )
    return to_numpy(found).astype(np.float32)


def read(maps: Array, value: str) -> Float[np.ndarray, "images units"]:
    """A number of every map (images, units, height, width), float32: its maximum, mean, or value at the center."""
    xp = namespace(maps)
    if value == "center":
        found = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
    else:
        found = xp.max(maps, axis=(2, 3)) if value == "max" else xp.mean(maps, axis=(2, 3))
    return to_numpy(found).astype(np.float32)


def values_of(arrays: Arrays, net: str, layers: tuple[str, ...]) -> Values:
    """One network's values; UserError where one is not finite."""
    order = np.argsort(arrays[f"{net}|row"], kind="stable")
    found = {layer: arrays[f"{net}/{layer}"][order] for layer in layers}
    for layer, values in found.items():
        wrong = int((~np.isfinite(values)).any(1).sum())
        if wrong:
            raise UserError(
                f"steps.karnaugh.layers: {net} {layer or 'output'} has values that are not finite in {wrong} images; "
                "choose other layers, or leave the images out."
            )
    rows, labels, predicted = (arrays[f"{net}|{name}"][order] for name in ("row", "label", "predicted"))
    return Values(rows, labels, predicted, found)
