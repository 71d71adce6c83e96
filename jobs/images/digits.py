"""scikit-learn's 1,797 handwritten digits, 8 x 8 (UCI Optical Recognition of Handwritten Digits): no download."""

from functools import partial
from typing import Literal

import numpy as np

from jobs.images.options import ImagesOptions, Split
from jobs.images.rows import Part, Rows

CLASSES = tuple("0123456789")


class DigitsOptions(ImagesOptions):
    """The embedded default: real digits that come with scikit-learn."""

    source: Literal["digits"] = "digits"
    """Name of this source."""
    split: Split = "all"
    """A fixed, stratified 80/20 split, or all 1,797 images."""


class Digits(Rows):
    """Grey pictures of 8 x 8, ids `digits/00042`; ink 0..16 is scaled to 0..255."""

    def __init__(self, options: DigitsOptions) -> None:
        super().__init__(partial(_read, options.split), CLASSES, options.mode or "L")


def _read(split: Split) -> list[Part]:
    # scikit-learn takes a second to import.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    data = load_digits()
    labels = data.target.astype(np.int64)
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    rows = {"all": None, "train": np.sort(train), "test": np.sort(test)}[split]
    return [Part("digits", images, labels, rows)]
