"""The textbook's network: flu causes x, y and z; strep causes x, y and u. And its posterior by adding up everything."""

from itertools import product

import numpy as np

from analysis.boolean.noisy_or import UNSEEN, NoisyOr

FLU, STREP = 0, 1
X, Y, Z, U = range(4)

MEDICAL = NoisyOr(
    prior=np.array([0.1, 0.05]),
    strength=np.array([[0.8, 0.7, 0.6, 0.0], [0.9, 0.6, 0.0, 0.7]]),
    leak=np.array([0.05, 0.05, 0.02, 0.02]),
)


def observed(**findings: int) -> np.ndarray:
    """Findings by name, the others unseen."""
    names = "xyzu"
    return np.array([findings.get(name, UNSEEN) for name in names])


def enumerated(model: NoisyOr, findings: np.ndarray) -> np.ndarray:
    """Posterior of every cause from the joint probability of all causes and all findings, each number by itself."""
    causes, count = model.strength.shape
    total, with_cause = 0.0, np.zeros(causes)
    for present in product((0, 1), repeat=causes):
        for on in product((0, 1), repeat=count):
            if any(seen not in (UNSEEN, state) for seen, state in zip(findings, on, strict=True)):
                continue
            joint = 1.0
            for cause, here in enumerate(present):
                joint *= model.prior[cause] if here else 1 - model.prior[cause]
            for finding, state in enumerate(on):
                off = 1 - model.leak[finding]
                for cause, here in enumerate(present):
                    off *= 1 - model.strength[cause, finding] if here else 1.0
                joint *= 1 - off if state else off
            total += joint
            with_cause += joint * np.array(present)
    return with_cause / total
