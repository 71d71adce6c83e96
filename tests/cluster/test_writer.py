"""A unit's writer: errors of the thread behind reach the caller, the queue is bounded, half a unit is no unit."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.errors import ClusterError, Refused
from cluster.folder import Folder
from cluster.geometry import LayerGeometry
from cluster.shards import RecordingStore
from cluster.store import ActivationStore
from cluster.writer import QUEUE_SHARDS, UnitWriter

LAYER = "a/conv1"
ONE = np.ones((1, 2, 1, 1), np.float16)


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    return ActivationStore.create(Folder(tmp_path), {LAYER: LayerGeometry((2, 1, 1), "float16", 1, 1)}, 16, 8)


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordingStore, "set", no_disk)


def test_a_failed_write_is_raised_by_a_later_append(store: ActivationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch)
    writer = store.writer(store.units[0])
    writer.append(LAYER, ONE)
    while writer._failure is None:
        time.sleep(0.01)
    with pytest.raises(OSError, match="No space left"):
        writer.append(LAYER, ONE)
    with pytest.raises(OSError, match="No space left"):
        writer.close()


def test_a_failed_write_is_raised_by_close(store: ActivationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch)
    writer = store.writer(store.units[0])
    writer.append(LAYER, np.repeat(ONE, 8, 0))
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    assert not writer._thread.is_alive()


def test_a_slow_disk_slows_the_caller(store: ActivationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard is being written and two wait: the fourth has no room."""
    gate = threading.Event()
    real = UnitWriter._write_queued

    def gated(self: UnitWriter) -> None:
        gate.wait()
        real(self)

    monkeypatch.setattr(UnitWriter, "_write_queued", gated)
    with store.writer(store.units[0]) as writer:
        for _ in range(QUEUE_SHARDS):
            writer.append(LAYER, ONE)
        last = threading.Thread(target=writer.append, args=(LAYER, np.repeat(ONE, 6, 0)))
        last.start()
        last.join(0.2)
        assert last.is_alive()
        gate.set()
        last.join()
    assert len(writer.close()["shards"]) == 9


def test_missing_rows_are_no_unit(store: ActivationStore) -> None:
    with pytest.raises(ClusterError, match="a/conv1 got 3 of the 8 rows of unit 1"), store.writer(store.units[1]) as w:
        w.append(LAYER, np.repeat(ONE, 3, 0))
    assert not w._thread.is_alive()


def test_overflow_reaches_the_caller_as_refused(store: ActivationStore) -> None:
    rows = np.full((8, 2, 1, 1), 7e4, np.float32)
    with pytest.raises(Refused, match=r"a/conv1 has the value 70000\.0 in row 8.*extract\.dtype: float32"):  # noqa: SIM117
        with store.writer(store.units[1]) as writer:
            writer.append(LAYER, rows)
    assert not writer._thread.is_alive()


def test_float32_rows_are_rounded_as_numpy_rounds_them(store: ActivationStore) -> None:
    rows = np.random.default_rng(0).standard_normal((8, 2, 1, 1)).astype(np.float32)
    with store.writer(store.units[0]) as writer:
        writer.append(LAYER, rows)
    stored: Any = store._array(LAYER, store.blobs.zarr_store("activations"))[0:8]
    assert stored.tobytes() == rows.astype(np.float16).tobytes()


def test_a_raising_block_gives_up(store: ActivationStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.writer(store.units[0]) as writer:  # noqa: PT012 (the block is the test)
        writer.append(LAYER, ONE)
        raise KeyboardInterrupt
    with pytest.raises(ClusterError, match="writer of unit 0 is closed"):
        writer.append(LAYER, ONE)
    with pytest.raises(ClusterError, match="writer of unit 0 is closed"):
        writer.close()


def test_wrong_layers_and_masks_are_named(store: ActivationStore) -> None:
    writer = store.writer(store.units[0])
    with pytest.raises(ClusterError, match="no layer b/conv1; it holds a/conv1"):
        writer.append("b/conv1", ONE)
    with pytest.raises(ClusterError, match=r"Unit 0 has 8 rows; `valid` has the shape \(3,\)"):
        writer.mark_valid(np.ones(3, bool))
    writer.abandon()
