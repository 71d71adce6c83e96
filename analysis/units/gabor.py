"""Are first-layer filters Gabors? Least-squares fits of a cosine under a Gaussian (Jones & Palmer, 1987).

A filter is fit in gray: the projection of its colors on their first principal component. Fits start from the peak of
the Fourier spectrum with envelopes of several shapes, and the best one counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

Places = tuple[Float[np.ndarray, " pixels"], Float[np.ndarray, " pixels"]]

SMALLEST = 5
"""Pixels a side that a fit needs: a Gabor has 8 parameters, as many as fit any 3 x 3 filter almost exactly."""

THRESHOLD = 0.8
"""R^2 from which a filter counts as a Gabor: more than chance gives. 400 filters of noise were fit at each size:

    filter                                     5 x 5   7 x 7   11 x 11
    white noise, median R^2                    0.47    0.29    0.13
    white noise, 99th percentile               0.73    0.48    0.24
    blurred by sigma 1 pixel, share from 0.8   0.31    0.10    0.00

Small smooth filters pass by chance: ask `chance_r2` before believing a share of them."""

ENVELOPES = ((0.15, 0.15), (0.3, 0.3), (0.2, 0.5))
"""Sigmas across and along the bars that fits start from, as shares of the filter's side."""

ROUNDING = 1e-20
"""A sum of squares below this share of another is float64 rounding."""


@dataclass(frozen=True)
class Gabors:
    """A Gabor for every filter, amplitude exp(-(u / width)^2 / 2 - (v / length)^2 / 2) cos(2 pi frequency u + phase).

    u runs across the bars to the right (downwards where they lie flat) and v along them, from the envelope's center.
    NaN for a filter of fewer than 5 pixels a side, and for one without contrast.
    """

    orientation: Float[np.ndarray, " filters"]
    """Degrees in [0, 180) from horizontal to the bars, counterclockwise as drawn; a blob's is that of its envelope."""
    frequency: Float[np.ndarray, " filters"]
    """Cycles a pixel, at most 0.5 along an axis and 0.71 along a diagonal; 0 for a blob."""
    phase: Float[np.ndarray, " filters"]
    """Degrees in [0, 360) at the center: 0 a bright bar, 180 a dark one, 90 and 270 edges."""
    width: Float[np.ndarray, " filters"]
    """Sigma of the envelope across the bars, in pixels."""
    length: Float[np.ndarray, " filters"]
    """Sigma of the envelope along the bars, in pixels."""
    column: Float[np.ndarray, " filters"]
    """Center of the envelope, in pixels from the center of the first."""
    row: Float[np.ndarray, " filters"]
    amplitude: Float[np.ndarray, " filters"]
    r2: Float[np.ndarray, " filters"]
    """Share of the gray filter's variance over its pixels that the Gabor explains, at most 1; below 0 where the filter
    is nearly even but not zero."""

    def images(self, height: int, width: int) -> Float[np.ndarray, "filters height width"]:
        """The fitted Gabors, on the scale of `gray_filters`."""
        angle, phase = np.deg2rad(90 - self.orientation), np.deg2rad(self.phase)
        parameters = np.stack(
            [
                self.column, self.row, angle, self.frequency, np.log(self.width), np.log(self.length),
                self.amplitude * np.cos(phase), -self.amplitude * np.sin(phase),
            ],
            axis=1,
        )  # fmt: skip
        places = _places(height, width)
        return np.stack([_gabor(p, *places)[0].reshape(height, width) for p in parameters])


def gabor_fits(weight: Float[np.ndarray, "filters colors height width"]) -> Gabors:
    """Fit every filter; about 40 ms each. Raises ValueError for weights that are not finite."""
    if not np.isfinite(weight).all():
        raise ValueError("Filters hold NaN or infinity. Did training diverge?")
    fits = np.array([_fit(gray) for gray in gray_filters(weight)]).reshape(len(weight), len(fields(Gabors)))
    return Gabors(*fits.T)


def gray_filters(
    weight: Float[np.ndarray, "filters colors height width"],
) -> Float[np.ndarray, "filters height width"]:
    """Each filter along the direction in which its own colors vary most, whose largest component is positive."""
    colors = weight.astype(np.float64).reshape(*weight.shape[:2], weight.shape[2] * weight.shape[3])
    centered = colors - colors.mean(axis=2, keepdims=True)
    direction = np.linalg.eigh(centered @ centered.transpose(0, 2, 1))[1][:, :, -1]
    largest = np.take_along_axis(direction, np.abs(direction).argmax(axis=1)[:, None], axis=1)
    gray = np.einsum("fc,fcp->fp", direction * np.sign(largest), colors)
    return gray.reshape(len(weight), *weight.shape[2:])


def gabor_share(r2: Float[np.ndarray, " filters"], threshold: float = THRESHOLD) -> float:
    """Share of the fitted filters with an R^2 of at least `threshold`, in 0-1; NaN where none could be fit."""
    fitted = r2[~np.isnan(r2)]
    return float((fitted >= threshold).mean()) if len(fitted) else float("nan")


