"""Labeled images as tensors, whole in memory, for training: decoded once by the source and the net's preprocessing."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from jobs.errors import UserError
from jobs.images.source import BadImage, Entry, Source


@dataclass(frozen=True)
class Samples:
    """Images to train on or to test with; of a network that writes, whatever it reads, and texts."""

    images: Tensor
    """(N, C, H, W), float32, preprocessed; of texts (N, words), int64."""
    labels: Tensor
    """(N,), int64, from 0; of texts (N, words)."""

    def key(self) -> str:
        """sha256 over the shapes, dtypes and bytes of both, in hex."""
        digest = hashlib.sha256()
        for tensor in (self.images, self.labels):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()


def decode(
    source: Source,
    entries: Sequence[Entry],
    preprocess: Callable[[Image.Image], Tensor],
    *,
    max_bad: float = 0.01,
    memory_bytes: int | None = None,
) -> Samples:
    """All entries in order, without those that cannot be decoded.

    Raises UserError for no or unlabeled images, more than a share `max_bad` of bad ones, shapes that differ,
    and more than `memory_bytes` in all, found from the first image before the others are decoded.
    """
    _require_labels(entries)
    images, labels, bad = torch.empty(0), torch.empty(len(entries), dtype=torch.int64), list[str]()
    good = 0
    for entry in entries:
        try:
            picture = source.load(entry)
        except BadImage as error:
            bad.append(f"{entry.id} ({error})")
            continue
        image = preprocess(picture)
        if good == 0:
            images = _room(image, len(entries), memory_bytes)
        if image.shape != images.shape[1:]:
            raise UserError(
                f"train: preprocessing gives {tuple(images.shape[1:])} and, for {entry.id}, {tuple(image.shape)}; "
                "add Resize and CenterCrop to preprocess."
            )
        images[good], labels[good] = image, entry.label
        good += 1
    if len(bad) > max_bad * len(entries):
        raise UserError(
            f"train.images: {len(bad)} of {len(entries)} images cannot be decoded, first {bad[0]}; "
            f"repair them or raise max_bad from {max_bad}."
        )
    return Samples(images[:good], labels[:good])


def _require_labels(entries: Sequence[Entry]) -> None:
    unlabeled = [entry.id for entry in entries if entry.label < 0]
    if unlabeled or not entries:
        raise UserError(
            f"train.images: training needs labeled images; {len(unlabeled)} of {len(entries)} have no label. "
            "Name a source with labels."
        )


def _room(image: Tensor, count: int, memory_bytes: int | None) -> Tensor:
    """An empty (count, C, H, W) tensor, if it may be that large."""
    needed = count * image.numel() * 4
    if memory_bytes is not None and needed > memory_bytes:
        raise UserError(
            f"train: {count} images of {tuple(image.shape)} need {needed / 1e9:.1f} GB but a worker may use "
            f"{memory_bytes / 1e9:.1f} GB. Lower train.images.limit or the size, or raise resources.memory."
        )
    return torch.empty(count, *image.shape)
