"""How are a unit's values spread? Moments, zeros, range and quantiles of every channel, in one pass over the maps.

Quantiles come from a histogram of fixed bins (`LogBins`), so that memory does not grow with the number of images and
two histograms merge by adding. Mean and variance merge by Chan et al.'s pairwise update (1979, STAN-CS-79-773).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.arrays import Array, as_float64, device_of, namespace, readable, to_numpy
from analysis.units.log_bins import LogBins

BLOCK = 2**18
"""Values taken at once, whose copies stay near the cache; as many as the histograms have bins, where that is more."""

CHUNK = 2**15
"""Values of a unit taken at once on the host."""

MANY = 0.75
"""Share of zeros from which leaving them out is faster."""

BINS = LogBins()

ADDED = ("n", "nans", "zeros", "sums", "counts")
"""Fields that merging adds."""


@dataclass(frozen=True)
class Distribution:
    """The values of every unit, or of every class and unit. Any split, order or tree of merges gives one pass's counts
    and extremes bit for bit, and its mean and variance to float64 rounding.
    """

    bins: LogBins
    n: Int[np.ndarray, "*classes units"]
    """Values that are numbers."""
    nans: Int[np.ndarray, "*classes units"]
    """Values that are not; they are in no other field."""
    zeros: Int[np.ndarray, "*classes units"]
    sums: Float[np.ndarray, "*classes units"]
    squares: Float[np.ndarray, "*classes units"]
    """Sum of squared deviations from the mean."""
    minimum: Float[np.ndarray, "*classes units"]
    """inf where there is no value."""
    maximum: Float[np.ndarray, "*classes units"]
    """-inf where there is no value."""
    counts: Int[np.ndarray, "*classes units bins"]

    def merge(self, other: "Distribution") -> "Distribution":
        """Both sets of samples together; ValueError where units, classes or bins differ."""
        if (self.bins, self.counts.shape) != (other.bins, other.counts.shape):
            raise ValueError(
                f"Distributions of {self.n.shape} units over {self.bins} and of {other.n.shape} over {other.bins} "
                "cannot be merged: count both alike."
            )
        with np.errstate(invalid="ignore"):  # infinities
            added = {name: getattr(self, name) + getattr(other, name) for name in ADDED}
            apart = other.sums / np.maximum(other.n, 1) - self.sums / np.maximum(self.n, 1)
            moved = apart**2 * self.n * (other.n / np.maximum(added["n"], 1))
        return Distribution(
            self.bins,
            squares=self.squares + other.squares + moved,
            minimum=np.minimum(self.minimum, other.minimum),
            maximum=np.maximum(self.maximum, other.maximum),
            **added,
        )

    def total(self) -> "Distribution":
        """By unit, where classes were counted apart: all of them together."""
        return reduce(Distribution.merge, (self._at(number) for number in range(len(self.n))))

    def mean(self) -> Float[np.ndarray, "*classes units"]:
        """Mean; NaN without values, not finite where a value is not."""
        return self._share(self.sums)

    def variance(self) -> Float[np.ndarray, "*classes units"]:
        """Population variance; exactly 0 where all values are equal, NaN without values or where one is infinite."""
        return self._share(np.where(self.minimum == self.maximum, 0.0, self.squares))

    def sparsity(self) -> Float[np.ndarray, "*classes units"]:
        """Share of values that are exactly 0, in 0-1; NaN without values."""
        return self._share(self.zeros)

    def dead(self) -> Bool[np.ndarray, "*classes units"]:
        """Units with values of which none is above 0, or all are equal."""
        return (self.n > 0) & ((self.maximum <= 0) | (self.minimum == self.maximum))

    def beyond(self) -> Int[np.ndarray, "*classes units"]:
        """Number of values in the two end bins, whose size is known only to be at least 2^high."""
        return self.counts[..., 0] + self.counts[..., -1]

    def quantile(self, q: float) -> Float[np.ndarray, "*classes units"]:
        """The value at rank q (n - 1), rounded down, to a relative error of `bins.accuracy`; NaN without values.

        0 for magnitudes below 2^low, 2^high for those beyond the range, always between minimum and maximum.
        Raises ValueError for q outside 0-1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"q is {q}; a quantile lies in 0-1.")
        rank = np.floor(q * (self.n - 1))[..., None]
        found = self.bins.centers()[(np.cumsum(self.counts, axis=-1) <= rank).sum(-1).clip(max=self.bins.count - 1)]
        return np.where(self.n > 0, np.clip(found, self.minimum, self.maximum), np.nan)

    def _share(self, sums: np.ndarray) -> np.ndarray:
        return np.where(self.n > 0, sums / np.maximum(self.n, 1), np.nan)

    def _at(self, number: int) -> "Distribution":
        return replace(self, **{name: getattr(self, name)[number] for name in _ARRAYS})


_ARRAYS = (*ADDED, "squares", "minimum", "maximum")


def distribution(
    maps: Float[Array, "images units *positions"],
    classes: Int[np.ndarray, " images"] | None = None,
    class_count: int | None = None,
    bins: LogBins = BINS,
) -> Distribution:
    """Of every unit over images and positions; (samples, units) is taken as well.

    `classes` gives the class of every image, below `class_count`: the result then has a leading axis of classes.
    NaN is counted and left out; an infinity goes to an end bin and spoils the moments. CUDA arrays are counted on
    their device. Raises ValueError where a class is not below `class_count`.
    """
    if classes is None:
        return _of(maps, bins)
    if not class_count or (len(classes) and not 0 <= classes.min() <= classes.max() < class_count):
        raise ValueError(
            f"Classes run from {classes.min(initial=0)} to {classes.max(initial=0)} and class_count is {class_count}; "
            "it must lie above them all."
        )
    xp, device = namespace(maps), device_of(maps)
    members = [xp.asarray(np.flatnonzero(classes == number), device=device) for number in range(class_count)]
    return _joined([_of(xp.take(maps, images, axis=0), bins) for images in members], np.stack)


