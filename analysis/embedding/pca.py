"""Principal components from sums: one pass over the samples, and memory that does not grow with their number."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.comoments import Accumulator, Comoments, Pair
from analysis.units.directions import principal_directions

ALL = Pair("x", "x")


class PrincipalComponents(NamedTuple):
    """The directions of largest variance about the mean, largest first."""

    mean: Float[np.ndarray, " features"]
    weights: Float[np.ndarray, "features components"]
    """Unit vectors, each pointing to the side of its largest weight."""
    share: Float[np.ndarray, " components"]
    """Of the variance, 0-1."""

    def project(self, x: Float[np.ndarray, "points features"]) -> Float[np.ndarray, "points components"]:
        """Coordinates of any points: those of the sums, or new ones."""
        return (x - self.mean) @ self.weights


def principal_components(sums: Comoments, count: int) -> PrincipalComponents:
    """The `count` leading components of the first set of units, or all where there are fewer; groups count together."""
    total = sums.total()
    found = principal_directions(total.covariance(), count)
    return PrincipalComponents(total.mean_x(), found.weights, found.strength)


def sums_of(x: Float[np.ndarray, "points features"]) -> Comoments:
    """The sums of points in memory, as one group."""
    accumulator = Accumulator({ALL: 1}, {"x": np.zeros(x.shape[1])})
    accumulator.add({"x": x[:, None, :]}, np.zeros(len(x), np.int64))
    return accumulator.comoments()[ALL]


def points_of(products: Float[np.ndarray, "points points"]) -> Float[np.ndarray, "points dimensions"]:
    """Points that have these scalar products, in as many dimensions as they need.

    Of correlations between units: every unit is its standardized responses to all samples, turned into as few
    coordinates as there are units, and the squared distance of two is 2 (1 - rho). Eigenvalues below 1e-12 of the
    largest, which rounding makes, count as 0.
    """
    values, vectors = np.linalg.eigh(products)
    kept = values > 1e-12 * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])
