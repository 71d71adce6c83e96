"""Counts, sums and cross-products of two sets of units: all that correlation, regression, CCA and CKA need.

Products are IEEE float32 in blocks of at most 16,384 rows, accumulated in float64 about a fixed pivot, separately for
each group of images: intervals resample groups, held-out losses leave groups out, and the whole is their sum.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.arrays import Array, as_float64, device_of, namespace

BLOCK_ROWS = 16_384
"""Rows of one float32 product: its rounding stays near 1e-7 of the sum, and the block near the cache."""

CONSTANT = 1e-5
"""A variance below this share of the mean square about the pivot is float32 rounding, not signal: a product's sum of
16,384 equal squares is off by 6e-6 of itself."""


@dataclass(frozen=True)
class Comoments:
    """Sums about a pivot, by group. Any split, order or tree of merges gives one pass's answer to float64 rounding."""

    n: Float[np.ndarray, " groups"]
    pivot_x: Float[np.ndarray, " units_x"]
    pivot_y: Float[np.ndarray, " units_y"]
    sum_x: Float[np.ndarray, "groups units_x"]
    sum_y: Float[np.ndarray, "groups units_y"]
    square_x: Float[np.ndarray, "groups units_x"]
    square_y: Float[np.ndarray, "groups units_y"]
    cross: Float[np.ndarray, "groups units_x units_y"]

    def merge(self, other: "Comoments") -> "Comoments":
        """Both sets of samples together; ValueError where the pivots differ."""
        if not (np.array_equal(self.pivot_x, other.pivot_x) and np.array_equal(self.pivot_y, other.pivot_y)):
            raise ValueError("Comoments about different pivots cannot be merged.")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in SUMMED})

    def weighted(self, weights: Float[np.ndarray, " groups"]) -> "Comoments":
        """One group: the weighted sum of all. Weights count how often a resampling drew each group."""
        summed = {name: np.tensordot(weights, getattr(self, name), 1)[None] for name in SUMMED}
        return replace(self, **summed)

    def total(self) -> "Comoments":
        """One group: the sum of all."""
        return self.weighted(np.ones(len(self.n)))

    def units(self, x: slice, y: slice) -> "Comoments":
        """The same samples with a range of the units of each set."""
        return Comoments(
            self.n, self.pivot_x[x], self.pivot_y[y], self.sum_x[:, x], self.sum_y[:, y], self.square_x[:, x],
            self.square_y[:, y], self.cross[:, x, y],
        )  # fmt: skip

    def swap(self) -> "Comoments":
        """The same samples with the two sets exchanged."""
        return Comoments(
            self.n, self.pivot_y, self.pivot_x, self.sum_y, self.sum_x, self.square_y, self.square_x,
            np.swapaxes(self.cross, 1, 2),
        )  # fmt: skip

    @property
    def rows(self) -> float:
        """Number of samples."""
        return float(self.n.sum())

    def mean_x(self) -> Float[np.ndarray, " units_x"]:
        """Mean of each unit of the first set."""
        return self.pivot_x + self.sum_x.sum(0) / self.rows

    def mean_y(self) -> Float[np.ndarray, " units_y"]:
        """Mean of each unit of the second set."""
        return self.swap().mean_x()

    def variance_x(self) -> Float[np.ndarray, " units_x"]:
        """Population variance of each unit of the first set; exactly 0 where it is constant to float32 rounding."""
        square = self.square_x.sum(0) / self.rows
        variance = square - (self.sum_x.sum(0) / self.rows) ** 2
        return np.where(variance > CONSTANT * square, variance, 0.0)

    def variance_y(self) -> Float[np.ndarray, " units_y"]:
        """Population variance of each unit of the second set, with zeros as in `variance_x`."""
        return self.swap().variance_x()

    def covariance(self) -> Float[np.ndarray, "units_x units_y"]:
        """Population covariance between the sets."""
        shift_x, shift_y = self.sum_x.sum(0) / self.rows, self.sum_y.sum(0) / self.rows
        return self.cross.sum(0) / self.rows - np.outer(shift_x, shift_y)


SUMMED = ("n", "sum_x", "sum_y", "square_x", "square_y", "cross")
"""Fields that merging adds."""


class Pair(NamedTuple):
    """Two named sets of units whose cross-products are wanted; `permuted`: each image of the second is another's."""

    x: str
    y: str
    permuted: bool = False


