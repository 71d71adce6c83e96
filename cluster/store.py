"""Activations of many layers for many images: one preallocated Zarr v3 array a layer, written unit by unit.

    activations/<net>/<layer>   (N, C, H, W), zstd level 1, no shuffle, sharded
    activations/valid           (N,) uint8, 0 where the image could not be read; one chunk a unit

The ledger, never the store, says which rows are there: Zarr reads what is missing as zeros.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.codecs import ZstdCodec
from zarr.errors import GroupNotFoundError, NodeNotFoundError
from zarr.storage import StorePath

from cluster.blobs import Blobs
from cluster.errors import ClusterError, Damaged, MissingRows, Refused
from cluster.gather import Gather
from cluster.geometry import LayerGeometry
from cluster.ledger import Ledger, Record
from cluster.merge import listed
from cluster.shards import RecordingStore, StrictStore, fingerprint
from cluster.units import Unit, cut
from cluster.writer import UnitWriter, ZarrArray, writer_bytes

PREFIX = "activations"
VALID = "valid"
FORMAT = 1
# Otherwise zarr compares every chunk with zeros before it writes: ten times the cost of a float16 write.
CONFIG: Any = {"write_empty_chunks": True}


@dataclass(frozen=True)
class ActivationStore:
    """What is stored of a run. Pickles as this description; a worker opens the arrays when it first uses them."""

    blobs: Blobs
    layers: Mapping[str, LayerGeometry]
    """By `<net>/<layer>`."""
    rows: int
    """Images, N."""
    unit: int
    """Images a work unit; a multiple of every shard."""

    def __post_init__(self) -> None:
        cut(self.rows, self.unit)
        for layer, geometry in self.layers.items():
            net, slash, _ = layer.partition("/")
            if not slash or net in ("", VALID):
                raise Refused(f"{layer} cannot be stored; expected <net>/<layer>, and no net called {VALID}.")
            geometry.check(layer, self.unit)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ActivationStore, (self.blobs, dict(self.layers), self.rows, self.unit))

    @classmethod
    def create(cls, blobs: Blobs, layers: Mapping[str, LayerGeometry], rows: int, unit: int) -> "ActivationStore":
        """The store of these layers: arrays are made, or found as they are; other layers that it holds stay.

        Raises Refused where an array was made otherwise. The description is written first, so that a crash in here is
        made good by the next call.
        """
        store = cls(blobs, dict(layers), rows, unit)
        target = blobs.zarr_store(PREFIX)
        try:
            found = cls.open(blobs)
        except MissingRows:
            zarr.create_group(target, attributes=store._description())
        else:
            _check_same(found, store)
            grown = cls(blobs, {**found.layers, **store.layers}, rows, unit)
            if len(grown.layers) > len(found.layers):
                zarr.open_group(target, mode="r+").attrs.update(grown._description())
        for net in sorted({layer.partition("/")[0] for layer in layers}):
            zarr.open_group(target, path=net, mode="a")
        for layer, geometry in layers.items():
            _make(target, layer, rows, geometry.chunk_rows, geometry.shard_rows, geometry.shape, geometry.dtype)
        _make(target, VALID, rows, unit, None, (), "uint8")
        return store

    @classmethod
    def open(cls, blobs: Blobs) -> "ActivationStore":
        """The store as it was made. Raises MissingRows where there is none."""
        try:
            found: Any = dict(zarr.open_group(blobs.zarr_store(PREFIX, read_only=True), mode="r").attrs)
        except (GroupNotFoundError, FileNotFoundError) as failure:
            raise MissingRows(f"{blobs.url} has no activation store; run a study with extract.store.") from failure
        if found.get("format") != FORMAT:
            raise Refused(f"{blobs.url}/{PREFIX} has format {found.get('format')}; this version reads {FORMAT}.")
        layers = {
            layer: LayerGeometry(**{**geometry, "shape": tuple(geometry["shape"])})
            for layer, geometry in found["layers"].items()
        }
        return cls(blobs, layers, found["rows"], found["unit"])

    def only(self, layers: Iterable[str]) -> "ActivationStore":
        """The same store with these layers alone: what one run writes, or verifies."""
        return ActivationStore(self.blobs, {layer: self.layers[layer] for layer in layers}, self.rows, self.unit)

    @property
    def units(self) -> list[Unit]:
        """The work units, in order."""
        return cut(self.rows, self.unit)

    @property
    def stored_bytes(self) -> int:
        """Uncompressed bytes of all layers."""
        return self.rows * sum(geometry.row_bytes for geometry in self.layers.values())

    @property
    def writer_bytes(self) -> int:
        """The most memory that the writer of a unit takes."""
        return writer_bytes([geometry.shard_bytes for geometry in self.layers.values()])

    def writer(self, unit: Unit) -> UnitWriter:
        """The writer of one unit. Raises Refused for a range of rows that is no unit of this store."""
        if not 0 <= unit.start < self.rows or unit != self._unit_at(unit.start):
            raise Refused(
                f"{unit} is no unit of {self.rows} rows in units of {self.unit}; cut them with cluster.units.cut."
            )
        recording = RecordingStore(self.blobs.zarr_store(PREFIX), PREFIX)
        arrays = {layer: self._array(layer, recording) for layer in self.layers}
        gathers = {layer: Gather(layer, geometry, unit, self._spares[layer]) for layer, geometry in self.layers.items()}
        return UnitWriter(unit, gathers, arrays, self._array(VALID, recording), recording)

    def read(self, layer: str, start: int, stop: int, ledger: Ledger) -> np.ndarray:
        """Rows start up to stop of a layer, (n, C, H, W).

        Raises MissingRows where the ledger does not hold one of them, Damaged where a shard cannot be decoded.
        """
        if layer not in self.layers:
            raise ClusterError(f"The store has no layer {layer}; it holds {', '.join(self.layers)}.")
        return self._read(layer, start, stop, ledger)

    def valid(self, start: int, stop: int, ledger: Ledger) -> np.ndarray:
        """Which of the rows are images that could be read, (n,) bool. Raises as `read` does."""
        return self._read(VALID, start, stop, ledger).astype(bool)

    def shard_names(self, unit: Unit, layer: str | None = None) -> list[str]:
        """The blobs that a unit's writer writes; of one layer, or of all and `valid`."""
        if layer is None:
            return [name for every in (*self.layers, VALID) for name in self.shard_names(unit, every)]
        if layer == VALID:
            return [f"{PREFIX}/{VALID}/c/{unit.index}"]
        geometry = self.layers[layer]
        inner = "/0" * len(geometry.shape)
        numbers = range(unit.start // geometry.shard_rows, -(-unit.stop // geometry.shard_rows))
        return [f"{PREFIX}/{layer}/c/{number}{inner}" for number in numbers]

    def _read(self, layer: str, start: int, stop: int, ledger: Ledger) -> np.ndarray:
        if not 0 <= start <= stop <= self.rows:
            raise ClusterError(f"{layer} has rows 0 to {self.rows}; {start} to {stop} lie outside.")
        absent = [unit.index for unit in self._units_over(start, stop) if not self._held(layer, unit, ledger)]
        if absent:
            raise MissingRows(
                f"Rows {start} to {stop} of {layer} are not all there: {ledger.name} does not hold "
                f"unit {listed(absent)}; run the study again."
            )
        try:
            return np.asarray(
                self._array(layer, StrictStore(self.blobs.zarr_store(PREFIX, read_only=True)))[start:stop]
            )
        except ClusterError:
            raise
        except (ValueError, RuntimeError) as failure:
            raise Damaged(
                f"Rows {start} to {stop} of {layer} cannot be decoded ({failure}); `vitrine verify` names the shard."
            ) from failure

    def _held(self, layer: str, unit: Unit, ledger: Ledger) -> bool:
        record = ledger.record(unit.index)
        return record is not None and set(self.shard_names(unit, layer)) <= set(record.get("shards", {}))

    def _units_over(self, start: int, stop: int) -> list[Unit]:
        return [self._unit_at(row) for row in range(start - start % self.unit, stop, self.unit)] if start < stop else []

    def _unit_at(self, row: int) -> Unit:
        index = row // self.unit
        return Unit(index, index * self.unit, min((index + 1) * self.unit, self.rows))

    def _array(self, layer: str, store: Store) -> ZarrArray:
        return zarr.Array(zarr.AsyncArray(self._metadata[layer], StorePath(store, layer), config=CONFIG))

    @cached_property
    def _spares(self) -> dict[str, list[np.ndarray]]:
        """Memory of written shards, kept from unit to unit."""
        return {layer: [] for layer in self.layers}

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        """Of every array, read once a process: a unit's writer then asks the store for nothing."""
        store = self.blobs.zarr_store(PREFIX, read_only=True)
        try:
            return {layer: zarr.open_array(store, path=layer, mode="r").metadata for layer in (*self.layers, VALID)}
        except (NodeNotFoundError, FileNotFoundError) as failure:
            raise MissingRows(
                f"{self.blobs.url}/{PREFIX} lacks an array ({failure}); create the store first."
            ) from failure

    def _description(self) -> dict[str, Any]:
        layers = {layer: {**asdict(geometry), "shape": list(geometry.shape)} for layer, geometry in self.layers.items()}
        return {"format": FORMAT, "rows": self.rows, "unit": self.unit, "layers": layers}


def verify(store: ActivationStore, ledger: Ledger) -> list[str]:
    """Reads every committed shard again and compares it with its record; one line for each that differs or is gone."""
    problems = []
    for unit in store.units:
        try:
            record = ledger.record(unit.index)
        except Damaged as failure:
            problems.append(str(failure))
            continue
        if record is not None and "skipped" not in record:
            problems += [f"unit {unit.index}: {problem}" for problem in _unit_problems(store, unit, record)]
    return problems


def _unit_problems(store: ActivationStore, unit: Unit, record: Record) -> list[str]:
    committed = record.get("shards", {})
    problems = [f"{name} is not in its record" for name in store.shard_names(unit) if name not in committed]
    for name, expected in committed.items():
        try:
            actual = fingerprint(store.blobs.read(name))
        except FileNotFoundError:
            problems.append(f"{name} is missing")
            continue
        other = [
            f"{what} {actual[what]}, its record {expected[what]}" for what in actual if actual[what] != expected[what]
        ]
        if other:
            problems.append(f"{name} has {'; '.join(other)}")
    return problems


def _make(
    store: Store, name: str, rows: int, chunk: int, shard: int | None, shape: tuple[int, ...], dtype: str
) -> None:
    """One array, unless it is there; then it must be as asked."""
    try:
        found = zarr.open_array(store, path=name, mode="r")
    except (NodeNotFoundError, FileNotFoundError):
        zarr.create_array(
            store,
            name=name,
            shape=(rows, *shape),
            chunks=(chunk, *shape),
            shards=None if shard is None else (shard, *shape),
            dtype=dtype,
            compressors=ZstdCodec(level=1),
            filters=None,
            fill_value=0,
            config=CONFIG,
        )
        return
    is_ = (found.shape, str(found.dtype), found.chunks, found.shards)
    asked = ((rows, *shape), dtype, (chunk, *shape), None if shard is None else (shard, *shape))
    if is_ != asked:
        raise Refused(f"{PREFIX}/{name} is {is_}, not {asked}; remove the store to make it anew.")


def _check_same(found: ActivationStore, asked: ActivationStore) -> None:
    """Raises Refused with both values of the first difference."""
    for what in ("rows", "unit"):
        if getattr(found, what) != getattr(asked, what):
            _refuse(asked, what, getattr(found, what), getattr(asked, what))
    for layer in sorted({*found.layers} & {*asked.layers}):
        if found.layers[layer] != asked.layers[layer]:
            _refuse(asked, layer, found.layers[layer], asked.layers[layer])


def _refuse(asked: ActivationStore, what: str, is_: object, wanted: object) -> None:
    raise Refused(
        f"{asked.blobs.url}/{PREFIX} was made with {what} = {is_}; {wanted} was asked for. "
        "Remove it, or give the run another folder."
    )
