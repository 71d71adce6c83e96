"""What the ledger promises on every kind of storage."""

import pickle

import numpy as np
import pytest

from cluster.blobs import Blobs
from cluster.errors import ClusterError, Damaged
from cluster.ledger import Ledger
from cluster.units import Node

NAME = "correlate-0123abcd"


@pytest.fixture
def ledger(blobs: Blobs) -> Ledger:
    return Ledger(blobs, NAME, 5)


class TestContract:
    def test_a_record_comes_back_with_its_arrays(self, ledger: Ledger) -> None:
        arrays: dict[str, np.ndarray] = {
            "gram": np.arange(6.0).reshape(2, 3).T,
            "n": np.array(3.0),
            "empty": np.zeros((0, 2), np.float32),
        }
        assert ledger.commit(3, {"attempt": "a", "images": 12}, arrays)
        assert ledger.record(3) == {"attempt": "a", "images": 12, "unit": 3, "arrays": True}
        node = ledger.read_node(0, 3)
        assert node is not None
        assert sorted(node) == sorted(arrays)
        for name, array in arrays.items():
            assert node[name].dtype == array.dtype
            np.testing.assert_array_equal(node[name], array)

    def test_counts_what_is_there_and_what_is_not(self, ledger: Ledger) -> None:
        for unit in (4, 0):
            ledger.commit(unit, {"attempt": str(unit)})
        assert ledger.committed() == [0, 4]
        assert ledger.missing() == [1, 2, 3]
        assert [unit for unit, _ in ledger.records()] == [0, 4]
        assert ledger.record(1) is None
        assert ledger.nodes() == []

    def test_the_first_attempt_wins(self, ledger: Ledger) -> None:
        assert ledger.commit(1, {"attempt": "first"}, {"x": np.ones(2)})
        assert not ledger.commit(1, {"attempt": "second"}, {"x": np.zeros(2)})
        assert ledger.commit(1, {"attempt": "first", "seconds": 2}), "an attempt that asks again has won"
        node = ledger.read_node(0, 1)
        assert node is not None
        assert node["x"].sum() == 2

    def test_a_late_attempt_brings_no_merged_arrays_back(self, ledger: Ledger) -> None:
        ledger.commit(1, {"attempt": "first"}, {"x": np.ones(2)})
        ledger.delete_node(0, 1)
        assert not ledger.commit(1, {"attempt": "late"}, {"x": np.ones(2)})
        assert ledger.nodes() == []

    def test_a_skipped_unit_is_committed_with_its_reason(self, ledger: Ledger) -> None:
        assert ledger.skip(2, "three workers died of it")
        assert ledger.skip(2, "three workers died of it")
        assert not ledger.commit(2, {"attempt": "late"})
        assert ledger.skipped() == {2: "three workers died of it"}
        assert ledger.committed() == [2]

    def test_nodes_are_replaced_and_deleted(self, ledger: Ledger) -> None:
        ledger.write_node(1, 0, {"x": np.ones(1)})
        ledger.write_node(1, 0, {"x": np.zeros(1)})
        ledger.write_node(0, 4, {})
        assert ledger.nodes() == [Node(0, 4), Node(1, 0)]
        assert ledger.read_node(0, 4) == {}
        assert ledger.read_node(2, 0) is None
        ledger.delete_node(1, 0)
        assert not ledger.has_node(1, 0)

    def test_two_steps_share_no_units(self, ledger: Ledger) -> None:
        other = Ledger(ledger.blobs, NAME + "e", 5)
        other.commit(0, {"attempt": "a"})
        assert ledger.committed() == []

    @pytest.mark.parametrize("torn", [b"", b'{"attempt": "a', b"[1]", b"{}", b"\xff\xfe"])
    def test_a_damaged_record_names_its_file(self, ledger: Ledger, torn: bytes) -> None:
        ledger.blobs.write(f"ledger/{NAME}/unit-00002.json", torn)
        with pytest.raises(Damaged, match=r"unit-00002\.json is no commit record; delete that file"):
            list(ledger.records())

    def test_damaged_arrays_name_their_file(self, ledger: Ledger) -> None:
        ledger.write_node(1, 0, {"x": np.arange(100.0)})
        name = f"ledger/{NAME}/node-01-00000.npz"
        whole = ledger.blobs.read(name)
        for torn in (b"", whole[:300], whole.replace(np.float64(7).tobytes(), np.float64(9).tobytes())):
            ledger.blobs.write(name, torn)
            with pytest.raises(Damaged, match=r"node-01-00000\.npz cannot be read .*; delete ledger/"):
                ledger.read_node(1, 0)

    def test_travels_to_a_worker(self, ledger: Ledger) -> None:
        ledger.commit(0, {"attempt": "a"})
        assert pickle.loads(pickle.dumps(ledger)).committed() == [0]


def test_bytes_of_arrays_follow_from_their_values_alone(blobs: Blobs) -> None:
    ledger = Ledger(blobs, NAME, 2)
    rows = np.arange(12.0).reshape(3, 4)
    ledger.write_node(0, 0, {"a": rows, "b": np.ones(2)})
    ledger.write_node(0, 1, {"b": np.ones(2), "a": np.asfortranarray(rows)})
    assert blobs.read(f"ledger/{NAME}/node-00-00000.npz") == blobs.read(f"ledger/{NAME}/node-00-00001.npz")


@pytest.mark.parametrize("unit", [-1, 5])
def test_a_unit_out_of_range_is_refused(ledger: Ledger, unit: int) -> None:
    with pytest.raises(ClusterError, match=f"units 0 to 4; {unit} is none of them"):
        ledger.commit(unit, {"attempt": "a"})


def test_a_record_needs_an_attempt(ledger: Ledger) -> None:
    with pytest.raises(ClusterError, match=r"unit 0 .* has no attempt"):
        ledger.commit(0, {"images": 3})
    assert ledger.committed() == []


def test_a_record_is_json_that_every_reader_takes(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.commit(0, {"attempt": "a", "loss": float("nan")})
    assert ledger.committed() == []
