"""Bins right to a share of the number, for any size and sign (DDSketch: Masson et al., 2019, arXiv:1908.10693).

Bins are cut by the bits of float32: every octave into a power of two of equal parts. That is DDSketch's linear
interpolation of the logarithm: 64 bins an octave for 1 % where exact powers would need 35, and no rounded logarithm,
so that every library and device puts a number into the same bin.
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, log2

import numpy as np
from jaxtyping import Float, Int

from analysis.arrays import Array, namespace

MANTISSA_BITS, EXPONENT_BIAS = 23, 127
"""Of float32."""


@dataclass(frozen=True)
class LogBins:
    """Bins over +-[2^low, 2^high); one in the middle for all between -2^low and 2^low, one at each end for the rest.

    The default range is that of float16: a stored map has nothing beyond it.
    """

    accuracy: float = 0.01
    """The largest relative error of a bin's center, for every number in the range."""
    low: int = -24
    high: int = 16

    def __post_init__(self) -> None:
        if not 1e-4 <= self.accuracy < 1:
            raise ValueError(f"Bins of accuracy {self.accuracy}: give a share from 0.0001 to below 1, as 0.01.")
        if not 1 - EXPONENT_BIAS <= self.low < self.high <= EXPONENT_BIAS:
            raise ValueError(f"Bins from 2^{self.low} to 2^{self.high}: exponents must rise, from -126 to at most 127.")

    @property
    def parts_bits(self) -> int:
        """Binary logarithm of the parts of an octave: p parts are right to 1 / (2 p + 1)."""
        return max(0, ceil(log2((1 / self.accuracy - 1) / 2)))

    @property
    def middle(self) -> int:
        """Number of the bin around zero; as many lie on each side of it."""
        return ((self.high - self.low) << self.parts_bits) + 1

    @property
    def count(self) -> int:
        """Number of bins."""
        return 2 * self.middle + 1

    def places(self, x: Float[Array, "..."]) -> Int[Array, "..."]:
        """The bin of every number of a float32 array of NumPy, torch or CuPy; NaN goes to an end."""
        xp = namespace(x)
        bits = x.view(xp.int32)
        first = (EXPONENT_BIAS + self.low) << self.parts_bits
        magnitude = ((bits & 0x7FFFFFFF) >> self.shift) - (first - 1)
        magnitude = xp.clip(magnitude, 0, self.middle)
        return xp.where(bits < 0, self.middle - magnitude, self.middle + magnitude)

    def table(self) -> Int[np.ndarray, " patterns"]:
        """The bin of every number by its leading bits, as many as decide it: `table()[bits >> shift]`, faster."""
        return _table(self)

    @property
    def shift(self) -> int:
        """Trailing bits of a float32 that no bin depends on."""
        return MANTISSA_BITS - self.parts_bits

    def edges(self) -> Float[np.ndarray, " edges"]:
        """Bin i holds the numbers between edges i and i + 1; the first is -inf and the last inf."""
        above = self._above()
        return np.concatenate([[-np.inf], -above[::-1], above, [np.inf]])

    def centers(self) -> Float[np.ndarray, " bins"]:
        """The number that stands for each bin: as far from either edge, as a share of the edge; 0 and +-2^high else."""
        edges = self._above()
        inside = 2 * edges[:-1] * edges[1:] / (edges[:-1] + edges[1:])
        above = np.append(inside, edges[-1])
        return np.concatenate([-above[::-1], [0.0], above])

    def _above(self) -> Float[np.ndarray, " edges"]:
        """Edges above zero, 2^low and 2^high included."""
        parts = 1 << self.parts_bits
        octaves = np.ldexp(1.0, np.arange(self.low, self.high))[:, None]
        return np.append(octaves * (1 + np.arange(parts) / parts), np.ldexp(1.0, self.high))


@cache
def _table(bins: LogBins) -> Int[np.ndarray, " patterns"]:
    patterns = np.arange(1 << (32 - bins.shift), dtype=np.uint32) << np.uint32(bins.shift)
    return bins.places(patterns.view(np.float32)).astype(np.intp)
