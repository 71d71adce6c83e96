"""Projection by mutual information: a map f to the plane, trained so that f(x1) tells the most about f(x2), where x1
and x2 are neighbors. New points need nothing but f.

Two objectives for I(f(x1); f(x2)), in nats. `contrastive`: InfoNCE (van den Oord et al., 2018, arXiv:1807.03748) with
the Student-t similarity of t-SNE, 1 / (1 + |y1 - y2|^2), a lower bound; at most the log of the batch. `gaussian`: the
Gaussian estimate -log det(1 - R^T R) / 2 of the canonical correlations R of y1 and y2, exact where both are jointly
Gaussian and no bound otherwise: two shared signs, 1.4 nats, in noise of 0.01 have 7.8. Of a linear map its maximum is
canonical correlation analysis of neighbors, in closed form. Maps are compared by the contrastive bound alone.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.embedding.nearest import nearest

Objective = Literal["contrastive", "gaussian"]

BATCH, STEPS, HIDDEN, RATE = 256, 2000, 256, 2e-3
NOISE = 0.7
"""Of the distance to the last neighbor, added to every input: without it the map learns its thousand points by heart
(on digits 20 % of the ten nearest of new points survive; with it 40 %)."""

RIDGE = 1e-4
"""Share of the mean variance that is added to both, so that a flat projection has a finite estimate."""

TOLD_APART, FEWEST = 1000, 50
"""Partners that a map's information is measured by: at most 6.9 nats, and too few below 50, 3.9 nats."""

SCALES = 2.0 ** np.arange(-4, 9)
"""Of a map, in one over the median distance of partners."""


class Projection(NamedTuple):
    """A trained map."""

    function: nn.Module
    scale: float
    """Inputs are divided by it."""

    def __call__(self, x: Float[np.ndarray, "points features"]) -> Float[np.ndarray, "points 2"]:
        """Points in the plane: those trained on or any others."""
        with torch.no_grad():
            return self.function(self._input(x)).double().numpy()

    def _input(self, x: Float[np.ndarray, "points features"]) -> Float[Tensor, "points features"]:
        return torch.from_numpy((x / self.scale).astype(np.float32))


def infomax(
    x: Float[np.ndarray, "points features"],
    objective: Objective = "contrastive",
    neighbors: int = 15,
    steps: int = STEPS,
    hidden: int = HIDDEN,
    seed: int = 0,
) -> Projection:
    """A map trained on centered points; two hidden layers of `hidden` units, or with 0 a linear map.

    Each step draws a batch of points, a neighbor of each, and noise. The same seed gives the same map on one kind of
    processor. ValueError where there are no more points than neighbors.
    """
    found, generator = nearest(x, neighbors), np.random.default_rng(seed)
    scale = float(np.sqrt((x**2).mean())) or 1.0
    blur = NOISE * float(np.sqrt(found.squared[:, -1].mean() / x.shape[1])) / scale
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        function = _function(x.shape[1], hidden)
    projection = Projection(function, scale)
    inputs = projection._input(x)
    optimizer = torch.optim.Adam(function.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        both = np.concatenate(drawn(found.indices, min(BATCH, len(x)), generator))
        noise = torch.from_numpy(generator.standard_normal((len(both), x.shape[1]), np.float32))
        loss = -OBJECTIVES[objective](*function(inputs[both] + blur * noise).chunk(2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return projection


def drawn(
    pairs: Int[np.ndarray, "points neighbors"], count: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Points, none twice, and one of the neighbors of each; which comes first is drawn too."""
    first = generator.choice(len(pairs), count, replace=False)
    second = pairs[first, generator.integers(0, pairs.shape[1], count)]
    swapped = generator.random(count) < 0.5
    return np.where(swapped, second, first), np.where(swapped, first, second)


def information(
    x: Float[np.ndarray, "points features"],
    y: Float[np.ndarray, "points 2"],
    new: Float[np.ndarray, "new features"],
    places: Float[np.ndarray, "new 2"],
    neighbors: int,
) -> float:
    """What the places of new points in any map tell of their neighbors', at least: the contrastive bound, in nats.

    Partners are one of the nearest of each new point among the new points, at most 1,000 of them. The scale of a map
    says nothing, so it is the one of the largest bound on the mapped points. NaN for fewer than 50 new points, or for
    no more than neighbors.
    """
    if len(new) < max(FEWEST, neighbors + 1):
        return float("nan")
    first, second = _partners(x, y, neighbors)
    median = float((first - second).square().sum(1).median().sqrt()) or 1.0
    scale = max(SCALES / median, key=lambda one: float(contrastive_information(one * first, one * second)))
    first, second = _partners(new, places, neighbors)
    return float(contrastive_information(scale * first, scale * second))


def _partners(x: np.ndarray, y: np.ndarray, neighbors: int) -> tuple[Tensor, Tensor]:
    """Places of points, and of a neighbor of each: the nearest of the first, the second nearest of the next, and on."""
    chosen = np.arange(min(len(x), TOLD_APART))
    partners = nearest(x, neighbors).indices[chosen, chosen % neighbors]
    return torch.from_numpy(y[chosen]), torch.from_numpy(y[partners])


def contrastive_information(y1: Float[Tensor, "pairs 2"], y2: Float[Tensor, "pairs 2"]) -> Float[Tensor, ""]:
    """InfoNCE: how much better than by chance a point tells its partner from the partners of the others; nats.

    On average no more than what they know of each other.
    """
    scores = -torch.log1p((y1[:, None] - y2[None]).square().sum(2))
    return (scores.diagonal() - scores.logsumexp(1)).mean() + math.log(len(y1))


def gaussian_information(y1: Float[Tensor, "pairs 2"], y2: Float[Tensor, "pairs 2"]) -> Float[Tensor, ""]:
    """What two Gaussian vectors of these covariances know of each other; nats. Of others an estimate and no bound."""
    both = torch.cat([y1, y2], 1)
    centered = (both - both.mean(0)).double()
    covariance = centered.T @ centered / len(y1)
    ridge = RIDGE * covariance.diagonal().mean().detach() + torch.finfo(covariance.dtype).tiny
    covariance = covariance + ridge * torch.eye(covariance.shape[0])
    split = y1.shape[1]
    apart = torch.logdet(covariance[:split, :split]) + torch.logdet(covariance[split:, split:])
    return (apart - torch.logdet(covariance)) / 2


OBJECTIVES: dict[Objective, Callable[[Tensor, Tensor], Tensor]] = {
    "contrastive": contrastive_information,
    "gaussian": gaussian_information,
}


def _function(features: int, hidden: int) -> nn.Module:
    if not hidden:
        return nn.Linear(features, 2)
    return nn.Sequential(
        nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2)
    )
