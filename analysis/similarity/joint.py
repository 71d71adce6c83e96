"""Two layers over the same samples: each with itself and both together, all that a measure of similarity reads.

The last unit of each set is the squared norm of the others about their pivot. With it the sums over samples of
products of squared norms, which debiased CKA needs, follow from the same cross-products.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.arrays import Array, device_of, namespace
from analysis.comoments import Comoments


class Covariances(NamedTuple):
    """Population covariances of two layers over the same samples, and how many samples there were."""

    x: Float[np.ndarray, "units_x units_x"]
    y: Float[np.ndarray, "units_y units_y"]
    xy: Float[np.ndarray, "units_x units_y"]
    samples: float


@dataclass(frozen=True)
class Joint:
    """Comoments of x with x, of y with y and of x with y; each set ends with its squared norm (see `with_norm`)."""

    x: Comoments
    y: Comoments
    xy: Comoments

    def weighted(self, weights: Float[np.ndarray, " groups"]) -> "Joint":
        """One group: the weighted sum of all. Weights count how often a resampling drew each group."""
        return Joint(self.x.weighted(weights), self.y.weighted(weights), self.xy.weighted(weights))

    def swap(self) -> "Joint":
        """The same samples with the two layers exchanged."""
        return Joint(self.y, self.x, self.xy.swap())

    def covariances(self) -> Covariances:
        """Covariances of the units without the norms; rows and columns of constant units are exactly 0."""
        x, y, xy = (self._live(c) for c in (self.x, self.y, self.xy))
        return Covariances((x + x.T) / 2, (y + y.T) / 2, xy, self.xy.rows)

    def norm_product(self) -> tuple[float, float, float]:
        """Sums over samples of |x|^4, |y|^4 and |x|^2 |y|^2, x and y about their means."""
        return _norm_product(self.x), _norm_product(self.y), _norm_product(self.xy)

    @staticmethod
    def _live(comoments: Comoments) -> np.ndarray:
        units = comoments.units(slice(-1), slice(-1))
        return units.covariance() * np.outer(units.variance_x() > 0, units.variance_y() > 0)


def with_norm(
    samples: Float[Array, "images positions units"], pivot: Float[np.ndarray, " units"]
) -> Float[Array, "images positions units_and_norm"]:
    """Samples with one more unit: the squared norm of the others about their pivot."""
    xp = namespace(samples)
    centered = samples - xp.asarray(pivot, dtype=samples.dtype, device=device_of(samples)) if pivot.any() else samples
    return xp.concat([samples, xp.sum(centered * centered, axis=2, keepdims=True)], axis=2)


def _norm_product(comoments: Comoments) -> float:
    """With q = |v - p|^2 and d = mean - p, |v - mean|^2 = q - 2 d.(v - p) + |d|^2: linear in what was summed."""
    total = comoments.total()
    weights_x, constant_x = _about_mean(total)
    weights_y, constant_y = _about_mean(total.swap())
    return float(
        weights_x @ total.cross[0] @ weights_y
        + constant_y * (weights_x @ total.sum_x[0])
        + constant_x * (weights_y @ total.sum_y[0])
        + total.rows * constant_x * constant_y
    )


def _about_mean(total: Comoments) -> tuple[np.ndarray, float]:
    shift = total.mean_x()[:-1] - total.pivot_x[:-1]
    return np.concatenate([-2 * shift, [1.0]]), float(shift @ shift)
