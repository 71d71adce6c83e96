"""Huffman codes of bytes: lengths, canonical codes, and lanes of bits (Huffman, 1952; Larmore and Hirschberg, 1990).

No code has more than 12 bits, so that one table of 4,096 entries decodes everything; package-merge finds the best such
lengths. Among 256 symbols the limit costs nothing until one is rarer than 1 in 1,000.
"""

import numpy as np
from jaxtyping import Int, UInt8

from analysis.compression.unpack import LANE, LONGEST, lane_counts, reversed_bits

Symbols = UInt8[np.ndarray, " n"]
Counts = Int[np.ndarray, " symbols"]
Lengths = UInt8[np.ndarray, " symbols"]

CHUNK = 1 << 20
"""Symbols counted or written in one pass of NumPy."""


def symbol_counts(symbols: Symbols) -> Counts:
    """How often each symbol occurs, up to the last that does."""
    counts = np.zeros(256, np.int64)
    for begin in range(0, len(symbols), CHUNK):
        counts += np.bincount(symbols[begin : begin + CHUNK], minlength=256)
    return counts[: int(np.flatnonzero(counts).max(initial=-1)) + 1]


def entropy(counts: Counts) -> float:
    """Bits a symbol that no code of single symbols goes below."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else 0.0


def code_lengths(counts: Counts, longest: int = LONGEST) -> Lengths:
    """Bits of each symbol's code, the fewest in sum over `counts` with none above `longest`; 0 where none occurs.

    A symbol that is alone has 1 bit. Raises ValueError where there are more symbols than codes.
    """
    used = np.flatnonzero(counts)
    lengths = np.zeros(len(counts), np.uint8)
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    if len(used) > 1 << longest:
        raise ValueError(f"{len(used)} symbols have no codes of at most {longest} bits; expected up to {1 << longest}")
    order = used[np.argsort(counts[used], kind="stable")]
    coins, packages, single = counts[order], np.zeros(0, np.int64), []
    for _ in range(longest):
        merged = np.concatenate([coins, packages])
        by_weight = np.argsort(merged, kind="stable")
        single.append(by_weight < len(coins))
        packages = merged[by_weight][: len(merged) // 2 * 2].reshape(-1, 2).sum(1)
    taken = 2 * len(used) - 2
    for is_coin in reversed(single):
        coins_taken = int(is_coin[:taken].sum())
        lengths[order[:coins_taken]] += 1
        taken = 2 * (taken - coins_taken)
    return lengths


def coded_bits(counts: Counts) -> int:
    """Bits of all symbols in the best code; none where only one symbol occurs."""
    return int(counts @ code_lengths(counts)) if np.count_nonzero(counts) > 1 else 0


def canonical_codes(lengths: Lengths) -> Int[np.ndarray, " symbols"]:
    """The code of each symbol, its first bit lowest."""
    order = np.lexsort((np.arange(len(lengths)), lengths))
    order = order[lengths[order] > 0]
    sizes = 1 << (LONGEST - lengths[order].astype(np.int64))
    codes = np.zeros(len(lengths), np.int64)
    codes[order] = reversed_bits(np.cumsum(sizes) - sizes)
    return codes


def encode_lanes(symbols: Symbols, lengths: Lengths) -> tuple[UInt8[np.ndarray, " bytes"], Int[np.ndarray, " lanes"]]:
    """The bytes of all lanes and how many each has."""
    codes, counts = canonical_codes(lengths), lane_counts(len(symbols))
    parts, sizes, begin = [], [], 0
    for some in np.array_split(counts, -(-len(counts) * LANE // CHUNK)):
        part = symbols[begin : begin + int(some.sum())]
        widths = lengths[part].astype(np.int64)
        lane_ends = np.cumsum(some)
        bits = np.add.reduceat(widths, lane_ends - some)
        bytes_of_lanes = (bits + 7) // 8
        # From where a lane would begin to the byte where it does.
        padding = 8 * (np.cumsum(bytes_of_lanes) - bytes_of_lanes) - (np.cumsum(bits) - bits)
        at = np.cumsum(widths) - widths + np.repeat(padding, some)
        parts.append(packed_bits(codes[part], widths, at, int(bytes_of_lanes.sum())))
        sizes.append(bytes_of_lanes)
        begin += len(part)
    return np.concatenate(parts), np.concatenate(sizes)


def packed_bits(
    values: Int[np.ndarray, " n"], widths: Int[np.ndarray, " n"], at: Int[np.ndarray, " n"], size: int
) -> UInt8[np.ndarray, " bytes"]:
    """`size` bytes with value i, of `widths[i]` bits, from bit `at[i]` on; rising places that do not overlap."""
    words = np.zeros(size // 8 + 2, np.uint64)
    if len(values):
        bits, word, shift = values.astype(np.uint64), at >> 6, (at & 63).astype(np.uint64)
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[first]] = np.bitwise_or.reduceat(bits << shift, first)
        over = np.flatnonzero((at & 63) + widths > 64)  # at most one in each word
        words[word[over] + 1] |= (bits[over] >> np.uint64(1)) >> (np.uint64(63) - shift[over])
    return words.astype("<u8", copy=False).view(np.uint8)[:size]
