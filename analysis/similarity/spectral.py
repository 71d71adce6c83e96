"""Which groups of units of two nets span the same subspace? (Li et al., 2016, arXiv:1511.07543, section 5)

Units of both nets are the nodes of one graph, joined by the absolute value of their correlation. Spectral clustering
(eigenvectors of its normalized Laplacian, then k-means) finds groups that correlate more within than between, be they
many units to many: where no unit of one net is any unit of the other, a group of one may still span that of the other.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.cluster import SpectralClustering  # type: ignore[import-untyped]

from analysis.similarity.matching import ALONE

UNJOINED = 1e-6
"""The least weight of an edge: no measured correlation is less, and an exact 0 could leave the graph in pieces."""


class Subspace(NamedTuple):
    """Units of x and of y in one group, and the mean |correlation| of two of them, in [0, 1]; NaN without a pair."""

    x: Int[np.ndarray, " members_x"]
    y: Int[np.ndarray, " members_y"]
    within: float
    within_x: float
    within_y: float
    between: float


class Subspaces(NamedTuple):
    """The group of every unit, or ALONE for a constant one; groups are numbered by `within`, the largest first."""

    labels_x: Int[np.ndarray, " units_x"]
    labels_y: Int[np.ndarray, " units_y"]
    groups: tuple[Subspace, ...]

    def order(self) -> Int[np.ndarray, " units_of_both"]:
        """Units of x then y, counted through, group by group; constant units last. Shows the groups as blocks."""
        labels = np.concatenate([self.labels_x, self.labels_y])
        return np.argsort(np.where(labels == ALONE, len(self.groups), labels), kind="stable")


def subspaces(
    rho_x: Float[np.ndarray, "units_x units_x"],
    rho_xy: Float[np.ndarray, "units_x units_y"],
    rho_y: Float[np.ndarray, "units_y units_y"],
    clusters: int,
    seed: int,
) -> Subspaces:
    """Groups of units of both nets by correlation within and between them; constant units (rows of NaN) are in none.

    Itself no similarity; `Subspace.between` is one, in [0, 1]. The groups are invariant to permutation of units and to
    sign, scale and mean of each, as far as ten starts of k-means, fixed by `seed`, find its best. ValueError where
    `clusters` is not in 1 to the number of live units less 1. Li et al., 2016, arXiv:1511.07543, section 5.
    """
    rho = np.abs(np.block([[rho_x, rho_xy], [rho_xy.T, rho_y]]))
    live = np.flatnonzero(~np.isnan(rho).all(1))
    if not 1 <= clusters < len(live):
        raise ValueError(f"clusters is {clusters}, expected 1 to {len(live) - 1} for {len(live)} live units; lower it.")
    rho = rho[np.ix_(live, live)]
    affinity = np.maximum(rho, UNJOINED)
    model = SpectralClustering(clusters, affinity="precomputed", n_init=10, random_state=seed)
    found = model.fit_predict((affinity + affinity.T) / 2)
    labels = np.full(sum(rho_xy.shape), ALONE)
    labels[live] = _by_strength(rho, found, clusters)[found]
    of_x, of_y = np.split(labels, [len(rho_x)])
    groups = tuple(_subspace(rho, live, labels[live] == group, len(rho_x)) for group in range(clusters))
    return Subspaces(of_x, of_y, groups)


def _by_strength(
    rho: Float[np.ndarray, "live live"], labels: Int[np.ndarray, " live"], clusters: int
) -> Int[np.ndarray, " clusters"]:
    """The rank of each label by mean |correlation| within; single units, which have none, are last."""
    strength = [_mean(rho, labels == label, labels == label) for label in range(clusters)]
    return np.argsort(np.argsort(-np.nan_to_num(strength, nan=-1.0), kind="stable"))


def _subspace(
    rho: Float[np.ndarray, "live live"],
    units: Int[np.ndarray, " live"],
    members: Bool[np.ndarray, " live"],
    units_x: int,
) -> Subspace:
    x, y = members & (units < units_x), members & (units >= units_x)
    return Subspace(
        units[x], units[y] - units_x, _mean(rho, members, members), _mean(rho, x, x), _mean(rho, y, y), _mean(rho, x, y)
    )


def _mean(
    rho: Float[np.ndarray, "live live"], rows: Bool[np.ndarray, " live"], columns: Bool[np.ndarray, " live"]
) -> float:
    """Over pairs of a row and another unit as column."""
    pairs = np.outer(rows, columns) & ~np.eye(len(rho), dtype=bool)
    return float(rho[pairs].mean()) if pairs.any() else float("nan")
