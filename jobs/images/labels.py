"""Labels from numbers: integers from 0, each naming its own class."""

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError

# A stray large number (an ImageNet synset id, a timestamp) would otherwise make a class tuple that fills memory.
MOST_CLASSES = 100_000


def checked_labels(option: str, labels: NDArray, images: int, classes: int | None = None) -> NDArray[np.int64]:
    """The labels (N,) as int64; UserError unless there is one integer in 0..classes-1 for every image."""
    if labels.ndim != 1 or len(labels) != images:
        raise UserError(
            f"{option}: labels have shape {labels.shape}; expected ({images},), one for each of the {images} images. "
            "Write the file again with one label an image."
        )
    most = classes or MOST_CLASSES
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{option}: labels are {labels.dtype}; expected integers in 0..{most - 1}. Save them as class numbers."
        )
    wrong = labels[(labels < 0) | (labels >= most)]
    if len(wrong):
        raise UserError(f"{option}: a label is {wrong[0]}; expected 0..{most - 1}. Number the classes from 0.")
    return labels.astype(np.int64)


def numbered_classes(labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Class names `0`, `1`, ... up to the largest label; none where there are no labels."""
    return tuple(str(number) for number in range(int(labels.max()) + 1)) if len(labels) else ()
