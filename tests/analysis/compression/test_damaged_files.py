"""A file that was cut, altered or made up is refused with the place: no wrong weights, no crash, no giant array."""

import contextlib
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.compression.container import to_bytes, varint
from analysis.compression.unpack import DamagedFileError, from_bytes, sections
from tests.analysis.compression.states import pruned_and_shared, states

SMALL = to_bytes({"fc": np.eye(9, dtype=np.float32) * 3, "b": np.arange(40.0), "t": np.array([1, 2, 1, 1] * 30)})
REAL = to_bytes(pruned_and_shared())


def test_every_byte_matters() -> None:
    for place in range(len(SMALL)):
        for flipped in (*(1 << bit for bit in range(8)), 255):
            damaged = bytearray(SMALL)
            damaged[place] ^= flipped
            with pytest.raises(DamagedFileError):
                from_bytes(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(REAL) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused(place: int, flip: int) -> None:
    damaged = bytearray(REAL)
    damaged[place] ^= flip
    with pytest.raises(DamagedFileError):
        from_bytes(bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(states.filter(len), st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=6))
def test_several_flipped_bytes_of_any_file_are_refused(
    state: dict[str, np.ndarray], flips: list[tuple[int, int]]
) -> None:
    file = to_bytes(state)
    damaged = bytearray(file)
    for place, flip in flips:
        damaged[place % len(file)] ^= flip
    if bytes(damaged) != file:
        with pytest.raises(DamagedFileError):
            from_bytes(bytes(damaged))


@pytest.mark.parametrize("file", [SMALL, REAL])
def test_a_file_cut_anywhere_is_refused(file: bytes) -> None:
    for length in range(len(file)):
        with pytest.raises(DamagedFileError):
            from_bytes(file[:length])


@given(st.binary(min_size=1, max_size=40))
def test_bytes_after_the_end_are_refused(more: bytes) -> None:
    with pytest.raises(DamagedFileError, match=rf"the file has {len(SMALL) + len(more)} bytes; expected {len(SMALL)}$"):
        from_bytes(SMALL + more)


@given(st.binary(max_size=200))
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedFileError, match=r"^the head, byte "):
        from_bytes(data)


def test_the_message_has_the_place() -> None:
    at = sections(REAL)[2].offset
    damaged = bytearray(REAL)
    damaged[at + 30] ^= 1
    with pytest.raises(DamagedFileError, match=rf"^section 2, byte \d+: the checksum of bytes {at} to \d+ is 0x"):
        from_bytes(bytes(damaged))
    with pytest.raises(DamagedFileError, match=r"^the head, byte 8: it begins with b'VITRINE\\x02'; .* version 1"):
        from_bytes(REAL[:7] + b"\2" + REAL[8:])
    with pytest.raises(DamagedFileError, match=r"^the head, byte 0: 8 bytes of the head expected, 3 are left$"):
        from_bytes(REAL[:3])


def made_up(*bodies: bytes) -> bytes:
    """A file of such sections whose checksums are right."""
    parts = []
    for body in bodies:
        whole = varint(len(body)) + body
        parts.append(whole + struct.pack("<I", zlib.crc32(whole)))
    data = b"VITRINE\x01" + struct.pack("<Q", 20 + sum(map(len, parts))) + b"".join(parts)
    return data + struct.pack("<I", zlib.crc32(data))


def bodies(file: bytes) -> list[bytes]:
    found = []
    for section in sections(file):
        part = file[section.offset : section.offset + section.size - 4]
        width = next(place for place, byte in enumerate(part) if byte < 128) + 1
        found.append(part[width:])
    return found


