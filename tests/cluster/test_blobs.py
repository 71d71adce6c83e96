"""What every kind of storage promises."""

import pickle
import threading

import pytest
import zarr

from cluster.blobs import Blobs, open_blobs
from cluster.errors import Refused


class TestContract:
    def test_reads_what_was_written_last(self, blobs: Blobs) -> None:
        blobs.write("a/b.bin", b"first")
        blobs.write("a/b.bin", b"second")
        assert blobs.read("a/b.bin") == b"second"

    def test_takes_a_view_of_bytes(self, blobs: Blobs) -> None:
        blobs.write("view", memoryview(bytearray(b"abc")))
        assert blobs.create("view-2", memoryview(bytearray(b"abc")))
        assert blobs.read("view") == blobs.read("view-2") == b"abc"

    def test_what_is_not_there(self, blobs: Blobs) -> None:
        assert not blobs.exists("a/b")
        assert blobs.list() == []
        blobs.delete("a/b")
        with pytest.raises(FileNotFoundError):
            blobs.read("a/b")

    def test_first_writer_wins(self, blobs: Blobs) -> None:
        assert blobs.create("record", b"one")
        assert not blobs.create("record", b"two")
        assert blobs.read("record") == b"one"
        assert blobs.create("record", b"one"), "the same bytes are the same writer, asked again"

    def test_one_of_many_writers_wins(self, blobs: Blobs) -> None:
        won: list[int] = []

        def race(number: int) -> None:
            if blobs.create("record", f"writer {number}".encode()):
                won.append(number)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [f"writer {number}".encode() for number in won] == [blobs.read("record")]

    def test_lists_a_folder_sorted_and_not_its_neighbors(self, blobs: Blobs) -> None:
        for name in ("ledger/x/unit-2", "ledger/x/unit-1", "ledger/xy/unit-3", "ledger/x/deep/er"):
            blobs.write(name, b"")
        assert blobs.list("ledger/x") == ["ledger/x/deep/er", "ledger/x/unit-1", "ledger/x/unit-2"]
        assert len(blobs.list()) == 4
        blobs.delete("ledger/x/unit-1")
        assert not blobs.exists("ledger/x/unit-1")
        assert blobs.exists("ledger/x/unit-2")

    def test_pickles_small_and_opens_again(self, blobs: Blobs) -> None:
        blobs.write("a", b"1")
        sent = pickle.dumps(blobs)
        assert len(sent) < 500
        assert b"never-pickled" not in sent
        assert pickle.loads(sent).read("a") == b"1"
        assert open_blobs(blobs.url).read("a") == b"1"

    def test_zarr_arrays_are_blobs(self, blobs: Blobs) -> None:
        array = zarr.create_array(blobs.zarr_store("arrays"), name="x", shape=(4,), dtype="i4")
        array[:] = 7
        assert "arrays/x/zarr.json" in blobs.list("arrays")
        reader = zarr.open_array(blobs.zarr_store("arrays", read_only=True), path="x")
        assert reader[3] == 7
        with pytest.raises(ValueError, match="read-only"):
            reader[:] = 1

    def test_satisfies_the_protocol(self, blobs: Blobs) -> None:
        assert isinstance(blobs, Blobs)
        assert blobs.sweep() == []


def test_another_scheme_is_refused() -> None:
    with pytest.raises(Refused, match=r"ftp://.*give a folder or s3://bucket/prefix"):
        open_blobs("ftp://host/run")
