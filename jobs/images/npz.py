"""Any images in one npz file: uint8 (N, H, W) or (N, H, W, C), with labels if there are some."""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.images.labels import checked_labels, numbered_classes
from jobs.images.members import array, array_names
from jobs.images.options import ImagesOptions
from jobs.images.paths import existing
from jobs.images.rows import Part, Rows
from jobs.images.source import Mode


class NpzOptions(ImagesOptions):
    """Arrays of your own."""

    source: Literal["npz"] = "npz"
    """Name of this source."""
    file: Path
    """An npz as numpy.savez writes it (uncompressed files are shared by all workers of a host)."""
    images: str = "images"
    """Key of the pictures: uint8, (N, H, W) or (N, H, W, C) with C = 1, 3 or 4."""
    labels: str | None = None
    """Key of the labels: integers (N,). If left out, `labels` where the file has it, else no labels."""


class Npz(Rows):
    """Rows of one npz, ids `npz/00042`. An array `classes` of names in the file names the classes."""

    def __init__(self, options: NpzOptions, key: str = "images") -> None:
        option = f"{key}.file"
        path = existing(option, options.file, "file", "an npz with an array of images")
        names = array_names(option, path)
        labels = options.labels or ("labels" if "labels" in names else None)
        part = _read(option, path, options.images, labels)[0]
        classes = numbered_classes(part.labels) if part.labels is not None else ()
        if classes and "classes" in names:
            classes = _named(option, array(option, path, "classes"), len(classes))
        native: Mode = "L" if part.images.shape[3:] in ((), (1,)) else "RGB"
        super().__init__(partial(_read, option, path, options.images, labels), classes, options.mode or native)


def _named(option: str, names: NDArray, classes: int) -> tuple[str, ...]:
    if names.ndim != 1 or len(names) < classes:
        raise UserError(
            f"{option}: the array 'classes' has shape {names.shape}; expected at least {classes} names, one a label. "
            "Add the missing names or leave the array out."
        )
    return tuple(str(name) for name in names)


def _read(option: str, path: Path, images_key: str, labels_key: str | None) -> list[Part]:
    images = array(option, path, images_key)
    grey, color = images.ndim == 3, images.ndim == 4 and images.shape[3] in (1, 3, 4)
    if images.dtype != np.uint8 or not (grey or color):
        raise UserError(
            f"{option}: array {images_key!r} of {str(path)!r} is {images.dtype} {images.shape}; "
            "expected uint8 (N, H, W) or (N, H, W, C) with 1, 3 or 4 channels last. Convert it and save it again."
        )
    labels = checked_labels(option, array(option, path, labels_key), len(images)) if labels_key else None
    return [Part("npz", images, labels)]
