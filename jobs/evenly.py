"""So many of a count, evenly spaced: units of a layer, or rows of images, which may be sorted by class."""

import numpy as np
from jaxtyping import Int


def evenly(count: int, most: int) -> Int[np.ndarray, " chosen"]:
    """At most `most` of 0 ... count - 1, ascending; the first and the last are among them where there are two."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
