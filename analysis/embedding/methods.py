"""Maps to the plane by one form: fit some points, place others. Points are given by their principal components."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from analysis.arrays import Array, to_numpy
from analysis.embedding.infomax import Objective, infomax
from analysis.embedding.isomap import isomap
from analysis.embedding.place import placed
from analysis.embedding.tsne import tsne

MethodName = Literal["tsne", "pca", "isomap", "infomax", "infomax_gaussian"]
Points = Float[np.ndarray, "points axes"]
Plane = Float[np.ndarray, "points 2"]


@dataclass(frozen=True)
class Settings:
    """What the methods ask for, each its own part."""

    perplexity: float = 30.0
    neighbors: int = 15
    """Of Isomap's graph and of the pairs of infomax."""
    seed: int = 0
    threads: int = 1
    to_device: Callable[[np.ndarray], Array] = field(default=np.asarray)
    """Where t-SNE runs; on the host by openTSNE."""


@dataclass(frozen=True)
class Map:
    """Points in the plane, and where any others lie."""

    y: Plane
    place: Callable[[Points], Plane]
    numbers: dict[str, float] = field(default_factory=dict)
    """What only this method has: `kl` and `cross_entropy`, `parts` of a graph; see their modules."""


def by_tsne(x: Points, settings: Settings) -> Map:
    """t-SNE; new points by their own divergence."""
    there = settings.to_device(x)
    found = tsne(there, settings.perplexity, settings.threads)
    y = settings.to_device(found.y.astype(x.dtype))

    def place(new: Points) -> Plane:
        return to_numpy(placed(settings.to_device(new), there, y, settings.perplexity))

    return Map(found.y, place, found.divergence._asdict())


def by_pca(x: Points, _settings: Settings) -> Map:
    """The first two components, as they are; a second axis of zeros where there is one alone."""

    def place(new: Points) -> Plane:
        return np.pad(new[:, :2], ((0, 0), (0, max(0, 2 - new.shape[1]))))

    return Map(place(x), place)


def by_isomap(x: Points, settings: Settings) -> Map:
    """Isomap."""
    found = isomap(x, settings.neighbors, settings.seed)
    return Map(found.y, found.placed, {"parts": float(found.parts)})


def by_infomax(x: Points, settings: Settings, objective: Objective = "contrastive") -> Map:
    """A trained projection; new points by the same function."""
    found = infomax(x, objective, settings.neighbors, seed=settings.seed)
    return Map(found(x), lambda new: found(new))


METHODS: dict[MethodName, Callable[[Points, Settings], Map]] = {
    "tsne": by_tsne,
    "pca": by_pca,
    "isomap": by_isomap,
    "infomax": by_infomax,
    "infomax_gaussian": lambda x, settings: by_infomax(x, settings, "gaussian"),
}

TITLES: dict[MethodName, str] = {
    "tsne": "t-SNE",
    "pca": "PCA",
    "isomap": "Isomap",
    "infomax": "infomax, contrastive",
    "infomax_gaussian": "infomax, Gaussian",
}
