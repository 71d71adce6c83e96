"""CIFAR-10 (Krizhevsky, 2009): an npz, or the folder of batches that torchvision downloads.

The official batches are pickles. They are read with an unpickler that knows NumPy arrays and nothing else,
so that a file which only looks like CIFAR-10 cannot run code.
"""

import pickle
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jobs.errors import UserError
from jobs.images.labels import checked_labels
from jobs.images.members import array, array_names
from jobs.images.options import ImagesOptions, Split
from jobs.images.paths import existing, one_line
from jobs.images.rows import Part, Rows

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-py"
BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
EXPECTED = f"an npz with train_images, train_labels, test_images, test_labels, or torchvision's folder {FOLDER}"


class Cifar10Options(ImagesOptions):
    """60,000 color pictures of 32 x 32 in ten classes."""

    source: Literal["cifar10"] = "cifar10"
    """Name of this source."""
    file: Path
    """An npz (train_images, train_labels, test_images, test_labels, optionally classes) or torchvision's folder."""
    split: Split = "all"
    """50,000 train images, 10,000 test images, or all."""


class Cifar10(Rows):
    """Color pictures of 32 x 32, ids `cifar10/test/00042`; the same from an npz and from the official batches."""

    def __init__(self, options: Cifar10Options, key: str = "images") -> None:
        option = f"{key}.file"
        path = existing(option, options.file, "any", EXPECTED)
        classes: tuple[str, ...] = CLASSES
        if path.is_file() and "classes" in array_names(option, path):
            classes = tuple(str(name) for name in array(option, path, "classes"))
        super().__init__(partial(_read, option, path, options.split, len(classes)), classes, options.mode or "RGB")


def _read(option: str, path: Path, split: Split, classes: int) -> list[Part]:
    parts = ("train", "test") if split == "all" else (split,)
    return [
        _npz_part(option, path, part, classes) if path.is_file() else _batches(option, path, part) for part in parts
    ]


def _npz_part(option: str, path: Path, part: str, classes: int) -> Part:
    images = array(option, path, f"{part}_images")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise UserError(
            f"{option}: {part}_images of {str(path)!r} is {images.dtype} {images.shape}; "
            "expected uint8 (N, 32, 32, 3). Save the pixels as bytes, channels last."
        )
    labels = checked_labels(option, array(option, path, f"{part}_labels"), len(images), classes)
    return Part(f"cifar10/{part}", images, labels)


def _batches(option: str, path: Path, part: str) -> Part:
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    images, labels = [], []
    for name in BATCHES[part]:
        file = existing(option, folder / name, "file", f"the official batch {name} in {FOLDER}")
        batch = _unpickled(option, file)
        images.append(batch[0])
        labels.append(batch[1])
    pixels = np.concatenate(images).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Part(f"cifar10/{part}", pixels, np.concatenate(labels))


def _unpickled(option: str, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 3072) and labels (N,) of one official batch."""
    try:
        with file.open("rb") as stream:
            content = _ArraysOnly(stream, encoding="latin1").load()
        pixels, labels = content["data"], np.asarray(content["labels"])
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != 3072:
            raise ValueError(f"its data is {pixels.dtype} {pixels.shape}, expected uint8 (N, 3072)")
    except Exception as error:  # a damaged or hostile pickle may raise anything
        raise UserError(
            f"{option}: {str(file)!r} is not a CIFAR-10 batch ({one_line(error)}); expected the official one. "
            "Download cifar-10-python.tar.gz again and unpack it."
        ) from error
    return pixels, checked_labels(option, labels, len(pixels), len(CLASSES))


class _ArraysOnly(pickle.Unpickler):
    """Knows the names that a pickled array of bytes needs. Everything else, builtins included, is refused."""

    _reconstruct = staticmethod(np.zeros(0).__reduce__()[0])  # type: ignore[arg-type]

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return self._reconstruct
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if module == "_codecs" and name == "encode":  # how Python 3 writes bytes into old pickles
            return _latin1
        raise pickle.UnpicklingError(f"it names {module}.{name}, which an array does not need")


def _latin1(text: str, encoding: str) -> bytes:
    return text.encode("latin1")
