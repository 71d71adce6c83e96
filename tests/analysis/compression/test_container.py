"""The file gives back every bit, in few bytes, with NumPy alone, and the same bytes with and without compiled code."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from analysis.compression import container, unpack
from analysis.compression.container import codebook, from_bytes, stream, to_bytes, varint
from tests.analysis.compression.states import pruned_and_shared, same_bits, states


@settings(max_examples=150, deadline=None)
@given(states)
def test_every_state_comes_back_bit_for_bit(state: dict[str, np.ndarray]) -> None:
    assert same_bits(unpack.from_bytes(to_bytes(state)), state)


def test_negative_zeros_and_payloads_of_nan_stay() -> None:
    bits = np.array([0x80000000, 0x7FC00001, 0x7F800001, 0xFFFFFFFF, 0, 0, 0x3F800000], np.uint32)
    half = np.array([-0.0, 1.0, np.nan], np.float16)
    state: dict[str, np.ndarray] = {"w": np.tile(bits, 30).view(np.float32), "half": half}
    assert same_bits(unpack.from_bytes(to_bytes(state)), state)


def test_order_of_memory_and_of_bytes_is_not_kept() -> None:
    weight = np.arange(12.0).reshape(3, 4)
    found = from_bytes(to_bytes({"t": weight.T, "big": weight.astype(">f4"), "part": weight[:, ::2]}))
    np.testing.assert_array_equal(found["t"], weight.T)
    np.testing.assert_array_equal(found["big"], weight)
    assert found["big"].dtype == np.dtype("<f4")
    np.testing.assert_array_equal(found["part"], weight[:, ::2])
    assert all(tensor.flags.writeable and tensor.flags.c_contiguous for tensor in found.values())


def test_a_pruned_and_shared_layer_takes_the_entropy_of_places_and_codes_and_little_more() -> None:
    generator = np.random.default_rng(0)
    size, kept = 235_200, 0.08
    values = generator.normal(size=32).astype(np.float32)
    weight = np.where(generator.random(size) < kept, values[generator.binomial(31, 0.5, size)], np.float32(0))
    of_places = -size * (kept * np.log2(kept) + (1 - kept) * np.log2(1 - kept)) / 8
    _, counts = np.unique(weight[weight != 0], return_counts=True)
    of_codes = -(counts * np.log2(counts / counts.sum())).sum() / 8
    state = {"fc1.weight": weight.reshape(300, 784)}
    file = to_bytes(state)
    assert of_places + of_codes < len(file) < 1.015 * (of_places + of_codes) + 4 * 32 + 100
    assert same_bits(unpack.from_bytes(file), state)


def test_what_says_nothing_takes_nothing() -> None:
    empty = len(to_bytes({}))
    assert empty == 20
    assert len(to_bytes({"w": np.zeros((500, 800), np.float32)})) < empty + 25
    assert len(to_bytes({"w": np.ones(100_000, np.float64)})) < empty + 30
    assert len(to_bytes({"w": (np.arange(100_000) % 100 == 99).astype(np.float32)})) < empty + 35
    assert len(to_bytes({"n": np.array(7, np.int64)})) < empty + 27


def test_what_cannot_shrink_hardly_grows() -> None:
    noise = np.frombuffer(np.random.default_rng(0).bytes(80_000), np.uint32).reshape(100, 200)
    assert noise.nbytes < len(to_bytes({"w": noise})) <= noise.nbytes + 45


def test_columns_that_are_pruned_together_are_counted_column_by_column() -> None:
    generator = np.random.default_rng(0)
    weight = np.zeros((200, 300), np.float32)
    weight[:, generator.permutation(300)[:20]] = generator.integers(1, 9, (200, 20))
    by_column, by_row = (len(to_bytes({"w": np.ascontiguousarray(w)})) for w in (weight, weight.T))
    assert abs(by_column - by_row) < 30
    assert same_bits(from_bytes(to_bytes({"w": weight})), {"w": weight})


def test_longer_streams_and_equal_ones_beyond_the_constant() -> None:
    ones = np.ones((1 << 20) + 5, np.int8)
    file = to_bytes({"w": ones})
    assert len(ones) / 8 < len(file) < len(ones) / 7.9
    assert same_bits(unpack.from_bytes(file), {"w": ones})


@pytest.mark.parametrize("compiled", [True, False])
def test_compiled_code_writes_the_same_bytes_and_reads_the_same_bits(compiled: bool) -> None:
    pytest.importorskip("numba")
    state = pruned_and_shared()
    file = to_bytes(state, compiled=compiled)
    assert file == to_bytes(state, compiled=not compiled)
    assert same_bits(from_bytes(file, compiled=compiled), state)


def test_without_numba_long_streams_go_through_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "analysis.compression.lanes", raising=False)
    monkeypatch.delattr("analysis.compression.lanes", raising=False)
    monkeypatch.setattr(container, "WORTH_COMPILING", 1)
    assert container.coder(10).decode_lanes is unpack.decode_lanes
    state = pruned_and_shared()
    assert same_bits(from_bytes(to_bytes(state)), state)
    with pytest.raises(ImportError):
        container.coder(10, compiled=True)


ALONE = """
import importlib.util, sys
sys.modules["numba"] = sys.modules["torch"] = sys.modules["scipy"] = sys.modules["jaxtyping"] = None
spec = importlib.util.spec_from_file_location("unpack", sys.argv[1])
unpack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(unpack)
import numpy
state = unpack.from_bytes(open(sys.argv[2], "rb").read())
numpy.savez(sys.argv[3], **state)
names = {name.partition(".")[0] for name in sys.modules}
print(" ".join(sorted(names - set(sys.stdlib_module_names) - {"numpy", "unpack", "__mp_main__"})))
"""


def test_the_decoder_runs_on_numpy_alone(tmp_path: Path) -> None:
    """Its one file, copied anywhere."""
    state, file = pruned_and_shared(), tmp_path / "net.vitrine"
    file.write_bytes(to_bytes(state))
    copied = tmp_path / "anywhere.py"
    copied.write_bytes(Path(unpack.__file__).read_bytes())
    command = [sys.executable, "-I", "-c", ALONE, str(copied), str(file), str(tmp_path / "out.npz")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name for name in answer.stdout.split() if name in {"analysis", "jobs", "numba", "torch", "scipy", "zarr"}}
    assert loaded <= {"numba", "torch", "scipy"}  # those that were set to None
    with np.load(tmp_path / "out.npz") as found:
        assert same_bits({name: found[name] for name in state}, state)


def test_a_file_written_by_hand() -> None:
    """The description of the format, followed to the letter: (2, 4) int8, sparse by rows, 5 at 1 and 6 at 6."""
    import zlib

    # Gaps 1 and 4 at precision 0: 2 = 0b10 and 5 = 0b101, symbols 1 and 2, extra bits 0 and 01.
    gaps = bytes([0, 1, 2, 0b010])
    body = bytes([1]) + b"w" + bytes([1, 2, 2, 4, 5, 2, 0]) + gaps + bytes([1, 5, 6, 0, 0, 1])
    section = bytes([len(body)]) + body
    section += zlib.crc32(section).to_bytes(4, "little")
    file = b"VITRINE\x01" + (16 + len(section) + 4).to_bytes(8, "little") + section
    file += zlib.crc32(file).to_bytes(4, "little")
    np.testing.assert_array_equal(unpack.from_bytes(file)["w"], np.array([[0, 5, 0, 0], [0, 0, 6, 0]], np.int8))
    assert unpack.sections(file) == [("w", 16, len(section))]


def test_a_coded_stream_written_by_hand() -> None:
    symbols = np.array([4, 4, 2, 4, 4, 4, 90, 4] * 12, np.uint8)
    # 4 is 0, 2 is 10, 90 is 11, first bit lowest: 10 bits for eight symbols, 0 0 10 0 0 0 11 0.
    eight = [0, 0, 1, 0, 0, 0, 0, 1, 1, 0]
    payload = np.packbits(eight * 12, bitorder="little").tobytes()
    assert stream(symbols) == bytes([3, 2, 2, 4, 90, 2 | 1 << 4, 2]) + bytes([15, 0]) + payload


def test_codebooks_hold_up_to_256_values() -> None:
    assert codebook(np.zeros(0, np.uint32)) is None
    found = codebook(np.arange(256, dtype=np.uint32)[::-1].repeat(40))
    assert found is not None
    assert found.tolist() == list(range(256))
    assert codebook(np.arange(257, dtype=np.uint32)) is None
    assert codebook(np.append(np.zeros(100_000, np.uint32), np.arange(1, 257, dtype=np.uint32))) is None


def test_varints_are_leb128() -> None:
    assert [varint(value) for value in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\x01", b"\xac\x02"]


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_other_dtypes_are_refused_by_name(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^fc\.x is of dtype .*; expected one of \?, i1, u1, "):
        to_bytes({"fc.x": array})


@pytest.mark.shared
@pytest.mark.parametrize("name", ["resnet20-12fca82f", "squeezenet1_1_torchvision_fp16"])
def test_trained_nets_come_back(shared_data: Path, name: str) -> None:
    from safetensors.numpy import load_file

    state = load_file(shared_data / "nets" / f"{name}.safetensors")
    file = to_bytes(state)
    assert same_bits(unpack.from_bytes(file), state)
    assert len(file) < 0.96 * sum(tensor.nbytes for tensor in state.values())
