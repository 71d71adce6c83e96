"""What every source of images offers: an index of entries, and one decoded picture for an entry.

A source is pickled to the workers, so it holds paths and names only; arrays are opened by the process that reads them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from PIL import Image

Mode = Literal["RGB", "L", "F"]
"""Three channels or one of 8 bits; F is one of single floats, whose values are kept as they are."""

UNLABELED = -1


@dataclass(frozen=True)
class Entry:
    """One image of a source, before it is decoded."""

    id: str
    """Unique within the source and free of this machine's paths: it decides the image's place and its group."""
    label: int
    """Index into the source's classes; -1 where the source has no labels."""
    digest: str
    """What identifies the content: a sha256, or size and time where the study asks for `fingerprint: stat`."""
    place: str | int
    """How the source finds it again: a path below its root, a row number, or `shard.tar:offset:size`."""


class BadImage(Exception):  # noqa: N818
    """An image that cannot be decoded; the text is the reason. It keeps its row and is marked invalid."""


class Source(Protocol):
    """A set of images. `load` always returns a picture in `mode`, or raises BadImage."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label; empty where the source has no labels."""

    @property
    def mode(self) -> Mode:
        """Mode of every loaded picture."""

    def index(self) -> list[Entry]:
        """All entries of the chosen split, in the source's own order."""

    def load(self, entry: Entry) -> Image.Image:
        """The picture of one entry."""
