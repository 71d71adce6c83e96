"""A tree with one folder a class, as torchvision's ImageFolder reads it: ImageNet and most sets of photographs.

Labels are the sorted folders' positions, or the number that each folder's name begins with (`0004_n01494475` is 4),
so that a part of ImageNet keeps ImageNet's labels. An empty class folder stays a class.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from PIL import Image

from jobs.errors import UserError
from jobs.images.decode import EXTENSIONS, decoded
from jobs.images.labels import MOST_CLASSES
from jobs.images.options import Fingerprint, ImagesOptions
from jobs.images.paths import existing
from jobs.images.source import BadImage, Entry, Mode

# Reading waits for the disk and sha256 releases the interpreter lock, so threads help even on two cores.
HASHING_THREADS = 8


class ImageFolderOptions(ImagesOptions):
    """Any tree with one folder a class."""

    source: Literal["imagefolder"] = "imagefolder"
    """Name of this source."""
    root: Path
    """The folder that holds one folder a class."""
    labels: Literal["order", "number"] = "order"
    """Position of the sorted class folder (as torchvision), or the integer at the start of its name."""
    fingerprint: Fingerprint = "content"
    """What tells a changed image: sha256 of its bytes, or its size and time (trees too large to read twice)."""


class ImageFolder:
    """Pictures below class folders; ids are paths relative to the root, as `cat/1.jpg`."""

    def __init__(self, options: ImageFolderOptions, key: str = "images") -> None:
        self._option = f"{key}.root"
        self._fingerprint = options.fingerprint
        self.root = existing(self._option, options.root, "folder", "a folder that holds one folder a class")
        self.mode: Mode = options.mode or "RGB"
        folders = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not folders:
            raise UserError(
                f"{self._option}: {str(self.root)!r} holds no class folders; expected one folder a class, "
                f"as {self.root.name}/cat/1.jpg. Move the images into class folders or name the folder above."
            )
        self._labels = _order(folders) if options.labels == "order" else self._numbers(folders, key)
        names = {label: folder for folder, label in self._labels.items()}
        self.classes = tuple(names.get(label, str(label)) for label in range(max(names) + 1))

    def index(self) -> list[Entry]:
        """One entry for every file with an image's extension; UserError where there is none."""
        found = [
            (path, label)
            for folder, label in self._labels.items()
            for path in _image_files(self.root, self.root / folder)
        ]
        if not found:
            raise UserError(
                f"{self._option}: {str(self.root)!r} holds 0 images in {len(self._labels)} class folders; "
                f"expected files that end in {', '.join(EXTENSIONS)}. Correct {self._option}."
            )
        digest = _sha256 if self._fingerprint == "content" else _size_and_time
        with ThreadPoolExecutor(HASHING_THREADS) as threads:
            digests = list(threads.map(digest, (self.root / path for path, _ in found)))
        return [Entry(path, label, digest, path) for (path, label), digest in zip(found, digests, strict=True)]

    def load(self, entry: Entry) -> Image.Image:
        """Decode one file. Errors of the disk or the network pass, so that the unit is tried again elsewhere."""
        try:
            data = (self.root / str(entry.place)).read_bytes()
        except (FileNotFoundError, PermissionError) as error:
            raise BadImage(f"cannot be read: {error.strerror}") from error
        return decoded(data, self.mode)

    def _numbers(self, folders: list[str], key: str) -> dict[str, int]:
        option, labels = f"{key}.labels", dict[str, int]()
        for folder in folders:
            number = re.match(r"[0-9]+", folder)
            if number is None or int(number[0]) >= MOST_CLASSES:
                raise UserError(
                    f"{option}: class folder {folder!r} of {str(self.root)!r} does not begin with a number below "
                    f"{MOST_CLASSES}; expected names as 0004_cat. Rename it or set {option}: order."
                )
            other = next((name for name, label in labels.items() if label == int(number[0])), None)
            if other is not None:
                raise UserError(
                    f"{option}: class folders {other!r} and {folder!r} both begin with {int(number[0])}; "
                    f"expected one folder a number. Rename one or set {option}: order."
                )
            labels[folder] = int(number[0])
        return labels


def _order(folders: list[str]) -> dict[str, int]:
    return {folder: label for label, folder in enumerate(folders)}


def _image_files(root: Path, folder: Path) -> Iterator[str]:
    """Paths relative to the root, sub-folders and links included, in sorted order."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(EXTENSIONS):
                yield Path(place, name).relative_to(root).as_posix()


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, PermissionError):  # a dangling link, say: the image is listed as bad when it is loaded
        return "unreadable"


def _size_and_time(path: Path) -> str:
    try:
        found = path.stat()
    except (FileNotFoundError, PermissionError):
        return "unreadable"
    return f"{found.st_size}:{found.st_mtime_ns}"
