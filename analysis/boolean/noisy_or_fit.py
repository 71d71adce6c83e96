"""A noisy-OR network fitted to images whose causes are known, by expectation and maximization (Vomlel, 2006).

Hidden is which of the present causes brought a finding about. Given the strengths their chances follow; given these the
strengths are shares. Every round raises the posterior density until it stands still.
"""

import numpy as np
from jaxtyping import Float

from analysis.boolean.noisy_or import CauseCounts, NoisyOr

ROUNDS = 20_000
"""At most; strengths near 0 come in last."""


def noisy_or(counts: CauseCounts, smoothing: float = 1.0, tolerance: float = 1e-8) -> NoisyOr:
    """The most probable network, until no probability moves by more than `tolerance` in a round.

    Every probability has `smoothing` hits and as many misses before the data, so that none becomes 0 or 1. Images that
    all have some cause leave open what is leak and what is cause; then the search decides, from 0.5 everywhere.
    ValueError for a smoothing that is not positive. Vomlel, 2006, doi:10.1002/int.20141.
    """
    if smoothing <= 0:
        raise ValueError(f"The smoothing is {smoothing:g}; give a positive number, 1 for Laplace's rule.")
    held = counts.images > 0
    states = np.arange(len(held))[held, None] >> np.arange(len(held).bit_length() - 1)[::-1] & 1
    present = np.hstack([states, np.ones((len(states), 1))])  # the leak is a cause that is always present
    times = present.T @ counts.images[held]
    chance = np.full((present.shape[1], counts.on.shape[1]), 0.5)
    for _ in range(ROUNDS):
        before = chance
        brought = before * (present.T @ (counts.on[held] / _on(present, before)))
        chance = (brought + smoothing) / (times[:, None] + 2 * smoothing)
        if np.abs(chance - before).max() <= tolerance:
            break
    prior = (times[:-1] + smoothing) / (counts.images.sum() + 2 * smoothing)
    return NoisyOr(prior, chance[:-1], chance[-1])


def log_likelihood(model: NoisyOr, counts: CauseCounts) -> float:
    """Of the findings given the causes, in nats; minus infinity where the model excludes one."""
    on = model.on()
    with np.errstate(divide="ignore"):
        logs = np.log(on), np.log1p(-on)
    parts = ((counts.on, logs[0]), (counts.images[:, None] - counts.on, logs[1]))
    return float(sum(np.sum(times[times > 0] * log[times > 0]) for times, log in parts))


def _on(
    present: Float[np.ndarray, "states causes"], chance: Float[np.ndarray, "causes findings"]
) -> Float[np.ndarray, "states findings"]:
    return -np.expm1(present @ np.log1p(-chance))
