"""Rows of one layer gathered into whole shards, and refused where the layer's dtype cannot hold them."""

import contextlib
from collections.abc import Iterator

import numpy as np

from cluster.errors import ClusterError, Refused
from cluster.geometry import DType, LayerGeometry
from cluster.units import Unit

LARGEST = {"float16": 65504.0, "float32": float(np.finfo(np.float32).max)}


class Gather:
    """Takes the rows of one layer in the order of one unit, gives back shards of it.

    `spare` holds at most one written shard to be filled again, by this unit or the next: memory that a process has
    touched before costs half of what fresh memory does.
    """

    def __init__(self, layer: str, geometry: LayerGeometry, unit: Unit, spare: list[np.ndarray] | None = None) -> None:
        self.layer = layer
        self.geometry = geometry
        self.unit = unit
        self._spare = [] if spare is None else spare
        self._row = unit.start
        self._shard = np.empty(0)

    def take(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Copies rows (n, C, H, W) in; yields each shard that they fill, with the number of its first row.

        A unit's last shard is full with the unit's last row, however few rows it has.
        """
        if rows.shape[1:] != self.geometry.shape:
            raise ClusterError(f"{self.layer} holds rows of shape {self.geometry.shape}; these have {rows.shape[1:]}.")
        if self._row + len(rows) > self.unit.stop:
            raise ClusterError(f"{self.layer} got more than the {self.unit.rows} rows of unit {self.unit.index}.")
        check_fits(self.layer, rows, self.geometry.dtype, self._row)
        while len(rows):
            filled = (self._row - self.unit.start) % self.geometry.shard_rows
            if filled == 0:
                self._shard = self._room()
            part = rows[: len(self._shard) - filled]
            self._shard[filled : filled + len(part)] = part
            self._row += len(part)
            rows = rows[len(part) :]
            if filled + len(part) == len(self._shard):
                full, self._shard = self._shard, np.empty(0)
                yield self._row - len(full), full

    def check_complete(self) -> None:
        """Raises ClusterError when the unit has rows that never came."""
        if self._row != self.unit.stop:
            got = self._row - self.unit.start
            raise ClusterError(f"{self.layer} got {got} of the {self.unit.rows} rows of unit {self.unit.index}.")

    def give_back(self, shard: np.ndarray) -> None:
        """A shard that was written: its memory may be filled again. Called by the thread that wrote it."""
        if len(shard) == self.geometry.shard_rows and not self._spare:
            self._spare.append(shard)

    def _room(self) -> np.ndarray:
        rows = min(self.geometry.shard_rows, self.unit.stop - self._row)
        if rows == self.geometry.shard_rows:
            with contextlib.suppress(IndexError):
                return self._spare.pop()
        return np.empty((rows, *self.geometry.shape), self.geometry.dtype)


def check_fits(layer: str, rows: np.ndarray, dtype: DType, first_row: int = 0) -> None:
    """Raises Refused when a value (float16 or float32) is not finite or lies beyond the dtype's largest.

    An infinity in float16 rows is what their conversion made of a larger value.
    """
    if rows.dtype not in (np.float16, np.float32):
        raise ClusterError(f"{layer} got rows of {rows.dtype}; convert them to float16 or float32 first.")
    largest = LARGEST[dtype]
    if rows.size == 0 or _fits(rows, largest):
        return
    at = np.argmax(~(np.abs(rows.astype(np.float64)) <= largest))
    image = np.unravel_index(at, rows.shape)[0] + first_row
    value = rows.reshape(-1)[at]
    where = f"{layer} has the value {value} in row {image}"
    if dtype == "float16":
        raise Refused(f"{where}, and float16 holds finite values up to 65,504; set extract.dtype: float32.")
    raise Refused(f"{where}, which is not finite; check the network's weights and preprocessing.")


def _fits(rows: np.ndarray, largest: float) -> bool:
    if rows.dtype == np.float16:  # NumPy compares halves one by one; their bits order as integers, eight at a time.
        return bool(rows.view(np.int16).max() < 0x7C00 and rows.view(np.uint16).max() < 0xFC00)
    return bool(rows.max() <= largest and rows.min() >= -largest)  # False for NaN, which both reductions keep