def chance_r2(
    height: int, width: int, filters: int = 100, blur: float = 0.0, seed: int = 0
) -> Float[np.ndarray, " filters"]:
    """R^2 of fits to Gaussian noise, blurred by a Gaussian of sigma `blur` pixels: what a filter of this size reaches
    without being a Gabor.
    """
    noise = np.random.default_rng(seed).normal(size=(filters, 1, height, width))
    return gabor_fits(gaussian_filter(noise, blur, axes=(2, 3), mode="wrap")).r2


def _fit(gray: Float[np.ndarray, "height width"]) -> Float[np.ndarray, " fields"]:
    """The fields of `Gabors` for one filter, fit at unit size so that tolerances do not depend on the weights' unit."""
    size, contrast = float(np.square(gray).sum()), float(np.square(gray - gray.mean()).sum())
    if min(gray.shape) < SMALLEST or contrast <= ROUNDING * size:
        return np.full(len(fields(Gabors)), np.nan)
    scale, side = np.sqrt(size / gray.size), max(gray.shape)
    places, target = _places(*gray.shape), gray.ravel() / scale
    lowest = [-0.5, -0.5, -np.inf, 0.0, np.log(0.5), np.log(0.5), -np.inf, -np.inf]
    highest = [gray.shape[1] - 0.5, gray.shape[0] - 0.5, np.inf, np.sqrt(0.5), *[np.log(2 * side)] * 2, np.inf, np.inf]
    fits = [
        least_squares(
            lambda p: _gabor(p, *places)[0] - target,
            start,
            lambda p: _gabor(p, *places)[1],
            bounds=(lowest, highest),
            x_scale="jac",
            max_nfev=100,
        )
        for start in _starts(gray, places, target)
    ]
    best = min(fits, key=lambda fit: fit.cost)
    return _fields(best.x, scale, 1 - 2 * best.cost * scale**2 / contrast)


def _fields(p: Float[np.ndarray, "8"], scale: float, r2: float) -> Float[np.ndarray, " fields"]:
    column, row, angle, frequency, width, length, even, odd = p
    turned = np.cos(angle) < 0
    phase = np.arctan2(-odd, even) * (-1 if turned else 1)
    return np.array(
        [
            (90 - np.rad2deg(angle)) % 180, frequency, np.rad2deg(phase) % 360, np.exp(width), np.exp(length),
            column, row, np.hypot(even, odd) * scale, r2,
        ]
    )  # fmt: skip


def _starts(
    gray: Float[np.ndarray, "height width"], places: Places, target: Float[np.ndarray, " pixels"]
) -> Iterator[Float[np.ndarray, "8"]]:
    """From the center of energy and the peak of the spectrum; even and odd part by linear least squares."""
    energy = np.square(gray - gray.mean()).ravel()
    center = [place @ energy / energy.sum() for place in places]
    spectrum = np.abs(np.fft.rfft2(gray - gray.mean(), [4 * side for side in gray.shape]))
    down, right = np.unravel_index(spectrum.argmax(), spectrum.shape)
    wave = np.fft.rfftfreq(4 * gray.shape[1])[right], np.fft.fftfreq(4 * gray.shape[0])[down]
    for shares in ENVELOPES:
        sigmas = np.log(np.maximum(np.multiply(shares, max(gray.shape)), 0.6))
        start = np.array([*center, np.arctan2(wave[1], wave[0]), np.hypot(*wave), *sigmas, 1.0, 0.0])
        start[6:] = np.linalg.lstsq(_gabor(start, *places)[1][:, 6:], target, rcond=None)[0]
        yield start


def _places(height: int, width: int) -> Places:
    """Column and row of every pixel, row by row."""
    row, column = np.indices((height, width), dtype=np.float64)
    return column.ravel(), row.ravel()


def _gabor(
    p: Float[np.ndarray, "8"], column: Float[np.ndarray, " pixels"], row: Float[np.ndarray, " pixels"]
) -> tuple[Float[np.ndarray, " pixels"], Float[np.ndarray, "pixels 8"]]:
    """Values and their derivatives by center (column, row), angle, frequency, log sigmas, even and odd amplitude."""
    x, y, angle, frequency, width, length, even, odd = p
    cosine, sine, turns = np.cos(angle), np.sin(angle), 2 * np.pi * frequency
    u, v = (column - x) * cosine + (row - y) * sine, (row - y) * cosine - (column - x) * sine
    across, along = np.exp(-2 * width), np.exp(-2 * length)
    envelope = np.exp(-(u**2 * across + v**2 * along) / 2)
    bars, edges = envelope * np.cos(turns * u), envelope * np.sin(turns * u)
    values, quadrature = even * bars + odd * edges, odd * bars - even * edges
    by_u, by_v = turns * quadrature - u * across * values, -v * along * values
    jacobian = [
        by_v * sine - by_u * cosine, -by_u * sine - by_v * cosine, by_u * v - by_v * u, 2 * np.pi * u * quadrature,
        u**2 * across * values, v**2 * along * values, bars, edges,
    ]  # fmt: skip
    return values, np.stack(jacobian, axis=1)
