"""One unit's activations on their way to the store: rows are gathered into whole shards, written by one thread behind.

The queue holds two shards: a slow disk slows the forward pass down instead of filling the memory.
"""

import queue
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
import zarr

from cluster.errors import ClusterError
from cluster.gather import Gather
from cluster.shards import RecordingStore
from cluster.units import Unit

ZarrArray: TypeAlias = "zarr.Array[Any]"
Shards: TypeAlias = dict[str, dict[str, dict[str, Any]]]

QUEUE_SHARDS = 2


def writer_bytes(shard_bytes: Sequence[int]) -> int:
    """The most memory a writer takes for layers whose shards are so large: one a layer being filled and one kept to be
    filled again, the queued ones, and one each being written, encoded and joined."""
    return 2 * sum(shard_bytes) + (QUEUE_SHARDS + 3) * max(shard_bytes, default=0)


class UnitWriter:
    """Takes the rows of every layer in the unit's order; `close` returns what the unit's commit record must hold.

    A context: at its end it closes; when the block raises it gives up, dropping what is queued.
    """

    def __init__(
        self,
        unit: Unit,
        gathers: Mapping[str, Gather],
        arrays: Mapping[str, ZarrArray],
        valid: ZarrArray,
        recording: RecordingStore,
    ) -> None:
        self.unit = unit
        self._gathers = gathers
        self._arrays = arrays
        self._valid_array = valid
        self._valid = np.ones(unit.rows, np.uint8)
        self._recording = recording
        self._shards: Shards | None = None
        self._queue: queue.Queue[tuple[str | None, int, np.ndarray] | None] = queue.Queue(QUEUE_SHARDS)
        self._failure: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._write_queued, name=f"unit-{unit.index}-writer", daemon=True)
        self._thread.start()

    def append(self, layer: str, rows: np.ndarray) -> None:
        """The next rows (n, C, H, W) of a layer, float16 or float32; they are copied, so the caller may reuse them.

        Raises Refused for what the layer's dtype cannot hold: finite values beyond 65,504 in float16, NaN and infinity
        in either. A failure of the thread behind is raised here, or by `close`.
        """
        self._check_open()
        if layer not in self._gathers:
            raise ClusterError(f"The store has no layer {layer}; it holds {', '.join(self._gathers)}.")
        for start, shard in self._gathers[layer].take(rows):
            self._queue.put((layer, start, shard))

    def mark_valid(self, valid: np.ndarray) -> None:
        """Which of the unit's rows are images that could be read (bool, one a row); all of them when never called."""
        if valid.shape != (self.unit.rows,):
            raise ClusterError(
                f"Unit {self.unit.index} has {self.unit.rows} rows; `valid` has the shape {valid.shape}."
            )
        self._valid = valid.astype(np.uint8)

    def close(self) -> Shards:
        """Waits until all is written: {"shards": {name: {"bytes": int, "crc32c": "hex"}}}. A second call repeats it."""
        if self._shards is None:
            try:
                self._check_open()
                for gather in self._gathers.values():
                    gather.check_complete()
            except BaseException:
                self.abandon()
                raise
            self._queue.put((None, self.unit.start, self._valid))
            self._stop()
            if self._failure is not None:
                raise self._failure
            self._shards = {"shards": dict(sorted(self._recording.written.items()))}
        return self._shards

    def abandon(self) -> None:
        """Gives up: what is queued is dropped, and the thread has ended when this returns."""
        self._abandoned = True
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _stop(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive():
            raise ClusterError(f"The writer of unit {self.unit.index} is closed; ask the store for a new one.")

    def _write_queued(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._failure is not None or self._abandoned:
                continue  # The caller must never wait on a queue that nobody empties.
            layer, start, rows = item
            try:
                if layer is None:
                    self._valid_array[start : start + len(rows)] = rows
                else:
                    self._arrays[layer][start : start + len(rows)] = rows
                    self._gathers[layer].give_back(rows)
            except BaseException as failure:
                self._failure = failure
