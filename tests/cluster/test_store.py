"""What the activation store promises on every kind of storage."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from cluster.blobs import Blobs
from cluster.errors import ClusterError, Damaged, MissingRows, Refused
from cluster.folder import Folder
from cluster.geometry import LayerGeometry, layer_geometry
from cluster.ledger import Ledger
from cluster.store import ActivationStore, verify
from cluster.units import Unit

ROWS, UNIT = 21, 8  # the last unit has 5 rows: a whole shard and a quarter of one
LAYERS = {
    "a/conv1": LayerGeometry((3, 2, 2), "float16", 2, 4),
    "b/fc.1": LayerGeometry((5, 1, 1), "float32", 8, 8),
}


def rows_of(layer: str, rows: int = ROWS) -> np.ndarray:
    geometry = LAYERS[layer]
    values = np.random.default_rng(len(layer)).standard_normal((rows, *geometry.shape))
    return np.maximum(values, 0).astype(geometry.dtype)


def write(store: ActivationStore, ledger: Ledger, unit: Unit, attempt: str = "a", batch: int = 3) -> bool:
    with store.writer(unit) as writer:
        for layer in store.layers:
            rows = rows_of(layer, store.rows)[unit.start : unit.stop]
            for start in range(0, unit.rows, batch):
                writer.append(layer, rows[start : start + batch])
    return ledger.commit(unit.index, {"attempt": attempt, **writer.close()})


@pytest.fixture
def store(blobs: Blobs) -> ActivationStore:
    return ActivationStore.create(blobs, LAYERS, ROWS, UNIT)


@pytest.fixture
def ledger(store: ActivationStore) -> Ledger:
    return Ledger(store.blobs, "extract-0", len(store.units))


class TestContract:
    def test_rows_come_back_bit_for_bit(self, store: ActivationStore, ledger: Ledger) -> None:
        for unit in reversed(store.units):
            assert write(store, ledger, unit)
        for layer in LAYERS:
            read = store.read(layer, 0, ROWS, ledger)
            assert read.dtype == LAYERS[layer].dtype
            assert read.tobytes() == rows_of(layer).tobytes()
            np.testing.assert_array_equal(store.read(layer, 7, 18, ledger), rows_of(layer)[7:18])
            assert store.read(layer, 4, 4, ledger).shape == (0, *LAYERS[layer].shape)
        assert verify(store, ledger) == []

    def test_rows_that_nobody_committed_are_no_zeros(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[1])
        np.testing.assert_array_equal(store.read("a/conv1", 8, 16, ledger), rows_of("a/conv1")[8:16])
        with pytest.raises(MissingRows, match=r"Rows 7 to 17 of a/conv1 .* extract-0 does not hold unit 0, 2; run"):
            store.read("a/conv1", 7, 17, ledger)
        with pytest.raises(MissingRows, match="unit 0, 2"):
            store.valid(0, ROWS, ledger)

    def test_a_skipped_unit_and_one_without_shards_hold_no_rows(self, store: ActivationStore, ledger: Ledger) -> None:
        ledger.skip(0, "poison")
        ledger.commit(1, {"attempt": "statistics only"})
        with pytest.raises(MissingRows, match="unit 0, 1"):
            store.read("b/fc.1", 0, 16, ledger)

    def test_images_that_could_not_be_read_are_marked(self, store: ActivationStore, ledger: Ledger) -> None:
        unit = store.units[2]
        with store.writer(unit) as writer:
            for layer in LAYERS:
                writer.append(layer, rows_of(layer)[unit.start :])
            writer.mark_valid(np.array([True, False, True, True, False]))
        ledger.commit(2, {"attempt": "a", **writer.close()})
        write(store, ledger, store.units[1])
        assert store.valid(15, ROWS, ledger).tolist() == [True, True, False, True, True, False]

    def test_the_record_tells_every_shard(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[2])
        record = ledger.record(2)
        assert record is not None
        assert sorted(record["shards"]) == [
            "activations/a/conv1/c/4/0/0/0",
            "activations/a/conv1/c/5/0/0/0",
            "activations/b/fc.1/c/2/0/0/0",
            "activations/valid/c/2",
        ]
        for name, said in record["shards"].items():
            assert said["bytes"] == len(store.blobs.read(name))

    def test_a_second_attempt_writes_the_same_bytes_over_a_torn_first(
        self, store: ActivationStore, ledger: Ledger
    ) -> None:
        write(store, ledger, store.units[0])
        record = ledger.record(0)
        assert record is not None
        for name in record["shards"]:
            store.blobs.write(name, store.blobs.read(name)[:7])
        assert not write(store, ledger, store.units[0], attempt="b", batch=8)
        assert verify(store, ledger) == []

    def test_verify_names_every_damage(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[0])
        blobs = store.blobs
        first, second = store.shard_names(store.units[0], "a/conv1")
        whole = blobs.read(first)
        blobs.write(first, whole[:-1] + bytes([whole[-1] ^ 1]))
        blobs.delete(second)
        blobs.write("activations/b/fc.1/c/0/0/0/0", b"short")
        blobs.write("ledger/extract-0/unit-00001.json", b"{")
        flipped, gone, *short, record = verify(store, ledger)
        assert flipped.startswith(f"unit 0: {first} has crc32c ")
        assert gone == f"unit 0: {second} is missing"
        assert short[0].startswith("unit 0: activations/b/fc.1/c/0/0/0/0 has bytes 5, its record ")
        assert "unit-00001.json is no commit record" in record

    def test_a_lost_or_torn_shard_is_no_zeros(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[0])
        first, second = store.shard_names(store.units[0], "a/conv1")
        store.blobs.delete(first)
        with pytest.raises(MissingRows, match=r"a/conv1/c/0/0/0/0 was committed and is gone"):
            store.read("a/conv1", 0, 2, ledger)
        with pytest.raises(MissingRows, match="is gone"):
            store.read("a/conv1", 0, 8, ledger)
        store.blobs.write(second, b"\0" * 500)
        with pytest.raises(Damaged, match=r"Rows 4 to 8 of a/conv1 cannot be decoded"):
            store.read("a/conv1", 4, 8, ledger)

    def test_creating_again_finds_it(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[0])
        assert ActivationStore.create(store.blobs, LAYERS, ROWS, UNIT) == store
        assert ActivationStore.open(store.blobs) == store
        np.testing.assert_array_equal(store.read("a/conv1", 0, 8, ledger), rows_of("a/conv1")[:8])

    def test_a_crash_while_creating_is_made_good(self, store: ActivationStore, ledger: Ledger) -> None:
        store.blobs.delete("activations/b/fc.1/zarr.json")
        store.blobs.delete("activations/valid/zarr.json")
        with pytest.raises(MissingRows, match="lacks an array"):
            ActivationStore.open(store.blobs).writer(store.units[0])
        write(ActivationStore.create(store.blobs, LAYERS, ROWS, UNIT), ledger, store.units[0])
        assert verify(store, ledger) == []

    def test_travels_to_a_worker(self, store: ActivationStore, ledger: Ledger) -> None:
        write(store, ledger, store.units[0])
        sent = pickle.dumps(store)
        assert len(sent) < 2000
        assert write(pickle.loads(sent), ledger, store.units[1])
        np.testing.assert_array_equal(store.read("b/fc.1", 0, 16, ledger), rows_of("b/fc.1")[:16])

    def test_there_is_no_store_yet(self, blobs: Blobs) -> None:
        with pytest.raises(MissingRows, match="has no activation store"):
            ActivationStore.open(blobs)

    def test_any_reader_of_zarr_opens_it(self, store: ActivationStore, ledger: Ledger) -> None:
        for unit in store.units:
            write(store, ledger, unit)
        group = zarr.open_group(store.blobs.zarr_store("activations", read_only=True), mode="r")
        array: Any = group["a/conv1"]
        np.testing.assert_array_equal(array[:], rows_of("a/conv1"))
        assert array.chunks == (2, 3, 2, 2)
        assert array.shards == (4, 3, 2, 2)
        assert [codec.to_dict() for codec in array.compressors] == [
            {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
        ]


def test_layers_may_join_later_and_keep_what_is_there(tmp_path: Path) -> None:
    first, second = sorted(LAYERS)[:2]
    rows = np.ones((UNIT, *LAYERS[first].shape), LAYERS[first].dtype)
    store = ActivationStore.create(Folder(tmp_path), {first: LAYERS[first]}, ROWS, UNIT)
    with store.writer(store.units[0]) as writer:
        writer.append(first, rows)
    ledger = Ledger(Folder(tmp_path), "extract-1", len(store.units))
    ledger.commit(0, {"attempt": "x", **writer.close()})
    grown = ActivationStore.create(Folder(tmp_path), {second: LAYERS[second]}, ROWS, UNIT)
    assert set(grown.layers) == {second}
    found = ActivationStore.open(Folder(tmp_path))
    assert set(found.layers) == {first, second}
    np.testing.assert_array_equal(found.read(first, 0, UNIT, ledger), rows)
    assert set(found.only([second]).layers) == {second}
    with pytest.raises(MissingRows):
        found.read(second, 0, UNIT, ledger)


@pytest.mark.parametrize(
    ("layers", "rows", "unit", "message"),
    [
        (LAYERS, 22, UNIT, r"was made with rows = 21; 22 was asked for"),
        (LAYERS, ROWS, 16, r"was made with unit = 8; 16 was asked for"),
        (
            {**LAYERS, "a/conv1": LayerGeometry((3, 2, 2), "float16", 2, 8)},
            ROWS,
            UNIT,
            r"a/conv1 = .* shards of 4; .* shards of 8 was asked for\. Remove it, or give",
        ),
    ],
)
def test_another_geometry_is_refused_with_both_values(
    tmp_path: Path, layers: dict[str, LayerGeometry], rows: int, unit: int, message: str
) -> None:
    ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
    with pytest.raises(Refused, match=message):
        ActivationStore.create(Folder(tmp_path), layers, rows, unit)


@pytest.mark.parametrize("layer", ["conv1", "/conv1", "valid/conv1"])
def test_a_layer_needs_a_net(tmp_path: Path, layer: str) -> None:
    with pytest.raises(Refused, match="expected <net>/<layer>"):
        ActivationStore.create(Folder(tmp_path), {layer: LAYERS["a/conv1"]}, ROWS, UNIT)


def test_a_shard_that_two_units_would_share_is_refused(tmp_path: Path) -> None:
    """Two processes that write parts of one shard lose rows silently: the geometry must make that impossible."""
    with pytest.raises(Refused, match="shard of 4 rows does not divide a unit of 6, so two writers would share it"):
        ActivationStore.create(Folder(tmp_path), {"a/conv1": LAYERS["a/conv1"]}, ROWS, 6)
    assert Folder(tmp_path).list() == []


@pytest.mark.parametrize("unit", [Unit(0, 0, 7), Unit(1, 0, 8), Unit(3, 24, 32), Unit(0, 4, 12), Unit(-1, -8, 0)])
def test_a_range_that_is_no_unit_gets_no_writer(tmp_path: Path, unit: Unit) -> None:
    store = ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
    with pytest.raises(Refused, match="is no unit of 21 rows in units of 8"):
        store.writer(unit)


@pytest.mark.parametrize("rows", [1, 7, 500])
@pytest.mark.parametrize("unit", [7, 100, 512])
def test_any_unit_works(tmp_path: Path, rows: int, unit: int) -> None:
    layers = {"a/conv1": layer_geometry((3, 2, 2), "float16", unit)}
    store = ActivationStore.create(Folder(tmp_path), layers, rows, unit)
    ledger = Ledger(store.blobs, "e", len(store.units))
    for each in store.units:
        write(store, ledger, each, batch=32)
    assert store.read("a/conv1", 0, rows, ledger).tobytes() == rows_of("a/conv1", rows).tobytes()


def test_a_layer_or_row_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
    with pytest.raises(ClusterError, match=r"no layer a/conv9; it holds a/conv1, b/fc\.1"):
        store.read("a/conv9", 0, 1, Ledger(store.blobs, "e", 3))
    with pytest.raises(ClusterError, match="rows 0 to 21; 20 to 22 lie outside"):
        store.read("a/conv1", 20, 22, Ledger(store.blobs, "e", 3))


def test_sizes_for_a_plan(tmp_path: Path) -> None:
    store = ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
    assert store.stored_bytes == ROWS * (12 * 2 + 5 * 4)
    assert store.writer_bytes == 2 * (4 * 24 + 8 * 20) + 5 * 160


def test_an_array_that_is_not_the_described_one_is_refused(tmp_path: Path) -> None:
    ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
    described = Folder(tmp_path / "activations" / "a" / "conv1")
    described.write("zarr.json", described.read("zarr.json").replace(b"21", b"22"))
    with pytest.raises(Refused, match=r"activations/a/conv1 is \(\(22, 3, 2, 2\), .* not \(\(21, 3, 2, 2\)"):
        ActivationStore.create(Folder(tmp_path), LAYERS, ROWS, UNIT)