def _of(maps: Float[Array, "images units *positions"], bins: LogBins) -> Distribution:
    """On the host unit by unit, which stays in the cache; elsewhere all units at once, block by block of images."""
    maps = readable(maps)
    images, units, positions = maps.shape[0], maps.shape[1], prod(maps.shape[2:])
    whole = namespace(maps).reshape(maps, (images, units, positions))
    found = _empty(units, bins)
    if isinstance(whole, np.ndarray):
        for unit in range(units):
            _count(np.ascontiguousarray(whole[:, unit, :]).reshape(-1), found, unit)
        return found
    block = max(1, max(BLOCK, units * bins.count) // max(1, units * positions))
    for start in range(0, images, block):
        found = found.merge(_block(whole[start : min(start + block, images), :, :], bins))
    return found


def _count(values: Float[np.ndarray, " samples"], into: Distribution, unit: int) -> None:
    """The values of one unit, chunk by chunk, with deviations from the mean of the first chunk.

    Zeros, which are most values behind a rectifier, are counted without being looked at one by one.
    """
    if np.isnan(values.max(initial=-np.inf)):
        numbers = values[~np.isnan(values)]
        into.nans[unit], values = len(values) - len(numbers), numbers
    if not len(values):
        return
    n, zeros = len(values), len(values) - np.count_nonzero(values)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32, infinities
        first = float(values[:CHUNK].mean(dtype=np.float64))
        pivot = first if np.isfinite(first) else 0.0
        apart = zeros if zeros > MANY * n else 0
        values = values[values != 0] if apart else values
        total, squares = -pivot * apart, pivot**2 * apart
        for start in range(0, len(values), CHUNK):
            chunk = values[start : start + CHUNK]
            patterns = chunk.astype(np.float32, copy=False).view(np.uint32) >> np.uint32(into.bins.shift)
            into.counts[unit] += np.bincount(into.bins.table()[patterns], minlength=into.bins.count)
            deviations = chunk.astype(np.float64) - pivot
            total += float(deviations.sum())
            squares += float(deviations @ deviations)
        squares -= total**2 / n
    into.counts[unit, into.bins.middle] += apart
    into.n[unit], into.zeros[unit] = n, zeros
    into.sums[unit], into.squares[unit] = total + pivot * n, max(squares, 0.0)
    ends = np.append(values, 0.0) if apart else values
    into.minimum[unit], into.maximum[unit] = ends.min(), ends.max()


def _block(x: Float[Array, "images units positions"], bins: LogBins) -> Distribution:
    xp, (images, units, positions) = namespace(x), x.shape
    n = images * positions
    if not n:
        return _empty(units, bins)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32, infinities
        deviations = xp.astype(x, xp.float64)
        sums = xp.sum(deviations, axis=(0, 2))
        if bool(xp.any(xp.isnan(sums))) and bool(xp.any(xp.isnan(x))):
            return _joined([_numbers(x[:, unit, :], bins) for unit in range(units)], np.concatenate)
        deviations -= (sums / n)[:, None]
        deviations *= deviations
        keys = bins.places(xp.astype(x, xp.float32, copy=False)) + _offsets(x, bins)
    counts = xp.bincount(xp.reshape(keys, (-1,)), minlength=units * bins.count)
    return Distribution(
        bins,
        n=np.full(units, n),
        nans=np.zeros(units, np.int64),
        zeros=to_numpy(xp.sum(x == 0, axis=(0, 2))),
        sums=as_float64(sums),
        squares=as_float64(xp.sum(deviations, axis=(0, 2))),
        minimum=as_float64(xp.min(x, axis=(0, 2))),
        maximum=as_float64(xp.max(x, axis=(0, 2))),
        counts=to_numpy(counts).reshape(units, bins.count),
    )


def _numbers(x: Float[Array, "images positions"], bins: LogBins) -> Distribution:
    """Of one unit, what is a number."""
    xp = namespace(x)
    numbers = x[~xp.isnan(x)]
    found = _block(xp.reshape(numbers, (numbers.shape[0], 1, 1)), bins)
    return replace(found, nans=prod(x.shape) - found.n)


def _offsets(x: Array, bins: LogBins) -> Int[Array, "units 1"]:
    """Where the bins of each unit begin, int64."""
    xp = namespace(x)
    return (xp.arange(x.shape[1], dtype=xp.int64, device=device_of(x)) * bins.count)[:, None]


def _empty(units: int, bins: LogBins) -> Distribution:
    n, nans, zeros = np.zeros((3, units), np.int64)
    sums, squares = np.zeros((2, units))
    inf, counts = np.full(units, np.inf), np.zeros((units, bins.count), np.int64)
    return Distribution(bins, n, nans, zeros, sums, squares, inf, -inf, counts)


def _joined(parts: Sequence[Distribution], join: Callable[[list[np.ndarray]], Any]) -> Distribution:
    return replace(parts[0], **{name: join([getattr(part, name) for part in parts]) for name in _ARRAYS})
