"""What one tar shard holds: its image members with their offsets, digests and labels.

A label stands in a member with the image's name up to the first dot, as WebDataset has it: `.cls` and `.txt` are
text, `.json` has a key `label`. Any other member is passed over unread.
"""

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from jobs.errors import UserError
from jobs.images.labels import checked_labels, numbered_classes
from jobs.images.paths import one_line
from jobs.images.source import UNLABELED

IMAGE_KINDS = ("jpg", "jpeg", "png", "webp", "ppm", "pgm", "bmp")
LABEL_KINDS = ("cls", "json", "txt")
LABEL_BYTES = 1 << 20
LONGEST_NUMBER = 18
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class Member:
    """One image of a shard."""

    name: str
    """Path within the shard."""
    offset: int
    """First byte of the image in the shard."""
    size: int
    """Bytes of the image."""
    digest: str
    """sha256 of the bytes, or offset and size with the shard's size and time."""
    label: str | int | None
    """A class name, a class number, or None where no member gives one."""


def members(option: str, path: Path, kinds: tuple[str, ...], content: bool) -> list[Member]:
    """The images of one shard in the shard's order; UserError where it is compressed, damaged or a label is unusable.

    `kinds` are the label members to read, the first that has a label wins; `content` hashes every image's bytes.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            images, texts = _scan(option, tar, kinds)
        stat = path.stat()
        stamp = None if content else f"{stat.st_size}:{stat.st_mtime_ns}"
        digests = _digests(path, images, stamp)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise UserError(_unreadable(option, path, error)) from error
    found = []
    for (name, info), digest in zip(images.items(), digests, strict=True):
        label = _label(option, f"{path.name}/{name}", texts.get(_split(name)[0], {}), kinds)
        found.append(Member(name, info.offset_data, info.size, digest, label))
    return found


def numbered(option: str, labels: dict[str, str | int | None]) -> tuple[list[int], tuple[str, ...]]:
    """Labels by image id as numbers, and the classes: sorted names where labels are text, else `0`, `1`, ..."""
    numbers = {id: label for id, label in labels.items() if isinstance(label, int)}
    names = {id: label for id, label in labels.items() if isinstance(label, str)}
    if numbers and names:
        number, name = next(iter(numbers)), next(iter(names))
        raise UserError(
            f"{option}: {number} has the number {numbers[number]} and {name} the name {names[name]!r}; "
            f"expected numbers or names throughout. Set {option} to the one member that holds the label."
        )
    if names:
        classes = tuple(sorted(set(names.values())))
        position = {name: label for label, name in enumerate(classes)}
        return [position[str(label)] if label is not None else UNLABELED for label in labels.values()], classes
    if not numbers:
        return [UNLABELED] * len(labels), ()
    checked = checked_labels(option, np.array([*numbers.values()]), len(numbers))
    return [numbers.get(id, UNLABELED) for id in labels], numbered_classes(checked)


Texts = dict[str, dict[str, bytes]]


def _scan(option: str, tar: tarfile.TarFile, kinds: tuple[str, ...]) -> tuple[dict[str, tarfile.TarInfo], Texts]:
    images: dict[str, tarfile.TarInfo] = {}
    texts: Texts = {}
    for info in tar:
        name = info.name.removeprefix("./")
        sample, kind = _split(name)
        if not info.isreg() or info.issparse():
            continue
        if kind in IMAGE_KINDS:
            images[name] = info  # of two members with one name tar takes the last
        elif kind in kinds:
            stream = tar.extractfile(info)
            if info.size > LABEL_BYTES or stream is None:
                raise UserError(
                    f"{option}.labels: {name} has {info.size} bytes; expected a label of at most {LABEL_BYTES}. "
                    "Set it to another member, or to none."
                )
            texts.setdefault(sample, {})[kind] = stream.read()
    return images, texts


def _split(name: str) -> tuple[str, str]:
    """`n01/0001.seg.png` as (`n01/0001`, `seg.png`): such a second picture of a sample is no image of its own."""
    path = PurePosixPath(name)
    stem, _, kind = path.name.partition(".")
    return str(path.parent / stem), kind.lower()


def _digests(path: Path, images: dict[str, tarfile.TarInfo], stamp: str | None) -> list[str]:
    if stamp is not None:
        return [f"{stamp}:{info.offset_data}:{info.size}" for info in images.values()]
    digests = []
    with path.open("rb") as file:
        for info in images.values():
            file.seek(info.offset_data)
            digests.append(hashlib.sha256(file.read(info.size)).hexdigest())
    return digests


def _label(option: str, image: str, texts: dict[str, bytes], kinds: tuple[str, ...]) -> str | int | None:
    for kind in kinds:
        if kind not in texts:
            continue
        try:
            text = texts[kind].decode().strip()
            value = _json_label(text) if kind == "json" else text
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{option}.labels: the .{kind} of {image} is no label ({one_line(error)}); expected UTF-8 text, "
                f"in .json a key 'label' with a number or a name. Correct it or set {option}.labels: none."
            ) from error
        if isinstance(value, str) and value.isdecimal() and len(value) <= LONGEST_NUMBER:
            return int(value)
        if value not in (None, ""):
            return value
    if len(kinds) == 1:
        raise UserError(
            f"{option}.labels: {image} has no .{kinds[0]} with a label beside it; expected one for each image. "
            f"Add it or set {option}.labels: auto."
        )
    return None


def _json_label(text: str) -> str | int | None:
    value = json.loads(text)
    label = value.get("label") if isinstance(value, dict) else None
    if label is None or (isinstance(label, str | int) and not isinstance(label, bool)):
        return label
    raise ValueError(f"'label' is {label!r}")


def _unreadable(option: str, path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        start = b""
    kind = next((kind for magic, kind in COMPRESSED.items() if start.startswith(magic)), None)
    if kind:
        return (
            f"{option}.shards: {str(path)!r} is compressed with {kind}; expected a plain tar file, read by offset. "
            "Decompress it: images hardly shrink."
        )
    return (
        f"{option}.shards: {str(path)!r} cannot be read as tar ({one_line(error)}); expected a whole, plain tar file. "
        f"Copy it again or take it out of {option}.shards."
    )
