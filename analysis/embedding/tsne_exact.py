"""t-SNE without approximation, in blocks of rows, on any array library: what runs on a GPU, up to 20,000 points.

van der Maaten and Hinton, 2008; step sizes after Belkina et al., 2019 (10.1038/s41467-019-13055-y), the start after
Kobak and Berens, 2019 (10.1038/s41467-019-13056-x).
"""

import math
from typing import NamedTuple

from jaxtyping import Float

from analysis.arrays import Array, namespace
from analysis.embedding.affinities import joint_probabilities
from analysis.embedding.nearest import blocks, squared_distances

EXAGGERATION, EARLY, LATE = 12.0, 100, 400
"""How much attraction is exaggerated at first, and the iterations with and without it."""

MOMENTUM, LEAST_GAIN, LONGEST_STEP = 0.9, 0.01, 5.0

RATE = 4.0
"""A step without exaggeration, in numbers of points. With this and the momentum 100 + 400 iterations reach about the
divergence that takes 250 + 500 at the usual 1 and 0.8 (exactly, digits: 0.686 and 0.685, a rolled sheet: 0.448 and
0.445; by openTSNE, whose P is sparse, 0.742 and 0.757, 0.453 and 0.515)."""

START = 1e-4
"""Deviation of the first axis at the start: the gradient is then nearly linear, and no two points are far apart."""

BEND = 0.01
"""Of the start of a single component, beside its own deviation."""

MOST = 20_000
"""Points beyond which P alone would take more than 1.6 GB."""


class Divergence(NamedTuple):
    """In nats; they differ by the entropy of P: kl = cross_entropy - H(P)."""

    kl: float
    cross_entropy: float


class Exact(NamedTuple):
    """A finished map."""

    y: Float[Array, "points 2"]
    divergence: Divergence


def exact_tsne(x: Float[Array, "points features"], start: Float[Array, "points 2"], perplexity: float = 30.0) -> Exact:
    """The map of x from a start (see `started`), in x's library and precision; nothing in it is random.

    ValueError for more than 20,000 points.
    """
    if x.shape[0] > MOST:
        raise ValueError(f"Exact t-SNE of {x.shape[0]} points; take at most {MOST}, or the approximation on the host.")
    p = joint_probabilities(x, perplexity)
    y = descended(p, start)
    return Exact(y, divergence(p, y))


def started(components: Float[Array, "points axes"]) -> Float[Array, "points 2"]:
    """The first two principal components, so small that the first has a deviation of 1e-4.

    A component alone is bent to a parabola: from a line the gradient never leaves it, and points could not pass others.
    """
    xp = namespace(components)
    two = components[:, : min(2, components.shape[1])]
    two = two - xp.mean(two, axis=0)
    deviation = math.sqrt(float(xp.mean(two[:, 0] ** 2)))
    two = two / deviation if deviation > 0 else two
    if two.shape[1] == 1:
        bent = two * two
        two = xp.concat([two, BEND * (bent - xp.mean(bent))], axis=1)
    return START * two


def shortened(steps: Float[Array, "points 2"]) -> Float[Array, "points 2"]:
    """Steps of which none is longer than 5."""
    xp = namespace(steps)
    length = xp.sqrt(xp.sum(steps * steps, axis=1, keepdims=True))
    return steps * (LONGEST_STEP / xp.where(length > LONGEST_STEP, length, xp.full_like(length, LONGEST_STEP)))


def descended(
    p: Float[Array, "points points"], y: Float[Array, "points 2"], early: int = EARLY, late: int = LATE
) -> Float[Array, "points 2"]:
    """y after gradient descent: steps by the number of points, gains of every coordinate, none longer than 5."""
    xp, points = namespace(p, y), y.shape[0]
    update, gains = xp.zeros_like(y), xp.ones_like(y)
    for exaggeration, rate, iterations in ((EXAGGERATION, 1 / EXAGGERATION, early), (1.0, RATE, late)):
        for _ in range(iterations):
            slope = gradient(p, y, exaggeration) / 4  # the authors' step sizes go with a gradient without its 4
            gains = xp.where(xp.sign(update) != xp.sign(slope), gains + 0.2, gains * 0.8 + LEAST_GAIN)
            update = shortened(MOMENTUM * update - rate * points * gains * slope)
            y = y + update
            y = y - xp.mean(y, axis=0)
    return y


def gradient(
    p: Float[Array, "points points"], y: Float[Array, "points 2"], exaggeration: float = 1.0
) -> Float[Array, "points 2"]:
    """Of KL(P | Q) by y, with P times `exaggeration`: 4 sum_j (P_ij - Q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2)."""
    xp = namespace(p, y)
    attraction, repulsion, total = xp.zeros_like(y), xp.zeros_like(y), 0.0
    for part in blocks(y.shape[0]):
        weights = _student(y[part, :], y)
        near, far = p[part, :] * weights, weights * weights
        attraction[part, :] = xp.sum(near, axis=1)[:, None] * y[part, :] - xp.matmul(near, y)
        repulsion[part, :] = xp.sum(far, axis=1)[:, None] * y[part, :] - xp.matmul(far, y)
        total = total + xp.sum(weights, dtype=xp.float64)
    total = float(total) - y.shape[0]  # a point is no neighbor of itself
    return 4 * (exaggeration * attraction - repulsion / total)


def similarities(y: Float[Array, "points 2"]) -> Float[Array, "points points"]:
    """Q: Student-t with one degree of freedom, 1 / (1 + |y_i - y_j|^2), 0 on the diagonal, summing to 1; dense."""
    xp = namespace(y)
    weights = _student(y, y)
    weights = weights - xp.eye(y.shape[0], dtype=y.dtype, device=getattr(y, "device", None)) * weights
    return weights / xp.sum(weights)


def divergence(p: Float[Array, "points points"], y: Float[Array, "points 2"]) -> Divergence:
    """KL(P | Q) and H(P, Q) over all pairs, summed in float64."""
    xp = namespace(p, y)
    cross, entropy, total = 0.0, 0.0, 0.0
    for part in blocks(y.shape[0]):
        near, weights = p[part, :], _student(y[part, :], y)
        safe = xp.where(near > 0, near, xp.ones_like(near))
        cross -= float(xp.sum(near * xp.log(weights), dtype=xp.float64))
        entropy -= float(xp.sum(near * xp.log(safe), dtype=xp.float64))
        total += float(xp.sum(weights, dtype=xp.float64))
    cross += math.log(total - y.shape[0])
    return Divergence(cross - entropy, cross)


def _student(some: Array, y: Array) -> Array:
    return 1 / (1 + squared_distances(some, y))
