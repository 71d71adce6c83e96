"""Where do the values of a sparse layer lie? By the gaps between them, in two codes.

The paper's (Han et al., 2016, arXiv:1510.00149, section 2): every gap in i bits; one of more than M = 2^i places has a
filler, a zero kept like a value, after every M of them. The file's: exponential-Golomb classes of gaps, Huffman coded,
and extra bits that tell the gaps of a class apart, as deflate codes its distances: no fillers, whatever the gap.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from analysis.compression.huffman import coded_bits

Gaps = Int[np.ndarray, " values"]

PRECISIONS = range(8)
INDEX_BITS = range(1, 9)


class GapClasses(NamedTuple):
    """Gaps as the file holds them."""

    symbols: UInt8[np.ndarray, " values"]
    widths: Int[np.ndarray, " values"]
    """Extra bits of each."""
    extra: Int[np.ndarray, " values"]
    """Their values."""


class Relative(NamedTuple):
    """Entries as the paper stores them, fillers among the values."""

    indices: UInt8[np.ndarray, " entries"]
    """Places passed over since the last entry, below M."""
    is_filler: np.ndarray
    """(entries,), bool."""


def gaps(places: Int[np.ndarray, " values"]) -> Gaps:
    """Zeros before each value since the last, from rising places."""
    return np.diff(places, prepend=-1) - 1


def gap_classes(of: Gaps, precision: int) -> GapClasses | None:
    """g + 2^precision has extra + precision + 1 bits; None where a symbol would pass 255."""
    unit = 1 << precision
    raised = of + unit
    # Exact below 2^53, and gaps are shorter.
    widths = np.frexp(raised.astype(np.float64))[1].astype(np.int64) - 1 - precision
    symbols = (widths << precision) + (raised >> widths) - unit
    if symbols.max(initial=0) > 255:
        return None
    return GapClasses(symbols.astype(np.uint8), widths, raised & ((1 << widths) - 1))


def cheapest_precision(of: Gaps) -> tuple[int, int]:
    """The precision whose classes take the fewest bits, and these: coded symbols, lengths of codes, extra bits."""
    values, counts = np.unique(of, return_counts=True)
    found = []
    for precision in PRECISIONS:
        classes = gap_classes(values, precision)
        if classes is not None:
            symbols = np.bincount(classes.symbols, counts).astype(np.int64)
            bits = coded_bits(symbols) + 4 * len(symbols) + int(counts @ classes.widths)
            found.append((bits, precision))
    bits, precision = min(found)
    return precision, bits


def relative_indices(of: Gaps, index_bits: int) -> Relative:
    """The paper's entries, with a filler wherever 2^index_bits places in a row hold no value. index_bits: 1 to 8."""
    fillers = of >> index_bits
    ends = np.cumsum(fillers + 1)
    is_filler = np.ones(int(ends[-1]) if len(ends) else 0, bool)
    is_filler[ends - 1] = False
    indices = np.full(len(is_filler), (1 << index_bits) - 1, np.uint8)
    indices[ends - 1] = of & ((1 << index_bits) - 1)
    return Relative(indices, is_filler)


def expected_fillers(kept: float, index_bits: int) -> float:
    """Fillers for every value where each place holds one with probability `kept`: q^M / (1 - q^M), q = 1 - kept."""
    passed = (1 - kept) ** (1 << index_bits)
    return passed / (1 - passed)


def paper_rate(kept: float, code_bits: int, index_bits: int, weights: int) -> float:
    """Size of a layer, of that of its weights in 32 bits: p (1 + f) (w + i) / 32 + 2^w / n.

    Codes of w bits, indices of i bits, fillers f at random places, a codebook of 32-bit values; no biases.
    """
    entries = kept * (1 + expected_fillers(kept, index_bits)) if kept else 0.0
    return entries * (code_bits + index_bits) / 32 + (1 << code_bits) / weights
