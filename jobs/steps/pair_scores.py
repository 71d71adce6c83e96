"""The scores of one pair of layers: a value with its interval, its floor, and how many directions were compared.

A value whose floor is unknown is withheld: without what chance gives it says nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.similarity.cca import Canonical, Rule, cca, pwcca, svcca
from analysis.similarity.cka import cka, debiased_cka
from analysis.similarity.fourier import FourierScores, SpectralJoint, fourier_cca
from analysis.similarity.joint import Joint
from analysis.similarity.measures import MeasureName
from analysis.similarity.noise import Estimate, Scores, group_weights
from analysis.similarity.procrustes import angular_shape, procrustes
from analysis.similarity.soft_matching import hard_correlation_match, soft_correlation_match

FEW = 10
"""Samples a direction below which a similarity is flagged."""

ONCE = np.ones((1, 1))
"""The one weighting of sums that are kept as a whole."""

NO_DRAWS = np.ones((0, 1))
"""A floor has no interval."""

Canonicals = dict[MeasureName, Callable[..., tuple[Scores, Canonical]]]
CANONICAL: Canonicals = {"cca": cca, "svcca": svcca, "pwcca": pwcca}
PLAIN: dict[MeasureName, Callable[[Joint, np.ndarray], Scores]] = {
    "cka": cka, "debiased_cka": debiased_cka, "procrustes": procrustes, "angular_shape": angular_shape,
    "hard_match": lambda joint, weights: hard_correlation_match(joint, weights)[0],
    "soft_match": lambda joint, weights: soft_correlation_match(joint, weights)[0],
}  # fmt: skip


class PairScore(NamedTuple):
    """One measure of one pair of layers."""

    estimate: Estimate
    kept: tuple[int, int]
    """Directions compared of each layer (of the frequency with most); its live units where directions play no part."""
    samples: float


class Truncation(NamedTuple):
    """What SVCCA keeps."""

    variance: float = 0.99
    rule: Rule = "squared"

    def of(self, measure: MeasureName) -> "Truncation":
        """All directions for CCA."""
        return self._replace(variance=1.0) if measure == "cca" else self


def pair_score(
    measure: MeasureName,
    joint: Joint | SpectralJoint,
    floor: Joint | SpectralJoint,
    truncation: Truncation,
    draws: int,
    generator: np.random.Generator,
) -> PairScore:
    """A measure with interval and floor; withheld (NaN) where it has no floor."""
    weights = group_weights(joint.xy.n, draws, generator)
    scores, kept = scored(measure, joint, truncation, weights)
    chance = scored(measure, floor, truncation, NO_DRAWS)[0].value if floor.xy.rows else float("nan")
    return PairScore(estimate(scores, chance), kept, joint.xy.rows)


def estimate(scores: Scores, floor: float) -> Estimate:
    """All four numbers, or none."""
    if np.isnan(floor) or np.isnan(scores.value):
        nothing = float("nan")
        return Estimate(nothing, nothing, nothing, floor)
    return scores.estimate(floor)


def scored(
    measure: MeasureName, joint: Joint | SpectralJoint, truncation: Truncation, weights: np.ndarray
) -> tuple[Scores, tuple[int, int]]:
    """A measure under every weighting, and the directions that it compared."""
    if isinstance(joint, SpectralJoint):
        found = by_frequency(measure, joint, truncation, weights)
        return found.scores, (int(found.kept_x.max()), int(found.kept_y.max()))
    if measure in PLAIN:
        covariances = joint.covariances()
        live = tuple(int(np.count_nonzero(np.diag(block))) for block in (covariances.x, covariances.y))
        return PLAIN[measure](joint, weights), (live[0], live[1])
    extra = truncation._asdict() if measure == "svcca" else {}
    scores, canonical = CANONICAL[measure](joint, weights, **extra)
    return scores, (canonical.kept_x, canonical.kept_y)


def by_frequency(
    measure: MeasureName, joint: SpectralJoint, truncation: Truncation, weights: np.ndarray
) -> FourierScores:
    """CCA or SVCCA at every frequency."""
    return fourier_cca(joint, weights, **truncation.of(measure)._asdict())
