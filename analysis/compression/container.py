"""State dict to file and back, bit for bit, in as few bytes as its tensors allow (after Han et al., 2016,
arXiv:1510.00149). The format is described in `analysis.compression.unpack`, which decodes it with NumPy alone.

Nothing but the values is needed: a tensor that holds at most 256 distinct values has a codebook, one with zeros is
sparse, and whatever is smallest is written. Values are told apart by their bits, so that -0 and the payloads of NaN
stay. Long streams go through compiled code where numba is installed; the bytes are the same without.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from analysis.compression import huffman, unpack
from analysis.compression.gaps import Gaps, cheapest_precision, gap_classes, gaps
from analysis.compression.unpack import CONSTANT, DTYPES, HEAD, MAGIC, VERSION

State = Mapping[str, np.ndarray]
Symbols = UInt8[np.ndarray, " n"]

WORTH_COMPILING = 1 << 22
"""Symbols of a stream from which loading compiled code, about a second, pays."""
CODEBOOK = 256
SMALL = 1 << 16
"""Up to so many values every form is tried. Of more, indices are never larger than byte planes, since the codebook
hardly counts, and where half are zero, sparse is never larger to speak of."""


class Coder(NamedTuple):
    """One of the two ways to the same bits."""

    symbol_counts: Callable[..., Any]
    encode_lanes: Callable[..., Any]
    decode_lanes: Callable[..., Any]


def to_bytes(state: State, *, compiled: bool | None = None) -> bytes:
    """The file of `state`: names to arrays of any shape of bool, integers or floats of 16, 32 or 64 bits.

    compiled: whether streams go through numba; by default long ones do, where it is installed. Byte order is not
    kept: arrays come back little-endian. Raises ValueError for another dtype.
    """
    parts = [section(name, array, compiled=compiled) for name, array in state.items()]
    head = MAGIC + bytes([VERSION]) + struct.pack("<Q", HEAD + sum(map(len, parts)) + 4)
    return _checked(b"".join([head, *parts]))


def from_bytes(data: bytes, *, limit_bytes: int | None = None, compiled: bool | None = None) -> dict[str, np.ndarray]:
    """`unpack.from_bytes`, with compiled code for long streams where numba is installed."""

    def lanes(payload: Symbols, sizes: np.ndarray, counts: np.ndarray, table: np.ndarray) -> Any:
        return coder(int(counts.sum()), compiled).decode_lanes(payload, sizes, counts, table)

    return unpack.from_bytes(data, limit_bytes=limit_bytes, lanes=lanes)


def coder(symbols: int, compiled: bool | None = None) -> Coder:
    """NumPy's for a short stream and where numba is not installed; ImportError where `compiled` insists on it."""
    if compiled if compiled is not None else symbols >= WORTH_COMPILING:
        try:
            from analysis.compression import lanes

            return Coder(lanes.symbol_counts, lanes.encode_lanes, lanes.decode_lanes)
        except ImportError:
            if compiled:
                raise
    return Coder(huffman.symbol_counts, huffman.encode_lanes, unpack.decode_lanes)


