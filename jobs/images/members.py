"""One array of an npz file, mapped into memory where the file holds it uncompressed.

`numpy.savez` stores members as they are, so that every worker of a host shares one copy in the page cache;
`numpy.load` would read all of it into each process. Pickled (object) arrays are refused.
"""

import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError, nearest
from jobs.images.paths import one_line

LOCAL_HEADER_BYTES = 30


def array_names(option: str, path: Path) -> tuple[str, ...]:
    """The keys of an npz file; UserError where the file is no such archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(
            f"{option}: {str(path)!r} is not an npz file ({one_line(error)}); "
            "expected an archive as numpy.savez writes it. Save the arrays again with numpy.savez."
        ) from error


def array(option: str, path: Path, name: str) -> NDArray:
    """The array `name` of an npz, read-only where it is mapped; UserError where it is absent, damaged or pickled."""
    names = array_names(option, path)
    if name not in names:
        raise UserError(f"{option}: {str(path)!r} has no array {name!r}; {nearest(name, names)}")
    try:
        return _mapped(path, f"{name}.npy")
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{option}: array {name!r} of {str(path)!r} cannot be read ({one_line(error)}); "
            "expected plain numbers. Save it again with numpy.savez, without objects."
        ) from error


def _mapped(path: Path, member: str) -> NDArray:
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in ((1, 0), (2, 0)) or info.compress_type != zipfile.ZIP_STORED:
                stream.seek(0)
                return np.lib.format.read_array(stream, allow_pickle=False)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            header = stream.tell()
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    start = _data_offset(path, info) + header
    if start + dtype.itemsize * int(np.prod(shape)) > path.stat().st_size:
        raise ValueError("the file ends before the array does")
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin: the local header repeats the name and may have another extra field."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        name_bytes, extra_bytes = struct.unpack("<HH", file.read(LOCAL_HEADER_BYTES)[26:30])
    return info.header_offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes
