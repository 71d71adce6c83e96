"""A network cooled like a glass: the learning rate is the temperature, and falls in steps of equal length.

At each temperature the weights wander or stay. The relaxation time is the time after which their overlap with where
they were has fallen to a given memory; where it exceeds the time spent at a temperature, the network has frozen: that
is the glass transition T_g, and like a glass's it depends on the rate of cooling.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from analysis.dynamics.train import Hook


@dataclass(frozen=True)
class Ladder(Hook):
    """The learning rate falls from `hot` to `cold` in equal ratios, after `hold` epochs at `hot`."""

    hot: float
    cold: float
    temperatures: int
    dwell: int
    """Epochs at each temperature."""
    hold: int = 0

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.hold + self.temperatures * self.dwell

    def rates(self) -> Float[np.ndarray, " temperatures"]:
        """Every temperature, hot to cold."""
        return np.geomspace(self.hot, self.cold, self.temperatures)

    def learning_rate(self, step: int, total: int) -> float:
        """The temperature of a step."""
        epoch = step * self.epochs // total
        return float(self.rates()[max(0, epoch - self.hold) // self.dwell])

    def epochs_at(self, number: int) -> range:
        """Checkpoints of one temperature: the one it begins with, and one after each of its epochs."""
        start = self.hold + number * self.dwell
        return range(start, start + self.dwell + 1)


def mobility(weights: Float[np.ndarray, "times weights"]) -> Float[np.ndarray, " lags"]:
    """Mean-square displacement of a weight between t and t + lag, for lags 1, 2, ...; a mean over all t that fit."""
    moved = [np.mean((weights[lag:] - weights[:-lag]) ** 2, dtype=np.float64) for lag in range(1, len(weights))]
    return np.array(moved)


def fluctuation(energies: Float[np.ndarray, " times"]) -> float:
    """Allan deviation of the loss from one time to the next: the root of half its mean-square change.

    The standard deviation of a loss that only fluctuates, whatever the number of times; a steady fall adds to it. NaN
    for a single time.
    """
    return float(np.sqrt(np.mean(np.diff(energies) ** 2) / 2)) if len(energies) > 1 else float("nan")


def overlap(weights: Float[np.ndarray, "times weights"]) -> Float[np.ndarray, " lags"]:
    """Cosine between the weights at t and at t + lag, for lags 1, 2, ...; a mean over all t that fit."""
    unit = weights.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.array([np.mean(np.sum(unit[lag:] * unit[:-lag], 1)) for lag in range(1, len(unit))])


def relaxation_time(overlaps: Float[np.ndarray, " lags"], memory: float) -> float:
    """The lag at which the overlap falls to `memory`; infinite where it does not within the lags.

    Between lags 1 - overlap is taken as a power of the lag, before the first as proportional to it.
    """
    lost, wanted = np.maximum(1.0 - overlaps, 1e-12), 1.0 - memory
    below = np.flatnonzero(lost >= wanted)
    if not len(below):
        return float("inf")
    last = int(below[0])
    if last == 0:
        return float(wanted / lost[0])
    slope = np.log(lost[last] / lost[last - 1]) / np.log((last + 1) / last)
    return float(last * (wanted / lost[last - 1]) ** (1 / slope))


def glass_transition(
    temperatures: Float[np.ndarray, " temperatures"], last_overlap: Float[np.ndarray, " temperatures"], memory: float
) -> float:
    """Where the relaxation time begins to exceed the dwell, by the overlap across a whole dwell at each temperature.

    Temperatures fall. Between the last one that relaxes and the next, log(1 - overlap) is linear in log temperature.
    Infinite where none relaxes, 0 where the coldest does: the transition then lies above or below all of them.
    """
    lost, wanted = np.maximum(1.0 - last_overlap, 1e-12), 1.0 - memory
    relaxes = np.flatnonzero(lost >= wanted)
    if not len(relaxes):
        return float("inf")
    if relaxes[-1] == len(lost) - 1:
        return 0.0
    last = int(relaxes[-1])
    share = np.log(lost[last] / wanted) / np.log(lost[last] / lost[last + 1])
    return float(temperatures[last] * (temperatures[last + 1] / temperatures[last]) ** share)


def on_ladder(transition: Float[np.ndarray, " seeds"]) -> Bool[np.ndarray, " seeds"]:
    """Which glass transitions lie between the hottest and the coldest temperature."""
    return np.isfinite(transition) & (transition > 0)
