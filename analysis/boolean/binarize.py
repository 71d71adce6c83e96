"""From activations to bits: a unit is on where it is above its threshold, by quantile or by information gain."""

import numpy as np
from jaxtyping import Bool, Float

from analysis.boolean.information import entropy

Units = Float[np.ndarray, "samples units"]


def quantile_thresholds(values: Units, quantile: float) -> Float[np.ndarray, " units"]:
    """The threshold above which at most a share 1 - `quantile` of a unit's values lies.

    A unit that is silent on most samples has threshold 0: on is then any activity. ValueError for a quantile outside
    0-1 and for values that are not finite.
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"The quantile is {quantile:g}; give a share from 0 to 1, as 0.9 for the highest tenth.")
    return np.quantile(_finite(values), quantile, axis=0, method="inverted_cdf")


def gain_thresholds(
    values: Units, target: Bool[np.ndarray, " samples"]
) -> tuple[Float[np.ndarray, " units"], Float[np.ndarray, " units"]]:
    """The threshold that tells most about the target, and how much: information gain in bits, from 0 to 1.

    Midway between two neighboring values, the lowest of equally good ones; infinite with gain 0 for a constant unit. It
    is the root of a decision tree by entropy (Quinlan, 1986, doi:10.1007/BF00116251). ValueError for values that are
    not finite.
    """
    ordered = np.sort(_finite(values).astype(np.float64), axis=0)
    hits = target[np.argsort(values, axis=0, kind="stable")].astype(np.float64)
    below = np.arange(1, len(values))[:, None].astype(np.float64)
    above = len(values) - below
    positive = np.cumsum(hits, axis=0)[:-1]
    left = np.stack([below - positive, positive])
    right = np.stack([above - (target.sum() - positive), target.sum() - positive])
    after = (below * entropy(left) + above * entropy(right)) / len(values)
    gain = entropy(np.array([(~target).sum(), target.sum()], np.float64)) - after
    gain[ordered[1:] == ordered[:-1]] = -np.inf
    if not len(gain):
        return np.full(values.shape[1], np.inf), np.zeros(values.shape[1])
    best = np.argmax(gain, axis=0)[None]
    edges = (np.take_along_axis(ordered, best, 0) + np.take_along_axis(ordered, best + 1, 0))[0] / 2
    found = np.take_along_axis(gain, best, 0)[0]
    return np.where(found > -np.inf, edges, np.inf), np.where(found > -np.inf, np.maximum(found, 0.0), 0.0)


def on(values: Units, thresholds: Float[np.ndarray, " units"]) -> Bool[np.ndarray, "samples units"]:
    """Which units are above their thresholds."""
    return values > thresholds


def _finite(values: Units) -> Units:
    if not len(values) or not np.isfinite(values).all():
        wrong = int((~np.isfinite(values)).sum())
        raise ValueError(f"{len(values)} samples hold {wrong} values that are not finite; leave those samples out.")
    return values
