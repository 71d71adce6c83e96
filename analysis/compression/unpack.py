"""The file format of compressed weights, byte by byte, and its decoder, which needs NumPy alone.

Integers are little-endian; a varint is LEB128: 7 bits a byte, lowest first, the top bit set on all bytes but the last.

    file      8 bytes  "VITRINE" and the version, 1
              8        length of the whole file
              ...      one section a tensor, to the end but 4
              4        CRC-32 (zlib's) of all bytes before
    section   varint   length of the body
              ...      body
              4        CRC-32 of the section's bytes before
    body      varint   length of the name, then the name in UTF-8
              1        dtype, as an index into DTYPES; then 1 byte axes, and a varint the length of each
              1        form: where the values lie, plus 4 where they are codes
                         0 everywhere: as many values as elements
                         1 sparse, elements counted with the last axis fastest (C order)
                         2 sparse, elements counted with the first axis moved to the end, then in C order
              sparse   varint, the number of values n; 1 byte, the gap precision b; a stream of n gap symbols;
                       their extra bits, packed as codes are
              codes    1 byte, entries of the codebook less 1; the entries; a stream of n indices into it
              others   a stream of n bytes for each byte of the dtype: all first bytes, all second bytes, ...
    stream    nothing where n is 0, else 1 byte and
                         0 stored: the n symbols, a byte each
                         1 constant: the one symbol; at most 2^20 of them, so that small files stay small
                         2 coded: 1 byte, the last symbol s; lengths of the codes of 0 ... s, 4 bits each
                         3 coded: 1 byte, symbols that occur less 1; those symbols, rising; their lengths, 4 bits each
              lanes    of 2 and 3: 2 bytes a lane, its bytes; then the lanes

Whatever is not a value of a sparse tensor is zero, all bits; -0 is a value. A gap is the number of zeros since the last
value: g + 2^b has k + b + 1 bits; the symbol is k 2^b plus the b bits after the highest; the k below are extra bits.
Bits fill a byte from its lowest; a code's first bit comes first. Codes are canonical: shorter first, then by symbol,
none above 12 bits, none unused. n symbols lie in L = ceil(n / 4096) lanes, the first n mod L of them one symbol longer,
each beginning at a byte; lanes are decoded side by side. Two lengths share a byte, the lower half first.
"""

import math
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MAGIC, VERSION, HEAD = b"VITRINE", 1, 16
DTYPES = ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
LANE, LONGEST, CONSTANT = 4096, 12, 1 << 20
"""Symbols of a lane, bits of a code, symbols of a constant stream, at most."""

Lanes = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""See `decode_lanes`."""


class DamagedFileError(ValueError):
    """Bytes that are no whole, unaltered file; the message has the place and what was expected there."""


class Section(NamedTuple):
    """Where a tensor lies in the file: its first byte, and its bytes with lengths and checksum."""

    name: str
    offset: int
    size: int


class Reader:
    """Bytes from `at` to `end`, taken from the front; whatever would pass the end is refused with its place."""

    def __init__(self, data: memoryview, at: int, end: int, place: str):
        self.data, self.at, self.end, self.place = data, at, end, place

    def take(self, count: int, what: str) -> memoryview:
        """The next `count` bytes."""
        if count > self.end - self.at:
            raise self.damaged(f"{count} bytes of {what} expected, {self.end - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, count: int, dtype: str, what: str) -> np.ndarray:
        """The next `count` numbers."""
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize, what), dtype)

    def byte(self, what: str, top: int = 255) -> int:
        """The next byte, at most `top`."""
        value = self.take(1, what)[0]
        if value > top:
            raise self.damaged(f"{what} is {value}; expected at most {top}")
        return value

    def varint(self, what: str) -> int:
        """The next varint, below 2^63."""
        value = 0
        for place in range(9):
            byte = self.byte(what)
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value
        raise self.damaged(f"{what} has more than 9 bytes")

    def damaged(self, problem: str) -> DamagedFileError:
        """The error for something wrong just before here."""
        return DamagedFileError(f"{self.place}, byte {self.at}: {problem}")


def from_bytes(data: bytes, *, limit_bytes: int | None = None, lanes: Lanes | None = None) -> dict[str, np.ndarray]:
    """The state dict of the file, bit for bit, in its order.

    limit_bytes: decoded size above which a file is refused before memory is taken; by default 1,024 times its own size,
    at least 64 MiB. lanes: another decoder of lanes. Raises DamagedFileError.
    """
    left = max(1024 * len(data), 1 << 26) if limit_bytes is None else limit_bytes
    state: dict[str, np.ndarray] = {}
    for section in sections(data):
        reader = Reader(memoryview(data), section.offset, section.offset + section.size - 4, "")
        reader.varint("the length")
        reader.take(reader.varint("the name's length"), "the name")
        reader.place = f"tensor {section.name!r}"
        if section.name in state:
            raise reader.damaged("a second tensor of this name")
        state[section.name] = _tensor(reader, left, lanes or decode_lanes)
        left -= state[section.name].nbytes
    return state


def sections(data: bytes) -> list[Section]:
    """The file's sections, after their checksums were found right. Raises DamagedFileError."""
    reader = Reader(memoryview(data), 0, len(data), "the head")
    head, expected = bytes(reader.take(8, "the head")), MAGIC + bytes([VERSION])
    if head != expected:
        raise reader.damaged(f"it begins with {head!r}; expected {expected!r}, version {VERSION} of the format")
    length = int(reader.array(1, "<u8", "the file's length")[0])
    if length != len(data) or length < HEAD + 4:
        raise reader.damaged(f"the file has {len(data):,} bytes; expected {length:,}")
    found: list[Section] = []
    reader.end = length - 4
    while reader.at < reader.end:
        found.append(_section(reader, len(found)))
    reader.end, reader.place = length, "the whole file"
    _check(reader, 0)
    return found


