"""Images of binary units whose target is known: a formula but for noise, and units of which some are truly better."""

import numpy as np

from analysis.boolean.notation import letters, parse
from analysis.boolean.truth_table import codes_of

BETTER = 4
"""Planted units that know most."""


def noisy(formula: str, inputs: int, seed: int, count: int = 400, wrong: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Images whose target follows a formula, but for a share."""
    generator = np.random.default_rng(seed)
    bits = generator.random((count, inputs)) < 0.5
    return bits, parse(formula, letters(inputs)).truth()[codes_of(bits)] ^ (generator.random(count) < wrong)


def planted(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten units that each tell the target apart from the others: four are right in 78 % of images, six in 68 %."""
    generator = np.random.default_rng(seed)
    target = generator.random(count) < 0.5
    wrong = np.where(np.arange(10) < BETTER, 0.22, 0.32)
    return target[:, None] ^ (generator.random((count, 10)) < wrong), target
