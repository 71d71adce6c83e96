"""Spectra of feature maps, and products of their channels at every frequency: all that CCA of convolutions needs.

Spectra come from float32 maps, their products are formed and summed in complex128. So no pivot is needed: a ReLU map's
mean is most of its power at frequency 0, which would leave float32 sums few digits for the rest, complex128 enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import scipy.fft
from jaxtyping import Complex, Complex128, Float, Int

from analysis.arrays import Array, device_of, namespace, to_numpy
from analysis.comoments import Pair, _runs
from analysis.similarity.frequencies import Frequencies

BLOCK = 2**17
"""Numbers of a set that are transformed or multiplied at once: with their copies and the result they fit a cache."""

ROUNDING = 1e-13
"""A variance below this share of the unit's largest mean square at any frequency is rounding of its transform, not
signal: float32 maps that are constant, of 1 x 1 to 224 x 224, came to 1e-15."""


def spectra(
    maps: Float[Array, "images channels height width"], frequencies: Frequencies
) -> Complex[Array, "frequencies images channels"]:
    """The transform of every map at some frequencies, over the map's area: at frequency 0 it is the mean.

    So maps of different sizes compare. float16 is transformed as float32. ValueError where a map is too small.
    """
    xp, device = namespace(maps), device_of(maps)
    images, channels, height, width = maps.shape
    indices = xp.asarray(frequencies.half_plane(height, width), device=device)
    real = maps if maps.dtype in (xp.float32, xp.float64) else xp.astype(maps, xp.float32)
    fft = scipy.fft if isinstance(maps, np.ndarray) else xp.fft  # takes half as long as NumPy's on float32
    dtype = xp.complex64 if real.dtype == xp.float32 else xp.complex128
    found = xp.empty((len(frequencies.rows), images, channels), dtype=dtype, device=device)
    step = max(1, BLOCK // (channels * height * width))
    for start in range(0, images, step):
        part = slice(start, min(start + step, images))
        half_plane = fft.rfftn(real[part, :, :, :], axes=(2, 3), norm="forward")
        flat = xp.reshape(half_plane, (-1, channels, height * (width // 2 + 1)))
        found[:, part, :] = xp.take(xp.permute_dims(flat, (2, 0, 1)), indices, axis=0)
    return found


@dataclass(frozen=True)
class SpectralComoments:
    """Sums over images, by group and frequency. Any split, order or tree of merges gives one pass's answer."""

    n: Float[np.ndarray, " groups"]
    """Images."""
    sum_x: Complex128[np.ndarray, "groups frequencies units_x"]
    """Of x."""
    sum_y: Complex128[np.ndarray, "groups frequencies units_y"]
    """Of y."""
    square_x: Float[np.ndarray, "groups frequencies units_x"]
    """Of |x|^2."""
    square_y: Float[np.ndarray, "groups frequencies units_y"]
    """Of |y|^2."""
    cross: Complex128[np.ndarray, "groups frequencies units_x units_y"]
    """Of x y^H."""

    def merge(self, other: "SpectralComoments") -> "SpectralComoments":
        """Both sets of images together; ValueError where groups, frequencies or units differ."""
        if self.cross.shape != other.cross.shape:
            raise ValueError(
                f"Sums of {self.cross.shape} (groups, frequencies, units, units) cannot be merged with sums of "
                f"{other.cross.shape}. Take the same frequencies of both with `at`."
            )
        return SpectralComoments(*(mine + theirs for mine, theirs in zip(self._sums(), other._sums(), strict=True)))

    def weighted(self, weights: Float[np.ndarray, " groups"]) -> "SpectralComoments":
        """One group: the weighted sum of all. Weights count how often a resampling drew each group."""
        return SpectralComoments(*(np.tensordot(weights, sums, 1)[None] for sums in self._sums()))

    def total(self) -> "SpectralComoments":
        """One group: the sum of all."""
        return self.weighted(np.ones(len(self.n)))

    def at(self, indices: Int[np.ndarray, " chosen"]) -> "SpectralComoments":
        """The same images at some of the frequencies, as `Frequencies.index_in` finds them."""
        return SpectralComoments(self.n, *(sums[:, indices] for sums in self._sums()[1:]))

    def units(self, x: slice, y: slice) -> "SpectralComoments":
        """The same images with a range of the units of each set."""
        return SpectralComoments(
            self.n, self.sum_x[..., x], self.sum_y[..., y], self.square_x[..., x], self.square_y[..., y],
            self.cross[..., x, y],
        )  # fmt: skip

    def swap(self) -> "SpectralComoments":
        """The same images with the two sets exchanged."""
        cross = np.conj(np.swapaxes(self.cross, 2, 3))
        return SpectralComoments(self.n, self.sum_y, self.sum_x, self.square_y, self.square_x, cross)

    @property
    def rows(self) -> float:
        """Number of images."""
        return float(self.n.sum())

    def variance_x(self) -> Float[np.ndarray, "frequencies units_x"]:
        """Mean |x - mean|^2; exactly 0 where only rounding is left of it, and without images."""
        return self._variance(self.sum_x, self.square_x)

    def variance_y(self) -> Float[np.ndarray, "frequencies units_y"]:
        """Mean |y - mean|^2, with zeros as in `variance_x`."""
        return self._variance(self.sum_y, self.square_y)

    def covariance(self) -> Complex128[np.ndarray, "frequencies units_x units_y"]:
        """Mean of (x - mean) (y - mean)^H; 0 without images."""
        mean_x, mean_y = self.sum_x.sum(0) / self._divisor, self.sum_y.sum(0) / self._divisor
        covariance = self.cross.sum(0)
        covariance /= self._divisor
        covariance -= mean_x[:, :, None] * np.conj(mean_y)[:, None, :]
        return covariance

    def _variance(self, sums: np.ndarray, squares: np.ndarray) -> Float[np.ndarray, "frequencies units"]:
        square = squares.sum(0) / self._divisor
        variance = square - np.abs(sums.sum(0) / self._divisor) ** 2
        return np.where(variance > ROUNDING * square.max(0), variance, 0.0)

    @property
    def _divisor(self) -> float:
        return max(self.rows, 1.0)

    def _sums(self) -> list[np.ndarray]:
        return [getattr(self, field.name) for field in fields(self)]