def test_a_file_put_together_again_is_the_same() -> None:
    assert made_up(*bodies(REAL)) == REAL


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([SMALL, REAL]), st.integers(0, 9), st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=3)))
)
def test_altered_contents_with_right_checksums_decode_or_are_refused(
    file: bytes, number: int, edits: list[tuple[int, bytes]]
) -> None:
    parts = bodies(file)
    body = bytearray(parts[number % len(parts)])
    for place, replacement in edits:
        body[place % len(body) : place % len(body) + len(replacement)] = replacement
    parts[number % len(parts)] = bytes(body)
    try:
        found = from_bytes(made_up(*parts))
    except DamagedFileError:
        return
    assert len(found) == len(parts)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_made_up_sections_decode_or_are_refused(body: bytes) -> None:
    tracemalloc.start()
    try:
        for start in (b"", b"\1w\x0a\2\x05\x05\1", b"\1w\x0a\2\x05\x05\5"):
            with contextlib.suppress(DamagedFileError):
                from_bytes(made_up(start + body), limit_bytes=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


HUGE = b"\xff\xff\xff\xff\xff\xff\xff\x3f"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\1w\x0a\1" + HUGE + b"\1\0\0\0\0", r"tensor 'w'.* shape \(\d+,\) of float32 exceeds the 67,108,864 bytes"),
        (b"\1w\x0a\3\0" + HUGE + HUGE + b"\0", r"exceeds the 67,108,864 bytes that are allowed; see limit_bytes"),
        (b"\1w\x0a\1\x80\x80\x80\x04\0\1\7", r"8388608 equal symbols; expected at most 1048576"),
        (b"\1w\2\1\x05\1\x06\0", r"6 values in 5 elements"),
        (b"\1w\2\1\x05\1\2\0\1\4\x03\0\0", r"a value lies beyond the 5 elements"),
        (b"\1w\2\1\x05\1\1\0\1\xff", r"a gap has 255 extra bits; expected at most 48"),
        (b"\1w\2\1\x05\1\1\x09", r"the gap precision is 9; expected at most 7"),
        (b"\1w\2\0\2", r"form 2 is not one of 0 axes"),
        (b"\1w\x63\0\0", r"the dtype is 99; expected at most 11"),
        (b"\1w\2\1\x05\4\0\7\1\3", r"code 3 in a codebook of 1"),
        (b"\1w\2\1\x05\0\1\7\7", r"1 bytes follow the last value"),
        (b"\1w\2\1\x05\0\2\2\x11\1\1\0\7", r"lengths \[1, 1, 1\] are not those of a complete code"),
        (b"\1w\2\1\x05\0\2\1\x0d", r"lengths \[13, 0\] are not those of a complete code"),
        (b"\1w\2\1\x05\0\2\1\x11\0\0", r"a lane has fewer bits than symbols"),
        (b"\1w\2\1\x05\0\2\1\x11\2\0\0\0", r"lane 0 does not end where it should"),
        (b"\1w\2\1\x05\0\2\1\x11\xff\xff", r"65535 bytes of lanes expected, 0 are left"),
        (b"\2\xff\xfe\2\0\0\0\0", r"section 0, byte \d+: the name b'\\xff\\xfe' is not UTF-8"),
        (b"\x80" * 9, r"the name's length has more than 9 bytes"),
    ],
)
def test_contents_that_cannot_be_are_named(body: bytes, problem: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match=problem):
            from_bytes(made_up(body))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_name_that_comes_twice_is_refused() -> None:
    first = bodies(SMALL)[0]
    with pytest.raises(DamagedFileError, match=r"^tensor 'fc', byte \d+: a second tensor of this name$"):
        from_bytes(made_up(first, first))


def test_the_limit_is_one_of_all_tensors_and_may_be_raised() -> None:
    state = {"a": np.zeros(5000, np.float32), "b": np.zeros(5000, np.float32)}
    file = to_bytes(state)
    with pytest.raises(DamagedFileError, match=r"^tensor 'b', byte .* exceeds the 10,000 bytes that are allowed"):
        from_bytes(file, limit_bytes=30_000)
    assert from_bytes(file, limit_bytes=40_000)["b"].shape == (5000,)
    large = to_bytes({"w": np.zeros((1 << 24) + 1, np.float32)})
    with pytest.raises(DamagedFileError, match="see limit_bytes"):
        from_bytes(large)
    assert from_bytes(large, limit_bytes=1 << 27)["w"].nbytes == (1 << 26) + 4