def _section(reader: Reader, number: int) -> Section:
    begin, reader.place = reader.at, f"section {number}"
    size = reader.varint("its length")
    body = Reader(reader.data, reader.at, reader.at + size, reader.place)
    reader.take(size, "its body")
    _check(reader, begin)
    name = bytes(body.take(body.varint("the name's length"), "the name"))
    try:
        return Section(name.decode(), begin, reader.at - begin)
    except UnicodeDecodeError:
        raise body.damaged(f"the name {name!r} is not UTF-8") from None


def _check(reader: Reader, begin: int) -> None:
    """Read a checksum and compare it with the bytes from `begin` to it."""
    found = zlib.crc32(reader.data[begin : reader.at])
    stored = int(reader.array(1, "<u4", "the checksum")[0])
    if found != stored:
        raise reader.damaged(f"the checksum of bytes {begin} to {reader.at - 4} is {found:#x}; expected {stored:#x}")


def _tensor(reader: Reader, limit: int, lanes: Lanes) -> np.ndarray:
    dtype = np.dtype(DTYPES[reader.byte("the dtype", len(DTYPES) - 1)])
    shape = tuple(reader.varint("an axis") for _ in range(reader.byte("the number of axes", 32)))
    # An axis of 0 must not hide axes that no array can have.
    if math.prod(axis or 1 for axis in shape) * dtype.itemsize > limit:
        raise reader.damaged(f"shape {shape} of {dtype} exceeds the {limit:,} bytes that are allowed; see limit_bytes")
    elements, form = math.prod(shape), reader.byte("the form", 6)
    where, coded = form & 3, form >= 4
    if where == 3 or (where == 2 and not shape):
        raise reader.damaged(f"form {form} is not one of {len(shape)} axes")
    places = _places(reader, elements, lanes) if where else None
    count = elements if places is None else len(places)
    values = (_coded if coded else _planes)(reader, count, dtype.itemsize, lanes).view(dtype)
    if reader.at != reader.end:
        raise reader.damaged(f"{reader.end - reader.at} bytes follow the last value")
    if places is None:
        return values.reshape(shape)
    flat = np.zeros(elements, dtype)
    flat[places] = values
    return flat.reshape(shape) if where == 1 else np.moveaxis(flat.reshape(shape[1:] + shape[:1]), -1, 0).copy()


