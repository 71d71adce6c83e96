"""The images of a study in their fixed order, each in one of 16 groups.

Folders are sorted by class, so the order is a shuffle: by sha256 of seed and id, which no version of a library changes
and no listing order enters. Within every 512 images, those of one group lie together, so that the products of a group
run on long blocks; the order is the same whatever the size of a work unit.
"""

import gzip
import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.images.source import Entry, Source

GROUPS = 16
BLOCK = 512
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Manifest:
    """Which image is which row, everywhere in a study."""

    entries: tuple[Entry, ...]
    """Row i of every array of the study is entry i."""
    groups: NDArray[np.uint8]
    """(N,), 0..15: the group of each row, by hash of its id alone."""
    classes: tuple[str, ...]
    """Names of the classes, by label."""

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def key(self) -> str:
        """sha256 over id, label and digest of every image, in order. Where the files lie does not enter."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(json.dumps([entry.id, entry.label, entry.digest]).encode())
        return digest.hexdigest()

    def class_counts(self) -> tuple[int, ...]:
        """Labeled images of every class."""
        found = Counter(entry.label for entry in self.entries)
        return tuple(found[label] for label in range(len(self.classes)))

    def save(self) -> bytes:
        """The manifest as gzipped JSON lines; the same manifest gives the same bytes."""
        lines: list[object] = [{"format": FORMAT, "images": len(self.entries), "classes": self.classes}]
        lines += [[entry.id, entry.label, entry.digest, entry.place] for entry in self.entries]
        return gzip.compress("\n".join(json.dumps(line) for line in lines).encode(), mtime=0)

    @staticmethod
    def load(data: bytes) -> "Manifest":
        """The manifest that `save` wrote; UserError where the bytes are damaged or of another format."""
        try:
            head, *lines = gzip.decompress(data).decode().splitlines()
            about = json.loads(head)
            if about["format"] != FORMAT or about["images"] != len(lines):
                raise ValueError(f"format {about['format']} with {len(lines)} of {about['images']} images")
            entries = tuple(Entry(*json.loads(line)) for line in lines)
        except (ValueError, TypeError, KeyError, EOFError, OSError, zlib.error) as error:
            raise UserError(
                f"The manifest of images is damaged ({error}); expected format {FORMAT}, whole. "
                "Remove the run's folder and run the study again."
            ) from error
        return Manifest(entries, _groups(entries), tuple(about["classes"]))


def group(id: str) -> int:
    """The fixed group 0..15 of an image: the first byte of its id's sha256, modulo 16."""
    return hashlib.sha256(_bytes(id)).digest()[0] % GROUPS


def build_manifest(source: Source, seed: int, limit: int | None = None) -> Manifest:
    """Shuffle the source's entries by the seed, keep the first `limit`, sort each 512 of them by group.

    A smaller limit with the same seed keeps a subset of the images. UserError where there is no image or an id repeats.
    """
    entries = source.index()
    if not entries:
        raise UserError("images: the source holds 0 images; expected at least one. Check its path and split.")
    repeated, times = Counter(entry.id for entry in entries).most_common(1)[0]
    if times > 1:
        raise UserError(f"images: {times} images are named {repeated!r}; expected each name once. Rename all but one.")
    shuffled = sorted(entries, key=lambda entry: hashlib.sha256(f"{seed}/".encode() + _bytes(entry.id)).digest())[
        :limit
    ]
    ordered: list[Entry] = []
    for start in range(0, len(shuffled), BLOCK):
        ordered += sorted(shuffled[start : start + BLOCK], key=lambda entry: group(entry.id))
    return Manifest(tuple(ordered), _groups(tuple(ordered)), source.classes)


def _groups(entries: tuple[Entry, ...]) -> NDArray[np.uint8]:
    return np.array([group(entry.id) for entry in entries], dtype=np.uint8)


def _bytes(id: str) -> bytes:
    """File names that are no UTF-8 come from the system as surrogates."""
    return id.encode("utf-8", "surrogateescape")
