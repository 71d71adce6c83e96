"""Isomap: distances along the data, through the graph of nearest neighbors (Tenenbaum et al., 2000,
10.1126/science.290.5500.2319), by scikit-learn.

Beyond 10,000 points the graph is that of landmarks, drawn by a seed, and the others are placed among them.
"""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components
from sklearn.manifold import Isomap as Fitted  # type: ignore[import-untyped]
from sklearn.neighbors import kneighbors_graph  # type: ignore[import-untyped]

LANDMARKS = 10_000


class Isomap(NamedTuple):
    """A finished map."""

    y: Float[np.ndarray, "points 2"]
    fitted: Fitted
    parts: int
    """Parts of the graph that no edge joined; each then got its shortest edge to another."""

    def placed(self, new: Float[np.ndarray, "new features"]) -> Float[np.ndarray, "new 2"]:
        """New points, through their nearest neighbors in the graph."""
        return self.fitted.transform(new)


def isomap(
    x: Float[np.ndarray, "points features"], neighbors: int = 10, seed: int = 0, landmarks: int = LANDMARKS
) -> Isomap:
    """The map of x to the plane, the same for a seed; ValueError where there are no more points than neighbors."""
    if len(x) <= neighbors:
        raise ValueError(f"Isomap of {len(x)} points with {neighbors} neighbors each; lower the neighbors.")
    kept = np.arange(len(x))
    if len(x) > landmarks:
        kept = np.sort(np.random.default_rng(seed).choice(len(x), landmarks, replace=False))
    before = np.random.get_state()  # scikit-learn's eigenvectors begin at a vector from the global generator
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")  # a graph in parts is reported as a number, not as a warning
        try:
            np.random.seed(seed)
            model = Fitted(n_neighbors=neighbors, n_components=2).fit(x[kept])
        finally:
            np.random.set_state(before)
    y = np.empty((len(x), 2))
    y[kept] = model.embedding_
    others = np.setdiff1d(np.arange(len(x)), kept)
    if len(others):
        y[others] = model.transform(x[others])
    return Isomap(y, model, _parts(model) if told else 1)


def _parts(model: Fitted) -> int:
    return int(connected_components(kneighbors_graph(model.nbrs_, model.n_neighbors))[0])
