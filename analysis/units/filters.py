"""What does a first layer look for? Its filters as pictures (Krizhevsky et al., 2012, fig. 3; Li et al., 2016, fig. 2).

A filter over one or three channels is drawn as it is; over any other number as the mean over its input channels.
All filters share one scale and zero is mid-gray: brightness compares from filter to filter, a dead one looks dead.
Deeper layers have no colors: `kernel_tiles` draws every kernel from an input to an output channel alone.
"""

from math import prod

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


def kernel_tiles(weight: Weights, scale: float | None = None) -> Float[np.ndarray, "out in height width"]:
    """Every input channel of every filter as a gray tile in 0-1: weight -scale is 0, zero is 0.5, +scale is 1.

    `scale` defaults to the largest absolute weight, one for all tiles; a smaller one clips. float64.
    Raises ValueError as `filter_images`.
    """
    weight = _checked(weight)
    flat = weight.reshape(-1, 1, *weight.shape[2:])
    return filter_images(flat, scale)[..., 0].reshape(weight.shape)


def input_images(
    weight: Float[np.ndarray, "units inputs"], shape: tuple[int, int, int]
) -> Float[np.ndarray, "units colors height width"]:
    """Weights of a fully connected first layer as filters of the whole image, whose shape is (colors, height, width).

    Raises ValueError where the layer has another number of inputs.
    """
    if weight.shape[1] != prod(shape):
        raise ValueError(
            f"A layer of {weight.shape[1]} inputs does not read images of shape {shape}, {prod(shape)} values; "
            "give the shape that its flattened input had."
        )
    return weight.reshape(len(weight), *shape)


def exciting_patch(weight: Weights) -> Float[np.ndarray, "out in height width"]:
    """The patch of Euclidean norm 1 that excites each filter most: the filter itself over its norm (Cauchy-Schwarz).

    What it adds to the bias is that norm. Zeros for a filter of zeros, which nothing excites. float64.
    Raises ValueError as `filter_images`.
    """
    weight = _checked(weight)
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True, initial=0.0)
    scaled = weight / np.where(largest > 0, largest, 1.0)  # squares of very small weights would be 0
    norm = np.sqrt(np.square(scaled).sum(axis=(1, 2, 3), keepdims=True))
    return scaled / np.where(norm > 0, norm, 1.0)


def _drawn(weight: Weights) -> Images:
    weight = _checked(weight)
    if weight.shape[1] not in (1, 3):
        weight = weight.mean(axis=1, keepdims=True)
    return weight.transpose(0, 2, 3, 1)


def _checked(weight: Weights) -> Weights:
    """float64."""
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim != 4:
        raise ValueError(f"Filters have shape {weight.shape}; (out, in, height, width) was expected.")
    if not np.isfinite(weight).all():
        raise ValueError("Filters hold NaN or infinity. Did training diverge?")
    return weight
