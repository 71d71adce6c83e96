"""Joints of plain arrays: every sample its own image, images in equal groups in order."""

import numpy as np

from analysis.comoments import Accumulator, Pair
from analysis.similarity.joint import Joint, with_norm


def joint(x: np.ndarray, y: np.ndarray, groups: int = 4) -> Joint:
    """The joint of (samples, units) arrays, x beside y row by row."""
    sets = {"x": x, "y": y}
    pairs = Pair("x", "x"), Pair("y", "y"), Pair("x", "y")
    pivots = {name: np.zeros(values.shape[1] + 1) for name, values in sets.items()}
    samples = {name: with_norm(values[:, None, :], np.zeros(values.shape[1])) for name, values in sets.items()}
    accumulator = Accumulator(dict.fromkeys(pairs, groups), pivots)
    accumulator.add(samples, np.arange(len(x)) * groups // len(x))
    found = accumulator.comoments()
    return Joint(*(found[pair] for pair in pairs))


def permuted(x: np.ndarray, y: np.ndarray, seed: int = 0) -> Joint:
    """The joint of x with the rows of y in another order: what chance gives."""
    return joint(x, y[np.random.default_rng(seed).permutation(len(y))], groups=1)
