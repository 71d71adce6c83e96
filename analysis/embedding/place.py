"""New points in a finished t-SNE map, which stays as it is (after Policar et al., 2023, 10.1007/s10994-021-06043-1).

Each new point minimizes its own KL divergence, between the probabilities that it has its neighbors among the mapped
points by their features and by the map. So its place does not depend on which others are placed with it.
"""

from jaxtyping import Float

from analysis.arrays import Array, namespace
from analysis.embedding.affinities import conditional_probabilities
from analysis.embedding.nearest import blocks, squared_distances
from analysis.embedding.tsne_exact import shortened

STEPS = 50


def placed(
    new: Float[Array, "new features"],
    x: Float[Array, "points features"],
    y: Float[Array, "points 2"],
    perplexity: float = 30.0,
) -> Float[Array, "new 2"]:
    """Where new points lie in the map y of x, all in one array library; ValueError for a perplexity out of range."""
    xp = namespace(new, x, y)
    found = xp.empty((new.shape[0], 2), dtype=y.dtype, device=getattr(y, "device", None))
    for part in blocks(new.shape[0]):
        p = conditional_probabilities(xp.astype(squared_distances(new[part, :], x), xp.float64), perplexity)
        found[part, :] = _descended(xp.astype(p, y.dtype), y)
    return found


def own_cross_entropy(
    p: Float[Array, "new points"], places: Float[Array, "new 2"], y: Float[Array, "points 2"]
) -> Float[Array, " new"]:
    """H(p_i, q_i) of every new point in nats: sum_j p_ij log(1 + d_ij^2) + log sum_j 1 / (1 + d_ij^2)."""
    xp = namespace(p, y)
    squared = squared_distances(places, y)
    return xp.sum(p * xp.log1p(squared), axis=1) + xp.log(xp.sum(1 / (1 + squared), axis=1))


def _descended(p: Array, y: Array) -> Array:
    """Steps that minimize the attraction's quadratic bound, from the mean of neighbors' places or from the nearest's.

    The repulsion is taken as linear in a step; where that was too bold the step is halved, so no divergence rises. None
    is longer than those of t-SNE: far outside the map, where every divergence levels off, would be less than a hill.
    """
    xp = namespace(p, y)
    places, closest = xp.matmul(p, y), xp.take(y, xp.argmax(p, axis=1), axis=0)
    value, other = own_cross_entropy(p, places, y), own_cross_entropy(p, closest, y)
    places = xp.where((other < value)[:, None], closest, places)
    value, size = xp.where(other < value, other, value), xp.ones_like(places[:, :1])
    for _ in range(STEPS):
        weights = 1 / (1 + squared_distances(places, y))
        near, far = p * weights, weights * weights / xp.sum(weights, axis=1, keepdims=True)
        slope = xp.sum(near - far, axis=1, keepdims=True) * places - xp.matmul(near - far, y)
        tried = places - size * shortened(slope / xp.sum(near, axis=1, keepdims=True))
        reached = own_cross_entropy(p, tried, y)
        better = (reached < value)[:, None]
        places, value = xp.where(better, tried, places), xp.where(better[:, 0], reached, value)
        size = xp.where(better, xp.ones_like(size), size / 2)
    return places