class SpectralAccumulator:
    """Streams spectra of several named sets of units into SpectralComoments of chosen pairs of them.

    Pairs, groups and what a permuted pair holds are those of `analysis.comoments.Accumulator`. The sets of one pair
    have the same frequencies; pairs may differ in theirs.
    """

    def __init__(self, groups: Mapping[Pair, int]):
        self.groups = dict(groups)
        self.sums: dict[Pair, dict[str, Array]] = {}

    def add(
        self, spectra: Mapping[str, Complex[Array, "_frequencies images _units"]], groups: Int[np.ndarray, " images"]
    ) -> None:
        """Add a batch whose images lie group by group."""
        for pair, count in self.groups.items():
            x, y = spectra[pair.x], spectra[pair.y]
            if x.shape[:2] != y.shape[:2]:
                raise ValueError(
                    f"{pair.x} has spectra of {tuple(x.shape[:2])} (frequencies, images) and {pair.y} of "
                    f"{tuple(y.shape[:2])}. Take the frequencies common to both."
                )
            if pair not in self.sums:
                self.sums[pair] = _zeros(count, x, y)
        sets = {name: spectra[name] for pair in self.groups for name in (pair.x, pair.y)}
        for group, start, stop in _runs(groups):
            self._add_run(group, {name: x[:, start:stop, :] for name, x in sets.items()})

    def comoments(self) -> dict[Pair, SpectralComoments]:
        """What was added so far, on the host; no pairs before the first batch."""
        return {pair: _on_host(sums) for pair, sums in self.sums.items()}

    def _add_run(self, group: int, run: Mapping[str, Array]) -> None:
        """Images of one group, a block of frequencies at a time."""
        images = next(iter(run.values())).shape[1]
        for pair in self.groups:
            if images > 1 or not pair.permuted:
                self.sums[pair]["n"][self._place(pair, group)] += images
        step = max(1, BLOCK // (images * max(x.shape[2] for x in run.values())))
        for start in range(0, max(x.shape[0] for x in run.values()), step):
            rest = {name: x for name, x in run.items() if x.shape[0] > start}
            block = {name: x[start : min(start + step, x.shape[0]), :, :] for name, x in rest.items()}
            self._add_block(group, start, {name: _as_complex128(x) for name, x in block.items()})

    def _add_block(self, group: int, start: int, block: Mapping[str, Array]) -> None:
        """A set's squares are the diagonal of its own products, where these are wanted anyway."""
        pairs = [pair for pair in self.groups if pair.x in block]
        conjugates = {name: namespace(x).conj(x) for name, x in block.items()}
        products = {pair: _products(block[pair.x], conjugates[pair.y], pair.permuted) for pair in pairs}
        sums = {name: namespace(x).sum(x, axis=1) for name, x in block.items()}
        squares = {
            name: _diagonal(products[Pair(name, name)]) if Pair(name, name) in products else _square(x)
            for name, x in block.items()
        }
        for pair in pairs:
            x = block[pair.x]
            if pair.permuted and x.shape[1] == 1:
                continue
            into, at, part = self.sums[pair], self._place(pair, group), slice(start, start + x.shape[0])
            into["cross"][at, part, ...] += products[pair]
            for side, name in (("x", pair.x), ("y", pair.y)):
                into[f"sum_{side}"][at, part, ...] += sums[name]
                into[f"square_{side}"][at, part, ...] += squares[name]

    def _place(self, pair: Pair, group: int) -> int:
        return group if self.groups[pair] > 1 else 0


def _zeros(groups: int, x: Array, y: Array) -> dict[str, Array]:
    xp, device = namespace(x), device_of(x)
    frequencies, units_x, units_y = x.shape[0], x.shape[2], y.shape[2]
    zeros = {"n": np.zeros(groups)}
    for side, units in (("x", units_x), ("y", units_y)):
        zeros[f"sum_{side}"] = xp.zeros((groups, frequencies, units), dtype=xp.complex128, device=device)
        zeros[f"square_{side}"] = xp.zeros((groups, frequencies, units), dtype=xp.float64, device=device)
    cross = xp.zeros((groups, frequencies, units_x, units_y), dtype=xp.complex128, device=device)
    return {**zeros, "cross": cross}


def _on_host(sums: Mapping[str, Array]) -> SpectralComoments:
    return SpectralComoments(**{name: to_numpy(x) for name, x in sums.items()})


def _products(x: Array, conjugate: Array, permuted: bool) -> Array:
    """Sums over images of x y^H, (frequencies, units_x, units_y); `permuted`: y from the next image."""
    xp = namespace(x)
    if not permuted:
        return xp.matmul(xp.matrix_transpose(x), conjugate)
    last = x.shape[1] - 1
    aligned = _products(x[:, :last, :], conjugate[:, 1:, :], False)
    return aligned + _products(x[:, last:, :], conjugate[:, :1, :], False)


def _square(x: Array) -> Array:
    xp = namespace(x)
    return xp.sum(xp.real(x) ** 2 + xp.imag(x) ** 2, axis=1)


def _diagonal(products: Array) -> Array:
    xp = namespace(products)
    return xp.real(xp.linalg.diagonal(products))


def _as_complex128(x: Array) -> Array:
    xp = namespace(x)
    return xp.astype(x, xp.complex128)