class Accumulator:
    """Streams aligned samples of several named sets of units into Comoments of chosen pairs of them.

    Sums of every set are formed once for all its pairs, on the device of the samples. A permuted pair holds what
    chance alone gives: within a run of images of one group, every image meets the second set of the next one in turn,
    never its own; an image alone in its run is left out.

    `groups` says for each pair how many groups are kept apart: all of them, or 1 where only the whole is wanted.
    """

    def __init__(self, groups: Mapping[Pair, int], pivots: Mapping[str, Float[np.ndarray, " units"]]):
        self.groups = dict(groups)
        self.pivots = {name: np.asarray(pivots[name], np.float64) for pair in groups for name in (pair.x, pair.y)}
        self.sums: dict[Pair, dict[str, Array]] = {}

    def add(
        self, samples: Mapping[str, Float[Array, "images positions units"]], groups: Int[np.ndarray, " images"]
    ) -> None:
        """Add a batch whose images lie group by group."""
        samples = {name: self._about_pivot(name, samples[name]) for name in self.pivots}
        for pair, count in self.groups.items():
            x, y = samples[pair.x], samples[pair.y]
            if x.shape[:2] != y.shape[:2]:
                raise ValueError(f"{pair.x} has samples {tuple(x.shape[:2])} and {pair.y} has {tuple(y.shape[:2])}.")
            if pair not in self.sums:
                self.sums[pair] = _zeros(count, x, y)
        for group, start, stop in _runs(groups):
            self._add_run(group, {name: x[start:stop, :, :] for name, x in samples.items()})

    def comoments(self) -> dict[Pair, Comoments]:
        """What was added so far, on the host; a pair that saw nothing has zeros."""
        return {pair: self._comoments(pair) for pair in self.groups}

    def _about_pivot(self, name: str, x: Array) -> Array:
        pivot = self.pivots[name]
        if x.shape[2] != len(pivot):
            raise ValueError(f"{name} has {x.shape[2]} units, its pivot {len(pivot)}.")
        return x - namespace(x).asarray(pivot, dtype=x.dtype, device=device_of(x)) if pivot.any() else x

    def _add_run(self, group: int, run: Mapping[str, Array]) -> None:
        """Images of one group. A set's squares are the diagonal of its own products, where these are wanted anyway."""
        images = next(iter(run.values())).shape[0]
        products = {pair: _products(run[pair.x], run[pair.y], pair.permuted) for pair in self.groups}
        sums = {name: _sum(x) for name, x in run.items()}
        squares = {
            name: _diagonal(products[Pair(name, name)]) if Pair(name, name) in products else _square(x)
            for name, x in run.items()
        }
        for pair, count in self.groups.items():
            if pair.permuted and images == 1:
                continue
            into, at = self.sums[pair], group if count > 1 else 0
            into["n"][at] += images * run[pair.x].shape[1]
            into["cross"][at, ...] += products[pair]
            for side, name in (("x", pair.x), ("y", pair.y)):
                into[f"sum_{side}"][at, ...] += sums[name]
                into[f"square_{side}"][at, ...] += squares[name]

    def _comoments(self, pair: Pair) -> Comoments:
        pivot_x, pivot_y = self.pivots[pair.x], self.pivots[pair.y]
        sums = self.sums.get(pair)
        if sums is None:
            sums = _zeros(self.groups[pair], np.empty((0, 0, len(pivot_x))), np.empty((0, 0, len(pivot_y))))
        return Comoments(pivot_x=pivot_x, pivot_y=pivot_y, **{name: as_float64(sums[name]) for name in SUMMED})


def _zeros(groups: int, x: Array, y: Array) -> dict[str, Array]:
    xp, units_x, units_y = namespace(x), x.shape[2], y.shape[2]
    shapes = {
        "sum_x": (groups, units_x), "square_x": (groups, units_x),
        "sum_y": (groups, units_y), "square_y": (groups, units_y),
        "cross": (groups, units_x, units_y),
    }  # fmt: skip
    zeros = {name: xp.zeros(shape, dtype=xp.float64, device=device_of(x)) for name, shape in shapes.items()}
    return {"n": np.zeros(groups), **zeros}


def _runs(groups: Int[np.ndarray, " images"]) -> Iterator[tuple[int, int, int]]:
    """(group, start, stop) of every run of equal groups."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(groups)], strict=True):
        if stop > start:
            yield int(groups[start]), start, stop


def _products(x: Array, y: Array, permuted: bool) -> Array:
    """Cross-products over images and positions, (units_x, units_y), float64; `permuted`: y from the next image."""
    if not permuted:
        return _blocks(_rows(x), _rows(y))
    last = x.shape[0] - 1
    return _blocks(_rows(x[:last, :, :]), _rows(y[1:, :, :])) + _blocks(_rows(x[last:, :, :]), _rows(y[:1, :, :]))


def _blocks(x: Array, y: Array) -> Array:
    """The first block's product takes the others in: most batches are one block."""
    total = _block(x, y, 0)
    for start in range(BLOCK_ROWS, x.shape[0], BLOCK_ROWS):
        total += _block(x, y, start)
    return total


def _block(x: Array, y: Array, start: int) -> Array:
    xp, rows = namespace(x), slice(start, min(start + BLOCK_ROWS, x.shape[0]))
    return xp.astype(xp.matmul(x[rows, :].T, y[rows, :]), xp.float64, copy=False)


def _rows(x: Array) -> Array:
    return namespace(x).reshape(x, (-1, x.shape[2]))


def _sum(x: Array) -> Array:
    """Sum over images and positions, (units,), float64."""
    xp = namespace(x)
    return xp.sum(xp.astype(xp.sum(x, axis=1), xp.float64), axis=0)


def _square(x: Array) -> Array:
    return _sum(x * x)


def _diagonal(products: Array) -> Array:
    return namespace(products).linalg.diagonal(products)
