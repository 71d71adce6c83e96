"""Points in the plane whose classes no line separates: two moons, spirals, rings. All fill about [-1, 1] x [-1, 1]."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int


class Planar(NamedTuple):
    """Points (x, y) and their classes; these take turns, so that their numbers differ by 1 at most."""

    points: Float32[np.ndarray, "points 2"]
    labels: Int[np.ndarray, " points"]


def two_moons(points: int, noise: float = 0.1, seed: int = 0) -> Planar:
    """Two interlocking half circles of radius 2/3, the first open below; `noise` is the standard deviation added."""
    generator, labels = np.random.default_rng(seed), _labels(points, 2)
    angle = generator.uniform(0, np.pi, points)
    x, y = np.cos(angle) - 0.5, np.sin(angle) - 0.25
    sign = 1 - 2 * labels
    return _planar(sign * x, sign * y, labels, 2 / 3, noise, generator)


def spiral(points: int, noise: float = 0.05, seed: int = 0, arms: int = 2, turns: float = 1.5) -> Planar:
    """Arms that wind `turns` times counterclockwise around the origin, from radius 0.1 to 1, one class an arm."""
    generator, labels = np.random.default_rng(seed), _labels(points, arms)
    # The square root spreads points more evenly along the arm, which is longer farther out.
    share = np.sqrt(generator.uniform(0, 1, points))
    radius, angle = 0.1 + 0.9 * share, 2 * np.pi * (turns * share + labels / arms)
    return _planar(radius * np.cos(angle), radius * np.sin(angle), labels, 1.0, noise, generator)


def rings(points: int, noise: float = 0.05, seed: int = 0, count: int = 2) -> Planar:
    """Circles around the origin of radius 1 / count, 2 / count, ..., 1, one class a circle."""
    generator, labels = np.random.default_rng(seed), _labels(points, count)
    radius, angle = (labels + 1) / count, generator.uniform(0, 2 * np.pi, points)
    return _planar(radius * np.cos(angle), radius * np.sin(angle), labels, 1.0, noise, generator)


def _labels(points: int, classes: int) -> Int[np.ndarray, " points"]:
    if points < 1 or classes < 1:
        raise ValueError(f"{points} points of {classes} classes; give at least 1 of both.")
    return np.arange(points) % classes


def _planar(
    x: Float[np.ndarray, " points"], y: Float[np.ndarray, " points"], labels: Int[np.ndarray, " points"],
    scale: float, noise: float, generator: np.random.Generator,
) -> Planar:  # fmt: skip
    if not noise >= 0:
        raise ValueError(f"Noise is {noise}; give a standard deviation of 0 or more.")
    exact = scale * np.stack([x, y], axis=1)
    return Planar((exact + noise * generator.normal(size=exact.shape)).astype(np.float32), labels)