def _places(reader: Reader, elements: int, lanes: Lanes) -> np.ndarray:
    """Rising indices of the values."""
    count = reader.varint("the number of values")
    if count > elements:
        raise reader.damaged(f"{count} values in {elements} elements")
    precision = reader.byte("the gap precision", 7)
    symbols = stream(reader, count, lanes).astype(np.int64)
    widths = symbols >> precision
    if widths.max(initial=0) > 48:
        raise reader.damaged(f"a gap has {widths.max()} extra bits; expected at most 48")
    begins = np.cumsum(widths) - widths
    packed = reader.array((int(widths.sum()) + 7) // 8, "u1", "extra bits of gaps")
    windows = np.ndarray(len(packed) + 1, "<u8", np.append(packed, np.zeros(8, np.uint8)), strides=(1,))
    extra = (windows[begins >> 3] >> (begins & 7).astype(np.uint64)).astype(np.int64) & ((1 << widths) - 1)
    unit = 1 << precision
    places = np.cumsum(((((symbols & (unit - 1)) + unit) << widths) | extra) - unit + 1) - 1
    # The last alone would not do: a sum of made-up gaps may overflow, and come back.
    if count and (places.min() < 0 or places.max() >= elements):
        raise reader.damaged(f"a value lies beyond the {elements} elements")
    return places


def _planes(reader: Reader, count: int, size: int, lanes: Lanes) -> np.ndarray:
    """Values from all their first bytes, all their second bytes, and so on."""
    return np.stack([stream(reader, count, lanes) for _ in range(size)], axis=1).reshape(-1)


def _coded(reader: Reader, count: int, size: int, lanes: Lanes) -> np.ndarray:
    """Values from a codebook and an index each."""
    entries = reader.byte("the size of the codebook") + 1
    book = reader.array(entries * size, "u1", "the codebook").reshape(entries, size)
    codes = stream(reader, count, lanes)
    if codes.max(initial=0) >= entries:
        raise reader.damaged(f"code {codes.max()} in a codebook of {entries}")
    return book.view(f"V{size}")[codes, 0].view(np.uint8)


def stream(reader: Reader, count: int, lanes: Lanes) -> np.ndarray:
    """The next `count` symbols, uint8."""
    kind = reader.byte("the kind of stream", 3) if count else 0
    if kind == 0:
        return reader.array(count, "u1", "stored symbols")
    if kind == 1:
        if count > CONSTANT:
            raise reader.damaged(f"{count} equal symbols; expected at most {CONSTANT}")
        return np.full(count, reader.byte("the symbol"), np.uint8)
    table = _table(reader, listed=kind == 3)
    counts = lane_counts(count)
    sizes = reader.array(len(counts), "<u2", "lengths of lanes").astype(np.int64)
    # Every symbol has a bit at least: what is decoded is bounded by what is there.
    if (8 * sizes < counts).any():
        raise reader.damaged("a lane has fewer bits than symbols")
    payload = reader.array(int(sizes.sum()), "u1", "lanes")
    symbols, bits = lanes(payload, sizes, counts, table)
    if ((bits + 7) // 8 != sizes).any():
        raise reader.damaged(f"lane {int(np.flatnonzero((bits + 7) // 8 != sizes)[0])} does not end where it should")
    return symbols


def _table(reader: Reader, listed: bool) -> np.ndarray:
    count = reader.byte("the number of codes") + 1
    symbols = reader.array(count, "u1", "symbols") if listed else np.arange(count, dtype=np.uint8)
    halves = reader.array((count + 1) // 2, "u1", "lengths of codes")
    lengths = np.stack([halves & 15, halves >> 4], axis=1).reshape(-1)[:count]
    if lengths.max() > LONGEST or (1 << (LONGEST - lengths[lengths > 0].astype(np.int64))).sum() != 1 << LONGEST:
        raise reader.damaged(f"lengths {lengths.tolist()} are not those of a complete code of at most {LONGEST} bits")
    return decoding_table(symbols, lengths)


def decoding_table(symbols: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """What the next 12 bits say: 16 times the symbol plus the length of its code, uint16, 4,096 entries."""
    order = np.lexsort((symbols, lengths))
    order = order[lengths[order] > 0]
    entries = (symbols[order].astype(np.uint16) << 4) | lengths[order]
    by_code = np.repeat(entries, 1 << (LONGEST - lengths[order].astype(np.int64)))
    return by_code[reversed_bits(np.arange(1 << LONGEST))]


def reversed_bits(codes: np.ndarray) -> np.ndarray:
    """12-bit numbers with the first bit last."""
    return sum(((codes >> bit) & 1) << (LONGEST - 1 - bit) for bit in range(LONGEST))  # type: ignore[return-value]


def lane_counts(count: int) -> np.ndarray:
    """Symbols of each lane: as equal as can be, longer ones first."""
    lanes = -(-count // LANE)
    return count // lanes + (np.arange(lanes) < count % lanes)


def decode_lanes(
    payload: np.ndarray, sizes: np.ndarray, counts: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All symbols, uint8, and the bits that each lane took; from all their bytes, and the bytes and symbols of each.

    A lane that is not what it claims reads on into the next or into zeros, never beyond what is there.
    """
    begins = 8 * (np.cumsum(sizes) - sizes)
    padded = np.concatenate([payload, np.zeros(LANE * LONGEST // 8 + 8, np.uint8)])
    windows = np.ndarray(len(padded) - 3, "<u4", padded, strides=(1,))
    at, longer = begins.copy(), int((counts == counts[0]).sum())
    found = np.empty((counts[0], len(counts)), np.uint16)
    for step in range(counts[0]):
        live = at[: longer if step == counts[-1] else len(at)]
        entries = table[(windows[live >> 3] >> (live & 7)) & (len(table) - 1)]
        found[step, : len(live)] = entries
        live += entries & 15
    symbols = (found >> 4).astype(np.uint8)
    return np.concatenate([symbols[:, :longer].T.reshape(-1), symbols[:-1, longer:].T.reshape(-1)]), at - begins
