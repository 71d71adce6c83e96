"""How good is a map? What became of every point's neighbors, never its coordinates; and what chance would keep.

Of mapped points the neighbors are the other mapped points; of new points they are the mapped ones too, so that the same
question is asked of both.
"""

import numpy as np
from jaxtyping import Float, Int

from analysis.embedding.nearest import blocks, nearest, rows_of_distances

Points = Float[np.ndarray, "points features"]
Plane = Float[np.ndarray, "points 2"]


def neighbor_preservation(x: Points, y: Plane, k: int) -> float:
    """Mean share of a point's k nearest by its features that are among its k nearest in the map, 0-1.

    By chance k / (points - 1). ValueError where there are no more points than k.
    """
    return _shared(nearest(x, k).indices, nearest(y, k).indices)


def placed_preservation(
    new: Float[np.ndarray, "new features"], places: Float[np.ndarray, "new 2"], x: Points, y: Plane, k: int
) -> float:
    """The same of new points: their k nearest among the mapped points; by chance k / points."""
    return _shared(nearest(new, k, x).indices, nearest(places, k, y).indices)


def trustworthiness(x: Points, y: Plane, k: int) -> float:
    """1 where the k nearest in the map are among the k nearest by features, less by how far off the others are.

    1 - 2 / (n k (2 n - 3 k - 1)) sum of (rank - k) over such intruders (Venna and Kaski, 2001); of tied points all have
    the lowest rank. ValueError where k is not below half the points.
    """
    points = len(x)
    if not 1 <= k < points / 2:
        raise ValueError(f"trustworthiness at {k} of {points} points; take k from 1 to {(points - 1) // 2}.")
    in_map = nearest(y, k).indices
    penalty = 0
    for part in blocks(points):
        distances = rows_of_distances(x, part)
        to_chosen = np.take_along_axis(distances, in_map[part], axis=1)
        for chosen in to_chosen.T:
            penalty += int(np.maximum((distances < chosen[:, None]).sum(1) + 1 - k, 0).sum())
    return 1 - 2 * penalty / (points * k * (2 * points - 3 * k - 1))


def trustworthiness_floor(points: int, k: int) -> float:
    """The same of points that lie anywhere: about a half."""
    return 1 - (points - k) * (points - 1 - k) / ((points - 1) * (2 * points - 3 * k - 1))


def class_purity(
    y: Plane,
    labels: Int[np.ndarray, " points"],
    k: int,
    new: tuple[Float[np.ndarray, "new 2"], Int[np.ndarray, " new"]] | None = None,
) -> float:
    """Mean share of a labeled point's k nearest labeled points in the map that are of its class, 0-1.

    `new`: places and labels of new points, whose neighbors are mapped points. -1 is no label; NaN where no more than k
    mapped points have one, or no new one has.
    """
    known = labels >= 0
    if known.sum() <= k:
        return float("nan")
    y, labels = y[known], labels[known]
    if new is None:
        return float((labels[nearest(y, k).indices] == labels[:, None]).mean())
    places, asked = new[0][new[1] >= 0], new[1][new[1] >= 0]
    return float((labels[nearest(places, k, y).indices] == asked[:, None]).mean()) if len(asked) else float("nan")


def purity_floor(labels: Int[np.ndarray, " points"], new: Int[np.ndarray, " new"] | None = None) -> float:
    """The same of points that lie anywhere: the sum of the squared shares of the classes; -1 is no label, NaN for none.

    `new`: of new points with these labels among the others.
    """
    count = int(max(labels.max(initial=-1), -1 if new is None else new.max(initial=-1))) + 1
    held, asked = (np.bincount(one[one >= 0], minlength=count) for one in (labels, labels if new is None else new))
    pairs = int(held.sum()) * int(asked.sum())
    return float(held @ asked) / pairs if pairs else float("nan")


def mutual_share(y: Plane, pairs: Int[np.ndarray, "pairs 2"], k: int) -> float:
    """Share of pairs of which both are among the k nearest of the other in the map, 0-1; NaN for no pairs."""
    near = nearest(y, k).indices
    there, back = ((near[a] == b[:, None]).any(1) for a, b in (pairs.T, pairs.T[::-1]))
    return float((there & back).mean()) if len(pairs) else float("nan")


def mutual_share_floor(y: Plane, pairs: Int[np.ndarray, "pairs 2"], sets: Int[np.ndarray, " pairs"], k: int) -> float:
    """The same of pairs shuffled within each of some sets of them, on average over all others of the set."""
    mutual = np.zeros((len(y), len(y)), bool)
    np.put_along_axis(mutual, nearest(y, k).indices, True, axis=1)
    mutual &= mutual.T
    hits = 0.0
    for one in np.unique(sets):
        together = mutual[np.ix_(*pairs[sets == one].T)]
        hits += (int(together.sum()) - int(together.trace())) / max(len(together) - 1, 1)
    return hits / len(pairs) if len(pairs) else float("nan")


def _shared(a: Int[np.ndarray, "points k"], b: Int[np.ndarray, "points k"]) -> float:
    return float((a[:, :, None] == b[:, None, :]).any(2).mean())
