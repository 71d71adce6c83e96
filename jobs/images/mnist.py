"""MNIST (LeCun et al., 1998): an npz as Keras ships it, or the idx files that torchvision downloads."""

import gzip
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.images.labels import checked_labels
from jobs.images.members import array
from jobs.images.options import ImagesOptions, Split
from jobs.images.paths import existing, one_line
from jobs.images.rows import Part, Rows

CLASSES = tuple("0123456789")
STEMS = {"train": "train", "test": "t10k"}
EXPECTED = "an npz with x_train, y_train, x_test, y_test, or torchvision's folder MNIST/raw"


class MnistOptions(ImagesOptions):
    """70,000 handwritten digits, 28 x 28."""

    source: Literal["mnist"] = "mnist"
    """Name of this source."""
    file: Path
    """An npz (x_train, y_train, x_test, y_test) or a folder with the idx files, plain or .gz, as torchvision's."""
    split: Split = "all"
    """60,000 train images, 10,000 test images, or all."""


class Mnist(Rows):
    """Grey pictures of 28 x 28, ids `mnist/test/00042`; the same from an npz and from idx files."""

    def __init__(self, options: MnistOptions, key: str = "images") -> None:
        path = existing(f"{key}.file", options.file, "any", EXPECTED)
        super().__init__(partial(_read, f"{key}.file", path, options.split), CLASSES, options.mode or "L")


def _read(option: str, path: Path, split: Split) -> list[Part]:
    parts = ("train", "test") if split == "all" else (split,)
    return [_part(option, path, part) for part in parts]


def _part(option: str, path: Path, part: str) -> Part:
    if path.is_file():
        images, labels = array(option, path, f"x_{part}"), array(option, path, f"y_{part}")
    else:
        images = _idx(option, path, f"{STEMS[part]}-images-idx3-ubyte")
        labels = _idx(option, path, f"{STEMS[part]}-labels-idx1-ubyte")
    if images.dtype != np.uint8 or images.ndim != 3:
        raise UserError(
            f"{option}: {part} images of {str(path)!r} are {images.dtype} {images.shape}; expected uint8 (N, 28, 28). "
            "Save the pixels as bytes, without a channel axis."
        )
    return Part(f"mnist/{part}", images, checked_labels(option, labels, len(images), len(CLASSES)))


def _idx(option: str, folder: Path, name: str) -> NDArray[np.uint8]:
    """One idx file of bytes: two zeros, type 8, number of axes, each axis as 32 bits, big-endian, then the values."""
    names = [place / f"{name}{end}" for place in (folder, folder / "raw", folder / "MNIST/raw") for end in ("", ".gz")]
    file = next((file for file in names if file.is_file()), names[0])
    existing(option, file, "file", f"the idx file {name} (plain or .gz) in the folder, in raw/ or in MNIST/raw/")
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        zeros, kind, axes = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{axes}I", data, 4)
        if (zeros, kind) != (0, 8) or len(data) != 4 + 4 * axes + int(np.prod(shape)):
            raise ValueError(f"{len(data)} bytes do not make bytes of shape {shape}")
    except (ValueError, OSError, EOFError, zlib.error, struct.error) as error:
        raise UserError(
            f"{option}: {str(file)!r} is not an idx file of bytes ({one_line(error)}). Download it again."
        ) from error
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
