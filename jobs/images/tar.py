"""WebDataset-style tar shards, read by offset: `0001.jpg` with `0001.cls` beside it is one image and its label.

Only images and label members are read, as bytes and text; nothing is extracted, unpickled or run.
"""

from functools import cached_property
from typing import Any, Literal

from PIL import Image

from jobs.errors import UserError
from jobs.images.catalog import IMAGE_KINDS, LABEL_KINDS, Member, members, numbered
from jobs.images.decode import decoded
from jobs.images.options import Fingerprint, ImagesOptions
from jobs.images.shards import expanded
from jobs.images.source import BadImage, Entry, Mode


class TarOptions(ImagesOptions):
    """Shards of a large set, one file for thousands of images."""

    source: Literal["tar"] = "tar"
    """Name of this source."""
    shards: str
    """Uncompressed tar files: a path with braces (`train-{000..146}.tar`, `{a,b}.tar`) or a glob (`train-*.tar`)."""
    labels: Literal["auto", "cls", "json", "txt", "none"] = "auto"
    """Member that holds the label; `auto` takes .cls, else the key `label` of .json, else .txt."""
    fingerprint: Fingerprint = "content"
    """What tells a changed image: sha256 of its bytes, or its offset with the shard's size and time."""


class Tar:
    """Pictures in shards; ids are `<shard>/<member>`, as `train-000.tar/n01440764_10026.jpg`."""

    def __init__(self, options: TarOptions, key: str = "images") -> None:
        self._key = key
        self._options = options
        self.mode: Mode = options.mode or "RGB"
        self.root, self._shards = expanded(f"{key}.shards", options.shards)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_catalog"}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names where labels are text, `0`, `1`, ... where they are numbers. Reads the shards the first time."""
        return self._catalog[1]

    def index(self) -> list[Entry]:
        """One entry for every image member; UserError where there is none or a shard is damaged or compressed."""
        return list(self._catalog[0])

    def load(self, entry: Entry) -> Image.Image:
        """Decode the bytes at the entry's offset."""
        shard, offset, size = str(entry.place).rsplit(":", 2)
        with (self.root / shard).open("rb") as file:
            file.seek(int(offset))
            data = file.read(int(size))
        if len(data) < int(size):
            raise BadImage(f"the shard ends {int(size) - len(data)} bytes before the image does")
        return decoded(data, self.mode)

    @cached_property
    def _catalog(self) -> tuple[list[Entry], tuple[str, ...]]:
        kinds = {"auto": LABEL_KINDS, "none": ()}.get(self._options.labels, (self._options.labels,))
        content = self._options.fingerprint == "content"
        found: list[tuple[str, Member]] = [
            (shard, member)
            for shard in self._shards
            for member in members(self._key, self.root / shard, kinds, content)
        ]
        if not found:
            raise UserError(
                f"{self._key}.shards: {self._options.shards!r} holds 0 images in {len(self._shards)} shards; expected "
                f"members that end in .{', .'.join(IMAGE_KINDS)}. Correct {self._key}.shards."
            )
        labels, classes = numbered(f"{self._key}.labels", {f"{shard}/{m.name}": m.label for shard, m in found})
        entries = [
            Entry(f"{shard}/{m.name}", label, m.digest, f"{shard}:{m.offset}:{m.size}")
            for (shard, m), label in zip(found, labels, strict=True)
        ]
        return entries, classes
