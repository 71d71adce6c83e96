"""Which units are done, and their results: one record a unit, written last, first writer wins.

ledger/<name>/unit-00042.json     commit record: attempt, and whatever the step adds (shards, bytes, crc32c)
ledger/<name>/node-00-00042.npz   arrays of a node of the merge tree (level, position), not yet merged upward
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cluster.blobs import Blobs
from cluster.errors import ClusterError, Damaged
from cluster.units import Node

Record: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, np.ndarray]

_UNIT = re.compile(r"unit-(\d+)\.json")
_NODE = re.compile(r"node-(\d+)-(\d+)\.npz")


@dataclass(frozen=True)
class Ledger:
    """The records and arrays of one step over a fixed number of units."""

    blobs: Blobs
    name: str
    """The step's own name, `<step>-<key8>`."""
    units: int
    """How many units there are; they are numbered from 0."""

    @property
    def prefix(self) -> str:
        return f"ledger/{self.name}"

    def commit(self, unit: int, record: Record, arrays: Mapping[str, np.ndarray] | None = None) -> bool:
        """Writes the arrays, then the record, which makes them count. False when another attempt had won.

        `record` must be JSON without NaN and hold "attempt", an id that no other attempt uses. "arrays" is added to it.
        """
        if not record.get("attempt"):
            raise ClusterError(
                f"The record of unit {unit} of {self.name} has no attempt; give each attempt its own id."
            )
        name = self._unit_name(unit)
        if not self.blobs.exists(name):  # A unit already won may be merged upward: its arrays must not come back.
            if arrays is not None:
                self.write_node(0, unit, arrays)
            whole = {**record, "unit": unit, "arrays": arrays is not None}
            if self.blobs.create(name, json.dumps(whole, sort_keys=True, allow_nan=False).encode()):
                return True
        winner = self.record(unit)
        return winner is not None and winner["attempt"] == record["attempt"]

    def skip(self, unit: int, reason: str) -> bool:
        """Commits that this unit has no result; a merge passes it over. False when an attempt had committed it."""
        return self.commit(unit, {"attempt": "skipped", "skipped": reason})

    def record(self, unit: int) -> Record | None:
        """The commit record of one unit, None while it has none. Raises Damaged, naming the file."""
        name = self._unit_name(unit)
        try:
            data = self.blobs.read(name)
        except FileNotFoundError:
            return None
        try:
            record = json.loads(data)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "attempt" not in record:
            raise Damaged(f"{self.blobs.url}/{name} is no commit record; delete that file to compute the unit again.")
        return record

    def records(self) -> Iterator[tuple[int, Record]]:
        """Every committed unit with its record, in order of units."""
        for unit in self.committed():
            record = self.record(unit)
            if record is not None:
                yield unit, record

    def committed(self) -> list[int]:
        """Units that have a record, skipped ones included, in order."""
        return sorted(int(found[1]) for found in self._found(_UNIT) if int(found[1]) < self.units)

    def missing(self) -> list[int]:
        """Units without a record, in order."""
        return sorted(set(range(self.units)) - set(self.committed()))

    def skipped(self) -> dict[int, str]:
        """Units that were skipped, each with the reason."""
        return {unit: record["skipped"] for unit, record in self.records() if "skipped" in record}

    def nodes(self) -> list[Node]:
        """Nodes of the merge tree whose arrays are here, by level and position."""
        return sorted(Node(int(found[1]), int(found[2])) for found in self._found(_NODE))

    def has_node(self, level: int, position: int) -> bool:
        return self.blobs.exists(self._node_name(level, position))

    def read_node(self, level: int, position: int) -> Arrays | None:
        """The arrays of a node, None where it has none. Raises Damaged, naming the file."""
        name = self._node_name(level, position)
        try:
            return _unpacked(self.blobs.read(name))
        except FileNotFoundError:
            return None
        except (ValueError, EOFError, zipfile.BadZipFile) as failure:
            raise Damaged(
                f"{self.blobs.url}/{name} cannot be read ({failure}); delete {self.prefix} to run the step again."
            ) from failure

    def write_node(self, level: int, position: int, arrays: Mapping[str, np.ndarray]) -> None:
        self.blobs.write(self._node_name(level, position), _packed(arrays))

    def delete_node(self, level: int, position: int) -> None:
        self.blobs.delete(self._node_name(level, position))

    def _found(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        for name in self.blobs.list(self.prefix):
            if found := pattern.fullmatch(name.rpartition("/")[2]):
                yield found

    def _unit_name(self, unit: int) -> str:
        if not 0 <= unit < self.units:
            raise ClusterError(f"{self.name} has units 0 to {self.units - 1}; {unit} is none of them.")
        return f"{self.prefix}/unit-{unit:05d}.json"

    def _node_name(self, level: int, position: int) -> str:
        return f"{self.prefix}/node-{level:02d}-{position:05d}.npz"


def _packed(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """An uncompressed npz whose bytes depend on names, dtypes, shapes and values alone (no clock, no memory order)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(arrays[name], order="C"), allow_pickle=False)
    return buffer.getbuffer()


def _unpacked(data: bytes) -> Arrays:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
