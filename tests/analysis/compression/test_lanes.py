"""Compiled code and NumPy: the same bits in both directions, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.compression import huffman, unpack

lanes = pytest.importorskip("analysis.compression.lanes", reason="numba is not installed")


def drawn(seed: int, count: int, symbols: int, steepness: float) -> np.ndarray:
    shares = np.exp(-steepness * np.arange(symbols))
    generator = np.random.default_rng(seed)
    return generator.permutation(256)[generator.choice(symbols, count, p=shares / shares.sum())].astype(np.uint8)


def check(symbols: np.ndarray) -> None:
    counts = huffman.symbol_counts(symbols)
    np.testing.assert_array_equal(lanes.symbol_counts(symbols), counts)
    lengths = huffman.code_lengths(counts)
    payload, sizes = huffman.encode_lanes(symbols, lengths)
    compiled, compiled_sizes = lanes.encode_lanes(symbols, lengths)
    np.testing.assert_array_equal(compiled_sizes, sizes)
    assert compiled.tobytes() == payload.tobytes()
    table = unpack.decoding_table(np.arange(len(lengths), dtype=np.uint8), lengths)
    of_lanes = unpack.lane_counts(len(symbols))
    for decode in (unpack.decode_lanes, lanes.decode_lanes):
        found, bits = decode(payload, sizes, of_lanes, table)
        np.testing.assert_array_equal(found, symbols)
        np.testing.assert_array_equal((bits + 7) // 8, sizes)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(2, 20_000), st.integers(2, 256), st.floats(0, 2))
def test_both_ways_write_and_read_the_same_bits(seed: int, count: int, symbols: int, steepness: float) -> None:
    found = drawn(seed, count, symbols, steepness)
    if len(np.unique(found)) > 1:
        check(found)


@pytest.mark.parametrize("count", [2, 4095, 4096, 4097, 8193, 5 * 4096, (1 << 20) + 4096 * 3 + 1])
def test_lanes_of_every_kind(count: int) -> None:
    symbols = drawn(1, count, 32, 0.2)
    symbols[:2] = 0, 1
    check(symbols)


def test_every_symbol_of_a_byte_in_its_longest_code() -> None:
    check(
        np.concatenate([np.repeat(np.arange(12, dtype=np.uint8), 2 ** np.arange(12)), np.arange(256, dtype=np.uint8)])
    )


def test_three_symbols_at_a_look() -> None:
    table = unpack.decoding_table(np.array([7, 9], np.uint8), np.array([1, 1], np.uint8))
    entry = int(lanes.triples(table)[0b101])
    assert [entry & 255, entry >> 8 & 255, entry >> 16 & 255] == [9, 7, 9]
    assert (entry >> 24 & 15, entry >> 28) == (3, 3)
    long = unpack.decoding_table(np.arange(32, dtype=np.uint8), np.full(32, 5, np.uint8))
    assert {int(entry) >> 28 for entry in lanes.triples(long)} == {2}


def test_a_lane_that_lies_reads_nothing_beyond_the_end() -> None:
    table = unpack.decoding_table(np.arange(2, dtype=np.uint8), np.array([1, 1], np.uint8))
    payload, sizes = np.full(4, 255, np.uint8), np.array([1, 1, 1, 1])
    counts = np.full(4, 4096)
    for decode in (unpack.decode_lanes, lanes.decode_lanes):
        found, bits = decode(payload, sizes, counts, table)
        assert bits.tolist() == [4096] * 4
        np.testing.assert_array_equal(found.reshape(4, 4096).sum(1), [32, 24, 16, 8])


def test_where_nothing_can_be_kept_code_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lanes.njit

    def nowhere(**options: bool) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return plain(**options)

    monkeypatch.setattr(lanes, "njit", nowhere)
    assert lanes.compiled(lambda number: number + 1)(41) == 42
