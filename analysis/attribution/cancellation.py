"""Why does the plain gradient look like noise? Through a layer it is a sum of terms that largely cancel.

The gradient of a neuron T in a pixel is the sum over the units u of a layer between them of (dT/du) (du/dpixel). Where
many terms of either sign meet, what is left is a small difference that changes sign from pixel to pixel (on such
noise see Balduzzi et al., 2017, arXiv:1702.08591; Smilkov et al., 2017, arXiv:1706.03825).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.forward import Images, forward, gradient
from analysis.attribution.neuron import Neuron


@dataclass(frozen=True, eq=False)
class Cancellation:
    """How much of a layer's terms is left in each pixel after they are summed; float64."""

    ratio: Images
    """|sum| / sum of magnitudes, 0 (all cancels) to 1 (one sign); NaN where no unit reaches the pixel."""
    chance: Images
    """Mean ratio of the same magnitudes under many fair random signs: sqrt(2 / pi) times root sum of squares over sum.
    Meant for many terms: a lone one has 0.8 here and always 1 above."""
    gradient: Images
    """The sum: the gradient through this layer, which is all of it unless the graph leads around the layer."""


def cancellation(
    net: nn.Module,
    images: Images,
    layer: str,
    neuron: Neuron,
    *,
    units: Literal["channels", "positions"] = "channels",
    chunk: int = 4,
) -> Cancellation:
    """Ratio of the plain gradient of `neuron` to the magnitudes of its terms through the units of `layer`.

    channels: one term for each channel, its positions summed inside, hence blind to cancellation between positions.
    positions: one for each channel and position, exact and never a larger ratio, at one backward pass each: for small
    maps. `chunk` passes run at once, which pays on a GPU only and costs memory; units with gradient 0 are skipped.
    Raises ValueError where the neuron does not depend on the layer.
    """
    with forward(net, images, [layer, neuron.layer]) as (leaf, (maps, end)):
        slope = gradient(neuron.target(end).values, maps, (neuron.name, f"layer {layer}"), keep=True)
        total, magnitude, square = (torch.zeros_like(leaf, dtype=torch.float64) for _ in range(3))
        for seeds in _seeds(slope, units, chunk):
            (terms,) = torch.autograd.grad(maps, leaf, seeds, retain_graph=True, is_grads_batched=True)
            total += terms.double().sum(0)
            magnitude += terms.double().abs().sum(0)
            square += terms.double().square().sum(0)
    # Terms of one sign sum to their magnitudes but for the last bit.
    ratio = (total.abs() / magnitude).clamp(max=1.0)
    return Cancellation(ratio, math.sqrt(2 / math.pi) * square.sqrt() / magnitude, total)


def _seeds(slope: Tensor, units: str, chunk: int) -> Iterator[Float[Tensor, "chunk images channels height width"]]:
    """The gradient in the layer's maps, all units but one set to zero, for each unit that has one in any image."""
    shape = slope.shape[1:] if units == "positions" else (slope.shape[1], 1, 1)
    numbers = torch.arange(math.prod(shape), device=slope.device).reshape(shape)
    live = numbers.expand(slope.shape[1:])[(slope != 0).any(0)].unique()
    for some in live.split(chunk) if len(live) else ():
        yield slope * (numbers == some[:, None, None, None, None])


class Autocorrelation(NamedTuple):
    """Of a map with itself moved by 0, 1, 2 ... pixels in any direction, 1 at 0."""

    values: Float[np.ndarray, " lags"]
    error: Float[np.ndarray, " lags"]
    """Standard error of white noise, whose values are 0 from the first lag on."""


def autocorrelation(values: Float[np.ndarray, "height width"]) -> Autocorrelation:
    """Correlation of pairs of pixels by distance, rounded to whole pixels, up to half the shorter side.

    The mean is subtracted and no pair wraps around. A constant map has NaN. One displacement over n pixels has the
    standard error 1 / sqrt(n) on white noise; a ring of them is a mean of as many independent ones as half its
    displacements, the other half being the same pairs. Raises ValueError where a value is not finite.
    """
    height, width = values.shape
    if not np.isfinite(values).all():
        raise ValueError("The map holds NaN or infinity: mask it, or crop to where it is defined.")
    centered = values - values.mean(dtype=np.float64)
    spectrum = np.fft.rfft2(centered, (2 * height, 2 * width))
    products = np.fft.irfft2(np.abs(spectrum) ** 2, (2 * height, 2 * width))
    y = np.fft.fftfreq(2 * height, 1 / (2 * height))[:, None]
    x = np.fft.fftfreq(2 * width, 1 / (2 * width))
    pairs = np.maximum(height - np.abs(y), 0) * np.maximum(width - np.abs(x), 0)
    ring = np.rint(np.hypot(y, x)).astype(np.int64).ravel()
    lags = min(height, width) // 2 + 1
    counts = np.bincount(ring, pairs.ravel())[:lags]
    sums = np.bincount(ring, products.ravel())[:lags]
    variance = np.mean(centered**2)
    # A spread of 16 last bits is the rounding of the values and of their mean.
    constant = variance <= (16 * np.finfo(values.dtype).eps) ** 2 * np.mean(np.square(values, dtype=np.float64))
    found = np.full(lags, np.nan) if constant else sums / counts / variance
    return Autocorrelation(found, np.concatenate([[0.0], np.sqrt(2 / counts[1:])]))