def section(name: str, array: np.ndarray, *, compiled: bool | None = None) -> bytes:
    """The bytes of one tensor, in its smallest form. ValueError as of `to_bytes`."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    kind = "?" if little.dtype == bool else little.dtype.str.replace("|", "")
    if kind not in DTYPES:
        raise ValueError(f"{name} is of dtype {array.dtype}; expected one of {', '.join(DTYPES)}")
    encoded = name.encode()
    head = [varint(len(encoded)), encoded, bytes([DTYPES.index(kind), array.ndim]), *map(varint, array.shape)]
    body = b"".join([*head, _form(little.view(f"<u{little.itemsize}"), compiled)])
    return _checked(varint(len(body)) + body)


def varint(value: int) -> bytes:
    """LEB128."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def _checked(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def _form(bits: np.ndarray, compiled: bool | None) -> bytes:
    """The elements, everywhere or sparse."""
    flat = bits.reshape(-1)
    nonzero = np.count_nonzero(flat)
    everywhere = None
    if len(flat) <= SMALL or nonzero > len(flat) / 2:
        coded, values = _values(flat, compiled)
        everywhere = bytes([4 * coded]) + values
    if everywhere and nonzero == len(flat):
        return everywhere
    found = []
    for order in (1, 2) if bits.ndim > 1 else (1,):
        ordered = flat if order == 1 else np.moveaxis(bits, 0, -1).reshape(-1)
        places = np.flatnonzero(ordered)
        between = gaps(places)
        precision, size = cheapest_precision(between)
        found.append((size, order, precision, between, ordered[places]))
    _, order, precision, between, kept = min(found, key=lambda way: way[:2])
    coded, values = _values(kept, compiled)
    sparse = bytes([4 * coded + order]) + _gaps(between, precision, compiled) + values
    return min(everywhere, sparse, key=len) if everywhere else sparse


def _gaps(between: Gaps, precision: int, compiled: bool | None) -> bytes:
    classes = gap_classes(between, precision)
    assert classes is not None
    ends = np.cumsum(classes.widths)
    size = (int(ends[-1]) + 7) // 8 if len(ends) else 0
    extra = huffman.packed_bits(classes.extra, classes.widths, ends - classes.widths, size)
    count = varint(len(between))
    return count + bytes([precision]) + stream(classes.symbols, compiled=compiled) + extra.tobytes()


def _values(values: np.ndarray, compiled: bool | None) -> tuple[bool, bytes]:
    """Whether they are codes, and the bytes of the codes or of the byte planes."""
    ways = []
    book = codebook(values)
    if book is not None:
        codes = np.searchsorted(book, values).astype(np.uint8)
        ways.append((True, bytes([len(book) - 1]) + book.tobytes() + stream(codes, compiled=compiled)))
    if book is None or len(values) <= SMALL:
        planes = values.reshape(-1, 1).view(np.uint8).T
        ways.append((False, b"".join(stream(np.ascontiguousarray(plane), compiled=compiled) for plane in planes)))
    return min(ways, key=lambda way: len(way[1]))


def codebook(values: np.ndarray) -> np.ndarray | None:
    """Distinct values, rising; None for no values, and where there are more than 256 of them."""
    some = values[:: len(values) // 4096 + 1]
    if len(values) == 0 or len(np.unique(some)) > CODEBOOK:
        return None
    book = np.unique(values)
    return book if len(book) <= CODEBOOK else None


def stream(symbols: Symbols, *, compiled: bool | None = None) -> bytes:
    """Symbols in their smallest form."""
    if len(symbols) == 0:
        return b""
    way = coder(len(symbols), compiled)
    counts = way.symbol_counts(symbols)
    used = np.flatnonzero(counts)
    if len(used) == 1 and len(symbols) <= CONSTANT:
        return bytes([1, used[0]])
    if len(used) == 1:  # a code of two, so that it is complete
        used = np.array(sorted((used[0], used[0] ^ 1)))
        counts = np.bincount(used, minlength=len(counts))
    lengths = huffman.code_lengths(counts)
    plain = bytes([2, len(lengths) - 1]) + _halves(lengths)
    listed = bytes([3, len(used) - 1, *used]) + _halves(lengths[used])
    if counts @ lengths < 8 * len(symbols):
        payload, sizes = way.encode_lanes(symbols, lengths)
        coded = [min(plain, listed, key=len), sizes.astype("<u2"), payload]
        if sum(memoryview(part).nbytes for part in coded) <= len(symbols):
            return b"".join(coded)
    return bytes([0]) + symbols.tobytes()


def _halves(lengths: Symbols) -> bytes:
    """Two lengths a byte, the first in the lower half."""
    padded = np.append(lengths, np.zeros(len(lengths) % 2, np.uint8))
    return (padded[::2] | padded[1::2] << 4).tobytes()
