"""Causes that each may bring a finding about: the noisy-OR network (Pearl, 1988), with explaining away.

A finding is off only if every cause that is present fails to bring it about, and its leak too: with strengths w and a
leak l, P(off) = (1 - l) * product of (1 - w) over present causes. Causes are independent before anything is observed,
and compete afterwards: what one explains no longer speaks for another.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.boolean.explanation import Explanation
from analysis.boolean.terms import MOST_INPUTS
from analysis.boolean.truth_table import codes_of

UNSEEN = -1
"""A finding that was not observed: it says nothing."""

Observed = Int[np.ndarray, "images findings"]
"""1 on, 0 off, UNSEEN."""


@dataclass(frozen=True, eq=False)
class NoisyOr:
    """Probabilities in 0-1."""

    prior: Float[np.ndarray, " causes"]
    strength: Float[np.ndarray, "causes findings"]
    """Of each present cause to bring the finding about by itself."""
    leak: Float[np.ndarray, " findings"]
    """Of each finding to come about without any of these causes."""

    def on(self) -> Float[np.ndarray, "states findings"]:
        """P(finding on) in every state of the causes, numbered as codes: the first cause is the highest bit."""
        states = self._states()
        with np.errstate(divide="ignore"):
            off = np.log1p(-self.leak) + np.where(states[:, :, None], np.log1p(-self.strength), 0.0).sum(1)
        return -np.expm1(off)

    def states(self, observed: Observed) -> Float[np.ndarray, "images states"]:
        """Posterior of every state of the causes, by enumeration; rows sum to 1.

        ValueError where a row cannot occur: something is on that nothing can cause, or off that is always caused.
        """
        on, states = self.on(), self._states()
        with np.errstate(divide="ignore"):
            logs = np.log(on), np.log1p(-on)
            total = np.where(states, np.log(self.prior), np.log1p(-self.prior)).sum(1)[None].repeat(len(observed), 0)
        for finding, column in enumerate(observed.T):
            for value, log in ((1, logs[0]), (0, logs[1])):
                total[column == value] += log[:, finding]
        highest = total.max(1, keepdims=True)
        if not np.isfinite(highest).all():
            row = int(np.argmin(np.isfinite(highest[:, 0])))
            raise ValueError(f"Row {row} of the findings is impossible in this network; give its findings a leak.")
        weights = np.exp(total - highest)
        return weights / weights.sum(1, keepdims=True)

    def posterior(self, observed: Observed) -> Float[np.ndarray, "images causes"]:
        """Probability of every cause."""
        return self.states(observed) @ self._states()

    def explanation(self, cause: int, observed: Int[np.ndarray, " findings"]) -> Explanation:
        """How one cause's log-odds move as the findings are observed one after the other, in their order.

        What a finding adds depends on those before it; what all add together does not.
        """
        seen_so_far = np.arange(len(observed)) < np.arange(len(observed) + 1)[:, None]
        odds = self._log_odds(cause, np.where(seen_so_far, observed, UNSEEN))
        return Explanation(float(odds[0]), np.diff(odds))

    def _log_odds(self, cause: int, observed: Observed) -> Float[np.ndarray, " images"]:
        """From both sides' sums: near certainty the posterior itself would round to 1."""
        states, present = self.states(observed), self._states()[:, cause]
        with np.errstate(divide="ignore"):
            return np.log(states[:, present].sum(1)) - np.log(states[:, ~present].sum(1))

    def _states(self) -> np.ndarray:
        causes = len(self.prior)
        if causes > MOST_INPUTS:
            raise ValueError(f"{causes} causes have 2^{causes} states; give at most {MOST_INPUTS}.")
        return (np.arange(2**causes)[:, None] >> np.arange(causes)[::-1] & 1).astype(bool)


@dataclass(frozen=True, eq=False)
class CauseCounts:
    """Images in every state of the causes, and on how many of them each finding was on: adds up over images."""

    images: Int[np.ndarray, " states"]
    on: Int[np.ndarray, "states findings"]

    def merge(self, other: "CauseCounts") -> "CauseCounts":
        """Both sets of images."""
        return CauseCounts(self.images + other.images, self.on + other.on)


def cause_counts(causes: np.ndarray, findings: np.ndarray) -> CauseCounts:
    """What images add whose causes (images, causes) and findings (images, findings) are known, both boolean."""
    codes, size = codes_of(causes), 2 ** causes.shape[1]
    on = np.stack([np.bincount(codes, column, size) for column in findings.T], axis=1)
    return CauseCounts(np.bincount(codes, minlength=size), on.astype(np.int64))
