"""What does a first layer look for? Its filters as pictures (Krizhevsky et al., 2012, fig. 3; Li et al., 2016, fig. 2).

A filter over one or three channels is drawn as it is; over any other number as the mean over its input channels.
All filters share one scale and zero is mid-gray: brightness compares from filter to filter, a dead one looks dead.
"""

import numpy as np
from jaxtyping import Float

Weights = Float[np.ndarray, "..."]  # (out, in, height, width), checked by hand: each layer has its own numbers
Images = Float[np.ndarray, "out height width color"]


def filter_scale(*weights: Weights) -> float:
    """Largest absolute drawn weight of all the layers given: the scale that lets their filters share one picture.

    Weights have shape (out, in, height, width). Returns 1 where every drawn weight is zero.
    """
    largest = max(float(np.abs(_drawn(weight)).max(initial=0.0)) for weight in weights)
    return largest or 1.0


def filter_images(weight: Weights, scale: float | None = None) -> Images:
    """Filters as pictures in 0-1: weight -scale is 0, zero is 0.5, +scale is 1.

    `weight` has shape (out, in, height, width), the result (out, height, width, 3) for three input channels, else
    (out, height, width, 1): with more than one channel that is not RGB, the mean over the input channels is shown.
    `scale` defaults to `filter_scale(weight)`; a smaller one clips. float64 is used throughout.
    Raises ValueError for another number of axes, for weights that are not finite and for a scale that is not positive.
    """
    drawn = _drawn(weight)
    scale = filter_scale(weight) if scale is None else float(scale)
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"The scale of filters is {scale}; it must be positive and finite.")
    return np.clip(0.5 + drawn / (2.0 * scale), 0.0, 1.0)


def _drawn(weight: Weights) -> Images:
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim != 4:
        raise ValueError(f"Filters have shape {weight.shape}; (out, in, height, width) was expected.")
    if not np.isfinite(weight).all():
        raise ValueError("Filters hold NaN or infinity. Did training diverge?")
    if weight.shape[1] not in (1, 3):
        weight = weight.mean(axis=1, keepdims=True)
    return weight.transpose(0, 2, 3, 1)
