"""The same bits as NumPy's, compiled: Huffman lanes at several hundred million symbols a second, one thread.

Four lanes are decoded at once, since none of them waits for another, and a look at the next 12 bits gives up to three
symbols. Encoding joins four codes before it touches the buffer.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8, UInt16
from numba import njit

from analysis.compression.huffman import canonical_codes
from analysis.compression.unpack import LANE, LONGEST, lane_counts

# Compiled code is kept until this file changes: what it holds of the format stands here.
U1, U6, U63 = np.uint64(1), np.uint64(6), np.uint64(63)
MASK = np.uint64(4095)
LOOKS, AHEAD = 5, 15
"""Looks into the table of 12 bits before the 64 at hand are used up, and the symbols that they may give."""


def compiled(function: Callable[..., Any]) -> Any:
    """`function` as machine code, kept beside the source where that can be written."""
    plain = inspect.unwrap(function)
    try:
        return njit(nogil=True, cache=True)(plain)
    except RuntimeError:  # nowhere to keep it
        return njit(nogil=True)(plain)


def symbol_counts(symbols: UInt8[np.ndarray, " n"]) -> Int[np.ndarray, " symbols"]:
    """How often each symbol occurs, up to the last that does."""
    counts = _counts(symbols)
    return counts[: int(np.flatnonzero(counts).max(initial=-1)) + 1]


def encode_lanes(
    symbols: UInt8[np.ndarray, " n"], lengths: UInt8[np.ndarray, " symbols"]
) -> tuple[UInt8[np.ndarray, " bytes"], Int[np.ndarray, " lanes"]]:
    """As `huffman.encode_lanes`."""
    counts = lane_counts(len(symbols))
    entries = np.zeros(256, np.uint64)
    entries[: len(lengths)] = canonical_codes(lengths) | (lengths.astype(np.int64) << 16)
    sizes = np.empty(len(counts), np.int64)
    payload = np.empty(len(symbols) * int(lengths.max()) // 8 + len(counts), np.uint8)
    words = np.empty(LANE * LONGEST // 64 + 2, np.uint64)
    used = _encode(symbols, np.cumsum(counts), entries, words, payload, sizes)
    return payload[:used], sizes


def decode_lanes(
    payload: UInt8[np.ndarray, " bytes"],
    sizes: Int[np.ndarray, " lanes"],
    counts: Int[np.ndarray, " lanes"],
    table: UInt16[np.ndarray, " entries"],
) -> tuple[UInt8[np.ndarray, " n"], Int[np.ndarray, " lanes"]]:
    """As `unpack.decode_lanes`."""
    words = np.zeros(len(payload) // 8 + LANE * LONGEST // 64 + 4, np.uint64)
    words.view(np.uint8)[: len(payload)] = payload
    begins = 8 * (np.cumsum(sizes) - sizes)
    found, at = np.empty(int(counts.sum()), np.uint8), begins.astype(np.uint64)
    _decode(words, at, np.cumsum(counts), triples(table), table, found)
    return found, at.astype(np.int64) - begins


def triples(table: UInt16[np.ndarray, " entries"]) -> np.ndarray:
    """Up to three symbols of the next 12 bits, 8 bits each, then the bits they take, 4, and how many they are."""
    looked = np.arange(len(table))
    entries, used, number = np.zeros_like(looked), np.zeros_like(looked), np.zeros_like(looked)
    for place in range(3):
        following = table[looked >> used].astype(np.int64)
        fits = (number == place) & (used + (following & 15) <= LONGEST)
        entries |= np.where(fits, (following >> 4) << (8 * place), 0)
        used += np.where(fits, following & 15, 0)
        number += fits
    return (entries | (used << 24) | (number << 28)).astype(np.uint32)


@compiled
def _counts(symbols):  # type: ignore[no-untyped-def]
    """Four tables in turn: one alone would wait for itself where a symbol repeats."""
    counts = np.zeros((4, 256), np.int64)
    whole = len(symbols) // 4 * 4
    for place in range(0, whole, 4):
        for table in range(4):
            counts[table, symbols[place + table]] += 1
    for place in range(whole, len(symbols)):
        counts[0, symbols[place]] += 1
    return counts.sum(0)


@compiled
def _put(words, word, buffer, filled, bits, width):  # type: ignore[no-untyped-def]
    """Append up to 64 - 16 bits to a buffer of 64; a full one goes to `words`."""
    joined = buffer | (bits << filled)
    words[word] = joined
    total = filled + width
    full = total >> U6
    rest = (bits >> U1) >> (U63 - filled)
    return word + np.int64(full), rest if full else joined, total & U63


@compiled
def _encode(symbols, ends, entries, words, payload, sizes):  # type: ignore[no-untyped-def]
    """`words` holds one lane."""
    as_bytes = words.view(np.uint8)
    low, high = np.uint64(0xFFFF), np.uint64(16)
    at = place = 0
    for lane in range(len(ends)):
        word, buffer, filled = 0, np.uint64(0), np.uint64(0)
        while place + 4 <= ends[lane]:
            a, b = entries[symbols[place]], entries[symbols[place + 1]]
            c, d = entries[symbols[place + 2]], entries[symbols[place + 3]]
            width = (a >> high) + (b >> high)
            bits = (a & low) | ((b & low) << (a >> high)) | (((c & low) | ((d & low) << (c >> high))) << width)
            width += (c >> high) + (d >> high)
            word, buffer, filled = _put(words, word, buffer, filled, bits, width)
            place += 4
        while place < ends[lane]:
            entry = entries[symbols[place]]
            word, buffer, filled = _put(words, word, buffer, filled, entry & low, entry >> high)
            place += 1
        words[word] = buffer
        sizes[lane] = 8 * word + np.int64((filled + np.uint64(7)) >> np.uint64(3))
        for byte in range(sizes[lane]):
            payload[at + byte] = as_bytes[byte]
        at += sizes[lane]
    return at


@compiled
def _window(words, at):  # type: ignore[no-untyped-def]
    """The 64 bits from bit `at` on."""
    word, shift = at >> U6, at & U63
    return (words[word] >> shift) | ((words[word + U1] << U1) << (U63 - shift))


@compiled
def _look(table, window, at, found, place):  # type: ignore[no-untyped-def]
    """Up to three symbols of `window`; those that are not there are overwritten by the next look."""
    entry = table[window & MASK]
    width = np.uint64((entry >> np.uint32(24)) & np.uint32(15))
    found[place] = entry & np.uint32(255)
    found[place + 1] = (entry >> np.uint32(8)) & np.uint32(255)
    found[place + 2] = (entry >> np.uint32(16)) & np.uint32(255)
    return window >> width, at + width, place + np.int64(entry >> np.uint32(28))


@compiled
def _decode_rest(words, at, place, end, table, found):  # type: ignore[no-untyped-def]
    """A lane from symbol `place` on, one by one; the bit after its last."""
    while place < end:
        entry = table[_window(words, at) & MASK]
        found[place] = entry >> np.uint16(4)
        at += np.uint64(entry & np.uint16(15))
        place += 1
    return at


@compiled
def _decode(words, at, ends, triple, table, found):  # type: ignore[no-untyped-def]
    lanes = len(ends)
    for lane in range(0, lanes // 4 * 4, 4):
        a, b, c, d = at[lane], at[lane + 1], at[lane + 2], at[lane + 3]
        end_a, end_b, end_c, end_d = ends[lane], ends[lane + 1], ends[lane + 2], ends[lane + 3]
        begin = ends[lane - 1] if lane else 0
        in_a, in_b, in_c, in_d = begin, end_a, end_b, end_c
        while (in_a + AHEAD <= end_a) & (in_b + AHEAD <= end_b) & (in_c + AHEAD <= end_c) & (in_d + AHEAD <= end_d):
            window_a, window_b, window_c, window_d = (
                _window(words, a), _window(words, b), _window(words, c), _window(words, d)
            )  # fmt: skip
            for _ in range(LOOKS):
                window_a, a, in_a = _look(triple, window_a, a, found, in_a)
                window_b, b, in_b = _look(triple, window_b, b, found, in_b)
                window_c, c, in_c = _look(triple, window_c, c, found, in_c)
                window_d, d, in_d = _look(triple, window_d, d, found, in_d)
        at[lane] = _decode_rest(words, a, in_a, end_a, table, found)
        at[lane + 1] = _decode_rest(words, b, in_b, end_b, table, found)
        at[lane + 2] = _decode_rest(words, c, in_c, end_c, table, found)
        at[lane + 3] = _decode_rest(words, d, in_d, end_d, table, found)
    for lane in range(lanes // 4 * 4, lanes):
        at[lane] = _decode_rest(words, at[lane], ends[lane - 1] if lane else 0, ends[lane], table, found)
