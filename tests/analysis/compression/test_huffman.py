"""Code lengths: the best there are under the limit, beside a heap, brute force and Shannon's bounds."""

import heapq
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compression.huffman import canonical_codes, code_lengths, coded_bits, entropy, packed_bits, symbol_counts
from analysis.compression.unpack import decoding_table, lane_counts

counted = st.lists(st.integers(0, 10_000), min_size=1, max_size=256).map(np.array).filter(lambda c: (c > 0).sum() > 1)


def heap_bits(counts: np.ndarray) -> int:
    """Huffman's own algorithm: the sum of all merged weights."""
    heap = [int(count) for count in counts if count]
    heapq.heapify(heap)
    bits = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        bits += merged
        heapq.heappush(heap, merged)
    return bits


@given(counted)
def test_without_a_limit_the_bits_are_those_of_huffmans_algorithm(counts: np.ndarray) -> None:
    lengths = code_lengths(counts, longest=60)
    assert int(counts @ lengths) == heap_bits(counts)


@given(counted)
def test_codes_are_complete_limited_and_within_a_bit_of_the_entropy(counts: np.ndarray) -> None:
    lengths = code_lengths(counts)
    assert lengths.max() <= 12
    np.testing.assert_array_equal(lengths > 0, counts > 0)
    assert sum(2 ** (12 - int(length)) for length in lengths[lengths > 0]) == 4096
    if heap_bits(counts) == counts @ lengths:
        assert entropy(counts) - 1e-9 <= coded_bits(counts) / counts.sum() < entropy(counts) + 1
    rising = np.argsort(counts[counts > 0])
    assert (np.diff(lengths[counts > 0][rising].astype(int)[::-1]) >= 0).all() or len(set(counts.tolist())) < len(
        counts
    )


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6).map(np.array))
def test_limited_lengths_are_the_best_of_all(counts: np.ndarray) -> None:
    fitting = [
        int(counts @ lengths)
        for lengths in product(range(1, 4), repeat=len(counts))
        if sum(2.0**-length for length in lengths) <= 1
    ]
    assert int(counts @ code_lengths(counts, longest=3)) == min(fitting)


def test_a_limit_binds_where_counts_double() -> None:
    counts = 2 ** np.arange(20)
    lengths = code_lengths(counts)
    assert lengths.max() == 12
    assert code_lengths(counts, longest=19).max() == 19
    # One symbol in 1,000 at most is coded longer than it would be: the limit costs little.
    assert counts @ lengths < 1.01 * heap_bits(counts)
    with pytest.raises(ValueError, match=r"9 symbols have no codes of at most 3 bits; expected up to 8"):
        code_lengths(np.ones(9, np.int64), longest=3)


def test_known_codes() -> None:
    lengths = code_lengths(np.array([1, 0, 2, 4, 8]))
    assert lengths.tolist() == [3, 0, 3, 2, 1]
    # Canonical, shorter first: 0, 10, 110, 111, each with its first bit lowest.
    assert canonical_codes(lengths).tolist() == [0b011, 0, 0b111, 0b01, 0b0]
    table = decoding_table(np.arange(5, dtype=np.uint8), lengths)
    assert [int(entry) >> 4 for entry in table[:8]] == [4, 3, 4, 0, 4, 3, 4, 2]


def test_a_symbol_alone_and_none() -> None:
    assert code_lengths(np.array([0, 0, 7])).tolist() == [0, 0, 1]
    assert coded_bits(np.array([0, 0, 7])) == 0
    assert entropy(np.array([0, 7])) == 0.0
    assert symbol_counts(np.zeros(0, np.uint8)).tolist() == []
    assert entropy(np.array([5, 5, 5, 5])) == 2.0


@given(st.lists(st.integers(0, 45), min_size=0, max_size=80), st.randoms(use_true_random=False))
def test_packed_bits_are_those_of_a_big_integer(widths: list[int], random: object) -> None:
    values = [random.getrandbits(width) if width else 0 for width in widths]  # type: ignore[attr-defined]
    ends = np.cumsum([0, *widths])
    number = sum(value << int(at) for value, at in zip(values, ends[:-1], strict=True))
    size = (int(ends[-1]) + 7) // 8
    packed = packed_bits(np.array(values, np.int64), np.array(widths, np.int64), ends[:-1], size)
    assert packed.tobytes() == number.to_bytes(size, "little")


@given(st.integers(1, 100_000))
def test_lanes_hold_all_symbols_and_are_as_equal_as_can_be(count: int) -> None:
    counts = lane_counts(count)
    assert counts.sum() == count
    assert counts.max() <= 4096
    assert counts.max() - counts.min() <= 1
    assert (np.diff(counts) <= 0).all()
