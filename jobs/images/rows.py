"""Images that are rows of arrays: digits, CIFAR-10, MNIST, any npz and points make their arrays, the rest is here."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.images.decode import in_mode
from jobs.images.source import UNLABELED, Entry, Mode


@dataclass(frozen=True)
class Part:
    """A run of images with one prefix to their ids, as `cifar10/test`."""

    prefix: str
    """Ids are `<prefix>/<row>`."""
    images: NDArray[np.uint8] | NDArray[np.float32]
    """(N, H, W) or (N, H, W, C); single floats are pictures of mode F, without channels."""
    labels: NDArray[np.int64] | None
    """(N,), or None where the images have no labels."""
    rows: NDArray[np.int64] | None = None
    """The rows that belong to the chosen split; all of them if None."""


class Rows:
    """A source over arrays. `read` is called once in each process that needs the arrays, and must be picklable."""

    def __init__(self, read: Callable[[], Sequence[Part]], classes: tuple[str, ...], mode: Mode) -> None:
        self._read = read
        self.classes = classes
        self.mode: Mode = mode

    @cached_property
    def _parts(self) -> Sequence[Part]:
        return self._read()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_parts"}

    def index(self) -> list[Entry]:
        """Every row of the split; the digest is the sha256 of shape and pixels, the same in any file format."""
        entries: list[Entry] = []
        first = 0
        for part in self._parts:
            seed = hashlib.sha256(repr(part.images.shape[1:]).encode())
            rows = range(len(part.images)) if part.rows is None else part.rows.tolist()
            for row in rows:
                digest = seed.copy()
                digest.update(np.ascontiguousarray(part.images[row]).data)
                label = UNLABELED if part.labels is None else int(part.labels[row])
                entries.append(Entry(f"{part.prefix}/{row:05d}", label, digest.hexdigest(), first + row))
            first += len(part.images)
        return entries

    def load(self, entry: Entry) -> Image.Image:
        """The picture of one row. IndexError where the manifest was built from other arrays."""
        row = int(entry.place)
        for part in self._parts:
            if row < len(part.images):
                pixels = np.ascontiguousarray(part.images[row])
                return in_mode(Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels), self.mode)
            row -= len(part.images)
        raise IndexError(f"{entry.id} is row {entry.place}, beyond the arrays of this source")
